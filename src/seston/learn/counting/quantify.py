"""Shares of taxa in a sample, from the scores of its objects: how many there truly were.

A classifier that errs in a constant way does not err by a constant factor: its precision falls
with the share of a taxon, so counts of what it named bend every series. What held-out objects
tell of its errors mends that (`ErrorRates`). Each method takes the scores of a sample, (n, n_taxa)
with rows that add up to 1, and the rates of errors, and gives the shares of the taxa, (n_taxa,).

With q the shares of what was named, p the true ones, and M[i, j] the share of objects of taxon j
that are named i, q = M p.

References
----------
Solow, A., Davis, C., Hu, Q. (2001). Estimating the taxonomic composition of a sample when
individuals are classified with error. Mar. Ecol. Prog. Ser. 216, 309-311.
Forman, G. (2008). Quantifying counts and costs via classification. Data Min. Knowl. Disc. 17,
164-206.
Saerens, M., Latinne, P., Decaestecker, C. (2002). Adjusting the outputs of a classifier to new a
priori probabilities. Neural Computation 14, 21-41.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seston.errors import InputError

Float = NDArray[np.float64]
Int = NDArray[np.int64]

#: Of the rule by which EM stops: least mean change of a share, iterations at least and at most.
TOLERANCE, LEAST_ITERATIONS, MOST_ITERATIONS = 1e-4, 10, 1000
_SMALLEST = 1e-12


@dataclass(frozen=True, eq=False)
class ErrorRates:
    """What objects held out from training tell of a classifier's errors.

    Parameters
    ----------
    confusion : array (n_taxa, n_taxa), float64
        Held-out objects by true taxon (row) and named taxon (column).
    score_sums : array (n_taxa, n_taxa), float64
        Sums of the scores (column) of held-out objects of each true taxon (row).
    prior : array (n_taxa,), float64
        Shares of the taxa that the classifier was in effect trained with, weights of classes and
        resampling counted in; adds up to 1.
    """

    confusion: Float
    score_sums: Float
    prior: Float

    @classmethod
    def fit(cls, scores: ArrayLike, labels: ArrayLike, prior: ArrayLike | None = None) -> Self:
        """Count the errors on held-out objects.

        Parameters
        ----------
        scores : array (n, n_taxa)
        labels : array (n,), integer
            True taxa, counted from 0.
        prior : array (n_taxa,), optional
            Effective prior of training; the shares of the held-out objects if absent.

        Raises
        ------
        InputError
            Shapes do not fit, or a score, label or share is impossible.
        """
        table = checked_scores(scores)
        taxa = table.shape[1]
        truth = _checked_labels(labels, table)
        confusion = np.zeros((taxa, taxa))
        np.add.at(confusion, (truth, table.argmax(axis=1)), 1.0)
        sums = np.zeros((taxa, taxa))
        np.add.at(sums, truth, table)
        shares = np.bincount(truth, minlength=taxa) if prior is None else prior
        return cls(confusion, sums, checked_shares(shares, taxa))

    @property
    def held_out(self) -> Float:
        """Held-out objects of each taxon, (n_taxa,). Of one without, nothing can be mended."""
        return np.asarray(self.confusion.sum(axis=1), np.float64)

    @cached_property
    def rates(self) -> Float:
        """M: share of objects of taxon j (column) named i (row); columns add up to 1.

        A taxon without held-out objects is taken to be always named rightly.
        """
        return _columns(self.confusion)

    @cached_property
    def score_rates(self) -> Float:
        """Mean score i (row) of objects of taxon j (column), as `rates`."""
        return _columns(self.score_sums)


def _columns(by_truth: Float) -> Float:
    total = by_truth.sum(axis=1)
    known = total > 0
    rates = by_truth / np.where(known, total, 1.0)[:, None]
    rates[~known] = np.eye(len(total))[~known]
    return np.ascontiguousarray(rates.T)


def checked_scores(scores: ArrayLike) -> Float:
    """Give scores as float64, or refuse what are none.

    Raises
    ------
    InputError
        Not a table with two taxa or more, or a score is negative or not finite, or all are 0.
    """
    table = np.asarray(scores, np.float64)
    if table.ndim != 2 or table.shape[1] < 2:
        raise InputError(f"scores must be (objects, taxa), two taxa or more, not {table.shape}")
    sound = np.isfinite(table).all(axis=1) & (table >= 0).all(axis=1) & (table.sum(axis=1) > 0)
    if not sound.all():
        wrong = np.flatnonzero(~sound)
        what = f"{len(wrong)} objects have a score that is negative or no number, or none above 0"
        raise InputError(f"{what}; the first is {wrong[0]}")
    return table


def _checked_labels(labels: ArrayLike, scores: Float) -> Int:
    truth = np.asarray(labels, np.int64)
    n, taxa = scores.shape
    if truth.shape != (n,):
        raise InputError(f"{n} objects have scores, but labels are of shape {truth.shape}")
    if n and not (truth.min() >= 0 and truth.max() < taxa):
        raise InputError(f"labels must be taxa from 0 to {taxa - 1}")
    return truth


def checked_shares(shares: ArrayLike, taxa: int) -> Float:
    """Give shares that add up to 1.

    Raises
    ------
    InputError
        Not one for each taxon, negative, not finite, or all 0.
    """
    found = np.asarray(shares, np.float64)
    if found.shape != (taxa,) or not np.isfinite(found).all() or (found < 0).any():
        raise InputError(f"shares must be {taxa} numbers, none below 0")
    if not found.sum() > 0:
        raise InputError("shares must not all be 0")
    return np.asarray(found / found.sum(), np.float64)


def _sample(scores: ArrayLike, errors: ErrorRates) -> Float:
    table = checked_scores(scores)
    taxa = len(errors.prior)
    if table.shape[1] != taxa:
        raise InputError(f"scores of {table.shape[1]} taxa, but the rates of errors are of {taxa}")
    if not len(table):
        raise InputError("a sample without objects has no shares")
    return table


def classify_and_count(scores: ArrayLike, errors: ErrorRates) -> Float:
    """Share of objects whose best score each taxon is (CC). Nothing is mended.

    Raises
    ------
    InputError
        There are no objects, or the scores are not of the taxa of the rates (all methods).
    """
    table = _sample(scores, errors)
    named = np.bincount(table.argmax(axis=1), minlength=table.shape[1])
    return np.asarray(named / len(table), np.float64)


def probabilistic(scores: ArrayLike, errors: ErrorRates) -> Float:
    """Mean score of each taxon (PCC): right where scores are calibrated at the sample's shares."""
    mean = _sample(scores, errors).mean(axis=0)
    return np.asarray(mean / mean.sum(), np.float64)


