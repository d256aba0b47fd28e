"""Casts of a profiler with known truth: images down through the water, particles in all of them.

Every object has a picture and is one of the particles of its image; smaller particles are counted
only. The truth lies in the tables of `samples.write_truth`, and in particles.csv: what was placed
by piece of water and area.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from seston.simulate.samples import Individual, Water, populate, portray, write_truth

BIN_M = 5.0
KINDS = (
    "copepod", "appendicularian", "chaetognath", "radiolarian_colony", "acantharian",
    "trichodesmium", "pteropod", "marine_snow", "fecal_pellet", "fibre",
)  # fmt: skip
_MARGIN = 4
_PARTICLES, _HEAVE, _SPOT = 0x9A7, 0x4EA, 0x590
_BACKGROUND, _DARKEST, _DIMMEST = 240, 215, 40
#: Casts, bins of depth, and images in a bin.
_SIZES = {"tiny": (2, 8, 24), "demo": (4, 40, 60), "full": (20, 200, 100)}
#: Factor on the natural concentrations: of what is there, a profiler keeps pictures of the large.
_SCALE = {"tiny": 0.03, "demo": 0.05, "full": 0.1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One image of a cast.

    Parameters
    ----------
    cast : int
    time : datetime64[ns]
    depth : float, m
    water : int
        Row of its piece of water; -1 where the image must not count.
    why : str
        ``up``, ``dark`` or ``over`` where it must not.
    """

    cast: int
    time: np.datetime64
    depth: float
    water: int
    why: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Portrayed:
    """An object on its image.

    Parameters
    ----------
    shot : int
        Row of its image.
    dark, bright : array (y, x), uint8
        Its picture, with the same margin on all sides; nothing but the object departs from the
        background.
    area_px : int
    top, left : int
        Its bounding box in the image.
    """

    shot: int
    individual: Individual
    dark: NDArray[np.uint8]
    bright: NDArray[np.uint8]
    area_px: int
    top: int
    left: int


@dataclass(frozen=True, eq=False)
class Profiles:
    """Casts, their images, what was seen and counted.

    Parameters
    ----------
    particles : DataFrame
        ``shot``, ``area_px``, ``number``: objects and smaller particles together.
    """

    names: tuple[str, ...]
    waters: tuple[Water, ...]
    shots: tuple[Shot, ...]
    objects: tuple[Portrayed, ...]
    particles: pd.DataFrame
    scale: float


def simulate_casts(
    size: str, seed: int, *, pixel_mm: float, image_l: float, interval_s: float,
    height: int, width: int, faults: tuple[str, ...], longest_mm: float = 12.0,
) -> Profiles:  # fmt: skip
    """Let a camera down through the simulated sea.

    Parameters
    ----------
    size : {"tiny", "demo", "full"}
    seed : int
    pixel_mm, image_l, interval_s : float
        Side of a pixel, water in an image, time between images.
    height, width : int
        Of an image, pixels.
    faults : tuple of {"up", "dark", "over"}
        Images that must not count, a few of each kind in every cast.
    """
    casts, bins, per_bin = _SIZES[size]
    names = tuple(f"sim_{i + 1:02d}" for i in range(casts))
    waters: list[Water] = []
    rows: list[tuple[int, float, int, str]] = []
    start = np.datetime64("2020-06-01T02:00:00", "ns")
    for cast in range(casts):
        begin = start + np.timedelta64(cast * 3, "h")
        for layer in range(bins):
            waters.append(Water(
                sample=names[cast], time=begin, latitude=43.4 + 0.05 * cast, longitude=7.3,
                depth_min=layer * BIN_M, depth_max=(layer + 1) * BIN_M,
                volume_m3=per_bin * image_l * 1e-3,
            ))  # fmt: skip
            water = len(waters) - 1
            rows += _layer(cast, layer, water, per_bin, faults)
    shots = _timed(rows, [start + np.timedelta64(c * 3, "h") for c in range(casts)], interval_s)
    scale = _SCALE[size]
    seen = populate(waters, KINDS, seed, scale=scale, longest_mm=longest_mm)
    objects = _on_images(seen, shots, seed, pixel_mm, height, width)
    return Profiles(names, tuple(waters), tuple(shots), tuple(objects),
                    _particles(shots, objects, seed), scale)  # fmt: skip


