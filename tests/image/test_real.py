"""Real pictures: what a person sees in them is found."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from seston.config import Config, Segmentation, instrument
from seston.image import find_objects, median_background


def grey(path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("L"))


def whole(picture, settings, pixel, **more):
    return find_objects(
        picture,
        owned=slice(0, len(picture)),
        settings=settings,
        pixel_height=pixel,
        pixel_width=pixel,
        **more,
    )


def reference_objects(path) -> dict[str, np.ndarray]:
    """ZooImage's own measurements of the scan, in mm from its corner."""
    lines = path.read_text("latin-1").split("[Data]")[1].strip().splitlines()
    header = [name.strip() for name in lines[0].split("\t")]
    rows = [line.split("\t") for line in lines[1:]]
    return {
        name: np.array([float(row[header.index(name)]) for row in rows])
        for name in ("X", "Y", "Area")
    }


@pytest.fixture(scope="module")
def flatbed(shared_data):
    folder = shared_data("raw/flatbed_zooimage")
    settings = instrument(Config.model_construct(instruments={}), "flatbed").segmentation
    picture = grey(folder / "ScanCol24.2000-05-05.p72+A.jpg")
    reference = reference_objects(folder / "BIO.2000-05-05.p72+A_dat1.zim")
    return whole(picture, settings, 0.04233), reference


def test_nine_of_ten_reference_objects_of_the_flatbed_scan_are_found_with_their_areas(flatbed):
    objects, reference = flatbed
    y = objects.feature("centroid_local-0") + (objects.top + 0.5) * 0.04233
    x = objects.feature("centroid_local-1") + (objects.left + 0.5) * 0.04233
    area = objects.feature("area_filled")
    ratios = []
    for ref_y, ref_x, ref_area in zip(
        reference["Y"], reference["X"], reference["Area"], strict=True
    ):
        distance = np.hypot(y - ref_y, x - ref_x)
        nearest = distance.argmin()
        ratio = area[nearest] / ref_area
        if distance[nearest] < 0.3 and 0.5 < ratio < 2:
            ratios.append(ratio)
    assert len(reference["X"]) == 66
    assert len(ratios) >= 0.95 * 66
    assert np.median(ratios) == pytest.approx(1, abs=0.1)


def test_the_flatbed_scan_has_as_many_objects_of_the_reference_sizes(flatbed):
    objects, _ = flatbed
    diameter = objects.feature("equivalent_diameter_area")
    assert 60 <= (diameter >= 0.75).sum() <= 72


@pytest.fixture(scope="module")
def isiis(shared_data):
    (path,) = shared_data("raw/isiis_cfe_mbari").glob("*.jpg")
    picture = grey(path)
    return picture, whole(picture, Segmentation.model_validate({"background": "level"}), 0.05127)


#: What a person sees at first glance: (line, column) and side of the picture, pixels.
VISIBLE = {
    "colony of cells in a ball": ((1060, 1440), (180, 270)),
    "dark pair": ((703, 951), (25, 80)),
    "chain": ((252, 782), (15, 45)),
    "worm on the right": ((1121, 1776), (12, 60)),
    "worm below": ((1810, 1122), (15, 50)),
    "dark speck on the upper right": ((131, 1642), (8, 30)),
    "round one": ((453, 1756), (12, 35)),
}


@pytest.mark.parametrize("name", VISIBLE)
def test_what_a_person_sees_in_the_isiis_frame_is_one_object_of_its_size(isiis, name):
    _, objects = isiis
    (line, column), (least, most) = VISIBLE[name]
    hit = (
        (objects.top <= line)
        & (line < objects.bottom)
        & (objects.left <= column)
        & (column < objects.right)
    )
    side = np.maximum(objects.bottom - objects.top, objects.right - objects.left)
    assert ((side >= least) & (side <= most))[hit].any()


def test_the_isiis_frame_has_hundreds_of_objects_and_no_rows_of_false_ones(isiis):
    """Light that is taken for objects lines up: along columns, lines, or the frame's edge."""
    picture, objects = isiis
    assert 250 <= len(objects) <= 600
    y, x = (objects.top + objects.bottom) / 2, (objects.left + objects.right) / 2
    for place in (y, x):
        counts = np.bincount((place // 16).astype(int), minlength=128)
        assert counts.max() < 6 * max(1.0, counts.mean())
    side = np.maximum(objects.bottom - objects.top, objects.right - objects.left)
    assert (side > 300).sum() == 0
    assert objects.background_level == pytest.approx(picture.mean(), abs=5)


@pytest.fixture(scope="module")
def dark_field(shared_data):
    paths = sorted(shared_data("raw/darkfield_video").glob("frame_*.png"))
    return [grey(path) for path in paths]


def test_bright_animals_of_the_dark_field_frames_are_whole_objects(dark_field):
    settings = instrument(Config.model_construct(instruments={}), "stills").segmentation
    for frame in dark_field[:2]:
        objects = whole(frame, settings, 0.05)
        assert 500 <= len(objects) <= 1200
        large = (objects.bottom - objects.top > 60) & (objects.right - objects.left > 60)
        assert 10 <= large.sum() <= 40
        assert objects.background_level == pytest.approx(17, abs=2)


def test_the_median_of_frames_leaves_only_what_moves(dark_field):
    settings = Segmentation.model_validate({"background": "neighbours", "polarity": "bright"})
    middle = median_background(dark_field)
    moved = sum(
        whole(frame, settings, 0.05, background=middle).feature("area").sum()
        for frame in dark_field
    )
    still = sum(
        whole(f, settings.model_copy(update={"background": "level"}), 0.05).feature("area").sum()
        for f in dark_field
    )
    assert moved < 0.05 * still  # the water of this video hardly moves
