"""Silhouettes of what does not live: `(rng, size in mm) -> Sketch`."""

from __future__ import annotations

import numpy as np

from seston.simulate.sketch import Sketch, blob, ribbon, wave

Rng = np.random.Generator


def speck(rng: Rng, size: float) -> Sketch:
    """Draw a small lump; size is its equivalent diameter."""
    shade = rng.uniform(0.45, 0.9)
    sketch = Sketch(body=shade)
    sketch.fill(blob(rng, 0.5 * size, 0.18, ratio=rng.uniform(0.6, 1), points=20), shade)
    return sketch.posed(rng)


def marine_snow(rng: Rng, size: float) -> Sketch:
    """Draw a loose aggregate: lumps of all sizes and shades stuck to each other, and threads."""
    sketch = Sketch(body=0.3, texture=0.3)
    lumps = int(rng.integers(6, 16))
    centre, spread = np.zeros(2), 0.22 * size * np.array([1.0, rng.uniform(0.4, 1.0)])
    for _ in range(lumps):
        radius = size * rng.uniform(0.07, 0.2)
        sketch.fill(blob(rng, radius, 0.3, rng.uniform(0.5, 1)) + centre, rng.uniform(0.2, 0.7))
        step = rng.normal(0, 1, 2) * radius
        centre = np.clip(centre + step, -1.6 * spread, 1.6 * spread)
    for _ in range(int(rng.integers(0, 3))):
        thread = wave(rng, 0.5 * size, 0.05 * size, 1.0, 15) + centre
        sketch.line(thread, 0.06, rng.uniform(0.25, 0.45))
    return sketch.posed(rng)


def fecal_pellet(rng: Rng, size: float) -> Sketch:
    """Draw a dense, smooth, short rod with round ends, now and then bent or broken."""
    shade = rng.uniform(0.6, 0.9)
    half = max(0.05, size * rng.uniform(0.07, 0.13))
    sketch = Sketch(body=shade, texture=0.06)
    x = np.linspace(-0.5, 0.5, 24)
    profile = np.sqrt(np.maximum(1 - (2 * np.abs(x)) ** 8, 0))
    sketch.fill(ribbon(np.column_stack([x * size, 0 * x]), half * profile), shade)
    return sketch.posed(rng, depth=0.05, bend=0.5 / size)


def fibre(rng: Rng, size: float) -> Sketch:
    """Draw a long thin thread, curled, of even darkness."""
    shade = rng.uniform(0.45, 0.75)
    sketch = Sketch(body=shade, texture=0.03)
    spine = wave(rng, size, 0.14 * size, rng.uniform(0.8, 2.4), 70)
    spine = spine + wave(rng, size, 0.05 * size, rng.uniform(2, 4), 70) * [0, 1]
    sketch.line(spine, rng.uniform(0.07, 0.12), shade)
    return sketch.posed(rng, bend=2.0 / size)
