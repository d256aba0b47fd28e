"""The costly features against scikit-image, ImageJ's rule written out, and shapes one knows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import ndimage
from skimage.measure import label, regionprops
from skimage.morphology import convex_hull_image

from seston.features import FEATURES, SETS
from seston.image import costly, interior, outline

from .test_measure import found, pictures, regions

MARGIN = outline.MARGIN


def canvas_of(mask) -> np.ndarray:
    return np.pad(np.asarray(mask, np.uint8), MARGIN)


def measured(mask, height=1.0, width=1.0) -> dict[str, float]:
    """Costly features of one shape."""
    water = 10 * len(mask)  # lines of it: the mean of a column is not the object's own level
    picture = np.where(np.pad(mask, ((water, water), (1, 1))), 100, 240).astype(np.uint8)
    objects = found(picture, height, width, names=SETS["all"])
    assert len(objects) == 1
    return {name: float(objects.feature(name)[0]) for name in costly.NAMES}


@settings(max_examples=25, deadline=None)
@given(pictures)
def test_they_are_those_of_scikit_image(picture):
    objects = found(picture, names=SETS["all"])
    for i, region in enumerate(regions(picture)):
        for name in ("perimeter", "area_convex", "solidity", "feret_diameter_max"):
            if name == "feret_diameter_max" and region.area < 2:
                continue
            ours = objects.feature(name)[i]
            assert ours == pytest.approx(getattr(region, name), rel=1e-5), name


@settings(max_examples=15, deadline=None)
@given(pictures)
def test_they_follow_the_size_of_the_pixel(picture):
    one, large = found(picture, names=SETS["all"]), found(picture, 0.1, 0.1, names=SETS["all"])
    for name in costly.NAMES:
        power = {"1": 0, "mm": 1, "mm2": 2}[FEATURES[name].units]
        if name.startswith(("symmetry", "thickness_ratio")):
            continue  # a mirror image half way between pixels may fall on either
        np.testing.assert_allclose(
            large.feature(name), one.feature(name) * 0.1**power, rtol=1e-4, atol=1e-5, err_msg=name
        )


@settings(max_examples=15, deadline=None)
@given(pictures)
def test_the_thickness_is_that_of_the_distance_transform(picture):
    height, width = 1.4, 1.0
    objects = found(picture, height, width, names=SETS["all"])
    for i, region in enumerate(regions(picture)):
        distance = ndimage.distance_transform_edt(np.pad(region.image, 1), sampling=(height, width))
        expected = 2 * distance.max() - np.sqrt(height * width)
        assert objects.feature("thickness_max")[i] == pytest.approx(expected, rel=1e-5)


@settings(max_examples=25, deadline=None)
@given(pictures)
def test_a_skeleton_is_thin_and_keeps_what_hangs_together_and_its_holes(picture):
    for region in regions(picture):
        canvas = canvas_of(region.image)
        interior.thin(canvas)
        assert (canvas <= canvas_of(region.image)).all()
        assert label(canvas, connectivity=2).max() == 1
        (skeleton,) = regionprops(canvas.astype(int))
        assert skeleton.euler_number == region.euler_number
        again = canvas.copy()
        interior.thin(again)
        assert (again == canvas).all()


def test_a_single_pixel_and_a_square_have_imagejs_perimeters():
    """ImageJ cuts every other corner of a pixel, and all four of a larger square."""
    cut = 2 - np.sqrt(2)
    assert measured(np.ones((1, 1), bool))["perimeter_traced"] == pytest.approx(4 - 2 * cut)
    assert measured(np.ones((10, 10), bool))["perimeter_traced"] == pytest.approx(40 - 4 * cut)


def test_the_traced_perimeter_goes_round_the_outside_only():
    ring = np.ones((20, 20), bool)
    full = measured(ring)["perimeter_traced"]
    ring[5:15, 5:15] = False
    assert measured(ring)["perimeter_traced"] == pytest.approx(full)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (1.4, 1.0)])
def test_a_disc_is_a_disc(spacing):
    y, x = np.mgrid[:220, :220] * np.array(spacing)[:, None, None]
    disc = np.hypot(y - y.mean(), x - x.mean()) < 60
    disc = disc[disc.any(axis=1)][:, disc.any(axis=0)]
    m = measured(disc, *spacing)
    circumference = 2 * np.pi * 60
    assert m["perimeter_traced"] == pytest.approx(circumference, rel=0.06)
    assert m["perimeter_convex"] == pytest.approx(circumference, rel=0.02)
    assert m["feret_diameter_max"] == pytest.approx(120, rel=0.02)
    assert m["feret_diameter_min"] == pytest.approx(120, rel=0.02)
    assert m["thickness_max"] == pytest.approx(120, rel=0.03)
    assert m["solidity"] == pytest.approx(1, abs=0.015)
    assert m["symmetry_major"] > 0.97
    assert m["symmetry_minor"] > 0.97
    assert m["fractal_dimension"] == pytest.approx(1, abs=0.15)


def test_a_cross_has_four_ends_and_branches_and_an_l_is_less_symmetrical():
    cross = np.zeros((31, 31), bool)
    cross[15, :] = cross[:, 15] = True
    m = measured(cross)
    assert m["skeleton_ends"] == 4
    assert m["skeleton_branches"] >= 1
    assert m["skeleton_length"] == pytest.approx(60, abs=2)
    assert m["thickness_max"] == pytest.approx(1, abs=1)
    bent = np.zeros((31, 61), bool)
    bent[:, :5] = bent[-5:, :] = True
    assert measured(bent)["symmetry_major"] < 0.6 < measured(cross)["symmetry_major"]


def test_the_hull_of_an_l_is_scikit_images():
    bent = np.zeros((31, 61), bool)
    bent[:, :5] = bent[-5:, :] = True
    low, high = outline.fill_hull(*outline.extents(canvas_of(bent)))
    assert (high - low + 1).sum() == convex_hull_image(bent).sum()
    assert measured(np.ones((7, 20), bool))["feret_diameter_min"] == pytest.approx(7, abs=1)
