"""Grey levels in their places, and ratios of shapes, against slow and obvious references."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label

from seston.features import SETS

from .test_measure import LIMIT, found, pictures, regions

SPACINGS = [(1.0, 1.0), (0.0714, 0.0513), (2.0, 3.0)]


def disc(radius: float) -> np.ndarray:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return np.hypot(y, x) <= radius


def ring() -> np.ndarray:
    mask = disc(9)
    mask[5:14, 5:14] &= ~disc(4)
    return mask


def comb() -> np.ndarray:
    mask = np.zeros((9, 21), bool)
    mask[0], mask[:, ::2] = True, True
    return mask


SHAPES = {
    "pixel": np.ones((1, 1), bool),
    "two pixels": np.ones((1, 2), bool),
    "two at a corner": np.eye(2, dtype=bool),
    "line": np.ones((1, 17), bool),
    "column": np.ones((13, 1), bool),
    "diagonal": np.eye(12, dtype=bool),
    "square": np.ones((6, 6), bool),
    "bar": np.ones((4, 21), bool),
    "disc": disc(11),
    "ring": ring(),
    "comb": comb(),
    "check": np.indices((9, 8)).sum(axis=0) % 2 == 0,
}


def framed(mask, levels) -> np.ndarray:
    """One object in a picture of water."""
    return np.pad(np.where(mask, levels, 240), ((60, 60), (3, 3)), constant_values=240).astype(
        np.uint8
    )


def measured(mask, levels=100, spacing=(1.0, 1.0)) -> dict[str, float]:
    objects = found(framed(mask, levels), *spacing, names=SETS["all"])
    assert len(objects) == 1
    return {name: float(objects.feature(name)[0]) for name in SETS["all"]}


def each(picture, spacing=(1.0, 1.0)):
    """Mask, levels and features of each object of a picture."""
    objects = found(picture, *spacing, names=SETS["all"])
    for i, region in enumerate(regions(picture, spacing)):
        yield (
            region.image,
            picture[region.slice].astype(int),
            {name: float(objects.feature(name)[i]) for name in SETS["all"]},
        )


# ------------------------------------------------------------------ references


def quantile_level(mask, levels, share: float) -> int:
    ordered = np.sort(levels[mask])
    return ordered[int(len(ordered) * share)]


def contrast(mask, levels) -> float:
    """Amadasun & King's contrast, pixel by pixel and pair of levels by pair."""
    steps: dict[int, list[float]] = {}
    for y, x in np.argwhere(mask):
        near = [
            levels[y + dy, x + dx]
            for dy, dx in itertools.product((-1, 0, 1), repeat=2)
            if (dy, dx) != (0, 0)
            and 0 <= y + dy < mask.shape[0]
            and 0 <= x + dx < mask.shape[1]
            and mask[y + dy, x + dx]
        ]
        if near:
            steps.setdefault(int(levels[y, x]), []).append(abs(levels[y, x] - np.mean(near)))
    n, different = sum(map(len, steps.values())), len(steps)
    if different < 2:
        return 0.0
    share = {level: len(s) / n for level, s in steps.items()}
    pairs = sum(share[i] * share[j] * (i - j) ** 2 for i in share for j in share)
    return pairs / (different * (different - 1)) * sum(map(sum, steps.values())) / n


def axes(mask, spacing):
    """Places of pixels in mm, their centre, and the direction of the major axis (or None)."""
    places = np.argwhere(mask) * np.array(spacing)
    centre = places.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov((places - centre).T, bias=True).reshape(2, 2))
    equal = values[1] - values[0] <= 1e-9 * values[1]
    return places, centre, None if equal else vectors[:, 1]


