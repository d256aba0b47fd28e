"""Silhouettes of plankton: one function per kind, `(rng, size in mm) -> Sketch`, head at +x."""

from __future__ import annotations

import numpy as np

from seston.simulate.sketch import FloatArray, Sketch, blob, ellipse, ribbon, turned, wave

Rng = np.random.Generator


def _arm(x: float, y: float, angle: float, length: float, curl: float = 0.0) -> FloatArray:
    """Draw a thin curved limb from a point."""
    s = np.linspace(0, 1, 10)
    turn = angle + curl * s
    way = np.column_stack([np.cos(turn), np.sin(turn)]) * length / s.size
    return np.vstack([[x, y], np.cumsum(way, axis=0) + np.array([x, y])])


def _spindle(length: float, half: float, blunt: float = 0.6, points: int = 30) -> FloatArray:
    """Draw a spindle along x from -length/2 to length/2."""
    x = np.linspace(-0.5, 0.5, points)
    shape = np.maximum(1 - (2 * np.abs(x)) ** 2.5, 0) ** blunt
    return ribbon(np.column_stack([x * length, 0 * x]), half * shape)


def copepod(rng: Rng, size: float) -> Sketch:
    """Calanoid: dark oval prosome, thin urosome with a fork, two long antennae."""
    dark = rng.uniform(0.6, 0.9)
    prosome, half = 0.62 * size, size * rng.uniform(0.12, 0.17)
    sketch = Sketch(body=dark)
    spread, curl = rng.uniform(1.1, 1.75), rng.uniform(0.2, 0.9)
    for side in (-1, 1):
        reach = size * rng.uniform(0.45, 0.75)
        antenna = _arm(0.42 * size, side * 0.4 * half, side * spread, reach, side * curl)
        sketch.line(antenna, 0.045, 0.75 * dark)
    tail = -0.22 * size
    sketch.fill(ribbon([[tail, 0], [tail - 0.3 * size, 0]], [0.04 * size, 0.025 * size]), dark)
    for side in (-1, 1):
        sketch.line(_arm(tail - 0.28 * size, 0, np.pi + side * 0.35, 0.12 * size), 0.04, 0.7 * dark)
    body = _spindle(prosome, half, 0.5) + np.array([0.1 * size, 0])
    sketch.fill(body, dark)
    if rng.random() < 0.4:
        sketch.disc(0.1 * size, 0.25 * half, 0.4 * half, min(dark + 0.08, 0.95), 0.8)
    return sketch.posed(rng, bend=0.05 / size)


def appendicularian(rng: Rng, size: float) -> Sketch:
    """Small dark trunk and a long flat tail in an S or an arc."""
    dark = rng.uniform(0.45, 0.7)
    sketch = Sketch(body=0.3)
    spine = wave(rng, 0.85 * size, 0.13 * size * rng.uniform(0.4, 1.6), rng.uniform(0.4, 1.3))
    taper = np.interp(np.linspace(0, 1, len(spine)), [0, 0.15, 0.8, 1], [0.3, 1, 1, 0.9])
    sketch.fill(ribbon(spine, 0.055 * size * taper), rng.uniform(0.28, 0.42))
    sketch.line(spine, 0.05, dark)
    trunk = spine[-1] + [0.05 * size, 0]
    sketch.disc(trunk[0], trunk[1], 0.12 * size, dark, 0.7)
    sketch.disc(trunk[0] - 0.03 * size, trunk[1], 0.05 * size, min(dark + 0.2, 0.9))
    return sketch.posed(rng)


def chaetognath(rng: Rng, size: float) -> Sketch:
    """Arrow worm: long, straight, see-through, with darker edges, gut, fins and head."""
    half = size * rng.uniform(0.03, 0.042)
    clear = rng.uniform(0.15, 0.24)
    sketch = Sketch(body=clear)
    for at, length, out in ((-0.12, 0.16, 2.1), (-0.3, 0.14, 2.2)):
        sketch.fill(ellipse(at * size, 0, length * size / 2, out * half), 0.6 * clear + 0.05)
    sketch.fill([[-0.42 * size, 0], [-0.52 * size, 2.2 * half], [-0.52 * size, -2.2 * half]], clear)
    outline = _spindle(0.94 * size, half, 0.3)
    sketch.fill(outline, rng.uniform(0.4, 0.6))
    sketch.fill(outline * [0.98, 1 - 0.09 / max(half, 0.15)], clear)
    gut = wave(rng, 0.6 * size, 0.1 * half, 1.5) + np.array([0.12 * size, 0])
    sketch.line(gut, 0.25 * half + 0.03, rng.uniform(0.35, 0.55))
    sketch.disc(0.46 * size, 0, 1.15 * half, rng.uniform(0.5, 0.7), 0.9)
    return sketch.posed(rng, bend=0.25 / size)


