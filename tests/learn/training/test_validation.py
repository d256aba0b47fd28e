from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax

from seston.learn.judging import calibration
from seston.learn.training.validation import judge


def some(n: int = 400, taxa: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(n, taxa)).astype(np.float32)
    chance = np.exp(log_softmax(logits, axis=1)).cumsum(axis=1)
    return logits, (rng.random((n, 1)) > chance).sum(axis=1).clip(max=taxa - 1)


def test_the_loss_is_the_weighted_cross_entropy() -> None:
    torch = pytest.importorskip("torch")
    logits, truth = some()
    weights = np.array([1.0, 2.0, 0.5, 1.0, 3.0])
    losses = torch.nn.functional.cross_entropy(
        torch.from_numpy(logits), torch.from_numpy(truth), reduction="none"
    )
    expected = float((losses * torch.from_numpy(weights[truth])).mean())
    assert judge(logits, truth, weights).loss == pytest.approx(expected, rel=1e-5)


def test_a_network_that_is_only_too_sure_is_as_good_as_one_that_is_not() -> None:
    logits, truth = some()
    honest, sure = (judge(factor * logits, truth, np.ones(5)) for factor in (1, 6))
    assert sure.loss > 1.5 * honest.loss
    assert sure.calibrated_loss == pytest.approx(honest.calibrated_loss, rel=1e-3)
    assert honest.calibrated_loss == pytest.approx(honest.loss, rel=0.01)  # scores drawn from it
    assert honest.calibrated_loss <= honest.loss
    assert sure.accuracy == honest.accuracy


def test_it_is_the_loss_that_a_calibrated_model_has() -> None:
    logits, truth = some()
    scores = np.exp(log_softmax(3 * logits, axis=1))
    own = calibration.fit_kind("temperature", scores, truth).apply(scores)
    expected = float(-np.log(own[np.arange(len(truth)), truth]).mean())
    assert judge(3 * logits, truth, np.ones(5)).calibrated_loss == pytest.approx(expected, rel=1e-3)


def test_of_two_that_name_all_rightly_the_clearer_is_better() -> None:
    truth = np.arange(30) % 3
    faint, clear = (
        judge(factor * np.eye(3, dtype=np.float32)[truth], truth, np.ones(3)) for factor in (1, 4)
    )
    assert 0 < clear.calibrated_loss < faint.calibrated_loss < faint.loss


def test_balanced_accuracy_is_of_the_taxa_that_are_there() -> None:
    logits = np.eye(4, dtype=np.float32)[[0, 0, 0, 1, 1]]
    found = judge(logits, np.array([0, 0, 0, 1, 2]), np.ones(4))
    assert found.accuracy == pytest.approx(4 / 5)
    assert found.balanced_accuracy == pytest.approx(2 / 3)


def test_without_rows_nothing_is_known() -> None:
    assert np.isnan(judge(np.empty((0, 3), np.float32), np.empty(0, np.int64), np.ones(3))).all()
