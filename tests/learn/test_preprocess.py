from __future__ import annotations

import numpy as np
import PIL.Image
import PIL.ImageDraw
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


def with_footer(
    picture: np.ndarray, *, ground: int = 254, ink: int = 0, bar: int = 27, lines: int = 31
) -> np.ndarray:
    """Draw the scale bar as EcoTaxa's VignetteMaker does: 2 mm at 73 um are 27 pixels."""
    height, width = picture.shape
    out = np.full((height + lines, max(width, bar + 10)), ground, np.uint8)
    out[:height, :width] = picture
    bottom = height + lines
    shown = PIL.Image.fromarray(out)
    pen = PIL.ImageDraw.Draw(shown)
    ends = (9, bottom - 4), (9 + bar, bottom - 4)
    pen.line([(x, y + 2) for x, y in ends[:1]] + [*ends] + [(x, y + 2) for x, y in ends[1:]], ink)
    pen.text((10, bottom - 16), "2 mm", fill=ink)
    return np.asarray(shown)


@pytest.mark.parametrize("ground", [254, 0])
def test_the_scale_bar_of_ecotaxa_is_found(ground: int) -> None:
    picture = dark_box(20, 40) if ground else 255 - dark_box(20, 40)
    shown = with_footer(picture, ground=ground, ink=254 - ground)
    assert preprocess.footer_lines(shown) == 31
    assert preprocess.footer_lines(picture) == 0


def test_a_scale_bar_survives_jpeg() -> None:
    import cv2

    shown = with_footer(dark_box(40, 60))
    _, coded = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, 90])
    assert preprocess.footer_lines(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)) == 31


@given(vignettes)
def test_noise_has_no_scale_bar(vignette) -> None:
    assert preprocess.footer_lines(vignette) == 0


def test_no_real_vignette_has_one(shared_data) -> None:
    import cv2

    for name in ("isiis_ndsb", "uvp6_uvpec", "zooscan_crustacea"):
        files = sorted(shared_data(f"vignettes/{name}").glob("*/*"))[::40]
        shown = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in files]
        assert not any(preprocess.footer_lines(vignette) for vignette in shown)


def test_polarity_is_that_of_most_borders(shared_data) -> None:
    import cv2

    for name, bright in (("isiis_ndsb", False), ("uvp6_uvpec", True), ("zooscan_crustacea", False)):
        files = sorted(shared_data(f"vignettes/{name}").glob("*/*"))[::40]
        shown = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in files]
        assert preprocess.are_bright([preprocess.border_median(v) for v in shown]) is bright
    assert not preprocess.are_bright([0, 255])


def test_what_has_no_pixel_or_one_level_is_blank() -> None:
    assert preprocess.is_blank(np.zeros((0, 4), np.uint8))
    assert preprocess.is_blank(np.full((3, 4), 9, np.uint8))
    assert not preprocess.is_blank(dark_box(3, 3))
    corner = np.zeros((5, 5), np.uint8)
    corner[4, 4] = 1
    assert not preprocess.is_blank(corner)