def hydromedusa(rng: Rng, size: float) -> Sketch:
    """Medusa from the side or from above: clear bell with a dark rim, stomach, tentacles."""
    clear, rim = rng.uniform(0.13, 0.2), rng.uniform(0.4, 0.6)
    radius = 0.32 * size
    sketch = Sketch(body=clear)
    above = rng.random() < 0.45
    arms = int(rng.integers(8, 18))
    bell = ellipse(0, 0, radius, radius * rng.uniform(0.75, 1))
    if not above:
        bell = ellipse(0, 0, 0.85 * radius, radius)
        bell[:, 0] = np.maximum(bell[:, 0], -0.35 * radius)
    for k in range(arms):
        if above:
            turn = 2 * np.pi * (k + rng.uniform(-0.2, 0.2)) / arms
            start = np.array([np.cos(turn), np.sin(turn)]) * radius * 0.9
        else:
            turn = np.pi + rng.normal(0, 0.25)
            start = np.array([-0.33 * radius, radius * np.linspace(-0.85, 0.85, arms)[k]])
        length = size * rng.uniform(0.2, 0.55)
        sketch.line(_arm(start[0], start[1], turn, length, rng.normal(0, 0.5)), 0.05, 0.45)
    sketch.fill(bell, rim).fill(bell * max(0.8, 1 - 0.09 / radius), clear)
    if above:
        for k in range(4):
            ray = turned(np.array([[0.15, 0], [0.9, 0]]) * radius, k * np.pi / 2 + 0.3)
            sketch.line(ray, 0.06, 0.35)
        sketch.disc(0, 0, 0.22 * radius, 0.5)
    else:
        sketch.fill(ellipse(0.05 * radius, 0, 0.4 * radius, 0.16 * radius), 0.5)
    return sketch.posed(rng, depth=0.2)


def ctenophore(rng: Rng, size: float) -> Sketch:
    """Comb jelly: a large faint lobed body, eight rows of combs scarcely darker."""
    faint = rng.uniform(0.045, 0.08)
    sketch = Sketch(body=faint, texture=0.08)
    outline = blob(rng, 0.5 * size, 0.05, ratio=rng.uniform(0.6, 0.8), points=90)
    sketch.fill(outline, faint + 0.02).fill(outline * 0.97, faint)
    for k in range(6):
        y = np.linspace(-0.24, 0.24, 6)[k] * size
        x = np.linspace(-0.36, 0.36, 30) * size
        row = np.column_stack([x, y * np.sqrt(np.maximum(1 - (x / (0.52 * size)) ** 2, 0))])
        sketch.line(row, 0.012 * size, faint + 0.025)
    sketch.fill(ellipse(-0.05 * size, 0, 0.22 * size, 0.05 * size), faint + 0.03)
    return sketch.posed(rng, depth=0.1)


def siphonophore(rng: Rng, size: float) -> Sketch:
    """Draw a float, a pile of swimming bells, then a stem hung with many small zooids."""
    clear, edge = rng.uniform(0.16, 0.24), rng.uniform(0.4, 0.55)
    sketch = Sketch(body=clear)
    unit = 0.05 * size
    spine = wave(rng, size, 0.09 * size, rng.uniform(0.4, 1.1), 60)
    sketch.line(spine, max(0.1, 0.16 * unit), 0.5)
    for k in range(22, 1, -1):
        x, y = spine[min(2 * k, 59)]
        tendril = _arm(x, y, rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 2.0) * unit, rng.normal())
        sketch.line(tendril, 0.05, 0.35)
        sketch.disc(x, y, unit * rng.uniform(0.28, 0.5), rng.uniform(0.4, 0.65), 0.8)
    for k in range(int(rng.integers(5, 8))):
        x, y = spine[-1 - 3 * k]
        for side in (-1, 1):
            centre = (x, y + side * 0.7 * unit)
            sketch.fill(ellipse(*centre, 0.8 * unit, 0.75 * unit), edge)
            sketch.fill(ellipse(*centre, 0.8 * unit - 0.08, 0.75 * unit - 0.08), clear)
    sketch.disc(spine[-1][0] + unit, spine[-1][1], 0.5 * unit, 0.75, 0.7)
    return sketch.posed(rng, bend=0.4 / size)


