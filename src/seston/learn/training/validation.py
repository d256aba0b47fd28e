"""How good a network is on rows that it does not learn from: by this the best epoch is chosen."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from seston.learn.judging.calibration import SPREAD

STEEPEST = 5.0
"""Logarithm of the most that logits are stretched or shrunk by."""


class Verdict(NamedTuple):
    """What rows tell of a network; NaN where there are none.

    Attributes
    ----------
    loss : float
        Weighted cross-entropy, nats.
    calibrated_loss : float
        The same at the temperature that suits these rows best, by the prior of
        `seston.learn.judging.calibration`: rows that are all named rightly ask for no infinite one.
    accuracy, balanced_accuracy : float
        Share of rows named rightly, of all, and in the mean of the taxa that are there.
    """

    loss: float = np.nan
    calibrated_loss: float = np.nan
    accuracy: float = np.nan
    balanced_accuracy: float = np.nan


def judge(
    logits: NDArray[np.float32], truth: NDArray[np.int64], taxon_weights: NDArray[np.floating[Any]]
) -> Verdict:
    """Judge a network by the logits that it gives.

    A network that goes on learning becomes surer than it is right: its loss on new rows rises
    while it still names more of them rightly. How sure it is gets mended when it is calibrated
    afterwards, so it is judged by the loss that it then has.

    Parameters
    ----------
    logits : array (n, n_taxa), float32
    truth : array (n,), int64
    taxon_weights : array (n_taxa,)
        How much a row of each taxon counts.

    References
    ----------
    Guo et al. (2017), On calibration of modern neural networks, sections 3 and 4.2.

    Examples
    --------
    Half of what it is so sure of is wrong: of no use as it stands, and as good as a guess.

    >>> sure, truth = np.tile(np.float32([9, 0]), (200, 1)), np.arange(200) % 2
    >>> found = judge(sure, truth, np.ones(2))
    >>> f"{found.loss:.1f} {found.calibrated_loss:.1f} {found.accuracy}"
    '4.5 0.7 0.5'
    """
    if not len(truth):
        return Verdict()
    right = logits.argmax(axis=1) == truth
    n = np.bincount(truth)
    recall = np.bincount(truth, right)[n > 0] / n[n > 0]
    rows, weights = np.arange(len(truth)), taxon_weights[truth]

    def loss(log_factor: float) -> float:
        logs = log_softmax(logits * np.float32(np.exp(log_factor)), axis=1)
        return float(-(weights * logs[rows, truth]).mean())

    def unlikely(log_factor: float) -> float:
        return loss(log_factor) + 0.5 * (log_factor / SPREAD) ** 2 / len(truth)

    best = minimize_scalar(unlikely, bounds=(-STEEPEST, STEEPEST), method="bounded")
    return Verdict(loss(0.0), loss(best.x), float(right.mean()), float(recall.mean()))