def adjusted(scores: ArrayLike, errors: ErrorRates) -> Float:
    """Shares that explain best, through the rates of errors, what was named (ACC)."""
    return on_simplex(errors.rates, classify_and_count(scores, errors))


def probabilistic_adjusted(scores: ArrayLike, errors: ErrorRates) -> Float:
    """Shares that explain best the mean scores (PACC)."""
    return on_simplex(errors.score_rates, probabilistic(scores, errors))


def expectation_maximisation(scores: ArrayLike, errors: ErrorRates) -> Float:
    """Shares under which the scores, turned from the prior of training to them, repeat them (EM).

    Saerens et al. (2002), also called SLD. Scores must be calibrated, and the prior be the one
    that training had in effect.
    """
    return saerens(_sample(scores, errors), errors.prior)


def saerens(
    scores: Float,
    prior: Float,
    *,
    weights: Float | None = None,
    believed: Float | None = None,
    tolerance: float = TOLERANCE,
    most_iterations: int = MOST_ITERATIONS,
) -> Float:
    """Iterate EM on a sample.

    Parameters
    ----------
    scores : array (n, n_taxa)
    prior : array (n_taxa,)
    weights : array (n,), optional
        Of the objects; 1 if absent.
    believed : array (n_taxa,), optional
        Objects' worth of belief in each taxon, before the sample is looked at: a small sample
        then stays near these shares (the mode of a Dirichlet posterior).
    tolerance : float
        It stops when the mean change of a share is below, after more than 10 iterations.
    most_iterations : int

    Returns
    -------
    array (n_taxa,)
    """
    likelihood = scores / np.maximum(prior, _SMALLEST)
    number = np.ones(len(scores)) if weights is None else weights
    more = np.zeros(scores.shape[1]) if believed is None else believed
    shares = prior / prior.sum() if believed is None else believed / believed.sum()
    for iteration in range(most_iterations):
        seen = np.maximum(likelihood @ shares, _SMALLEST**2)
        new = shares * (likelihood.T @ (number / seen)) + more
        new = new / new.sum()
        change = float(np.abs(new - shares).mean())
        shares = new
        if change < tolerance and iteration > LEAST_ITERATIONS:
            break
    return np.asarray(shares, np.float64)


def turned(scores: ArrayLike, prior: ArrayLike, shares: ArrayLike) -> Float:
    """Turn scores from one prior to another: what an object is, where taxa have other shares.

    Parameters
    ----------
    scores : array (n, n_taxa)
    prior, shares : array (n_taxa,)
        Of training, and of where the objects are.

    Returns
    -------
    array (n, n_taxa)
        Rows add up to 1.
    """
    factor = np.asarray(shares, np.float64) / np.maximum(np.asarray(prior, np.float64), _SMALLEST)
    table = np.asarray(scores, np.float64) * factor
    total = table.sum(axis=1, keepdims=True)
    return np.asarray(table / np.where(total > 0, total, 1.0), np.float64)


