"""The features of a UVP6 on board: as their definitions say, and as its own code has them."""

from __future__ import annotations

import csv
import subprocess
import sys
import venv
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from seston.config import Segmentation
from seston.features import SETS
from seston.frame import Vignette
from seston.image import measure_vignettes

from .test_measure import found, random_picture, regions

NAMES = SETS["uvp6"]
#: As the camera sees: white on black, nothing corrected, the largest piece above the threshold.
CAMERA = Segmentation.model_validate(
    {"polarity": "bright", "background": "none", "threshold_level": 21, "pieces": "largest"}
)
SCRIPT = Path(__file__).parent.parent / "references" / "uvpec_features.py"
POWERS = ((2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3))


def ours(*pictures, settings_=CAMERA) -> list[dict[str, float]]:
    """UVP6 features of vignettes, by the names of the camera."""
    vignettes = [Vignette(0, 0, *p.shape, pixels=p) for p in pictures]
    measured = measure_vignettes(
        vignettes, settings=settings_, pixel_height=0.07, pixel_width=0.07, names=NAMES
    )
    short = [name.removeprefix("uvp6_") for name in NAMES]
    return [dict(zip(short, row.tolist(), strict=True)) for row in measured.features]


def central(weights, y, x) -> tuple[list[float], list[float]]:
    """Moments of weights about their centre, and what Hu made of them, x before y."""
    mass = weights.sum() or 1.0
    x, y = x - (weights * x).sum() / mass, y - (weights * y).sum() / mass
    mu = {(p, q): (weights * x**p * y**q).sum() for p, q in POWERS}
    n = {f"{p}{q}": m / mass ** (1 + (p + q) / 2) for (p, q), m in mu.items()}
    a, b = n["30"] + n["12"], n["21"] + n["03"]
    c, d = n["30"] - 3 * n["12"], 3 * n["21"] - n["03"]
    hu = [
        n["20"] + n["02"],
        (n["20"] - n["02"]) ** 2 + 4 * n["11"] ** 2,
        c**2 + d**2,
        a**2 + b**2,
        c * a * (a**2 - 3 * b**2) + d * b * (3 * a**2 - b**2),
        (n["20"] - n["02"]) * (a**2 - b**2) + 4 * n["11"] * a * b,
        d * a * (a**2 - 3 * b**2) - c * b * (3 * a**2 - b**2),
    ]
    return list(mu.values()), hu


def by_definition(mask, picture) -> dict[str, float]:
    """All 55, from the list of the pixels."""
    y, x = np.nonzero(mask)
    y, x = (y - y.min()).astype(float), (x - x.min()).astype(float)
    levels = picture[mask].astype(float)
    ordered, n, grey = np.sort(levels), len(levels), levels.sum() or 1.0
    width, height = np.ptp(x) + 1, np.ptp(y) + 1
    span, std = np.ptp(levels), levels.std()
    (xx, xy, yy), shape_hu = (s := central(np.ones(n), y, x))[0][:3], s[1]
    small, large = np.linalg.eigvalsh(np.array([[xx, xy], [xy, yy]]) / n).clip(0)
    expected = {
        "area": n, "width": width, "height": height, "mean": levels.mean(), "stddev": std,
        "mode": np.bincount(levels.astype(int)).argmax(), "min": levels.min(), "max": levels.max(),
        "x": x.mean(), "y": y.mean(),
        "xm": (levels * x).sum() / grey, "ym": (levels * y).sum() / grey,
        "major": 4 * large**0.5, "minor": 4 * small**0.5,
        "angle": 0.5 * np.arctan2(2 * xy, xx - yy),
        "eccentricity": (1 - small / large) ** 0.5 if large > 0 else 0,
        "intden": levels.sum(), "median": ordered[n // 2], "histcum1": ordered[n // 4],
        "histcum3": ordered[3 * n // 4], "esd": 2 * (n / np.pi) ** 0.5, "range": span,
        "meanpos": (levels.mean() - levels.min()) / span if span else 0,
        "cv": 100 * std / levels.mean() if levels.any() else 0,
        "sr": 100 * std / span if span else 0,
        "bbox_area": width * height, "extent": n / (width * height),
    }  # fmt: skip
    for prefix, (mu, hu) in (("", (s[0], shape_hu)), ("gray_", central(levels, y, x))):
        expected |= {
            f"{prefix}central_moment-{p}-{q}": m for (p, q), m in zip(POWERS, mu, strict=True)
        }
        expected |= {f"{prefix}hu_moment-{i}": h for i, h in enumerate(hu, start=1)}
    return expected


def largest_piece(mask) -> np.ndarray:
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    return labels == np.bincount(labels.ravel())[1:].argmax() + 1


def scale_of(name: str, features) -> float:
    """Size that a moment or invariant would have, did its parts not cancel each other."""
    grey = "gray_" if name.startswith("gray_") else ""
    mass = max(features["intden" if grey else "area"], 1)
    length = max(features["major"], 1)
    if "central_moment" in name:
        p, q = map(int, name.split("-")[1:])
        return mass * length ** (p + q)
    if "hu_moment" in name:
        second, third = length**2 / mass, length**3 / mass**1.5
        powers = {1: second, 2: second**2, 3: third**2, 4: third**2, 6: second * third**2}
        return powers.get(int(name[-1]), third**4)
    return 1.0 if name in ("angle", "eccentricity", "x", "y", "minor") else 0.0


def agree(got, expected, tolerance: float, cancels: float = 1e-12) -> None:
    """Compare by name; what cancels in exact numbers is what rounding leaves of its parts."""
    assert list(got) == list(expected)
    for name, value in expected.items():
        slack = cancels * scale_of(name, expected)
        if name == "angle":  # of an axis: upwards is downwards, and a round thing has none
            apart = np.sin(got[name] - value) * expected["eccentricity"] ** 2
            assert apart == pytest.approx(0, abs=max(tolerance * abs(value), 1e-12))
            continue
        assert got[name] == pytest.approx(value, rel=tolerance, abs=slack), name


def test_there_are_55_in_the_cameras_order():
    assert len(NAMES) == 55
    assert NAMES[:3] == ("uvp6_area", "uvp6_width", "uvp6_height")
    assert NAMES[-1] == "uvp6_gray_hu_moment-7"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_of_a_vignette_they_are_what_their_definitions_say(seed):
    picture = 255 - random_picture(seed)
    (got,) = ours(picture)
    agree(got, by_definition(largest_piece(picture > 21), picture), 2e-7)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_of_objects_of_a_frame_they_are_those_of_the_negative(seed):
    picture = random_picture(seed)
    objects = found(picture, names=NAMES)
    for i, region in enumerate(regions(picture)):
        cut = 255 - picture[region.slice]
        got = {name.removeprefix("uvp6_"): float(objects.feature(name)[i]) for name in NAMES}
        agree(got, by_definition(region.image, cut), 2e-7)


@pytest.mark.parametrize("level", [22, 255])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 1), (3, 3)])
def test_an_object_of_one_level_has_numbers_and_no_warning(shape, level):
    (got,) = ours(np.pad(np.full(shape, level, np.uint8), 2))
    assert np.isfinite(list(got.values())).all()
    assert (got["range"], got["meanpos"], got["sr"], got["cv"]) == (0, 0, 0, 0)
    assert got["area"] == shape[0] * shape[1]


