"""Quantify: mend the numbers of the profiles for the errors of the classifier.

Only what a model looked at is mended. What a person named, or a source without a model, is known,
and is added as it was counted.

That an object is unknown is an outcome of naming like any other. Some objects of known taxa are
called so, as held-out objects tell, and are given back to their taxa; the rest are of taxa that the
model never learned, which have all their objects called so.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

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


@dataclass(frozen=True, eq=False)
class Errors:
    """What is known of the classifier's errors.

    Parameters
    ----------
    held_out : HeldOut
        What it said of objects that it did not learn from.
    prior : array (outcome,), float64
        Shares that its scores answer to.
    precision : float
        What a name must surely have to be trusted, where only such names are counted.
    """

    held_out: HeldOut
    prior: Float
    precision: float


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
    precision = settings.target_precision or TARGET_PRECISION
    how = f" at a precision of {precision:g}" * (settings.quantification == "thresholded")
    said = f"{settings.quantification}{how}, from {len(held_out.labels)} held-out objects"
    if settings.unknown_false_alarm is not None:
        called = alarms(held_out, settings.unknown_false_alarm)
        held_out = _with_outcome(held_out, called)
        prior, unknown = _of_unknown(prior, held_out)
        said += f", of which {called.sum()} are called unknown"
    objects = Source(campaign.objects, pieces, bins, len(card.taxa), naming, unknown)
    named = passes.sum_named(client, objects)
    errors = Errors(held_out, prior, precision)
    mended = _METHODS[settings.quantification](client, objects, named, errors)
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
def _adjusted(_: Client, objects: Source, named: Named, errors: Errors) -> Estimate:
    """Solve each bin by the rates of errors."""
    held_out = errors.held_out
    rates = quantify.ErrorRates.fit(_as_stored(held_out), held_out.labels).rates
    value = abundance.adjusted_counts(named.first, rates)
    return Estimate.around(value, _limits(objects, named, held_out))


def _em(client: Client, objects: Source, named: Named, errors: Errors) -> Estimate:
    """Turn scores to the shares of each bin, and add them up.

    A bin's shares are found by EM, and held to those of its profile by `OBJECTS_OF_PROFILE`.
    """
    shares = _shares(client, objects, named, errors.prior)
    turned = passes.stream(client, "EM", objects, passes.turned_range, errors.prior, by_slot=shares)
    soft = passes.total(turned, objects.bins, objects.outcomes)[0]
    return Estimate.around(soft, _limits(objects, named, errors.held_out))


def _thresholded(client: Client, objects: Source, named: Named, errors: Errors) -> Estimate:
    """Count names that can be trusted, times precision over recall.

    No score tells how many objects are of no known taxon: that is solved by the rates of errors.
    """
    held_out = errors.held_out
    chosen = held_out.validation if len(held_out.validation.labels) else held_out
    tested = held_out.test if len(held_out.test.labels) else held_out
    least = by_precision(chosen.scores, chosen.labels, errors.precision).threshold
    precision, recall, _ = measure(tested.scores, tested.labels, least)
    parts = passes.stream(client, "trusted", objects, passes.trusted_range, least)
    trusted = passes.total(parts, objects.bins, objects.outcomes)[0]
    usable = np.isfinite(least) & (recall > 0)
    value = quantify.corrected_count(trusted, precision, np.where(usable, recall, np.nan))
    solved = _adjusted(client, objects, named, errors)
    if objects.unknown is not None:
        value[:, -1] = solved.value[:, -1]
    # NaN, where a taxon cannot be used, has no limits either.
    return Estimate.around(value, (solved.lower, solved.upper))


def _as_stored(held_out: HeldOut) -> Float:
    """Scores rounded as datasets keep them: equal best ones are named equally."""
    return held_out.scores.astype(np.float16).astype(np.float64)


def _limits(objects: Source, named: Named, held_out: HeldOut) -> tuple[Float, Float]:
    """Limits of all bins, by what was named: they hold the truth whatever stands between them.

    Those of bins without objects are the same where their factor is.
    """
    responses = abundance.named(_as_stored(held_out))
    rates = abundance.rate_draws(responses, held_out.labels, held_out.groups)
    counts, squares, largest = named.first, _squares(objects, named), _largest(objects)
    key = np.where(counts.any(axis=1), np.arange(len(counts)) + 1.0, -largest)
    _, some, place = np.unique(key, return_index=True, return_inverse=True)
    limits = abundance.adjusted_limits(counts[some], squares[some], rates, largest[some])
    return limits[0][place], limits[1][place]


def _largest(objects: Source) -> Float:
    return largest_factor(objects.bins, objects.pieces.factor).ravel()


def _squares(objects: Source, named: Named) -> Float:
    """Squares of the named counts of the bins, wider where frames tell of patches."""
    frame = objects.pieces.frame
    step = int(frame.max(initial=0)) + 1
    slots = np.unique(objects.bins.slot * step + frame) // step
    frames = np.bincount(slots, minlength=len(named.first))
    return abundance.patchy_squares(named.first, named.second, named.of_frames, frames)


def _shares(client: Client, objects: Source, named: Named, prior: Float) -> Float:
    """Shares of each slot by EM, (slot, outcome); the prior where there are no objects.

    The scores of a profile are kept until all its ranges were looked at.
    """
    profiles, depths = objects.bins.shape
    number = np.divide(named.first**2, named.second, out=0 * named.first, where=named.second > 0)
    number = number.reshape(profiles, -1).sum(axis=1)
    step = np.maximum(1, np.ceil(number / MOST_OBJECTS)).astype(np.int64)
    shares = np.tile(prior, (profiles, depths + 1, 1))
    ends, kept = _ends(objects), defaultdict[int, list[Looked]](list)
    for part, found in passes.stream(client, "look", objects, passes.looked_range, step):
        for profile, looked in found.items():
            kept[profile].append(looked)
        for profile in [p for p in kept if ends[p] == part.start]:
            columns = zip(*kept.pop(profile), strict=True)
            slot, factor, scores = (np.concatenate(column) for column in columns)
            believed = OBJECTS_OF_PROFILE / float(step[profile])
            _fill_profile(shares[profile], slot % (depths + 1), factor, scores, prior, believed)
    return shares.reshape(-1, objects.outcomes)


def _ends(objects: Source) -> dict[int, int]:
    """Start of the last range that holds water of each profile."""
    ends: dict[int, int] = {}
    for part in objects.parts():
        ends |= dict.fromkeys(np.unique(part.slots // part.depths).tolist(), part.start)
    return ends


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


_METHODS: dict[str, Callable[[Client, Source, Named, Errors], Estimate]] = {
    "adjusted": _adjusted,
    "em": _em,
    "thresholded": _thresholded,
}


def _with_others(client: Client, objects: Source, mended: Estimate, taxa: int) -> Adjusted:
    """Add what the model did not name to what was mended."""
    parts = passes.stream(client, "others", objects, passes.others_range, taxa)
    known, squares = passes.total(parts, objects.bins, taxa, kinds=2)
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