def fish_larva(rng: Rng, size: float) -> Sketch:
    """Dense tapering body, large head with a black eye, dark gut, clear fin fold."""
    dark = rng.uniform(0.4, 0.62)
    half = size * rng.uniform(0.05, 0.085)
    sketch = Sketch(body=dark)
    x = np.linspace(-0.5, 0.5, 40)
    spine = np.column_stack([x * size, np.zeros(40)])
    profile = np.interp(x, [-0.5, -0.42, -0.1, 0.25, 0.4, 0.5], [0.25, 0.3, 0.75, 1.0, 1.05, 0.35])
    fold = np.interp(x, [-0.5, -0.4, 0.1, 0.2, 0.5], [1.1, 1.0, 1.25, 1.0, 0.3])
    sketch.fill(ribbon(spine, half * np.maximum(fold, profile)), 0.16)
    sketch.fill(ribbon(spine, half * profile), dark)
    sketch.fill(ellipse(0.16 * size, 0.35 * half, 0.16 * size, 0.45 * half), min(dark + 0.18, 0.85))
    sketch.disc(0.41 * size, -0.15 * half, 0.5 * half, 0.93)
    return sketch.posed(rng, depth=0.08, bend=0.5 / size)


def shrimp(rng: Rng, size: float) -> Sketch:
    """Carapace, bent segmented abdomen with a fan, stalked eye, legs and long antennae."""
    dark = rng.uniform(0.6, 0.85)
    sketch = Sketch(body=dark)
    s = np.linspace(0, 1, 30)
    turn = rng.uniform(0.5, 1.9) * np.maximum(s - 0.4, 0) / 0.6
    way = np.column_stack([-np.cos(turn), -np.sin(turn)]) * size * 0.75 / 30
    spine = np.vstack([[0, 0], np.cumsum(way, axis=0)]) + np.array([0.35 * size, 0])
    at = np.linspace(0, 1, len(spine))
    half = np.interp(at, [0, 0.08, 0.3, 0.45, 0.95, 1], [0.25, 0.8, 1.1, 0.85, 0.4, 0.25])
    for k in range(9):
        x, y = spine[int(3 + 2.6 * k)]
        leg = _arm(x, y, -np.pi / 2 + rng.normal(-0.3, 0.25), size * rng.uniform(0.1, 0.2), 0.5)
        sketch.line(leg, 0.07, 0.7 * dark)
    for side in (-0.25, 0.2):
        feeler = _arm(0.34 * size, 0.02 * size, side + rng.normal(0, 0.15), 0.45 * size, 0.6)
        sketch.line(feeler, 0.06, 0.55 * dark)
    sketch.fill(ribbon(spine, 0.085 * size * half), dark)
    end, last = spine[-1], float(turn[-1]) + np.pi
    for side in (-0.4, 0, 0.4):
        fan = turned(ellipse(0.06 * size, 0, 0.07 * size, 0.022 * size), last + side)
        sketch.fill(fan + end, 0.85 * dark)
    sketch.disc(0.36 * size, 0.05 * size, 0.028 * size + 0.03, 0.95)
    return sketch.posed(rng, depth=0.12)


def radiolarian_colony(rng: Rng, size: float) -> Sketch:
    """Collodarian colony: a clear sausage of jelly studded with dark cells."""
    clear = rng.uniform(0.12, 0.17)
    sketch = Sketch(body=clear, texture=0.06)
    half = size * rng.uniform(0.12, 0.32)
    x = np.linspace(-0.5, 0.5, 50)
    shape = np.sqrt(np.maximum(1 - (2 * np.abs(x)) ** 6, 0))
    spine = np.column_stack([x * (size - half), np.zeros(50)])
    sketch.fill(ribbon(spine, half * shape), clear + 0.16)
    sketch.fill(ribbon(spine * 0.97, (half - 0.07) * shape), clear)
    step = max(0.26, 0.42 * half)
    reach = 0.5 * (size - half) - 0.5 * step
    for cx in np.arange(-reach, reach, step):
        for cy in np.arange(-0.65 * half, 0.7 * half, step):
            dx, dy = rng.normal(0, 0.1 * step, 2)
            sketch.disc(cx + dx, cy + dy, step * rng.uniform(0.2, 0.3), rng.uniform(0.45, 0.7))
    return sketch.posed(rng, bend=0.5 / size)


