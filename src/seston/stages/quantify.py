"""Quantify: mend the numbers of the profiles for the errors of the classifier.

Only what a model named is mended. What a person named, or a source without a model, is known, and
is added as it was counted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

import numpy as np
import zarr
from distributed import Client
from numpy.typing import NDArray

from seston import cluster
from seston.campaign import Campaign
from seston.ecology import Adjusted, Bins, Tally, largest_factor, subsampled_interval
from seston.learn import abundance, quantify
from seston.learn.abundance import Estimate
from seston.learn.card import Card, load_card
from seston.learn.held_out import HELD_OUT, HeldOut, load_held_out
from seston.learn.thresholds import by_precision, measure
from seston.progress import progress
from seston.stages.cells import Cells
from seston.store import open_group, read_column
from seston.store.arrays import ROWS_PER_SHARD
from seston.store.objects import length

log = logging.getLogger(__name__)

Float = NDArray[np.float64]
Int = NDArray[np.int64]
T = TypeVar("T")
#: Slots, factors and scores of some objects.
Looked = tuple[Int, Float, NDArray[np.float16]]

#: Objects of a profile that EM looks at: evenly taken, where there are more.
MOST_OBJECTS = 20_000
#: Objects' worth of belief that a bin holds what its profile does.
OBJECTS_OF_PROFILE = 30.0
_ROWS_AT_ONCE = 1 << 15


@dataclass(frozen=True, eq=False)
class Named:
    """Sums over the objects that the model named, by slot of `Bins` and taxon of the model.

    Parameters
    ----------
    first, second, of_frames : array (slot, taxon), float64
        Of the objects' subsample factors, of their squares, and of the squares of their sums over
        each frame.
    """

    first: Float
    second: Float
    of_frames: Float

    def __add__(self, other: Named) -> Named:
        return Named(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True, eq=False)
class Source:
    """The objects of a campaign, and the bins that they lie in."""

    objects: Path
    pieces: Cells
    bins: Bins
    taxa: int

    def rows(self, start: int, stop: int) -> tuple[Int, Int, Int, Int, Float]:
        """Give row, slot, frame, named taxon and factor of what the model named in a range."""
        group, rows = open_group(self.objects), slice(start, stop)
        frame = read_column(group, "frame", rows).astype(np.int64)
        cell = self.pieces.of_objects(frame, read_column(group, "top", rows))
        taxon = read_column(group, "predicted_taxon", rows).astype(np.int64)
        own = (read_column(group, "validated_taxon", rows) < 0) & _by_model(group, rows, taxon)
        factor = read_column(group, "frame_subsample_factor")[frame]
        columns = (np.arange(start, stop), self.bins.slot[cell], frame, taxon)
        row, slot, frame, taxon = (column[own].astype(np.int64) for column in columns)
        return row, slot, frame, taxon, np.asarray(factor[own], np.float64)

    def scores(self, row: Int) -> Iterator[tuple[slice, Float]]:
        """Give the scores of rows in their order, in parts."""
        group = open_group(self.objects)
        for start in range(0, len(row), _ROWS_AT_ONCE):
            part = slice(start, min(start + _ROWS_AT_ONCE, len(row)))
            span = slice(int(row[part][0]), int(row[part][-1]) + 1)
            table = read_column(group, "scores", span)[row[part] - span.start, : self.taxa]
            yield part, table.astype(np.float64)


def _by_model(group: zarr.Group, rows: slice, taxon: Int) -> NDArray[np.bool_]:
    """Say which names are the model's: all, but of objects that it could not look at."""
    if "source_label" not in group:
        return taxon >= 0
    scored = np.asarray(read_column(group, "scores", rows).max(axis=1, initial=0) > 0)
    return scored & (taxon >= 0)


