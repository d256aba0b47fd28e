"""Every feature is what scikit-image says on the same labels, or what its formula says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats
from skimage.measure import label, regionprops

from seston.config import Segmentation
from seston.features import CHEAP, SETS
from seston.image import Objects, find_objects

PLAIN = Segmentation.model_validate(
    {
        "background": "level",
        "faint_threshold": None,
        "threshold": 0.92,
        "seed_threshold": 0.92,
        "min_esd_mm": 1e-6,
        "max_esd_mm": 1e6,
        "max_length_mm": 1e6,
    }
)
#: 240 x 0.92 = 220.8: pixels of 220 are in the foreground, those of 221 are not.
LIMIT = 221


def found(picture, height=1.0, width=1.0, names=CHEAP) -> Objects:
    """Objects of a picture whose background is at 240 already."""
    framed = np.full((picture.shape[0], 3 * picture.shape[1]), 240, np.uint8)
    framed[:, : picture.shape[1]] = picture  # the median is the background's
    return find_objects(
        framed,
        owned=slice(0, len(framed)),
        settings=PLAIN,
        pixel_height=height,
        pixel_width=width,
        names=names,
    )


def regions(picture, spacing=(1.0, 1.0)):
    """scikit-image's regions of the same picture, by first pixel."""
    return regionprops(label(picture < LIMIT, connectivity=2), picture, spacing=spacing)


def random_picture(seed: int, shape=(40, 50), size=2.0) -> np.ndarray:
    """Blobs of all shapes, with holes, in uneven grey."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=shape), size * rng.uniform(0.2, 1.5))
    dark = field < np.quantile(field, rng.uniform(0.05, 0.5))
    return np.where(dark, rng.integers(0, LIMIT, shape), 240).astype(np.uint8)


pictures = st.builds(random_picture, st.integers(0, 2**32 - 1))

SAME = [
    "area", "area_filled", "area_bbox", "equivalent_diameter_area", "axis_major_length",
    "axis_minor_length", "eccentricity", "orientation", "extent", "euler_number",
    "intensity_mean", "intensity_std", "intensity_min", "intensity_max", "intensity_median",
]  # fmt: skip
VECTORS = ["centroid_local", "centroid_weighted_local"]
SQUARE = ["perimeter_crofton"]
HU = ["moments_hu", "moments_weighted_hu"]


def close(ours, theirs, name):
    """Single precision is what is stored; Hu's higher invariants cancel to about nothing."""
    assert ours == pytest.approx(theirs, rel=1e-5, abs=2e-7 * max(1.0, abs(theirs))), name


@settings(max_examples=40, deadline=None)
@given(pictures, st.sampled_from([(1.0, 1.0), (0.0714, 0.0513), (2.0, 3.0)]))
def test_features_are_those_of_scikit_image_with_the_same_spacing(picture, spacing):
    objects, theirs = found(picture, *spacing), regions(picture, spacing)
    assert len(objects) == len(theirs)
    for i, region in enumerate(theirs):
        for name in SAME:
            if name == "eccentricity" and region.axis_minor_length == 0:
                continue
            if name == "orientation":
                apart = objects.feature(name)[i] - region.orientation
                round_ = region.eccentricity < 1e-3  # a circle has no direction
                assert round_ or abs(np.sin(apart)) < 1e-5  # an axis has no head
                continue
            close(objects.feature(name)[i], getattr(region, name), name)
        for name in VECTORS:
            if region.image_intensity.sum() == 0:
                continue
            for axis in (0, 1):
                close(objects.feature(f"{name}-{axis}")[i], getattr(region, name)[axis], name)


@settings(max_examples=25, deadline=None)
@given(pictures)
def test_features_that_scikit_image_knows_for_square_pixels_only_are_the_same_there(picture):
    objects = found(picture)
    for i, region in enumerate(regions(picture)):
        for name in SQUARE:
            close(objects.feature(name)[i], getattr(region, name), name)
        for name in HU:
            if name == "moments_weighted_hu" and region.image_intensity.sum() == 0:
                continue
            for k, theirs in enumerate(getattr(region, name)):
                close(objects.feature(f"{name}-{k}")[i], theirs, f"{name}-{k}")


@settings(max_examples=25, deadline=None)
@given(pictures)
def test_boxes_and_first_pixels_and_vignettes_are_those_of_the_regions(picture):
    objects = found(picture)
    for i, region in enumerate(regions(picture)):
        box = (objects.top[i], objects.left[i], objects.bottom[i], objects.right[i])
        assert box == region.bbox
        assert (objects.line[i], objects.column[i]) == tuple(region.coords[0])
        assert (objects.vignette(i) == picture[region.slice]).all()


