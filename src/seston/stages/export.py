"""Export: datasets in the forms that others read."""

from __future__ import annotations

from pathlib import Path

from seston.publish.cf import to_netcdf
from seston.store import load_dataset, new_file


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
