"""Objects like nothing that a model learned: those far from it, and those it is undecided about.

Scores tell what lies between known taxa: their entropy is high. They do not tell what lies far from
all of them, where a classifier is sure and wrong: that the distance of the features tells
(`seston.learn.judging.familiar`). Each may raise half of the false alarms that are allowed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seston.learn.judging import familiar
from seston.learn.judging.held_out import HeldOut
from seston.learn.judging.thresholds import as_stored
from seston.learn.sets.splits import TEST, TRAIN, VALIDATION

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
    """Tell which objects are like nothing that the model learned (n,).

    Those are the ones whose scores are less decided than the limit, and those that a wary model
    gave no scores, because they lie too far.
    """
    far = np.asarray(scores).sum(axis=1) == 0
    return np.asarray((undecidedness(scores) > above) | far)


def half(false_alarm: float) -> float:
    """Give each of the two measures its share of the false alarms."""
    return false_alarm / 2


def alarms(held_out: HeldOut, false_alarm: float = FALSE_ALARM) -> BoolArray:
    """Tell which objects held out (n,) are called unknown, as those of a campaign would be.

    All of them are of known taxa: each is a false alarm. The distance counts where the record
    has it.
    """
    usual = held_out.validation
    found = unknown(held_out.scores, limit(usual.scores, half(false_alarm)))
    if held_out.distance is None or usual.distance is None:
        return found
    farthest = familiar.limit(familiar.usual_distances(usual.distance), half(false_alarm))
    return np.asarray(found | (held_out.distance > farthest))


def facts(held_out: HeldOut, false_alarm: float = FALSE_ALARM) -> dict[str, Any]:
    """Give what a card says of unknowns: the limit of the entropy, and the false alarms."""
    above = limit(held_out.validation.scores, half(false_alarm))
    if not np.isfinite(above):
        return {}
    tested = alarms(held_out, false_alarm)[held_out.parts == TEST]
    return {
        "limit": above,
        "distance": held_out.distance is not None,
        "false_alarm": false_alarm,
        "false_alarm_tested": float(tested.mean()) if len(tested) else None,
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


Measure = Callable[[Int64Array, Int64Array, Int64Array], NDArray[Any]]


def leave_classes_out(
    measure: Measure,
    labels: ArrayLike,
    parts: ArrayLike,
    *,
    false_alarm: float = FALSE_ALARM,
    share: float = LEFT_OUT,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> Detection:
    """Measure what is found of taxa that a model has never seen.

    In each round a fifth of the taxa is left out; a model of the others is fitted, limits are
    chosen on validation vignettes of the others, and then all vignettes of the left-out taxa are
    looked at.

    Parameters
    ----------
    measure : callable
        Given rows to learn from, their taxa counted from 0 without gaps, and rows to look at,
        gives measures (n, m) that are larger where a row is stranger. A row is called unknown
        where any of them is above its limit, and each may raise its share of the false alarms.
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
        _round(measure, own, part, rng.permutation(len(taxa))[:leave], false_alarm)
        for _ in range(rounds)
    ]
    detected, alarms, area = np.mean(found, axis=0).tolist()
    return Detection(detected, alarms, area, rounds)


def _round(
    measure: Measure,
    labels: Int64Array,
    parts: NDArray[Any],
    left_out: Int64Array,
    false_alarm: float,
) -> tuple[float, float, float]:
    strange = np.isin(labels, left_out)
    known = np.unique(labels[~strange])
    train, validation, test = (
        np.flatnonzero((parts == part) & ~strange) for part in (TRAIN, VALIDATION, TEST)
    )
    rows = np.concatenate((validation, test, np.flatnonzero(strange)))
    found = measure(train, np.searchsorted(known, labels[train]), rows).astype(np.float64)
    scaled = _against_limits(found, found[: len(validation)], false_alarm)
    _, familiar, new = np.split(scaled, np.cumsum([len(validation), len(test)]))
    return float((new > 1).mean()), float((familiar > 1).mean()), _area(new, familiar)


def _against_limits(found: Float64Array, usual: Float64Array, false_alarm: float) -> Float64Array:
    """Give the largest of the measures of each row, each as 0 at its median and 1 at its limit."""
    quantile = 1 - false_alarm / found.shape[1]
    middle = np.median(usual, axis=0)
    above = np.quantile(usual, quantile, axis=0, method="higher") - middle
    return np.asarray(((found - middle) / np.maximum(above, 1e-12)).max(axis=1))


def _area(higher: Float64Array, lower: Float64Array) -> float:
    """Area under the curve of detection over false alarm, which is the Mann-Whitney U / n m."""
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate((higher, lower)))[: len(higher)]
    n, m = len(higher), len(lower)
    return float((ranks.sum() - n * (n + 1) / 2) / (n * m))
