"""What a filter learns from: measured objects of which it is known what they are."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]

#: With fewer groups, objects are parted one by one.
FEWEST_GROUPS = 12
#: Shares of what is learned from, of what chooses the threshold; the rest measures.
LEARN, CHOOSE = 0.5, 0.3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examples:
    """Measured objects in the shares of nature, or near them.

    Parameters
    ----------
    features : array (n, n_names), float32
    names : tuple of str
        As in `seston.features`.
    taxa : tuple of str
    plankton : array (n_taxa,), bool
        Which of the taxa are to pass.
    taxon : array (n,), int64
        -1: of no taxon that is known, and not to pass.
    group : array (n,), int64
        Frame of each: what is not parted.
    pixel_size_mm : tuple of float or None
        Height and width of a pixel, the middle of all.
    origin : str
        Where they are from: equal text, equal objects.
    """

    features: NDArray[np.float32]
    names: tuple[str, ...]
    taxa: tuple[str, ...]
    plankton: NDArray[np.bool_]
    taxon: Int64Array
    group: Int64Array
    pixel_size_mm: tuple[float, float] | None
    origin: str

    @property
    def wanted(self) -> NDArray[np.bool_]:
        """Say of each object whether it is to pass."""
        return np.append(self.plankton, False)[self.taxon]

    @property
    def sha256(self) -> str:
        """Hash of features and taxa."""
        digest = hashlib.sha256()
        for array in (self.features, self.taxon, self.group):
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update("\n".join((*self.names, *self.taxa)).encode())
        return digest.hexdigest()

    @property
    def in_frames(self) -> bool:
        """Whether there are enough frames to part them whole."""
        return len(np.unique(self.group)) >= FEWEST_GROUPS

    def parts(self, seed: int) -> tuple[Int64Array, Int64Array, Int64Array]:
        """Rows to learn from, to choose the threshold with, and to measure on."""
        group = self.group if self.in_frames else np.arange(len(self.group))
        names, of = np.unique(group, return_inverse=True)
        order = np.random.default_rng(seed).permutation(len(names))
        first, second = round(LEARN * len(names)), round((LEARN + CHOOSE) * len(names))
        part = np.full(len(names), 2)
        part[order[:second]], part[order[:first]] = 1, 0
        rows = [np.flatnonzero(part[of] == number) for number in range(3)]
        return rows[0], rows[1], rows[2]
