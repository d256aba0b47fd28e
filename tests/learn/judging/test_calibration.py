from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import approx_fprime

from seston.errors import ModelError
from seston.learn.judging import calibration, metrics
from seston.learn.judging.calibration import Calibration
from seston.learn.judging.held_out import HeldOut
from seston.learn.sets.splits import TEST, VALIDATION


def softmax(logits: np.ndarray) -> np.ndarray:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def world(n: int = 20_000, n_taxa: int = 5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """True logits, and truth drawn by them: scores of these logits are calibrated."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, n_taxa))
    draws = rng.random((n, 1))
    return logits, (softmax(logits).cumsum(axis=1) < draws).sum(axis=1).clip(max=n_taxa - 1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_a_known_temperature_is_found_again(temperature: float) -> None:
    logits, truth = world()
    scores = softmax(logits * temperature)  # a model that is too sure by this factor
    found = calibration.fit(scores, truth)
    assert found.kind in ({"temperature"} if temperature != 1 else {"none", "temperature"})
    assert found.temperature == pytest.approx(temperature, rel=0.03)
    right = metrics.calibration_error(found.apply(scores), truth)
    assert right < 0.012
    if temperature != 1:
        assert metrics.calibration_error(scores, truth) > 4 * right


def test_known_biases_are_found_again_where_taxa_were_weighed() -> None:
    logits, truth = world()
    bias = np.array([2.0, 0, -1, 0.5, 0])
    found = calibration.fit(softmax(logits * 2 - bias), truth)
    assert found.kind == "bias"
    assert found.temperature == pytest.approx(2, rel=0.05)
    np.testing.assert_allclose(found.bias - found.bias[1], bias / 2 - bias[1] / 2, atol=0.12)


def test_factors_of_each_taxon_are_found_where_they_differ() -> None:
    rng = np.random.default_rng(3)
    logs = np.log(rng.dirichlet(np.full(4, 0.6), 20_000))
    factor = np.array([0.4, 2.0, 1.0, 0.7])
    shares = softmax(factor * logs)
    truth = (shares.cumsum(axis=1) < rng.random((len(shares), 1))).sum(axis=1).clip(max=3)
    found = calibration.fit(np.exp(logs), truth)
    assert found.kind == "vector"
    np.testing.assert_allclose(found.factor, factor, rtol=0.08)


def test_the_scores_suppose_the_shares_that_the_bias_was_fitted_to() -> None:
    logits, truth = world()
    weighed = softmax(logits - np.array([2.0, 0, -1, 0.5, 0])).astype(np.float32)
    parts = np.full(len(truth), VALIDATION, np.uint8)
    parts[: len(truth) // 2] = TEST
    raw = HeldOut(weighed, truth, np.arange(len(truth)), parts)
    found, held_out = calibration.calibrate(raw)
    shares = np.bincount(raw.validation.labels, minlength=5) / (parts == VALIDATION).sum()
    assert found.kind == "bias"
    np.testing.assert_allclose(calibration.prior(found, held_out), shares, atol=2e-3)
    of_test = metrics.log_loss(held_out.test.scores, held_out.test.labels)
    assert of_test < metrics.log_loss(raw.test.scores, raw.test.labels) - 0.05
    assert calibration.prior(calibration.fit_kind("temperature", weighed, truth), raw) is None


def test_few_vignettes_get_a_temperature_and_are_not_made_infinitely_sure() -> None:
    scores = np.tile([0.9, 0.05, 0.05], (12, 1))
    found = calibration.fit(scores, np.zeros(12, int))
    assert found.kind == "temperature"
    assert 0.1 < found.temperature < 1


def test_without_vignettes_nothing_is_changed() -> None:
    found = calibration.fit(np.empty((0, 3)), np.empty(0, int))
    assert found.kind == "none"
    scores = np.array([[0.2, 0.5, 0.3]], np.float32)
    np.testing.assert_array_equal(found.apply(scores), scores)


@pytest.mark.parametrize("n", [30, 59])
def test_few_vignettes_harm_good_scores_less_than_a_temperature_by_force_would(n: int) -> None:
    logits, truth = world(5000)
    scores = softmax(logits)
    before, chosen, forced = metrics.log_loss(scores, truth), [], []
    rng = np.random.default_rng(2)
    for _ in range(40):
        rows = rng.choice(5000, n, replace=False)
        found = calibration.fit(scores[rows], truth[rows])
        forced_one = calibration.fit_kind("temperature", scores[rows], truth[rows])
        chosen.append(metrics.log_loss(found.apply(scores), truth) - before)
        forced.append(metrics.log_loss(forced_one.apply(scores), truth) - before)
    assert np.mean(chosen) < 0.9 * np.mean(forced)


def test_few_vignettes_mend_scores_that_are_far_too_sure() -> None:
    logits, truth = world(5000)
    rows = slice(60)
    found = calibration.fit(softmax(logits[rows] * 4), truth[rows])
    assert found.kind == "temperature"
    assert 2 < found.temperature < 8


def test_a_single_group_cannot_show_that_anything_is_gained() -> None:
    logits, truth = world(1000)
    found = calibration.fit(softmax(logits * 3), truth, np.zeros(1000, int))
    assert found.kind == "none"


def test_folds_part_no_group() -> None:
    groups = np.repeat(np.arange(17), np.arange(1, 18))
    folds = calibration._folds(groups, seed=4)
    assert all(len(set(folds[groups == g].tolist())) == 1 for g in range(17))
    assert len(set(folds.tolist())) == 5


def test_a_forest_that_gives_zeros_can_be_calibrated() -> None:
    rng = np.random.default_rng(1)
    scores = rng.multinomial(10, [0.7, 0.2, 0.1], 300) / 10
    found = calibration.fit(scores, rng.choice(3, 300, p=[0.7, 0.2, 0.1]))
    after = found.apply(scores)
    assert np.isfinite(after).all()
    np.testing.assert_allclose(after.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(("kind", "n_factors"), [("temperature", 1), ("bias", 1), ("vector", 4)])
def test_the_slope_is_that_of_the_loss(kind: str, n_factors: int) -> None:
    rng = np.random.default_rng(5)
    logs, labels = np.log(rng.dirichlet(np.ones(4), 50)), rng.integers(0, 4, 50)
    numbers = rng.normal(0, 0.5, calibration._n_numbers(kind, 4))
    _, slope = calibration._loss(numbers, logs, labels, n_factors)
    by_steps = approx_fprime(numbers, lambda x: calibration._loss(x, logs, labels, n_factors)[0])
    np.testing.assert_allclose(slope, by_steps, atol=1e-5)


tables = arrays(np.float32, (6, 4), elements=st.floats(0, 1, width=32))


@given(tables, st.floats(0.05, 20))
def test_a_temperature_never_changes_which_taxon_is_best(table: np.ndarray, t: float) -> None:
    scores = (table + np.float32(1e-6)) / (table + np.float32(1e-6)).sum(axis=1, keepdims=True)
    after = Calibration("temperature", np.array([1 / t]), np.zeros(1)).apply(scores)
    np.testing.assert_array_equal(after.argmax(axis=1), scores.argmax(axis=1))
    np.testing.assert_allclose(after.sum(axis=1), 1, atol=1e-5)


def test_two_scores_that_rounding_makes_equal_keep_their_order() -> None:
    scores = np.array([[0.5 - 2**-25, 0.5 + 2**-24]], np.float32)
    assert scores.argmax() == 1
    after = Calibration("temperature", np.array([0.05]), np.zeros(1)).apply(scores)
    assert after.argmax() == 1


def test_a_card_keeps_it_and_refuses_what_is_none() -> None:
    logits, truth = world(3000)
    found = calibration.fit_kind("vector", softmax(logits), truth)
    facts = json.loads(json.dumps(found.facts()))
    scores = softmax(logits).astype(np.float32)
    np.testing.assert_array_equal(calibration.calibrated(scores, facts), found.apply(scores))
    np.testing.assert_array_equal(calibration.calibrated(scores, {}), scores)
    for wrong in ({"kind": "magic"}, {"factor": [1, 2]}, {"factor": [-1.0]}, {"bias": ["a"]}):
        with pytest.raises(ModelError, match="calibration of the card"):
            calibration.calibrated(scores, facts | wrong)
