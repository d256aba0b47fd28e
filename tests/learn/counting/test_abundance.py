"""Numbers in bins mended for errors, and limits that hold the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import stats

from seston.errors import InputError
from seston.learn.counting.abundance import (
    adjusted_counts,
    adjusted_limits,
    named,
    patchy_squares,
    rate_draws,
)

RATES = np.array([[0.9, 0.10, 0.02], [0.05, 0.80, 0.03], [0.05, 0.10, 0.95]])
counts = npst.arrays(float, (6, 3), elements=st.integers(0, 500).map(float))


def held_out(rng, rates, number):
    """Held-out objects of a classifier with given rates of errors: what they were named, labels."""
    taxa = rates.shape[1]
    labels = np.repeat(np.arange(taxa), number)
    names = np.concatenate([rng.choice(taxa, number, p=rates[:, j]) for j in range(taxa)])
    return np.eye(taxa)[names], labels


def erring(rng, taxa, low=0.6):
    """Rates of errors of some classifier."""
    right = rng.uniform(low, 0.97, taxa)
    columns = [
        np.insert(rng.dirichlet(np.full(taxa - 1, 0.5)) * (1 - r), j, r)
        for j, r in enumerate(right)
    ]
    return np.stack(columns, axis=1)


# ------------------------------------------------------------------------------------------ counts
@given(counts)
def test_mended_bins_keep_their_objects_and_none_is_negative(table):
    found = adjusted_counts(table, RATES)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), table.sum(axis=1), atol=1e-9)


@given(counts)
def test_what_is_never_confused_stays_as_it_was_counted(table):
    np.testing.assert_allclose(adjusted_counts(table, np.eye(3)), table, atol=1e-9)


def test_what_errors_made_of_a_bin_is_undone():
    true = np.array([[20, 10, 70], [0, 0, 0], [0, 50, 0]], float)
    np.testing.assert_allclose(adjusted_counts(true @ RATES.T, RATES), true, atol=1e-9)


# -------------------------------------------------------------------------------------- rate draws
def test_drawn_rates_spread_about_the_counted_ones():
    rng = np.random.default_rng(0)
    responses, labels = held_out(rng, RATES, 400)
    drawn = rate_draws(responses, labels)
    np.testing.assert_allclose(drawn.sum(axis=1), 1, atol=1e-5)
    counted = np.stack([responses[labels == j].mean(axis=0) for j in range(3)], axis=1)
    np.testing.assert_allclose(drawn.mean(axis=0), counted, atol=0.004)
    spread = np.sqrt(counted * (1 - counted) / 400)
    np.testing.assert_allclose(drawn.std(axis=0), spread, rtol=0.15)


def test_objects_that_err_together_tell_less():
    """Ten groups that are each named all rightly or all wrongly are ten objects."""
    wrong = np.repeat(np.arange(10) < 3, 20)
    responses = np.eye(2)[np.concatenate([wrong, np.ones(200)]).astype(int)]
    labels = np.repeat([0, 1], 200)
    groups = np.repeat(np.arange(20), 20)
    alone = rate_draws(responses, labels)[:, 1, 0].std()
    together = rate_draws(responses, labels, groups)[:, 1, 0].std()
    assert together > 3 * alone
    few = rate_draws(responses, labels, groups // 5)[:, 1, 0].std()  # 2 groups tell no spread
    assert few == pytest.approx(alone, rel=0.1)


def test_the_same_seed_draws_the_same():
    responses, labels = held_out(np.random.default_rng(1), RATES, 30)
    first, second, other = (rate_draws(responses, labels, seed=s) for s in (4, 4, 5))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


# ------------------------------------------------------------------------------------------ limits
def test_without_errors_the_limits_are_those_of_a_poisson_mean():
    """Jeffreys: quantiles of a gamma distribution of shape n + 1/2."""
    table = np.array([[0.0, 1.0], [10.0, 300.0]])
    lower, upper = adjusted_limits(table, table, np.broadcast_to(np.eye(2), (20_000, 2, 2)))
    np.testing.assert_allclose(upper, stats.gamma(table + 0.5).ppf(0.975), rtol=0.03)
    np.testing.assert_allclose(lower, stats.gamma(table + 0.5).ppf(0.025), rtol=0.08, atol=0.002)


def test_individuals_of_a_fraction_are_as_sure_as_the_objects_counted():
    draws = np.broadcast_to(np.eye(2), (2000, 2, 2))
    counted = np.array([[7.0, 90.0], [0.0, 3.0]])
    lower, upper = adjusted_limits(counted, counted, draws)
    low16, high16 = adjusted_limits(16 * counted, 256 * counted, draws, 16.0)
    np.testing.assert_allclose(low16, 16 * lower, rtol=1e-5)
    np.testing.assert_allclose(high16, 16 * upper, rtol=1e-5)


def test_limits_of_a_bin_do_not_depend_on_the_bins_beside_it(monkeypatch):
    rng = np.random.default_rng(2)
    draws = rate_draws(*held_out(rng, RATES, 40), draws=200)
    table = rng.poisson(20, (50, 3)).astype(float)
    whole = adjusted_limits(table, table, draws)
    monkeypatch.setattr("seston.learn.counting.abundance._CELLS_AT_ONCE", 3 * 200 * 7)
    for one, other in zip(whole, adjusted_limits(table, table, draws), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_a_taxon_that_is_never_named_may_be_all_that_there_is():
    """It is known that it hides in the other; not how often."""
    labels = np.repeat([0, 1], 50)
    responses = np.eye(2)[np.zeros(100, int)]
    table = np.array([[40.0, 0.0]])
    lower, upper = adjusted_limits(table, table, rate_draws(responses, labels))
    assert lower[0, 1] == 0
    assert 30 < upper[0, 1] < 80


@pytest.mark.parametrize("untold", [1, 5])
def test_taxa_of_which_nothing_was_held_out_leave_the_limits_of_others_as_they_are(untold):
    """Whatever was believed of what hides them would be inverted, and reach into all the others."""
    rng, taxa = np.random.default_rng(2), 20
    responses, labels = held_out(rng, erring(rng, taxa), 150)
    told = labels < taxa - untold
    counts = np.full((1, taxa), 100.0)
    wide = [
        np.subtract(*reversed(adjusted_limits(counts, counts, draws)))[0, : taxa - untold]
        for draws in (rate_draws(responses, labels), rate_draws(responses[told], labels[told]))
    ]
    assert (wide[1] < 1.5 * wide[0]).all()


def test_limits_need_sums_of_the_taxa_that_the_rates_are_of():
    with pytest.raises(InputError, match="bins, 2"):
        adjusted_limits(np.zeros((4, 3)), np.zeros((4, 3)), np.broadcast_to(np.eye(2), (5, 2, 2)))


# --------------------------------------------------------------------------------------- patchiness
def frames_of(rng, patchy: bool):
    mean = np.full((300, 8, 1), 3.0)
    seen = rng.poisson(mean * (rng.gamma(0.5, 2.0, mean.shape) if patchy else 1)).astype(float)
    return seen.sum(axis=1), (seen**2).sum(axis=1), np.full(300, 8)


def test_frames_that_hold_equal_water_leave_poissons_error_alone():
    table, squares, frames = frames_of(np.random.default_rng(3), patchy=False)
    ratio = patchy_squares(table, table, squares, frames) / table
    np.testing.assert_allclose(ratio, 1.0, atol=0.1)


def test_patches_widen_the_counting_error_as_their_variance_does():
    """Mean 3 and gamma shape 0.5 make a variance of 3 + 9 / 0.5 a frame: 7 times Poisson's."""
    table, squares, frames = frames_of(np.random.default_rng(4), patchy=True)
    ratio = (patchy_squares(table, table, squares, frames) / np.maximum(table, 1)).max()
    assert ratio == pytest.approx(7, rel=0.2)


