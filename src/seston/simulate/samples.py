"""Samples with known truth: water in pieces, what lives in them, and how a camera sees it.

For instruments that look at casts, hauls or bottles. Each has its own files (see `instruments`);
the sea, its inhabitants and the tables of truth are these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.simulate.kinds import KINDS, LABELS, Kind
from seston.simulate.ocean import Ocean, daylight, sun_elevation
from seston.simulate.sketch import stamp
from seston.simulate.truth import taxonomy

_PLACE, _DRAW = 0x5A3, 0xD4A  # streams of random numbers
#: Grey level of the water where objects are dark.
_WATER = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Water:
    """A piece of water that an instrument looked at.

    Parameters
    ----------
    sample : str
        Name of the cast, haul or bottle that it is part of.
    time : datetime64[ns]
        UTC.
    latitude, longitude : float, degrees
    depth_min, depth_max : float, m
    volume_m3 : float, m3
        Water in which every individual is seen: of a net sample the water filtered, times the
        share that was looked at.
    """

    sample: str
    time: np.datetime64
    latitude: float
    longitude: float
    depth_min: float
    depth_max: float
    volume_m3: float

    @property
    def depth(self) -> float:
        """Middle of the depths, m."""
        return (self.depth_min + self.depth_max) / 2


@dataclass(frozen=True, slots=True)
class Individual:
    """One individual (or speck of detritus) that was seen.

    Parameters
    ----------
    water : int
        Row of the water that it was in.
    kind : int
        Row of `kinds.KINDS`.
    size_mm : float, mm
        Length that it is drawn at.
    seed : int
        Seed of its shape and pose.
    """

    water: int
    kind: int
    size_mm: float
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """An individual as a camera sees it, cut out with a margin.

    Parameters
    ----------
    dark : array (y, x), uint8
        Dark on a background of 240, without noise.
    bright : array (y, x), uint8
        Bright on black.
    mask : array (y, x), bool
        Pixels of the individual.
    """

    dark: NDArray[np.uint8]
    bright: NDArray[np.uint8]
    mask: NDArray[np.bool_]


def expected(water: Water, kinds: Sequence[str], scale: float = 1.0) -> NDArray[np.float64]:
    """Concentration of each kind that is to be expected in a piece of water, m-3.

    Parameters
    ----------
    water : Water
    kinds : sequence of str
        Labels.
    scale : float
        Factor on the natural concentrations.
    """
    place = (np.asarray(water.latitude) - 43.40) * 111.2 + 5.0  # km along the simulated track
    elevation = sun_elevation(water.time, water.latitude, water.longitude)
    light = float(np.ravel(daylight(elevation))[0])
    ocean = Ocean()
    found = [
        _kind(label).habitat.concentration(ocean, place, water.depth, light) for label in kinds
    ]
    return scale * np.array([float(np.ravel(value)[0]) for value in found])


def _kind(label: str) -> Kind:
    return KINDS[LABELS.index(label)]


def populate(
    waters: Sequence[Water],
    kinds: Sequence[str],
    seed: int,
    *,
    scale: float = 1.0,
    longest_mm: float = np.inf,
) -> list[Individual]:
    """Draw what was in the water: a Poisson number of each kind in each piece.

    Parameters
    ----------
    waters : sequence of Water
    kinds : sequence of str
        Labels of the kinds that there are.
    seed : int
    scale : float
        Factor on the natural concentrations.
    longest_mm : float, mm
        Larger individuals are drawn at this size.
    """
    seen: list[Individual] = []
    for row, water in enumerate(waters):
        rng = np.random.default_rng([seed, _PLACE, row])
        numbers = rng.poisson(expected(water, kinds, scale) * water.volume_m3)
        for label, number in zip(kinds, numbers, strict=True):
            for _ in range(number):
                size = min(_kind(label).size(rng), longest_mm)
                seen.append(Individual(row, LABELS.index(label), size, int(rng.integers(1 << 62))))
    return seen


def portray(individual: Individual, pixel_mm: float, *, shrink: float = 1.0) -> Portrait:
    """Look at an individual through a camera.

    Parameters
    ----------
    individual : Individual
    pixel_mm : float, mm
        Side of a pixel.
    shrink : float
        It is drawn so many times smaller: under a microscope live small things of these shapes.
    """
    rng = np.random.default_rng([individual.seed, _DRAW])
    sketch = KINDS[individual.kind].draw(rng, individual.size_mm)
    drawn = stamp(
        sketch, 0.0, 0.0, pixel_width=pixel_mm * shrink, pixel_height=pixel_mm * shrink,
        blur_mm=0.0, rng=rng,
    )  # fmt: skip
    dark = np.clip(np.rint(_WATER * (1 - drawn.attenuation)), 0, 255).astype(np.uint8)
    bright = np.clip(np.rint(255 * drawn.attenuation), 0, 255).astype(np.uint8)
    return Portrait(dark, bright, drawn.mask)


def write_truth(
    folder: Path,
    waters: Sequence[Water],
    individuals: Sequence[Individual],
    kinds: Sequence[str],
    scale: float = 1.0,
    **columns: Sequence[object],
) -> None:
    """Write the tables of truth: water.csv, objects.csv, concentrations.csv, taxonomy.csv.

    Parameters
    ----------
    folder : Path
        Is made.
    waters, individuals, kinds, scale
        As in `populate`.
    **columns : sequence
        More columns of objects.csv, a value for each individual: ``source_id``, ``area_px``.
    """
    folder.mkdir(parents=True)
    table = pd.DataFrame([asdict(w) for w in waters]).rename_axis("water")
    _write(table.reset_index(), folder / "water.csv")
    objects = pd.DataFrame(
        {
            "water": [i.water for i in individuals],
            "taxon": [LABELS[i.kind] for i in individuals],
            "size_mm": [round(i.size_mm, 5) for i in individuals],
            **columns,
        }
    )
    _write(objects, folder / "objects.csv")
    _write(_concentrations(waters, objects, kinds, scale), folder / "concentrations.csv")
    _write(taxonomy(), folder / "taxonomy.csv")


def _concentrations(
    waters: Sequence[Water], objects: pd.DataFrame, kinds: Sequence[str], scale: float
) -> pd.DataFrame:
    placed = objects.value_counts(["water", "taxon"])
    rows = [
        {"water": row, "taxon": label, "expected_m3": mean,
         "placed": int(placed.get((row, label), 0))}
        for row, water in enumerate(waters)
        for label, mean in zip(kinds, expected(water, kinds, scale), strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _write(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False, lineterminator="\n", date_format="%Y-%m-%dT%H:%M:%S.%f")