def adjust(
    campaign: Campaign, client: Client, source: tuple[Cells, Bins], sums: Tally
) -> tuple[Adjusted | None, dict[str, str]]:
    """Mend the numbers of all bins.

    Parameters
    ----------
    campaign : Campaign
    client : Client
    source : tuple of Cells and Bins
        The campaign's water.
    sums : Tally
        Of all objects, the model's taxa first.

    Returns
    -------
    tuple of Adjusted or None, and dict
        None where the classifier's errors are not known; and what the dataset says of it.

    Raises
    ------
    ModelError
        The model or its record is damaged.
    """
    settings = campaign.config.classification
    if settings is None or settings.quantification == "none":
        return None, {"quantification": "none"}
    known = _record(campaign, settings.model)
    if known is None:
        return None, {"quantification": "none: the model's errors are not known"}
    card, held_out = known
    objects = Source(campaign.objects, *source, len(card.taxa))
    named = _named(client, objects)
    mended = _METHODS[settings.quantification](client, objects, named, card, held_out)
    _hide_unknown(campaign.name, mended, card, held_out)
    said = f"{settings.quantification}, from {len(held_out.labels)} held-out objects"
    return _with_known(mended, objects, named, sums), {"quantification": said}


def _record(campaign: Campaign, model: Path) -> tuple[Card, HeldOut] | None:
    card = load_card(model)
    named_by = open_group(campaign.objects).attrs.get("model_sha256")
    if named_by != card.hash:
        why = "the objects were named by another model than the one that is there now"
    elif not (model / HELD_OUT).exists():
        why = "the model has no record of held-out objects"
    else:
        held_out = load_held_out(model, card)
        if len(held_out.labels):
            return card, held_out
        why = "the model held no objects out"
    log.warning("%s: no concentration is adjusted, because %s", campaign.name, why)
    return None


def _hide_unknown(campaign: str, mended: Estimate, card: Card, held_out: HeldOut) -> None:
    """Tell no number of a taxon of which nothing was held out."""
    lost = np.bincount(held_out.labels, minlength=len(card.taxa)) == 0
    if lost.any():
        names = ", ".join(np.array(card.taxa)[lost])
        log.warning("%s: not adjusted, because nothing was held out of: %s", campaign, names)
    for values in (mended.value, mended.lower, mended.upper):
        values[:, lost] = np.nan


# -------------------------------------------------------------------------------------- the methods
def _adjusted(_: Client, objects: Source, named: Named, __: Card, held_out: HeldOut) -> Estimate:
    """Solve each bin by the rates of errors."""
    counts, squares = _counting(objects, named)
    rates = quantify.ErrorRates.fit(_as_stored(held_out), held_out.labels).rates
    value = abundance.adjusted_counts(counts, rates)
    return Estimate.around(value, _limits(counts, squares, held_out))


def _em(client: Client, objects: Source, named: Named, card: Card, held_out: HeldOut) -> Estimate:
    """Turn scores to the shares of each bin, and add them up.

    A bin's shares are found by EM, and held to those of its profile by `OBJECTS_OF_PROFILE`. Limits
    are those of the named counts: they hold the truth whatever stands between them.
    """
    counts, squares = _counting(objects, named)
    prior = quantify.checked_shares(card.training["effective_prior"], objects.taxa)
    shares = _shares(client, objects, named, prior)
    none = np.zeros_like(counts)
    soft = sum(_stream(client, "EM", objects, turned_range, prior, shares), none)
    return Estimate.around(soft, _limits(counts, squares, held_out))


def _as_stored(held_out: HeldOut) -> Float:
    """Scores rounded as datasets keep them: equal best ones are named equally."""
    return held_out.scores.astype(np.float16).astype(np.float64)


def _limits(counts: Float, squares: Float, held_out: HeldOut) -> tuple[Float, Float]:
    """Limits of all bins; those of bins without objects, all the same, are reckoned once."""
    responses = abundance.named(_as_stored(held_out))
    rates = abundance.rate_draws(responses, held_out.labels, held_out.groups)
    some = np.append(np.flatnonzero(counts.any(axis=1)), np.flatnonzero(~counts.any(axis=1))[:1])
    limits = abundance.adjusted_limits(counts[some], squares[some], rates)
    out = tuple(np.repeat(one[-1:], len(counts), axis=0) for one in limits)
    for whole, part in zip(out, limits, strict=True):
        whole[some] = part
    return out[0], out[1]