def mirror_share(mask, spacing, line) -> tuple[float, float]:
    """Least and most share of pixels whose mirror across a line through the centre is inside.

    They differ where a mirror image falls on the edge between pixels.
    """
    places, centre, _ = axes(mask, spacing)
    across = np.array([-line[1], line[0]])
    off = places - centre
    mirrored = (places - 2 * np.outer(off @ across, across)) / np.array(spacing)
    padded = np.pad(mask, 1)
    hits = []
    for nudge in itertools.product((-1e-6, 1e-6), repeat=2):
        at = np.floor(mirrored + 0.5 + nudge).astype(int) + 1
        inside = ((at >= 0) & (at < padded.shape)).all(axis=1)
        at[~inside] = 0
        hits.append(padded[at[:, 0], at[:, 1]])
    return np.all(hits, axis=0).mean(), np.any(hits, axis=0).mean()


def largest(mask) -> np.ndarray:
    parts = label(mask, connectivity=2)
    return parts == np.bincount(parts.ravel())[1:].argmax() + 1


def thickness_ratio(mask, spacing) -> float:
    """Thickest cut over the mean of the others; NaN where a sample lies between pixels."""
    _, centre, along = axes(mask, spacing)
    step, reach = min(spacing) / 2, np.hypot(*(np.array(mask.shape) * spacing))
    ticks = (np.arange(-int(reach / step) - 2, int(reach / step) + 2) + 0.5) * step
    across = np.array([-along[1], along[0]])
    at = centre + ticks[:, None, None] * along + ticks[None, :, None] * across
    at = at / np.array(spacing) + 0.5
    inside = ((at > -1) & (at < np.array(mask.shape) + 1)).all(axis=-1)
    if np.abs(at - np.round(at))[inside].min() < 1e-6:
        return np.nan
    row, column = np.moveaxis(np.floor(np.where(inside[..., None], at, -1)).astype(int) + 1, -1, 0)
    thick = np.pad(mask, 1)[row, column].sum(axis=1)
    others = np.sort(thick[thick > 0])[:-1]
    return thick.max() / others.mean()


# ----------------------------------------------------------------------- tests


def check_grey(mask, levels, got, spacing) -> None:
    """Compare the features of grey levels in their places."""
    grey = levels[mask]
    weights = np.where(mask, levels.astype(float) ** 5, 0)
    weights = weights if weights.any() else mask.astype(float)
    for axis in (0, 1):
        place = np.indices(mask.shape)[axis] * spacing[axis]
        assert got[f"centroid_gamma5_local-{axis}"] == pytest.approx(
            (weights * place).sum() / weights.sum(), rel=1e-5, abs=1e-6
        )
    assert got["intensity_contrast"] == pytest.approx(contrast(mask, levels), rel=1e-5, abs=1e-7)
    for percent in (25, 50, 75):
        dark = mask & (levels <= quantile_level(mask, levels, percent / 100))
        assert got[f"parts_q{percent}"] == label(dark, connectivity=2).max()
    steps = np.arange(grey.min() - 1, grey.max() + 1)
    shares = [(grey <= level).mean() for level in steps]
    slope = np.polyfit(steps, shares, 1)[0]
    assert got["intensity_cumulative_slope"] == pytest.approx(slope, rel=1e-5)


def check_symmetry(mask, levels, got, spacing) -> None:
    dark = largest(mask & (levels <= quantile_level(mask, levels, 0.75)))
    for part, suffix in ((mask, ""), (dark, "_q75")):
        _, _, along = axes(part, spacing)
        if along is None:
            continue  # a round part has no axis
        for name, line in (("major", along), ("minor", np.array([-along[1], along[0]]))):
            least, most = mirror_share(part, spacing, line)
            assert least - 1e-6 <= got[f"symmetry_{name}{suffix}"] <= most + 1e-6


def check_thickness(mask, got, spacing) -> None:
    round_ = axes(mask, spacing)[2] is None
    expected = np.nan if round_ else thickness_ratio(mask, spacing)
    assert np.isnan(expected) or got["thickness_ratio"] == pytest.approx(expected, rel=1e-5)