def on_simplex(rates: ArrayLike, named: ArrayLike) -> Float:
    """Shares p that bring M p closest to q: least squares with p >= 0 and a sum of 1. Exact.

    As p adds up to 1, M p - q = (M - q 1') p =: A p, and the point of the hull of A's columns
    that is nearest to 0 is sought. Without the sum, min |A x|^2 + (1'x - 1)^2 over x >= 0 (NNLS)
    has its minimum at x = t p with that very p: at the best t it is |A p|^2 / (1 + |A p|^2).

    Parameters
    ----------
    rates : array (n_outcomes, n_taxa)
        M.
    named : array (n_outcomes,)
        q.

    Returns
    -------
    array (n_taxa,)

    Examples
    --------
    >>> M = [[0.9, 0.10, 0.02], [0.05, 0.80, 0.03], [0.05, 0.10, 0.95]]
    >>> on_simplex(M, [0.204, 0.111, 0.685]).round(6).tolist()
    [0.2, 0.1, 0.7]
    >>> on_simplex(M, [0.2, 0.1, 0.7]).round(6).tolist()
    [0.196746, 0.085799, 0.717456]
    """
    from scipy.optimize import nnls

    matrix = np.asarray(rates, np.float64) - np.asarray(named, np.float64)[:, None]
    with_sum = np.vstack([matrix, np.ones(matrix.shape[1])])
    target = np.zeros(len(with_sum))
    target[-1] = 1.0
    found, _ = nnls(with_sum, target)
    return np.asarray(found / found.sum(), np.float64)


def binary_share(named: ArrayLike, true_rate: ArrayLike, false_rate: ArrayLike) -> Float:
    """Share of one taxon against all others: (q - FPR) / (TPR - FPR), within 0 and 1.

    Examples
    --------
    >>> round(float(binary_share(0.14, 0.9, 0.05)), 6)
    0.105882
    """
    q, hit, false = (np.asarray(a, np.float64) for a in (named, true_rate, false_rate))
    if not (hit > false).all():
        raise InputError("the rate of true hits must exceed that of false ones")
    return np.asarray(np.clip((q - false) / (hit - false), 0.0, 1.0), np.float64)


def precision_at(share: ArrayLike, true_rate: ArrayLike, false_rate: ArrayLike) -> Float:
    """Share of what is named a taxon that is of it: TPR p / (TPR p + FPR (1 - p)).

    Examples
    --------
    >>> precision_at([0.1, 0.01, 0.001], 0.9, 0.01).round(3).tolist()
    [0.909, 0.476, 0.083]
    """
    p, hit, false = (np.asarray(a, np.float64) for a in (share, true_rate, false_rate))
    right = hit * p
    return np.asarray(right / (right + false * (1 - p)), np.float64)


def corrected_count(kept: ArrayLike, precision: ArrayLike, recall: ArrayLike) -> Float:
    """Objects that there were, of those that a threshold kept: n P / R.

    Parameters
    ----------
    kept : array (..., n_taxa)
        Objects named with a score at or above the threshold of their taxon.
    precision, recall : array (n_taxa,)
        Measured at these thresholds. Where recall is 0 or not known, or precision is not known, the
        count is NaN. Precision holds only at the shares of taxa at which it was measured.

    Examples
    --------
    >>> corrected_count([120, 3], [0.95, 0.9], [0.60, 0.0]).tolist()
    [190.0, nan]
    """
    right, found = np.asarray(precision, np.float64), np.asarray(recall, np.float64)
    for name, share in (("precision", right), ("recall", found)):
        if ((share < 0) | (share > 1)).any():
            raise InputError(f"{name} must lie within 0 and 1")
    factor = np.divide(right, found, out=np.full(right.shape, np.nan), where=found > 0)
    return np.asarray(np.asarray(kept, np.float64) * factor, np.float64)


def kept_count(scores: ArrayLike, thresholds: ArrayLike) -> Int:
    """Count objects by their best scored taxon, those below its threshold left out.

    Parameters
    ----------
    scores : array (n, n_taxa)
    thresholds : array (n_taxa,)
        Least score; NaN where a taxon reaches no wanted precision: none of it is kept.

    Returns
    -------
    array (n_taxa,), int64
    """
    table = checked_scores(scores)
    least = np.asarray(thresholds, np.float64)
    if least.shape != table.shape[1:]:
        raise InputError(f"scores of {table.shape[1]} taxa, but thresholds of shape {least.shape}")
    best = table.argmax(axis=1)
    kept = table[np.arange(len(table)), best] >= least[best]
    return np.bincount(best[kept], minlength=table.shape[1]).astype(np.int64)


def thresholded(
    scores: ArrayLike, thresholds: ArrayLike, precision: ArrayLike, recall: ArrayLike
) -> Float:
    """Objects of each taxon from those above thresholds: `kept_count`, `corrected_count`."""
    return corrected_count(kept_count(scores, thresholds), precision, recall)


Method = Callable[[ArrayLike, ErrorRates], Float]
#: Methods that give shares, by the names under which the literature has them.
METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "CC": classify_and_count,
        "PCC": probabilistic,
        "ACC": adjusted,
        "PACC": probabilistic_adjusted,
        "EM": expectation_maximisation,
    }
)
