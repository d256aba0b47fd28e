"""Thresholds: from which score on a name is trusted, for a wanted precision of each taxon.

Scores are looked at as datasets keep them (float16), so that what was measured is what happens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float16Array = NDArray[np.float16]
Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

TARGET_PRECISION: Final = 0.9
Z: Final = 1.6448536269514722
"""95 % of a normal distribution lie below: the bound on a precision is one-sided."""

ERRORS_BELOW: Final = 0.9
FEWEST_OBJECTS: Final = 10
SMALLEST_KEPT: Final = 0.1


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which score on each taxon's name is trusted, and what remains there.

    Parameters
    ----------
    method : str
        ``precision`` or ``errors``: the function that chose them.
    target : float
        Wanted precision, or wanted share of errors below.
    threshold : array (n_taxa,), float64
        Objects are named where the best score is at least this; inf where none will do: the
        taxon cannot be used at this target.
    precision, recall : array (n_taxa,), float64
        At the threshold: of the objects named, how many rightly; of those of the taxon, how many
        are named so. They make corrected counts: named * precision / recall. 0 where it cannot
        be used.
    named : array (n_taxa,), int64
        Objects that these were measured with.
    """

    method: str
    target: float
    threshold: Float64Array
    precision: Float64Array
    recall: Float64Array
    named: Int64Array

    @property
    def usable(self) -> BoolArray:
        """Whether the taxon reaches the target at all (n_taxa,)."""
        return np.isfinite(self.threshold)

    def name(self, scores: ArrayLike) -> Int64Array:
        """Name objects by their scores (n, n_taxa): -1 where the best is below its threshold."""
        best, score = _best(as_stored(scores))
        return np.where(score >= self.threshold[best], best, -1)

    def facts(self) -> dict[str, Any]:
        """Give the thresholds as a card holds them; null where a taxon cannot be used."""
        return {
            "method": self.method,
            "target": self.target,
            "threshold": [t if np.isfinite(t) else None for t in self.threshold.tolist()],
            "precision": self.precision.tolist(),
            "recall": self.recall.tolist(),
            "named": self.named.tolist(),
        }


def as_stored(scores: ArrayLike) -> Float16Array:
    """Round scores as datasets keep them."""
    return np.asarray(scores).astype(np.float16)


def wilson_lower(right: ArrayLike, total: ArrayLike, z: float = Z) -> Float64Array:
    """Lower bound of a share, by Wilson's score interval.

    Of nothing, nothing is known: 0. With the default `z` the true share is above the bound in 95 %
    of cases.

    References
    ----------
    Wilson (1927), Probable inference, the law of succession, and statistical inference.

    >>> float(wilson_lower(10, 10, z=1.96).round(4))
    0.7225
    """
    n = np.asarray(total, np.float64)
    share = np.divide(right, n, out=np.zeros(n.shape), where=n > 0)
    root = z * np.sqrt(share * (1 - share) * n + z * z / 4)
    below = n * share + z * z / 2 - root
    # A share of nothing leaves what rounding leaves of two equal numbers.
    return np.asarray(np.where(share > 0, np.maximum(below, 0) / (n + z * z), 0.0))


def by_precision(
    scores: ArrayLike, truth: ArrayLike, target: float = TARGET_PRECISION
) -> Thresholds:
    """Choose for each taxon the smallest threshold whose precision is surely high enough.

    Sure is: the lower bound of Wilson's interval (95 %, one-sided) reaches the target. A taxon
    needs 25 objects without an error for 0.9, and 52 for 0.95.

    Parameters
    ----------
    scores : array (n, n_taxa)
        Calibrated, of the validation part.
    truth : array (n,), integer
    target : float
        Wanted precision.

    Returns
    -------
    Thresholds
    """

    def choose(score: Float64Array, right: BoolArray) -> float:
        order = np.argsort(-score, kind="stable")
        falling, rights = score[order], right[order].cumsum()
        kept = np.arange(1, len(score) + 1)
        last = np.append(falling[1:] < falling[:-1], True)  # equal scores stand or fall together
        enough = last & (wilson_lower(rights, kept) >= target)
        return float(falling[enough][-1]) if enough.any() else np.inf

    return _choose("precision", target, scores, truth, choose)


def by_errors(
    scores: ArrayLike,
    truth: ArrayLike,
    share: float = ERRORS_BELOW,
    *,
    fewest: int = FEWEST_OBJECTS,
    smallest_kept: float = SMALLEST_KEPT,
) -> Thresholds:
    """Choose for each taxon the threshold below which so many of its errors lie.

    This is the way of the Laboratoire d'Océanographie de Villefranche with Rhizaria of the ISIIS
    (2022): a taxon with fewer than ten objects, or of which too few remain, cannot be used. What
    precision is reached is measured, and not promised.

    Parameters
    ----------
    scores : array (n, n_taxa)
        Of the validation part.
    truth : array (n,), integer
    share : float
        Share of a taxon's errors (objects that wrongly have its name) to lie below.
    fewest : int
        Objects named as the taxon that are needed.
    smallest_kept : float
        Share of them that must remain. The published work does not say how many; this is ours.

    Returns
    -------
    Thresholds
    """

    def choose(score: Float64Array, right: BoolArray) -> float:
        errors = np.sort(score[~right])
        if len(score) < fewest:
            return np.inf
        threshold = 0.0
        if len(errors):
            below = errors[int(np.ceil(share * len(errors))) - 1]
            threshold = float(np.nextafter(np.float16(below), np.float16(2)))
        return threshold if (score >= threshold).mean() >= smallest_kept else np.inf

    return _choose("errors", share, scores, truth, choose)


def measure(
    scores: ArrayLike, truth: ArrayLike, threshold: Float64Array
) -> tuple[Float64Array, Float64Array, Int64Array]:
    """Measure precision, recall and number of objects named, of each taxon at its threshold."""
    labels, n_taxa = np.asarray(truth, np.int64), len(threshold)
    best, score = _best(as_stored(scores))
    kept = score >= threshold[best]
    named = np.bincount(best[kept], minlength=n_taxa)
    right = np.bincount(best[kept & (best == labels)], minlength=n_taxa)
    support = np.bincount(labels, minlength=n_taxa)
    precision, recall = (
        np.divide(right, n, out=np.zeros(n_taxa), where=n > 0) for n in (named, support)
    )
    return precision, recall, named


def _best(scores: Float16Array) -> tuple[Int64Array, Float64Array]:
    best = scores.argmax(axis=1) if scores.size else np.empty(0, np.int64)
    return best, scores[np.arange(len(best)), best].astype(np.float64)


def _choose(
    method: str,
    target: float,
    scores: ArrayLike,
    truth: ArrayLike,
    choose: Callable[[Float64Array, BoolArray], float],
) -> Thresholds:
    labels, stored = np.asarray(truth, np.int64), as_stored(scores)
    best, score = _best(stored)
    threshold = np.array(
        [
            choose(score[best == taxon], (labels == taxon)[best == taxon])
            for taxon in range(stored.shape[1])
        ]
    )
    return Thresholds(method, target, threshold, *measure(stored, labels, threshold))
