"""Gradient boosting: trees that each mend what the ones before got wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from seston.image.kernels import compiled
from seston.learn.heads.lesson import Float32Array, Lesson, mean_log_loss, softmax
from seston.learn.heads.trees import Trees, plant

MOST_ROUNDS = 100
ROUNDS_UNTRIED = 50
"""Where there are no validation rows to choose by."""

LEARNING_RATE = 0.1
MAX_LEAVES = 15


@dataclass(frozen=True, slots=True)
class BoostingHead:
    """Boosted trees: each adds its leaf's value to the logit of its taxon.

    Parameters
    ----------
    trees : Trees
    tree_taxon : array (n_trees,), int32
    leaf_value : array (n_leaves,), float64
    baseline : array (n_taxa,), float64
        Logits before the first tree.
    """

    kind: ClassVar[str] = "boosting"

    trees: Trees
    tree_taxon: NDArray[np.int32]
    leaf_value: NDArray[np.float64]
    baseline: NDArray[np.float64]

    @classmethod
    def fit(cls, lesson: Lesson) -> Self:
        """Boost; how many rounds are kept is chosen by the log-loss on the validation rows.

        References
        ----------
        Friedman (2001), Greedy function approximation, doi:10.1214/aos/1013203451;
        scikit-learn, `HistGradientBoostingClassifier`.
        """
        from sklearn.ensemble import HistGradientBoostingClassifier

        tried = len(lesson.validation_labels) > 0
        model = HistGradientBoostingClassifier(
            max_iter=MOST_ROUNDS if tried else ROUNDS_UNTRIED,
            learning_rate=LEARNING_RATE,
            max_leaf_nodes=MAX_LEAVES,
            early_stopping=False,
            random_state=lesson.seed,
        )
        model.fit(lesson.features, lesson.labels, sample_weight=lesson.row_weights)
        if not tried:
            return cls.from_sklearn(model)
        staged = model.staged_predict_proba(lesson.validation_features)
        losses = [mean_log_loss(scores, lesson.validation_labels) for scores in staged]
        return cls.from_sklearn(model, rounds=int(np.argmin(losses)) + 1)

    @classmethod
    def from_sklearn(cls, model: Any, rounds: int | None = None) -> Self:  # noqa: ANN401
        """Take over the first rounds of scikit-learn's model, whose classes are 0, 1, ..."""
        grown = [tree.nodes for one_round in model._predictors[:rounds] for tree in one_round]
        trees = plant([_columns(nodes) for nodes in grown])
        value = np.concatenate([nodes["value"][nodes["is_leaf"] == 1] for nodes in grown])
        baseline = np.ravel(model._baseline_prediction)
        taxon = np.arange(len(grown)) % len(baseline)
        if len(baseline) == 1:  # of two taxa it keeps the second one's odds only
            baseline, taxon = np.array([0.0, baseline[0]]), taxon + 1
        return cls(trees, taxon.astype(np.int32), value, baseline.astype(np.float64))

    @property
    def settings(self) -> dict[str, Any]:
        """What a card tells of the fit."""
        return {"n_trees": len(self.trees), "learning_rate": LEARNING_RATE}

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that the head is, by name."""
        own = {k: getattr(self, k) for k in ("tree_taxon", "leaf_value", "baseline")}
        return {**self.trees.arrays, **own}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """Make the head from the arrays that `arrays` gave."""
        return cls(
            Trees.from_arrays(arrays),
            np.asarray(arrays["tree_taxon"], np.int32),
            np.asarray(arrays["leaf_value"], np.float64),
            np.asarray(arrays["baseline"], np.float64),
        )

    def fits(self, n_features: int, n_taxa: int) -> bool:
        """Tell whether the arrays are those of a head of such a size."""
        if not self.trees.are_sound(n_features) or self.baseline.shape != (n_taxa,):
            return False
        shapes = [self.tree_taxon.shape, self.leaf_value.shape]
        if shapes != [(len(self.trees),), (self.trees.n_leaves,)]:
            return False
        known = ((self.tree_taxon >= 0) & (self.tree_taxon < n_taxa)).all()
        finite = np.isfinite(self.leaf_value).all() and np.isfinite(self.baseline).all()
        return bool(known and finite)

    def predict_proba(self, features: Float32Array) -> Float32Array:
        """Score each row for each taxon: (n, n_taxa), float32, each row adds up to 1."""
        logits = np.tile(self.baseline, (len(features), 1))
        _add_values(self.trees.leaves(features), self.tree_taxon, self.leaf_value, logits)
        return softmax(logits)


def _columns(
    nodes: NDArray[Any],
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    feature = np.where(nodes["is_leaf"] == 1, -1, nodes["feature_idx"])
    left, right = (nodes[side].astype(np.int64) for side in ("left", "right"))
    return feature, nodes["num_threshold"], left, right


@compiled
def _add_values(
    leaves: NDArray[np.int32],
    taxon: NDArray[np.int32],
    value: NDArray[np.float64],
    logits: NDArray[np.float64],
) -> None:
    for i in range(leaves.shape[0]):
        for tree in range(leaves.shape[1]):
            logits[i, taxon[tree]] += value[leaves[i, tree]]
