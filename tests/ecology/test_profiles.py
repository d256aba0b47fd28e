"""Objects and water in bins: sums that hold however the water is cut."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from seston.config import Profiles
from seston.ecology import tally
from seston.ecology.concentration import subsampled_interval
from seston.ecology.profiles import along_track, build_profiles, put_in_bins

TAXA = pd.DataFrame(
    {
        "label": ["copepod", "speck"],
        "name": ["Copepoda", "speck"],
        "aphia_id": [1080, None],
        "plankton": [1, 0],
        "carbon_mg_mm3": [0.05, np.nan],
    }
)
START = np.datetime64("2026-05-01T00:00:00", "ns")


def seconds(values):
    return START + (np.asarray(values, float) * 1e9).astype("timedelta64[ns]")


def sensors(time, depth, **values):
    return xr.Dataset(
        {"depth": ("time", np.asarray(depth, float))}
        | {name: ("time", np.asarray(v, float)) for name, v in values.items()},
        coords={"time": time},
    )


def built(cells, objects, environment=None, factor=1.0, **options):
    """Profiles of one deployment from cells (s, m, m3) and objects (cell, taxon, mm3).

    `factor` is the subsample factor of all cells, or of each.
    """
    cells = np.asarray(cells, float).reshape(-1, 3)
    time, depth = seconds(cells[:, 0]), cells[:, 1]
    environments = [sensors(time, depth) if environment is None else environment]
    bins = put_in_bins(
        time, depth, np.zeros(len(cells), np.int64), environments, Profiles(**options)
    )
    cell, taxon, volume = np.asarray(objects, float).reshape(-1, 3).T
    factors = np.broadcast_to(np.asarray(factor, float), len(cells))
    cell = cell.astype(int)
    sums = tally(bins, cell, taxon.astype(int), volume, len(TAXA), factors[cell])
    table = pd.DataFrame(
        {"time": time, "depth": depth, "volume": cells[:, 2], "latitude": 1.0, "longitude": 2.0,
         "factor": factors}
    )  # fmt: skip
    return build_profiles(bins, table, sums, TAXA, environments, ["tow"])


def test_numbers_of_a_hand_made_deployment():
    cells = [(0, 0.2, 0.5), (1, 0.8, 0.5), (2, 2.5, 0.25)]
    objects = [(0, 0, 1.0), (1, 0, 2.0), (1, 1, 0.5)]
    found = built(cells, objects, split="deployment")
    assert found.sizes == {"profile": 1, "depth": 3, "taxon": 2, "bound": 2}
    assert found["imaged_volume"].values.tolist() == [[1.0, 0.0, 0.25]]
    assert found["count"].values.tolist() == [[[2, 1], [0, 0], [0, 0]]]
    np.testing.assert_array_equal(
        found["concentration"].values[0], [[2, 1], [np.nan, np.nan], [0, 0]]
    )
    np.testing.assert_array_equal(
        found["biovolume"].values[0], [[3, 0.5], [np.nan, np.nan], [0, 0]]
    )
    carbon = found["carbon"].sel(taxon="copepod").values[0]
    np.testing.assert_allclose(carbon, [0.15, np.nan, 0])
    assert np.isnan(found["carbon"].sel(taxon="speck")).all()  # its carbon is not known
    upper = found["concentration_upper"].sel(taxon="copepod").values[0, 2]
    assert upper == pytest.approx(3.6889 / 0.25, rel=1e-4)  # none in 0.25 m3


def test_limits_know_of_fractions_in_which_nothing_was_found():
    """Two fractions of one haul of 2 m3: three copepods in the whole one, none in a 16th."""
    found = built([(0, 0.5, 2.0), (0, 0.5, 0.0)], [(0, 0, 1.0)] * 3, factor=[1.0, 16.0])
    assert found["concentration"].sel(taxon="copepod").values.tolist() == [[1.5]]
    lower, upper = subsampled_interval([3.0, 0.0], [3.0, 0.0], 16.0)
    np.testing.assert_allclose(found["concentration_lower"].values[0, 0], lower / 2, rtol=1e-6)
    np.testing.assert_allclose(found["concentration_upper"].values[0, 0], upper / 2, rtol=1e-6)


def test_water_of_unknown_depth_is_kept_apart_with_its_objects():
    found = built([(0, 0.5, 1.0), (1, np.nan, 3.0)], [(0, 0, 1.0), (1, 0, 1.0), (1, 1, 1.0)])
    assert found["count"].sum() == 1
    assert found["unpositioned_count"].values.tolist() == [[1, 1]]
    assert found["unpositioned_volume"].values.tolist() == [3.0]


def test_a_deployment_without_any_depth_has_no_bins_but_all_its_objects():
    found = built([(0, np.nan, 1.0), (1, np.nan, 1.0)], [(0, 0, 1.0), (1, 1, 1.0)])
    assert found.sizes["depth"] == 0
    assert found["unpositioned_count"].values.tolist() == [[1, 1]]


def test_an_unknown_volume_makes_the_concentration_unknown_and_keeps_the_count():
    found = built([(0, 0.5, np.nan), (1, 1.5, 1.0)], [(0, 0, 1.0)])
    assert found["count"].sel(taxon="copepod").values.tolist() == [[1, 0]]
    assert np.isnan(found["concentration"].sel(taxon="copepod").values[0, 0])
    assert found["concentration"].sel(taxon="copepod").values[0, 1] == 0


def test_depths_above_the_surface_count_as_the_surface():
    assert built([(0, -0.3, 1.0)], [])["imaged_volume"].values.tolist() == [[1.0]]


def test_an_undulating_tow_is_split_where_it_turns():
    time = np.arange(0, 400.0)
    depth = 10 - 10 * np.cos(time / 100 * np.pi)  # down 100 s, up 100 s, twice
    environment = sensors(seconds(time), depth, temperature=20 - depth / 10)
    cells = np.stack([time, depth, np.full(400, 0.1)], axis=1)
    found = built(cells, [(250, 0, 1.0)], environment)
    assert found["direction"].values.tolist() == ["down", "up", "down", "up"]
    assert found["count"].sum(["depth", "taxon"]).values.tolist() == [0, 0, 1, 0]
    reached = found.isel(depth=slice(0, 20))  # the deepest bin holds the turn alone
    water = reached["temperature"].values
    expected = 20 - reached["depth"].values / 10
    np.testing.assert_allclose(water, np.broadcast_to(expected, water.shape), atol=0.06)


def test_spans_of_time_and_whole_deployments_are_profiles_too():
    cells = [(t, 5.0, 1.0) for t in range(0, 7200, 600)]
    assert built(cells, [], split="time", interval_s=3600).sizes["profile"] == 2
    assert built(cells, [], split="deployment").sizes["profile"] == 1


positions = st.lists(
    st.tuples(st.floats(0, 30, allow_nan=False) | st.just(float("nan")), st.floats(0.01, 1.0)),
    min_size=1,
    max_size=20,
)


@settings(deadline=None, max_examples=40)
@given(positions, st.data())
def test_nothing_is_lost_and_coarser_bins_are_sums_of_finer_ones(places, data):
    cells = [(i, depth, volume) for i, (depth, volume) in enumerate(places)]
    row = st.tuples(
        st.integers(0, len(cells) - 1), st.integers(0, 1), st.floats(0.1, 5.0, allow_nan=False)
    )
    objects = data.draw(st.lists(row, max_size=30))
    fine = built(cells, objects, split="deployment", bin_size_m=1.0)
    coarse = built(cells, objects, split="deployment", bin_size_m=2.0)
    assert int(fine["count"].sum() + fine["unpositioned_count"].sum()) == len(objects)
    water = float(fine["imaged_volume"].sum() + fine["unpositioned_volume"].sum())
    assert water == pytest.approx(sum(volume for _, volume in places))
    for name in ("count", "imaged_volume"):
        merged = fine[name].coarsen(depth=2, boundary="pad").sum()
        np.testing.assert_allclose(merged.transpose(*coarse[name].dims), coarse[name], rtol=1e-5)


@settings(deadline=None, max_examples=40)
@given(positions, st.integers(2, 5))
def test_cutting_cells_into_pieces_changes_nothing(places, pieces):
    whole = [(i, depth, volume) for i, (depth, volume) in enumerate(places)]
    cut = [(i, d, v / pieces) for i, d, v in whole for _ in range(pieces)]
    objects = [(i, i % 2, 1.0 + i) for i in range(len(whole))]
    moved = [(i * pieces + i % pieces, taxon, volume) for i, taxon, volume in objects]
    one, other = (
        built(cells, rows, split="deployment") for cells, rows in ((whole, objects), (cut, moved))
    )
    xr.testing.assert_allclose(one, other)


def test_distance_along_the_track_is_that_of_great_circles():
    # A degree of latitude on this sphere is 6371.0088 * pi / 180 = 111.195 km.
    distance = along_track(np.array([0.0, 1.0, np.nan, 1.0]), np.array([0.0, 0.0, 5.0, 1.0]))
    np.testing.assert_allclose(distance[:2], [0, 111.195], atol=1e-3)
    assert np.isnan(distance[2])
    assert distance[3] == pytest.approx(111.195 + 111.195 * np.cos(np.radians(1)), abs=1e-2)
    across = along_track(np.array([0.0, 0.0]), np.array([179.5, -179.5]))
    assert across[1] == pytest.approx(111.195, abs=1e-3)
