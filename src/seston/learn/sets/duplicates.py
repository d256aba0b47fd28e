"""Equal pictures in a learning set, and those that stand in two taxa."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.learn.sets.learning_set import LearningSet
from seston.learn.sets.splits import as_csv

log = logging.getLogger(__name__)

CONFLICTS = "conflicts.csv"
"""File beside the weights of a model that holds the conflicts of `duplicates`."""


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Vignettes of the same pixels.

    Parameters
    ----------
    equal : list of array of int
        Rows of the learning set, for each picture that is there more than once.
    conflicts : list of array of int
        Those of them that stand in more than one taxon.
    table : str
        The conflicts as CSV: digest, taxon, group and origin of each vignette.
    """

    equal: list[NDArray[np.int64]]
    conflicts: list[NDArray[np.int64]]
    table: str

    @property
    def superfluous(self) -> int:
        """How many vignettes repeat another."""
        return sum(len(rows) - 1 for rows in self.equal)


def duplicates(learning_set: LearningSet) -> Duplicates:
    """Find equal pictures, and say so in the log.

    Pictures are compared as the learning set has them: turned dark, without scale bars. Those
    that are nearly equal are not looked for.
    """
    number = pd.factorize(np.array(learning_set.digests, object))[0]
    order = np.argsort(number, kind="stable")
    counts = np.bincount(number)
    ends = np.cumsum(counts)
    equal = [order[ends[i] - counts[i] : ends[i]] for i in np.flatnonzero(counts > 1)]
    conflicts = [rows for rows in equal if len(set(learning_set.labels[rows].tolist())) > 1]
    found = Duplicates(equal, conflicts, _table(learning_set, conflicts))
    _tell(learning_set, found)
    return found


def _table(learning_set: LearningSet, conflicts: list[NDArray[np.int64]]) -> str:
    n = len(learning_set.labels)
    groups, origins = learning_set.groups or [""] * n, learning_set.origins or [""] * n
    rows = [
        (learning_set.digests[i], learning_set.taxa[learning_set.labels[i]], groups[i], origins[i])
        for same in conflicts
        for i in same.tolist()
    ]
    return as_csv(("digest", "taxon", "group", "origin"), rows)


def _tell(learning_set: LearningSet, found: Duplicates) -> None:
    if found.equal:
        log.info(
            "%s: %d vignettes repeat another; they are kept in one part",
            learning_set.name, found.superfluous,
        )  # fmt: skip
    if found.conflicts:
        first = found.conflicts[0]
        log.warning(
            "%s: %d pictures stand in more than one taxon, such as %s (%s lists them)",
            learning_set.name, len(found.conflicts),
            " and ".join(sorted({learning_set.taxa[learning_set.labels[i]] for i in first})),
            CONFLICTS,
        )  # fmt: skip
