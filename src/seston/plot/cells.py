"""Bins of a profiles dataset pooled into as many cells as a figure can show.

Cells are pooled as objects over volume, never as a mean of concentrations: a bin of much
water weighs more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seston.ecology import poisson_interval

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Along = Literal["auto", "distance", "time", "profile"]

_GROUPS = (1, 2, 4, 5, 10, 20, 25, 50, 100, 200, 500, 1000)


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Objects and water in cells of a section.

    Parameters
    ----------
    x : array (column,)
        Middle of each column on the horizontal axis.
    edges : array (row + 1,), m
        Edges of the rows in depth.
    count, volume : array (column, row); objects, and water in m3
        The volume is NaN where the water is not known, 0 where nothing was imaged.
    sampled : array (column, row)
        True where anything was imaged.
    """

    x: NDArray[Any]
    edges: FloatArray
    count: FloatArray
    volume: FloatArray
    sampled: BoolArray

    @property
    def depth(self) -> FloatArray:
        """Middle of each row, m."""
        return (self.edges[:-1] + self.edges[1:]) / 2

    @property
    def concentration(self) -> FloatArray:
        """Objects per m3: 0 where imaged and empty, NaN where not imaged or not known."""
        water = np.where(self.volume > 0, self.volume, np.nan)
        return self.count / water

    @property
    def volume_known(self) -> bool:
        """True where at least one imaged cell has a volume."""
        return bool((self.volume > 0).any())


def sampled_bins(profiles: xr.Dataset) -> BoolArray:
    """Tell which bins (profile, depth) were imaged, also where their volume is not known."""
    volume = profiles["imaged_volume"].transpose("profile", "depth").to_numpy()
    objects = profiles["count"].sum("taxon").transpose("profile", "depth").to_numpy()
    return np.asarray((volume > 0) | np.isnan(volume) | (objects > 0))


def depth_edges(profiles: xr.Dataset) -> FloatArray:
    """Edges of the depth bins, m: from their bounds, else half-way between their middles."""
    if "depth_bounds" in profiles.variables:
        bounds = profiles["depth_bounds"].transpose("depth", ...).to_numpy().astype(float)
        return np.append(bounds[:, 0], bounds[-1:, 1])
    return midpoint_edges(profiles["depth"].to_numpy().astype(float))


def midpoint_edges(x: FloatArray) -> FloatArray:
    """Edges half-way between points; the first and the last are mirrored."""
    if len(x) < 2:
        return np.concatenate([x - 0.5, x + 0.5])
    half = np.diff(x) / 2
    return np.concatenate([[x[0] - half[0]], x[:-1] + half, [x[-1] + half[-1]]])


def along(profiles: xr.Dataset, over: Along = "auto") -> tuple[str, NDArray[Any]]:
    """Choose the horizontal axis of a section: distance, else time, else the profile's number.

    Returns
    -------
    name, values
        Values per profile: km, datetime64, or numbers from 1. NaN or NaT where unknown.
    """
    for name in ("distance", "time"):
        if over in ("auto", name) and name in profiles.variables:
            values = profiles[name].to_numpy()
            known = values[~np.isnat(values)] if name == "time" else values[np.isfinite(values)]
            moves = len(np.unique(known)) > len(values) / 2
            if over == name or (moves and len(known) > 1):
                return name, values
    return "profile", np.arange(1, profiles.sizes["profile"] + 1)