def _counting(objects: Source, named: Named) -> tuple[Float, Float]:
    """Named counts of the bins, and their squares, wider where frames tell of patches."""
    frame = objects.pieces.frame
    step = int(frame.max(initial=0)) + 1
    slots = np.unique(objects.bins.slot * step + frame) // step
    frames = np.bincount(slots, minlength=len(named.first))
    squares = abundance.patchy_squares(named.first, named.second, named.of_frames, frames)
    return named.first, squares


def _shares(client: Client, objects: Source, named: Named, prior: Float) -> Float:
    """Shares of each slot by EM, (slot, taxon); the prior where there are no objects."""
    profiles, depths = objects.bins.shape
    number = np.divide(named.first**2, named.second, out=0 * named.first, where=named.second > 0)
    number = number.reshape(profiles, -1).sum(axis=1)
    step = np.maximum(1, np.ceil(number / MOST_OBJECTS)).astype(np.int64)
    found: list[list[Looked]] = [[] for _ in range(profiles)]
    for part in _stream(client, "look", objects, looked_range, step):
        for profile, looked in part.items():
            found[profile].append(looked)
    shares = np.tile(prior, (profiles, depths + 1, 1))
    for profile, parts in enumerate(found):
        if parts:
            slot, factor, scores = (np.concatenate(column) for column in zip(*parts, strict=True))
            believed = OBJECTS_OF_PROFILE / float(step[profile])
            _fill_profile(shares[profile], slot % (depths + 1), factor, scores, prior, believed)
    return shares.reshape(-1, objects.taxa)


def _fill_profile(
    shares: Float,
    bins: Int,
    factor: Float,
    scores: NDArray[np.float16],
    prior: Float,
    believed: float,
) -> None:
    """Find the shares (bin, taxon) of a profile, each bin held to the whole by so many objects."""
    table, weights = scores.astype(np.float64), factor / factor.mean()
    shares[:] = whole = quantify.saerens(table, prior, weights=weights)
    for one in np.unique(bins):
        own = bins == one
        held = np.maximum(whole, 1e-12) * believed
        shares[one] = quantify.saerens(table[own], prior, weights=weights[own], believed=held)


def _thresholded(
    client: Client, objects: Source, _: Named, __: Card, held_out: HeldOut
) -> Estimate:
    """Count names that can be trusted, times precision over recall."""
    chosen = held_out.validation if len(held_out.validation.labels) else held_out
    tested = held_out.test if len(held_out.test.labels) else held_out
    least = by_precision(chosen.scores, chosen.labels).threshold
    precision, recall, kept = measure(tested.scores, tested.labels, least)
    support = np.bincount(tested.labels, minlength=objects.taxa)
    none = _nothing(objects)
    counts, squares = _counting(
        objects, sum(_stream(client, "trusted", objects, trusted_range, least), none)
    )
    usable = np.isfinite(least) & (recall > 0)
    value = quantify.corrected_count(counts, precision, np.where(usable, recall, np.nan))
    hits = precision * kept
    limits = abundance.threshold_limits(counts, squares, hits, kept - hits, support - hits)
    return Estimate.around(value, limits)


_METHODS: dict[str, Callable[[Client, Source, Named, Card, HeldOut], Estimate]] = {
    "adjusted": _adjusted,
    "em": _em,
    "thresholded": _thresholded,
}


# -------------------------------------------------------------------------------- passes of objects
def _stream(
    client: Client, title: str, objects: Source, function: Callable[..., T], *settings: object
) -> Iterator[T]:
    """Call a function on all ranges of objects, in their order."""
    total = length(open_group(objects.objects), "object_id")
    ranges = [(s, min(s + ROWS_PER_SHARD, total)) for s in range(0, total, ROWS_PER_SHARD)]
    tasks = ((objects, start, stop, *settings) for start, stop in ranges)
    with progress(f"quantify: {title}", total, "objects") as shown:
        for (start, stop), part in zip(
            ranges, cluster.stream(client, function, tasks), strict=True
        ):
            shown.advance(stop - start, stop - start)
            yield part


def _nothing(objects: Source) -> Named:
    profiles, depths = objects.bins.shape
    none = np.zeros((profiles * (depths + 1), objects.taxa))
    return Named(none, none, none)