def check_ratios(got) -> None:
    f = dict(got)
    filled = f["area_filled"]
    expected = {
        "solidity": f["area"] / f["area_convex"],
        "circularity_traced": 4 * np.pi * f["area"] / f["perimeter_traced"] ** 2,
        "circularity_traced_filled": 4 * np.pi * filled / f["perimeter_traced"] ** 2,
        "perimeter_area_ratio": f["perimeter_traced"] / np.sqrt(f["area"]),
        "feret_area_ratio": f["feret_diameter_max"] / np.sqrt(f["area"]),
        "perimeter_feret_ratio": f["perimeter_traced"] / f["feret_diameter_max"],
        "centroid_offset_ratio": f["centroid_offset"] / np.sqrt(f["area"]),
    }
    if f["axis_major_length"] > 0:
        expected["perimeter_major_ratio"] = f["perimeter_traced"] / f["axis_major_length"]
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, rel=1e-5, abs=1e-7), name


@settings(max_examples=25, deadline=None)
@given(pictures, st.sampled_from(SPACINGS))
def test_random_objects_have_the_features_of_the_references(picture, spacing):
    for mask, levels, got in each(picture, spacing):
        check_grey(mask, levels, got, spacing)
        check_symmetry(mask, levels, got, spacing)
        check_thickness(mask, got, spacing)
        check_ratios(got)
        assert got["first_column_local"] == pytest.approx(mask[0].argmax() * spacing[1])


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", SHAPES)
def test_shapes_small_thin_and_with_holes_have_the_features_of_the_references(name, seed, spacing):
    mask = SHAPES[name]
    levels = np.random.default_rng(seed).integers(0, (LIMIT, 4, 2)[seed], mask.shape)
    got = measured(mask, levels, spacing)
    assert np.isfinite(list(got.values())).all()
    check_grey(mask, levels, got, spacing)
    check_symmetry(mask, levels, got, spacing)
    check_thickness(mask, got, spacing)
    check_ratios(got)


@pytest.mark.parametrize("level", [0, 100, 220])
@pytest.mark.parametrize("name", SHAPES)
def test_an_object_of_one_level_has_a_number_for_everything(name, level):
    got = measured(SHAPES[name], level)
    assert np.isfinite(list(got.values())).all()
    assert got["intensity_contrast"] == 0
    assert got["intensity_cumulative_slope"] == 1
    assert got["parts_q25"] == got["parts_q50"] == got["parts_q75"] == 1
    assert got["symmetry_major_q75"] == pytest.approx(got["symmetry_major"])
    assert got["centroid_gamma5_local-0"] == pytest.approx(got["centroid_local-0"])
    assert got["centroid_gamma5_local-1"] == pytest.approx(got["centroid_local-1"])


def test_the_contrast_of_the_example_of_pyradiomics():
    """Its four-by-four picture: s = 13.35, 2, 91/30, 10.075 for levels 1, 2, 3, 5."""
    levels = np.array([[1, 2, 5, 2], [3, 5, 1, 3], [1, 3, 5, 5], [3, 1, 1, 1]])
    variance = 9.375 - 2.625**2
    expected = 2 * variance / (4 * 3) * (13.35 + 2 + 91 / 30 + 10.075) / 16
    got = measured(np.ones((4, 4), bool), 100 + levels)
    assert got["intensity_contrast"] == pytest.approx(expected, rel=1e-6)


def test_two_dark_eyes_in_a_body_are_two_parts_of_the_darkest_quarter():
    levels = np.full((6, 20), 200)
    levels[2:4, 3:12] = levels[2:4, 13:18] = 50  # 28 of 120 pixels
    levels[0, :8] = 60
    got = measured(np.ones((6, 20), bool), levels)
    assert (got["intensity_q25"], got["intensity_q50"], got["intensity_q75"]) == (60, 200, 200)
    assert (got["parts_q25"], got["parts_q50"], got["parts_q75"]) == (3, 1, 1)


