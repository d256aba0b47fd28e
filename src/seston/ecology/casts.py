"""The environment of profiles: by cast and depth, or in time; never extrapolated.

A profile of a sample takes the cast that has its name; else the cast nearest in time, if that is
near enough; else what was logged at the very times of its water. A profile of a tow takes the
records of its time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from seston.ecology.bins import Bins, Float, Int, Times
from seston.ecology.environment import interpolate_at, own_time_rows, own_times

SENSORS = ("temperature", "salinity", "fluorescence", "chlorophyll", "oxygen", "irradiance")
#: Profile and depth bin of each value; -1 where it lies in none.
Rows = tuple[Int, Int]


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How far in time water and environment may lie apart.

    Parameters
    ----------
    cast_s : float, s
        A sample and a cast of another name.
    position_s : float, s
        A piece of water and a record.
    """

    cast_s: float = 10_800.0
    position_s: float = 2.0

    def __str__(self) -> str:
        return (
            "casts by the name of the sample, else the nearest in time within "
            f"{self.cast_s:g} s; other records in time within {self.position_s:g} s; each value "
            "in the bin of its own depth, none extrapolated"
        )


def join_environment(
    bins: Bins, time: Times, environments: Sequence[xr.Dataset], tolerances: Tolerances
) -> dict[str, NDArray[Any]]:
    """Give each bin the mean of each sensor.

    Parameters
    ----------
    bins : Bins
    time : array (cell), datetime64[ns]
        Of each piece of water.
    environments : sequence of Dataset (time)
        Of each deployment.
    tolerances : Tolerances

    Returns
    -------
    mapping of arrays
        `SENSORS` (profile, depth), NaN where nothing is known; ``cast`` (profile): the name of
        the cast they come from, empty where they were joined in time.
    """
    joined: dict[str, Float] = {name: np.full(bins.shape, np.nan) for name in SENSORS}
    casts = np.full(bins.shape[0], "", object)
    span = _span(bins, time)
    for number, environment in enumerate(environments):
        mine = np.flatnonzero(bins.keys[:, 0] == number)
        sampled = np.array([bool(bins.sample[int(i)]) for i in mine], np.bool_)
        found = _nearest_casts(bins, mine[sampled], span, environment, tolerances.cast_s)
        for profile, name in found.items():
            casts[profile] = name
        _add_records(joined, bins, environment, _of_casts(environment, found))
        ways = _of_ways(bins, mine[~sampled], number, span, environment, tolerances)
        _add_records(joined, bins, environment, ways)
        rest = np.setdiff1d(mine[sampled], list(found))
        _add_interpolated(joined, bins, rest, time, environment, tolerances.position_s)
    return joined | {"cast": casts}


def _span(bins: Bins, time: Times) -> pd.DataFrame:
    """First and last time of the water of each profile."""
    return pd.Series(time).groupby(bins.profile).agg(["min", "max"])


def _nearest_casts(
    bins: Bins, profiles: Int, span: pd.DataFrame, environment: xr.Dataset, tolerance_s: float
) -> Mapping[int, str]:
    """Cast of each profile of a sample: of the same name, else near enough in time."""
    if "sample" not in environment or "depth" not in environment:
        return {}
    records = pd.DataFrame({
        "cast": environment["sample"].to_numpy().astype(object),
        "time": environment["time"].to_numpy(),
    })  # fmt: skip
    known = records[records["cast"] != ""].groupby("cast")["time"].agg(["min", "max"])
    named = {name.casefold(): name for name in known.index}
    found = {}
    for profile in profiles:
        same = named.get(bins.sample[profile].casefold())
        name = same or _nearest(known, span.loc[profile], tolerance_s)
        if name is not None:
            found[int(profile)] = name
    return found


