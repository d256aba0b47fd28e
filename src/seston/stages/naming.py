"""Naming: which of the scores give an object a name, and which leave it without."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seston.config import Classification
from seston.errors import StoreError
from seston.store import open_group

log = logging.getLogger(__name__)

REASONS = ("unnamed_unknown", "unnamed_below_threshold")
"""Why an object stays without a name, as attributes of the objects dataset."""


@dataclass(frozen=True)
class Naming:
    """Which scores name an object.

    Parameters
    ----------
    threshold : array (n_taxa,), optional
        Best scores below that of their taxon give no name.
    unknown_above : float, optional
        Objects whose scores are less decided than this are like nothing that the model knows.
    n_taxa : int, optional
        Taxa of the model, which are the first of a campaign's: sources may have named others.
    told : dict
        What the attributes of the datasets say of it.
    """

    threshold: NDArray[np.float64] | None = None
    unknown_above: float | None = None
    n_taxa: int | None = None
    told: dict[str, Any] = field(default_factory=dict)

    def named(self, scores: NDArray[np.float16]) -> tuple[NDArray[np.int16], dict[str, int]]:
        """Name objects by their scores (n, n_taxa).

        Returns
        -------
        taxon : array (n,), int16
            -1 where no name is given.
        unnamed : dict
            Their numbers by reason, as attributes of a dataset.
        """
        scores = scores[:, : self.n_taxa]
        best, unknown = scores.argmax(axis=1), self.unknown(scores)
        below = self.below_threshold(scores) & ~unknown
        counts = dict(zip(REASONS, (int(unknown.sum()), int(below.sum())), strict=True))
        return np.where(unknown | below, -1, best).astype(np.int16), counts

    def unknown(self, scores: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """Tell which objects (n,) are like nothing that the model knows, by scores (n, n_taxa)."""
        if self.unknown_above is None:
            return np.zeros(len(scores), bool)
        from seston.learn.judging.unknown import unknown

        return unknown(scores, self.unknown_above)

    def below_threshold(self, scores: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """Tell of which objects (n,) the best of the scores (n, n_taxa) is too low for its taxon.

        Scores are rounded as datasets keep them: the thresholds were chosen so.
        """
        if self.threshold is None:
            return np.zeros(len(scores), bool)
        best = scores.argmax(axis=1)
        score = scores[np.arange(len(best)), best].astype(np.float16).astype(np.float64)
        return np.asarray(score < self.threshold[best])


def naming_of(settings: Classification | None, scores: Sequence[Path]) -> Naming:
    """Read from the model how the settings of a campaign name objects.

    Parameters
    ----------
    settings : Classification, optional
    scores : sequence of Path
        Stores of scores of the campaign's shards.

    Raises
    ------
    ModelError
        The record of the model is missing or damaged.
    StoreError
        Scores were made by another model: its thresholds are not theirs.
    """
    if settings is None or (settings.target_precision or settings.unknown_false_alarm) is None:
        return Naming()
    from seston.learn import load_card, load_held_out
    from seston.learn.judging.thresholds import by_precision
    from seston.learn.judging.unknown import half, limit

    card = load_card(settings.model)
    for path in scores:
        _check_same_model(path, card.hash, settings.unknown_false_alarm)
    chosen_on = load_held_out(settings.model, card).validation
    naming = Naming(n_taxa=len(card.taxa))
    if settings.target_precision is not None:
        found = by_precision(chosen_on.scores, chosen_on.labels, settings.target_precision)
        lost = [taxon for taxon, usable in zip(card.taxa, found.usable, strict=True) if not usable]
        _warn(lost, settings.target_precision, len(card.taxa))
        told = {"target_precision": settings.target_precision, "taxa_without_threshold": lost}
        naming = replace(naming, threshold=found.threshold, told=told)
    if settings.unknown_false_alarm is not None:
        above = limit(chosen_on.scores, half(settings.unknown_false_alarm))
        told = naming.told | {"unknown_false_alarm": settings.unknown_false_alarm}
        naming = replace(naming, unknown_above=above, told=told)
    return naming


def _warn(lost: Sequence[str], target: float, n_taxa: int) -> None:
    if lost:
        log.warning(
            "%d of %d taxa do not reach a precision of %g at any score; their objects stay "
            "without a name: %s", len(lost), n_taxa, target, ", ".join(lost),
        )  # fmt: skip


def _check_same_model(scores: Path, model_hash: str, false_alarm: float | None) -> None:
    attributes = open_group(scores).attrs
    if attributes.get("model_hash") != model_hash:
        raise StoreError(
            "was not made by the model that `classification.model` names now",
            where=scores,
            cure="Run classify again: thresholds are those of one model.",
        )
    if attributes.get("unknown_false_alarm") != false_alarm:
        raise StoreError(
            "was made with another `classification.unknown_false_alarm`",
            where=scores,
            cure="Run classify again.",
        )
