"""What heads are fitted to, and how much each row of it counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]

SMALLEST = 1e-6
"""A feature that varies less than this is constant, but for rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """Features and taxa to learn from, and others to choose settings with.

    Parameters
    ----------
    features : array (n, n_features), float32
    labels : array (n,), int64
        Taxa, counted from 0; each of the taxa has at least one row.
    taxon_weights : array (n_taxa,), float64
        How much a row of each taxon counts; see `taxon_weights`.
    importance : array (n_features,), float32
        How many times more lightly than others a feature may be used, as a factor on the
        standardised feature.
    validation_features : array (m, n_features), float32
    validation_labels : array (m,), int64
        Not learned from: numbers of trees and of epochs are chosen by them. May have no rows.
    least_spread : float
        What varies less than this share of the median feature is not blown up to the size of
        the others. A network that learns on could run away through a feature that slept before.
    seed : int
    """

    features: Float32Array
    labels: Int64Array
    taxon_weights: Float64Array
    importance: Float32Array
    validation_features: Float32Array
    validation_labels: Int64Array
    least_spread: float = 0.0
    seed: int = 0

    @property
    def n_taxa(self) -> int:
        """Number of taxa."""
        return len(self.taxon_weights)

    @property
    def row_weights(self) -> Float64Array:
        """How much each row counts, 1 in the mean."""
        weights = self.taxon_weights[self.labels]
        return np.asarray(weights / weights.mean(), np.float64)

    def spread(self, *, weighted: bool = True) -> tuple[Float32Array, Float32Array]:
        """Mean and scale that standardise the features.

        Parameters
        ----------
        weighted : bool
            Make important features larger.
        """
        mean = self.features.mean(axis=0, dtype=np.float64)
        spread = self.features.std(axis=0, dtype=np.float64)
        least = self.least_spread * np.median(spread)
        scale = np.maximum(np.where(spread > SMALLEST, spread, 1.0), least)
        scale = scale / self.importance if weighted else scale
        return mean.astype(np.float32), scale.astype(np.float32)


def taxon_weights(labels: Int64Array, n_taxa: int, power: float) -> Float64Array:
    """Give rare taxa more weight: (n_max / n)^power for a taxon with n rows.

    With a power of 0 each row counts the same, with 1 each taxon does.

    Parameters
    ----------
    labels : array (n,), int64
        Taxa, counted from 0.
    n_taxa : int
    power : float

    Returns
    -------
    array (n_taxa,), float64
        At least 1; a taxon without rows is weighted as one with a single row.

    References
    ----------
    Panaiotis et al. (2026), Earth System Science Data 18, 945-967,
    doi:10.5194/essd-18-945-2026: a power of 0.25.

    Examples
    --------
    >>> labels = np.repeat([0, 1], [10_000, 100])
    >>> taxon_weights(labels, 2, 0.25).round(3).tolist()
    [1.0, 3.162]
    """
    counts = np.maximum(np.bincount(labels, minlength=n_taxa), 1)
    return np.asarray((counts.max() / counts) ** power, np.float64)


def effective_prior(labels: Int64Array, weights: Float64Array) -> Float64Array:
    """Shares of the taxa as a fit with such weights sees them; they add up to 1.

    A classifier's scores answer to this prior, and who adjusts them to other shares starts here.
    """
    seen = np.bincount(labels, minlength=len(weights)) * weights
    return np.asarray(seen / seen.sum(), np.float64)


def softmax(logits: NDArray[np.floating]) -> Float32Array:
    """Turn logits into scores that add up to 1 in each row."""
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def mean_log_loss(scores: NDArray[np.floating], labels: Int64Array) -> float:
    """Mean negative logarithm of the true taxon's score (scores of 0 count as 1e-12)."""
    own = scores[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(own, 1e-12)).mean())
