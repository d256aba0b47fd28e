"""Figures: what is drawn, read back from the axes; and that they are drawn alike each time."""

from __future__ import annotations

import hashlib

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.figure import Figure

from seston import plot
from seston.ecology import poisson_interval
from seston.plot.mosaic import arrange
from seston.plot.quality import binned
from seston.plot.style import to_png, to_svg


@pytest.fixture
def profiles():
    """Two profiles of three bins: found, imaged and empty, not imaged."""
    count = np.array([[[4, 1], [0, 0], [0, 0]], [[0, 0], [2, 8], [0, 0]]])
    volume = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.25]])
    warm = np.array([[15.0, 14.0, np.nan], [15.5, 14.5, 13.0]])
    metres = {"units": "m", "positive": "down"}
    return xr.Dataset(
        {
            "count": (("profile", "depth", "taxon"), count),
            "imaged_volume": (("profile", "depth"), volume),
            "temperature": (
                ("profile", "depth"),
                warm,
                {"units": "degree_C", "long_name": "temperature of the water"},
            ),
        },
        coords={
            "depth": ("depth", [0.5, 1.5, 2.5], metres),
            "taxon": ["copepod", "a$b$"],
            "distance": ("profile", [0.0, 2.0], {"units": "km", "long_name": "distance"}),
        },
    )


def drawn(ax, gid):
    """Find what carries a name among the artists of axes."""
    return next(artist for artist in ax.get_children() if artist.get_gid() == gid)


def test_a_section_draws_circles_dots_and_hatching_where_they_belong(profiles):
    ax = plot.section(profiles, "copepod", over="temperature")
    animals = drawn(ax, "animals")
    assert {tuple(p) for p in animals.get_offsets().tolist()} == {(0.0, 0.5), (2.0, 1.5)}
    sizes = dict(zip(map(tuple, animals.get_offsets().tolist()), animals.get_sizes(), strict=True))
    assert sizes[0.0, 0.5] == pytest.approx(2 * sizes[2.0, 1.5])  # 8 and 4 per m3: by area
    empty = {tuple(p) for p in drawn(ax, "none").get_offsets().tolist()}
    assert empty == {(0.0, 1.5), (2.0, 0.5), (2.0, 2.5)}
    boxes = [path.vertices for path in drawn(ax, "not-imaged").get_paths()]
    assert len(boxes) == 1
    assert (boxes[0].min(axis=0).tolist(), boxes[0].max(axis=0).tolist()) == ([-1, 2], [1, 3])
    assert ax.yaxis_inverted()
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("Depth (m)", "Distance (km)")


def test_a_section_is_drawn_without_water_without_volume_and_without_any_bin(profiles):
    assert plot.section(profiles, "copepod", over="oxygen").collections
    unknown = profiles.assign(imaged_volume=profiles["imaged_volume"] * np.nan)
    legend = plot.section(unknown, "copepod", over=None).get_legend()
    assert legend.get_texts()[-1].get_text() == "objects"
    none = profiles.isel(profile=slice(0, 0))
    assert plot.section(none, "copepod").texts[0].get_text() == "no bin was imaged"


def test_a_taxon_that_is_not_there_is_an_error(profiles):
    with pytest.raises(KeyError, match="whale"):
        plot.section(profiles, "whale")


def test_a_profile_draws_pooled_concentrations_inside_their_interval(profiles):
    ax = plot.profile(profiles, "copepod")
    mean = drawn(ax, "mean")
    np.testing.assert_allclose(mean.get_xdata()[::2], [4 / 1.0, 2 / 1.0, 0 / 0.25])
    lower, upper = poisson_interval(np.array([4, 2, 0]))
    band = drawn(ax, "interval").get_paths()[0].vertices[:, 0]
    assert band.max() == pytest.approx((upper / [1.0, 1.0, 0.25]).max())
    assert band.min() == pytest.approx(lower.min())
    assert ax.yaxis_inverted()


def test_a_profile_without_volume_shows_objects_and_no_band(profiles):
    unknown = profiles.assign(imaged_volume=profiles["imaged_volume"] * np.nan)
    ax = plot.profile(unknown, "copepod")
    assert ax.get_xlabel() == "Objects (volume not known)"
    assert "interval" not in {artist.get_gid() for artist in ax.get_children()}