def _named(client: Client, objects: Source) -> Named:
    return sum(_stream(client, "named", objects, named_range), _nothing(objects))


def named_range(objects: Source, start: int, stop: int) -> Named:
    """Sum what the model named in the objects [start, stop)."""
    _, slot, frame, taxon, factor = objects.rows(start, stop)
    return _sums(objects, slot, frame, taxon, factor)


def trusted_range(objects: Source, start: int, stop: int, least: Float) -> Named:
    """Sum what the model named in a range with a score at or above the threshold of its taxon."""
    row, slot, frame, taxon, factor = objects.rows(start, stop)
    best = [scores.max(axis=1) for _, scores in objects.scores(row)]
    kept = np.concatenate([np.empty(0), *best]) >= least[taxon]
    return _sums(objects, slot[kept], frame[kept], taxon[kept], factor[kept])


def _sums(objects: Source, slot: Int, frame: Int, taxon: Int, factor: Float) -> Named:
    profiles, depths = objects.bins.shape
    shape = (profiles * (depths + 1), objects.taxa)
    flat = slot * objects.taxa + taxon
    step = int(frame.max(initial=0)) + 1
    keys, place = np.unique(flat * step + frame, return_inverse=True)
    of_frames = np.bincount(place, factor, len(keys)) ** 2
    size = shape[0] * shape[1]
    sums = (
        np.bincount(flat, factor, size),
        np.bincount(flat, factor**2, size),
        np.bincount(keys // step, of_frames, size),
    )
    return Named(*(np.asarray(values.reshape(shape), np.float64) for values in sums))


def looked_range(objects: Source, start: int, stop: int, step: Int) -> dict[int, Looked]:
    """Take slot, factor and scores of every so-manieth object of each profile in a range."""
    row, slot, _, _, factor = objects.rows(start, stop)
    profile = slot // (objects.bins.shape[1] + 1)
    chosen = row % step[profile] == 0
    row, slot, factor, profile = (column[chosen] for column in (row, slot, factor, profile))
    parts = [part.astype(np.float16) for _, part in objects.scores(row)]
    scores = np.concatenate([np.empty((0, objects.taxa), np.float16), *parts])
    rows = {int(p): profile == p for p in np.unique(profile)}
    return {p: (slot[own], factor[own], scores[own]) for p, own in rows.items()}


def turned_range(objects: Source, start: int, stop: int, prior: Float, shares: Float) -> Float:
    """Sum the scores of a range by slot, turned to the shares of each object's slot."""
    row, slot, _, _, factor = objects.rows(start, stop)
    out = np.zeros_like(shares)
    for part, scores in objects.scores(row):
        turned = quantify.turned(scores, prior, shares[slot[part]])
        np.add.at(out, slot[part], turned * factor[part, None])
    return out


# ----------------------------------------------------------------------------- what is known anyway
def _with_known(mended: Estimate, objects: Source, named: Named, sums: Tally) -> Adjusted:
    """Add what was not named by the model to what was mended."""
    taxa = sums.count.shape[2]
    first, second = _widened(named.first, taxa), _widened(named.second, taxa)
    known = np.maximum(sums.individuals.reshape(first.shape) - first, 0.0)
    squares = np.maximum(sums.squares.reshape(first.shape) - second, 0.0)
    largest = largest_factor(objects.bins, objects.pieces.factor).reshape(-1, 1)
    limits = subsampled_interval(known, squares, largest)
    model = np.arange(taxa) < objects.taxa
    limits = limits[0], np.where(model & (known == 0), 0.0, limits[1])
    own = Estimate(*(_widened(getattr(mended, f.name), taxa) for f in fields(mended)))
    total = own + Estimate(known, *limits)
    shape = (*objects.bins.shape[:1], objects.bins.shape[1] + 1, taxa)
    arrays = (total.value, total.lower, total.upper)
    return Adjusted(*(values.reshape(shape)[:, :-1] for values in arrays))


def _widened(values: Float, taxa: int) -> Float:
    """Add columns of zeros for taxa that the model does not know."""
    return np.pad(values, ((0, 0), (0, taxa - values.shape[1])))
