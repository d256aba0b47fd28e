"""The netCDF export is CF, and says the same as the Zarr store."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import synthetic
from seston.errors import StoreError
from seston.publish.cf import to_netcdf
from seston.store import open_dataset, write_dataset


@pytest.fixture
def profiles(tmp_path: Path) -> xr.Dataset:
    write_dataset(synthetic.profiles(n_profiles=4, n_depths=20), tmp_path / "profiles.zarr")
    return open_dataset(tmp_path / "profiles.zarr")


def test_the_file_says_what_the_store_says(profiles: xr.Dataset, tmp_path: Path) -> None:
    to_netcdf(profiles, tmp_path / "out.nc")
    written = xr.open_dataset(tmp_path / "out.nc")
    for name in ("concentration", "imaged_volume", "temperature", "count"):
        expected = profiles[name].transpose(*written[name].dims)
        np.testing.assert_array_equal(written[name].to_numpy(), expected.to_numpy())
    np.testing.assert_array_equal(written["taxon"], profiles["taxon"])
    error = np.abs(written["time"].to_numpy() - profiles["time"].to_numpy())
    assert (error < np.timedelta64(1, "us")).all()


def test_no_check_of_cf_fails(profiles: xr.Dataset, tmp_path: Path) -> None:
    if importlib.util.find_spec("compliance_checker") is None:
        pytest.skip("compliance-checker is not installed (extra `publish`)")
    from compliance_checker.runner import CheckSuite, ComplianceChecker

    to_netcdf(profiles, tmp_path / "out.nc")
    CheckSuite.load_all_available_checkers()
    report = tmp_path / "report.txt"
    passed, errors = ComplianceChecker.run_checker(
        str(tmp_path / "out.nc"), ["cf:1.11"], 0, "strict", output_filename=str(report)
    )
    assert passed, report.read_text()
    assert not errors


def test_profiles_without_any_depth_are_refused_in_words(tmp_path: Path) -> None:
    empty = synthetic.profiles(n_profiles=2, n_depths=5).isel(depth=slice(0, 0))
    with pytest.raises(StoreError, match="no depth bins"):
        to_netcdf(empty, tmp_path / "out.nc")