def _layer(
    cast: int, layer: int, water: int, per_bin: int, faults: tuple[str, ...]
) -> list[tuple[int, float, int, str]]:
    """Images of one bin: evenly down, and now and then one that must not count."""
    depths = layer * BIN_M + BIN_M * (np.arange(per_bin) + 0.5) / per_bin
    rows = [(cast, round(float(d), 1), water, "") for d in depths]
    for i, why in enumerate(faults):
        if why == "up" and layer:
            rows.insert(per_bin // 2 + i, (cast, round(layer * BIN_M - 1.0, 1), -1, why))
        elif why != "up" and layer % 3 == i % 3:
            rows.insert(3 + i, (cast, rows[3 + i][1], -1, why))
    return rows


def _timed(
    rows: list[tuple[int, float, int, str]], starts: list[np.datetime64], interval_s: float
) -> list[Shot]:  # fmt: skip
    number = dict.fromkeys(range(len(starts)), 0)
    shots = []
    for cast, depth, water, why in rows:
        step = np.timedelta64(round(number[cast] * interval_s * 1e3), "ms")
        number[cast] += 1
        shots.append(Shot(cast=cast, time=starts[cast] + step, depth=depth, water=water, why=why))
    return shots


def _on_images(
    seen: list[Individual], shots: list[Shot], seed: int, pixel_mm: float, height: int, width: int
) -> list[Portrayed]:
    """Put every individual on an image of its water, and one on each that goes up."""
    rng = np.random.default_rng([seed, _SPOT])
    of_water: dict[int, list[int]] = {}
    for i, shot in enumerate(shots):
        of_water.setdefault(shot.water, []).append(i)
    placed = [(one, int(rng.choice(of_water[one.water]))) for one in seen]
    rising = [i for i, shot in enumerate(shots) if shot.why == "up"]
    placed += [(seen[i % len(seen)], at) for i, at in enumerate(rising) if seen]
    found = []
    for one, at in sorted(placed, key=lambda p: p[1]):
        dark, bright, area = _picture(one, pixel_mm)
        top = int(rng.integers(_MARGIN, height - dark.shape[0] - _MARGIN))
        left = int(rng.integers(_MARGIN, width - dark.shape[1] - _MARGIN))
        found.append(Portrayed(at, one, dark, bright, area, top, left))
    return found


def _picture(one: Individual, pixel_mm: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8], int]:
    """Draw an individual; only its largest piece departs from the background."""
    portrait = portray(one, pixel_mm)
    strong = portrait.dark <= _DARKEST
    if not strong.any():
        strong = portrait.dark == portrait.dark.min()
    pieces, number = ndimage.label(strong, np.ones((3, 3)))
    sizes = np.bincount(pieces.ravel(), minlength=number + 1)[1:]
    body = pieces == int(np.argmax(sizes)) + 1
    rows, columns = np.flatnonzero(body.any(axis=1)), np.flatnonzero(body.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    inside = np.pad(body[box], _MARGIN)
    dark = np.pad(np.minimum(portrait.dark[box], _DARKEST), _MARGIN)
    bright = np.pad(np.maximum(portrait.bright[box], _DIMMEST), _MARGIN)
    return (
        np.where(inside, dark, _BACKGROUND).astype(np.uint8),
        np.where(inside, bright, 0).astype(np.uint8),
        int(inside.sum()),
    )


def _particles(shots: list[Shot], objects: list[Portrayed], seed: int) -> pd.DataFrame:
    """Count particles by image and area: small ones fall off steeply; some images hold none."""
    rng = np.random.default_rng([seed, _PARTICLES])
    rows: dict[tuple[int, int], int] = {}
    for i, shot in enumerate(shots):
        if shot.why in ("dark", "over") or i % 7 == 3:  # empty, unless an object is there
            continue
        for area in np.minimum(2 + rng.pareto(1.5, rng.poisson(6)) * 2, 60).astype(int):
            rows[i, int(area)] = rows.get((i, int(area)), 0) + 1
    for one in objects:
        rows[one.shot, one.area_px] = rows.get((one.shot, one.area_px), 0) + 1
    table = [(shot, area, number) for (shot, area), number in sorted(rows.items())]
    return pd.DataFrame(table, columns=["shot", "area_px", "number"])


def write_profiler_truth(folder: Path, profiles: Profiles, names: list[str]) -> None:
    """Write the tables of truth; `names` holds the source id of each object.

    Objects on images that must not count are not in them.
    """
    counted = [
        (one, name) for one, name in zip(profiles.objects, names, strict=True)
        if profiles.shots[one.shot].water >= 0
    ]  # fmt: skip
    write_truth(
        folder, profiles.waters, [o.individual for o, _ in counted], KINDS, profiles.scale,
        source_id=[name for _, name in counted], area_px=[o.area_px for o, _ in counted],
        top=[o.top - _MARGIN for o, _ in counted], left=[o.left - _MARGIN for o, _ in counted],
    )  # fmt: skip
    water = np.array([shot.water for shot in profiles.shots])
    table = profiles.particles.assign(water=water[profiles.particles["shot"]])
    placed = table[table["water"] >= 0].groupby(["water", "area_px"])["number"].sum()
    placed.reset_index().to_csv(folder / "particles.csv", index=False, lineterminator="\n")


def degrees_minutes(value: float) -> str:
    """Write degrees as headers of profilers do: the fraction is minutes / 100."""
    whole = int(abs(value))
    minutes = (abs(value) - whole) * 60
    return f"{'-' if value < 0 else ''}{whole + minutes / 100:.6f}"


def ctd_table(deepest_m: float, start: np.datetime64) -> str:
    """Write the CTD of a cast: a record each metre."""
    header = (
        "Pressure in Water Column [db]\tDepth [salt water, m]\tQC Flag\t"
        "time [yyyymmddhhmmssmmm]\tChloro Fluo [mg Chl/m3]\tPractical Salinity [psu]\t"
        "Temperature [degC]"
    )
    lines = [header]
    for pressure in np.arange(1.0, deepest_m + 1):
        time = start + np.timedelta64(int(pressure) * 1000, "ms")
        stamp = str(time.astype("datetime64[ms]")).translate(str.maketrans("", "", "-:.T"))
        lines.append(
            f"{pressure:.6f} \t{pressure * 0.992:.6f} \t0.000000 \t{stamp}\t"
            f"{0.4 + 0.01 * pressure:.6f} \t{38 + 0.002 * pressure:.6f} \t"
            f"{22 - 0.08 * pressure:.6f}"
        )
    return "\n".join(lines) + "\n"
