"""Particles: counts of everything that a camera sees, by size, without a picture of each.

A profiler measures all particles of an image on board and keeps their areas. Diameters follow by a
calibration, sizes lie in EcoPart's classes, and water and particles are put into the same cells.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]

#: Limits of EcoPart's 45 detailed classes of equivalent spherical diameter, mm: three classes
#: double the diameter. The last class is open.
SIZE_LIMITS_MM: tuple[float, ...] = (
    0.001, 0.00126, 0.00159, 0.002, 0.00252, 0.00317, 0.004, 0.00504, 0.00635, 0.008, 0.0101,
    0.0127, 0.016, 0.0202, 0.0254, 0.032, 0.0403, 0.0508, 0.064, 0.0806, 0.102, 0.128, 0.161,
    0.203, 0.256, 0.323, 0.406, 0.512, 0.645, 0.813, 1.02, 1.29, 1.63, 2.05, 2.58, 3.25, 4.1,
    5.16, 6.5, 8.19, 10.3, 13.0, 16.4, 20.6, 26.0, float("inf"),
)  # fmt: skip
CLASSES = len(SIZE_LIMITS_MM) - 1
#: Detailed classes in one of the 15 reduced ones.
PER_REDUCED = 3

#: How EcoPart counts the images of a cast; see docs/particles.md.
Ecopart = Literal["metre", "image", "row"]


def particle_diameter(area_px: ArrayLike, aa: float, exponent: float) -> Float:
    """Equivalent spherical diameter of particles, by the calibration of their camera.

    Its area is ``aa * area_px ** exponent``, and the diameter that of a disc of this area.

    Parameters
    ----------
    area_px : array
        Pixels of each particle.
    aa : float, mm2
        Area of a particle of one pixel.
    exponent : float

    Returns
    -------
    array, mm

    Examples
    --------
    >>> particle_diameter([1, 30, 500], 0.0036, 1.149).round(5).tolist()
    [0.0677, 0.47776, 2.40527]
    """
    area = aa * np.asarray(area_px, np.float64) ** exponent
    return np.asarray(2 * np.sqrt(area / np.pi), np.float64)


def pixels_of_diameter(diameter_mm: float, aa: float, exponent: float) -> int:
    """Give the area of a particle of a diameter: the inverse of `particle_diameter`, rounded down.

    Examples
    --------
    >>> pixels_of_diameter(0.5, 0.0036, 1.149)
    32
    """
    area = np.pi * (diameter_mm / 2) ** 2
    return int(np.floor(np.round((area / aa) ** (1 / exponent), 3)))


def size_class(diameter_mm: ArrayLike) -> Int:
    """Row of the size class of each diameter; -1 below the smallest."""
    limits = np.array(SIZE_LIMITS_MM)
    return np.searchsorted(limits, np.asarray(diameter_mm, np.float64), side="right") - 1


@dataclass(frozen=True, eq=False, kw_only=True)
class Calibration:
    """What turns pixels into sizes and images into water.

    Parameters
    ----------
    aa, exponent : float
        See `particle_diameter`.
    image_volume_l : float, l
        Water in one image.
    smallest_px : int
        Smallest particle that is counted.
    first_class, last_class : int
        Classes that are counted at all, where the instrument put the particles into classes
        itself.
    """

    aa: float
    exponent: float
    image_volume_l: float
    smallest_px: int = 1
    first_class: int | None = None
    last_class: int | None = None

    def seen(self) -> NDArray[np.bool_]:
        """Say which classes hold sizes that can be seen at all."""
        rows = np.arange(CLASSES)
        if self.first_class is not None and self.last_class is not None:
            return (rows >= self.first_class) & (rows <= self.last_class)
        smallest = particle_diameter(max(1, self.smallest_px), self.aa, self.exponent)
        return np.array(SIZE_LIMITS_MM[1:]) > float(smallest)


@dataclass(frozen=True, eq=False, kw_only=True)
class ParticleBins:
    """Particles and water of one sample by cell (a profile and a depth bin) and size class.

    Parameters
    ----------
    profile : array (cell), int64
        Number of the profile in the sample: 0, or of a time series its interval.
    depth : array (cell), int64
        Number of the depth bin.
    time : array (cell), datetime64[ns]
    mean_depth : array (cell), m
    images : array (cell)
        Images that count.
    volume : array (cell), m3
    count : array (cell, size class)
        NaN where the instrument does not see the size.
    biovolume : array (cell, size class), mm3
        Sum over the particles, each a sphere; NaN where only counts are known.
    """

    profile: Int
    depth: Int
    time: NDArray[np.datetime64]
    mean_depth: Float
    images: Float
    volume: Float
    count: Float
    biovolume: Float


def bin_particles(
    images: pd.DataFrame,
    counts: Iterable[pd.DataFrame],
    calibration: Calibration,
    *,
    bin_size_m: float,
    interval_s: float | None,
    ecopart: Ecopart | None = None,
    integration_s: float = 1.0,
) -> ParticleBins:
    """Put the images and particles of one sample into cells.

    Parameters
    ----------
    images : DataFrame
        ``time`` (datetime64[ns]), ``depth`` (m), ``images`` (how many a row stands for),
        ``usable``, and ``ecopart`` (EcoPart counts the image). A row that is not usable counts in
        neither particles nor water; an image without particles counts in the water.
    counts : iterable of DataFrame
        Pieces with ``row`` (of `images`), ``number``, and either ``area_px`` or ``size_class``.
    calibration : Calibration
    bin_size_m : float, m
    interval_s : float or None, s
        Of a time series: span of a profile. None: the sample is one profile by depth.
    ecopart : {"metre", "image", "row"}, optional
        Count as EcoPart does, see docs/particles.md.
    integration_s : float, s
        With `ecopart`, the span over which EcoPart joins the images of a time series.
    """
    fine = _units(images, bin_size_m, interval_s, ecopart, integration_s)
    count, biovolume = _sums(fine, counts, calibration)
    table = _of_units(images, fine, ecopart)
    if ecopart in ("metre", "image"):
        held = count.sum(axis=1) > 0  # EcoPart's raw tables have no line for water without any
        table, count, biovolume = table[held], count[held], biovolume[held]
    cells = _cells(table, bin_size_m, interval_s, ecopart)
    blind = np.zeros(CLASSES, bool)
    if ecopart not in ("metre", "image"):
        blind = ~calibration.seen()
    litres = cells["images"].to_numpy(np.float64) * calibration.image_volume_l
    if ecopart == "row":
        litres = np.round(litres, 3)
    return ParticleBins(
        profile=cells["profile"].to_numpy(np.int64),
        depth=cells["bin"].to_numpy(np.int64),
        time=cells["time"].to_numpy("datetime64[ns]"),
        mean_depth=cells["depth"].to_numpy(np.float64),
        images=cells["images"].to_numpy(np.float64),
        volume=litres * 1e-3,
        count=np.where(blind, np.nan, _summed(count, table["cell"], len(cells))),
        biovolume=np.where(blind, np.nan, _summed(biovolume, table["cell"], len(cells))),
    )


def _summed(values: Float, cell: pd.Series[Any], cells: int) -> Float:
    total = np.zeros((cells, values.shape[1]))
    np.add.at(total, cell.to_numpy(np.int64), values)
    return total


def _units(
    images: pd.DataFrame,
    bin_size_m: float,
    interval_s: float | None,
    ecopart: Ecopart | None,
    integration_s: float,
) -> pd.Series[Any]:
    """Give each image the number of its stretch of water; -1 where it is not used.

    By our own rule it is the cell; EcoPart first joins images by metre, or by span of time.
    """
    depth = np.maximum(images["depth"].to_numpy(np.float64), 0)
    use = (images["usable"] == 1).to_numpy(copy=True)
    if ecopart:
        use &= images["ecopart"].to_numpy(bool)
    seconds = images["time"].to_numpy("datetime64[ns]").view(np.int64) / 1e9
    timed = ~np.isnat(images["time"].to_numpy("datetime64[ns]"))
    if interval_s is None:
        span, thick = np.zeros(len(images)), 1.0 if _by_metre(ecopart) else bin_size_m
        use &= np.isfinite(depth)
    else:
        span = np.floor(seconds / (integration_s if _by_metre(ecopart) else interval_s))
        thick = np.inf if ecopart else bin_size_m
        use &= timed & (np.isfinite(depth) | bool(ecopart))
    with np.errstate(invalid="ignore"):
        layer = np.floor(depth / thick) if np.isfinite(thick) else np.zeros(len(depth))
    keys = pd.MultiIndex.from_arrays([span[use], layer[use]])
    unit = np.full(len(images), -1, np.int64)
    unit[use] = pd.factorize(keys, sort=True)[0]
    return pd.Series(unit, images.index)


def _by_metre(ecopart: Ecopart | None) -> bool:
    return ecopart in ("metre", "image")


def _sums(
    unit: pd.Series[Any], counts: Iterable[pd.DataFrame], calibration: Calibration
) -> tuple[Float, Float]:
    """Sum particles and their volumes by unit and size class, piece by piece."""
    units, of = int(unit.max()) + 1 if len(unit) else 0, unit.to_numpy()
    count, biovolume = np.zeros((units, CLASSES)), np.zeros((units, CLASSES))
    for piece in counts:
        where = of[piece["row"].to_numpy(np.int64)]
        number = piece["number"].to_numpy(np.float64)
        if "size_class" in piece:
            column, volume = piece["size_class"].to_numpy(np.int64), np.full(len(piece), np.nan)
        else:
            diameter = particle_diameter(
                piece["area_px"].to_numpy(), calibration.aa, calibration.exponent
            )
            column, volume = size_class(diameter), (diameter / 2) ** 3 * 4 * np.pi / 3
        use = (where >= 0) & (column >= 0)
        np.add.at(count, (where[use], column[use]), number[use])
        np.add.at(biovolume, (where[use], column[use]), (number * volume)[use])
        if "size_class" in piece:
            biovolume[:] = np.nan
    return count, biovolume


def _of_units(images: pd.DataFrame, unit: pd.Series[Any], ecopart: Ecopart | None) -> pd.DataFrame:
    """Images, mean time and mean depth of each unit."""
    used = images[unit.to_numpy() >= 0]
    weight = used["images"].to_numpy(np.float64)
    time = used["time"].to_numpy("datetime64[ns]")
    timed = ~np.isnat(time)
    first = time[timed].min() if timed.any() else np.datetime64(0, "ns")
    since = np.where(timed, (time - first).astype(np.int64), 0) / 1e9
    depth = np.maximum(used["depth"].to_numpy(np.float64), 0)
    deep = np.isfinite(depth)
    table = pd.DataFrame({
        "unit": unit.to_numpy()[unit.to_numpy() >= 0], "images": weight,
        "since": weight * since, "timed": weight * timed,
        "sum": weight * np.where(deep, depth, 0), "deep": weight * deep,
    })  # fmt: skip
    sums = table.groupby("unit").sum()
    with np.errstate(invalid="ignore"):
        seconds = sums["since"] / sums["timed"]
        mean = sums["sum"] / sums["deep"]
    if ecopart == "row":
        mean = pd.Series(depth, used.index).groupby(table["unit"].to_numpy()).first()
    if _by_metre(ecopart):
        seconds = (seconds + _within(first)).round(1) // 1 - _within(first)
        mean = mean.round(1)
    known = seconds.notna().to_numpy()
    nanoseconds = np.where(known, np.rint(seconds.fillna(0) * 1e9), 0).astype(np.int64)
    when = np.where(known, first + nanoseconds.astype("timedelta64[ns]"), np.datetime64("NaT"))
    shallowest = pd.Series(depth, used.index).groupby(table["unit"].to_numpy()).min()
    return pd.DataFrame({
        "images": sums["images"], "time": when.astype("datetime64[ns]"), "depth": mean,
        "top": shallowest,
    }).reset_index(drop=True)  # fmt: skip


def _within(first: np.datetime64) -> float:
    """Fraction of a second at which a time lies."""
    return float(first.astype("datetime64[ns]").astype(np.int64) % 1_000_000_000) / 1e9


def _cells(
    table: pd.DataFrame, bin_size_m: float, interval_s: float | None, ecopart: Ecopart | None
) -> pd.DataFrame:
    """Join units to cells, and say in the column ``cell`` of `table` to which each belongs."""
    time = table["time"].to_numpy("datetime64[ns]")
    profile = np.zeros(len(table), np.int64)
    layer = (table["top"].fillna(0) // bin_size_m).to_numpy(np.int64)
    if interval_s is not None:
        profile = np.floor(time.view(np.int64) / (interval_s * 1e9)).astype(np.int64)
        if ecopart:
            layer = np.zeros(len(table), np.int64)
    keys = pd.MultiIndex.from_arrays([profile, layer], names=["profile", "bin"])
    number, unique = pd.factorize(keys, sort=True)
    table["cell"] = number
    cells = pd.DataFrame(index=range(len(unique)))
    cells["profile"], cells["bin"] = unique.get_level_values(0), unique.get_level_values(1)
    by_cell = table.groupby("cell")
    cells["images"] = by_cell["images"].sum()
    cells["time"] = by_cell["time"].mean()
    cells["depth"] = by_cell["depth"].mean()
    if ecopart:
        cells["time"] = cells["time"].dt.floor("s")
        if interval_s is not None:
            cells["depth"] = cells["depth"].round(1)
            cells["bin"] = (cells["depth"].fillna(0) // bin_size_m).astype(np.int64)
    if interval_s is not None and ecopart:
        middle = (cells["profile"].to_numpy(np.float64) + 0.5) * interval_s * 1e9
        cells["time"] = middle.astype(np.int64).view("datetime64[ns]")
    return cells


def coarsen_size_classes(particles: xr.Dataset, by: int = PER_REDUCED) -> xr.Dataset:
    """Join neighbouring size classes: by 3, EcoPart's 45 detailed classes become its 15.

    Parameters
    ----------
    particles : Dataset
        A particles dataset.
    by : int
        Classes to join; divides their number.

    Returns
    -------
    Dataset
        Sums over the classes joined; NaN where the instrument sees none of them.
    """
    names = [n for n, v in particles.data_vars.items() if "size_class" in v.dims]
    joined = {n: _join(particles[n].transpose(..., "size_class"), by) for n in names}
    bounds = particles["size_class_bounds"].to_numpy()
    limits = np.stack([bounds[::by, 0], bounds[by - 1 :: by, 1]], axis=1)
    axes = {
        "size_class": (("size_class",), class_middles(limits)),
        "size_class_bounds": (("size_class", "bound"), limits),
    }
    coordinates = {n: (*v, particles[n].attrs) for n, v in axes.items()}
    return particles.drop_dims("size_class").assign(joined).assign_coords(coordinates)


def _join(values: xr.DataArray, by: int) -> xr.Variable:
    split = values.to_numpy().reshape(*values.shape[:-1], -1, by)
    known = np.isfinite(split)
    total = np.where(known.any(axis=-1), np.where(known, split, 0).sum(axis=-1), np.nan)
    return xr.Variable(values.dims, total, values.attrs)


def class_middles(limits: Float) -> Float:
    """Geometric middle of size classes (class, 2), mm; an open one is as wide as its neighbour."""
    upper = limits[:, 1].copy()
    if len(upper) > 1 and np.isinf(upper[-1]):
        upper[-1] = limits[-1, 0] * limits[-2, 1] / limits[-2, 0]
    return np.asarray(np.sqrt(limits[:, 0] * upper), np.float64)
