"""Sensors joined to times, and sea water by TEOS-10."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from seston.ecology import add_seawater, interpolate_at
from seston.errors import ClockError

START = np.datetime64("2013-07-25T00:00:00", "ns")


def seconds(values) -> np.ndarray:
    return START + (np.asarray(values, float) * 1e9).astype("timedelta64[ns]")


def environment(times, **columns) -> xr.Dataset:
    return xr.Dataset(
        {name: ("time", np.asarray(v, float)) for name, v in columns.items()},
        coords={"time": seconds(times)},
    )


def test_values_are_linear_between_records_and_never_beyond_the_tolerance():
    log = environment([0, 1, 10], depth=[10, 12, 20])
    found = interpolate_at(log, seconds([0.5, 1, 5, 11, 13]), 2.0)["depth"]
    np.testing.assert_allclose(found, [11, 12, np.nan, 20, np.nan])


def test_a_nan_record_is_bridged_only_within_the_tolerance():
    log = environment([0, 1, 2, 3], depth=[10, np.nan, np.nan, 13])
    np.testing.assert_allclose(interpolate_at(log, seconds([1.5]), 2.0)["depth"], [11.5])
    np.testing.assert_allclose(interpolate_at(log, seconds([1.5]), 1.0)["depth"], [np.nan])


def test_longitudes_cross_the_date_line_the_short_way():
    log = environment([0, 1], longitude=[179.9, -179.9])
    found = float(interpolate_at(log, seconds([0.25]), 2.0)["longitude"][0])
    assert found == pytest.approx(179.95)


def test_a_log_that_is_not_in_order_is_refused():
    with pytest.raises(ClockError, match="do not increase"):
        interpolate_at(environment([1, 0], depth=[1, 2]), seconds([0.5]), 2.0)


def test_a_frame_without_a_time_has_no_depth():
    log = environment([0, 1], depth=[1, 2])
    never = np.array(["NaT"], "datetime64[ns]")
    assert np.isnan(interpolate_at(log, never, 2.0)["depth"][0])


def test_sea_water_is_that_of_the_teos_10_check_values():
    """Example of the GSW documentation: lat 4, lon 188, pressures 10 to 1000 dbar."""
    import gsw

    salinity = np.array([34.5487, 34.7275, 34.8605, 34.6810, 34.5680, 34.5600])
    temperature = np.array([28.7856, 28.4329, 22.8103, 10.2600, 6.8863, 4.4036])
    depth = -gsw.z_from_p(np.array([10.0, 50, 125, 250, 600, 1000]), 4)
    profiles = xr.Dataset(
        {
            "temperature": (("profile", "depth"), temperature[None]),
            "salinity": (("profile", "depth"), salinity[None]),
            "oxygen": (("profile", "depth"), np.full((1, 6), 100.0)),
        },
        coords={"depth": depth, "latitude": ("profile", [4.0]), "longitude": ("profile", [188.0])},
    )
    found = add_seawater(profiles)
    absolute = [34.711779, 34.891523, 35.025547, 34.847230, 34.736629, 34.732360]
    conservative = [28.809920, 28.439228, 22.786246, 10.226232, 6.827214, 4.323577]
    sigma0 = [21.797900, 22.052215, 23.892985, 26.667646, 27.107380, 27.409748]
    np.testing.assert_allclose(found["absolute_salinity"][0], absolute, atol=1e-4)
    np.testing.assert_allclose(found["conservative_temperature"][0], conservative, atol=1e-4)
    np.testing.assert_allclose(found["sigma0"][0], sigma0, atol=1e-3)
    aou = found["oxygen_solubility"] - profiles["oxygen"]
    np.testing.assert_allclose(found["apparent_oxygen_utilization"], aou, rtol=1e-5)
