"""Splits: which vignettes are learned from, which choose settings, which are the test."""

from __future__ import annotations

import csv
import hashlib
import io
import logging
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from seston.errors import InputError
from seston.learn.sets.learning_set import LearningSet
from seston.learn.sets.parts import PART_NAMES, TEST, TRAIN, UNTOLD, VALIDATION

__all__ = [
    "SHARES",
    "SPLIT",
    "TEST",
    "TRAIN",
    "VALIDATION",
    "samples_of",
    "split",
    "split_table",
    "unparted",
]

log = logging.getLogger(__name__)

SHARES = (0.7, 0.15, 0.15)
"""Of train, validation and test, as in Panaiotis et al. (2026), doi:10.5194/essd-18-945-2026."""

SPLIT = "split.csv"
"""File beside the weights of a model that holds `split_table`."""


def split(
    learning_set: LearningSet, seed: int, shares: tuple[float, float, float] = SHARES
) -> NDArray[np.uint8]:
    """Part a learning set in three.

    What belongs together is never parted: vignettes of one group (sample or frame), equal
    pictures, even if their taxa differ, and what these link. Each taxon gives the same shares, as
    nearly as that allows: it is in the test if there are two such units of it, in the validation
    too if there are three, and always learned from. A draw depends on the pictures and the seed
    only, not on their order or names: adding pictures without groups moves few others.

    A split that the source gives is kept as it is. Vignettes of which it says nothing go where
    what they must not be parted from is (in the test, where that is in more than one part); the
    others are learned from. Where there is no validation part, that is drawn from what is learned
    from.

    Parameters
    ----------
    learning_set : LearningSet
    seed : int
    shares : tuple of float
        Of train, validation and test; they add up to 1.

    Returns
    -------
    array (n,), uint8
        `TRAIN`, `VALIDATION` or `TEST`.

    Raises
    ------
    InputError
        The split that the source gives leaves nothing of a taxon to learn from.

    Notes
    -----
    Taxa are taken by their number of units, the rarest first, as in the iterative stratification
    of Sechidis et al. (2011), doi:10.1007/978-3-642-23808-6_10.
    """
    given = learning_set.parts
    if given is None:
        parts = _draw(learning_set, np.arange(len(learning_set.labels)), seed, shares)
    else:
        parts = _completed(learning_set, given)
        if not (parts == VALIDATION).any():
            rows = np.flatnonzero(parts == TRAIN)
            share = shares[1] / max(shares[0] + shares[1], 1e-9)
            parts[rows] = _draw(learning_set, rows, seed, (1 - share, share, 0.0))
        _check_learned(learning_set, parts)
        _tell_of_leaks(learning_set, parts)
    _tell_of_unparted(learning_set, parts)
    return parts


