from __future__ import annotations

import json

import numpy as np
import pytest

from seston.learn.judging import unknown
from seston.learn.judging.held_out import HeldOut
from seston.learn.sets.splits import TEST, TRAIN, VALIDATION


def test_undecidedness_goes_from_sure_to_all_equal() -> None:
    table = [[1, 0, 0, 0], [0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0, 0]]
    assert unknown.undecidedness(table).tolist() == pytest.approx([0, 1, 0.5])


def test_as_many_of_the_known_are_called_unknown_as_was_said() -> None:
    rng = np.random.default_rng(0)
    scores = rng.dirichlet([0.4] * 6, 4000)
    above = unknown.limit(scores[:2000], 0.05)
    assert unknown.unknown(scores[:2000], above).mean() <= 0.05
    assert unknown.unknown(scores[2000:], above).mean() == pytest.approx(0.05, abs=0.015)


def test_what_a_wary_model_gave_no_scores_is_unknown() -> None:
    assert unknown.unknown([[0, 0], [1, 0]], 0.9).tolist() == [True, False]


def test_without_vignettes_nothing_is_unknown() -> None:
    assert unknown.limit(np.empty((0, 3))) == np.inf
    assert not unknown.unknown([[0.3, 0.3, 0.4]], np.inf).any()
    nothing = HeldOut(np.empty((0, 3), np.float32), *(np.empty(0, int),) * 2, np.empty(0, np.uint8))
    assert unknown.facts(nothing) == {}


def test_the_card_tells_the_limit_and_the_false_alarms_of_the_test_part() -> None:
    rng = np.random.default_rng(1)
    parts = np.repeat([VALIDATION, TEST], 500).astype(np.uint8)
    scores = rng.dirichlet([0.4] * 6, 1000).astype(np.float32)
    found = unknown.facts(HeldOut(scores, np.zeros(1000, int), np.arange(1000), parts))
    alarms = unknown.unknown(scores[500:], found["limit"])
    assert found["false_alarm_tested"] == alarms.mean()
    assert found["limit"] == unknown.limit(scores[:500], 0.025)
    assert found["distance"] is False
    distance = rng.permutation(1000).astype(np.float32)
    record = HeldOut(scores, np.zeros(1000, int), np.arange(1000), parts, distance)
    farthest = np.sort(distance[:500])[487]  # 12 of 500 lie farther: 2.5 %, rounded down
    both = unknown.facts(record)
    assert both["distance"] is True
    assert both["false_alarm_tested"] == (alarms | (distance[500:] > farthest)).mean()
    json.dumps(both, allow_nan=False)


def blobs(n_taxa: int = 10, each: int = 60, apart: float = 6.0):
    rng = np.random.default_rng(2)
    labels = np.repeat(np.arange(n_taxa), each)
    points = np.eye(n_taxa)[labels] * apart + rng.normal(0, 1, (len(labels), n_taxa))
    parts = np.tile([TRAIN, TRAIN, TRAIN, VALIDATION, TEST], len(labels) // 5).astype(np.uint8)
    return points, labels, parts


def by_nearest_mean(points: np.ndarray) -> unknown.Measure:
    def score(train, taxa, rows):
        means = np.stack([points[train[taxa == k]].mean(axis=0) for k in range(taxa.max() + 1)])
        logits = -((points[rows][:, None] - means) ** 2).sum(axis=2) / 2 / 6
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares = odds / odds.sum(axis=1, keepdims=True)
        return unknown.undecidedness(shares)[:, None]

    return score


def test_taxa_that_lie_apart_are_found_when_they_are_left_out() -> None:
    points, labels, parts = blobs()
    found = unknown.leave_classes_out(by_nearest_mean(points), labels, parts)
    assert found.detected > 0.9
    assert found.false_alarm < 0.12
    assert found.area > 0.97


def test_nothing_is_found_where_there_is_nothing_to_find() -> None:
    _, labels, parts = blobs()
    rng = np.random.default_rng(3)
    found = unknown.leave_classes_out(
        lambda _train, _taxa, rows: rng.random((len(rows), 1)), labels, parts, rounds=20
    )
    assert found.area == pytest.approx(0.5, abs=0.03)
    assert found.detected == pytest.approx(found.false_alarm, abs=0.03)


def test_two_measures_share_the_false_alarms_and_each_finds_its_own() -> None:
    # Left-out taxa are far by one measure or by the other, never by both.
    _, labels, parts = blobs()
    rng = np.random.default_rng(6)
    noise = rng.normal(0, 1, (len(labels), 2))

    def both(train, _taxa, rows):
        strange = ~np.isin(labels[rows], labels[train])
        return noise[rows] + 20 * strange[:, None] * (np.arange(2) == labels[rows][:, None] % 2)

    found = unknown.leave_classes_out(both, labels, parts)
    assert found.detected == 1
    assert found.false_alarm == pytest.approx(0.05, abs=0.04)


def test_the_area_agrees_with_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(4)
    new, familiar = rng.normal(1, 1, 40).round(1), rng.normal(0, 1, 70).round(1)
    truth = np.repeat([1, 0], [40, 70])
    expected = sklearn.roc_auc_score(truth, np.concatenate((new, familiar)))
    assert unknown._area(new, familiar) == pytest.approx(expected)
