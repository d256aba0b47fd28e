from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seston.learn.judging import metrics
from seston.learn.judging.appraise import Kinds, appraise, prior_shift
from seston.learn.judging.held_out import HeldOut
from seston.learn.sets.splits import TEST, VALIDATION

TAXA = ("A", "B", "D")


def record(truth, predicted, n_taxa: int = 3, sure: float = 0.8, groups=None, part=TEST) -> HeldOut:
    predicted = np.asarray(predicted)
    scores = np.full((len(predicted), n_taxa), (1 - sure) / (n_taxa - 1), np.float32)
    scores[np.arange(len(predicted)), predicted] = sure
    groups = np.arange(len(predicted)) if groups is None else np.asarray(groups)
    return HeldOut(
        scores, np.asarray(truth, np.int64), groups, np.full(len(predicted), part, np.uint8)
    )


def drawn(seed: int, n: int = 400, n_taxa: int = 5, n_samples: int = 12) -> HeldOut:
    """A test part whose errors differ between samples."""
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, n_samples, n)
    truth = rng.choice(n_taxa, n, p=rng.dirichlet(np.ones(n_taxa)))
    wrong = rng.random(n) < rng.beta(1, 4, n_samples)[groups]
    scores = rng.dirichlet(np.ones(n_taxa), n)
    scores += np.eye(n_taxa)[np.where(wrong, rng.integers(0, n_taxa, n), truth)]
    scores /= scores.sum(axis=1, keepdims=True)
    parts = np.full(n, TEST, np.uint8)
    parts[::3] = VALIDATION
    return HeldOut(scores.astype(np.float32), truth, groups, parts)


def test_the_toy_of_the_paper() -> None:
    toy = record([0, 0, 1, 2, 2, 2], [0, 2, 1, 2, 0, 2])
    found = appraise(toy, TAXA, plankton=[True, True, False], groups=["x", "y", "x"], replicates=50)
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["balanced_accuracy"] == pytest.approx(0.7222, abs=5e-5)
    assert found["plankton_precision_weighted"] == pytest.approx(2 / 3)
    assert found["plankton_recall_weighted"] == pytest.approx(2 / 3)
    assert found["plankton_precision_macro"] == pytest.approx(0.75)
    assert found["plankton_recall_macro"] == pytest.approx(0.75)
    assert found["accuracy_grouped"] == 1  # A and D are of one group
    assert found["per_class"]["D"]["support"] == 3
    assert found["confusion"] == [[1, 0, 1], [0, 1, 0], [1, 0, 2]]
    assert found["confusion_grouped"] == [[5, 0], [0, 1]]
    assert (found["part"], found["n"], found["samples"]) == ("test", 6, None)
    assert "samples" not in found["intervals"]["accuracy"]
    json.dumps(found, allow_nan=False)


@given(st.integers(0, 1000))
def test_scikit_learn_is_the_judge(seed: int) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    held_out = drawn(seed)
    plankton, groups = np.array([1, 1, 1, 0, 0], bool), np.array([0, 0, 1, 2, 2])
    found = appraise(
        held_out, "abcde", plankton=plankton, groups=groups.astype(str).tolist(), replicates=0
    )
    test = held_out.test
    truth, scores = test.labels, test.scores.astype(float)
    scores /= scores.sum(axis=1, keepdims=True)
    predicted = scores.argmax(axis=1)
    assert found["accuracy"] == pytest.approx(sklearn.accuracy_score(truth, predicted))
    assert found["f1_macro"] == pytest.approx(sklearn.f1_score(truth, predicted, average="macro"))
    assert found["log_loss"] == pytest.approx(
        sklearn.log_loss(truth, scores, labels=range(5)), rel=1e-5
    )
    for suffix, y, yhat, names in (
        ("", truth, predicted, np.flatnonzero(plankton)),
        ("_grouped", groups[truth], groups[predicted], [0, 1]),
    ):
        precision, recall, _, _ = sklearn.precision_recall_fscore_support(
            y, yhat, labels=names, average="weighted", zero_division=0
        )
        assert found[f"plankton_precision_weighted{suffix}"] == pytest.approx(precision)
        assert found[f"plankton_recall_weighted{suffix}"] == pytest.approx(recall)
        assert found[f"accuracy{suffix}"] == pytest.approx(sklearn.accuracy_score(y, yhat))
    top = sklearn.top_k_accuracy_score(truth, scores, k=3, labels=range(5))
    assert found["top_3_accuracy"] == pytest.approx(top)
    assert found["top_3_accuracy"] == pytest.approx(metrics.top_k_accuracy(scores, truth, 3))
    assert found["calibration_error"] == pytest.approx(metrics.calibration_error(scores, truth))


def test_the_interval_of_accuracy_is_the_binomial_one() -> None:
    truth = np.zeros(900, int)
    predicted = (np.arange(900) < 270).astype(int)
    found = appraise(record(truth, predicted), TAXA, replicates=4000, seed=1)
    spread = 1.96 * np.sqrt(0.7 * 0.3 / 900)
    assert found["intervals"]["accuracy"]["objects"] == pytest.approx(
        [0.7 - spread, 0.7 + spread], abs=2e-3
    )