def _completed(learning_set: LearningSet, given: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give a part to the vignettes of which the source tells none: that of their unit."""
    unit = units_of(learning_set.digests, learning_set.groups)
    told = given != UNTOLD
    of_unit = np.full(int(unit.max(initial=-1)) + 1, TRAIN, np.uint8)
    np.maximum.at(of_unit, unit[told], given[told])  # the test comes last: it is never learned from
    return np.where(told, given, of_unit[unit]).astype(np.uint8)


def _check_learned(learning_set: LearningSet, parts: NDArray[np.uint8]) -> None:
    if taxa := unparted(learning_set, parts)["train"]:
        raise InputError(
            f"the given split leaves nothing to learn from of {', '.join(taxa[:5])}"
            + ", …" * (len(taxa) > 5),
            where=learning_set.name,
            cure="Put some of their pictures into the train part (of other groups than those that "
            "are tested), or leave these taxa out.",
        )


def unparted(learning_set: LearningSet, parts: NDArray[np.uint8]) -> dict[str, list[str]]:
    """Name the taxa that are missing in a part.

    Returns
    -------
    dict
        For ``train``, ``validation`` and ``test`` the names of the taxa without a vignette there.
    """
    found = {}
    for part, name in enumerate(PART_NAMES):
        counts = np.bincount(learning_set.labels[parts == part], minlength=len(learning_set.taxa))
        found[name] = [learning_set.taxa[i] for i in np.flatnonzero(counts == 0)]
    return found


def split_table(learning_set: LearningSet, parts: NDArray[np.uint8]) -> str:
    """Write a split as CSV: origin, digest, taxon, group and part of each vignette.

    A table of pictures that reads it as its columns path, label, group and split gives the same
    split again.
    """
    groups = learning_set.groups or [""] * len(parts)
    names = [learning_set.taxa[i] for i in learning_set.labels]
    origins = learning_set.origins or [""] * len(parts)
    words = [PART_NAMES[part] for part in parts]
    rows = zip(origins, learning_set.digests, names, groups, words, strict=True)
    return as_csv(("origin", "digest", "taxon", "group", "part"), rows)


def as_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write rows as the text of a CSV, the same on all machines."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


# ------------------------------------------------------------------------------------------- units
def units_of(digests: Sequence[str], groups: Sequence[str] | None) -> NDArray[np.int64]:
    """Give one number to what must not be parted: what groups and equal pictures link.

    Parameters
    ----------
    digests : sequence of str
    groups : sequence of str, optional
        Empty where a vignette is of none.

    Returns
    -------
    array (n,), int64
    """
    picture = pd.factorize(np.array(digests, object))[0]
    if groups is None:
        return picture.astype(np.int64)
    names = np.array(groups, object)
    rows = np.flatnonzero(names != "")
    group = pd.factorize(names[rows])[0]
    n_pictures, n_groups = int(picture.max(initial=-1)) + 1, int(group.max(initial=-1)) + 1
    ends = (picture[rows], group + n_pictures)
    n = n_pictures + n_groups
    links = coo_array((np.ones(len(rows), np.int8), ends), shape=(n, n))
    component = connected_components(links, directed=False)[1]
    return pd.factorize(component[picture])[0].astype(np.int64)


def samples_of(groups: Sequence[str] | None, n: int) -> NDArray[np.int64]:
    """Give the number of the sample that each of n vignettes comes from; of none, its own.

    Parameters
    ----------
    groups : sequence of str, optional
        Empty where a vignette is of none.
    n : int

    Returns
    -------
    array (n,), int64
    """
    if groups is None:
        return np.arange(n)
    known, number = np.unique(np.array(groups, object), return_inverse=True)
    alone = np.flatnonzero([not group for group in groups])
    number[alone] = len(known) + np.arange(len(alone))
    return number.astype(np.int64)


class _Units:
    """Units with their taxa, in the order in which they are drawn."""

    def __init__(self, learning_set: LearningSet, rows: NDArray[np.int64], seed: int) -> None:
        digests = [learning_set.digests[i] for i in rows]
        groups = learning_set.groups
        own = units_of(digests, None if groups is None else [groups[i] for i in rows])
        self.of_row = own
        n = int(own.max(initial=-1)) + 1
        n_taxa = len(learning_set.taxa)
        found, counts = np.unique(own * n_taxa + learning_set.labels[rows], return_counts=True)
        self.taxa: list[dict[int, int]] = [{} for _ in range(n)]
        for pair, count in zip(found.tolist(), counts.tolist(), strict=True):
            self.taxa[pair // n_taxa][pair % n_taxa] = count
        first = [""] * n
        for unit, digest in zip(own.tolist(), digests, strict=True):
            first[unit] = digest if not first[unit] else min(first[unit], digest)
        draws = [hashlib.sha256(f"{seed} {digest}".encode()).hexdigest() for digest in first]
        self.order = sorted(range(n), key=draws.__getitem__)
        self.of_taxon: dict[int, list[int]] = {}
        for unit in self.order:
            for taxon in self.taxa[unit]:
                self.of_taxon.setdefault(taxon, []).append(unit)


def _draw(
    learning_set: LearningSet,
    rows: NDArray[np.int64],
    seed: int,
    shares: tuple[float, float, float],
) -> NDArray[np.uint8]:
    """Part some rows of a learning set; see `split`."""
    units = _Units(learning_set, rows, seed)
    chosen = _Choice(units, shares)
    rarest_first = sorted(units.of_taxon, key=lambda taxon: (len(units.of_taxon[taxon]), taxon))
    for taxon in rarest_first:
        chosen.assure(taxon)
    for taxon in rarest_first:
        chosen.fill(taxon)
    return np.array(chosen.part, np.uint8)[units.of_row]


class _Choice:
    """The part of each unit, while they are chosen."""

    def __init__(self, units: _Units, shares: tuple[float, float, float]) -> None:
        self._units = units
        self.part = [TRAIN] * len(units.taxa)
        self._total = {t: sum(units.taxa[u][t] for u in of) for t, of in units.of_taxon.items()}
        self._learned = {taxon: len(of) for taxon, of in units.of_taxon.items()}
        self._parts = [part for part in (TEST, VALIDATION) if shares[part] > 0]
        self._wanting = {
            part: {taxon: self._wanted(n, shares[part]) for taxon, n in self._total.items()}
            for part in self._parts
        }

    @staticmethod
    def _wanted(n: int, share: float) -> int:
        return max(1, round(share * n))

    def assure(self, taxon: int) -> None:
        """Put the smallest units of a taxon into parts that have none of it."""
        of = self._units.of_taxon[taxon]
        for number, part in enumerate(self._parts, start=2):
            if len(of) < number or any(self.part[u] == part for u in of):
                continue
            free = [u for u in of if self.part[u] == TRAIN and self._can_go(u)]
            if free:
                self._put(min(free, key=self._weight), part)

    def fill(self, taxon: int) -> None:
        """Put units of a taxon, as they were drawn, where they bring its shares nearer."""
        for unit in self._units.of_taxon[taxon]:
            wanting = [part for part in self._parts if self._wanting[part][taxon] > 0]
            if not wanting:
                return
            if self.part[unit] == TRAIN and self._can_go(unit):
                better = [part for part in wanting if self._gain(unit, part) > 0]
                if better:
                    self._put(unit, better[0])

    def _can_go(self, unit: int) -> bool:
        """Say whether all its taxa are learned from without this unit."""
        return all(self._learned[taxon] > 1 for taxon in self._units.taxa[unit])

    def _weight(self, unit: int) -> float:
        return sum(n / self._total[taxon] for taxon, n in self._units.taxa[unit].items())

    def _gain(self, unit: int, part: int) -> float:
        """How much nearer a part comes to what each taxon owes it."""
        wanting = self._wanting[part]
        return sum(
            (abs(wanting[taxon]) - abs(wanting[taxon] - n)) / self._total[taxon]
            for taxon, n in self._units.taxa[unit].items()
        )

    def _put(self, unit: int, part: int) -> None:
        self.part[unit] = part
        for taxon, n in self._units.taxa[unit].items():
            self._learned[taxon] -= 1
            self._wanting[part][taxon] -= n


# --------------------------------------------------------------------------------- what is told
def _tell_of_unparted(learning_set: LearningSet, parts: NDArray[np.uint8]) -> None:
    for name, taxa in unparted(learning_set, parts).items():
        if taxa:
            log.warning(
                "%s: %d taxa cannot be parted and are not in the %s part: %s%s",
                learning_set.name, len(taxa), name, ", ".join(taxa[:5]), ", ..." * (len(taxa) > 5),
            )  # fmt: skip


def _tell_of_leaks(learning_set: LearningSet, parts: NDArray[np.uint8]) -> None:
    """Say where a split that the source gives parts what belongs together."""
    for what, names in (("pictures", learning_set.digests), ("groups", learning_set.groups or ())):
        table = pd.DataFrame({"name": list(names), "part": parts[: len(names)]})
        sides = table[table["name"] != ""].groupby("name")["part"].nunique()
        n = int((sides > 1).sum())
        if n:
            log.warning(
                "%s: the split that the source gives has %d equal %s in more than one part: what "
                "is measured on it flatters the model",
                learning_set.name, n, what,
            )  # fmt: skip
