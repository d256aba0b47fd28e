"""Numbers in bins, mended for the classifier's errors, with limits that hold both errors.

Bins are many and their objects few, so all works on sums: objects of each bin by the taxon that
they were named. Nothing here looks at an object of the campaign.

How sure a number is follows from draws. One draw takes other rates of errors, as the held-out
objects leave them open, and another mean of each named count, as the count leaves it open, and
solves the linear equations between the two. The limits are quantiles of the draws, cut off at 0 and
at the bin's total *after* they are taken. To constrain each draw instead (or to bootstrap an
estimate that is constrained) piles draws up at 0 and makes the interval of a rare taxon too short:
unconstrained draws spread about the truth on both sides, however near to the border it lies.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seston.errors import InputError
from seston.learn.counting.quantify import on_simplex

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Int = NDArray[np.int64]

#: Draws: the level of a limit of 2.5 % is then told to half a percent.
DRAWS = 1000
#: Objects' worth of belief, for each taxon, that any taxon is named as often as any other.
PRIOR_OBJECTS = 2.0
#: Of a Poisson mean (Jeffreys): an empty bin was empty by chance, too.
PRIOR_COUNT = 0.5
#: A taxon that fewer groups hold is drawn by its objects: so few groups cannot tell their spread.
LEAST_GROUPS = 5
_CELLS_AT_ONCE = 8_000_000


@dataclass(frozen=True, eq=False)
class Estimate:
    """Numbers by bin and taxon, with limits.

    Parameters
    ----------
    value, lower, upper : array (n_bins, n_taxa), float64
    """

    value: Float
    lower: Float
    upper: Float

    @classmethod
    def around(cls, value: Float, limits: tuple[Float, Float]) -> Estimate:
        """Put limits around a value, which is in them."""
        return cls(value, np.minimum(limits[0], value), np.maximum(limits[1], value))

    def __add__(self, other: Estimate) -> Estimate:
        """Add numbers that err apart: each limit lies as far off as both errors together reach.

        Zou, G. Y., Donner, A. (2008). Construction of confidence limits about effect measures: a
        general approach. Statist. Med. 27, 1693-1702 (MOVER).
        """
        value = self.value + other.value
        below = np.hypot(self.value - self.lower, other.value - other.lower)
        above = np.hypot(self.upper - self.value, other.upper - other.value)
        return Estimate(value, np.maximum(value - below, 0.0), value + above)


def rate_draws(
    responses: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Float32:
    """Draw rates of errors that the held-out objects allow.

    The Bayesian bootstrap: each group of objects gets a weight from an exponential distribution,
    and so does each of `PRIOR_OBJECTS`, spread over all names. Where each object is its own group
    and responses are names, columns are Dirichlet draws with the confusion counts.

    Parameters
    ----------
    responses : array (n, n_taxa)
        Scores of held-out objects, or 1 for the taxon that each was named and 0 for others.
    labels : array (n,), integer
        Their true taxa.
    groups : array (n,), integer, optional
        Samples or frames that objects come from: those of one err together.
    draws, seed : int

    Returns
    -------
    array (draws, n_taxa, n_taxa), float32
        As `ErrorRates.rates`: columns, of a true taxon each, add up to 1. A taxon without
        held-out objects is always named rightly, as there: any other guess at what hides it would
        make the numbers of all other taxa as uncertain.

    References
    ----------
    Rubin, D. B. (1981). The Bayesian bootstrap. Ann. Statist. 9, 130-134.
    """
    table, truth = np.asarray(responses, np.float64), np.asarray(labels, np.int64)
    group = np.arange(len(truth)) if groups is None else np.asarray(groups, np.int64)
    if table.ndim != 2 or not truth.shape == group.shape == table.shape[:1]:
        raise InputError("responses, labels and groups must have one row an object")
    taxa = table.shape[1]
    rng = np.random.default_rng(seed)
    rates = np.empty((draws, taxa, taxa), np.float32)
    shared = rng.standard_exponential((draws, int(group.max(initial=-1)) + 1), np.float32)
    for taxon in range(taxa):
        rows = np.flatnonzero(truth == taxon)
        if not len(rows):
            rates[:, :, taxon] = np.eye(taxa)[taxon]
            continue
        sums = rng.standard_gamma(PRIOR_OBJECTS / taxa, (draws, taxa))
        if len(np.unique(group[rows])) >= LEAST_GROUPS:
            sums += shared[:, group[rows]] @ table[rows]
        else:
            sums += rng.standard_exponential((draws, len(rows))) @ table[rows]
        rates[:, :, taxon] = sums / sums.sum(axis=1, keepdims=True)
    return rates


def named(scores: ArrayLike) -> Float:
    """Give 1 for the best scored taxon of each object and 0 for others, (n, n_taxa)."""
    table = np.asarray(scores)
    out = np.zeros(table.shape)
    out[np.arange(len(table)), table.argmax(axis=1)] = 1.0
    return out


def adjusted_counts(counts: ArrayLike, rates: ArrayLike) -> Float:
    """Mend the numbers of each bin: the shares that explain best what was named, times the total.

    Parameters
    ----------
    counts : array (n_bins, n_taxa)
        Objects (or individuals) by the taxon that they were named.
    rates : array (n_taxa, n_taxa)
        `ErrorRates.rates`.

    Returns
    -------
    array (n_bins, n_taxa)
        None below 0; each row has the sum that it had, an empty one stays empty.
    """
    table, matrix = np.asarray(counts, np.float64), np.asarray(rates, np.float64)
    total = table.sum(axis=1)
    out = np.zeros_like(table)
    for row in np.flatnonzero(total > 0):
        out[row] = total[row] * on_simplex(matrix, table[row] / total[row])
    return out


def adjusted_limits(
    counts: ArrayLike,
    squares: ArrayLike,
    rates: ArrayLike,
    largest: ArrayLike = 1.0,
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[Float, Float]:
    """Give limits of the mean numbers of each bin.

    Parameters
    ----------
    counts, squares : array (n_bins, n_taxa)
        Sums over the objects named each taxon of their factors (1, or individuals for each one
        imaged), and of their squares: as `ecology.subsampled_interval`. Squares may hold more,
        where objects come in patches (`patchy_squares`).
    rates : array (draws, n_taxa, n_taxa)
        From `rate_draws`.
    largest : array (n_bins,)
        The largest factor of each bin's water: what half an object more would stand for.
    confidence : float
    seed : int

    Returns
    -------
    tuple of arrays (n_bins, n_taxa)
        Lower and upper limit, none below 0 or above what the bin holds in all.
    """
    first, second = np.asarray(counts, np.float64), np.asarray(squares, np.float64)
    inverse = np.linalg.inv(np.asarray(rates, np.float64)).astype(np.float32)
    draws, taxa = inverse.shape[:2]
    if first.ndim != 2 or first.shape != second.shape or first.shape[1] != taxa:
        raise InputError(f"counts and squares must be (bins, {taxa})")
    most_factor = np.broadcast_to(np.asarray(largest, np.float64), (len(first),))
    lower, upper = np.zeros_like(first), np.zeros_like(first)
    for rows in _parts(len(first), max(1, _CELLS_AT_ONCE // (draws * taxa))):
        mean = _mean_draws(first[rows], second[rows], most_factor[rows], draws, seed)
        true = np.matmul(inverse, mean)
        low, high = _quantiles(true, confidence)
        most = _quantiles(mean.sum(axis=1, keepdims=True), confidence)[1]
        lower[rows], upper[rows] = np.clip(low, 0, most), np.clip(high, 0, most)
    return lower, upper


def _parts(total: int, step: int) -> Iterator[slice]:
    return (slice(start, min(start + step, total)) for start in range(0, total, step))


def _mean_draws(first: Float, second: Float, largest: Float, draws: int, seed: int) -> Float32:
    """Draw means that the counts allow: (draws, n_taxa, n_bins).

    A sum of factors is a scaled Poisson count (`ecology.subsampled_interval`), with half an object
    more than was counted. Bins of equal counts share their draws: limits are told bin by bin, so
    nothing is lost, and most counts are small numbers that come again and again.
    """
    one = first + PRIOR_COUNT * largest[:, None]
    two = second + PRIOR_COUNT * largest[:, None] ** 2
    scale, shape = (two / one).astype(np.float32), np.round(one**2 / two, 6)
    out = np.empty((draws, first.shape[1], len(first)), np.float32)
    for taxon in range(first.shape[1]):
        values, place = np.unique(shape[:, taxon], return_inverse=True)
        seeds = [(seed, taxon, round(v * 1e6)) for v in values.tolist()]
        gamma = [
            np.random.default_rng(s).standard_gamma(v, draws)
            for s, v in zip(seeds, values.tolist(), strict=True)
        ]
        out[:, taxon] = np.array(gamma, np.float32)[place].T * scale[:, taxon]
    return out


def _quantiles(draws: Float32, confidence: float) -> tuple[Float, Float]:
    """Lower and upper quantile over the first axis; (n_taxa, n_bins) turned to (n_bins, n_taxa)."""
    n = len(draws)
    tail = round((1 - confidence) / 2 * n)
    low, high = max(0, tail - 1), min(n - 1, n - tail)
    ordered = np.partition(draws, (low, high), axis=0)
    return np.asarray(ordered[low].T, np.float64), np.asarray(ordered[high].T, np.float64)


def patchy_squares(
    counts: ArrayLike, squares: ArrayLike, frame_squares: ArrayLike, frames: ArrayLike
) -> Float:
    """Widen counting errors where objects come in patches: of frames, not of single objects.

    The variance of a bin's count is told by its frames, F / (F - 1) sum_f (n_f - n / F)^2. Of one
    bin it is poorly known; its ratio to Poisson's is taken over all bins of a taxon, and never
    below 1.

    Parameters
    ----------
    counts, squares : array (n_bins, n_taxa)
        As for `adjusted_limits`.
    frame_squares : array (n_bins, n_taxa)
        Sum over the bin's frames of the square of each frame's count.
    frames : array (n_bins,)
        Frames in each bin.

    Returns
    -------
    array (n_bins, n_taxa)
        The squares times the ratio of their taxon.
    """
    first, second = np.asarray(counts, np.float64), np.asarray(squares, np.float64)
    number = np.asarray(frames, np.float64)[:, None]
    many = number > 1
    of_frames = np.asarray(frame_squares, np.float64) - first**2 / np.maximum(number, 1)
    variance = np.where(many, of_frames * number / np.maximum(number - 1, 1), 0.0).sum(axis=0)
    poisson = np.where(many, second, 0.0).sum(axis=0)
    ratio = np.divide(variance, poisson, out=np.ones_like(poisson), where=poisson > 0)
    return np.asarray(second * np.maximum(ratio, 1.0), np.float64)
