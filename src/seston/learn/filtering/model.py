"""A trained filter: load it, ask it which objects pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seston.errors import ModelError
from seston.features import FEATURES
from seston.learn.card import WEIGHTS, Card, cure_of, load_card, read_arrays
from seston.learn.heads.boosting import BoostingHead

Float32Array = NDArray[np.float32]

#: `kind` of the head in the card of a filter.
KIND = "filter"
CURE = cure_of(KIND)
#: Columns of its scores.
TAXA = ("other", "plankton")


@dataclass(frozen=True, eq=False)
class Filter:
    """Boosted trees on measured features that say of each object how likely it is plankton.

    Parameters
    ----------
    card : Card
    head : BoostingHead
    """

    card: Card
    head: BoostingHead

    @property
    def names(self) -> tuple[str, ...]:
        """Features that it looks at, in its order."""
        return tuple(self.card.preprocessing["measured"])

    @property
    def threshold(self) -> float:
        """Score from which an object passes."""
        return float(self.card.head["threshold"])

    def scores(self, features: Float32Array, names: Sequence[str]) -> Float32Array:
        """Score objects: (n,), float32, 1 for what is surely plankton.

        Parameters
        ----------
        features : array (n, n_names), float32
            What is not known (NaN) counts as larger than all that is.
        names : sequence of str
            What the columns are.

        Raises
        ------
        ModelError
            A feature that the filter needs is not among them.
        """
        check_features(self.card, names)
        columns = [names.index(name) for name in self.names]
        return self.head.predict_proba(completed(features[:, columns]))[:, 1]

    def passes(self, features: Float32Array, names: Sequence[str]) -> NDArray[np.bool_]:
        """Say of each object whether it passes: (n,), bool; parameters as in `scores`."""
        return np.asarray(self.scores(features, names) >= np.float32(self.threshold))


def completed(features: Float32Array) -> Float32Array:
    """Give features without gaps: what is not known, or not finite, is the largest number."""
    largest = float(np.finfo(np.float32).max)
    return np.nan_to_num(features, nan=largest, posinf=largest, neginf=-largest)


def check_features(card: Card, names: Sequence[str]) -> None:
    """Refuse a filter that asks for features that are not measured.

    Raises
    ------
    ModelError
        A feature is missing.
    """
    missing = [name for name in card.preprocessing["measured"] if name not in names]
    if missing:
        raise ModelError(
            f"the filter asks for {missing[0]!r} and {len(missing) - 1} more features that are "
            "not measured",
            where="segmentation.filter",
            cure="Add the set `fast` to `features` of config.yaml.",
        )


def load_filter(folder: Path) -> Filter:
    """Load a filter from its folder.

    Raises
    ------
    ModelError
        A file is missing, damaged, changed, does not fit the other, or is no filter.
    """
    card = load_filter_card(folder)
    arrays = read_arrays(Path(folder) / WEIGHTS, card)
    try:
        head = BoostingHead.from_arrays(arrays)
    except (KeyError, TypeError, ValueError):
        raise ModelError("the card and the weights do not fit", where=folder, cure=CURE) from None
    if not head.fits(len(card.preprocessing["measured"]), len(TAXA)):
        raise ModelError("the trees do not fit the card", where=folder, cure=CURE)
    return Filter(card, head)


def load_filter_card(folder: Path) -> Card:
    """Read the card of a filter, without its trees.

    Raises
    ------
    ModelError
        It is missing, damaged, changed, or that of another model.
    """
    card = load_card(Path(folder), KIND)
    if card.head.get("kind") != KIND:
        raise ModelError(
            "the model is no filter of measured objects",
            where=folder,
            cure="Train one with `seston train-filter`; a classifier belongs in "
            "`classification.model`.",
        )
    measured = card.preprocessing.get("measured")
    threshold = card.head.get("threshold")
    known = isinstance(measured, list) and all(name in FEATURES for name in measured)
    if not known or not isinstance(threshold, float) or card.taxa != TAXA:
        raise ModelError("the card tells no filter", where=folder, cure=CURE)
    return card
