"""How far an object lies from all that a model learned: the angle to the nearest taxon's mean.

A classifier is sure of its names far from everything that it ever saw: its scores do not tell
(see docs/evaluation.md). The features do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]

STEPS: Final = 1001
SMALLEST: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Familiar:
    """What features of known objects look like.

    Parameters
    ----------
    mean, scale : array (n_features,), float32
        Taken off the features, and dividing them.
    prototypes : array (n_taxa, n_features), float32
        Mean of each taxon, as directions of length 1.
    usual : array (STEPS,), float32
        Quantiles of the distance of vignettes that were not learned from, in even steps from
        the smallest to the largest; infinite where there were none.

    References
    ----------
    Snell et al. (2017), Prototypical networks for few-shot learning, for the means.
    """

    mean: Float32Array
    scale: Float32Array
    prototypes: Float32Array
    usual: Float32Array

    @classmethod
    def fit(cls, features: Float32Array, labels: NDArray[np.int64], others: Float32Array) -> Self:
        """Learn from features (n, n_features) and taxa; `others` tell what distances are usual.

        Each taxon has at least one row; others (m, n_features) are of the same taxa, and not
        among those learned from.
        """
        mean = features.mean(axis=0, dtype=np.float64)
        spread = features.std(axis=0, dtype=np.float64)
        scale = np.where(spread > SMALLEST, spread, 1.0)
        points = (features - mean) / scale
        means = np.stack([points[labels == k].mean(axis=0) for k in range(labels.max() + 1)])
        found = cls(
            mean=mean.astype(np.float32),
            scale=scale.astype(np.float32),
            prototypes=_unit(means).astype(np.float32),
            usual=np.full(STEPS, np.inf, np.float32),
        )
        return replace(found, usual=usual_distances(found.distance(others)))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """Make it from the arrays that `arrays` gave."""
        return cls(*(np.asarray(arrays[k], np.float32) for k in cls.__slots__))

    @property
    def arrays(self) -> dict[str, Float32Array]:
        """All that it is, by name."""
        return {name: getattr(self, name) for name in self.__slots__}

    def fits(self, n_features: int, n_taxa: int) -> bool:
        """Tell whether the shapes are those for so many features and taxa."""
        shapes = [(n_features,), (n_features,), (n_taxa, n_features), (STEPS,)]
        return [a.shape for a in self.arrays.values()] == shapes and bool((self.scale > 0).all())

    def distance(self, features: Float32Array) -> Float32Array:
        """Give the distance of each row (n,): 1 less the cosine of the angle, from 0 to 2."""
        points = _unit((features - self.mean) / self.scale)
        return np.asarray(1 - (points @ self.prototypes.T).max(axis=1), np.float32)

    def limit(self, false_alarm: float) -> float:
        """Give the distance that this share of known objects exceeds."""
        return limit(self.usual, false_alarm)


def usual_distances(distance: Float32Array) -> Float32Array:
    """Give the quantiles (STEPS,) of the distances of known objects; infinite where are none."""
    if not len(distance):
        return np.full(STEPS, np.inf, np.float32)
    usual = np.quantile(distance, np.linspace(0, 1, STEPS), method="higher")
    return np.asarray(usual, np.float32)


def limit(usual: Float32Array, false_alarm: float) -> float:
    """Give the distance that this share of known objects exceeds, by `usual_distances`."""
    step = int(np.ceil((1 - false_alarm) * (STEPS - 1) - 1e-9))
    return float(usual[step])


def _unit(points: NDArray[Any]) -> NDArray[Any]:
    length = np.linalg.norm(points, axis=1, keepdims=True)
    return np.asarray(points / np.maximum(length, SMALLEST))
