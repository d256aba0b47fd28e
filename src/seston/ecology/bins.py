"""Bins of profile and depth, and which of them each cell of water lies in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Times = NDArray[np.datetime64]


@dataclass(frozen=True, eq=False)
class Bins:
    """Profile and depth bin of each cell of water.

    Parameters
    ----------
    profile : array (cell), int64
        Row of the cell's profile.
    depth : array (cell), int64
        Its depth bin; -1 where the depth is not known.
    edges : array (depth + 1), float64, m
        Limits of the depth bins.
    ways : list of arrays, datetime64[ns]
        For each deployment the times at which one profile ends and the next begins.
    keys : array (profile, 2), int64
        Deployment, and number of the way or of the sample in it, of each profile.
    sample : list of str
        Name of each profile's sample; empty where it is a way of a tow.
    """

    profile: Int
    depth: Int
    edges: Float
    ways: Sequence[Times]
    keys: Int
    sample: Sequence[str]

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of profiles and of depth bins."""
        return len(self.keys), max(0, len(self.edges) - 1)

    @property
    def slot(self) -> Int:
        """Flat index of (profile, depth bin), with one bin more for unknown depths."""
        bins = self.shape[1] + 1
        slots: Int = self.profile * bins + np.where(self.depth < 0, bins - 1, self.depth)
        return slots
