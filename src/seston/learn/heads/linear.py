"""The linear head: logistic regression on standardised features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from seston.learn.heads.lesson import Float32Array, Lesson, softmax

if TYPE_CHECKING:
    from torch import nn

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
    def fit(cls, lesson: Lesson) -> Self:
        """Fit the head; the same lesson gives the same head.

        References
        ----------
        scikit-learn, `LogisticRegression` (L-BFGS, penalty on squared weights).
        """
        from sklearn.linear_model import LogisticRegression

        mean, scale = lesson.spread()
        regression = LogisticRegression(C=INVERSE_PENALTY, max_iter=MAX_ITERATIONS)
        rows = (lesson.features - mean) / scale
        regression.fit(rows, lesson.labels, sample_weight=lesson.row_weights)
        weight, bias = _one_column_a_taxon(regression.coef_, regression.intercept_)
        return cls(mean, scale, weight.astype(np.float32), bias.astype(np.float32))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """Make the head from the arrays that `arrays` gave."""
        return cls(*(np.asarray(arrays[k], np.float32) for k in cls.__slots__))

    @property
    def settings(self) -> dict[str, Any]:
        """What a card tells of the fit."""
        return {"inverse_penalty": INVERSE_PENALTY}

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
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
        return softmax(((features - self.mean) / self.scale) @ self.weight + self.bias)

    def layers(self) -> nn.Sequential:
        """Give what follows on the standardised features as layers of torch, to learn on."""
        from torch import nn

        from seston.learn.heads.layers import linear

        return nn.Sequential(linear(self.weight, self.bias))

    def with_layers(self, layers: nn.Sequential) -> Self:
        """Give the head that the layers have become."""
        from seston.learn.heads.layers import arrays_of

        return type(self)(self.mean, self.scale, *arrays_of(layers[0]))


def _one_column_a_taxon(
    weights: NDArray[np.float64], bias: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if len(weights) > 1:
        return weights.T, bias
    # Of two taxa scikit-learn keeps the second one's odds only: the first one's are even.
    return np.concatenate((0 * weights, weights)).T, np.concatenate((0 * bias, bias))
