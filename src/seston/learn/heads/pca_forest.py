"""The first principal components of the features, then a random forest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from seston.learn.heads.forest import ForestHead
from seston.learn.heads.lesson import Float32Array, Lesson

N_COMPONENTS = 50
"""As in Panaiotis et al. (2026), doi:10.5194/essd-18-945-2026."""


@dataclass(frozen=True, slots=True)
class PcaForestHead:
    """A random forest on at most 50 principal components.

    Parameters
    ----------
    mean : array (n_features,), float32
    components : array (n_features, n_components), float32
        The directions, each divided by the scale of the features.
    forest : ForestHead
    """

    kind: ClassVar[str] = "pca_forest"

    mean: Float32Array
    components: Float32Array
    forest: ForestHead

    @classmethod
    def fit(cls, lesson: Lesson) -> Self:
        """Find the components of the features to learn from, and grow a forest on them."""
        from sklearn.decomposition import PCA

        mean, scale = lesson.spread()
        standard = (lesson.features - mean) / scale
        number = min(N_COMPONENTS, *standard.shape)
        found = PCA(number, svd_solver="full").fit(standard)
        # The rows are centred already, but for rounding.
        components = (found.components_ / scale).T.astype(np.float32)
        project = _Projection(mean, components)
        seen = replace(
            lesson,
            features=project(lesson.features),
            validation_features=project(lesson.validation_features),
        )
        return cls(mean, components, ForestHead.fit(seen))

    @property
    def settings(self) -> dict[str, Any]:
        """What a card tells of the fit."""
        return {"n_components": self.components.shape[1], **self.forest.settings}

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that the head is, by name."""
        return {"mean": self.mean, "components": self.components, **self.forest.arrays}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """Make the head from the arrays that `arrays` gave."""
        mean, components = (np.asarray(arrays[k], np.float32) for k in ("mean", "components"))
        return cls(mean, components, ForestHead.from_arrays(arrays))

    def fits(self, n_features: int, n_taxa: int) -> bool:
        """Tell whether the arrays are those of a head of such a size."""
        shape = self.components.shape
        if self.mean.shape != (n_features,) or len(shape) != 2 or shape[0] != n_features:
            return False
        finite = np.isfinite(self.mean).all() and np.isfinite(self.components).all()
        return bool(finite) and self.forest.fits(shape[1], n_taxa)

    def predict_proba(self, features: Float32Array) -> Float32Array:
        """Score each row for each taxon: (n, n_taxa), float32, each row adds up to 1."""
        return self.forest.predict_proba(_Projection(self.mean, self.components)(features))


@dataclass(frozen=True, slots=True)
class _Projection:
    mean: Float32Array
    components: Float32Array

    def __call__(self, features: Float32Array) -> Float32Array:
        return np.asarray((features - self.mean) @ self.components, np.float32)
