"""Measured features of vignettes, in the place of those of a network or beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seston.features import FEATURES
from seston.learn.networks.engines import EAGER
from seston.learn.networks.extractor import Extractor
from seston.learn.sets.measuring import NAMES, measure

Float32Array = NDArray[np.float32]
Vignettes = Sequence[NDArray[np.uint8]]


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
    """All that a head is told of vignettes: what a network saw, sizes, measured features.

    Parameters
    ----------
    network : Extractor, optional
        Absent where only measured features are looked at.
    measurer : Measurer
        May have no names.
    """

    network: Extractor | None
    measurer: Measurer

    @property
    def n_features(self) -> int:
        """Features of a vignette."""
        first = 0 if self.network is None else self.network.n_features
        return first + self.measurer.n_features

    @property
    def n_network(self) -> int:
        """Features of the network itself, which are the first."""
        return 0 if self.network is None else self.network.n_network

    @property
    def engine(self) -> str:
        """What computes the network; see `seston.learn.networks.engines`."""
        return EAGER if self.network is None else self.network.engine

    def features(
        self, vignettes: Vignettes, sizes: NDArray[np.float64], *, exactly: bool = False
    ) -> Float32Array:
        """Give (n, n_features) for vignettes whose pixels have sizes (n, 2)."""
        found = [self.measurer.features(vignettes, sizes)] if self.measurer.names else []
        if self.network is not None:
            found.insert(0, self.network.features(vignettes, sizes, exactly=exactly))
        return np.concatenate(found, axis=1)
