"""Measured features of vignettes: the numbers of known shapes, for any picture finite."""

from __future__ import annotations

import numpy as np
import pytest
from drawings import draw
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seston.features import FEATURES, SETS
from seston.learn.sets import measuring

PIXEL = np.array([[0.1, 0.05]])


def box(height: int, width: int, grey: int = 100) -> np.ndarray:
    picture = np.full((height + 6, width + 6), 240, np.uint8)
    picture[3:-3, 3:-3] = grey
    return picture


def value(picture: np.ndarray, name: str, sizes: np.ndarray = PIXEL) -> float:
    return float(measuring.measure([picture], sizes, [name])[0, 0])


def test_a_box_has_its_area_extent_and_level_in_physical_units() -> None:
    assert value(box(10, 40), "area") == pytest.approx(10 * 0.1 * 40 * 0.05)
    assert value(box(10, 40), "height") == pytest.approx(1.0)
    assert value(box(10, 40), "width") == pytest.approx(2.0)
    assert value(box(10, 40), "extent") == pytest.approx(1)
    assert value(box(10, 40), "intensity_mean") == pytest.approx(100)
    assert value(box(10, 40), "equivalent_diameter_area") == pytest.approx(np.sqrt(8 / np.pi))


def test_there_are_fifty_features_of_known_units_and_none_of_place() -> None:
    assert len(measuring.NAMES) >= 45
    assert all(name in FEATURES for name in measuring.NAMES)
    assert not [name for name in measuring.NAMES if "local" in name or name == "orientation"]


def test_only_the_largest_piece_counts() -> None:
    picture = box(10, 40)
    picture[0, 0] = 0
    assert value(picture, "area") == value(box(10, 40), "area")


def test_where_nothing_is_dark_the_whole_vignette_is_the_object() -> None:
    faint = np.full((8, 12), 240, np.uint8)
    faint[4, 5] = 235
    assert value(faint, "area") == pytest.approx(8 * 0.1 * 12 * 0.05)


def test_pixel_sizes_may_differ_and_the_order_stays() -> None:
    sizes = np.array([[0.1, 0.1], [0.2, 0.2], [0.1, 0.1]])
    found = measuring.measure([box(4, 4), box(4, 4), box(8, 4)], sizes, ["area"])[:, 0]
    np.testing.assert_allclose(found, [0.16, 0.64, 0.32], rtol=1e-6)


@given(
    st.lists(arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24))), max_size=4),
    st.floats(0.001, 10),
)
def test_every_picture_has_finite_features_that_do_not_depend_on_the_others(shown, pixel) -> None:
    sizes = np.full((len(shown), 2), pixel)
    found = measuring.measure(shown, sizes)
    assert found.shape == (len(shown), len(measuring.NAMES))
    assert np.isfinite(found).all()
    alone = [measuring.measure([v], sizes[:1])[0] for v in shown]
    np.testing.assert_array_equal(found, np.reshape(alone, found.shape))


def test_costly_features_can_be_had_too() -> None:
    rng = np.random.default_rng(0)
    found = measuring.measure([draw("cross", rng, 30)], PIXEL, SETS["all"])
    assert np.isfinite(found).all()


def test_no_such_feature() -> None:
    with pytest.raises(KeyError, match="charm"):
        measuring.measure([box(3, 3)], PIXEL, ["charm"])
