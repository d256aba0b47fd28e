"""A picture of the background that comes with the frame."""

from __future__ import annotations

import numpy as np
import pytest

from seston.config import Segmentation
from seston.image import find_objects
from seston.image.correct import light_still, smooth_level

GIVEN = Segmentation.model_validate(
    {"background": "given", "threshold": 0.9, "seed_threshold": 0.9, "faint_threshold": None,
     "min_esd_mm": 0.01}
)  # fmt: skip


def found(frame, background, settings=GIVEN):
    return find_objects(frame, owned=slice(0, len(frame)), settings=settings, pixel_height=0.1,
                        pixel_width=0.1, background=background)  # fmt: skip


def uneven(shape) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return (150 + 60 * x / shape[1] + 20 * y / shape[0]).astype(np.uint8)


def test_only_what_is_darker_than_the_background_is_found():
    background = uneven((700, 900))
    frame = background.copy()
    frame[600:610, 50:60] = frame[600:610, 50:60] * 0.7
    objects = found(frame, background)
    assert (objects.top[0], objects.left[0], len(objects)) == (600, 50, 1)
    assert objects.feature("intensity_mean")[0] == pytest.approx(240 * 0.7, abs=2)


def test_nothing_is_found_where_the_background_is_nothing():
    background = uneven((80, 90))
    background[:20] = 0
    frame = background.copy()
    frame[10:14, 10:14] = 3
    assert len(found(frame, background)) == 0


def test_a_bright_object_is_not_found_where_the_background_is_saturated():
    bright = GIVEN.model_copy(update={"polarity": "bright"})
    background = np.full((60, 60), 10, np.uint8)
    background[20:30, 20:30] = 255
    frame = background.copy()
    frame[50:55, 50:55] = 200
    objects = found(frame, background, bright)
    assert (objects.top[0], len(objects)) == (50, 1)


def test_a_background_must_be_there_and_have_the_shape_of_the_frame():
    frame = uneven((50, 60))
    with pytest.raises(ValueError, match="is 'given', and there is none"):
        found(frame, None)
    with pytest.raises(ValueError, match="their background is"):
        found(frame, frame[1:])


def test_a_tall_frame_is_corrected_as_one_piece():
    """Strips of lines leave no seams."""
    rng = np.random.default_rng(1)
    frame = np.clip(uneven((1300, 200)) + rng.normal(0, 2, (1300, 200)), 0, 255).astype(np.uint8)
    level = smooth_level(frame)
    whole = np.minimum(np.floor(frame * (240 / level).astype(np.float32) + np.float32(0.5)), 255)
    np.testing.assert_array_equal(light_still(frame, None, GIVEN).pixels, whole)
