"""Calibration: scores that mean what they say, so that of a hundred at 0.8 eighty are right.

A calibration is fitted to vignettes that the model did not learn from, and works on the
logarithms of its scores. With one factor for all taxa it never changes which taxon is best.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from seston.errors import ModelError
from seston.learn.judging.held_out import HeldOut

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]

KINDS: Final = ("temperature", "bias", "vector")
FLOOR: Final = 1e-12
"""Scores of 0 (a forest gives such) count as this, as they do in the log-loss."""

SPREAD: Final = 1.0
"""Standard deviation that is expected of the logarithms of factors: few vignettes, or ones that
are all named rightly, do not make a model infinitely sure."""

BIAS_SPREAD: Final = 3.0
FOLDS: Final = 5
ROWS_PER_NUMBER: Final = 10
"""A kind with more numbers than a tenth of the vignettes is not tried; a temperature always is."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is done to scores: softmax of ``factor * log(score) + bias``.

    Parameters
    ----------
    kind : str
        ``none``; ``temperature``: one factor, no bias (Guo et al. 2017); ``bias``: one factor and
        a bias for each taxon (BCTS of Alexandari et al. 2020); ``vector``: a factor and a bias
        for each taxon (vector scaling of Guo et al.; on logarithms of scores it is the
        diagonal case of Kull et al. 2019).
    factor : array (1,) or (n_taxa,), float64
        For one factor, 1 / temperature.
    bias : array (1,) or (n_taxa,), float64

    References
    ----------
    Guo et al. (2017), On calibration of modern neural networks.
    Kull et al. (2019), Beyond temperature scaling.
    Alexandari et al. (2020), Maximum likelihood with bias-corrected calibration is hard to beat at
    label shift adaptation.
    """

    kind: str
    factor: Float64Array
    bias: Float64Array

    @property
    def temperature(self) -> float | None:
        """More than 1 where the model was too sure; None where each taxon has its own factor."""
        return float(1 / self.factor[0]) if len(self.factor) == 1 else None

    def apply(self, scores: ArrayLike) -> Float32Array:
        """Calibrate scores (n, n_taxa): each row adds up to 1, as before."""
        given = np.asarray(scores)
        if self.kind == "none" or not given.size:
            return given.astype(np.float32, copy=False)
        out = _softmax(self.factor * _logs(given) + self.bias).astype(np.float32)
        return _same_best(given, out) if self.kind == "temperature" else out

    def facts(self) -> dict[str, Any]:
        """Give the calibration as a card holds it."""
        return {"kind": self.kind, "factor": self.factor.tolist(), "bias": self.bias.tolist()}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any], n_taxa: int) -> Self:
        """Make the calibration from what `facts` gave; a card without one has kind ``none``.

        Raises
        ------
        ModelError
            It is none that we know, or does not fit the taxa.
        """
        if not facts:
            return cls(*_nothing())
        try:
            factor, bias = (np.asarray(facts[k], np.float64) for k in ("factor", "bias"))
            fits = all(a.ndim == 1 and len(a) in {1, n_taxa} for a in (factor, bias))
            sound = fits and bool((factor > 0).all() and np.isfinite([*factor, *bias]).all())
        except (KeyError, TypeError, ValueError):
            sound = False
        if not sound or facts.get("kind") not in {"none", *KINDS}:
            raise ModelError("the calibration of the card is damaged", cure="Train it again.")
        return cls(str(facts["kind"]), factor, bias)


def calibrated(scores: Float32Array, facts: Mapping[str, Any]) -> Float32Array:
    """Calibrate scores as the card of a model says (its ``calibration``)."""
    return Calibration.from_facts(facts, scores.shape[1]).apply(scores)


def fit(
    scores: ArrayLike, truth: ArrayLike, groups: ArrayLike | None = None, *, seed: int = 0
) -> Calibration:
    """Fit the kind of calibration that does best on vignettes it was not fitted to.

    Kinds are compared by the log-loss in five folds, which do not part a group, also with no
    calibration at all, from the simplest on: the next is taken where the mean gain of vignettes
    that it was not fitted to is more than its standard error. A temperature from a few vignettes
    could make scores worse. A kind with more numbers than a tenth of the vignettes is not tried.

    Parameters
    ----------
    scores : array (n, n_taxa)
        Of the validation part, before any calibration.
    truth : array (n,), integer
    groups : array (n,), integer, optional
        Sample or frame of each; by default each row is its own.
    seed : int
        Of the folds.

    Returns
    -------
    Calibration
    """
    logs, labels = _logs(np.asarray(scores)), np.asarray(truth, np.int64)
    if not len(labels):
        return Calibration(*_nothing())
    most = max(1, len(labels) // ROWS_PER_NUMBER)
    kinds = ["none", *(k for k in KINDS if _n_numbers(k, logs.shape[1]) <= most)]
    folds = _folds(np.arange(len(labels)) if groups is None else np.asarray(groups), seed)
    losses = [_cross_validated(kind, logs, labels, folds) for kind in kinds]
    best = 0
    for i in range(1, len(kinds)):
        gain = losses[best] - losses[i]
        best = i if gain.mean() > gain.std() / np.sqrt(len(gain)) else best
    return fit_kind(kinds[best], scores, truth)


def calibrate(held_out: HeldOut, seed: int = 0) -> tuple[Calibration, HeldOut]:
    """Fit a calibration to the validation part of a record, and calibrate the whole record."""
    chosen_on = held_out.validation
    found = fit(chosen_on.scores, chosen_on.labels, chosen_on.groups, seed=seed)
    return found, replace(held_out, scores=found.apply(held_out.scores))


def fit_kind(kind: str, scores: ArrayLike, truth: ArrayLike) -> Calibration:
    """Fit one kind of calibration, by the log-loss and a weak prior on its numbers."""
    logs, labels = _logs(np.asarray(scores)), np.asarray(truth, np.int64)
    return _fit(kind, logs, labels)


def prior(calibration: Calibration, held_out: HeldOut) -> list[float] | None:
    """Tell which shares of the taxa calibrated scores suppose, where the calibration set them.

    A bias moves the scores to the shares of the vignettes that it was fitted to, which then
    replace those that the head was fitted with: the mean calibrated score is their estimate
    (Alexandari et al. 2020, section 3). A temperature leaves them as they were: None.

    Parameters
    ----------
    calibration : Calibration
    held_out : HeldOut
        With calibrated scores, as `calibrate` gives it.
    """
    if len(calibration.bias) == 1:
        return None
    shares = held_out.validation.scores.mean(axis=0, dtype=np.float64)
    return [float(share) for share in shares / shares.sum()]


def _nothing() -> tuple[str, Float64Array, Float64Array]:
    return "none", np.ones(1), np.zeros(1)


def _n_numbers(kind: str, n_taxa: int) -> int:
    return {"temperature": 1, "bias": n_taxa + 1, "vector": 2 * n_taxa}[kind]


def _logs(scores: NDArray[Any]) -> Float64Array:
    return np.asarray(np.log(np.maximum(scores, FLOOR, dtype=np.float64)))


def _softmax(logits: Float64Array) -> Float64Array:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def _same_best(before: NDArray[Any], after: Float32Array) -> Float32Array:
    """Keep the best taxon where rounding made two scores equal."""
    best = before.argmax(axis=1)
    rows = np.flatnonzero(after.argmax(axis=1) != best)
    after[rows, best[rows]] = np.nextafter(after[rows].max(axis=1), np.float32(2))
    return after


def _fit(kind: str, logs: Float64Array, labels: Int64Array) -> Calibration:
    if kind == "none":
        return Calibration(*_nothing())
    n_taxa = logs.shape[1]
    n_factors = n_taxa if kind == "vector" else 1
    n_biases = 0 if kind == "temperature" else n_taxa
    start = np.zeros(n_factors + n_biases)
    found = minimize(_loss, start, (logs, labels, n_factors), method="L-BFGS-B", jac=True)
    bias = found.x[n_factors:] if n_biases else np.zeros(1)
    return Calibration(kind, np.exp(found.x[:n_factors]), bias)


def _loss(
    numbers: Float64Array, logs: Float64Array, labels: Int64Array, n_factors: int
) -> tuple[float, Float64Array]:
    """Mean log-loss with its prior, and its slope, at logarithms of factors, then biases."""
    factor, bias = np.exp(numbers[:n_factors]), numbers[n_factors:]
    shares = _softmax(factor * logs + (bias if len(bias) else 0.0))
    rows, n = np.arange(len(labels)), len(labels)
    spread = np.repeat([SPREAD, BIAS_SPREAD], [n_factors, len(bias)])
    loss = -np.log(np.maximum(shares[rows, labels], FLOOR)).mean()
    excess = shares
    excess[rows, labels] -= 1
    by_factor = (excess * logs).sum(axis=0) * factor / n
    slope = by_factor if n_factors > 1 else by_factor.sum(keepdims=True)
    if len(bias):
        slope = np.concatenate((slope, excess.mean(axis=0)))
    weight = numbers / spread**2 / n
    return float(loss + 0.5 * (weight * numbers).sum()), slope + weight


def _folds(groups: NDArray[Any], seed: int) -> Int64Array:
    """Fold of each row: groups are dealt out at random, the largest first to the emptiest fold."""
    _, own, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(sizes))
    fold_of, filled = np.empty(len(sizes), np.int64), np.zeros(FOLDS)
    for group in order[np.argsort(-sizes[order], kind="stable")].tolist():
        fold_of[group] = filled.argmin()
        filled[fold_of[group]] += sizes[group]
    return np.asarray(fold_of[own])


def _cross_validated(
    kind: str, logs: Float64Array, labels: Int64Array, folds: Int64Array
) -> Float64Array:
    """Log-loss of each row (n,), by what was fitted to the other folds."""
    losses = np.zeros(len(labels))
    for fold in np.unique(folds).tolist():
        out = folds == fold
        if out.all():
            break  # one group alone cannot be parted, and shows no gain
        scores = _fit(kind, logs[~out], labels[~out]).apply(np.exp(logs[out]))
        own = scores[np.arange(len(scores)), labels[out]]
        losses[out] = -np.log(np.maximum(own, FLOOR))
    return losses
