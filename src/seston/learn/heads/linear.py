"""The linear head: logistic regression on standardised features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]

INVERSE_PENALTY = 0.03
"""Inverse strength of the penalty on weights; best or near it on UVP6 and ZooScan vignettes."""

MAX_ITERATIONS = 500


@dataclass(frozen=True, slots=True)
class LinearHead:
    """Standardised features, then multinomial logistic regression.

    Parameters
    ----------
    mean, scale : array (n_features,), float32
        Taken off the features, and dividing them.
    weight : array (n_features, n_taxa), float32
    bias : array (n_taxa,), float32
    """

    kind: ClassVar[str] = "linear"

    mean: Float32Array
    scale: Float32Array
    weight: Float32Array
    bias: Float32Array

    @classmethod
    def fit(
        cls,
        features: Float32Array,
        labels: NDArray[np.int64],
        *,
        importance: Float32Array | None = None,
        class_weight: Literal["balanced"] | None = None,
        inverse_penalty: float = INVERSE_PENALTY,
    ) -> Self:
        """Fit the head; the same input gives the same head.

        Parameters
        ----------
        features : array (n, n_features), float32
        labels : array (n,), int64
            Taxa, counted from 0; each has at least one row.
        importance : array (n_features,), float32, optional
            How many times more lightly the weights of a feature are penalised, as a factor
            on the standardised feature.
        class_weight : "balanced", optional
            Rows of rare taxa count for more, so that each taxon has the same share.
        inverse_penalty : float
            Larger lets the head follow its learning set more closely.

        References
        ----------
        scikit-learn, `LogisticRegression` (L-BFGS, penalty on squared weights).
        """
        from sklearn.linear_model import LogisticRegression

        mean = features.mean(axis=0, dtype=np.float64)
        spread = features.std(axis=0, dtype=np.float64)
        scale = np.where(spread > 1e-6, spread, 1.0) / (1.0 if importance is None else importance)
        regression = LogisticRegression(
            C=inverse_penalty, class_weight=class_weight, max_iter=MAX_ITERATIONS
        )
        regression.fit((features - mean) / scale, labels)
        weight, bias = _one_column_a_taxon(regression.coef_, regression.intercept_)
        return cls(*(a.astype(np.float32) for a in (mean, scale, weight, bias)))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """Make the head from the arrays that `arrays` gave."""
        return cls(*(np.asarray(arrays[k], np.float32) for k in cls.__slots__))

    @property
    def arrays(self) -> dict[str, Float32Array]:
        """All that the head is, by name."""
        return {name: getattr(self, name) for name in self.__slots__}

    def fits(self, n_features: int, n_taxa: int) -> bool:
        """Tell whether the shapes of the arrays are those of a head of such a size."""
        shapes = [(n_features,), (n_features,), (n_features, n_taxa), (n_taxa,)]
        found = list(self.arrays.values())
        finite = all(np.isfinite(a).all() for a in found)
        return [a.shape for a in found] == shapes and finite and bool((self.scale > 0).all())

    def predict_proba(self, features: Float32Array) -> Float32Array:
        """Score each row for each taxon: (n, n_taxa), float32, each row adds up to 1."""
        logits = ((features - self.mean) / self.scale) @ self.weight + self.bias
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def _one_column_a_taxon(
    weights: NDArray[np.float64], bias: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if len(weights) > 1:
        return weights.T, bias
    # Of two taxa scikit-learn keeps the second one's odds only: the first one's are even.
    return np.concatenate((0 * weights, weights)).T, np.concatenate((0 * bias, bias))