def _nearest(casts: pd.DataFrame, span: pd.Series[Any], tolerance_s: float) -> str | None:
    """Cast with the smallest gap between its times and a span; none where it is too large."""
    gap = np.maximum(casts["min"] - span["max"], span["min"] - casts["max"])
    gap = gap.clip(lower=pd.Timedelta(0)).dropna()
    if gap.empty or gap.min().total_seconds() > tolerance_s:
        return None
    return str(gap.idxmin())


def _of_casts(environment: xr.Dataset, found: Mapping[int, str]) -> tuple[Int, Int]:
    """Find the records of each profile's cast, and the profile; a cast may serve several."""
    none = np.empty(0, np.int64)
    if not found:
        return none, none
    cast = environment["sample"].to_numpy().astype(object)
    rows = {name: np.flatnonzero(cast == name) for name in set(found.values())}
    records = np.concatenate([rows[name] for name in found.values()])
    counts = [len(rows[name]) for name in found.values()]
    return records, np.repeat(np.array(list(found), np.int64), counts)


def _of_ways(
    bins: Bins,
    profiles: Int,
    deployment: int,
    span: pd.DataFrame,
    environment: xr.Dataset,
    tolerances: Tolerances,
) -> tuple[Int, Int]:
    """Find the records of each way of a tow; those of casts only while water was imaged."""
    rows = {int(bins.keys[i, 1]): int(i) for i in profiles}
    time = environment["time"].to_numpy()
    way = np.searchsorted(bins.ways[deployment], time, side="left")
    profile = np.array([rows.get(int(w), -1) for w in way], np.int64)
    use = np.zeros(len(time), np.bool_)
    use[own_time_rows(environment)] = True
    use &= profile >= 0
    if "sample" in environment and len(profiles):
        margin = pd.Timedelta(tolerances.position_s, "s")
        first = (span["min"] - margin).reindex(profile).to_numpy()
        last = (span["max"] + margin).reindex(profile).to_numpy()
        loose = environment["sample"].to_numpy().astype(object) == ""
        use &= loose | ((time >= first) & (time <= last))
    records = np.flatnonzero(use)
    return records, profile[records]


def _add_records(
    joined: Mapping[str, Float], bins: Bins, environment: xr.Dataset, rows: tuple[Int, Int]
) -> None:
    """Add the means of records in the bins of their own depths."""
    records, profile = rows
    if "depth" not in environment or not bins.shape[1] or not len(records):
        return
    depth = environment["depth"].to_numpy().astype(np.float64)[records]
    number = np.searchsorted(bins.edges, np.maximum(depth, 0), side="right") - 1
    outside = ~np.isfinite(depth) | (number >= bins.shape[1])
    cell = (profile, np.where(outside, -1, number))
    for name in set(SENSORS) & set(map(str, environment.data_vars)):
        _add_means(joined[name], cell, environment[name].to_numpy()[records])


def _add_interpolated(
    joined: Mapping[str, Float],
    bins: Bins,
    profiles: Int,
    time: Times,
    environment: xr.Dataset,
    tolerance_s: float,
) -> None:
    """Add what was logged at the times of the water of profiles."""
    names = sorted(set(SENSORS) & set(map(str, environment.data_vars)))
    cells = np.flatnonzero(np.isin(bins.profile, profiles))
    if not names or not len(cells) or not bins.shape[1]:
        return
    logged = own_times(environment)[names]
    found = interpolate_at(logged, time[cells], tolerance_s)
    for name in names:
        _add_means(joined[name], (bins.profile[cells], bins.depth[cells]), found[name].to_numpy())


def _add_means(target: Float, rows: Rows, values: NDArray[Any]) -> None:
    profile, depth = rows
    use = (profile >= 0) & (depth >= 0) & np.isfinite(values)
    flat = profile[use] * target.shape[1] + depth[use]
    count = np.bincount(flat, minlength=target.size)
    total = np.bincount(flat, weights=values[use].astype(np.float64), minlength=target.size)
    known = count > 0
    target.ravel()[known] = total[known] / count[known]
