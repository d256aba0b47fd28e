"""Nearest prototypes: for few examples of a taxon, down to one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from seston.learn.heads.lesson import Float32Array, Lesson, mean_log_loss, softmax

SHARPNESS = (2.5, 5.0, 10.0, 20.0, 40.0)
SHARPNESS_UNTRIED = 10.0
"""Where there are no validation rows to choose by."""


@dataclass(frozen=True, slots=True)
class PrototypesHead:
    """The mean direction of each taxon; scores fall with the angle to it.

    Parameters
    ----------
    mean, scale : array (n_features,), float32
        Taken off the features, and dividing them.
    prototypes : array (n_features, n_taxa), float32
        Of length 1 each.
    sharpness : float
        Factor on the cosines of the angles before they become scores.
    """

    kind: ClassVar[str] = "prototypes"

    mean: Float32Array
    scale: Float32Array
    prototypes: Float32Array
    sharpness: float

    @classmethod
    def fit(cls, lesson: Lesson) -> Self:
        """Average each taxon; how sharp scores are is chosen on the validation rows.

        References
        ----------
        Snell et al. (2017), Prototypical networks for few-shot learning, section 2.2, with the
        cosine of standardised features for a distance.
        """
        mean, scale = lesson.spread()
        member = np.eye(lesson.n_taxa, dtype=np.float32)[lesson.labels]
        prototypes = _unit(member.T @ _unit((lesson.features - mean) / scale)).T
        tried = [cls(mean, scale, prototypes, s) for s in SHARPNESS]
        if len(lesson.validation_labels) == 0:
            return cls(mean, scale, prototypes, SHARPNESS_UNTRIED)
        return min(tried, key=lambda head: head._loss(lesson))

    def _loss(self, lesson: Lesson) -> float:
        scores = self.predict_proba(lesson.validation_features)
        return mean_log_loss(scores, lesson.validation_labels)

    @property
    def settings(self) -> dict[str, Any]:
        """What a card tells of the fit."""
        return {"sharpness": self.sharpness}

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that the head is, by name."""
        own = {k: getattr(self, k) for k in ("mean", "scale", "prototypes")}
        return {**own, "sharpness": np.array([self.sharpness])}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """Make the head from the arrays that `arrays` gave."""
        own = {k: np.asarray(arrays[k], np.float32) for k in ("mean", "scale", "prototypes")}
        return cls(sharpness=float(np.asarray(arrays["sharpness"]).item()), **own)

    def fits(self, n_features: int, n_taxa: int) -> bool:
        """Tell whether the arrays are those of a head of such a size."""
        found = (self.mean, self.scale, self.prototypes)
        shapes = [(n_features,), (n_features,), (n_features, n_taxa)]
        if [a.shape for a in found] != shapes or not np.isfinite(self.sharpness):
            return False
        return all(np.isfinite(a).all() for a in found) and bool((self.scale > 0).all())

    def predict_proba(self, features: Float32Array) -> Float32Array:
        """Score each row for each taxon: (n, n_taxa), float32, each row adds up to 1."""
        cosines = _unit((features - self.mean) / self.scale) @ self.prototypes
        return softmax(np.float32(self.sharpness) * cosines)


def _unit(rows: Float32Array) -> Float32Array:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float32)
