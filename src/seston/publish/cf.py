"""Profiles as a CF-1.11 netCDF file that any tool of the field opens.

The layout is that of profiles on common depths (CF 1.11, H.3.1), with the taxa as the first
dimension and their names and identifiers as auxiliary coordinates (CF 1.11, 6.1.2).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seston.errors import StoreError

_ORDER = ("taxon", "profile", "depth", "bound")
_TIME = {"units": "seconds since 1970-01-01T00:00:00", "calendar": "standard", "dtype": "float64"}


def to_netcdf(profiles: xr.Dataset, path: Path) -> None:
    """Write a profiles dataset as netCDF.

    Parameters
    ----------
    profiles : Dataset (profile, depth, taxon)
        As the workflow writes it.
    path : Path
        Written straight: the caller makes it atomic.

    Raises
    ------
    StoreError
        There is no depth bin: nothing of the campaign has a depth.
    """
    if not profiles.sizes.get("depth") or not profiles.sizes.get("profile"):
        raise StoreError(
            "the profiles have no depth bins, because no frame has a depth",
            cure="Give the CTD log, or `depth_m` in campaigns.csv, and run again.",
        )
    dataset = _arranged(profiles.load())
    dataset.to_netcdf(path, engine="netcdf4", format="NETCDF4", encoding=_encoding(dataset))


def _arranged(profiles: xr.Dataset) -> xr.Dataset:
    dataset = profiles.drop_encoding().transpose(*_ORDER, missing_dims="ignore")
    numbers = np.arange(dataset.sizes["profile"], dtype=np.int32)
    dataset = dataset.assign_coords(
        profile_number=("profile", numbers, {"cf_role": "profile_id", "long_name": "profile"})
    )
    dataset["time"].attrs |= {"axis": "T", "units_metadata": "leap_seconds: none"}
    for name, axis in (("latitude", "Y"), ("longitude", "X")):
        dataset[name].attrs["axis"] = axis
    dataset["depth"].attrs |= {"positive": "down", "axis": "Z", "bounds": "depth_bounds"}
    dataset["depth_bounds"].attrs = {"long_name": dataset["depth"].attrs["long_name"]}  # CF 7.1
    for variable in dataset.data_vars.values():
        if variable.attrs.get("units") == "degree_C":
            variable.attrs["units_metadata"] = "temperature: on_scale"
    dataset.attrs |= _about(dataset) | _extent(dataset)
    return dataset


def _about(dataset: xr.Dataset) -> dict[str, str]:
    version = dataset.attrs.get("seston_version", "")
    return {
        "featureType": "profile",
        "Conventions": "CF-1.11, ACDD-1.3",
        "history": f"exported by seston {version}".strip(),
        "standard_name_vocabulary": "CF Standard Name Table v93",
    }


def _extent(dataset: xr.Dataset) -> dict[str, Any]:
    """ACDD attributes of where and when."""
    extent: dict[str, Any] = {
        "geospatial_vertical_min": float(dataset["depth"].min()),
        "geospatial_vertical_max": float(dataset["depth"].max()),
        "geospatial_vertical_positive": "down",
        "geospatial_vertical_units": "m",
        "time_coverage_start": str(dataset["time"].min().to_numpy().astype("datetime64[s]")) + "Z",
        "time_coverage_end": str(dataset["time"].max().to_numpy().astype("datetime64[s]")) + "Z",
    }
    for name, key in (("latitude", "lat"), ("longitude", "lon")):
        values = dataset[name].to_numpy()
        if np.isfinite(values).any():
            extent[f"geospatial_{key}_min"] = float(np.nanmin(values))
            extent[f"geospatial_{key}_max"] = float(np.nanmax(values))
    return extent


def _encoding(dataset: xr.Dataset) -> dict[str, dict[str, Any]]:
    return {str(name): _encoding_of(variable) for name, variable in dataset.variables.items()}


def _encoding_of(variable: xr.Variable) -> dict[str, Any]:
    if np.issubdtype(variable.dtype, np.datetime64):
        return {**_TIME, "_FillValue": None}
    if variable.dtype.kind in "OUT":
        return {"dtype": "S1"}
    is_data = variable.dtype.kind == "f" and variable.ndim > 1 and "bound" not in variable.dims
    packed = {"zlib": True, "complevel": 4} if is_data else {}
    return {**packed, "_FillValue": variable.dtype.type(np.nan) if is_data else None}