def pool(
    profiles: xr.Dataset,
    taxon: str,
    x: NDArray[Any],
    *,
    max_rows: int = 40,
    max_columns: int = 60,
    min_step: int = 1,
) -> Cells:
    """Pool the bins of one taxon: neighbours in depth, and neighbouring profiles.

    Parameters
    ----------
    x : array (profile,)
        Place of each profile on the horizontal axis; profiles without one are left out.
    max_rows, max_columns : int
        Most cells in depth and along the section.
    min_step : int
        At least so many depth bins are pooled.

    Raises
    ------
    KeyError
        The dataset has no such taxon.
    """
    _check_taxon(profiles, taxon)
    known = ~(np.isnat(x) if x.dtype.kind == "M" else np.isnan(x))
    order = np.flatnonzero(known)[np.argsort(x[known], kind="stable")]
    sampled = sampled_bins(profiles)[order]
    rows = _used_rows(sampled)
    values = profiles["count"].sel(taxon=taxon).transpose("profile", "depth").to_numpy()
    count = values[order][:, :rows].astype(float)
    water = profiles["imaged_volume"].transpose("profile", "depth").to_numpy()[order][:, :rows]
    sampled = sampled[:, :rows]
    down = _starts(rows, max(min_step, _group(rows, max_rows)))
    across = _starts(len(order), -(-len(order) // max_columns))
    unknown = sampled & ~(water > 0)
    edges = depth_edges(profiles)[: rows + 1]
    return Cells(
        x=_block_means(x[order], across),
        edges=np.append(edges[:-1][down], edges[-1:]),
        count=_block_sums(np.where(sampled, count, 0.0), across, down),
        volume=_block_sums(np.where(unknown, np.nan, np.where(sampled, water, 0)), across, down),
        sampled=_block_sums(sampled.astype(float), across, down) > 0,
    )


def pool_profile(profiles: xr.Dataset, taxon: str, *, max_rows: int = 40) -> Cells:
    """Pool all profiles into one column, also those without a position."""
    return pool(
        profiles, taxon, np.zeros(profiles.sizes["profile"]), max_rows=max_rows, max_columns=1
    )


@dataclass(frozen=True, slots=True, eq=False)
class Adjusted:
    """Concentrations mended for the classifier's errors, in the rows of `pool_profile`.

    Parameters
    ----------
    value, lower, upper : array (row,), m-3
        And the 95 % limits; NaN where not imaged or not known.
    """

    value: FloatArray
    lower: FloatArray
    upper: FloatArray

    @property
    def known(self) -> bool:
        """Whether there is any number."""
        return bool(np.isfinite(self.value).any())


def is_adjusted(profiles: xr.Dataset) -> bool:
    """Tell whether any number of the dataset is mended for the classifier's errors."""
    name = "concentration_adjusted"
    return name in profiles and bool(np.isfinite(profiles[name]).any())


def pool_adjusted(profiles: xr.Dataset, taxon: str, *, max_rows: int = 40) -> Adjusted:
    """Pool the adjusted concentration of all profiles: individuals over volume.

    Bins are counted apart, but share one classifier. Of the limits of each, what counting the
    adjusted number would explain adds up as errors do that know nothing of each other (by
    squares); the rest is of all bins alike, and adds up as it is. Of one bin, limits are those of
    the dataset.
    """
    _check_taxon(profiles, taxon)
    sampled = sampled_bins(profiles)
    rows = _used_rows(sampled)
    down = _starts(rows, _group(rows, max_rows))
    water = profiles["imaged_volume"].transpose("profile", "depth").to_numpy()
    stored = (
        profiles[f"concentration_adjusted{end}"].sel(taxon=taxon).transpose("profile", "depth")
        for end in ("", "_lower", "_upper")
    )
    value, lower, upper = (
        np.where(sampled, one.to_numpy() * water, 0.0)[:, :rows].astype(float) for one in stored
    )
    volume = _pooled(np.where(sampled, water, 0.0)[:, :rows], down)
    volume = np.where(volume > 0, volume, np.nan)
    total = _pooled(value, down)
    least, most = poisson_interval(np.round(np.nan_to_num(value), 1))
    below = _reach(value - lower, value - least, down)
    above = _reach(upper - value, most - value, down)
    return Adjusted(
        total / volume, np.maximum(total - below, 0.0) / volume, (total + above) / volume
    )


def _reach(reach: FloatArray, chance: FloatArray, down: NDArray[np.int64]) -> FloatArray:
    """How far the sum of bins may be off, of which each may be off by its reach."""
    reach = np.maximum(reach, 0.0)
    own = np.clip(chance, 0.0, reach)
    shared = np.sqrt(reach**2 - own**2)
    return np.hypot(np.sqrt(_pooled(own**2, down)), _pooled(shared, down))


def _pooled(values: FloatArray, down: NDArray[np.int64]) -> FloatArray:
    return np.asarray(_block_sums(values, _starts(1, 1), down)[0])


def _check_taxon(profiles: xr.Dataset, taxon: str) -> None:
    known = [str(name) for name in profiles["taxon"].to_numpy()]
    if taxon not in known:
        raise KeyError(f"no taxon `{taxon}` among {', '.join(known) or 'none'}")


def _used_rows(sampled: BoolArray) -> int:
    used = np.flatnonzero(sampled.any(axis=0))
    return int(used[-1]) + 1 if len(used) else 0


def _group(rows: int, max_rows: int) -> int:
    return next((g for g in _GROUPS if rows <= g * max_rows), -(-rows // max_rows))


def _starts(length: int, step: int) -> NDArray[np.int64]:
    return np.arange(0, length, max(1, step))


def _block_sums(
    values: FloatArray, across: NDArray[np.int64], down: NDArray[np.int64]
) -> FloatArray:
    if not values.size:
        return np.zeros((len(across), len(down)))
    columns = np.add.reduceat(values, across, axis=0)
    return np.asarray(np.add.reduceat(columns, down, axis=1))


def _block_means(x: NDArray[Any], starts: NDArray[np.int64]) -> NDArray[Any]:
    if not len(x):
        return x
    lengths = np.diff(np.append(starts, len(x)))
    if x.dtype.kind == "M":
        since = (x - x[0]).astype("timedelta64[ns]").astype(np.int64)
        mean = np.add.reduceat(since, starts) // lengths
        return np.asarray(x[0] + mean.astype("timedelta64[ns]"))
    return np.asarray(np.add.reduceat(x.astype(float), starts) / lengths)
