"""Counts, volumes and their intervals, against published and hand-computed values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seston.ecology import (
    concentration,
    despike,
    direction,
    equivalent_spherical_volume,
    normalised_biovolume_spectrum,
    poisson_interval,
    subsampled_interval,
    turning_points,
)


def test_a_bin_that_was_imaged_and_empty_is_zero_and_one_not_imaged_is_nan():
    found = concentration(np.array([0, 0, 6]), np.array([0.5, 0.0, 2.0]))
    np.testing.assert_array_equal(found, [0.0, np.nan, 3.0])


@pytest.mark.parametrize(
    ("count", "lower", "upper"),
    [
        (0, 0.0, 3.689),
        (1, 0.0253, 5.572),
        (3, 0.619, 8.767),
        (10, 4.795, 18.390),
        (100, 81.36, 121.63),
    ],
)
def test_poisson_intervals_are_those_of_garwood(count, lower, upper):
    """Garwood (1936), Biometrika 28, 437-442."""
    low, high = poisson_interval(count)
    assert float(low) == pytest.approx(lower, rel=2e-3, abs=1e-9)
    assert float(high) == pytest.approx(upper, rel=2e-4)


@given(st.integers(0, 100_000))
def test_a_count_lies_in_its_interval(count):
    low, high = poisson_interval(count)
    assert low <= count < high


def test_equal_factors_scale_the_exact_interval():
    low, high = subsampled_interval([160.0], [10 * 16.0**2], [16.0])
    np.testing.assert_allclose([low[0], high[0]], [16 * 4.795, 16 * 18.390], rtol=2e-4)


def test_a_fraction_in_which_nothing_was_found_may_have_held_one():
    """Five in a whole fraction, none in a sixty-fourth: by hand, with quantiles of chi2.

    Lower: S1 = S2 = 5, that of 5. Upper: (5 + 64^2) / (2 * 69) times the quantile 0.975 of chi2
    with 2 * 69^2 / 4101 = 2.32187 degrees of freedom, 8.03869.
    """
    low, high = subsampled_interval([5.0], [5.0], [64.0])
    np.testing.assert_allclose([low[0], high[0]], [1.6235, 4101 / 138 * 8.03869], rtol=1e-4)


def test_an_empty_bin_of_a_subsample_is_no_surer_than_its_factor():
    low, high = subsampled_interval([0.0], [0.0], [16.0])
    np.testing.assert_allclose([low[0], high[0]], [0, 16 * 3.6889], rtol=1e-4)


@pytest.mark.parametrize(
    ("mean", "factor"), [((5, 0.1), (1, 64)), ((20, 2), (1, 8)), ((3, 3), (4, 16))]
)
def test_intervals_of_unequal_fractions_hold_the_truth_as_often_as_they_say(mean, factor):
    counts = np.random.default_rng(1).poisson(mean, (4000, 2))
    low, high = subsampled_interval(counts @ factor, counts @ np.square(factor), max(factor))
    truth = np.dot(mean, factor)
    assert np.mean((low <= truth) & (truth <= high)) >= 0.95


def test_a_sphere_of_the_objects_shadow():
    """A disc of 1 mm diameter is the shadow of a sphere of pi/6 mm3."""
    volume = equivalent_spherical_volume(np.array([np.pi / 4]))
    np.testing.assert_allclose(volume, np.pi / 6)


# ---------------------------------------------------------------------------------------- despike
def test_the_published_spike_is_found_and_nothing_else():
    """The example of castr::despike."""
    found = despike(np.array([10, 10, 12, 11, 33, 15, 12, 11, 11], float))
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(found)), [4])


@given(st.floats(-50, 50), st.integers(3, 40))
def test_a_constant_series_has_no_spike(value, length):
    np.testing.assert_array_equal(despike(np.full(length, value)), np.full(length, value))


# --------------------------------------------------------------------------------- turning points
def test_a_tow_that_goes_down_and_up_turns_once():
    depth = np.concatenate([np.linspace(0, 50, 101), np.linspace(50, 0, 101)[1:]])
    assert 100 in turning_points(depth, 10)
    assert direction(depth[:101], 10) == "down"
    assert direction(depth[100:], 10) == "up"


def test_swell_turns_nothing():
    depth = np.linspace(0, 50, 500) + np.sin(np.arange(500))
    assert len([t for t in turning_points(depth, 10) if 20 < t < 480]) == 0


# ---------------------------------------------------------------------------------- size spectrum
def test_a_power_law_gives_its_slope():
    """n(v) = 1e3 v^-2 has an NBSS of slope -1: biovolume per class is constant on doubling."""
    limits = np.exp2(np.arange(11))
    rng = np.random.default_rng(3)
    u = rng.uniform(size=2_000_000)
    volumes = 1 / (1 - u * (1 - 1 / limits[-1]))  # inverse of the cumulative v^-2 law
    spectrum = normalised_biovolume_spectrum(np.cbrt(6 * volumes / np.pi), 1.0)
    whole = spectrum.isel(size_class=slice(0, 8))
    slope = np.polyfit(np.log10(whole["volume_mid"]), np.log10(whole["nbss"]), 1)[0]
    assert slope == pytest.approx(-1, abs=0.02)


def test_a_spectrum_keeps_all_objects_and_their_volume():
    diameter = np.array([0.2, 0.3, 1.0, 4.0])
    spectrum = normalised_biovolume_spectrum(diameter, 2.0)
    edges = np.exp2(np.round(np.log2(spectrum["volume_mid"]) - 0.5))
    total = float((spectrum["nbss"] * edges).sum()) * 2.0
    assert int(spectrum["count"].sum()) == 4
    assert total == pytest.approx(float((np.pi / 6 * diameter**3).sum()))
