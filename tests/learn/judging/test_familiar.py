from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawings import TAXA, draw

from seston.learn import load_held_out, load_model, read_learning_set
from seston.learn.judging.familiar import Familiar, limit, usual_distances
from seston.learn.sets.splits import TRAIN, split


def blobs(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two taxa on two axes of five."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    points = np.eye(5)[labels] * 8 + rng.normal(0, 1, (n, 5))
    return points.astype(np.float32), labels


def known() -> Familiar:
    points, labels = blobs(400, 0)
    return Familiar.fit(points, labels, blobs(400, 1)[0])


def test_the_distance_is_the_angle_to_the_nearest_mean() -> None:
    flat = Familiar(
        np.zeros(2, np.float32), np.ones(2, np.float32), np.eye(2, dtype=np.float32),
        np.full(1001, np.inf, np.float32),
    )  # fmt: skip
    points = np.array([[3, 0], [1, 1], [-1, 0], [0, 0]], np.float32)
    assert flat.distance(points).tolist() == pytest.approx([0, 1 - np.sqrt(0.5), 1, 1])


@pytest.mark.parametrize("false_alarm", [0.01, 0.05, 0.3])
def test_as_many_known_objects_are_too_far_as_was_said(false_alarm: float) -> None:
    found = known()
    again = found.distance(blobs(4000, 2)[0]) > found.limit(false_alarm)
    assert again.mean() == pytest.approx(false_alarm, abs=0.035)
    others = found.distance(blobs(400, 1)[0])
    assert (others > found.limit(false_alarm)).mean() <= false_alarm


def test_what_lies_on_another_axis_is_far() -> None:
    found = known()
    rng = np.random.default_rng(3)
    strange = (np.eye(5)[[2] * 100] * 30 + rng.normal(0, 1, (100, 5))).astype(np.float32)
    assert (found.distance(strange) > found.limit(0.05)).mean() > 0.9


def test_without_others_nothing_is_far() -> None:
    points, labels = blobs(40, 0)
    found = Familiar.fit(points, labels, points[:0])
    assert not (found.distance(-points) > found.limit(0.05)).any()


def test_it_is_kept_as_arrays_and_knows_its_size() -> None:
    found = known()
    again = Familiar.from_arrays(found.arrays)
    np.testing.assert_array_equal(again.distance(blobs(9, 4)[0]), found.distance(blobs(9, 4)[0]))
    assert again.fits(5, 2)
    assert not again.fits(5, 3)
    assert not replace(again, scale=0 * again.scale).fits(5, 2)


def test_a_wary_model_gives_no_scores_for_what_it_never_saw(trained: Path) -> None:
    pytest.importorskip("torch")
    model = load_model(trained.model, device="cpu")
    rng = np.random.default_rng(5)
    drawings = [draw(TAXA[i % 3], rng) for i in range(30)]
    noise = [rng.integers(0, 255, (40, 60)).astype(np.uint8) for _ in range(20)]
    wary = model.wary(0.05)
    plain, careful = model.predict(drawings + noise), wary.predict(drawings + noise)
    without = careful.sum(axis=1) == 0
    np.testing.assert_array_equal(careful[~without], plain[~without])
    np.testing.assert_allclose(plain.sum(axis=1), 1, atol=1e-5)
    assert without[30:].all()
    assert without[:30].mean() < 0.4  # six vignettes chose the limit


def test_the_record_tells_which_objects_held_out_a_wary_model_would_not_know(trained: Path) -> None:
    pytest.importorskip("torch")
    model = load_model(trained.model, device="cpu")
    record = load_held_out(trained.model, model.card)
    pictures = read_learning_set(trained.learning_set)
    rows = np.flatnonzero(split(pictures, int(model.card.training["seed"])) != TRAIN)
    np.testing.assert_array_equal(pictures.labels[rows], record.labels)
    careful = model.wary(0.4).predict([pictures.vignettes[i] for i in rows.tolist()])
    far = record.distance > limit(usual_distances(record.validation.distance), 0.4)
    assert 0 < far.mean() < 1
    np.testing.assert_array_equal(careful.sum(axis=1) == 0, far)
    assert model.card.metrics["unknown"]["distance"] is True
