"""Random forest: the mean of what many trees say, each grown on its own draw of the rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from seston.cluster import available_cores
from seston.image.kernels import compiled
from seston.learn.heads.lesson import Float32Array, Lesson, mean_log_loss
from seston.learn.heads.trees import Trees, plant

N_TREES = (50, 100, 200, 350, 500)
"""Numbers of trees to choose from."""

N_TREES_UNTRIED = 200
"""Where there are no validation rows to choose by."""

WORTH = 1.01
"""More trees are taken only where fewer have a log-loss that is more than 1 % higher."""


@dataclass(frozen=True, slots=True)
class ForestHead:
    """A random forest. Each leaf says which taxa its rows had, and in which shares.

    Parameters
    ----------
    trees : Trees
    leaf_start : array (n_leaves + 1,), int64
        First entry of each leaf in the two arrays below, and their length.
    leaf_taxon : array (n_entries,), int32
    leaf_share : array (n_entries,), float32
    n_taxa : int
    """

    kind: ClassVar[str] = "forest"

    trees: Trees
    leaf_start: NDArray[np.int64]
    leaf_taxon: NDArray[np.int32]
    leaf_share: Float32Array
    n_taxa: int

    @classmethod
    def fit(cls, lesson: Lesson) -> Self:
        """Grow the forest; how many trees of it are kept is chosen on the validation rows.

        Panaiotis et al. (2026) chose it by the log-loss on their test rows, which leak into the
        model by that.

        References
        ----------
        Breiman (2001), Random forests, doi:10.1023/A:1010933404324; scikit-learn,
        `RandomForestClassifier`.
        """
        from sklearn.ensemble import RandomForestClassifier

        chosen_from = N_TREES if len(lesson.validation_labels) else (N_TREES_UNTRIED,)
        forest = RandomForestClassifier(
            max(chosen_from), random_state=lesson.seed, n_jobs=available_cores()
        )
        forest.fit(lesson.features, lesson.labels, sample_weight=lesson.row_weights)
        return cls._cut(forest.estimators_, chosen_from, lesson)

    @classmethod
    def _cut(cls, grown: list[Any], chosen_from: tuple[int, ...], lesson: Lesson) -> Self:
        if len(chosen_from) == 1:
            return cls.from_sklearn(grown, lesson.n_taxa)
        losses, total = {}, np.zeros((len(lesson.validation_labels), lesson.n_taxa))
        for number, tree in enumerate(grown, start=1):
            total += tree.predict_proba(lesson.validation_features)
            if number in chosen_from:
                losses[number] = mean_log_loss(total / number, lesson.validation_labels)
        limit = WORTH * min(losses.values())
        enough = min(number for number, loss in losses.items() if loss <= limit)
        return cls.from_sklearn(grown[:enough], lesson.n_taxa)

    @classmethod
    def from_sklearn(cls, grown: list[Any], n_taxa: int) -> Self:
        """Take over trees of scikit-learn, whose classes are 0, 1, ... n_taxa - 1."""
        found = [tree.tree_ for tree in grown]
        trees = plant([(t.feature, t.threshold, t.children_left, t.children_right) for t in found])
        shares = np.concatenate([t.value[t.feature < 0, 0] for t in found])
        shares = shares / shares.sum(axis=1, keepdims=True)
        leaf, taxon = np.nonzero(shares)
        start = np.concatenate([[0], np.cumsum(np.bincount(leaf, minlength=len(shares)))])
        share = shares[leaf, taxon].astype(np.float32)
        return cls(trees, start.astype(np.int64), taxon.astype(np.int32), share, n_taxa)

    @property
    def settings(self) -> dict[str, Any]:
        """What a card tells of the fit."""
        return {"n_trees": len(self.trees)}

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that the head is, by name."""
        leaves = {k: getattr(self, k) for k in ("leaf_start", "leaf_taxon", "leaf_share")}
        return {**self.trees.arrays, **leaves, "n_taxa": np.array([self.n_taxa])}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """Make the head from the arrays that `arrays` gave."""
        return cls(
            Trees.from_arrays(arrays),
            np.asarray(arrays["leaf_start"], np.int64),
            np.asarray(arrays["leaf_taxon"], np.int32),
            np.asarray(arrays["leaf_share"], np.float32),
            int(np.asarray(arrays["n_taxa"]).item()),
        )

    def fits(self, n_features: int, n_taxa: int) -> bool:
        """Tell whether the arrays are those of a forest of such a size."""
        if self.n_taxa != n_taxa or not self.trees.are_sound(n_features):
            return False
        entries = self.leaf_taxon.shape
        start = self.leaf_start
        if entries != self.leaf_share.shape or start.shape != (self.trees.n_leaves + 1,):
            return False
        if start[0] != 0 or (start[-1],) != entries or (np.diff(start) < 1).any():
            return False
        known = ((self.leaf_taxon >= 0) & (self.leaf_taxon < n_taxa)).all()
        shares = np.add.reduceat(self.leaf_share, start[:-1])
        return bool(known and (self.leaf_share >= 0).all() and np.allclose(shares, 1, atol=1e-3))

    def predict_proba(self, features: Float32Array) -> Float32Array:
        """Score each row for each taxon: (n, n_taxa), float32, each row adds up to 1."""
        total = np.zeros((len(features), self.n_taxa))
        leaves = self.trees.leaves(features)
        _add_shares(leaves, self.leaf_start, self.leaf_taxon, self.leaf_share, total)
        return np.asarray(total / total.sum(axis=1, keepdims=True), np.float32)


@compiled
def _add_shares(
    leaves: NDArray[np.int32],
    start: NDArray[np.int64],
    taxon: NDArray[np.int32],
    share: Float32Array,
    total: NDArray[np.float64],
) -> None:
    for i in range(leaves.shape[0]):
        for leaf in leaves[i]:
            for entry in range(start[leaf], start[leaf + 1]):
                total[i, taxon[entry]] += share[entry]
