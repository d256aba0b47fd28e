from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from seston.learn.judging import thresholds
from seston.learn.judging.thresholds import by_errors, by_precision, wilson_lower


def two_taxa(score: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Objects that are all named as taxon 0 with these scores; the wrong ones are of taxon 1."""
    return np.stack((score, 1 - score), axis=1), np.where(right, 0, 1)


def test_wilson_agrees_with_scipy() -> None:
    for right, total in ((0, 7), (3, 9), (9, 9), (950, 1000)):
        lower = binomtest(right, total).proportion_ci(0.9, method="wilson").low
        assert float(wilson_lower(right, total)) == pytest.approx(lower, abs=1e-12)
    assert float(wilson_lower(0, 0)) == 0


def test_the_smallest_score_above_which_precision_is_sure_enough() -> None:
    # 100 right ones above 0.9, then right and wrong ones in turn: hand count of the bound.
    score = np.concatenate((np.linspace(0.99, 0.9, 100), np.linspace(0.8, 0.6, 40)))
    right = np.concatenate((np.ones(100, bool), np.arange(40) % 2 == 1))
    found = by_precision(*two_taxa(score, right), target=0.9)
    kept = int(found.named[0])
    wrong = (~right[:kept]).sum()
    assert wrong > 0
    assert wilson_lower(kept - wrong, kept) >= 0.9
    for more in range(kept + 1, 141):
        assert wilson_lower(right[:more].sum(), more) < 0.9
    assert found.precision[0] == pytest.approx((kept - wrong) / kept)
    assert found.recall[0] == pytest.approx((kept - wrong) / right.sum())


def test_a_taxon_that_does_not_reach_the_target_cannot_be_used() -> None:
    score = np.full(24, 0.99)  # 24 without an error are one too few
    found = by_precision(*two_taxa(score, np.ones(24, bool)), target=0.9)
    assert found.usable.tolist() == [False, False]
    assert found.facts()["threshold"] == [None, None]
    assert (found.precision[0], found.recall[0], found.named[0]) == (0, 0, 0)
    assert found.name([[0.999, 0.001]]).tolist() == [-1]
    enough = by_precision(*two_taxa(np.full(25, 0.99), np.ones(25, bool)), target=0.9)
    assert enough.usable.tolist() == [True, False]


def test_equal_scores_stand_or_fall_together() -> None:
    score = np.concatenate((np.full(30, 0.9), np.full(30, 0.7)))
    right = np.concatenate((np.ones(40, bool), np.zeros(20, bool)))  # 10 right ones among the 0.7
    found = by_precision(*two_taxa(score, right), target=0.9)
    assert found.threshold[0] == pytest.approx(0.9, abs=5e-4)
    assert found.named[0] == 30


def test_what_was_measured_is_what_datasets_keep() -> None:
    # Two scores that float16 does not tell apart cannot lie on both sides of a threshold.
    score = np.concatenate((np.full(60, 0.99991), np.full(60, 0.99990)))
    right = np.concatenate((np.ones(60, bool), np.zeros(60, bool)))
    found = by_precision(*two_taxa(score, right), target=0.9)
    assert not found.usable[0]


@given(st.integers(0, 10_000), st.sampled_from([0.6, 0.8, 0.9]))
def test_naming_by_thresholds_gives_the_precision_that_was_measured(seed, target) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, 400)
    scores = rng.dirichlet(np.ones(3), 400) + 1.5 * np.eye(3)[truth] * rng.random((400, 1))
    scores /= scores.sum(axis=1, keepdims=True)
    found = by_precision(scores, truth, target)
    named = found.name(scores)
    for taxon in range(3):
        mine = named == taxon
        assert mine.sum() == found.named[taxon]
        if mine.any():
            assert (truth[mine] == taxon).mean() == pytest.approx(found.precision[taxon])
            assert wilson_lower((truth[mine] == taxon).sum(), mine.sum()) >= target


def test_corrected_counts_are_those_of_the_truth_where_they_were_measured() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 2000)
    scores = np.stack((1 - truth, truth), axis=1) * 0.5 + rng.random((2000, 2))
    scores /= scores.sum(axis=1, keepdims=True)
    found = by_precision(scores, truth, 0.8)
    kept = np.bincount(found.name(scores) + 1, minlength=3)[1:]
    np.testing.assert_allclose(kept * found.precision / found.recall, np.bincount(truth))


def test_nine_of_ten_errors_lie_below() -> None:
    score = np.concatenate((np.linspace(0.6, 0.99, 30), np.linspace(0.55, 0.95, 10)))
    right = np.concatenate((np.ones(30, bool), np.zeros(10, bool)))
    found = by_errors(*two_taxa(score, right))
    wrong = thresholds.as_stored(score[~right]).astype(float)
    assert (wrong < found.threshold[0]).sum() == 9
    assert found.named[0] == (thresholds.as_stored(score) >= found.threshold[0]).sum()
    assert by_errors(*two_taxa(score[:9], right[:9])).usable.tolist() == [False, False]
    none_wrong = by_errors(*two_taxa(score[:30], right[:30]))
    assert (none_wrong.threshold[0], none_wrong.recall[0]) == (0, 1)


def test_of_which_too_few_remain_cannot_be_used() -> None:
    score = np.concatenate((np.full(95, 0.6), np.full(5, 0.99)))
    right = np.concatenate((np.ones(50, bool), np.zeros(45, bool), np.ones(5, bool)))
    assert not by_errors(*two_taxa(score, right)).usable[0]
    assert by_errors(*two_taxa(score, right), smallest_kept=0.05).usable[0]


def test_without_vignettes_no_taxon_can_be_used() -> None:
    found = by_precision(np.empty((0, 3)), np.empty(0, int))
    assert not found.usable.any()
    json.dumps(found.facts(), allow_nan=False)
