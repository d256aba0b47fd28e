"""How far the metrics of a record could be otherwise: resampled objects, and resampled samples.

Everything that is told of a record is a function of few sums: the confusion matrix, the log-loss,
the bins of confidence. So a replicate is a row of weights times a table, for many at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from seston.learn.judging import metrics
from seston.learn.judging.held_out import HeldOut

Float64Array = NDArray[np.float64]

LEVEL: Final = 0.95
REPLICATES: Final = 1000
BINS: Final = 15
TOP: Final = (3, 5)
CELLS_AT_ONCE: Final = 1 << 22
"""Cells of weights and of confusion matrices of the replicates that are computed together."""


@dataclass(frozen=True, slots=True)
class Sums:
    """What replicates of a record add up to.

    Parameters
    ----------
    confusion : array (replicate, n_taxa, n_taxa)
    log_loss : array (replicate,)
    gap : array (replicate, bins)
        Confidence less rightness.
    top : array (replicate, len(TOP))
        Objects whose true taxon is among the k best.
    """

    confusion: Float64Array
    log_loss: Float64Array
    gap: Float64Array
    top: Float64Array

    @property
    def count(self) -> Float64Array:
        """Objects of each replicate."""
        return np.asarray(self.confusion.sum(axis=(1, 2)))


Measures = Callable[[Sums], Mapping[str, Float64Array]]


def measured(record: HeldOut, measures: Measures) -> dict[str, float]:
    """Measure a record itself."""
    once = np.ones((1, len(record.labels)))
    return {k: float(v[0]) for k, v in measures(_sums(_table(record), once, record)).items()}


def intervals(
    record: HeldOut, measures: Measures, *, by_group: bool, seed: int, replicates: int = REPLICATES
) -> dict[str, list[float]]:
    """Give 95 % percentile intervals of each measure.

    Parameters
    ----------
    record : HeldOut
    measures : callable
        From `Sums` to values of each replicate, by name.
    by_group : bool
        True: whole groups (samples, frames) are drawn with replacement, which is right where
        objects of one sample are alike; False: single objects.
    seed : int
        The same seed gives the same intervals.
    replicates : int

    Returns
    -------
    dict of [lower, upper]

    References
    ----------
    Efron and Tibshirani (1993), An introduction to the bootstrap, chapter 13.
    """
    table = _table(record)
    if by_group:
        table = _by_group(table, record.groups)
    rng = np.random.default_rng(seed)
    found: dict[str, list[Float64Array]] = {}
    for weights in _weights(table.shape[0], replicates, rng, record.scores.shape[1]):
        for name, values in measures(_sums(table, weights, record)).items():
            found.setdefault(name, []).append(values)
    outside = (1 - LEVEL) / 2
    return {
        name: np.quantile(np.concatenate(parts), [outside, 1 - outside]).tolist()
        for name, parts in found.items()
    }


def _table(record: HeldOut) -> sparse.csr_array:
    """Give a row for each object: its cell of the confusion matrix, then its other sums."""
    scores, truth = record.scores.astype(np.float64), record.labels
    n, n_taxa = scores.shape
    rows, confidence = np.arange(n), scores.max(axis=1)
    best = scores.argmax(axis=1)
    loss = -np.log(np.maximum(scores[rows, truth], 1e-12))
    rank = (scores >= scores[rows, truth][:, None]).sum(axis=1)
    gap = n_taxa**2 + 1 + metrics.confidence_bin(confidence, BINS)
    columns = [truth * n_taxa + best, np.full(n, n_taxa**2), gap]
    values = [np.ones(n), loss, confidence - (best == truth)]
    for i, k in enumerate(TOP):
        columns.append(np.full(n, n_taxa**2 + 1 + BINS + i))
        values.append((rank <= k).astype(float))
    places = (np.tile(rows, len(columns)), np.concatenate(columns))
    width = n_taxa**2 + 1 + BINS + len(TOP)
    return sparse.csr_array((np.concatenate(values), places), shape=(n, width))


def _by_group(table: sparse.csr_array, groups: NDArray[np.int64]) -> sparse.csr_array:
    _, own = np.unique(groups, return_inverse=True)
    member = sparse.csr_array((np.ones(len(own)), (own, np.arange(len(own)))))
    return sparse.csr_array(member @ table)


def _weights(
    units: int, replicates: int, rng: np.random.Generator, n_taxa: int
) -> Iterator[Float64Array]:
    """Say how often each unit was drawn, for some replicates at a time."""
    at_once = max(1, CELLS_AT_ONCE // max(units, n_taxa**2))
    for start in range(0, replicates, at_once):
        n = min(at_once, replicates - start)
        drawn = rng.integers(0, units, (n, units)) + units * np.arange(n)[:, None]
        yield np.bincount(drawn.ravel(), minlength=n * units).reshape(n, units).astype(float)


def _sums(table: sparse.csr_array, weights: Float64Array, record: HeldOut) -> Sums:
    total = np.asarray((table.T @ weights.T).T)
    n_taxa = record.scores.shape[1]
    confusion, loss, gap, top = np.split(total, np.cumsum([n_taxa**2, 1, BINS]).tolist(), axis=1)
    return Sums(confusion.reshape(-1, n_taxa, n_taxa), loss[:, 0], gap, top)
