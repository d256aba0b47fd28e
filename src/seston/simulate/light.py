"""What the camera sees without any object: uneven light, streaks of dust, drift, noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.float64]
_LEVEL = 208.0
_NOISE = 3.0  # standard deviation, grey levels
_TILE = 1024  # lines and spare columns of the tile of noise
_BLOCK = 64  # lines between two offsets of the tile


@dataclass(frozen=True, slots=True)
class Light:
    """The light of one tow.

    Parameters
    ----------
    profile : array (column), float64
        Grey level of each column at the start, without dust.
    dust : array (column), float64
        Share of the light that dust on the window takes from each column.
    phases : array (4), float64
        Phases of the slow drifts.
    """

    profile: FloatArray
    dust: FloatArray
    phases: FloatArray

    @classmethod
    def draw(cls, seed: int, width: int) -> Light:
        """Light of the tow of a seed."""
        rng = np.random.default_rng([seed, 0x11647])
        x = np.linspace(-1, 1, width)
        vault = 1 - 0.16 * (x - rng.normal(0, 0.12)) ** 2
        ripple = 0.012 * np.sin(2 * np.pi * (3 * x + rng.random())) * (1 + x)
        pixels = rng.normal(0, 0.004, width)  # response of each pixel of the line
        dust = sum((_streak(rng, width) for _ in range(width // 50)), np.zeros(width))
        profile = _LEVEL * (vault + ripple + pixels)
        return cls(profile, np.minimum(dust, 0.35), rng.uniform(0, 2 * np.pi, 4))

    def columns(self, t: float) -> FloatArray:
        """Grey level of each column at a time, s: the light drifts by 2 %, dust by a fifth."""
        x = np.linspace(-1, 1, self.profile.size)
        whole = 0.015 * np.sin(2 * np.pi * t / 211.0 + self.phases[0])
        tilt = 0.01 * x * np.sin(2 * np.pi * t / 97.0 + self.phases[1])
        settled = 1 + 0.2 * np.sin(2 * np.pi * t / 300.0 + self.phases[2])
        return np.asarray(self.profile * (1 + whole + tilt) * (1 - settled * self.dust))

    def lines(self, start_s: float, count: int, line_interval: float) -> Float32Array:
        """Grey level of each pixel of consecutive lines, without noise, array (line, column)."""
        first, last = self.columns(start_s), self.columns(start_s + count * line_interval)
        part = np.linspace(0, 1, count, dtype=np.float32)[:, None]
        flicker = 1 + 0.003 * np.sin(
            2 * np.pi * 100.0 * (start_s + np.arange(count) * line_interval)
        )
        between = first.astype(np.float32) + part * (last - first).astype(np.float32)
        return np.asarray(between * flicker.astype(np.float32)[:, None])


def _streak(rng: np.random.Generator, width: int) -> FloatArray:
    """Shadow of one grain of dust: constant along the scan, some columns wide."""
    x = np.arange(width)
    broad = rng.choice([0.7, 1.5, 4.0, 12.0], p=[0.45, 0.3, 0.2, 0.05])
    deep = rng.exponential(0.035)
    return np.asarray(deep * np.exp(-0.5 * ((x - rng.uniform(0, width)) / broad) ** 2))


@lru_cache(maxsize=2)
def _noise_tile(width: int) -> Float32Array:
    rng = np.random.default_rng([0x5E570, width])
    return rng.normal(0, _NOISE, (_TILE, width + _TILE)).astype(np.float32)


def add_noise(grey: Float32Array, rng: np.random.Generator) -> None:
    """Add the noise of the sensor in place.

    The noise is one tile of independent normal numbers, laid at a random offset every 64 lines:
    the same numbers come back, never at a place that a filter could learn.
    """
    tile = _noise_tile(grey.shape[1])
    for top in range(0, grey.shape[0], _BLOCK):
        block = grey[top : top + _BLOCK]
        down, right = rng.integers(0, _TILE - _BLOCK), rng.integers(0, _TILE)
        block += tile[down : down + len(block), right : right + grey.shape[1]]
