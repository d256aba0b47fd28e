"""Dense heads: one hidden layer of 50, 600 or 1792 units, as in the plankton literature."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from seston.learn.heads.lesson import Float32Array, Lesson, softmax

if TYPE_CHECKING:
    from torch import nn

DROPOUT_BEFORE, DROPOUT_AFTER = 0.4, 0.2
BATCH, RATE, DECAY = 64, 1e-3, 0.1
EPOCHS, PATIENCE, STEPS = 60, 8, 1000
"""How long a head alone is trained on features that are there already: for so many epochs, or
where there are few pictures, for so many steps."""


@dataclass(frozen=True, slots=True)
class DenseHead:
    """Standardised features, a hidden layer of rectified units, then a softmax.

    Parameters
    ----------
    mean, scale : array (n_features,), float32
        Taken off the features, and dividing them.
    hidden_weight : array (n_features, n_units), float32
    hidden_bias : array (n_units,), float32
    weight : array (n_units, n_taxa), float32
    bias : array (n_taxa,), float32

    References
    ----------
    Panaiotis et al. (2026), doi:10.5194/essd-18-945-2026: dropout of 0.4 before the hidden
    layer and of 0.2 after it.
    """

    kind: ClassVar[str] = "dense600"
    units: ClassVar[int] = 600

    mean: Float32Array
    scale: Float32Array
    hidden_weight: Float32Array
    hidden_bias: Float32Array
    weight: Float32Array
    bias: Float32Array

    @classmethod
    def fit(cls, lesson: Lesson) -> Self:
        """Train the layers; epochs end when the validation rows gain no more."""
        from seston.learn.training import loop
        from seston.learn.training.pace import Settings

        mean, scale = lesson.spread(weighted=False)  # dropout of a heavy feature is noise
        first = cls._untrained(mean, scale, lesson)
        pupil = first.layers()
        features = np.concatenate((lesson.features, lesson.validation_features))
        material = loop.Rows((features - mean) / scale)
        n = len(lesson.labels)
        task = loop.Task(
            labels=np.concatenate((lesson.labels, lesson.validation_labels)),
            learned=np.arange(n),
            validation=np.arange(n, len(features)),
            taxon_weights=lesson.taxon_weights,
        )
        epochs = max(EPOCHS, STEPS * BATCH // n)
        settings = Settings(
            epochs, epochs * PATIENCE // EPOCHS, BATCH, RATE, DECAY * EPOCHS / epochs,
            seed=lesson.seed,
        )  # fmt: skip
        loop.run(pupil, material, task, settings)
        return first.with_layers(pupil)

    @classmethod
    def _untrained(cls, mean: Float32Array, scale: Float32Array, lesson: Lesson) -> Self:
        rng = np.random.default_rng([lesson.seed, cls.units])
        sizes = (len(mean), cls.units, lesson.n_taxa)
        arrays = []
        for n_in, n_out in itertools.pairwise(sizes):
            bound = np.sqrt(6 / (n_in + n_out))  # Glorot and Bengio (2010), equation 16
            arrays += [rng.uniform(-bound, bound, (n_in, n_out)), np.zeros(n_out)]
        return cls(mean, scale, *(a.astype(np.float32) for a in arrays))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """Make the head from the arrays that `arrays` gave."""
        return cls(*(np.asarray(arrays[k], np.float32) for k in DenseHead.__slots__))

    @property
    def settings(self) -> dict[str, Any]:
        """What a card tells of the fit."""
        return {"units": self.units, "dropout": [DROPOUT_BEFORE, DROPOUT_AFTER]}

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that the head is, by name."""
        return {name: getattr(self, name) for name in DenseHead.__slots__}

    def fits(self, n_features: int, n_taxa: int) -> bool:
        """Tell whether the shapes of the arrays are those of a head of such a size."""
        n = self.units
        shapes = [(n_features,), (n_features,), (n_features, n), (n,), (n, n_taxa), (n_taxa,)]
        found = list(self.arrays.values())
        finite = all(np.isfinite(a).all() for a in found)
        return [a.shape for a in found] == shapes and finite and bool((self.scale > 0).all())

    def predict_proba(self, features: Float32Array) -> Float32Array:
        """Score each row for each taxon: (n, n_taxa), float32, each row adds up to 1."""
        hidden = ((features - self.mean) / self.scale) @ self.hidden_weight + self.hidden_bias
        return softmax(np.maximum(hidden, 0) @ self.weight + self.bias)

    def layers(self) -> nn.Sequential:
        """Give what follows on the standardised features as layers of torch, to learn on."""
        from torch import nn

        from seston.learn.heads.layers import linear

        hidden = linear(self.hidden_weight, self.hidden_bias)
        before, after = nn.Dropout(DROPOUT_BEFORE), nn.Dropout(DROPOUT_AFTER)
        return nn.Sequential(before, hidden, nn.ReLU(), after, linear(self.weight, self.bias))

    def with_layers(self, layers: nn.Sequential) -> Self:
        """Give the head that the layers have become."""
        from seston.learn.heads.layers import arrays_of

        return type(self)(self.mean, self.scale, *arrays_of(layers[1]), *arrays_of(layers[4]))


class Dense50Head(DenseHead):
    """A hidden layer of 50 units."""

    __slots__ = ()
    kind: ClassVar[str] = "dense50"
    units: ClassVar[int] = 50


class Dense1792Head(DenseHead):
    """A hidden layer of 1792 units."""

    __slots__ = ()
    kind: ClassVar[str] = "dense1792"
    units: ClassVar[int] = 1792
