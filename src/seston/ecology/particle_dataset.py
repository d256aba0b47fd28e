"""The particles dataset: samples that were put into cells, on common axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from seston.ecology.particles import SIZE_LIMITS_MM, ParticleBins, class_middles
from seston.variables import PARTICLES

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BinnedSample:
    """A sample in cells, with what is known of it.

    Parameters
    ----------
    bins : ParticleBins
    about : mapping
        Values of the registry's variables by profile, the same for all profiles of the sample.
    ctd : DataFrame or None
        Mean of each column of the CTD: index ``profile`` and ``bin``, as of `bins`.
    """

    bins: ParticleBins
    about: Mapping[str, Any]
    ctd: pd.DataFrame | None = None


def bin_ctd(
    ctd: pd.DataFrame, bin_size_m: float, time: NDArray[np.datetime64] | None, interval_s: float
) -> pd.DataFrame:
    """Mean of the records of a CTD in each cell.

    Parameters
    ----------
    ctd : DataFrame
        ``depth`` (m), and columns of numbers.
    bin_size_m : float, m
    time : array of datetime64[ns], or None
        Of each record: of a time series, whose profiles are intervals. None: of a cast.
    interval_s : float, s
    """
    depth = np.maximum(ctd["depth"].to_numpy(np.float64), 0)
    use = np.isfinite(depth)
    profile = np.zeros(len(ctd), np.int64)
    if time is not None:
        use &= ~np.isnat(time)
        profile = np.floor(time.astype(np.int64) / (interval_s * 1e9)).astype(np.int64)
    columns = [n for n in ctd.columns[1:] if pd.api.types.is_float_dtype(ctd[n])]
    keys = [profile[use], np.floor(depth[use] / bin_size_m).astype(np.int64)]
    means: pd.DataFrame = ctd.loc[use, columns].groupby(keys).mean()
    return means.rename_axis(["profile", "bin"])


def build_particles(samples: Sequence[BinnedSample], bin_size_m: float) -> xr.Dataset:
    """Join samples in one dataset.

    Parameters
    ----------
    samples : sequence of BinnedSample
    bin_size_m : float, m

    Returns
    -------
    Dataset (profile, depth, size_class)
        The variables of `variables.PARTICLES`.
    """
    deepest = max((int(s.bins.depth.max(initial=-1)) for s in samples), default=-1) + 1
    pieces = [(s, p) for s in samples for p in np.unique(s.bins.profile)]
    shape = (len(pieces), deepest)
    values = _empty(shape)
    columns = _ctd_columns(samples)
    ctd = np.full((*shape, len(columns)), np.nan)
    for row, (sample, profile) in enumerate(pieces):
        mine = sample.bins.profile == profile
        _fill(values, row, sample.bins, mine)
        if sample.ctd is not None and profile in sample.ctd.index.get_level_values(0):
            means = sample.ctd.loc[profile].reindex(np.arange(deepest), columns=columns)
            ctd[row] = np.where(values["images"][row][:, None] > 0, means.to_numpy(), np.nan)
    about = _about(pieces, values)
    axes = _axes(deepest, bin_size_m)
    if columns:
        axes["ctd_column"], values["ctd"] = np.array(columns, object), ctd
    return _dataset(values | about | axes)


def _empty(shape: tuple[int, int]) -> dict[str, NDArray[Any]]:
    classes = len(SIZE_LIMITS_MM) - 1
    return {
        "cell_time": np.full(shape, np.datetime64("NaT"), "datetime64[ns]"),
        "mean_depth": np.full(shape, np.nan),
        "images": np.zeros(shape),
        "imaged_volume": np.zeros(shape),
        **{n: np.full((*shape, classes), np.nan) for n in ("count", "concentration", "biovolume")},
    }


def _fill(
    values: dict[str, NDArray[Any]], row: int, bins: ParticleBins, mine: NDArray[np.bool_]
) -> None:
    at = bins.depth[mine]
    volume = bins.volume[mine][:, None]
    values["cell_time"][row, at] = bins.time[mine]
    values["mean_depth"][row, at] = bins.mean_depth[mine]
    values["images"][row, at] = bins.images[mine]
    values["imaged_volume"][row, at] = bins.volume[mine]
    values["count"][row, at] = bins.count[mine]
    with np.errstate(divide="ignore", invalid="ignore"):
        water = np.where(volume > 0, volume, np.nan)
        values["concentration"][row, at] = bins.count[mine] / water
        values["biovolume"][row, at] = bins.biovolume[mine] / water


def _about(
    pieces: Sequence[tuple[BinnedSample, Any]], values: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    names = [n for n, v in PARTICLES.items() if v.dims == ("profile",) and n != "time"]
    about = {
        name: _typed(name, [s.about.get(name, PARTICLES[name].fill_value) for s, _ in pieces])
        for name in names
    }
    means = []
    for row, (sample, _) in enumerate(pieces):
        known = pd.Series(values["cell_time"][row]).dropna()
        means.append(known.mean() if len(known) else sample.about["sample_time"])
    return about | {"time": pd.to_datetime(pd.Series(means)).to_numpy("datetime64[ns]")}


def _typed(name: str, values: Sequence[Any]) -> NDArray[Any]:
    dtype = PARTICLES[name].dtype
    return np.array(values, object if dtype == "str" else dtype)


def _axes(deepest: int, bin_size_m: float) -> dict[str, NDArray[Any]]:
    edges = np.arange(deepest + 1) * bin_size_m
    limits = np.array(SIZE_LIMITS_MM)
    classes = np.stack([limits[:-1], limits[1:]], axis=1)
    return {
        "depth": (edges[:-1] + edges[1:]) / 2,
        "depth_bounds": np.stack([edges[:-1], edges[1:]], axis=1),
        "size_class": class_middles(classes),
        "size_class_bounds": classes,
    }


def _ctd_columns(samples: Sequence[BinnedSample]) -> list[str]:
    """Columns of all CTDs, in the order of the first that has each; those never told left out."""
    found: dict[str, bool] = {}
    for sample in samples:
        if sample.ctd is not None:
            for name in sample.ctd.columns:
                found[str(name)] = found.get(str(name), False) or bool(
                    sample.ctd[name].notna().any()
                )
    return list(found)


def _dataset(values: Mapping[str, NDArray[Any]]) -> xr.Dataset:
    coordinates = {
        "depth", "depth_bounds", "size_class", "size_class_bounds", "ctd_column", "time",
        "latitude", "longitude", "sample",
    }  # fmt: skip
    variables = {
        name: (PARTICLES[name].dims, value, PARTICLES[name].attrs) for name, value in values.items()
    }
    return xr.Dataset(
        {n: v for n, v in variables.items() if n not in coordinates},
        coords={n: v for n, v in variables.items() if n in coordinates},
    )
