"""Naming: which of the scores give an object a name, and which leave it without."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seston.config import Classification
from seston.errors import StoreError
from seston.store import open_group

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Naming:
    """Which scores name an object.

    Parameters
    ----------
    threshold : array (n_taxa,), optional
        Best scores below that of their taxon give no name.
    told : dict
        What the attributes of the datasets say of it.
    """

    threshold: NDArray[np.float64] | None = None
    told: dict[str, Any] = field(default_factory=dict)

    def named(self, scores: NDArray[np.float16]) -> NDArray[np.int16]:
        """Name objects by their scores (n, n_taxa): -1 where a score is not enough."""
        best = scores.argmax(axis=1)
        if self.threshold is None:
            return best.astype(np.int16)
        enough = scores[np.arange(len(best)), best] >= self.threshold[best]
        return np.where(enough, best, -1).astype(np.int16)


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
    if settings is None or settings.target_precision is None:
        return Naming()
    from seston.learn import load_card, load_held_out
    from seston.learn.thresholds import by_precision

    card = load_card(settings.model)
    for path in scores:
        _check_same_model(path, card.hash)
    chosen_on = load_held_out(settings.model, card).validation
    found = by_precision(chosen_on.scores, chosen_on.labels, settings.target_precision)
    lost = [taxon for taxon, usable in zip(card.taxa, found.usable, strict=True) if not usable]
    if lost:
        log.warning(
            "%d of %d taxa do not reach a precision of %g at any score; their objects stay "
            "without a name: %s",
            len(lost), len(card.taxa), settings.target_precision, ", ".join(lost),
        )  # fmt: skip
    told = {"target_precision": settings.target_precision, "taxa_without_threshold": lost}
    return Naming(found.threshold, told)


def _check_same_model(scores: Path, model_hash: str) -> None:
    if open_group(scores).attrs.get("model_hash") != model_hash:
        raise StoreError(
            "was not made by the model that `classification.model` names now",
            where=scores,
            cure="Run classify again: thresholds are those of one model.",
        )
