"""The environment of profiles: from the cast of the name, the nearest cast, or in time."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from seston.config import Profiles
from seston.ecology import Tolerances, put_in_bins
from seston.ecology.casts import join_environment
from seston.ecology.environment import clean, interpolate_at
from seston.variables import MISSING, NOT_CHECKED

START = np.datetime64("2026-05-01T00:00:00", "ns")
HOUR = 3600.0


def seconds(values):
    return START + (np.asarray(values, float) * 1e9).astype("timedelta64[ns]")


def records(time_s, depth, temperature, sample=None, own=True):
    variables = {"depth": ("time", np.asarray(depth, float)),
                 "temperature": ("time", np.asarray(temperature, float))}  # fmt: skip
    if sample is not None:
        variables["sample"] = ("time", np.array(sample, object))
    if not own:
        variables["time_flag"] = ("time", np.full(len(time_s), MISSING, np.int8))
    return xr.Dataset(variables, coords={"time": seconds(time_s)})


def joined(water, environment, samples=(), tolerances=None, split="deployment"):
    """Join water (s, m, row of `samples` or -1) with the environment of one deployment."""
    water = np.asarray(water, float).reshape(-1, 3)
    time = seconds(water[:, 0])
    bins = put_in_bins(
        time, water[:, 1], np.zeros(len(water), np.int64), [environment], Profiles(split=split),
        water[:, 2].astype(int), samples,
    )  # fmt: skip
    return join_environment(bins, time, [environment], tolerances or Tolerances())


def cast(name, start_s, temperature, depths=(0.5, 1.5, 2.5)):
    time = start_s + np.arange(len(depths))
    return time, depths, [temperature + d for d in depths], [name] * len(depths)


def casts(*all_of_them):
    parts = sorted(all_of_them, key=lambda part: part[0][0])
    return records(*(np.concatenate([np.asarray(p[i]) for p in parts]) for i in range(4)))


def test_a_sample_takes_the_cast_of_its_name_however_far_in_time():
    environment = casts(cast("S1", 100 * HOUR, 10), cast("s2", 0, 20))
    found = joined([(0, 0.5, 0), (0, 2.5, 0), (9, 1.5, 1)], environment, ["s1", "s2"])
    np.testing.assert_allclose(found["temperature"], [[10.5, 11.5, 12.5], [20.5, 21.5, 22.5]])
    assert found["cast"].tolist() == ["S1", "s2"]


def test_without_the_name_the_nearest_cast_within_the_tolerance_serves_several_samples():
    environment = casts(cast("ctd7", 0, 10), cast("ctd8", 5 * HOUR, 20))
    water = [(2 * HOUR, 0.5, 0), (2.4 * HOUR, 1.5, 1), (3 * HOUR, 2.5, 2), (20 * HOUR, 0.5, 3)]
    found = joined(water, environment, ["a", "b", "c", "late"])
    assert found["cast"].tolist() == ["ctd7", "ctd7", "ctd8", ""]
    assert found["temperature"][:, 0].tolist()[:3] == [10.5, 10.5, 20.5]
    assert np.isnan(found["temperature"][3]).all()  # 15 h from any cast
    strict = joined(water, environment, ["a", "b", "c", "late"], Tolerances(cast_s=60))
    assert strict["cast"].tolist() == ["", "", "", ""]


def test_nothing_is_known_below_the_deepest_record_of_a_cast():
    found = joined([(0, 0.5, 0), (0, 5.5, 0)], casts(cast("s", 0, 10)), ["s"])
    assert np.isnan(found["temperature"][0]).tolist() == [False, False, False, True, True, True]


def test_a_sample_without_a_cast_takes_what_was_logged_at_the_time_of_its_water():
    log = records(np.arange(0, 100, 10), np.full(10, 5.0), np.arange(10.0))
    water = [(15, 0.5, 0), (25, 0.5, 0), (40, 0.5, 1), (200, 0.5, 2)]
    found = joined(water, log, ["a", "b", "c"], Tolerances(position_s=10))
    np.testing.assert_allclose(found["temperature"][:, 0], [2.0, 4.0, np.nan])
    narrow = joined(water, log, ["a", "b", "c"], Tolerances(position_s=2))
    np.testing.assert_allclose(narrow["temperature"][:, 0], [np.nan, 4.0, np.nan])


def test_a_cast_far_from_a_tow_says_nothing_of_it():
    tow = np.arange(0, 50.0)
    water = [(t, 0.5, -1) for t in tow]
    far = casts(cast("ctd", 10 * HOUR, 10))
    assert np.isnan(joined(water, far)["temperature"]).all()
    amid = casts(cast("ctd", 20, 10))
    assert joined(water, amid)["temperature"][0, 0] == 10.5


def test_records_that_have_only_the_time_of_their_cast_are_not_joined_in_time():
    binned = records([0, 0.1, 0.2], [0.5, 1.5, 2.5], [10, 11, 12], ["c"] * 3, own=False)
    assert np.isnan(interpolate_at(binned, seconds([0.1]), 2.0)["depth"]).all()
    assert np.isnan(joined([(0.1, 0.5, -1)], binned)["temperature"]).all()
    sampled = joined([(0.1, 1.5, 0)], binned, ["c"])
    assert sampled["temperature"][0].tolist() == [10, 11]


def test_records_without_any_time_are_found_by_their_name_alone():
    time = np.full(3, np.datetime64("NaT", "ns"))
    environment = records([0, 1, 2], [0.5, 1.5, 2.5], [10, 11, 12], ["c"] * 3, own=False)
    environment = environment.assign_coords(time=time)
    assert joined([(0, 2.5, 0)], environment, ["c"])["temperature"][0].tolist() == [10, 11, 12]
    other = joined([(0, 2.5, 0)], environment, ["d"])
    assert np.isnan(other["temperature"]).all()
    assert other["cast"].tolist() == [""]


def test_each_cast_is_despiked_for_itself():
    time = np.arange(40.0)
    names = ["a", "b"] * 20  # two casts at the same time, in waters of 5 and 25 degrees
    environment = records(time, time, [5.0 + i % 2 * 20 + 0.01 * i for i in range(40)], names)
    np.testing.assert_array_equal(clean(environment)["temperature"], environment["temperature"])


def test_flags_are_not_interpolated():
    log = records([0, 10], [1, 2], [10, 12])
    log["temperature_flag"] = ("time", np.full(2, NOT_CHECKED, np.int8))
    assert set(interpolate_at(log, seconds([5]), 10)) == {"depth", "temperature"}


def test_the_tolerances_are_told_in_words():
    assert "nearest in time within 10800 s" in str(Tolerances())
    assert "in time within 2 s" in str(Tolerances())


@settings(max_examples=60, deadline=None)
@given(
    depths=st.lists(st.floats(0, 30), min_size=1, max_size=12),
    water=st.lists(st.floats(0, 40), min_size=1, max_size=8),
)
def test_no_mean_leaves_the_range_of_the_cast_nor_its_depths(depths, water):
    depths = sorted(depths)
    environment = records(
        np.arange(len(depths)), depths, [20 - d / 3 for d in depths], ["c"] * len(depths)
    )
    found = joined([(0, d, 0) for d in water], environment, ["c"])["temperature"][0]
    known = np.flatnonzero(np.isfinite(found))
    assert set(known) <= {int(d) for d in depths}
    for i in known:
        assert 20 - (i + 1) / 3 - 1e-9 <= found[i] <= 20 - i / 3 + 1e-9


@pytest.mark.parametrize("name", ["fluorescence", "chlorophyll", "oxygen", "irradiance"])
def test_every_sensor_is_joined(name):
    environment = casts(cast("s", 0, 10)).rename(temperature=name)
    assert joined([(0, 0.5, 0)], environment, ["s"])[name][0, 0] == 10.5