def adjusted(profiles, *, known=True):
    """The same, with numbers mended for errors: half of what was named, from 0.2 to 4 times that.

    Of the second taxon nothing is known.
    """
    named = profiles["count"] / profiles["imaged_volume"].where(profiles["imaged_volume"] > 0)
    told = xr.DataArray([1.0 if known else np.nan, np.nan], dims="taxon")
    factors = {"": 0.5, "_lower": 0.1, "_upper": 2.0}
    return profiles.assign(
        {f"concentration_adjusted{end}": named * told * f for end, f in factors.items()}
    )


def test_an_adjusted_profile_has_the_limits_of_the_dataset_beside_what_was_named(profiles):
    one = adjusted(profiles).isel(profile=[0])
    ax = plot.profile(one, "copepod")
    np.testing.assert_allclose(drawn(ax, "mean").get_xdata()[::2], [8, 0])
    assert drawn(ax, "mean").get_linestyle() == "--"
    np.testing.assert_allclose(drawn(ax, "adjusted").get_xdata()[::2], [4, 0])
    band = drawn(ax, "adjusted-interval").get_paths()[0].vertices
    at_first = band[band[:, 1] < 1, 0]
    assert (at_first.min(), at_first.max()) == (pytest.approx(0.8), pytest.approx(16))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "as named", "adjusted for errors of naming", "95 % limits of the adjusted",
    ]  # fmt: skip
    assert "interval" not in {artist.get_gid() for artist in ax.get_children()}


def test_a_taxon_without_adjusted_numbers_says_so(profiles):
    ax = plot.profile(adjusted(profiles), "a$b$")
    assert ax.get_title(loc="right") == "not adjusted"
    assert "adjusted" not in {artist.get_gid() for artist in ax.get_children()}
    np.testing.assert_allclose(drawn(ax, "mean").get_xdata()[::2], [1, 8, 0])


def test_where_nothing_is_adjusted_profiles_are_drawn_as_without(profiles):
    with_none = adjusted(profiles, known=False)
    names = ["copepod", "a$b$"]
    bare, same, other = (
        to_png(plot.profile_grid(p, names)) for p in (profiles, with_none, adjusted(profiles))
    )
    assert bare == same
    assert bare != other


def test_one_legend_serves_all_adjusted_profiles(profiles):
    figure = plot.profile_grid(adjusted(profiles), ["a$b$", "copepod"])
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 3


def test_a_wide_band_does_not_hide_the_lines(profiles):
    wide = adjusted(profiles)
    wide["concentration_adjusted_upper"] = wide["concentration_adjusted_upper"] * 100
    left, right = plot.profile(wide, "copepod").get_xlim()
    assert (left, right) == (0, 5 * 4.0)


def test_a_spectrum_leaves_empty_classes_out():
    ax = plot.size_spectrum([1.0, 2.0, 4.0, 8.0], {"all": [3.0, 0.0, 1.0], "none": [0, np.nan, 0]})
    np.testing.assert_allclose(ax.lines[0].get_xdata(), [np.sqrt(2), np.sqrt(32)])
    assert len(ax.lines[1].get_xdata()) == 0


def test_a_confusion_matrix_shows_shares_of_the_true_taxon():
    ax = plot.confusion([[3, 1], [0, 0]], ["copepod", "a$b$"])
    np.testing.assert_allclose(ax.images[0].get_array(), [[0.75, 0.25], [0, 0]])
    assert {t.get_text() for t in ax.texts} == {"3", "1"}
    with pytest.raises(ValueError, match="does not fit"):
        plot.confusion([[1, 2]], ["copepod"])


def test_a_mosaic_keeps_proportions_of_pixels_that_are_not_square():
    dark = np.full((20, 20), 10, np.uint8)
    ax = plot.mosaic([dark], pixel_height=0.2, pixel_width=0.1)
    shown = np.asarray(ax.images[0].get_array()) < 100
    high, wide = shown.any(axis=1).sum(), shown.any(axis=0).sum()
    assert high == pytest.approx(2 * wide, abs=1)


def test_a_mosaic_without_a_known_pixel_size_has_a_bar_in_pixels():
    ax = plot.mosaic([np.full((20, 20), 10, np.uint8)], 1, 1, unit="pixels")
    assert ax.texts[0].get_text().endswith("pixels")


def test_reliability_shows_only_scores_that_occur_and_marks_those_that_promise_too_much():
    confidence, right, count = [0, 0.5, 0.95], [0, 0.5, 0.6], [0, 40, 400]
    ax = plot.reliability(confidence, right, count)
    _, points, too_sure = ax.lines
    assert points.get_xdata().tolist() == [0.5, 0.95]
    assert points.get_ydata().tolist() == [0.5, 0.6]
    assert too_sure.get_xdata().tolist() == [0.95]
    intervals = [path.vertices[:, 1] for path in ax.collections[0].get_paths()]
    # Wilson's interval of 20 in 40, from scipy.stats.binomtest.
    assert intervals[0].tolist() == pytest.approx([0.3520, 0.6480], abs=1e-4)


