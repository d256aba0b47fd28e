from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seston.learn.judging import metrics

A, B, D = range(3)
TRUTH, PREDICTED = [A, A, B, D, D, D], [A, D, B, D, A, D]
PLANKTON = [True, True, False]


def toy() -> metrics.Report:
    return metrics.report(metrics.confusion_matrix(TRUTH, PREDICTED, 3))


def test_the_toy_of_the_paper() -> None:
    report = toy()
    assert report.accuracy == pytest.approx(0.6667, abs=5e-5)
    assert report.balanced_accuracy == pytest.approx(0.7222, abs=5e-5)
    assert report.over(PLANKTON, weighted=True) == pytest.approx((2 / 3, 2 / 3))
    assert report.over(PLANKTON, weighted=False) == pytest.approx((0.75, 0.75))
    assert report.support.tolist() == [2, 1, 3]


def test_truth_is_in_rows() -> None:
    assert metrics.confusion_matrix(TRUTH, PREDICTED, 3).tolist() == [
        [1, 0, 1],
        [0, 1, 0],
        [1, 0, 2],
    ]


def test_a_taxon_without_cases_has_zeros_and_no_part_in_the_means() -> None:
    report = metrics.report(metrics.confusion_matrix(TRUTH, PREDICTED, 4))
    assert (report.precision[3], report.recall[3], report.f1[3]) == (0, 0, 0)
    assert report.balanced_accuracy == toy().balanced_accuracy
    assert report.f1_macro == toy().f1_macro


def test_mistakes_inside_a_group_are_none() -> None:
    merged = metrics.merge(metrics.confusion_matrix(TRUTH, PREDICTED, 3), [0, 1, 0], 2)
    assert merged.tolist() == [[5, 0], [0, 1]]


def test_precision_falls_where_plankton_is_rare() -> None:
    confusion = [[90, 10], [10, 90]]
    rare = metrics.report(metrics.with_shares(confusion, [0.01, 0.99]))
    assert rare.recall.tolist() == pytest.approx([0.9, 0.9])
    assert rare.precision[0] == pytest.approx(0.009 / (0.009 + 0.099))


def test_measures_of_scores_by_hand() -> None:
    scores = [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3]]
    assert metrics.top_k_accuracy(scores, [0, 2], 1) == 0.5
    assert metrics.top_k_accuracy(scores, [0, 2], 2) == 1
    assert metrics.log_loss(scores, [0, 2]) == pytest.approx(-(np.log(0.6) + np.log(0.3)) / 2)
    assert metrics.calibration_error(scores, [0, 2]) == pytest.approx((0.4 + 0.5) / 2)


def test_equal_scores_do_not_count_as_right() -> None:
    assert metrics.top_k_accuracy([[0.5, 0.5]], [0], 1) == 0


labels = arrays(np.int64, st.shared(st.integers(1, 40), key="n"), elements=st.integers(0, 4))


@given(labels, labels)
def test_agrees_with_scikit_learn(truth: np.ndarray, predicted: np.ndarray) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    report = metrics.report(metrics.confusion_matrix(truth, predicted, 5))
    assert report.accuracy == pytest.approx(sklearn.accuracy_score(truth, predicted))
    assert report.f1_macro == pytest.approx(sklearn.f1_score(truth, predicted, average="macro"))
    recall = sklearn.recall_score(
        truth, predicted, labels=np.unique(truth), average="macro", zero_division=0
    )
    assert report.balanced_accuracy == pytest.approx(recall)
    ours = report.over([True, True, True, False, False], weighted=True)
    theirs = sklearn.precision_recall_fscore_support(
        truth, predicted, labels=[0, 1, 2], average="weighted", zero_division=0
    )
    assert ours == pytest.approx(theirs[:2])