@settings(max_examples=25, deadline=None)
@given(pictures)
def test_grey_levels_that_scikit_image_does_not_know_are_those_of_scipy(picture):
    objects = found(picture)
    for i, region in enumerate(regions(picture)):
        grey = region.image_intensity[region.image].astype(float)
        low, high, mean, std = grey.min(), grey.max(), grey.mean(), grey.std()
        span = high - low
        expected = {
            "intensity_range": span,
            "intensity_mode": stats.mode(grey).mode,
            "intensity_sum": grey.sum(),
            "intensity_skewness": stats.skew(grey) if span else 0,
            "intensity_kurtosis": stats.kurtosis(grey) if span else 0,
            "intensity_cv": 100 * std / max(mean, 1 / 256),
            "intensity_sr": 100 * std / (span or 1),
            "intensity_mean_position": (mean - low) / (span or 1),
            "darkness": (1 - grey / 240).sum(),
        }
        ordered = np.sort(grey)
        for share in (25, 50, 75):
            expected[f"intensity_q{share}"] = ordered[int(len(grey) * share / 100)]
        steps = np.abs(np.diff(picture[region.slice].astype(int), axis=1))[region.image[:, :-1]]
        expected["gradient_mean"] = steps.mean() if steps.size else 0
        for name, value in expected.items():
            close(objects.feature(name)[i], value, name)


@settings(max_examples=25, deadline=None)
@given(pictures)
def test_derived_shape_features_follow_their_formulas(picture):
    o = found(picture)
    f = {name: o.feature(name).astype(float) for name in CHEAP}
    pixel_or_more = np.maximum(f["axis_minor_length"], 1)
    expected = {
        "height": o.bottom - o.top,
        "width": o.right - o.left,
        "elongation": np.maximum(f["axis_major_length"], 1) / pixel_or_more,
        "circularity": 4 * np.pi * f["area"] / f["perimeter_crofton"] ** 2,
        "hole_percentage": 100 * (1 - f["area"] / f["area_filled"]),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(f[name], value, rtol=1e-4, atol=1e-4, err_msg=name)


def test_every_feature_is_finite_and_costly_ones_are_there_only_where_asked_for():
    picture = random_picture(3)
    cheap, every = found(picture), found(picture, names=SETS["all"])
    assert cheap.names == CHEAP
    assert cheap.features.shape == (len(cheap), len(CHEAP))
    assert np.isfinite(cheap.features).all()
    assert np.isfinite(every.features).all()
    assert (every.features[:, : len(CHEAP)] == cheap.features).all()


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (1.4, 1.0), (0.5, 1.0)])
def test_the_crofton_perimeter_of_a_disc_is_its_circumference_whatever_the_pixel(spacing):
    y, x = np.mgrid[:400, :400] * np.array(spacing)[:, None, None]
    middle, radius = 200 * np.array(spacing), 80.0
    disc = np.where(np.hypot(y - middle[0], x - middle[1]) < radius * min(spacing), 100, 240)
    objects = found(disc.astype(np.uint8), *spacing)
    circumference = 2 * np.pi * radius * min(spacing)
    assert objects.feature("perimeter_crofton")[0] == pytest.approx(circumference, rel=0.03)
    assert objects.feature("elongation")[0] == pytest.approx(1, abs=0.01)


def test_a_disc_scanned_with_long_pixels_has_the_hu_invariants_of_a_disc():
    def disc(height, width):
        y, x = np.mgrid[:300, :300]
        near = np.hypot((y - 150) * height, (x - 150) * width) < 40
        return found(np.where(near, 100, 240).astype(np.uint8), height, width)

    square, long = disc(1.0, 1.0), disc(1.5, 1.0)
    assert long.feature("moments_hu-0")[0] == pytest.approx(1 / (2 * np.pi), rel=2e-3)
    assert long.feature("moments_hu-0")[0] == pytest.approx(
        square.feature("moments_hu-0")[0], rel=2e-3
    )


def test_a_flat_or_black_object_gives_numbers_and_no_warning():
    picture = np.full((20, 30), 240, np.uint8)
    picture[5:9, 5:12] = 0
    picture[12, 5:25] = 100
    objects = found(picture)
    assert len(objects) == 2
    assert np.isfinite(objects.features).all()
