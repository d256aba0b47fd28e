"""Pooling: objects over volume, 0 where imaged and empty, NaN where not imaged or not known."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from seston.plot.cells import (
    along,
    depth_edges,
    midpoint_edges,
    pool,
    pool_adjusted,
    pool_profile,
)
from seston.plot.section import column_edges


def profiles(count, volume, **coordinates):
    """Make a dataset of one taxon from arrays (profile, depth)."""
    count, volume = np.asarray(count, float), np.asarray(volume, float)
    depth = np.arange(count.shape[1]) + 0.5
    return xr.Dataset(
        {
            "count": (("profile", "depth", "taxon"), count[:, :, None]),
            "imaged_volume": (("profile", "depth"), volume),
        },
        coords={"depth": depth, "taxon": ["copepod"]}
        | {name: ("profile", values) for name, values in coordinates.items()},
    )


def test_pooled_cells_are_objects_over_volume_not_means_of_concentrations():
    both = profiles([[9, 1]], [[1.0, 9.0]])
    cells = pool(both, "copepod", np.zeros(1), max_rows=1)
    assert cells.concentration.tolist() == [[1.0]]  # a mean of 9 and 1/9 would be 4.6


def test_an_empty_cell_is_zero_one_not_imaged_is_nan_and_so_is_an_unknown_volume():
    data = profiles([[0, 0, 2, 0, 5]], [[1.0, 0.0, np.nan, np.nan, 2.0]])
    cells = pool(data, "copepod", np.zeros(1))
    np.testing.assert_array_equal(cells.concentration, [[0, np.nan, np.nan, np.nan, 2.5]])
    np.testing.assert_array_equal(cells.sampled, [[True, False, True, True, True]])


def test_one_unknown_volume_makes_its_pooled_cell_unknown():
    cells = pool(profiles([[1, 1]], [[1.0, np.nan]]), "copepod", np.zeros(1), max_rows=1)
    assert np.isnan(cells.concentration).all()
    assert not cells.volume_known


def test_profiles_are_ordered_by_place_and_those_without_one_left_out_of_sections_only():
    data = profiles([[1], [2], [4]], [[1.0], [1.0], [1.0]])
    cells = pool(data, "copepod", np.array([5.0, np.nan, 1.0]))
    assert cells.count[:, 0].tolist() == [4, 1]
    assert pool_profile(data, "copepod").count.tolist() == [[7]]


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 12), st.integers(1, 12), st.data())
def test_pooling_loses_no_object_and_no_water(rows, columns, max_rows, max_columns, data):
    count = np.array(
        data.draw(st.lists(st.integers(0, 9), min_size=rows * columns, max_size=rows * columns))
    ).reshape(columns, rows)
    volume = np.ones(count.shape)
    cells = pool(
        profiles(count, volume),
        "copepod",
        np.arange(columns, dtype=float),
        max_rows=max_rows,
        max_columns=max_columns,
    )
    assert cells.count.sum() == count.sum()
    assert cells.volume.sum() == volume.sum()
    assert cells.count.shape[0] <= max_columns
    assert cells.count.shape[1] <= max_rows
    assert len(cells.edges) == cells.count.shape[1] + 1


def test_an_empty_dataset_pools_to_nothing():
    nothing = profiles(np.zeros((0, 0)), np.zeros((0, 0)))
    assert pool(nothing, "copepod", np.zeros(0)).count.size == 0
    assert pool_profile(nothing, "copepod").count.size == 0


@pytest.mark.parametrize(
    ("coordinates", "name"),
    [
        ({"distance": [0.0, 1.0, 2.0]}, "distance"),
        ({"distance": [0.0, 0.0, 0.0]}, "profile"),  # a mooring does not move
        ({"distance": [np.nan] * 3, "time": np.arange(3).astype("datetime64[h]")}, "time"),
        ({}, "profile"),
    ],
)
def test_sections_run_along_the_track_else_time_else_number(coordinates, name):
    assert along(profiles(np.ones((3, 2)), np.ones((3, 2)), **coordinates))[0] == name


def test_edges_of_depth_come_from_the_bounds_else_half_way():
    data = profiles([[1, 1]], [[1.0, 1.0]])
    assert depth_edges(data).tolist() == [0, 1, 2]
    bounds = data.assign_coords(depth_bounds=(("depth", "nv"), [[0, 5], [5, 6]]))
    assert depth_edges(bounds).tolist() == [0, 5, 6]
    assert midpoint_edges(np.array([3.0])).tolist() == [2.5, 3.5]


def test_a_gap_between_profiles_is_an_empty_column():
    edges, column = column_edges(np.array([0.0, 1.0, 2.0, 9.0]))
    assert column.tolist() == [0, 1, 2, -1, 3]
    np.testing.assert_allclose(edges, [-0.5, 0.5, 1.5, 3.0, 8.0, 9.5])


def mended(value, lower, upper, volume):
    """Bins of one profile, whose adjusted numbers are given as individuals."""
    water = np.asarray(volume, float)
    data = profiles([np.zeros(len(water))], [water])
    columns = {"": value, "_lower": lower, "_upper": upper}
    return data.assign(
        {
            f"concentration_adjusted{end}": (
                ("profile", "depth", "taxon"), (np.asarray(individuals) / water)[None, :, None]
            )
            for end, individuals in columns.items()
        }
    )  # fmt: skip


def test_adjusted_numbers_of_one_bin_keep_the_limits_of_the_dataset():
    found = pool_adjusted(mended([10.0, 0.0], [2.0, 0.0], [30.0, 3.0], [2.0, 4.0]), "copepod")
    np.testing.assert_allclose(found.value, [5, 0])
    np.testing.assert_allclose(found.lower, [1, 0])
    np.testing.assert_allclose(found.upper, [15, 0.75])


def test_what_chance_explains_adds_up_by_squares_and_the_classifiers_error_as_it_is():
    by_chance = mended([0.0] * 4, [0.0] * 4, [3.0] * 4, [1.0, 2.0, 3.0, 4.0])
    found = pool_adjusted(by_chance, "copepod", max_rows=1)
    np.testing.assert_allclose(found.upper * 10, [6])  # 3 times the root of 4
    shared = mended([100.0] * 2, [40.0] * 2, [160.0] * 2, [1.0, 1.0])
    found = pool_adjusted(shared, "copepod", max_rows=1)
    own = np.array([100 - 81.364, 121.627 - 100])  # Poisson's limits of 100
    reach = np.hypot(2 * np.sqrt(60**2 - own**2), np.sqrt(2) * own)
    np.testing.assert_allclose([found.lower[0] * 2, found.upper[0] * 2],
                               [200 - reach[0], 200 + reach[1]], rtol=1e-5)  # fmt: skip


def test_adjusted_numbers_are_not_known_where_one_pooled_bin_is_not():
    holes = mended([4.0, np.nan], [1.0, np.nan], [9.0, np.nan], [1.0, 1.0])
    assert pool_adjusted(holes, "copepod").value.tolist() == pytest.approx([4, np.nan], nan_ok=True)
    assert not pool_adjusted(holes, "copepod", max_rows=1).known
