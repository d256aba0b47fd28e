"""Evaluate a model: on what was held out when it learned, or on other labelled vignettes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seston.errors import InputError, ModelError
from seston.learn.card import CURE, Card, load_card
from seston.learn.judging.appraise import appraise
from seston.learn.judging.held_out import HeldOut, load_held_out
from seston.learn.judging.parted import Parted, load_parted
from seston.learn.judging.unknown import FALSE_ALARM, half, limit, unknown
from seston.learn.model import Model, load_model
from seston.learn.sets.learning_set import LearningSet
from seston.learn.sets.sources import read_learning_set
from seston.learn.sets.splits import TEST, TRAIN, samples_of

log = logging.getLogger(__name__)

AT_ONCE = 1024
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Stranger:
    """A label that the model does not have, and what the model made of its vignettes.

    Parameters
    ----------
    label : str
    n : int
    called_unknown : float
        Share that is called unknown; the rest has wrong names.
    names : tuple of (str, int)
        The commonest names given, with their numbers.
    """

    label: str
    n: int
    called_unknown: float
    names: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a model does with labelled vignettes.

    Parameters
    ----------
    model : str
        Name of its folder.
    card : Card
    measured_on : str
        Which vignettes, in words.
    own : bool
        Whether they are of the learning set of the model.
    appraisal : dict
        See `appraise`.
    tested : HeldOut
        The rows that were measured.
    vignettes : tuple of array (y, x), uint8, optional
        Pictures of these rows, where they are at hand.
    pixel_sizes_mm : array (n, 2), optional
        Height and width of their pixels.
    strangers : tuple of Stranger
    left_out : int
        Pictures that were not measured: the model learned from them, or was set by them.
    """

    model: str
    card: Card
    measured_on: str
    own: bool
    appraisal: dict[str, Any]
    tested: HeldOut
    vignettes: tuple[NDArray[np.uint8], ...] | None = None
    pixel_sizes_mm: NDArray[np.float64] | None = None
    strangers: tuple[Stranger, ...] = ()
    left_out: int = 0

    def facts(self) -> dict[str, Any]:
        """Give the evaluation as JSON: all but the pictures."""
        return {
            "model": self.model,
            "model_hash": self.card.hash,
            "measured_on": self.measured_on,
            "left_out": self.left_out,
            "taxa": list(self.card.taxa),
            "calibration": self.card.calibration,
            **self.appraisal,
            "strangers": [
                {"label": s.label, "n": s.n, "called_unknown": s.called_unknown,
                 "names": dict(s.names)}
                for s in self.strangers
            ],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Unseen:
    """Pictures that a model did not learn from, what to call them, and how many are left out."""

    pictures: LearningSet
    name: str
    left_out: int


def evaluate(
    model: Path,
    images: LearningSet | Path | None = None,
    *,
    device: str | None = None,
    seed: int = 0,
) -> Evaluation:
    """Evaluate a model.

    Parameters
    ----------
    model : Path
        Its folder.
    images : LearningSet or Path, optional
        A labelled set of vignettes (see `read_learning_set`). Without it, or where it is the
        learning set of the model itself, the record of what was held out is measured. Of another
        set, pictures whose pixels are those of one that the model learned from, or was set by
        (its validation part), are left out.
    device : str, optional
        See `device`.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Evaluation

    Raises
    ------
    ModelError
        The model or its record is missing or damaged.
    InputError
        The labelled set is none, shares no label with the model, or the model learned from all of
        it; or nothing was held out.
    """
    card = load_card(model)
    record = load_held_out(model, card)
    pictures = read_learning_set(images) if isinstance(images, Path) else images
    if pictures is None:
        return _of_record(Path(model), card, record, seed)
    parted = load_parted(model, card, record)
    if pictures.sha256 == card.training.get("sha256"):
        shown = {} if parted is None else _shown(pictures, _places(parted, pictures))
        return _of_record(Path(model), card, record, seed, shown)
    new = _unseen(pictures, parted)
    return _of_others(Path(model), card, record, new, device, seed)


def _of_record(
    model: Path, card: Card, record: HeldOut, seed: int, shown: Mapping[str, Any] = _NOTHING
) -> Evaluation:
    if not record.labels.size:
        raise InputError(
            "nothing was held out when this model learned",
            where=model,
            cure="Give labelled pictures with --images, or train with more pictures a taxon.",
        )
    chosen = _measured(record.parts)
    name = f"what was held out of its learning set, {card.training.get('learning_set', 'unnamed')}"
    return Evaluation(
        model.name, card, name, True, _appraised(card, record, seed), record.rows(chosen), **shown
    )


def _measured(parts: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Say which rows of a record are measured: the test part, or all where there is none."""
    tested = parts == TEST
    return tested if tested.any() else np.ones(len(parts), bool)


def _places(parted: Parted, pictures: LearningSet) -> NDArray[np.int64]:
    """Rows of a learning set that its record measures: of these pixels, whatever their names."""
    row_of = {digest: row for row, digest in enumerate(pictures.digests)}
    rows = np.array([row_of.get(digest, -1) for digest in parted.held_out], np.int64)
    if (rows < 0).any():
        raise ModelError("split.csv is not of the learning set of the card", cure=CURE)
    return rows[_measured(parted.parts[parted.parts != TRAIN])]


def _unseen(pictures: LearningSet, parted: Parted | None) -> _Unseen:
    """Leave out what the model learned from, or was set by: measured on these, it seems better."""
    name = f"the pictures of {pictures.name}"
    if parted is None:
        return _Unseen(pictures, f"{name}, of which some may be learned from", 0)
    seen = parted.seen(pictures.digests)
    n = int(np.count_nonzero(seen))
    if n == len(seen):
        raise InputError(
            f"the model learned from all of these {n:,} pictures, or was set by them",
            where=pictures.name,
            cure="Give others, or leave --images out: then what was held out is measured.",
        )
    if not n:
        return _Unseen(pictures, name, 0)
    log.warning(
        "%s: %d of %d pictures are left out: the model learned from them, or was set by them",
        pictures.name, n, len(seen),
    )  # fmt: skip
    rest = pictures.rows(np.flatnonzero(~seen).tolist())
    return _Unseen(rest, f"{name}, without {n:,} that it learned from or was set by", n)


def _shown(pictures: LearningSet, rows: NDArray[np.int64]) -> dict[str, Any]:
    sizes = pictures.pixel_sizes_mm
    return {
        "vignettes": tuple(pictures.vignettes[i] for i in rows.tolist()),
        "pixel_sizes_mm": None if sizes is None else sizes[rows],
    }


def _of_others(
    model: Path, card: Card, record: HeldOut, new: _Unseen, device: str | None, seed: int
) -> Evaluation:
    pictures = new.pictures
    own = np.array([card.taxa.index(t) if t in card.taxa else -1 for t in pictures.taxa])
    truth = own[pictures.labels]
    known = np.flatnonzero(truth >= 0)
    if not len(known):
        raise InputError(
            "no label of what it did not learn from is a taxon of the model",
            where=pictures.name,
            cure=f"The model knows: {', '.join(card.taxa[:8])} …; rename the labels to these, or "
            "give a table that tells which taxa they stand for (--taxonomy).",
        )
    if card.size_unit == "mm" and pictures.pixel_sizes_mm is None:
        raise InputError(
            "the model learned sizes in mm, and not all pictures tell theirs",
            where=pictures.name,
            cure="Give --pixel-size-mm HEIGHT WIDTH, or let the set tell the sizes of its pixels: "
            "docs/learning-sets.md.",
        )
    loaded = load_model(model, device=device)
    scores = _scores(loaded, pictures, np.arange(len(truth)))
    strange = np.flatnonzero(truth < 0)
    wary = _scores(loaded.wary(half(FALSE_ALARM)), pictures, strange)
    called = unknown(wary, limit(record.validation.scores, half(FALSE_ALARM)))
    samples = samples_of(pictures.groups, len(truth))
    tested = HeldOut(
        scores[known], truth[known], samples[known], np.full(len(known), TEST, np.uint8)
    )
    return Evaluation(
        model.name, card, new.name, False,
        _appraised(card, _joined(record.validation, tested), seed), tested,
        **_shown(pictures, known),
        strangers=_strangers(pictures, strange, scores, card, called), left_out=new.left_out,
    )  # fmt: skip


def _scores(loaded: Model, pictures: LearningSet, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    sizes, found = pictures.pixel_sizes_mm, [np.empty((0, len(loaded.taxa)), np.float32)]
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        vignettes = [pictures.vignettes[i] for i in some.tolist()]
        own = None if sizes is None else sizes[some]
        found.append(loaded.predict(vignettes, pixel_size_mm=own))
    return np.concatenate(found)


def _joined(validation: HeldOut, tested: HeldOut) -> HeldOut:
    """Give one record: thresholds are chosen on the first, and measured on the second."""
    first, second = validation.arrays, tested.arrays
    shared = [name for name in first if name in second]
    return HeldOut(**{name: np.concatenate((first[name], second[name])) for name in shared})


def _appraised(card: Card, record: HeldOut, seed: int) -> dict[str, Any]:
    plankton, groups = (card.metrics.get(name) for name in ("plankton", "groups"))
    found = appraise(record, card.taxa, plankton=plankton, groups=groups, seed=seed)
    # The card's own words on unknowns: distances were measured when the features were at hand.
    return found | {"unknown": card.metrics.get("unknown", {})}


def _strangers(
    pictures: LearningSet,
    strange: NDArray[np.int64],
    scores: NDArray[np.float32],
    card: Card,
    called: NDArray[np.bool_],
) -> tuple[Stranger, ...]:
    """Tell of the rows whose labels the model does not have, label by label."""
    found = []
    for label in np.unique(pictures.labels[strange]).tolist():
        own = pictures.labels[strange] == label
        names = _commonest(scores[strange[own]].argmax(axis=1), card.taxa)
        unknown_share = float(called[own].mean())
        found.append(Stranger(pictures.taxa[label], int(own.sum()), unknown_share, names))
    return tuple(found)


def _commonest(named: NDArray[np.int64], taxa: Sequence[str]) -> tuple[tuple[str, int], ...]:
    counts = np.bincount(named, minlength=len(taxa))
    first = np.argsort(-counts, kind="stable")[:3]
    return tuple((taxa[i], int(counts[i])) for i in first.tolist() if counts[i])
