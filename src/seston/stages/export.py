"""Export: datasets in the forms that others read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from seston.publish.cf import to_netcdf
from seston.publish.ecopart import write_tables
from seston.store import load_dataset, new_file, new_folder, open_dataset


def netcdf(results: Path, out: Path) -> None:
    """Write the profiles of a campaign as a CF-1.11 netCDF file.

    Parameters
    ----------
    results : Path
        Folder of a campaign's results, or its profiles.zarr.
    out : Path
        The file; replaced whole, or not at all.

    Raises
    ------
    StoreError
        There are no profiles.
    SpaceError
        The disk is full.
    """
    store = results if results.suffix == ".zarr" else results / "profiles.zarr"
    profiles = load_dataset(store)
    with new_file(out) as draft:
        to_netcdf(profiles, draft)


def ecopart(results: Path, out: Path, stamp: str | None = None) -> None:
    """Write the particles of a campaign, and objects that people sorted, as EcoPart's tables.

    Parameters
    ----------
    results : Path
        Folder of a campaign's results.
    out : Path
        The folder; replaced whole, or not at all.
    stamp : str, optional
        Stands in the names of files, as in ``export_detailed_20210201_11_31_PAR_cast.tsv``; the
        time (UTC) if absent.

    Raises
    ------
    StoreError
        There are no particles, or the folder holds something: maybe tables of EcoPart itself.
    SpaceError
        The disk is full.
    """
    if stamp is None:
        stamp = f"{datetime.now(UTC):%Y%m%d_%H_%M}"
    with open_dataset(results / "particles.zarr") as opened, new_folder(out) as draft:
        particles = opened.load()
        objects = results / "objects.zarr"
        if objects.exists():
            with open_dataset(objects) as found:
                write_tables(particles, draft, sorted_objects(found), stamp)
        else:
            write_tables(particles, draft, stamp=stamp)


def sorted_objects(objects: xr.Dataset) -> pd.DataFrame:
    """Give the objects that people sorted: taxon, sample, depth (m), time and diameter (mm).

    The diameter is that of a disc of the object's area with its holes, as EcoPart reckons.
    """
    if "taxon" not in objects:
        return pd.DataFrame(
            columns=["deployment", "sample", "taxon", "depth", "time", "diameter_mm"]
        )
    taxon = objects["validated_taxon"].to_numpy()
    rows = np.flatnonzero(taxon >= 0)
    names = [str(name) for name in objects["feature"].to_numpy()]
    filled, area = (
        objects["features"].isel(feature=names.index(n)).to_numpy()[rows].astype(np.float64)
        for n in ("area_filled", "area")
    )
    frame = objects["frame"].to_numpy()[rows]
    pixel = (objects["frame_pixel_height"] * objects["frame_pixel_width"]).to_numpy()[frame]
    # Areas are whole pixels: so what single precision took away comes back.
    area = np.rint(np.where(np.isfinite(filled), filled, area) / pixel) * pixel
    return pd.DataFrame({
        "deployment": objects["frame_deployment"].to_numpy()[frame].astype(object),
        "sample": objects["frame_sample"].to_numpy()[frame].astype(object),
        "taxon": objects["taxon"].to_numpy()[taxon[rows]].astype(object),
        "depth": objects["frame_depth"].to_numpy()[frame].astype(np.float64),
        "time": objects["frame_time"].to_numpy()[frame],
        "diameter_mm": 2 * np.sqrt(area / np.pi),
    })  # fmt: skip
