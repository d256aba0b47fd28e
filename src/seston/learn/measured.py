"""Measured features of vignettes, in the place of those of a network or beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from seston.features import FEATURES
from seston.learn.measuring import NAMES, measure

Float32Array = NDArray[np.float32]
Vignettes = Sequence[NDArray[np.uint8]]


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

    names: tuple[str, ...] = NAMES

    @property
    def n_features(self) -> int:
        """Features of a vignette."""
        return len(self.names)

    def features(self, vignettes: Vignettes, sizes: NDArray[np.float64]) -> Float32Array:
        """Give (n, n_features) for vignettes whose pixels have sizes (n, 2)."""
        return measure(vignettes, sizes, self.names)


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
