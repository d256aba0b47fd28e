"""Which pictures a model learned from, was set by and was tested on: ``split.csv`` beside it."""

from __future__ import annotations

import csv
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seston.errors import ModelError
from seston.learn.card import CURE, Card
from seston.learn.judging.held_out import HeldOut
from seston.learn.sets.parts import PART_NAMES, TEST, TRAIN
from seston.learn.sets.splits import SPLIT

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parted:
    """The pictures of a model's learning set, by the hash of their pixels.

    Parameters
    ----------
    digests : tuple of str
        In the order of the learning set, as it was.
    parts : array (n,), uint8
        See `seston.learn.sets.parts`.
    """

    digests: tuple[str, ...]
    parts: NDArray[np.uint8]

    @property
    def held_out(self) -> tuple[str, ...]:
        """Digests of the rows of the record of what was held out, in its order."""
        return tuple(self.digests[i] for i in np.flatnonzero(self.parts != TRAIN))

    def seen(self, digests: Sequence[str]) -> NDArray[np.bool_]:
        """Say of pictures whether the model learned from them, or was set by them."""
        own = {self.digests[i] for i in np.flatnonzero(self.parts != TEST)}
        return np.array([digest in own for digest in digests], bool)


def load_parted(model: Path, card: Card, record: HeldOut) -> Parted | None:
    """Read which pictures a model learned from; None, and a warning, where the table is missing.

    Raises
    ------
    ModelError
        It is damaged, or is not that of the record.
    """
    path = Path(model) / SPLIT
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        digests = tuple(row["digest"] for row in rows)
        parts = np.array([PART_NAMES.index(row["part"]) for row in rows], np.uint8)
        taxa = [card.taxa.index(row["taxon"]) for row in rows]
    except FileNotFoundError:
        log.warning("%s: is missing: nothing tells which pictures the model learned from", path)
        return None
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        raise ModelError("the table of the split is damaged", where=path, cure=CURE) from None
    kept = parts != TRAIN
    same = np.array_equal(parts[kept], record.parts)
    if not same or not np.array_equal(np.array(taxa, np.int64)[kept], record.labels):
        raise ModelError("is not the split of the model", where=path, cure=CURE)
    return Parted(digests, parts)
