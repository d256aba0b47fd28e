"""Decision trees as plain arrays: what is saved holds no code, and is checked before it is walked.

The nodes of all trees stand one after the other. A branch goes left where its feature is at most
its threshold, and both of its ends stand after it: so every walk ends, and inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from seston.image.kernels import compiled

Float32Array = NDArray[np.float32]
Int32Array = NDArray[np.int32]

LEAF = -1


@dataclass(frozen=True, slots=True)
class Trees:
    """Some binary trees.

    Parameters
    ----------
    feature : array (n_nodes,), int32
        Column that a branch asks for; -1 in a leaf.
    threshold : array (n_nodes,), float32
    left : array (n_nodes,), int32
        Node that follows; of a leaf, its number among the leaves of all trees.
    right : array (n_nodes,), int32
    roots : array (n_trees + 1,), int32
        First node of each tree, and the number of nodes.
    """

    feature: Int32Array
    threshold: Float32Array
    left: Int32Array
    right: Int32Array
    roots: Int32Array

    def __len__(self) -> int:
        return max(len(self.roots) - 1, 0)

    @property
    def n_leaves(self) -> int:
        """Leaves of all trees together."""
        return int(np.count_nonzero(self.feature == LEAF))

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that the trees are, by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """Make trees from the arrays that `arrays` gave."""
        whole = {k: np.asarray(arrays[k], np.int32) for k in ("feature", "left", "right", "roots")}
        return cls(threshold=np.asarray(arrays["threshold"], np.float32), **whole)

    def are_sound(self, n_features: int) -> bool:
        """Tell whether any walk with so many features stays inside and ends."""
        nodes = len(self.feature)
        same = all(a.shape == (nodes,) for a in (self.threshold, self.left, self.right))
        if not same or self.roots.ndim != 1 or len(self.roots) < 2:
            return False
        if self.roots[0] != 0 or self.roots[-1] != nodes or (np.diff(self.roots) < 1).any():
            return False
        leaf, here = self.feature == LEAF, np.arange(nodes)
        end = np.repeat(self.roots[1:], np.diff(self.roots))
        onward = all(((to > here) & (to < end))[~leaf].all() for to in (self.left, self.right))
        known = (leaf | ((self.feature >= 0) & (self.feature < n_features))).all()
        return bool(onward and known and self._are_numbered(leaf))

    def _are_numbered(self, leaf: NDArray[np.bool_]) -> bool:
        numbers = self.left[leaf]
        return bool(((numbers >= 0) & (numbers < len(numbers))).all())

    def leaves(self, features: Float32Array) -> Int32Array:
        """Give the number of the leaf that each row ends in: (n, n_trees), int32."""
        out = np.empty((len(features), len(self)), np.int32)
        rows = np.ascontiguousarray(features, np.float32)
        _walk(self.feature, self.threshold, self.left, self.right, self.roots, rows, out)
        return out


@compiled
def _walk(
    feature: Int32Array,
    threshold: Float32Array,
    left: Int32Array,
    right: Int32Array,
    roots: Int32Array,
    rows: Float32Array,
    out: Int32Array,
) -> None:
    for i in range(len(rows)):
        for tree in range(len(roots) - 1):
            node = roots[tree]
            while feature[node] >= 0:
                low = rows[i, feature[node]] <= threshold[node]
                node = left[node] if low else right[node]
            out[i, tree] = left[node]


def plant(
    trees: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]],
) -> Trees:
    """Put trees of scikit-learn one after the other.

    Parameters
    ----------
    trees : list of (feature, threshold, left, right)
        Of each tree; the feature is negative in leaves, children are counted in their tree.
    """
    sizes = [len(tree[0]) for tree in trees]
    roots = np.concatenate([[0], np.cumsum(sizes)])
    feature, threshold, left, right = (
        np.concatenate([np.asarray(tree[i]) for tree in trees]) for i in range(4)
    )
    leaf, first = feature < 0, np.repeat(roots[:-1], sizes)
    left = np.where(leaf, np.cumsum(leaf) - 1, left + first)
    right = np.where(leaf, 0, right + first)
    return Trees(
        np.where(leaf, LEAF, feature).astype(np.int32),
        _as_float32(np.where(leaf, 0.0, threshold)),
        left.astype(np.int32),
        right.astype(np.int32),
        roots.astype(np.int32),
    )


def _as_float32(threshold: NDArray[np.float64]) -> Float32Array:
    """Round down, so that the same float32 values are at most the threshold as before."""
    near = threshold.astype(np.float32)
    lower = np.nextafter(near, np.float32(-np.inf))
    return np.where(near > threshold, lower, near).astype(np.float32)