def test_where_samples_differ_their_interval_is_wider() -> None:
    # Each of 100 samples is named all rightly or all wrongly: 100 facts, not 1000.
    groups = np.repeat(np.arange(100), 10)
    held_out = record(np.zeros(1000, int), (groups % 4 == 0).astype(int), groups=groups)
    found = appraise(held_out, TAXA, replicates=2000)
    low, high = found["intervals"]["accuracy"]["samples"]
    spread = 1.96 * np.sqrt(0.75 * 0.25 / 100)
    assert (low, high) == pytest.approx((0.75 - spread, 0.75 + spread), abs=0.02)
    objects = found["intervals"]["accuracy"]["objects"]
    assert high - low > 2.5 * (objects[1] - objects[0])
    assert found["samples"] == 100


def test_replicates_are_what_slow_resampling_gives() -> None:
    held_out = drawn(7).test
    found = appraise(held_out, "abcde", plankton=[1, 1, 1, 0, 0], replicates=500)
    rng = np.random.default_rng(0)
    slow = []
    for _ in range(500):
        rows = rng.integers(0, len(held_out.labels), len(held_out.labels))
        again = appraise(
            HeldOut(*(getattr(held_out, f)[rows] for f in ("scores", "labels", "groups", "parts"))),
            "abcde", plankton=[1, 1, 1, 0, 0], replicates=0,
        )  # fmt: skip
        slow.append([again[name] for name in found["intervals"]])
    limits = np.quantile(slow, [0.025, 0.975], axis=0).T
    ours = [interval["objects"] for interval in found["intervals"].values()]
    np.testing.assert_allclose(ours, limits, atol=1e-9)  # the same draws: the same intervals


def test_the_same_seed_gives_the_same_bytes() -> None:
    one, two, three = (json.dumps(appraise(drawn(2), "abcde", seed=s)) for s in (5, 5, 6))
    assert one == two
    assert one != three


def test_precision_falls_with_prevalence_as_bayes_says() -> None:
    # True positive rate 0.9, false positive rate 0.01: the vector of science.md, section f.
    told = prior_shift(
        [[900, 100], [10, 990]], ("plankton", "rest"), Kinds(np.array([True, False]))
    )
    assert told["prevalences"] == [0.1, 0.01, 0.001]
    expected = pytest.approx([0.909, 0.476, 0.083], abs=6e-4)
    assert told["per_class"]["plankton"] == expected
    assert [at["precision"] for at in told["plankton"]] == expected
    assert [at["recall"] for at in told["plankton"]] == pytest.approx([0.9] * 3)


def test_where_all_taxa_are_as_common_accuracy_is_the_balanced_one() -> None:
    found = appraise(drawn(3), "abcde", replicates=0)
    equal = found["prior_shift"]["equal_shares"]["accuracy"]
    assert equal == pytest.approx(found["balanced_accuracy"])


def test_thresholds_are_chosen_on_validation_and_measured_on_test() -> None:
    rng = np.random.default_rng(0)
    held_out = drawn(0, n=6000)
    found = appraise(held_out, "abcde", target_precision=0.8, replicates=0)["thresholds"]
    usable = [t is not None for t in found["threshold"]]
    assert any(usable)
    assert found["unusable"] == [t for t, u in zip("abcde", usable, strict=True) if not u]
    assert found["precision"] != found["tested"]["precision"]
    changed = held_out.labels.copy()
    changed[held_out.parts == TEST] = rng.integers(0, 5, (held_out.parts == TEST).sum())
    other = HeldOut(held_out.scores, changed, held_out.groups, held_out.parts)
    again = appraise(other, "abcde", target_precision=0.8, replicates=0)["thresholds"]
    assert again["threshold"] == found["threshold"]


def test_without_a_test_part_all_is_measured_and_that_is_said() -> None:
    found = appraise(record([0, 1], [0, 1], part=VALIDATION), TAXA, replicates=10)
    assert (found["part"], found["accuracy"]) == ("all held out", 1)
    assert appraise(record([], np.empty(0, int)), TAXA) == {}


def test_reliability_tells_of_every_object_once() -> None:
    found = appraise(drawn(4), "abcde", replicates=0)
    assert sum(found["reliability"]["count"]) == found["n"]
    sure = [c for c, n in zip(found["reliability"]["confidence"], found["reliability"]["count"],
                              strict=True) if n]  # fmt: skip
    assert all(a < b for a, b in pairwise(sure))


def test_compositions_of_samples_are_compared() -> None:
    # Sample 0: 30 A, of which 15 are named B; sample 1: A for B and B for A, which cancel out;
    # sample 2 is too small.
    truth = np.repeat([0, 0, 1, 0], [30, 10, 10, 5])
    predicted = np.concatenate((np.arange(30) % 2, np.ones(10), np.zeros(10), np.ones(5)))
    groups = np.repeat([0, 1, 2], [30, 20, 5])
    found = appraise(record(truth, predicted.astype(int), groups=groups), TAXA, replicates=0)
    told = found["between_samples"]
    assert told["samples"] == 2
    assert told["accuracy"] == pytest.approx([0.125, 0.25, 0.375])
    assert told["bray_curtis"] == pytest.approx([0.125, 0.25, 0.375])
    assert appraise(drawn(1, n_samples=1), "abcde", replicates=0)["between_samples"] is None
