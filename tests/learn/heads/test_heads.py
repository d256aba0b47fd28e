from __future__ import annotations

import numpy as np
import pytest

from seston.learn.heads import HEADS, NEURAL_HEADS, Lesson, effective_prior, taxon_weights
from seston.learn.heads.lesson import mean_log_loss

pytest.importorskip("torch")
pytest.importorskip("sklearn")


def lesson(n_taxa: int = 3, n: int = 90, validation: int = 30, seed: int = 0) -> Lesson:
    """Clouds around one centre for each taxon, in 8 dimensions of different scales."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 2, (n_taxa, 8))
    labels = np.arange(n + validation) % n_taxa
    scales = np.geomspace(0.01, 100, 8)
    features = ((centres[labels] + rng.normal(size=(len(labels), 8))) * scales).astype(np.float32)
    return Lesson(
        features=features[:n],
        labels=labels[:n],
        taxon_weights=np.ones(n_taxa),
        importance=np.ones(8, np.float32),
        validation_features=features[n:],
        validation_labels=labels[n:],
    )


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("n_taxa", [2, 5])
def test_a_head_names_what_it_never_saw_and_its_scores_add_up_to_one(kind, n_taxa) -> None:
    given = lesson(n_taxa)
    scores = HEADS[kind].fit(given).predict_proba(given.validation_features)
    assert scores.dtype == np.float32
    assert scores.shape == (30, n_taxa)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
    assert (scores.argmax(axis=1) == given.validation_labels).mean() >= 0.8


@pytest.mark.parametrize("kind", HEADS)
def test_a_head_is_its_arrays_and_nothing_else(kind) -> None:
    given = lesson()
    head = HEADS[kind].fit(given)
    again = HEADS[kind].from_arrays(head.arrays)
    assert again.fits(8, 3)
    assert not again.fits(7, 3)
    assert not again.fits(8, 4)
    np.testing.assert_array_equal(
        again.predict_proba(given.features), head.predict_proba(given.features)
    )
    assert again.settings == head.settings
    assert HEADS[kind].kind == kind


@pytest.mark.parametrize("kind", HEADS)
def test_the_same_lesson_gives_the_same_head(kind) -> None:
    first, second = (HEADS[kind].fit(lesson()).arrays for _ in range(2))
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])


@pytest.mark.parametrize("kind", HEADS)
def test_a_head_is_fitted_without_validation_rows_too(kind) -> None:
    given = lesson(validation=0)
    scores = HEADS[kind].fit(given).predict_proba(given.features)
    assert (scores.argmax(axis=1) == given.labels).mean() >= 0.9


@pytest.mark.parametrize("kind", ["linear", "prototypes", "dense50"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_head_with_numbers_that_are_none_does_not_fit(kind, value) -> None:
    arrays = {k: v.copy() for k, v in HEADS[kind].fit(lesson()).arrays.items()}
    arrays["mean"][0] = value
    assert not HEADS[kind].from_arrays(arrays).fits(8, 3)


@pytest.mark.parametrize("kind", NEURAL_HEADS)
def test_layers_of_torch_say_what_the_head_says(kind) -> None:
    import torch

    given = lesson()
    head = NEURAL_HEADS[kind].fit(given)
    layers = head.layers().eval()
    rows = torch.from_numpy((given.features - head.mean) / head.scale)
    with torch.inference_mode():
        scores = layers(rows).softmax(dim=1).numpy()
    np.testing.assert_allclose(head.predict_proba(given.features), scores, atol=1e-5)
    back = head.with_layers(layers)
    for name, array in head.arrays.items():
        np.testing.assert_array_equal(back.arrays[name], array)


def test_one_example_of_a_taxon_is_enough_for_a_prototype() -> None:
    given = lesson(n_taxa=3, n=3, validation=60)
    scores = HEADS["prototypes"].fit(given).predict_proba(given.validation_features)
    assert (scores.argmax(axis=1) == given.validation_labels).mean() >= 0.7


def test_weights_of_rare_taxa_are_those_of_the_paper() -> None:
    labels = np.repeat([0, 1], [100_000, 1000])
    assert taxon_weights(labels, 2, 0.25) == pytest.approx([1, 3.162], abs=5e-4)
    assert taxon_weights(labels, 2, 0).tolist() == [1, 1]
    assert taxon_weights(labels, 2, 1).tolist() == [1, 100]


def test_the_prior_that_a_fit_sees_follows_from_numbers_and_weights() -> None:
    labels = np.repeat([0, 1], [90, 10])
    assert effective_prior(labels, np.array([1.0, 1.0])).tolist() == [0.9, 0.1]
    assert effective_prior(labels, np.array([1.0, 9.0])).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("kind", ["linear", "dense50", "forest", "pca_forest", "boosting"])
def test_scores_answer_to_the_prior_that_the_fit_saw(kind) -> None:
    # One feature that tells nothing: all that a head can say is how common each taxon is.
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], [900, 300])
    noise = np.round(rng.normal(size=(1200, 1)), 0).astype(np.float32)
    weights = taxon_weights(labels, 2, 1.0)
    given = Lesson(
        features=noise, labels=labels, taxon_weights=weights,
        importance=np.ones(1, np.float32),
        validation_features=noise[:0], validation_labels=labels[:0],
    )  # fmt: skip
    scores = HEADS[kind].fit(given).predict_proba(noise)
    assert scores.mean(axis=0) == pytest.approx(effective_prior(labels, weights), abs=0.04)


def test_numbers_of_trees_are_chosen_on_the_validation_rows() -> None:
    given = lesson(n_taxa=5, n=200, validation=100)
    forest = HEADS["forest"].fit(given)
    assert forest.settings["n_trees"] in {50, 100, 200, 350, 500}
    untried = lesson(n_taxa=5, n=200, validation=0)
    assert HEADS["forest"].fit(untried).settings["n_trees"] == 200
    boosted = HEADS["boosting"].fit(given)
    loss = mean_log_loss(boosted.predict_proba(given.validation_features), given.validation_labels)
    all_rounds = HEADS["boosting"].fit(untried).predict_proba(given.validation_features)
    assert loss <= mean_log_loss(all_rounds, given.validation_labels) + 1e-6