def test_the_symmetry_at_a_level_is_that_of_the_largest_part_about_its_own_axis():
    """A dark bar of 100 pixels with a faint arm of 28 to one side: the bar alone is its mirror."""
    mask = np.zeros((20, 19), bool)
    mask[:, :5] = mask[-2:, :] = True
    got = measured(mask, np.where(np.indices(mask.shape)[1] < 5, 100, 200))
    assert got["symmetry_major"] < 0.9
    assert got["symmetry_minor"] < 0.9
    assert got["symmetry_major_q75"] == got["symmetry_minor_q75"] == 1


def test_half_of_the_pixels_a_level_higher_make_a_slope_of_a_half():
    levels = np.repeat([[100], [101]], 8, axis=1)
    got = measured(np.ones((2, 8), bool), levels)
    assert got["intensity_cumulative_slope"] == pytest.approx(0.5)


def test_the_bright_end_draws_the_centre_of_high_powers():
    levels = np.array([[100, 200]])
    got = measured(np.ones((1, 2), bool), levels, (0.2, 0.1))
    assert got["centroid_gamma5_local-1"] == pytest.approx(0.1 * 32 / 33)
    assert got["centroid_gamma5_local-0"] == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (4, 21), (5, 8), (30, 7)])
def test_a_bar_is_as_thick_everywhere(shape):
    assert measured(np.ones(shape, bool))["thickness_ratio"] == pytest.approx(1)


def test_a_bar_with_a_thick_quarter():
    """10 cuts of 12 pixels and 30 of 4: 12 over (9 x 12 + 30 x 4) / 39."""
    mask = np.zeros((12, 20), bool)
    mask[4:8], mask[:, 8:13] = True, True
    got = measured(mask)["thickness_ratio"]
    assert got == pytest.approx(12 * 39 / (9 * 12 + 30 * 4))


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (1.4, 1.0)])
def test_a_disc_is_four_over_pi_times_as_thick_as_on_average(spacing):
    y, x = np.mgrid[:200, :200] * np.array(spacing)[:, None, None]
    mask = np.hypot((y - y.mean()) * 1.0001, x - x.mean()) < 60  # a hair longer than high
    mask = mask[mask.any(axis=1)][:, mask.any(axis=0)]
    assert measured(mask, 100, spacing)["thickness_ratio"] == pytest.approx(4 / np.pi, rel=0.02)


def test_skeletons_of_lines_are_themselves():
    for name in ("pixel", "line", "column", "diagonal"):
        got = measured(SHAPES[name], 100, (0.5, 0.2))
        assert got["skeleton_area"] == pytest.approx(SHAPES[name].sum() * 0.1)


def test_ratios_of_a_single_pixel_and_of_a_square():
    """ImageJ cuts two corners of a pixel and four of a square."""
    cut = 2 - np.sqrt(2)
    pixel, square = measured(np.ones((1, 1), bool)), measured(np.ones((10, 10), bool))
    assert pixel["circularity_traced"] == pytest.approx(4 * np.pi / (4 - 2 * cut) ** 2)
    assert pixel["perimeter_major_ratio"] == pytest.approx(4 - 2 * cut)
    assert square["perimeter_area_ratio"] == pytest.approx((40 - 4 * cut) / 10)
    assert square["circularity_traced_filled"] == square["circularity_traced"]


def test_holes_count_in_one_of_the_circularities_only():
    got = measured(ring())
    assert got["circularity_traced_filled"] > 1.2 * got["circularity_traced"]


@pytest.mark.parametrize(
    ("mask", "angle"),
    [
        (np.ones((1, 9), bool), 0),
        (np.ones((9, 1), bool), 90),
        (np.eye(9, dtype=bool)[::-1], 45),
        (np.eye(9, dtype=bool), 135),
    ],
)
def test_the_orientation_turns_into_imagejs_angle(mask, angle):
    """Degrees from the line, counter-clockwise as one sees it."""
    turned = 90 + np.degrees(measured(mask)["orientation"])
    assert turned % 180 == pytest.approx(angle, abs=1e-4)
