"""How well one series tells another: an estimate of a taxon's numbers against its true ones."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seston.errors import InputError

Float = NDArray[np.float64]

#: An amplitude reaches from this quantile of a series to the one as far from its other end.
TAIL = 0.05


@dataclass(frozen=True, slots=True)
class SeriesErrors:
    """What is wrong with an estimated series.

    Parameters
    ----------
    bias : float
        Mean of the estimate over that of the truth, less 1: 0.2 is a fifth too much.
    rmse_log1p : float
        Root mean square of ln(1 + estimate) - ln(1 + truth).
    pearson, spearman : float
        Correlation of values, and of ranks.
    amplitude_ratio : float
        Of ln(1 + x), the estimate's range from its 5 % to its 95 % quantile over the truth's.
    peak_shift : float
        Time of the estimate's highest value less that of the truth's.
    """

    bias: float
    rmse_log1p: float
    pearson: float
    spearman: float
    amplitude_ratio: float
    peak_shift: float

    @property
    def facts(self) -> dict[str, float]:
        """All of them, by name."""
        return {f.name: float(getattr(self, f.name)) for f in fields(self)}


def series_errors(
    truth: ArrayLike, estimate: ArrayLike, time: ArrayLike | None = None
) -> SeriesErrors:
    """Compare an estimated series with the true one.

    Parameters
    ----------
    truth, estimate : array (n,)
        Numbers (of a sample, or per volume of water), none below 0. Where either is NaN, the time
        is left out.
    time : array (n,), optional
        In the unit in which the peak's shift is wanted; 0, 1, 2 ... if absent.

    Returns
    -------
    SeriesErrors
        NaN where the truth does not vary or is all 0.

    Raises
    ------
    InputError
        Shapes differ, a number is negative, or fewer than two times remain.

    Examples
    --------
    >>> found = series_errors([1, 10, 100, 10], [2, 20, 50, 200])
    >>> round(found.bias, 3), found.peak_shift
    (1.248, 1.0)
    """
    true, seen, when = _aligned(truth, estimate, time)
    logs = np.log1p(true), np.log1p(seen)
    return SeriesErrors(
        bias=_ratio(seen.mean(), true.mean()) - 1,
        rmse_log1p=float(np.sqrt(np.mean((logs[1] - logs[0]) ** 2))),
        pearson=_correlation(true, seen),
        spearman=_correlation(_ranks(true), _ranks(seen)),
        amplitude_ratio=_ratio(_amplitude(logs[1]), _amplitude(logs[0])),
        peak_shift=float(when[seen.argmax()] - when[true.argmax()]),
    )


def bray_curtis(truth: ArrayLike, estimate: ArrayLike) -> Float:
    """Dissimilarity of compositions: sum |p - q| / sum (p + q), 0 the same, 1 nothing in common.

    Parameters
    ----------
    truth, estimate : array (..., n_taxa)
        Numbers or shares, none below 0.

    Returns
    -------
    array (...)
        NaN where both are empty.

    References
    ----------
    Bray, J. R., Curtis, J. T. (1957). Ecol. Monogr. 27, 325-349.

    Examples
    --------
    >>> bray_curtis([[6, 4], [1, 0]], [[4, 6], [0, 1]]).tolist()
    [0.2, 1.0]
    """
    p, q = (_none_negative(values) for values in (truth, estimate))
    apart, both = np.abs(p - q).sum(axis=-1), (p + q).sum(axis=-1)
    out = np.full(np.shape(both), np.nan)
    return np.asarray(np.divide(apart, both, out=out, where=both > 0), np.float64)


def _aligned(
    truth: ArrayLike, estimate: ArrayLike, time: ArrayLike | None
) -> tuple[Float, Float, Float]:
    true, seen = _none_negative(truth), _none_negative(estimate)
    when = np.arange(len(true), dtype=np.float64) if time is None else np.asarray(time, np.float64)
    if true.ndim != 1 or not true.shape == seen.shape == when.shape:
        raise InputError("truth, estimate and time of a series must be as long as each other")
    known = np.isfinite(true) & np.isfinite(seen)
    if known.sum() < 2:
        raise InputError("a series needs two times or more at which both numbers are known")
    return true[known], seen[known], when[known]


def _none_negative(values: ArrayLike) -> Float:
    found = np.asarray(values, np.float64)
    if (found < 0).any():
        raise InputError("numbers of organisms must not be negative")
    return found


def _amplitude(values: Float) -> float:
    low, high = np.quantile(values, [TAIL, 1 - TAIL])
    return float(high - low)


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")


def _ranks(values: Float) -> Float:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values), np.float64)


def _correlation(first: Float, second: Float) -> float:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])