def test_shelves_hold_boxes_that_do_not_touch_and_leave_out_what_does_not_fit():
    boxes = np.array([[30, 40], [20, 50], [10, 30], [200, 10], [10, 500], [15, 15]])
    places, used = arrange(boxes, columns_px=120, rows_px=100)
    assert [i for i, place in enumerate(places) if place == (-1, -1)] == [3, 4]
    canvas = np.zeros((100, 120), int)
    for (top, left), (high, wide) in zip(places, boxes, strict=True):
        if top >= 0:
            canvas[top : top + high, left : left + wide] += 1
    assert canvas.max() == 1
    assert canvas[used:].sum() == 0
    assert canvas.sum() == 30 * 40 + 20 * 50 + 10 * 30 + 15 * 15


def frames(n):
    return pd.DataFrame(
        {
            "time": pd.Timestamp("2026-05-01") + pd.to_timedelta(np.arange(n), "s"),
            "usable": np.where(np.arange(n) % 4 == 0, 0, 1),
            "problem": np.where(np.arange(n) % 8 == 0, "cut $short$", ""),
            "background": 200.0,
            "object_count": np.arange(n),
            "latitude": 30.0,
            "longitude": -120.0,
        }
    )


def test_frames_not_used_are_counted_by_reason():
    counted = plot.reasons(frames(32))
    assert counted.to_dict() == {"cut $short$": 4, "not said": 4}
    assert len(plot.quality(frames(32)).axes) == 4
    assert len(plot.quality(frames(0)).axes) == 4


def test_many_frames_become_medians_and_ranges_of_spans():
    values = pd.Series(np.tile([0.0, 10.0, 20.0], 1000))
    time = pd.Series(pd.Timestamp("2026-05-01") + pd.to_timedelta(np.arange(3000), "s"))
    table = binned(time, values, bins=10)
    assert len(table) == 10
    assert set(table["median"]) == {10.0}
    assert (table["low"] < table["median"]).all()
    assert len(binned(time, values * np.nan)) == 0


def figures(profiles):
    """Every figure there is, by name."""
    vignettes = [np.full((9, 12), 30, np.uint8)] * 3
    confused = plot.confusion([[3, 1], [0, 5]], ["copepod", "a$b$"]).get_figure()
    return {
        "section": plot.section(profiles, "a$b$", "temperature").get_figure(),
        "sections": plot.sections(profiles, list(profiles["taxon"].values), "temperature"),
        "profiles": plot.profile_grid(profiles, list(profiles["taxon"].values)),
        "spectrum": plot.size_spectrum([1.0, 2.0], {"$x": [3.0]}).get_figure(),
        "confusion": confused,
        "mosaic": plot.mosaic(vignettes, 0.1, 0.1, title="a$b$").get_figure(),
        "quality": plot.quality(frames(40)),
    }


def test_every_figure_is_drawn_alike_each_time_and_leaves_the_style_alone(profiles):
    before = dict(mpl.rcParams)
    once, again = figures(profiles), figures(profiles)
    for name, figure in once.items():
        assert isinstance(figure, Figure), name
        first, second = to_png(figure), to_png(again[name])
        assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest(), name
        assert first.startswith(b"\x89PNG")
    assert b"<svg" in to_svg(once["spectrum"])
    assert dict(mpl.rcParams) == before


def test_the_curves_of_a_training_tell_which_epoch_was_kept() -> None:
    epochs = pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "loss": [2.0, 1.0, 0.5],
            "validation_loss": [1.5, 0.9, 1.1],
            "validation_loss_calibrated": [1.4, 0.9, 0.8],
            "validation_accuracy": [0.4, 0.7, 0.75],
            "validation_balanced_accuracy": [0.3, 0.6, 0.7],
        }
    )
    ax = plot.training(epochs)
    learned, validation, calibrated, kept = ax.get_lines()
    np.testing.assert_array_equal(learned.get_ydata(), epochs["loss"])
    np.testing.assert_array_equal(validation.get_ydata(), epochs["validation_loss"])
    np.testing.assert_array_equal(calibrated.get_ydata(), epochs["validation_loss_calibrated"])
    assert list(kept.get_xdata()) == [3, 3]
    without = epochs.assign(**{name: np.nan for name in epochs.columns if "validation" in name})
    assert len(plot.training(without).get_lines()) == 1
