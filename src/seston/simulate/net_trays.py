"""Net samples with known truth, laid out in the tray of a scanner: for `zooscan` and `flatbed`.

A haul is divided in two fractions, the large and the small animals, and of each a part is
scanned: a Poisson number of individuals lies in each tray, none upon another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seston.simulate.samples import Individual, Water, populate, portray, write_truth

#: What each fraction holds, and the inverse of the part of it that is scanned.
FRACTIONS: Mapping[str, tuple[tuple[str, ...], float]] = {
    "d1": (("chaetognath", "hydromedusa"), 64.0),
    "d2": (("copepod",), 128.0),
}
#: Hauls of each size of a simulation.
HAULS = {"tiny": 2, "demo": 6, "full": 24}
KINDS = tuple(kind for kinds, _ in FRACTIONS.values() for kind in kinds)
FILTERED_M3 = 20.0
DEPTHS = (0.0, 50.0)
#: Pixels free around each individual, and around all of them.
_GAP, _MARGIN = 8, 60
_LONGEST_MM = 2.4
_WATER = 240


@dataclass(frozen=True, slots=True, eq=False)
class Tray:
    """A scan of one fraction, lit evenly.

    Parameters
    ----------
    haul : int
        Row of the hauls.
    fraction : str
        Name.
    factor : float
        Inverse of the part that was scanned.
    pixels : array (y, x), uint8
        Dark on a background of 240.
    individuals : list of Individual
    boxes : array (individual, 4), int
        Top, left, height and width of the pixels darker than the limit.
    areas : array (individual), int
        Pixels darker than the limit.
    """

    haul: int
    fraction: str
    factor: float
    pixels: NDArray[np.uint8]
    individuals: list[Individual]
    boxes: NDArray[np.int64]
    areas: NDArray[np.int64]


def hauls(size: str) -> list[Water]:
    """Vertical hauls of a net from 50 m to the surface, one every six hours."""
    start = np.datetime64("2021-06-01T08:30", "ns")
    return [
        Water(
            sample=f"sim_2021_st{number + 1:02d}_n1",
            time=start + np.timedelta64(6 * number, "h"),
            latitude=43.40 - 0.01 * number,
            longitude=7.52 if number % 2 == 0 else -7.52,  # on both sides of Greenwich
            depth_min=DEPTHS[0],
            depth_max=DEPTHS[1],
            volume_m3=FILTERED_M3,
        )
        for number in range(HAULS[size])
    ]


def lay_out(
    water: Sequence[Water], seed: int, *, pixel_mm: float, width: int, limit: int
) -> list[Tray]:
    """Draw the trays of all hauls, haul by haul and fraction by fraction.

    Parameters
    ----------
    water : sequence of Water
        The hauls.
    seed : int
    pixel_mm : float, mm
        Side of a pixel.
    width : int
        Pixels of the tray; it is as high as it needs to be.
    limit : int
        Pixels darker than this, of 240, count as the individual's.
    """
    trays = []
    for part, (fraction, (kinds, factor)) in enumerate(FRACTIONS.items()):
        scanned = [replace(w, volume_m3=w.volume_m3 / factor) for w in water]
        seen = populate(scanned, kinds, seed + part, longest_mm=_LONGEST_MM)
        for haul in range(len(water)):
            own = [one for one in seen if one.water == haul]
            trays.append(_tray(haul, fraction, factor, own, pixel_mm, width, limit))
    return sorted(trays, key=lambda tray: (tray.haul, tray.fraction))


def _tray(
    haul: int, fraction: str, factor: float, individuals: list[Individual], pixel_mm: float,
    width: int, limit: int,
) -> Tray:  # fmt: skip
    """Lay individuals in rows, left to right."""
    portraits = [portray(one, pixel_mm).dark for one in individuals]
    x, y, row = _MARGIN, _MARGIN, 0
    places = []
    for portrait in portraits:
        if x > _MARGIN and x + portrait.shape[1] + _MARGIN > width:
            x, y, row = _MARGIN, y + row + _GAP, 0
        places.append((y, x))
        x, row = x + portrait.shape[1] + _GAP, max(row, portrait.shape[0])
    pixels = np.full((max(y + row + _MARGIN, width // 4), width), _WATER, np.uint8)
    boxes, areas = [], []
    for (top, left), portrait in zip(places, portraits, strict=True):
        pixels[top : top + portrait.shape[0], left : left + portrait.shape[1]] = portrait
        lines, columns = np.nonzero(portrait < limit)
        boxes.append((top + lines.min(), left + columns.min(), np.ptp(lines) + 1,
                      np.ptp(columns) + 1))  # fmt: skip
        areas.append(len(lines))
    shape = np.array(boxes, np.int64).reshape(-1, 4)
    return Tray(haul, fraction, factor, pixels, individuals, shape, np.array(areas, np.int64))


def write_trays_truth(
    folder: Path, water: Sequence[Water], trays: Sequence[Tray], names: Sequence[str]
) -> None:
    """Write the tables of truth; objects.csv says in which scan and where each individual lies.

    Parameters
    ----------
    folder : Path
    water : sequence of Water
    trays : sequence of Tray
    names : sequence of str
        Of the scan of each tray.
    """
    boxes = np.concatenate([tray.boxes for tray in trays])
    write_truth(
        folder, water, [one for tray in trays for one in tray.individuals], KINDS,
        scan=[n for n, tray in zip(names, trays, strict=True) for _ in tray.individuals],
        factor=[tray.factor for tray in trays for _ in tray.individuals],
        top=boxes[:, 0].tolist(), left=boxes[:, 1].tolist(),
        height=boxes[:, 2].tolist(), width=boxes[:, 3].tolist(),
        area_px=[int(area) for tray in trays for area in tray.areas],
    )  # fmt: skip
