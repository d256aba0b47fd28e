from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seston.errors import InputError
from seston.learn import preprocess

vignettes = arrays(np.uint8, st.tuples(st.integers(1, 90), st.integers(1, 90)))


def dark_box(height: int, width: int, margin: int = 2) -> np.ndarray:
    picture = np.full((height + 2 * margin, width + 2 * margin), 240, np.uint8)
    picture[margin:-margin, margin:-margin] = 40
    return picture


def extent(square: np.ndarray) -> tuple[int, int]:
    dark = square < 140
    return int(dark.any(axis=1).sum()), int(dark.any(axis=0).sum())


def test_a_vignette_lies_in_the_middle_with_its_own_background_around() -> None:
    square = preprocess.squares([dark_box(16, 60)], 64, preprocess.pixel_sizes(1, None))[0]
    assert (square[:20] == 240).all()
    assert (square[-20:] == 240).all()
    height, width = extent(square)
    assert width / height == pytest.approx(60 / 16, rel=0.1)


def test_pixels_that_are_not_square_are_put_right() -> None:
    # 30 lines of 0.1 mm are as long as 60 columns of 0.05 mm.
    sizes = preprocess.pixel_sizes(1, (0.1, 0.05))
    height, width = extent(preprocess.squares([dark_box(30, 60)], 96, sizes)[0])
    assert abs(height - width) <= 4


@given(vignettes, st.integers(32, 70), st.floats(0.2, 5))
def test_any_vignette_makes_a_square_of_its_own_grey_levels(vignette, side, ratio) -> None:
    square = preprocess.squares([vignette], side, np.array([[ratio, 1.0]]))[0]
    assert square.shape == (side, side)
    assert vignette.min() <= square.min()
    assert square.max() <= vignette.max()


@given(vignettes, st.floats(0.01, 1), st.floats(1.1, 3))
def test_sizes_grow_with_the_pixel(vignette, pixel, times) -> None:
    small = preprocess.size_inputs([vignette], np.array([[pixel, pixel]]))
    large = preprocess.size_inputs([vignette], np.array([[pixel * times, pixel * times]]))
    np.testing.assert_allclose(large - small, np.log(times), atol=1e-5)


def test_sizes_are_those_of_the_object() -> None:
    log_height, log_width, log_diameter = preprocess.size_inputs(
        [dark_box(20, 40)], np.array([[0.1, 0.05]])
    )[0]
    assert np.exp(log_height) == pytest.approx(2.4)
    assert np.exp(log_width) == pytest.approx(2.2)
    assert np.exp(log_diameter) == pytest.approx(2 * np.sqrt(20 * 40 * 0.005 / np.pi), rel=1e-5)


def test_one_pixel_size_for_all_or_one_for_each() -> None:
    assert preprocess.pixel_sizes(2, (1, 2)).tolist() == [[1, 2], [1, 2]]
    assert preprocess.pixel_sizes(2, [[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("sizes", [0.05, [[1, 2]], (0, 1), (np.nan, 1), (1, -1)])
def test_wrong_pixel_sizes_are_refused(sizes) -> None:
    with pytest.raises(InputError, match="pixel size"):
        preprocess.pixel_sizes(3, sizes)


@pytest.mark.parametrize(
    "wrong", [np.zeros((3, 3)), np.zeros((3, 3, 3), np.uint8), np.zeros((0, 3), np.uint8)]
)
def test_what_is_no_grey_picture_is_refused(wrong) -> None:
    with pytest.raises(InputError, match="vignette 1 is not a grey picture"):
        preprocess.check_vignettes([np.zeros((1, 1), np.uint8), wrong])
