"""A scan is one thing: however it is cut into tasks, its objects are the same to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from seston.config import Segmentation
from seston.features import CHEAP, SETS
from seston.image import Objects, find_objects, halo

PIXEL = {"pixel_height": 0.1, "pixel_width": 0.08}
SETTINGS = Segmentation.model_validate(
    {
        "background_lines": 1024,
        "min_esd_mm": 0.15,
        "max_length_mm": 20.0,
        "faint_min_esd_mm": 2.0,
    }
)
COLUMNS = ("line", "column", "top", "left", "bottom", "right", "features", "vignette_bytes")


def make_scan(seed: int, lines: int = 6000, width: int = 150) -> np.ndarray:
    """Specks, large faint things of many lengths, and light that drifts."""
    rng = np.random.default_rng(seed)
    light = 200 + 10 * np.sin(np.arange(lines) / 900)[:, None] + rng.normal(0, 5, width)
    share = np.ones((lines, width))
    for _ in range(150):
        y, x = rng.integers(0, lines), rng.integers(0, width)
        h, w = rng.integers(1, 9), rng.integers(1, 9)
        share[y : y + h, x : x + w] *= rng.uniform(0.3, 0.95)
    for _ in range(14):
        y, x = rng.integers(0, lines), rng.integers(0, width)
        h, w = rng.integers(30, 320), rng.integers(10, 60)
        share[y : y + h, x : x + w] *= rng.uniform(0.9, 0.95)
    noisy = light * ndimage.gaussian_filter(share, 0.7) + rng.normal(0, 3, (lines, width))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def find_in_parts(scan, cuts, first_line, settings_=SETTINGS, names=CHEAP) -> list[Objects]:
    around = halo(settings_, PIXEL["pixel_height"])
    parts = []
    for begin, end in zip([0, *cuts], [*cuts, len(scan)], strict=True):
        low, high = max(0, begin - around), min(len(scan), end + around)
        parts.append(
            find_objects(
                scan[low:high],
                owned=slice(begin - low, end - low),
                settings=settings_,
                first_line=first_line + low,
                names=names,
                **PIXEL,
            )
        )
    return parts


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(1, 5999), min_size=1, max_size=4, unique=True).map(sorted),
    st.integers(0, 5000),
)
def test_objects_do_not_depend_on_how_a_scan_is_split(seed, cuts, first_line):
    scan = make_scan(seed)
    (whole,) = find_in_parts(scan, [], first_line)
    parts = find_in_parts(scan, cuts, first_line)
    assert len(whole) > 20
    for name in COLUMNS:
        joined = np.concatenate([getattr(part, name) for part in parts])
        assert joined.tobytes() == getattr(whole, name).tobytes(), name
    for name in ("too_small", "too_large", "too_long"):
        assert sum(getattr(part, name) for part in parts) == getattr(whole, name)


@pytest.mark.parametrize("seed", range(3))
def test_costly_features_do_not_depend_on_it_either(seed):
    scan = make_scan(seed)
    (whole,) = find_in_parts(scan, [], 0, names=SETS["all"])
    parts = find_in_parts(scan, [1700, 1701, 3333], 0, names=SETS["all"])
    assert np.concatenate([p.features for p in parts]).tobytes() == whole.features.tobytes()


def test_the_halo_is_needed():
    """The law above can fail: without lead-in and lead-out it does."""
    scan = make_scan(5)
    (whole,) = find_in_parts(scan, [], 0)
    parts = [
        find_objects(scan[a:b], owned=slice(0, b - a), settings=SETTINGS, first_line=a, **PIXEL)
        for a, b in ((0, 3100), (3100, 6000))
    ]
    assert sum(len(p) for p in parts) != len(whole) or any(
        a != b for a, b in zip(np.concatenate([p.bottom for p in parts]), whole.bottom, strict=True)
    )


def test_objects_are_sorted_by_their_first_pixel_and_counted_in_lines_of_the_deployment():
    (objects,) = find_in_parts(make_scan(7), [], 123_456)
    key = objects.line * 65536 + objects.column
    assert (np.diff(key) > 0).all()
    assert objects.line.min() >= 123_456
    assert (objects.line == objects.top).all()


@pytest.mark.parametrize("value", [0, 255])
def test_lines_without_anything_in_them_give_no_object_and_no_warning(value):
    blank = np.full((700, 64), value, np.uint8)
    objects = find_objects(blank, owned=slice(0, 700), settings=SETTINGS, **PIXEL)
    assert len(objects) == 0
    assert objects.features.shape[0] == 0
    assert objects.background_level == value
    assert objects.saturated == value / 255
