"""Heads: from features to the scores of taxa, one file each.

A head is fitted once, then is a few named arrays: what is saved holds no code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from seston.learn.heads.linear import LinearHead

__all__ = ["HEADS", "Head", "LinearHead"]


class Head(Protocol):
    """What every head does, once fitted."""

    kind: ClassVar[str]

    def predict_proba(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score each row for each taxon: (n, n_taxa), float32, each row adds up to 1."""
        ...

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that the head is, by name."""
        ...

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """Make the head from the arrays that `arrays` gave."""
        ...

    def fits(self, n_features: int, n_taxa: int) -> bool:
        """Tell whether the arrays are those of a head of such a size."""
        ...


HEADS: dict[str, type[Head]] = {LinearHead.kind: LinearHead}
