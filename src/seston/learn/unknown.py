"""Objects like nothing that a model learned: found by how undecided it is.

Of the measures compared (see docs/evaluation.md), the entropy of the scores found left-out taxa as
well as any distance between features, and it needs nothing but the scores: it works for every
head, and for scores that were written long ago.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seston.learn.held_out import HeldOut
from seston.learn.splits import TEST, TRAIN, VALIDATION
from seston.learn.thresholds import as_stored

Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

FALSE_ALARM: Final = 0.05
LEFT_OUT: Final = 0.2
ROUNDS: Final = 5


def undecidedness(scores: ArrayLike) -> Float64Array:
    """Tell how undecided scores are (n,): their entropy, from 0 (sure) to 1 (all are equal).

    Scores (n, n_taxa) are looked at as datasets keep them (float16).
    """
    table = as_stored(scores).astype(np.float64)
    logs = np.log(table, out=np.zeros_like(table), where=table > 0)
    return np.asarray(-(table * logs).sum(axis=1) / np.log(max(2, table.shape[1])))


def limit(scores: ArrayLike, false_alarm: float = FALSE_ALARM) -> float:
    """Choose the undecidedness above which an object is called unknown.

    Parameters
    ----------
    scores : array (n, n_taxa)
        Calibrated, of the validation part: vignettes of taxa that the model knows.
    false_alarm : float
        Share of such vignettes that may be called unknown wrongly.

    Returns
    -------
    float
        inf where there is no vignette to choose it by.
    """
    found = undecidedness(scores)
    return float(np.quantile(found, 1 - false_alarm, method="higher")) if len(found) else np.inf


def unknown(scores: ArrayLike, above: float) -> BoolArray:
    """Tell which objects are like nothing that the model learned (n,)."""
    return np.asarray(undecidedness(scores) > above)


def facts(held_out: HeldOut, false_alarm: float = FALSE_ALARM) -> dict[str, Any]:
    """Give what a card says of unknowns: the limit, and the false alarms on the test part."""
    chosen_on, tested = held_out.validation, held_out.test
    above = limit(chosen_on.scores, false_alarm)
    if not np.isfinite(above):
        return {}
    alarms = unknown(tested.scores, above)
    return {
        "measure": "entropy",
        "limit": above,
        "false_alarm": false_alarm,
        "false_alarm_tested": float(alarms.mean()) if len(alarms) else None,
    }


@dataclass(frozen=True, slots=True)
class Detection:
    """What a leave-classes-out test found, mean over its rounds.

    Parameters
    ----------
    detected : float
        Share of the vignettes of left-out taxa that are called unknown.
    false_alarm : float
        Share of test vignettes of known taxa that are called unknown.
    area : float
        Chance that a vignette of a left-out taxon is less decided than one of a known taxon.
    rounds : int
    """

    detected: float
    false_alarm: float
    area: float
    rounds: int


Score = Callable[[Int64Array, Int64Array, Int64Array], NDArray[Any]]


def leave_classes_out(
    score: Score,
    labels: ArrayLike,
    parts: ArrayLike,
    *,
    false_alarm: float = FALSE_ALARM,
    share: float = LEFT_OUT,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> Detection:
    """Measure what is found of taxa that a model has never seen.

    In each round a fifth of the taxa is left out; a model of the others is fitted, its limit is
    chosen on validation vignettes of the others, and then all vignettes of the left-out taxa are
    scored.

    Parameters
    ----------
    score : callable
        Given rows to learn from, their taxa counted from 0 without gaps, and rows to score, gives
        their scores (n, n_known). Any measure in place of scores does as well, if it is (n, 1).
    labels, parts : array (n,), integer
        Taxa, and the split.
    false_alarm : float
    share : float
        Of the taxa, to leave out; at least one, at most all but two.
    rounds, seed : int

    References
    ----------
    Hendrycks and Gimpel (2017), A baseline for detecting misclassified and out-of-distribution
    examples, for the area.
    """
    taxa, own = np.unique(np.asarray(labels, np.int64), return_inverse=True)
    part, rng = np.asarray(parts), np.random.default_rng(seed)
    leave = int(np.clip(round(share * len(taxa)), 1, max(1, len(taxa) - 2)))
    found = [
        _round(score, own, part, rng.permutation(len(taxa))[:leave], false_alarm)
        for _ in range(rounds)
    ]
    detected, alarms, area = np.mean(found, axis=0).tolist()
    return Detection(detected, alarms, area, rounds)


def _round(
    score: Score, labels: Int64Array, parts: NDArray[Any], left_out: Int64Array, false_alarm: float
) -> tuple[float, float, float]:
    strange = np.isin(labels, left_out)
    known = np.unique(labels[~strange])
    train, validation, test = (
        np.flatnonzero((parts == part) & ~strange) for part in (TRAIN, VALIDATION, TEST)
    )
    rows = np.concatenate((validation, test, np.flatnonzero(strange)))
    measured = _measure(score(train, np.searchsorted(known, labels[train]), rows))
    chosen_on, familiar, new = np.split(measured, np.cumsum([len(validation), len(test)]))
    above = np.quantile(chosen_on, 1 - false_alarm, method="higher")
    return float((new > above).mean()), float((familiar > above).mean()), _area(new, familiar)


def _measure(given: NDArray[Any]) -> Float64Array:
    return given[:, 0].astype(np.float64) if given.shape[1] == 1 else undecidedness(given)


def _area(higher: Float64Array, lower: Float64Array) -> float:
    """Area under the curve of detection over false alarm, which is the Mann-Whitney U / n m."""
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate((higher, lower)))[: len(higher)]
    n, m = len(higher), len(lower)
    return float((ranks.sum() - n * (n + 1) / 2) / (n * m))