def test_an_object_that_is_black_in_the_negative_has_numbers_too():
    white = Vignette(0, 0, 4, 5, np.full((4, 5), 255, np.uint8), np.ones((4, 5), bool))
    dark = Segmentation.model_validate({"background": "none"})
    measured = measure_vignettes([white], settings=dark, pixel_height=1, pixel_width=1, names=NAMES)
    assert np.isfinite(measured.features).all()
    assert measured.features[0, NAMES.index("uvp6_intden")] == 0


def test_the_seventh_invariant_turns_with_the_mirror_and_the_others_do_not():
    one, mirrored = ours(p := 255 - random_picture(5), p[:, ::-1])
    for i in range(1, 7):
        assert mirrored[f"hu_moment-{i}"] == pytest.approx(one[f"hu_moment-{i}"], rel=1e-5)
    assert mirrored["hu_moment-7"] == pytest.approx(-one["hu_moment-7"], rel=1e-5)


@pytest.fixture(scope="module")
def reference(shared_data, tmp_path_factory) -> tuple[Path, list[dict[str, str]]]:
    """Folder of real vignettes, and what uvpec measures on them in an environment of its own."""
    folder = shared_data("vignettes/uvp6_uvpec")
    place = tmp_path_factory.mktemp("uvpec")
    venv.create(place / "env", with_pip=True, symlinks=True)
    python = place / "env" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
    for packages in (["numpy<2", "scikit-image<0.26"], ["--no-deps", "uvpec==1.0.0"]):
        done = subprocess.run([*install, *packages], capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["pip fails"])[-1]
            pytest.skip(
                f"uvpec 1.0.0 cannot be installed for Python {sys.version_info[:2]}: {reason}"
            )
    table = place / "uvpec.csv"
    clean = {"PATH": "/usr/bin:/bin"}  # not the packages of this environment
    subprocess.run([python, SCRIPT, folder, "21", table], check=True, env=clean)
    with table.open(encoding="utf-8") as file:
        return folder, list(csv.DictReader(file))


@pytest.mark.slow
def test_on_real_vignettes_they_are_those_of_the_cameras_own_code(reference):
    folder, rows = reference
    assert len(rows) >= 500
    pictures = [cv2.imread(str(folder / row.pop("path")), cv2.IMREAD_GRAYSCALE) for row in rows]
    for got, row in zip(ours(*pictures), rows, strict=True):
        agree(got, {name: float(value) for name, value in row.items()}, 1e-6)
