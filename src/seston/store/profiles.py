"""Small datasets (profiles, environment) on disk."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from seston.atomic import ANYTHING, new_folder
from seston.store.arrays import CODEC, finish_store
from seston.variables import TIME_UNITS


def write_dataset(dataset: xr.Dataset, path: Path) -> None:
    """Write a dataset that fits in memory as a Zarr store that opens with one read.

    Text is stored with variable length, times as whole nanoseconds; nothing in the store
    depends on when it was written.

    Raises
    ------
    SpaceError
        The disk is full.
    """
    with new_folder(path, ANYTHING) as draft:
        fill_store(draft, dataset)


def fill_store(folder: Path, dataset: xr.Dataset) -> None:
    """Write a dataset into a folder inside one that `new_folder` gave; see `write_dataset`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # consolidated metadata and text in Zarr v3
        folder.mkdir(parents=True, exist_ok=True)
        plain = dataset.drop_encoding()
        plain.to_zarr(
            folder,
            mode="w",
            consolidated=False,
            zarr_format=3,
            encoding=_encodings(plain),
        )
        finish_store(folder)


def _encodings(dataset: xr.Dataset) -> dict[str, dict[str, Any]]:
    return {str(name): _encoding(variable) for name, variable in dataset.variables.items()}


def _encoding(variable: xr.Variable) -> dict[str, Any]:
    # One chunk each: these datasets are read whole. Chunks may not be empty.
    encoding: dict[str, Any] = {
        "chunks": tuple(max(1, n) for n in variable.shape),
        "compressors": (CODEC,),
    }
    if np.issubdtype(variable.dtype, np.datetime64):
        encoding |= {"units": TIME_UNITS, "dtype": "int64", "calendar": "proleptic_gregorian"}
    elif variable.dtype.kind == "f":
        encoding["_FillValue"] = np.nan
    return encoding
