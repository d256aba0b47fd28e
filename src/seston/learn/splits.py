"""Splits: which vignettes are learned from, which choose settings, which are the test."""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seston.errors import InputError
from seston.learn.learning_set import LearningSet

TRAIN: Final = 0
VALIDATION: Final = 1
TEST: Final = 2

SHARES = (0.7, 0.15, 0.15)
"""Of train, validation and test, as in Panaiotis et al. (2026), doi:10.5194/essd-18-945-2026."""


def split(
    learning_set: LearningSet, seed: int, shares: tuple[float, float, float] = SHARES
) -> NDArray[np.uint8]:
    """Part a learning set in three.

    Each taxon gives the same shares. A draw depends on the picture and the seed only: adding
    pictures moves few others. Equal pictures are never parted, even if their taxa differ;
    what is too rare to be parted is learned from.

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
    """
    labels = learning_set.labels
    own: dict[str, int] = {}
    for digest, label in zip(learning_set.digests, labels.tolist(), strict=True):
        own.setdefault(digest, label)
    part: dict[str, int] = {}
    for label in range(len(learning_set.taxa)):
        mine = sorted((d for d, i in own.items() if i == label), key=lambda d: _draw(d, seed))
        part.update(zip(mine, _parts(len(mine), shares), strict=True))
    chosen = np.array([part[digest] for digest in learning_set.digests], np.uint8)
    _check_all_learned(learning_set, chosen)
    return chosen


def _parts(n: int, shares: tuple[float, float, float]) -> list[int]:
    """Name the parts of n pictures of a taxon: at least one is learned from."""
    test, validation = (max(1, round(share * n)) if share > 0 else 0 for share in shares[:0:-1])
    test = min(test, n - 1)
    validation = min(validation, n - 1 - test)
    return [TEST] * test + [VALIDATION] * validation + [TRAIN] * (n - test - validation)


def _draw(digest: str, seed: int) -> str:
    return hashlib.sha256(f"{seed} {digest}".encode()).hexdigest()


def _check_all_learned(learning_set: LearningSet, parts: NDArray[np.uint8]) -> None:
    learned = set(learning_set.labels[parts == TRAIN].tolist())
    lost = [taxon for i, taxon in enumerate(learning_set.taxa) if i not in learned]
    if lost:
        raise InputError(
            f"all pictures of {lost[0]} stand in other taxa too",
            where=learning_set.name,
            cure="Give each picture one taxon.",
        )
