"""A tow of an area camera: frames one after the other, each of water of its own.

For the ISIIS of Bellamare and the Stingray, which differ in their files alone, and a laboratory's
own camera. The light is uneven and dust lies on the window, the same in all frames, unless a camera
has even light; objects are darker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.simulate.ocean import Ocean
from seston.simulate.samples import Individual, Water, expected, populate, portray, write_truth

_LIGHT, _PLACE, _NOISE = 0xA1, 0xA2, 0xA3  # streams of random numbers
#: Side of a pixel and depth of the imaged slab, mm.
PIXEL_MM, DEPTH_OF_FIELD_MM = 0.1, 100.0
KINDS = ("copepod", "pteropod", "acantharian")
#: A frame is cut in cells, in each of which one individual at most lies.
_CELL, _DOWN, _ACROSS = 110, 4, 5
#: Individuals that are wanted in the richest frame, and the length of the longest.
_WANTED, _LONGEST_MM = 6.0, 8.0
_LEVEL, _SIGMA = 208.0, 2.0
#: Pixels darker than this share of the water belong to an individual, as in the presets.
_SHARE = 0.92
#: Frames in each size of campaign: the camera takes bursts, one every ten seconds.
FRAMES = {"tiny": 48, "demo": 240, "full": 6000}
BURST = 12
_BURST_S = 10.0
_SINK_M_S = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class AreaTow:
    """One descent.

    Parameters
    ----------
    waters : list of Water
        Of each frame.
    times : array (frame), datetime64[ns]
    pixels : array (frame, y, x), uint8
    """

    waters: list[Water]
    times: NDArray[np.datetime64]
    pixels: NDArray[np.uint8]


def tow(
    size: str,
    seed: int,
    rate_hz: float,
    start: str,
    truth: Path,
    names: Sequence[str],
    *,
    even: bool = False,
) -> AreaTow:
    """Simulate a descent, and write its truth.

    Parameters
    ----------
    size : {"tiny", "demo", "full"}
    seed : int
    rate_hz : float
        Frames a second.
    start : str
        UTC of the first frame.
    truth : Path
        Gets the tables of truth; is made.
    names : sequence of str
        For each frame the file that it will be in, as objects.csv tells it.
    even : bool
        The light is even, and the window clean.
    """
    count = FRAMES[size]
    step = times_of(count, rate_hz)
    times = np.datetime64(start, "ns") + step
    waters = [_water(time, second) for time, second in zip(times, _seconds(step), strict=True)]
    richest = max(float(expected(w, KINDS).sum()) * w.volume_m3 for w in waters[::BURST])
    scale = _WANTED / richest
    seen = populate(waters, KINDS, seed, scale=scale, longest_mm=_LONGEST_MM)
    light = _light(seed, even=even)
    pixels = np.empty((count, *light.shape), np.uint8)
    places: list[tuple[int, int, int]] = [(0, 0, 0)] * len(seen)
    for frame in range(count):
        own = [i for i, one in enumerate(seen) if one.water == frame]
        drawn, found = _frame(light, [seen[i] for i in own], seed, frame)
        pixels[frame] = drawn
        for i, place in zip(own, found, strict=True):
            places[i] = place
    top, left, area = zip(*places, strict=True) if places else ((), (), ())
    file = [names[one.water] for one in seen]
    write_truth(truth, waters, seen, KINDS, scale, file=file, top=top, left=left, area_px=area)
    return AreaTow(waters, times, pixels)


def times_of(count: int, rate_hz: float) -> NDArray[np.timedelta64]:
    """Time of each frame after the start, to the millisecond at the start of a burst."""
    burst, number = np.divmod(np.arange(count), BURST)
    return np.rint((burst * _BURST_S + number / rate_hz) * 1e9).astype("timedelta64[ns]")


def _seconds(step: NDArray[np.timedelta64]) -> NDArray[np.float64]:
    return np.asarray(step / np.timedelta64(1, "s"), np.float64)


def depth(second: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Depth at a time after the start, m."""
    return np.asarray(11.0 + _SINK_M_S * np.asarray(second, np.float64))


def _water(time: np.datetime64, second: float) -> Water:
    at = round(float(depth(second)), 6)
    area_mm2 = _CELL * _DOWN * _CELL * _ACROSS * PIXEL_MM**2
    return Water(
        sample="tow", time=time, latitude=43.40, longitude=-7.30, depth_min=at, depth_max=at,
        volume_m3=area_mm2 * DEPTH_OF_FIELD_MM * 1e-9,
    )  # fmt: skip


def log(size: str, rate_hz: float, start: str) -> pd.DataFrame:
    """Give what sensors say during the descent, ten times a second: time and the ocean's values."""
    last = float(_seconds(times_of(FRAMES[size], rate_hz))[-1])
    seconds = np.arange(-1.0, last + 1.0, 0.1)
    down = depth(seconds)
    ocean = Ocean()
    place = np.full(len(seconds), 5.0)
    time = np.datetime64(start, "ns") + np.rint(seconds * 1e9).astype("timedelta64[ns]")
    return pd.DataFrame({
        "time": time, "depth": down, "pressure": down * 1.0085,
        "temperature": ocean.temperature(place, down), "salinity": ocean.salinity(place, down),
        "chlorophyll": 0.5 + 0.01 * down, "oxygen": 230.0 - down, "latitude": 43.40,
        "longitude": -7.30,
    })  # fmt: skip


def _light(seed: int, *, even: bool) -> NDArray[np.float32]:
    """Uneven light, and dust on the window; or neither."""
    if even:
        return np.full((_CELL * _DOWN, _CELL * _ACROSS), _LEVEL, np.float32)
    rng = np.random.default_rng([seed, _LIGHT])
    y, x = np.mgrid[-1 : 1 : _CELL * _DOWN * 1j, -1 : 1 : _CELL * _ACROSS * 1j]
    light = _LEVEL * (1 - 0.12 * (x - 0.1) ** 2 - 0.1 * (y + 0.05) ** 2)
    for _ in range(6):
        top, left = rng.integers(5, light.shape[0] - 15), rng.integers(5, light.shape[1] - 15)
        light[top : top + 6, left : left + 9] *= 0.75
    return np.asarray(light, np.float32)


def _frame(
    light: NDArray[np.float32], own: Sequence[Individual], seed: int, frame: int
) -> tuple[NDArray[np.uint8], list[tuple[int, int, int]]]:
    """Draw a frame; give top, left and area of each individual."""
    rng = np.random.default_rng([seed, _PLACE, frame])
    cells = _DOWN * _ACROSS
    if len(own) > cells:
        raise ValueError("more individuals than a frame has room for")
    grey, places = light.copy(), []
    for individual, cell in zip(own, rng.permutation(cells)[: len(own)], strict=True):
        shade = portray(individual, PIXEL_MM).dark / np.float32(240)
        dark = shade < _SHARE
        rows, columns = np.any(dark, axis=1).nonzero()[0], np.any(dark, axis=0).nonzero()[0]
        shade = shade[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        room = np.maximum(_CELL - 12 - np.array(shade.shape), 0)
        top, left = (int(rng.integers(r + 1)) + 6 for r in room)
        row, column = divmod(int(cell), _ACROSS)
        top, left = top + row * _CELL, left + column * _CELL
        grey[top : top + shade.shape[0], left : left + shade.shape[1]] *= shade
        places.append((top, left, int((shade < _SHARE).sum())))
    noise = np.random.default_rng([seed, _NOISE, frame])
    noisy = grey + noise.normal(0, _SIGMA, grey.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8), places
