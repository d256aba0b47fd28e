"""Sums over objects by profile, depth bin and taxon: of all, and of some to be added to them."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from seston.ecology.bins import Bins

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tally:
    """Sums over objects by (profile, depth bin + 1, taxon); the last bin: depth not known.

    Parameters
    ----------
    count : array, int64
    individuals, squares : array, float64
        Sums of the subsample factors of the objects counted, and of their squares.
    biovolume : array, float64, mm3
        Of the individuals.
    """

    count: Int
    individuals: Float
    squares: Float
    biovolume: Float

    def add(self, part: PartialTally) -> None:
        """Add the sums of some objects, in place."""
        for one in fields(self):
            getattr(self, one.name).reshape(-1)[part.place] += getattr(part, one.name)


@dataclass(frozen=True, eq=False)
class PartialTally:
    """Sums over some objects, as in `Tally`, of the places in it that they lie in.

    Parameters
    ----------
    place : array (n), int64
        Flat indices of a `Tally`, each once.
    count, individuals, squares, biovolume : array (n)
    """

    place: Int
    count: Int
    individuals: Float
    squares: Float
    biovolume: Float

    @classmethod
    def of(cls, flat: Int, biovolume: Float, factor: Float) -> PartialTally:
        """Sum objects by their place, in their order.

        Parameters
        ----------
        flat : array (object), int64
            Place of each, ``slot * taxa + taxon``.
        biovolume, factor : array (object)
            See `tally`.
        """
        place, number = np.unique(flat, return_inverse=True)
        sums = (
            summed(number, values, len(place))
            for values in (factor, factor**2, factor * np.nan_to_num(biovolume))
        )
        return cls(place, np.bincount(number, minlength=len(place)).astype(np.int64), *sums)


def tally(
    bins: Bins, cell: Int, taxon: Int, biovolume: Float, taxa: int, factor: Float | None = None
) -> Tally:
    """Sum a range of objects.

    Parameters
    ----------
    bins : Bins
    cell : array (object), int64
        Cell of water in which each object begins.
    taxon : array (object), int64
        From 0 to `taxa` - 1.
    biovolume : array (object), mm3
        NaN where nothing was measured: the object counts, and adds no volume.
    taxa : int
        Number of taxa.
    factor : array (object), optional
        Individuals in the sample for each one imaged; 1 if absent.
    """
    profiles, depths = bins.shape
    shape = (profiles, depths + 1, taxa)
    sums = Tally(np.zeros(shape, np.int64), *(np.zeros(shape) for _ in range(3)))
    weights = np.ones(len(cell)) if factor is None else factor
    sums.add(PartialTally.of(bins.slot[cell] * taxa + taxon, biovolume, weights))
    return sums


def summed(flat: Int, weights: Float, size: int) -> Float:
    """Sum weights by place: array (size)."""
    return np.asarray(np.bincount(flat, weights=weights, minlength=size), np.float64)
