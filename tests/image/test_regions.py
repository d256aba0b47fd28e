"""Objects from the cells of a network: here of one that any child can follow."""

from __future__ import annotations

import numpy as np
import pytest

from seston.config import Segmentation
from seston.features import CHEAP
from seston.image import find_objects, halo
from seston.image.regions import CELL, Named, find_regions

SETTINGS = Segmentation.model_validate(
    {"method": "semantic", "model": "m", "background": "none", "max_length_mm": 20.0}
)
DARK, GREY = 60, 150
PIXEL = 0.05


def look(grey: np.ndarray) -> np.ndarray:
    """Two taxa: cells whose darkest pixel is dark, and those where it is grey."""
    rows, columns = grey.shape[0] // CELL, grey.shape[1] // CELL
    darkest = grey.reshape(rows, CELL, columns, CELL).min(axis=(1, 3))
    first = np.where(darkest < 100, 0.9, 0.0)
    second = np.where((darkest >= 100) & (darkest < 200), 0.7, 0.0)
    return np.stack([first, second]).astype(np.float32)


def water(height: int, width: int) -> np.ndarray:
    return np.full((height, width), 240, np.uint8)


def disc(frame: np.ndarray, y: int, x: int, radius: int, level: int) -> np.ndarray:
    yy, xx = np.mgrid[: frame.shape[0], : frame.shape[1]]
    inside = np.hypot(yy - y, xx - x) <= radius
    frame[inside] = level
    return inside


def found(frame: np.ndarray, *, least: float = 0.5, settings: Segmentation = SETTINGS) -> Named:
    return find_regions(
        frame, look=look, least_score=least, owned=slice(0, len(frame)), settings=settings,
        pixel_height=PIXEL, pixel_width=PIXEL,
    )  # fmt: skip


def test_only_what_the_network_wants_is_found_and_named() -> None:
    frame = water(200, 300)
    disc(frame, 60, 70, 12, DARK)
    disc(frame, 120, 200, 15, GREY)
    disc(frame, 150, 50, 15, 210)  # an object to a threshold, nothing to this network
    named = found(frame)
    assert named.scores.argmax(axis=1).tolist() == [0, 1]
    np.testing.assert_allclose(named.scores.max(axis=1), [0.9, 0.7], atol=1e-6)
    assert len(find_objects(frame, owned=slice(0, 200), settings=SETTINGS, pixel_height=PIXEL,
                            pixel_width=PIXEL)) == 2  # 210 has no seed  # fmt: skip


def test_an_isolated_object_has_the_mask_and_the_features_that_a_threshold_gives_it() -> None:
    frame = water(200, 300)
    disc(frame, 60, 71, 13, DARK)
    disc(frame, 133, 202, 17, GREY)
    frame[70:100, 71] = 200  # a thin tail, that hangs on the first
    ours = found(frame).objects
    plain = find_objects(
        frame, owned=slice(0, 200), settings=SETTINGS, pixel_height=PIXEL, pixel_width=PIXEL
    )
    np.testing.assert_array_equal(ours.feature("area"), plain.feature("area"))
    np.testing.assert_array_equal(ours.features, plain.features)
    np.testing.assert_array_equal(ours.vignette_bytes, plain.vignette_bytes)
    assert ours.names == plain.names == tuple(CHEAP)


def test_a_faint_body_without_dark_pixels_has_the_mask_of_its_region() -> None:
    frame = water(200, 200)
    inside = disc(frame, 100, 100, 40, 230)  # nothing below the threshold

    def sees(grey: np.ndarray) -> np.ndarray:
        cells = grey.reshape(grey.shape[0] // CELL, CELL, -1, CELL).mean(axis=(1, 3))
        return (cells < 235)[None].astype(np.float32)

    objects = find_regions(
        frame, look=sees, least_score=0.5, owned=slice(0, 200), settings=SETTINGS,
        pixel_height=PIXEL, pixel_width=PIXEL,
    ).objects  # fmt: skip
    assert len(objects) == 1
    area = float(objects.feature("area")[0]) / PIXEL**2
    assert area == pytest.approx(inside.sum(), rel=0.06)


def test_no_pixel_belongs_to_two_objects_that_touch() -> None:
    frame = water(200, 200)
    one = disc(frame, 100, 60, 25, DARK)
    two = disc(frame, 100, 111, 25, GREY)  # one pixel of water between them
    near = found(frame)
    whole = float(near.objects.feature("area").sum()) / PIXEL**2
    assert len(near.objects) in (1, 2)
    assert whole == pytest.approx((one | two).sum(), rel=0.02)
    assert whole <= (one | two).sum() + 0.5


def test_an_object_across_the_edges_of_tiles_is_one() -> None:
    frame = water(2200, 2200)
    disc(frame, 2048, 2048, 70, DARK)
    disc(frame, 2048, 300, 60, GREY)
    named = found(frame)
    assert named.scores.argmax(axis=1).tolist() == [0, 1]
    assert float(named.objects.feature("area")[0]) / PIXEL**2 == pytest.approx(np.pi * 70**2, 0.01)


@pytest.mark.parametrize("first", [0, 2048, 4096 + 130])
def test_a_scan_gives_the_same_objects_however_it_is_split(first: int) -> None:
    settings = SETTINGS.model_copy(update={"background": "running_mean", "background_lines": 512})
    rng = np.random.default_rng(5)
    lines = 16_384
    frame = rng.integers(235, 246, (lines, 96)).astype(np.uint8)
    for y in np.arange(120, lines - 100, 233):
        disc_in(frame, int(y), int(rng.integers(20, 76)), int(rng.integers(6, 14)),
                int(rng.choice([DARK, GREY])))  # fmt: skip
    whole = part(frame, settings, first, 0, lines, lines)
    room = halo(settings, PIXEL)
    seams = [0, 5000, 5001, 11_111, lines]
    parts = [part(frame, settings, first, a, b, room) for a, b in zip(seams, seams[1:])]  # noqa: B905, RUF007
    for pieces, one in zip(zip(*parts, strict=True), whole, strict=True):
        np.testing.assert_array_equal(np.concatenate(pieces), one)
    assert len(whole[0]) > 50


def disc_in(frame: np.ndarray, y: int, x: int, radius: int, level: int) -> None:
    disc(frame[y - radius : y + radius + 1], radius, x, radius, level)


def part(frame, settings, first, start, stop, room):
    begin, end = max(0, start - room), min(len(frame), stop + room)
    named = find_regions(
        frame[begin:end], look=look, least_score=0.5, owned=slice(start - begin, stop - begin),
        settings=settings, pixel_height=PIXEL, pixel_width=PIXEL, first_line=first + begin,
    )  # fmt: skip
    o = named.objects
    return o.line, o.column, o.bottom, o.features, o.vignette_bytes, named.scores


def test_what_is_doubtful_small_large_or_long_is_left_out_and_counted() -> None:
    frame = water(900, 300)
    disc(frame, 50, 50, 2, DARK)
    disc(frame, 100, 100, 10, GREY)
    frame[150:650, 200:204] = DARK
    named = found(frame, least=0.8)
    assert len(named.objects) == 0
    assert named.doubtful == 1
    assert (named.objects.too_small, named.objects.too_long) == (1, 1)
    small = SETTINGS.model_copy(update={"max_esd_mm": 0.5, "max_length_mm": 200.0})
    assert found(frame, settings=small).objects.too_large == 2


def test_a_frame_without_anything_gives_nothing_of_the_right_shape() -> None:
    named = found(water(100, 70))
    assert named.scores.shape == (0, 2)
    assert named.objects.features.shape == (0, len(CHEAP))