# ----------------------------------------------------------------------------------------- coverage
@pytest.mark.parametrize("grouped", [False, True])
def test_95_percent_intervals_hold_the_truth_93_to_97_times_of_100(grouped):
    """Prevalence over three decades, 20 to 5000 objects a bin, 30 to 200 held out of each taxon."""
    rng = np.random.default_rng(11)
    taxa, expected, held = 8, [], []
    for _ in range(60):
        rates = erring(rng, taxa)
        mean = np.geomspace(1, 1e-3, taxa) * np.exp(rng.normal(0, 1, (30, taxa)))
        mean *= np.repeat([20, 200, 5000], 10)[:, None] / mean.sum(axis=1, keepdims=True)
        seen = rng.poisson(mean @ rates.T).astype(float)
        draws = rate_draws(*(of_groups if grouped else of_objects)(rng, rates))
        lower, upper = adjusted_limits(seen, seen, draws)
        expected.append(mean.ravel())
        held.append(((lower <= mean) & (mean <= upper)).ravel())
    mean, inside = np.concatenate(expected), np.concatenate(held)
    assert 0.93 <= inside.mean() <= 0.97
    for low, high in ((1, 10), (10, 100), (100, 1e9)):
        assert 0.92 <= inside[(mean >= low) & (mean < high)].mean() <= 0.975


def of_objects(rng, rates):
    return held_out(rng, rates, int(rng.integers(30, 200)))


def of_groups(rng, rates):
    """30 samples, each of which errs at rates of its own."""
    parts = []
    for group in range(30):
        own = np.stack([rng.dirichlet(20 * column + 1e-3) for column in rates.T], axis=1)
        responses, labels = held_out(rng, own, 8)
        parts.append((responses, labels, np.full(len(labels), group)))
    return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))


def test_named_marks_the_best_score():
    np.testing.assert_array_equal(named([[0.2, 0.8], [0.6, 0.4]]), [[0, 1], [1, 0]])