def acantharian(rng: Rng, size: float) -> Sketch:
    """Draw a small dark star: central capsule and ten to twenty straight thin spines."""
    sketch = Sketch(body=0.7)
    spines = int(rng.integers(8, 15))
    start = rng.uniform(0, 2 * np.pi)
    for k in range(spines):
        turn = start + 2 * np.pi * (k + rng.uniform(-0.25, 0.25)) / spines
        reach = 0.5 * size * rng.uniform(0.65, 1.0)
        tip = [reach * np.cos(turn), reach * np.sin(turn)]
        sketch.line([[0, 0], tip], 0.05, rng.uniform(0.45, 0.65))
    sketch.fill(blob(rng, 0.16 * size, 0.06), rng.uniform(0.7, 0.9))
    return sketch.posed(rng)


def trichodesmium(rng: Rng, size: float) -> Sketch:
    """Puff: hundreds of short threads from one dark middle, ragged at the rim."""
    sketch = Sketch(body=0.6, texture=0.2)
    threads = int(rng.integers(50, 90))
    for turn in rng.uniform(0, 2 * np.pi, threads):
        reach = 0.5 * size * rng.uniform(0.5, 1.0)
        thread = _arm(0, 0, turn, reach, rng.normal(0, 0.25))
        sketch.line(thread, 0.06, rng.uniform(0.4, 0.7))
    sketch.fill(blob(rng, 0.27 * size, 0.12), rng.uniform(0.7, 0.85))
    return sketch.posed(rng, depth=0.25)


def diatom_chain(rng: Rng, size: float) -> Sketch:
    """Draw a thin faint thread of cells, straight or a wide arc."""
    shade = rng.uniform(0.3, 0.45)
    sketch = Sketch(body=shade, texture=0.05)
    x = np.linspace(-0.5, 0.5, int(max(12, size / 0.12))) * size
    sketch.line(np.column_stack([x, 0 * x]), 0.075, shade)
    for at in x[::2]:
        sketch.disc(float(at), 0, 0.055, shade + 0.12)
    return sketch.posed(rng, depth=0.05, bend=0.9 / size)


def pteropod(rng: Rng, size: float) -> Sketch:
    """Sea butterfly: dark coiled shell, two broad wings."""
    dark = rng.uniform(0.65, 0.85)
    sketch = Sketch(body=0.45)
    for side in (-1, 1):
        wing = ellipse(0.26 * size, 0, 0.27 * size, 0.13 * size * rng.uniform(0.8, 1.2))
        wing = turned(wing, side * rng.uniform(0.55, 1.15))
        wing = wing + np.array([0.08, side * 0.04]) * size
        sketch.fill(wing, dark - 0.15).fill((wing - wing.mean(0)) * 0.75 + wing.mean(0), 0.33)
    sketch.fill(blob(rng, 0.22 * size, 0.05) - [0.14 * size, 0], dark)
    coil = np.linspace(0, 3.3 * np.pi, 40)
    r = 0.19 * size * np.exp(-0.13 * coil)
    spiral = np.column_stack([r * np.cos(coil) - 0.14 * size, r * np.sin(coil)])
    sketch.line(spiral, 0.05, max(dark - 0.3, 0.3))
    return sketch.posed(rng)


def doliolid(rng: Rng, size: float) -> Sketch:
    """Draw a clear barrel with dark hoops of muscle and a small gut."""
    clear = rng.uniform(0.13, 0.2)
    sketch = Sketch(body=clear)
    x = np.linspace(-0.5, 0.5, 30)
    half = 0.3 * size * rng.uniform(0.8, 1.1)
    barrel = ribbon(np.column_stack([x * size, 0 * x]), half * (0.55 + 0.45 * np.cos(np.pi * x)))
    sketch.fill(barrel, 0.45).fill(barrel * max(0.75, 1 - 0.14 / size), clear)
    for at in np.linspace(-0.4, 0.4, 7):
        y = half * (0.55 + 0.45 * np.cos(np.pi * at)) * np.linspace(-1, 1, 12)
        hoop = np.column_stack([at * size + 0.05 * size * (1 - (y / half) ** 2), y])
        sketch.line(hoop, 0.06, rng.uniform(0.4, 0.6))
    sketch.fill(ellipse(-0.18 * size, -0.35 * half, 0.11 * size, 0.3 * half), 0.7)
    return sketch.posed(rng)
