from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from seston.learn.heads.boosting import BoostingHead
from seston.learn.heads.forest import ForestHead
from seston.learn.heads.trees import Trees, plant

ensemble = pytest.importorskip("sklearn.ensemble")


def rows(n_taxa: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    features = rng.normal(size=(400, 6)).astype(np.float32)
    features[:, 5] = np.round(features[:, 5], 1)  # many values on the very thresholds
    labels = np.digitize(features[:, 0] + features[:, 5], np.linspace(-1, 1, n_taxa - 1))
    return features, labels, np.concatenate((features, rng.normal(size=(400, 6))), dtype=np.float32)


@pytest.mark.parametrize("n_taxa", [2, 7])
def test_a_forest_says_what_scikit_learn_says(n_taxa) -> None:
    features, labels, asked = rows(n_taxa)
    theirs = ensemble.RandomForestClassifier(40, random_state=1)
    theirs.fit(features, labels, sample_weight=1 + labels)
    ours = ForestHead.from_sklearn(theirs.estimators_, n_taxa)
    np.testing.assert_allclose(ours.predict_proba(asked), theirs.predict_proba(asked), atol=1e-6)


@pytest.mark.parametrize("n_taxa", [2, 7])
def test_boosted_trees_say_what_scikit_learn_says(n_taxa) -> None:
    features, labels, asked = rows(n_taxa)
    theirs = ensemble.HistGradientBoostingClassifier(max_iter=30, early_stopping=False)
    theirs.fit(features, labels)
    ours = BoostingHead.from_sklearn(theirs)
    np.testing.assert_allclose(ours.predict_proba(asked), theirs.predict_proba(asked), atol=1e-6)
    tenth = list(theirs.staged_predict_proba(asked))[9]
    cut = BoostingHead.from_sklearn(theirs, rounds=10)
    np.testing.assert_allclose(cut.predict_proba(asked), tenth, atol=1e-6)


def stump() -> Trees:
    """Two trees: left of 0.5 in column 1 or right of it; and a lone leaf."""
    branch = (np.array([1, -2, -2]), np.array([0.5, 0, 0]), np.array([1, -1, -1]),
              np.array([2, -1, -1]))  # fmt: skip
    lone = tuple(np.array([value]) for value in (-2, 0.0, -1, -1))
    return plant([branch, lone])


def test_what_is_at_most_the_threshold_goes_left() -> None:
    asked = np.array([[9, 0.5], [9, 0.50001], [-9, -1]], np.float32)
    assert stump().leaves(asked).tolist() == [[0, 2], [1, 2], [0, 2]]


def test_a_threshold_between_two_float32_parts_the_same_values() -> None:
    low = np.float32(0.1)
    high = np.nextafter(low, np.float32(1))
    between = (float(low) + float(high)) / 2
    branch = (np.array([0, -2, -2]), np.array([between, 0, 0]), np.array([1, -1, -1]),
              np.array([2, -1, -1]))  # fmt: skip
    assert plant([branch]).leaves(np.array([[low], [high]])).ravel().tolist() == [0, 1]


@pytest.mark.parametrize(
    ("name", "where", "value"),
    [
        ("left", 0, 0),  # a loop
        ("right", 0, 3),  # into another tree
        ("right", 0, 99),  # outside
        ("left", 0, -1),
        ("feature", 0, 2),  # a column that is not there
        ("feature", 0, -2),
        ("left", 1, 3),  # a leaf that is not there
        ("left", 1, -1),
        ("roots", 0, 1),
        ("roots", 1, 0),
        ("roots", 2, 9),
    ],
)
def test_trees_that_would_loop_or_read_outside_are_not_sound(name, where, value) -> None:
    assert stump().are_sound(2)
    changed = getattr(stump(), name).copy()
    changed[where] = value
    assert not dataclasses.replace(stump(), **{name: changed}).are_sound(2)


def test_trees_of_other_shapes_are_not_sound() -> None:
    trees = stump()
    assert not dataclasses.replace(trees, threshold=trees.threshold[:2]).are_sound(2)
    assert not dataclasses.replace(trees, roots=np.zeros(0, np.int32)).are_sound(2)
    assert not dataclasses.replace(trees, roots=np.zeros((2, 2), np.int32)).are_sound(2)


def small_forest() -> ForestHead:
    features, labels, _ = rows(3)
    theirs = ensemble.RandomForestClassifier(3, random_state=1).fit(features, labels)
    return ForestHead.from_sklearn(theirs.estimators_, 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [("leaf_taxon", 3), ("leaf_taxon", -1), ("leaf_share", -0.5), ("leaf_share", np.nan),
     ("leaf_start", 5)],
)  # fmt: skip
def test_a_forest_with_wrong_leaves_does_not_fit(name, value) -> None:
    forest = small_forest()
    assert forest.fits(6, 3)
    changed = getattr(forest, name).copy()
    changed[0] = value
    assert not dataclasses.replace(forest, **{name: changed}).fits(6, 3)
