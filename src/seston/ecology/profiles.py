"""Objects and water put into bins of profile, depth and taxon, beside the environment.

Water comes as cells: pieces so thin that each lies in one depth bin. An object lies in the
cell that imaged its first line, so that counts and volumes speak of the same water.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from seston.config import Profiles
from seston.ecology.bins import Bins
from seston.ecology.casts import Tolerances, join_environment
from seston.ecology.concentration import concentration, subsampled_interval
from seston.ecology.environment import own_times
from seston.ecology.seawater import add_seawater
from seston.ecology.tallies import Tally, summed
from seston.ecology.turning import direction, turning_points
from seston.variables import PROFILES

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Times = NDArray[np.datetime64]

_EARTH_RADIUS_KM = 6371.0088


@dataclass(frozen=True, eq=False)
class Adjusted:
    """Individuals by (profile, depth bin, taxon), mended for the errors of the classifier.

    Parameters
    ----------
    individuals, lower, upper : array, float64
        And their limits. NaN where nothing tells them.
    """

    individuals: Float
    lower: Float
    upper: Float


def put_in_bins(
    time: Times,
    depth: Float,
    deployment: Int,
    environments: Sequence[xr.Dataset],
    settings: Profiles,
    sample: Int | None = None,
    samples: Sequence[str] = (),
) -> Bins:
    """Give each cell of water its profile and its depth bin.

    A sample is a profile; other water is split as the settings say.

    Parameters
    ----------
    time : array (cell), datetime64[ns]
    depth : array (cell), m, positive down
        NaN where not known. Depths above the surface count as 0.
    deployment : array (cell), int64
        Row of `environments`.
    environments : sequence of Dataset (time)
        Of each deployment; with ``depth`` where it is known.
    settings : Profiles
    sample : array (cell), int64, optional
        Row of `samples`; -1 where the water is of none.
    samples : sequence of str
        Names.
    """
    ways = [
        _ways(environment, time[deployment == number], settings)
        for number, environment in enumerate(environments)
    ]
    way = np.zeros(len(time), np.int64)
    for number, ends in enumerate(ways):
        rows = deployment == number
        way[rows] = np.searchsorted(ends, time[rows], side="left")
    sampled = np.full(len(time), -1) if sample is None else sample
    way = np.where(sampled >= 0, sampled, way)
    keys, profile = np.unique(np.stack([deployment, way], axis=1), axis=0, return_inverse=True)
    known = np.isfinite(depth)
    bin_number = np.where(known, np.maximum(depth, 0) // settings.bin_size_m, -1).astype(np.int64)
    bins = int(bin_number.max(initial=-1)) + 1
    edges: Float = np.arange(bins + 1 if bins else 0, dtype=np.float64) * settings.bin_size_m
    keys = keys.reshape(-1, 2)
    of = np.full(len(keys), -1)
    of[profile.ravel()] = sampled
    names = [samples[s] if s >= 0 else "" for s in of]
    return Bins(profile.ravel(), bin_number, edges, ways, keys, names)


def _ways(environment: xr.Dataset, time: Times, settings: Profiles) -> Times:
    """Give the times that end each profile of a deployment but the last."""
    none = np.empty(0, "datetime64[ns]")
    if settings.split == "deployment" or not len(time):
        return none
    if settings.split == "time":
        step = np.timedelta64(round(settings.interval_s * 1e9), "ns")
        return np.arange(time.min() + step, time.max() + step, step)[:-1]
    if "depth" not in environment:
        return none
    depth = own_times(environment)["depth"].dropna("time")
    turns = turning_points(depth.to_numpy(), settings.min_amplitude_m)
    ends: Times = depth["time"].to_numpy()[turns]
    return ends


def build_profiles(
    bins: Bins,
    cells: pd.DataFrame,
    sums: Tally,
    taxa: pd.DataFrame,
    environments: Sequence[xr.Dataset],
    deployments: Sequence[str],
    tolerances: Tolerances | None = None,
    adjusted: Adjusted | None = None,
) -> xr.Dataset:
    """Make the profiles dataset.

    Parameters
    ----------
    bins : Bins
    cells : DataFrame
        time, volume (m3), latitude, longitude, depth (m) of each cell, depth_min and
        depth_max (m) where a cell spans more, and its subsample factor (``factor``) where it is
        not 1.
    sums : Tally
        Of all objects.
    taxa : DataFrame
        label, name, aphia_id, plankton, carbon_mg_mm3: one row a taxon, in the order of `sums`.
    environments : sequence of Dataset (time)
        Cleaned environment of each deployment.
    deployments : sequence of str
        Their names.
    tolerances : Tolerances, optional
        How far in time water and environment may lie apart.
    adjusted : Adjusted, optional
        Individuals, mended; NaN if absent.

    Returns
    -------
    Dataset (profile, depth, taxon)
        All variables of `variables.PROFILES`, with their attributes.
    """
    tolerances = tolerances or Tolerances()
    profiles, depths = bins.shape
    water = summed(bins.slot, cells["volume"].to_numpy(np.float64), profiles * (depths + 1))
    volume = water.reshape(profiles, depths + 1)
    values: dict[str, NDArray[Any]] = {
        **_profile_columns(bins, cells, deployments),
        **_depth_axis(bins),
        **_taxon_columns(taxa),
        **_amounts(sums, volume, taxa, largest_factor(bins, _column(cells, "factor"))),
        **_adjusted(adjusted, volume[:, :-1, None], len(taxa)),
        **join_environment(bins, cells["time"].to_numpy(), environments, tolerances),
    }
    dataset = _dataset(values).assign_attrs(environment_join=str(tolerances))
    dataset = add_seawater(dataset)
    dataset["depth"].attrs |= {"positive": "down", "axis": "Z", "bounds": "depth_bounds"}
    return dataset


def _dataset(values: Mapping[str, NDArray[Any]]) -> xr.Dataset:
    variables = {n: (PROFILES[n].dims, _typed(n, v), PROFILES[n].attrs) for n, v in values.items()}
    coordinates = [
        name
        for name in variables
        if name in ("time", "latitude", "longitude", "depth", "taxon", "depth_bounds", "distance")
        or name.startswith("biological_taxon")
    ]
    data = {name: variable for name, variable in variables.items() if name not in coordinates}
    return xr.Dataset(data, coords={name: variables[name] for name in coordinates})


def _typed(name: str, values: NDArray[Any]) -> NDArray[Any]:
    dtype = PROFILES[name].dtype
    return values.astype(object if dtype == "str" else dtype)


def _profile_columns(
    bins: Bins, cells: pd.DataFrame, deployments: Sequence[str]
) -> dict[str, NDArray[Any]]:
    by_profile = cells.groupby(bins.profile, sort=True)
    time = by_profile["time"].apply(_mean_time).to_numpy("datetime64[ns]")
    latitude = by_profile["latitude"].mean().to_numpy()
    longitude = by_profile["longitude"].apply(_mean_longitude).to_numpy(np.float64)
    ways = by_profile["depth"].apply(lambda d: direction(d.dropna().to_numpy(), 1.0))
    return {
        "deployment": np.array([deployments[d] for d in bins.keys[:, 0]], object),
        "sample": np.array(bins.sample, object),
        "depth_min": _limit(by_profile, "depth_min", "min"),
        "depth_max": _limit(by_profile, "depth_max", "max"),
        "direction": ways.to_numpy(object),
        "time": time,
        "latitude": latitude,
        "longitude": longitude,
        "distance": along_track(latitude, longitude),
    }


def _limit(by_profile: Any, name: str, which: str) -> Float:  # noqa: ANN401 - pandas' grouping
    """Limit of the water sampled, as told; else of the depths at which cells were."""
    seen = by_profile["depth"].agg(which)
    if name not in by_profile.obj:
        return np.asarray(seen, np.float64)
    told = by_profile[name].agg(which)
    return np.asarray(told.where(told.notna(), seen), np.float64)


def _mean_time(times: pd.Series[Any]) -> pd.Timestamp:
    nanoseconds = times.to_numpy("datetime64[ns]").view(np.int64)
    first = int(nanoseconds[0])
    return pd.Timestamp(first + int(np.mean(nanoseconds - first)), unit="ns")


def _mean_longitude(longitudes: pd.Series[Any]) -> float:
    known = longitudes.dropna().to_numpy(np.float64)
    if not len(known):
        return float("nan")
    mean = float(np.unwrap(known, period=360).mean())
    return (mean + 180) % 360 - 180


def along_track(latitude: Float, longitude: Float) -> Float:
    """Distance from the first place along a track, km; places not known are NaN.

    Great circles on a sphere of radius 6371.0088 km (haversine).
    """
    distance = np.full(len(latitude), np.nan)
    known = np.flatnonzero(np.isfinite(latitude) & np.isfinite(longitude))
    lat, lon = np.radians(latitude[known]), np.radians(longitude[known])
    half = (
        np.sin(np.diff(lat) / 2) ** 2
        + np.cos(lat[:-1]) * np.cos(lat[1:]) * np.sin(np.diff(lon) / 2) ** 2
    )
    steps = 2 * _EARTH_RADIUS_KM * np.arcsin(np.sqrt(half))
    distance[known] = np.concatenate([np.zeros(min(1, len(known))), np.cumsum(steps)])
    return distance


def _depth_axis(bins: Bins) -> dict[str, NDArray[Any]]:
    depths = bins.shape[1]
    bounds = np.stack([bins.edges[:-1], bins.edges[1:]], axis=1) if depths else np.empty((0, 2))
    return {"depth": bounds.mean(axis=1) if depths else np.empty(0), "depth_bounds": bounds}


def _taxon_columns(taxa: pd.DataFrame) -> dict[str, NDArray[Any]]:
    lsid = [
        f"urn:lsid:marinespecies.org:taxname:{int(a)}" if pd.notna(a) else ""
        for a in taxa["aphia_id"]
    ]
    return {
        "taxon": taxa["label"].to_numpy(object),
        "biological_taxon_name": taxa["name"].to_numpy(object),
        "biological_taxon_lsid": np.array(lsid, object),
        "plankton": taxa["plankton"].to_numpy(),
    }


def _column(cells: pd.DataFrame, name: str) -> Float | None:
    return cells[name].to_numpy(np.float64) if name in cells else None


def largest_factor(bins: Bins, factor: Float | None) -> Float:
    """Give the largest subsample factor of the water of each bin; 1 where there is none.

    Parameters
    ----------
    bins : Bins
    factor : array (n_cells,), optional
        Of each cell; 1 if absent.

    Returns
    -------
    array (profile, depth + 1)
        The last place of a profile is that of water without depth.
    """
    profiles, depths = bins.shape
    largest = np.ones(profiles * (depths + 1))
    if factor is not None:
        largest[bins.slot] = 0.0
        np.maximum.at(largest, bins.slot, np.asarray(factor, np.float64))
    return largest.reshape(profiles, depths + 1)


def _amounts(
    sums: Tally, volume: Float, taxa: pd.DataFrame, largest: Float
) -> dict[str, NDArray[Any]]:
    count, water = sums.count[:, :-1], volume[:, :-1, None]
    individuals = sums.individuals[:, :-1]
    squares, most = sums.squares[:, :-1], largest[:, :-1, None]
    lower, upper = subsampled_interval(individuals, squares, most)
    factor = taxa["carbon_mg_mm3"].to_numpy(np.float64)
    biovolume = concentration(sums.biovolume[:, :-1], water)
    return {
        "count": count,
        "individuals": individuals,
        "imaged_volume": volume[:, :-1],
        "concentration": concentration(individuals, water),
        "concentration_lower": concentration(lower, water),
        "concentration_upper": concentration(upper, water),
        "biovolume": biovolume,
        "carbon": biovolume * factor,
        "unpositioned_count": sums.count[:, -1],
        "unpositioned_volume": volume[:, -1],
    }


def _adjusted(adjusted: Adjusted | None, water: Float, taxa: int) -> dict[str, NDArray[Any]]:
    unknown = np.full((*water.shape[:2], taxa), np.nan)
    found = adjusted or Adjusted(unknown, unknown, unknown)
    return {
        "concentration_adjusted": concentration(found.individuals, water),
        "concentration_adjusted_lower": concentration(found.lower, water),
        "concentration_adjusted_upper": concentration(found.upper, water),
    }
