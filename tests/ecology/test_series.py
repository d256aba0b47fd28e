"""Errors of a series, on series that a reader can hold in the head."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import braycurtis

from seston.ecology import bray_curtis, series_errors
from seston.errors import InputError

numbers = st.lists(st.floats(0, 1e4), min_size=3, max_size=20).map(np.array)


def test_a_series_that_is_right_has_no_error():
    found = series_errors([1, 10, 100, 10], [1, 10, 100, 10])
    assert found.facts == pytest.approx(
        {"bias": 0, "rmse_log1p": 0, "pearson": 1, "spearman": 1, "amplitude_ratio": 1,
         "peak_shift": 0}
    )  # fmt: skip


def test_errors_of_a_series_computed_by_hand():
    """Means 30 and 68; ln(1 + x) differ by ln(3/2), ln(21/10), ln(51/101), ln(201/11)."""
    found = series_errors([1, 9, 100, 10], [2, 20, 50, 200], time=[0, 30, 60, 90])
    assert found.bias == pytest.approx(68 / 30 - 1)
    logs = np.log([3 / 2, 21 / 10, 51 / 101, 201 / 11])
    assert found.rmse_log1p == pytest.approx(np.sqrt((logs**2).mean()))
    assert found.peak_shift == 30
    assert found.spearman == pytest.approx(0.8)  # ranks 1 2 4 3 and 1 2 3 4


def test_false_positives_flatten_a_series():
    """TPR 0.9 and FPR 0.01: what rises a hundredfold seems to rise ninefold."""
    true = 1e5 * np.repeat([0.001, 0.1], 20)
    seen = 0.9 * true + 0.01 * (1e5 - true)
    assert seen.max() / seen.min() == pytest.approx(9.09, abs=5e-3)
    found = series_errors(true, seen)
    assert found.pearson == pytest.approx(1)
    assert found.amplitude_ratio == pytest.approx(np.log(9.09) / np.log(100), abs=0.01)


@given(numbers, st.randoms(use_true_random=False))
def test_correlations_are_scipys(true, random):
    seen = np.array(sorted(true, key=lambda _: random.random())) + np.arange(len(true))
    found = series_errors(true, seen)
    if np.ptp(true) > 1e-6:
        assert found.pearson == pytest.approx(stats.pearsonr(true, seen)[0], abs=1e-6)
        assert found.spearman == pytest.approx(stats.spearmanr(true, seen)[0], abs=1e-9)


def test_times_that_were_not_sampled_are_left_out():
    whole = series_errors([1, 5, 2], [2, 3, 2], time=[0, 1, 3])
    gappy = series_errors([1, 5, np.nan, 2], [2, 3, 9, 2])
    assert gappy == whole


def test_a_series_that_does_not_vary_has_no_correlation():
    found = series_errors([0, 0, 0], [1, 2, 3])
    assert np.isnan([found.bias, found.pearson, found.spearman, found.amplitude_ratio]).all()


@given(st.integers(2, 6), st.integers(0, 1000))
def test_dissimilarity_of_compositions_is_scipys(taxa, seed):
    rng = np.random.default_rng(seed)
    p, q = rng.gamma(0.5, size=(2, 5, taxa))
    np.testing.assert_allclose(
        bray_curtis(p, q), [braycurtis(a, b) for a, b in zip(p, q, strict=True)]
    )


def test_two_empty_samples_have_no_dissimilarity():
    assert np.isnan(bray_curtis([[0, 0]], [[0, 0]])).all()


@pytest.mark.parametrize(
    ("truth", "estimate", "said"),
    [
        ([1, 2], [1, -2], "negative"),
        ([1, 2], [1, 2, 3], "as long"),
        ([1, np.nan], [1, 2], "two times"),
    ],
)
def test_what_is_no_series_is_refused(truth, estimate, said):
    with pytest.raises(InputError, match=said):
        series_errors(truth, estimate)
