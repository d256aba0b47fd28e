"""Quantify: mend the numbers of the profiles for the errors of the classifier.

Only what a model looked at is mended. What a person named, or a source without a model, is known,
and is added as it was counted.

That an object is unknown is an outcome of naming like any other. Some objects of known taxa are
called so, as held-out objects tell, and are given back to their taxa; the rest are of taxa that the
model never learned, which have all their objects called so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
from distributed import Client
from numpy.typing import NDArray

from seston.campaign import Campaign
from seston.config import Classification
from seston.ecology import Adjusted, Bins, largest_factor, subsampled_interval
from seston.learn.card import Card, load_card
from seston.learn.counting import abundance, quantify
from seston.learn.counting.abundance import Estimate
from seston.learn.judging.held_out import HELD_OUT, HeldOut, load_held_out
from seston.learn.judging.thresholds import TARGET_PRECISION, by_precision, measure
from seston.learn.judging.unknown import alarms
from seston.stages import named as passes
from seston.stages.cells import Cells
from seston.stages.named import Looked, Named, Source
from seston.stages.naming import naming_of
from seston.store import open_group
from seston.store.objects import read_labels

log = logging.getLogger(__name__)

Float = NDArray[np.float64]
Int = NDArray[np.int64]

#: Objects of a profile that EM looks at: evenly taken, where there are more.
MOST_OBJECTS = 20_000
#: Objects' worth of belief that a bin holds what its profile does.
OBJECTS_OF_PROFILE = 30.0


def adjust(
    campaign: Campaign, client: Client, pieces: Cells, bins: Bins, taxa: int
) -> tuple[Adjusted | None, dict[str, str]]:
    """Mend the numbers of all bins.

    Parameters
    ----------
    campaign : Campaign
    client : Client
    pieces, bins
        The campaign's water.
    taxa : int
        Taxa of the profiles, the model's first; objects without any are of the last.

    Returns
    -------
    tuple of Adjusted or None, and dict
        None where the classifier's errors are not known; and what the dataset says of it.

    Raises
    ------
    ModelError
        The model or its record is damaged.
    """
    settings = campaign.classification
    if settings is None or settings.quantification == "none":
        return None, {"quantification": "none"}
    known = _record(campaign, settings)
    if known is None:
        return None, {"quantification": "none: the model's errors are not known"}
    card, held_out = known
    naming = replace(naming_of(settings, []), threshold=None)
    prior, unknown = _prior(card, held_out), None
    said = f"{settings.quantification}, from {len(held_out.labels)} held-out objects"
    if settings.unknown_false_alarm is not None:
        called = alarms(held_out, settings.unknown_false_alarm)
        held_out = _with_outcome(held_out, called)
        prior, unknown = _of_unknown(prior, held_out)
        said += f", of which {called.sum()} are called unknown"
    objects = Source(campaign.objects, pieces, bins, len(card.taxa), naming, unknown)
    named = passes.sum_named(client, "named", objects, passes.named_range)
    mended = _METHODS[settings.quantification](client, objects, named, prior, held_out)
    _hide_untold(campaign.name, mended, card, held_out)
    return _with_others(client, objects, mended, taxa), {"quantification": said}


def _record(campaign: Campaign, settings: Classification) -> tuple[Card, HeldOut] | None:
    model = settings.model
    card = load_card(model)
    named_by = open_group(campaign.objects).attrs.get("model_sha256")
    if named_by != card.hash:
        why = "the objects were named by another model than the one that is there now"
    elif not (model / HELD_OUT).exists():
        why = "the model has no record of held-out objects"
    else:
        held_out = load_held_out(model, card)
        if not len(held_out.labels):
            why = "the model held no objects out"
        elif settings.unknown_false_alarm is not None and _lacks_distance(card, held_out):
            why = (
                "the model's record does not tell which held-out objects are unknown by their "
                "distance; train it again"
            )
        else:
            return card, held_out
    log.warning("%s: no concentration is adjusted, because %s", campaign.name, why)
    return None


def _lacks_distance(card: Card, held_out: HeldOut) -> bool:
    told = card.metrics.get("unknown") or {}
    return bool(told.get("distance")) and held_out.distance is None


def _prior(card: Card, held_out: HeldOut) -> Float:
    """Shares of the taxa that the scores answer to."""
    told = card.training.get("effective_prior", held_out.scores.mean(axis=0))
    return quantify.checked_shares(told, len(card.taxa))


def _with_outcome(held_out: HeldOut, called: NDArray[np.bool_]) -> HeldOut:
    """Give scores a column more: what is called unknown has all its score there.

    A taxon of which all is called so cannot be told from what the model never learned: its objects
    are left out, as if none had been held out.
    """
    taxa = held_out.scores.shape[1]
    scores = np.pad(held_out.scores, ((0, 0), (0, 1)))
    scores[called] = np.eye(taxa + 1)[taxa]
    told = np.bincount(held_out.labels[~called], minlength=taxa) > 0
    return replace(held_out, scores=scores).rows(told[held_out.labels])


def _of_unknown(prior: Float, held_out: HeldOut) -> tuple[Float, Float]:
    """Give the prior with a taxon more, of average share, and the scores of an unknown object.

    They say nothing but how often each taxon is called unknown: the new one always.
    """
    taxa = len(prior)
    support, called = (
        np.bincount(labels, minlength=taxa)
        for labels in (held_out.labels, held_out.labels[held_out.scores[:, taxa] > 0])
    )
    shares = np.append(prior, 1 / taxa) / (1 + 1 / taxa)
    scores = shares * np.append(called / np.maximum(support, 1), 1.0)
    return shares, scores / scores.sum()


def _hide_untold(campaign: str, mended: Estimate, card: Card, held_out: HeldOut) -> None:
    """Tell no number of a taxon of which nothing was held out."""
    lost = np.bincount(held_out.labels, minlength=len(card.taxa)) == 0  # all of them are known
    if lost.any():
        names = ", ".join(np.array(card.taxa)[lost])
        why = "nothing was held out, or all of it is called unknown, of"
        log.warning("%s: not adjusted, because %s: %s", campaign, why, names)
    for values in (mended.value, mended.lower, mended.upper):
        values[:, : len(lost)][:, lost] = np.nan


# -------------------------------------------------------------------------------------- the methods
def _adjusted(_: Client, objects: Source, named: Named, __: Float, held_out: HeldOut) -> Estimate:
    """Solve each bin by the rates of errors."""
    counts, squares = _counting(objects, named)
    rates = quantify.ErrorRates.fit(_as_stored(held_out), held_out.labels).rates
    value = abundance.adjusted_counts(counts, rates)
    return Estimate.around(value, _limits(objects, counts, squares, held_out))


def _em(client: Client, objects: Source, named: Named, prior: Float, held_out: HeldOut) -> Estimate:
    """Turn scores to the shares of each bin, and add them up.

    A bin's shares are found by EM, and held to those of its profile by `OBJECTS_OF_PROFILE`. Limits
    are those of the named counts: they hold the truth whatever stands between them.
    """
    counts, squares = _counting(objects, named)
    shares = _shares(client, objects, named, prior)
    none = np.zeros_like(counts)
    soft = sum(passes.stream(client, "EM", objects, passes.turned_range, prior, shares), none)
    return Estimate.around(soft, _limits(objects, counts, squares, held_out))


def _as_stored(held_out: HeldOut) -> Float:
    """Scores rounded as datasets keep them: equal best ones are named equally."""
    return held_out.scores.astype(np.float16).astype(np.float64)


def _limits(
    objects: Source, counts: Float, squares: Float, held_out: HeldOut
) -> tuple[Float, Float]:
    """Limits of all bins; those of bins without objects are the same where their factor is."""
    responses = abundance.named(_as_stored(held_out))
    rates = abundance.rate_draws(responses, held_out.labels, held_out.groups)
    if objects.unknown is not None:  # nothing was held out of it: what it is called is its meaning
        rates[:, :, -1] = np.eye(objects.outcomes)[-1]
    largest = _largest(objects)
    key = np.where(counts.any(axis=1), np.arange(len(counts)) + 1.0, -largest)
    _, some, place = np.unique(key, return_index=True, return_inverse=True)
    limits = abundance.adjusted_limits(counts[some], squares[some], rates, largest[some])
    return limits[0][place], limits[1][place]


def _largest(objects: Source) -> Float:
    return largest_factor(objects.bins, objects.pieces.factor).ravel()


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
    for part in passes.stream(client, "look", objects, passes.looked_range, step):
        for profile, looked in part.items():
            found[profile].append(looked)
    shares = np.tile(prior, (profiles, depths + 1, 1))
    for profile, parts in enumerate(found):
        if parts:
            slot, factor, scores = (np.concatenate(column) for column in zip(*parts, strict=True))
            believed = OBJECTS_OF_PROFILE / float(step[profile])
            _fill_profile(shares[profile], slot % (depths + 1), factor, scores, prior, believed)
    return shares.reshape(-1, objects.outcomes)


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
    client: Client, objects: Source, named: Named, prior: Float, held_out: HeldOut
) -> Estimate:
    """Count names that can be trusted, times precision over recall.

    No score tells how many objects are of no known taxon: that is solved by the rates of errors.
    """
    chosen = held_out.validation if len(held_out.validation.labels) else held_out
    tested = held_out.test if len(held_out.test.labels) else held_out
    least = by_precision(chosen.scores, chosen.labels, TARGET_PRECISION).threshold
    precision, recall, kept = measure(tested.scores, tested.labels, least)
    support = np.bincount(tested.labels, minlength=objects.outcomes)
    trusted = passes.sum_named(client, "trusted", objects, passes.trusted_range, least)
    counts, squares = _counting(objects, trusted)
    usable = np.isfinite(least) & (recall > 0)
    value = quantify.corrected_count(counts, precision, np.where(usable, recall, np.nan))
    hits = precision * kept
    limits = abundance.threshold_limits(
        counts, squares, hits, kept - hits, support - hits, _largest(objects)
    )
    found = Estimate.around(value, limits)
    if objects.unknown is not None:
        solved = _adjusted(client, objects, named, prior, held_out)
        for one in fields(found):
            getattr(found, one.name)[:, -1] = getattr(solved, one.name)[:, -1]
    return found


_METHODS: dict[str, Callable[[Client, Source, Named, Float, HeldOut], Estimate]] = {
    "adjusted": _adjusted,
    "em": _em,
    "thresholded": _thresholded,
}


def _with_others(client: Client, objects: Source, mended: Estimate, taxa: int) -> Adjusted:
    """Add what the model did not name to what was mended."""
    none = np.zeros((2, passes.slots(objects.bins), taxa))
    known, squares = sum(passes.stream(client, "others", objects, passes.others_range, taxa), none)
    lower, upper = subsampled_interval(known, squares, _largest(objects)[:, None])
    columns = _columns(objects, taxa)
    of_model = np.isin(np.arange(taxa), columns)
    others = Estimate(known, lower, np.where(of_model & (known == 0), 0.0, upper))
    wide = [np.zeros((len(known), taxa)) for _ in fields(mended)]
    for out, one in zip(wide, fields(mended), strict=True):
        out[:, columns] = getattr(mended, one.name)[:, : len(columns)]
    total = others + Estimate(*wide)
    profiles, depths = objects.bins.shape
    shape = (profiles, depths + 1, taxa)
    arrays = (total.value, total.lower, total.upper)
    return Adjusted(*(values.reshape(shape)[:, :-1] for values in arrays))


def _columns(objects: Source, taxa: int) -> Int:
    """Taxa of the profiles that the outcomes of naming are.

    Unknown is the last, `object`, which is there where any object is without a name.
    """
    own = np.arange(objects.taxa)
    unnamed = taxa > len(read_labels(open_group(objects.objects), "taxon"))
    return np.append(own, taxa - 1) if unnamed and objects.unknown is not None else own
