"""What the model named, and what it did not: sums over all objects, range by range.

A range gives sums of the slots of its own water only: those of all would be many times as much.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import zarr
from distributed import Client
from numpy.typing import NDArray

from seston import cluster
from seston.ecology import Bins
from seston.learn.counting.quantify import turned
from seston.progress import progress
from seston.stages.cells import Cells, Tasks, Water
from seston.stages.naming import Naming
from seston.store import open_group, read_column
from seston.store.objects import length

Float = NDArray[np.float64]
Int = NDArray[np.int64]
T = TypeVar("T")
#: Slots, factors and scores of some objects.
Looked = tuple[Int, Float, NDArray[np.float16]]
#: Sums (k, n, outcome) of a range by the n slots of its water (`Part.slots`).
Sums = Float

_ROWS_AT_ONCE = 1 << 15


@dataclass(frozen=True, eq=False)
class Named:
    """Sums over the objects that the model named, by slot of `Bins` and what they were named.

    Parameters
    ----------
    first, second, of_frames : array (slot, outcome), float64
        Of the objects' subsample factors, of their squares, and of the squares of their sums over
        each frame.
    """

    first: Float
    second: Float
    of_frames: Float


@dataclass(frozen=True, eq=False)
class Source:
    """The objects of a campaign, and the bins that they lie in.

    Parameters
    ----------
    objects : Path
    pieces, bins
        The campaign's water.
    taxa : int
        Those of the model.
    naming : Naming
        Which objects are unknown to the model. Its thresholds take a name from an object, but not
        the object from the water: they have no part here.
    unknown : array (taxa + 1,), optional
        Scores that stand for those of an unknown object; the last is that of what the model never
        learned. None where no object is called unknown.
    """

    objects: Path
    pieces: Cells
    bins: Bins
    taxa: int
    naming: Naming
    unknown: Float | None = None

    @property
    def outcomes(self) -> int:
        """What the model can say of an object: a taxon, or that it is unknown."""
        return self.taxa + (self.unknown is not None)

    def parts(self) -> Iterator[Part]:
        """Give all ranges of objects, in their order."""
        for start, stop, water in Tasks(open_group(self.objects), self.pieces, self.bins.slot):
            yield Part(
                self.objects, start, stop, water, self.bins.shape[1] + 1, self.taxa, self.naming,
                self.unknown,
            )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Part:
    """The objects [start, stop) of a campaign, and the water that they lie in.

    Parameters
    ----------
    objects : Path
    start, stop : int
    water : Water
    depths : int
        Slots of a profile.
    taxa, naming, unknown
        See `Source`.
    """

    objects: Path
    start: int
    stop: int
    water: Water
    depths: int
    taxa: int
    naming: Naming
    unknown: Float | None = None

    @property
    def outcomes(self) -> int:
        """See `Source`."""
        return self.taxa + (self.unknown is not None)

    @cached_property
    def slots(self) -> Int:
        """Slots that its water lies in, each once, (n,)."""
        return np.unique(self.water.slot)

    def rows(self) -> tuple[Int, Int, Int, Int, Float]:
        """Give row, slot, frame, outcome and factor of what the model looked at in a range."""
        (row, slot, frame, factor), taxon, _ = self._all()
        own = taxon >= 0
        row, slot, frame, taxon = (column[own] for column in (row, slot, frame, taxon))
        return row, slot, frame, taxon, factor[own]

    def others(self) -> tuple[Int, Int, Float]:
        """Give slot, taxon and factor of all other objects of a range; -1: no taxon."""
        (_, slot, _, factor), taxon, other = self._all()
        own = taxon < 0
        return slot[own], other[own], factor[own]

    def _all(self) -> tuple[tuple[Int, Int, Int, Float], Int, Int]:
        group, rows = open_group(self.objects), slice(self.start, self.stop)
        frame = read_column(group, "frame", rows).astype(np.int64)
        slot, factor = self.water.of_objects(frame, read_column(group, "top", rows))
        predicted, validated = (
            read_column(group, f"{who}_taxon", rows).astype(np.int64)
            for who in ("predicted", "validated")
        )
        taxon = np.where(validated >= 0, -1, self._by_model(group, rows, predicted))
        other = np.where(validated >= 0, validated, predicted)
        return (np.arange(self.start, self.stop), slot, frame, factor), taxon, other

    def _by_model(self, group: zarr.Group, rows: slice, predicted: Int) -> Int:
        """Outcome of naming each object; -1 where the model did not look at it.

        Unknown is the last. A name that a source gave to an object without scores stands.
        """
        if "source_label" not in group and not self.naming.told:
            return predicted
        scores = read_column(group, "scores", rows)[:, : self.taxa]
        scored = scores.max(axis=1, initial=0) > 0
        taxon = np.full(len(scores), -1, np.int64)
        taxon[scored] = self.naming.named(scores[scored])[0]
        if self.unknown is not None:
            seen = read_column(group, "vignette_start", rows) >= 0
            taxon[seen & (taxon < 0) & (predicted < 0)] = self.taxa
        return taxon

    def scores(self, row: Int, taxon: Int) -> Iterator[tuple[slice, Float]]:
        """Give the scores (n, outcome) of rows in their order, in parts."""
        group = open_group(self.objects)
        for start in range(0, len(row), _ROWS_AT_ONCE):
            part = slice(start, min(start + _ROWS_AT_ONCE, len(row)))
            span = slice(int(row[part][0]), int(row[part][-1]) + 1)
            table = read_column(group, "scores", span)[row[part] - span.start, : self.taxa]
            yield part, self._with_unknown(table.astype(np.float64), taxon[part])

    def _with_unknown(self, scores: Float, taxon: Int) -> Float:
        if self.unknown is None:
            return scores
        wide = np.pad(scores, ((0, 0), (0, 1)))
        wide[taxon == self.taxa] = self.unknown
        return wide


def stream(
    client: Client,
    title: str,
    objects: Source,
    function: Callable[..., T],
    *settings: object,
    by_slot: Float | None = None,
) -> Iterator[tuple[Part, T]]:
    """Call a function on all ranges of objects, in their order.

    Parameters
    ----------
    client : Client
    title : str
        Of the bar of progress.
    objects : Source
    function : callable
        Gets a range, the settings, and the rows of ``by_slot`` that are of the range's slots.
    *settings
        The same for all ranges.
    by_slot : array (slot, ...), optional

    Yields
    ------
    tuple of Part and what the function gave
    """
    total = length(open_group(objects.objects), "object_id")
    sent: deque[Part] = deque()

    def tasks() -> Iterator[tuple[object, ...]]:
        for part in objects.parts():
            sent.append(part)
            yield (part, *settings, *([] if by_slot is None else [by_slot[part.slots]]))

    with progress(f"quantify: {title}", total, "objects") as shown:
        for result in cluster.stream(client, function, tasks()):
            part = sent.popleft()
            shown.advance(part.stop - part.start, part.stop - part.start)
            yield part, result


def total(parts: Iterable[tuple[Part, Sums]], bins: Bins, outcomes: int, kinds: int = 1) -> Float:
    """Add up the sums of ranges, in their order: (kind, slot, outcome)."""
    out = np.zeros((kinds, slots(bins), outcomes))
    for part, sums in parts:
        out[:, part.slots] += sums
    return out


def sum_named(client: Client, objects: Source) -> Named:
    """Sum what the model named."""
    parts = stream(client, "named", objects, named_range)
    return Named(*total(parts, objects.bins, objects.outcomes, len(fields(Named))))


def slots(bins: Bins) -> int:
    """Give the number of pairs of profile and depth bin, that of unknown depth among them."""
    return bins.shape[0] * (bins.shape[1] + 1)


def named_range(objects: Part) -> Sums:
    """Sum what the model named in a range of objects, in the order of `Named`."""
    _, slot, frame, taxon, factor = objects.rows()
    flat, size = _flat(objects, slot, taxon, objects.outcomes)
    step = int(frame.max(initial=0)) + 1
    keys, place = np.unique(flat * step + frame, return_inverse=True)
    of_frames = np.bincount(place, factor, len(keys)) ** 2
    sums = (
        np.bincount(flat, factor, size),
        np.bincount(flat, factor**2, size),
        np.bincount(keys // step, of_frames, size),
    )
    return np.asarray(sums, np.float64).reshape(len(sums), -1, objects.outcomes)


def trusted_range(objects: Part, least: Float) -> Sums:
    """Sum what the model named in a range with a score at or above the threshold of its taxon."""
    row, slot, _, taxon, factor = objects.rows()
    best = [scores.max(axis=1) for _, scores in objects.scores(row, taxon)]
    kept = np.concatenate([np.empty(0), *best]) >= least[taxon]
    flat, size = _flat(objects, slot[kept], taxon[kept], objects.outcomes)
    sums = np.asarray(np.bincount(flat, factor[kept], size), np.float64)
    return sums.reshape(1, -1, objects.outcomes)


def looked_range(objects: Part, step: Int) -> dict[int, Looked]:
    """Take slot, factor and scores of every so-manieth object of each profile in a range."""
    row, slot, _, taxon, factor = objects.rows()
    profile = slot // objects.depths
    chosen = row % step[profile] == 0
    row, slot, taxon, factor, profile = (c[chosen] for c in (row, slot, taxon, factor, profile))
    parts = [part.astype(np.float16) for _, part in objects.scores(row, taxon)]
    scores = np.concatenate([np.empty((0, objects.outcomes), np.float16), *parts])
    rows = {int(p): profile == p for p in np.unique(profile)}
    return {p: (slot[own], factor[own], scores[own]) for p, own in rows.items()}


def turned_range(objects: Part, prior: Float, shares: Float) -> Sums:
    """Sum the scores of a range by slot, turned to the shares (slot of the range, outcome)."""
    row, slot, _, taxon, factor = objects.rows()
    place = np.searchsorted(objects.slots, slot)
    out = np.zeros((1, *shares.shape))
    for part, scores in objects.scores(row, taxon):
        there = turned(scores, prior, shares[place[part]])
        np.add.at(out[0], place[part], there * factor[part, None])
    return out


def others_range(objects: Part, taxa: int) -> Sums:
    """Sum what the model did not name in a range: of factors, and of their squares."""
    slot, taxon, factor = objects.others()
    flat, size = _flat(objects, slot, np.where(taxon < 0, taxa - 1, taxon), taxa)
    sums = [np.bincount(flat, factor**power, size) for power in (1, 2)]
    return np.asarray(sums, np.float64).reshape(2, -1, taxa)


def _flat(objects: Part, slot: Int, outcome: Int, outcomes: int) -> tuple[Int, int]:
    """Place of each object in a flat table (slot of the range, outcome), and its size."""
    place = np.searchsorted(objects.slots, slot)
    return place * outcomes + outcome, len(objects.slots) * outcomes
