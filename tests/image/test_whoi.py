"""The features of WHOI's IFCB software: its own numbers of a real bin, and shapes one knows."""

from __future__ import annotations

import csv
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seston.config import Segmentation
from seston.errors import ConfigError
from seston.features import SETS, names_of
from seston.frame import Vignette
from seston.image import measure_vignettes, whoi

from .test_measure import found, random_picture, regions

NAMES = SETS["whoi"]
BIN = "raw/ifcb/IFCB5_2012_028_081515"
LEVEL = Segmentation.model_validate({"background": "level", "faint_threshold": None})
SIZE = {"pixel_height": 0.0003, "pixel_width": 0.0003}


@pytest.fixture(autouse=True, scope="module")
def package():
    return pytest.importorskip("planktofeatures", reason="pip install 'seston[whoi]'")


def stitched(places) -> np.ndarray:
    """ROIs of one trigger in one picture; what none covers is the mean of the pixels beside it."""
    x0, y0 = min(x for x, _, _ in places), min(y for _, y, _ in places)
    width = max(x + p.shape[1] for x, _, p in places) - x0
    height = max(y + p.shape[0] for _, y, p in places) - y0
    whole, seen = np.zeros((height, width), np.uint8), np.zeros((height, width), bool)
    for x, y, picture in places:
        box = np.s_[y - y0 : y - y0 + picture.shape[0], x - x0 : x - x0 + picture.shape[1]]
        whole[box], seen[box] = picture, True
    hole = np.pad(~seen, 1)
    near = hole[2:, 1:-1] | hole[:-2, 1:-1] | hole[1:-1, 2:] | hole[1:-1, :-2]
    whole[~seen] = round(whole[near & seen].mean())
    return whole


@pytest.fixture(scope="module")
def pictures(shared_data) -> dict[int, np.ndarray]:
    """Pictures of the real bin by the number of the ROI; 3 and 4 are one."""
    content = np.fromfile(shared_data(f"{BIN}.roi"), np.uint8)
    places = {}
    for number, row in enumerate(csv.reader(shared_data(f"{BIN}.adc").open()), start=1):
        x, y, width, height, start = map(int, row[9:14])
        if width:
            pixels = content[start : start + width * height].reshape(height, width)
            places[number] = (x, y, pixels)
    alone = {number: place[2] for number, place in places.items() if number not in (3, 4)}
    return alone | {3: stitched([places[3], places[4]])}


@pytest.fixture(scope="module")
def golden(shared_data) -> dict[int, dict[str, float]]:
    folder = shared_data("raw/ifcb/golden")
    rows = csv.DictReader((folder / "IFCB5_2012_028_081515_features_v4.csv").open())
    return {int(row.pop("roi_number")): {k: float(v) for k, v in row.items()} for row in rows}


def test_of_a_real_bin_they_are_those_of_whoi(pictures, golden):
    assert set(golden) == set(pictures) == {1, 2, 3, 5, 6}
    for number, expected in golden.items():
        (values,) = whoi.measure_whoi([pictures[number]], [None])
        assert [f"whoi_{name}" for name in expected] == list(NAMES)
        np.testing.assert_allclose(values, list(expected.values()), rtol=1e-8, err_msg=str(number))


def test_a_vignette_has_them_beside_ours_whatever_its_polarity(pictures, golden):
    names = names_of(["fast", "whoi"])
    bright = LEVEL.model_copy(update={"polarity": "bright"})
    for settings_, turn in ((LEVEL, 0), (bright, 255)):
        vignettes = [Vignette(0, 0, *p.shape, pixels=p ^ np.uint8(turn)) for p in pictures.values()]
        measured = measure_vignettes(vignettes, settings=settings_, names=names, **SIZE)
        for number, row in zip(pictures, measured.features, strict=True):
            got = dict(zip(names, row.tolist(), strict=True))
            assert got["area"] > 0
            for name, value in golden[number].items():
                assert got[f"whoi_{name}"] == pytest.approx(value, rel=1e-6), (number, name)


def test_where_the_pixels_are_known_they_are_the_blob():
    names = (*names_of(["fast"]), *NAMES)
    objects = found(random_picture(3, size=4.0), names=names)
    for i, region in enumerate(regions(random_picture(3, size=4.0))):
        if region.area < 30:
            continue
        got = {name: float(objects.feature(f"whoi_{name}")[i]) for name in
               ("Area", "numBlobs", "EquivDiameter", "BoundingBox_xwidth", "Extent")}  # fmt: skip
        assert got["Area"] == region.area
        assert got["numBlobs"] == 1
        assert got["EquivDiameter"] == pytest.approx(region.equivalent_diameter_area)
        assert got["BoundingBox_xwidth"] == region.image.shape[1]
        assert got["Extent"] == pytest.approx(region.extent)
    mask = np.zeros((30, 40), bool)
    mask[5:25, 8:20] = True
    masked = Vignette(0, 0, 30, 40, np.full((30, 40), 99, np.uint8), mask)
    measured = measure_vignettes([masked], settings=LEVEL, names=NAMES, **SIZE)
    assert measured.features[0, NAMES.index("whoi_Area")] == 20 * 12


def test_a_picture_of_nothing_has_zeros_and_no_ratios():
    (values,) = whoi.measure_whoi([np.full((40, 50), 200, np.uint8)], [None])
    assert (values[:27] == 0).all()
    assert np.isnan(values[27:]).all()


def test_of_a_ball_the_volume_is_that_of_a_ball():
    ball = np.hypot(*np.mgrid[-40:41, -40:41]) <= 30
    (values,) = whoi.measure_whoi([None], [ball])
    assert values[NAMES.index("whoi_Biovolume")] == pytest.approx(4 / 3 * np.pi * 30**3, rel=0.06)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 12), st.booleans(),
    st.sampled_from([0.02, 0.5, 1.0]),
)  # fmt: skip
def test_small_and_odd_pictures_give_a_row_and_no_warning(seed, height, width, masked, share):
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (height, width)).astype(np.uint8)
    mask = rng.random((height, width)) < share if masked else None
    assert whoi.measure_whoi([picture], [mask]).shape == (1, 30)


def test_without_the_package_the_cure_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "planktofeatures", None)
    with pytest.raises(ConfigError, match=r"pip install 'seston\[whoi\]'"):
        whoi.measure_whoi([np.full((40, 50), 200, np.uint8)], [None])
