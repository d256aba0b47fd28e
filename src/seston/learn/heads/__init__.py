"""Heads: from features to the scores of taxa, one file each.

A head is fitted once, then is a few named arrays: what is saved holds no code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from seston.learn.heads.boosting import BoostingHead
from seston.learn.heads.dense import Dense50Head, Dense1792Head, DenseHead
from seston.learn.heads.forest import ForestHead
from seston.learn.heads.lesson import Lesson, effective_prior, taxon_weights
from seston.learn.heads.linear import LinearHead
from seston.learn.heads.pca_forest import PcaForestHead
from seston.learn.heads.prototypes import PrototypesHead

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "HEADS",
    "NEURAL_HEADS",
    "Head",
    "Lesson",
    "LinearHead",
    "NeuralHead",
    "effective_prior",
    "taxon_weights",
]


class Head(Protocol):
    """What every head does."""

    kind: ClassVar[str]

    @classmethod
    def fit(cls, lesson: Lesson) -> Self:
        """Make the head from a lesson; the same lesson gives the same head."""
        ...

    def predict_proba(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score each row for each taxon: (n, n_taxa), float32, each row adds up to 1."""
        ...

    @property
    def settings(self) -> dict[str, Any]:
        """What a card tells of the fit."""
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
        """Tell whether the arrays are those of a head of such a size, and safe to use."""
        ...


class NeuralHead(Head, Protocol):
    """A head that is layers of a network, so that the backbone can learn through it."""

    @property
    def mean(self) -> NDArray[np.float32]:
        """Taken off the features, (n_features,)."""
        ...

    @property
    def scale(self) -> NDArray[np.float32]:
        """What they are divided by then, (n_features,)."""
        ...

    def layers(self) -> nn.Sequential:
        """Give what follows on the standardised features as layers of torch, to learn on."""
        ...

    def with_layers(self, layers: nn.Sequential) -> Self:
        """Give the head that the layers have become."""
        ...


NEURAL_HEADS: dict[str, type[NeuralHead]] = {
    head.kind: head for head in (LinearHead, Dense50Head, DenseHead, Dense1792Head)
}
"""Heads through which a backbone can be fine-tuned, by name."""

HEADS: dict[str, type[Head]] = {
    **NEURAL_HEADS,
    **{head.kind: head for head in (ForestHead, PcaForestHead, BoostingHead, PrototypesHead)},
}
"""All heads, by name."""
