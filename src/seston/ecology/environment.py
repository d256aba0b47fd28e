"""The environment as sensors logged it: cleaned, and joined to any time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seston.errors import ClockError
from seston.variables import MISSING

Float = NDArray[np.float64]

#: Variables that are not despiked: the ship knows its place, and the speed may jump.
_LEFT_ALONE = frozenset({"latitude", "longitude", "speed", "irradiance"})
_PASSES = 10
_MAD_TO_SD = 1.4826


def _windows(values: Float, half: int) -> Float:
    padded = np.pad(values, half, constant_values=np.nan)
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1)


def _moving_median(values: Float, half: int) -> Float:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # windows of NaN alone
        return np.nanmedian(_windows(values, half), axis=1)


def _moving_mad(values: Float, half: int) -> Float:
    import warnings

    windows = _windows(values, half)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        middle = np.nanmedian(windows, axis=1, keepdims=True)
        return _MAD_TO_SD * np.nanmedian(np.abs(windows - middle), axis=1)


def _bridged(values: Float) -> Float:
    """Fill gaps in a straight line: a value beside a gap is not far from its median for that."""
    known = np.isfinite(values)
    if known.all() or not known.any():
        return values
    rows = np.arange(len(values))
    return np.interp(rows, rows[known], values[known])


def despike(values: NDArray[np.floating[Any]], half: int = 1, multiple: float = 5.3) -> Float:
    """Set spikes to NaN.

    A spike departs from the moving median by more than `multiple` times the moving median
    absolute deviation of these departures. Repeated until none is left, at most 10 times.

    Parameters
    ----------
    values : array (n)
        A series in the order of time or depth; NaN is skipped.
    half : int
        The window of the median has so many values on each side, that of the deviation twice
        as many.
    multiple : float
        How far a spike departs.

    Returns
    -------
    array (n), float64

    References
    ----------
    Algorithm of the R package castr (J.-O. Irisson), function ``despike``.
    """
    clean_values = np.asarray(values, np.float64).copy()
    if len(clean_values) < 2 * half + 1:
        return clean_values
    for _ in range(_PASSES):
        middle = _bridged(clean_values)
        for _ in range(3):
            middle = _moving_median(middle, half)
        anomaly = clean_values - middle
        deviation = _moving_mad(anomaly, 2 * half)
        spikes = (np.abs(anomaly) > multiple * deviation) & (deviation > 0)
        if not spikes.any():
            break
        clean_values[spikes] = np.nan
    return clean_values


def clean(environment: xr.Dataset) -> xr.Dataset:
    """Despike the sensors of an environment (dim time); gaps are left as NaN.

    Positions and speeds are left as they are. Each cast is despiked for itself.
    """
    casts = _casts(environment)
    changed = {
        name: ("time", _despiked(variable.to_numpy(), casts), variable.attrs)
        for name, variable in environment.data_vars.items()
        if name not in _LEFT_ALONE and variable.dims == ("time",) and variable.dtype.kind == "f"
    }
    return environment.assign(changed)


def own_times(environment: xr.Dataset) -> xr.Dataset:
    """Leave out records (dim time) that tell no time of their own, but that of their cast."""
    return environment.isel(time=own_time_rows(environment))


def own_time_rows(environment: xr.Dataset) -> NDArray[np.int64]:
    """Rows of the records that tell a time of their own."""
    own = ~np.isnat(environment["time"].to_numpy())
    if "time_flag" in environment:
        own &= environment["time_flag"].to_numpy() != MISSING
    return np.flatnonzero(own)


def _casts(environment: xr.Dataset) -> list[NDArray[np.int64]]:
    """Rows of each cast, and of the records that are of none, in the order of time."""
    rows = np.arange(environment.sizes["time"])
    if "sample" not in environment:
        return [rows]
    names, number = np.unique(environment["sample"].to_numpy().astype(object), return_inverse=True)
    return [rows[number == i] for i in range(len(names))]


def _despiked(values: NDArray[Any], casts: list[NDArray[np.int64]]) -> NDArray[Any]:
    clean_values = values.copy()
    for rows in casts:
        clean_values[rows] = despike(values[rows])
    return clean_values


def interpolate_at(
    environment: xr.Dataset, times: NDArray[np.datetime64], tolerance_s: float
) -> xr.Dataset:
    """Join the environment to times, linearly between the records before and after.

    Parameters
    ----------
    environment : Dataset (time)
        Sorted by time, no time twice. Records without a time of their own, texts and flags are
        left out.
    times : array (n), datetime64[ns]
    tolerance_s : float, s
        Both records must be at most so far away; else the value is NaN. Never extrapolated,
        but a time within the tolerance beyond the first or last record takes its value.

    Returns
    -------
    Dataset (time)
        The same variables at `times`. Longitudes cross the date line the short way.

    Raises
    ------
    ClockError
        The times of the environment do not increase.
    """
    environment = own_times(environment)
    known = environment["time"].to_numpy().astype("datetime64[ns]").view(np.int64)
    if np.any(np.diff(known) <= 0):
        raise ClockError(
            "times of the environment do not increase",
            cure="Sort the log and drop the records that stand twice.",
        )
    at = np.asarray(times, "datetime64[ns]").view(np.int64)
    between: dict[bytes, _Between] = {}  # most variables are known at the same times
    joined = {}
    for name, variable in environment.data_vars.items():
        if variable.dims == ("time",) and variable.dtype.kind == "f":
            values = np.asarray(variable.to_numpy(), np.float64)
            there = np.isfinite(values)
            key = there.tobytes()
            if key not in between:
                between[key] = _Between.of(known[there], at, tolerance_s)
            found = between[key].join(values[there], turns=name == "longitude")
            joined[name] = ("time", found, variable.attrs)
    return xr.Dataset(joined, coords={"time": np.asarray(times, "datetime64[ns]")})


@dataclass(frozen=True)
class _Between:
    """For each time the rows of the records before and after it, and its share of the way."""

    before: NDArray[np.int64]
    after: NDArray[np.int64]
    share: Float
    unknown: NDArray[np.bool_]

    @classmethod
    def of(cls, x: NDArray[np.int64], at: NDArray[np.int64], tolerance: float) -> _Between:
        if not len(x) or not len(at):
            none = np.zeros(len(at), np.int64)
            return cls(none, none, none.astype(float), np.ones(len(at), bool))
        after = np.clip(np.searchsorted(x, at), 0, len(x) - 1)
        before = np.maximum(after - 1, 0)
        exact = x[after] == at
        before = np.where(exact | (at > x[-1]), after, before)
        after = np.where(at < x[0], before, after)
        far = np.maximum(np.abs(at - x[before]), np.abs(x[after] - at))
        span = np.maximum(x[after] - x[before], 1)
        share = np.where(x[after] > x[before], (at - x[before]) / span, 0.0)
        return cls(before, after, share, (far > tolerance * 1e9) | (at == np.iinfo(np.int64).min))

    def join(self, y: Float, *, turns: bool) -> Float:
        """Join values; those that turn are degrees, and go the short way round."""
        if not len(y) or not len(self.before):
            return np.full(len(self.before), np.nan)
        if turns:
            y = np.unwrap(y, period=360)
        result: Float = y[self.before] + self.share * (y[self.after] - y[self.before])
        if turns:
            result = (result + 180) % 360 - 180
        result[self.unknown] = np.nan
        return result
