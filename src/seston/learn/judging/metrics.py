"""How well predicted taxa match true ones. All but the scores' own measures follow from counts.

Definitions are those of Panaiotis et al. (2026), Earth System Science Data 18, 945-967,
doi:10.5194/essd-18-945-2026: what has no cases has precision, recall and F1 of 0, and means
over taxa leave out the taxa that are neither in the truth nor predicted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64Array = NDArray[np.float64]


def confusion_matrix(truth: ArrayLike, predicted: ArrayLike, n_taxa: int) -> NDArray[np.int64]:
    """Count objects by true taxon (row) and predicted taxon (column).

    Parameters
    ----------
    truth, predicted : array (n,), integer
        Taxa, counted from 0.
    n_taxa : int

    Returns
    -------
    array (n_taxa, n_taxa), int64
    """
    cell = np.asarray(truth, np.int64) * n_taxa + np.asarray(predicted, np.int64)
    return np.bincount(cell, minlength=n_taxa * n_taxa).reshape(n_taxa, n_taxa)


@dataclass(frozen=True, slots=True)
class Report:
    """What a confusion matrix tells; of a stack of matrices (...), what each of them tells.

    Parameters
    ----------
    accuracy : array (...)
        Share of objects that are named rightly.
    balanced_accuracy : array (...)
        Mean recall of the taxa that are in the truth.
    f1_macro : array (...)
        Mean F1 of the taxa.
    precision, recall, f1, support, named : array (..., n_taxa)
        Of each taxon; support is its number of objects in the truth, named how many were given
        its name.
    """

    accuracy: Any
    balanced_accuracy: Any
    f1_macro: Any
    precision: Float64Array
    recall: Float64Array
    f1: Float64Array
    support: Float64Array
    named: Float64Array

    def over(self, members: ArrayLike, *, weighted: bool) -> tuple[Any, Any]:
        """Give precision and recall over some taxa, such as the living plankton.

        Parameters
        ----------
        members : array (n_taxa,), bool
        weighted : bool
            True: weighted by support, as the paper does; False: plain mean (macro) over those
            that are in the truth or were named.
        """
        chosen = np.asarray(members, bool)
        support, named = self.support[..., chosen], self.named[..., chosen]
        weights = support if weighted else ((support > 0) | (named > 0)).astype(float)
        precision, recall = self.precision[..., chosen], self.recall[..., chosen]
        return _mean(precision, weights), _mean(recall, weights)


def report(confusion: ArrayLike) -> Report:
    """Measure a confusion matrix (truth in rows) or a stack of them.

    Entries may be counts or weights.
    """
    counts = np.asarray(confusion, np.float64)
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    support, named = counts.sum(axis=-1), counts.sum(axis=-2)
    precision, recall = _ratio(right, named), _ratio(right, support)
    f1 = _ratio(2 * right, named + support)
    return Report(
        accuracy=_ratio(right.sum(axis=-1), support.sum(axis=-1))[()],
        balanced_accuracy=_mean(recall, (support > 0).astype(float)),
        f1_macro=_mean(f1, ((support > 0) | (named > 0)).astype(float)),
        precision=precision,
        recall=recall,
        f1=f1,
        support=support,
        named=named,
    )


def merge(confusion: ArrayLike, groups: Sequence[int], n_groups: int) -> Float64Array:
    """Add up confusion matrices (..., n, n) over groups: ``groups[i]`` is the group of taxon i."""
    member = np.eye(n_groups)[np.asarray(groups, np.int64)]
    return np.asarray(member.T @ np.asarray(confusion, np.float64) @ member)


def with_shares(confusion: ArrayLike, shares: ArrayLike) -> Float64Array:
    """Weight a confusion matrix as if taxa had other shares of the truth (a shift of the prior).

    Parameters
    ----------
    confusion : array (n_taxa, n_taxa)
    shares : array (n_taxa,)
        The taxa's shares of the objects where the classifier will be used; a share of a taxon
        that the matrix has no objects of is lost.

    Returns
    -------
    array (n_taxa, n_taxa)
        Rows add up to the shares.
    """
    counts = np.asarray(confusion, np.float64)
    rates = _ratio(counts, counts.sum(axis=1, keepdims=True))
    return np.asarray(rates * np.asarray(shares, np.float64)[:, None])


def top_k_accuracy(scores: ArrayLike, truth: ArrayLike, k: int) -> float:
    """Share of objects whose true taxon is among the k best scored; ties count against it."""
    table, rows = np.asarray(scores, np.float64), np.asarray(truth, np.int64)
    own = table[np.arange(len(rows)), rows]
    return float(((table >= own[:, None]).sum(axis=1) <= k).mean())


def log_loss(scores: ArrayLike, truth: ArrayLike) -> float:
    """Mean negative logarithm of the true taxon's score (scores of 0 count as 1e-12)."""
    table, rows = np.asarray(scores, np.float64), np.asarray(truth, np.int64)
    return float(-np.log(np.maximum(table[np.arange(len(rows)), rows], 1e-12)).mean())


def calibration_error(scores: ArrayLike, truth: ArrayLike, bins: int = 15) -> float:
    """Give the expected calibration error: mean gap of confidence and accuracy in 15 bins.

    References
    ----------
    Guo et al. (2017), On calibration of modern neural networks, section 2.
    """
    table = reliability(scores, truth, bins)
    gap = np.abs(table.confidence - table.right)
    return float((table.count * gap).sum() / max(1, table.count.sum()))


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often objects are named rightly, by how sure the model was.

    Parameters
    ----------
    count : array (bins,)
        Objects whose best score lies in a bin; bins part 0 to 1 evenly.
    confidence, right : array (bins,)
        Mean best score, and share that is named rightly; 0 where there is none.
    """

    count: Float64Array
    confidence: Float64Array
    right: Float64Array


def reliability(scores: ArrayLike, truth: ArrayLike, bins: int = 15) -> Reliability:
    """Compare what the scores say with what is true (Guo et al. 2017, section 2)."""
    table, rows = np.asarray(scores, np.float64), np.asarray(truth, np.int64)
    confidence = table.max(axis=1)
    which = confidence_bin(confidence, bins)
    count, sure, right = (
        np.bincount(which, weights=weights, minlength=bins)
        for weights in (None, confidence, table.argmax(axis=1) == rows)
    )
    return Reliability(count.astype(float), _ratio(sure, count), _ratio(right, count))


def confidence_bin(confidence: Float64Array, bins: int) -> NDArray[np.int64]:
    """Give the bin of each best score, counted from 0."""
    return np.minimum((confidence * bins).astype(np.int64), bins - 1)


def _ratio(part: ArrayLike, whole: ArrayLike) -> Float64Array:
    above, below = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    out: Float64Array = np.divide(above, below, out=np.zeros(above.shape), where=below > 0)
    return out


def _mean(values: Float64Array, weights: Float64Array) -> Any:  # noqa: ANN401, a float or array
    return _ratio((values * weights).sum(axis=-1), weights.sum(axis=-1))[()]
