"""Measured features of vignettes, in the place of those of a network or beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from seston.config import Segmentation
from seston.features import CHEAP, FEATURES
from seston.frame import Vignette
from seston.image import measure_vignettes

Float32Array = NDArray[np.float32]
Vignettes = Sequence[NDArray[np.uint8]]

LARGEST = 1e30
"""Some invariants of tiny objects leave the range of float32; a tree needs only their order."""


class Extractor(Protocol):
    """What turns vignettes into features."""

    @property
    def n_features(self) -> int:
        """Features of a vignette."""
        ...

    def features(self, vignettes: Vignettes, sizes: NDArray[np.float64]) -> Float32Array:
        """Give (n, n_features) for vignettes whose pixels have sizes (n, 2)."""
        ...


@dataclass(frozen=True, slots=True)
class Measurer:
    """Measures the object of each vignette: shape, size and grey levels.

    Parameters
    ----------
    names : tuple of str
        Features, as in `seston.features`.
    """

    names: tuple[str, ...] = CHEAP

    @property
    def n_features(self) -> int:
        """Features of a vignette."""
        return len(self.names)

    def features(self, vignettes: Vignettes, sizes: NDArray[np.float64]) -> Float32Array:
        """Measure vignettes: (n, n_features), float32, 0 where a feature has no value.

        Parameters
        ----------
        vignettes : sequence of array (y, x), uint8
            Dark objects; the median of the border is the level of the water.
        sizes : array (n, 2), mm or pixels
            Height and width of the pixels of each.
        """
        out = np.zeros((len(vignettes), len(self.names)), np.float32)
        kinds, which = np.unique(sizes, axis=0, return_inverse=True)
        for kind, (height, width) in enumerate(kinds):
            rows = np.flatnonzero(which.ravel() == kind)
            cut = [_cut_out(vignettes[int(i)]) for i in rows]
            found = measure_vignettes(
                cut,
                settings=Segmentation(background="level"),
                pixel_height=float(height),
                pixel_width=float(width),
                names=self.names,
            )
            out[rows] = found.features
        return np.nan_to_num(out, copy=False, nan=0.0, posinf=LARGEST, neginf=-LARGEST)


def _cut_out(pixels: NDArray[np.uint8]) -> Vignette:
    height, width = pixels.shape
    return Vignette(0, 0, height, width, pixels=pixels)


def measurer(names: Sequence[str]) -> Measurer:
    """Give what measures these features.

    Raises
    ------
    ValueError
        There is no such feature.
    """
    if unknown := [name for name in names if name not in FEATURES]:
        raise ValueError(f"no feature {unknown[0]!r}")
    return Measurer(tuple(names))


@dataclass(frozen=True, slots=True)
class Joined:
    """Features of several extractors, one beside the other."""

    extractors: tuple[Extractor, ...]

    @property
    def n_features(self) -> int:
        """Features of a vignette."""
        return sum(one.n_features for one in self.extractors)

    def features(self, vignettes: Vignettes, sizes: NDArray[np.float64]) -> Float32Array:
        """Give (n, n_features) for vignettes whose pixels have sizes (n, 2)."""
        found = [one.features(vignettes, sizes) for one in self.extractors]
        return np.concatenate(found, axis=1)
