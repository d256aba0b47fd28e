"""A trained model: load it, score vignettes with it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seston.ahead import ahead
from seston.errors import ConfigError, InputError, ModelError
from seston.learn import preprocess
from seston.learn._torch import device as best_device
from seston.learn.card import CURE, WEIGHTS, Card, load_card, read_weights
from seston.learn.heads import HEADS, Head
from seston.learn.judging.calibration import Calibration, calibrated
from seston.learn.judging.familiar import Familiar
from seston.learn.networks import backbones, engines
from seston.learn.networks.extractor import BATCH_SIZE, Extractor, place_of
from seston.learn.networks.measured import Joined, measurer

if TYPE_CHECKING:
    import torch

__all__ = ["BATCH_SIZE", "DOUBT", "Extractor", "Looked", "Model", "in_doubt", "load_model"]

Float32Array = NDArray[np.float32]

DOUBT = math.log(2)
"""An engine in bfloat16 moves the logarithm of the odds of the best two taxa by less than this: a
vignette whose two are nearer is looked at again in float32 (the best is less than twice as likely
as the next). Measured in docs/performance.md: labels then are those of float32."""


#: What tensors raise that are none of such a model.
_MISFIT = (KeyError, TypeError, ValueError, IndexError, AttributeError)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a model found in vignettes.

    Parameters
    ----------
    scores : array (n, n_taxa), float32
    embedding : array (n, n_features), float32
        What the network saw: features that lie near each other where vignettes look alike.
    """

    scores: Float32Array
    embedding: Float32Array


@dataclass(frozen=True)
class Model:
    """A trained classifier of vignettes.

    Parameters
    ----------
    card : Card
    extractor : Joined
    head : Head
    familiar : Familiar, optional
        What features of known objects look like.
    strange_above : float, optional
        Vignettes farther than this from all that the model learned get no scores: 0 for every
        taxon.
    """

    card: Card
    extractor: Joined
    head: Head
    familiar: Familiar | None = None
    strange_above: float | None = None

    @property
    def taxa(self) -> tuple[str, ...]:
        """Names of the columns of the scores."""
        return self.card.taxa

    @cached_property
    def hash(self) -> str:
        """Identity of the model: equal hash, equal weights and preprocessing."""
        return self.card.hash

    def predict(
        self,
        vignettes: Sequence[NDArray[np.uint8]],
        pixel_size_mm: ArrayLike | None = None,
    ) -> Float32Array:
        """Score vignettes for every taxon.

        Parameters
        ----------
        vignettes : sequence of array (y, x), uint8
            Dark objects on a background of level 240.
        pixel_size_mm : array (2,) or (n, 2), mm
            Height and width of a pixel, of all vignettes or of each. A model whose learning
            set told none needs none, and takes from it only the proportions of a pixel.

        Returns
        -------
        array (n, n_taxa), float32
            Each row adds up to 1 (or is 0, see `strange_above`). A row does not depend on the
            others (but for rounding).

        Raises
        ------
        InputError
            A vignette is not a grey picture, a pixel size is wrong, or the model needs it and
            it is not given.
        """
        return self.look(vignettes, pixel_size_mm).scores

    def look(
        self,
        vignettes: Sequence[NDArray[np.uint8]],
        pixel_size_mm: ArrayLike | None = None,
    ) -> Looked:
        """Score vignettes, and give what the network saw in them; see `predict`."""
        return self._judged(*self._featured((vignettes, pixel_size_mm)))

    def look_at_all(
        self, parts: Iterable[tuple[Sequence[NDArray[np.uint8]], ArrayLike | None]]
    ) -> Iterator[Looked]:
        """Score part after part, so that the device does not wait.

        Parts are made in one thread, go through the network in another, and their features get
        scores in this one: at the same time, and no more than two of each wait.

        Parameters
        ----------
        parts : iterable of (vignettes, pixel_size_mm)
            As `predict` takes them.
        """
        for part in ahead(map(self._featured, ahead(parts))):
            yield self._judged(*part)

    def _featured(
        self, part: tuple[Sequence[NDArray[np.uint8]], ArrayLike | None]
    ) -> tuple[Sequence[NDArray[np.uint8]], NDArray[np.float64], Float32Array]:
        vignettes, pixel_size_mm = part
        sizes = self._sizes(vignettes, pixel_size_mm)
        return vignettes, sizes, self.extractor.features(vignettes, sizes)

    def _judged(
        self,
        vignettes: Sequence[NDArray[np.uint8]],
        sizes: NDArray[np.float64],
        features: Float32Array,
    ) -> Looked:
        scores = self._scores(features)
        if not engines.is_exact(self.extractor.engine):
            again = np.flatnonzero(in_doubt(scores))
            exact = self.extractor.features(
                [vignettes[i] for i in again.tolist()], sizes[again], exactly=True
            )
            scores[again] = self._scores(exact)
        return Looked(scores, features[:, : self.extractor.n_network])

    def _scores(self, features: Float32Array) -> Float32Array:
        """Scores of features: all that is done to them is done here."""
        scores = calibrated(self.head.predict_proba(features), self.card.calibration)
        if self.familiar is not None and self.strange_above is not None:
            scores[self.familiar.distance(features) > self.strange_above] = 0
        return scores

    def wary(self, false_alarm: float) -> Self:
        """Give the same model, but with no scores for what lies far from all that it learned.

        So many of the vignettes of known taxa get none either.
        """
        limit = None if self.familiar is None else self.familiar.limit(false_alarm)
        return replace(self, strange_above=limit)

    def _sizes(
        self, vignettes: Sequence[NDArray[np.uint8]], pixel_size_mm: ArrayLike | None
    ) -> NDArray[np.float64]:
        """Sizes of pixels as the model learned them: in mm, or of one pixel's width."""
        preprocess.check_vignettes(vignettes)
        sizes = preprocess.pixel_sizes(len(vignettes), pixel_size_mm)
        if self.card.size_unit == "pixel":
            return np.asarray(sizes / sizes[:, 1:])
        if pixel_size_mm is None:
            raise InputError(
                "the model learned sizes in mm, and no pixel size is given",
                cure="Give the height and width of a pixel (--pixel-size-mm HEIGHT WIDTH).",
            )
        return sizes


def in_doubt(scores: Float32Array) -> NDArray[np.bool_]:
    """Say of each row of scores whether the engine's rounding could have chosen the taxon."""
    if scores.shape[1] < 2:
        return np.zeros(len(scores), bool)
    best = np.partition(scores, -2, axis=1)[:, -2:]
    return np.asarray(best[:, 1] < best[:, 0] * math.exp(DOUBT))


def load_model(
    folder: Path,
    *,
    device: str | None = None,
    batch_size: int = BATCH_SIZE,
    engine: str = engines.EAGER,
) -> Model:
    """Load a model from its folder.

    Parameters
    ----------
    folder : Path
        Holds ``model.safetensors`` and ``card.json``.
    device : str, optional
        See `device`.
    batch_size : int
        Vignettes at a time on a GPU (on a CPU not more than 32).
    engine : str
        What computes: ``eager`` (exact, everywhere), another of `seston.learn.networks.engines`, or
        ``auto``: the fastest here, as it was measured the first time.

    Raises
    ------
    ModelError
        A file is missing, damaged, changed, or does not fit the other.
    ConfigError
        The device is not there, or the engine cannot run on it.
    """
    folder = Path(folder)
    card = load_card(folder)
    Calibration.from_facts(card.calibration, len(card.taxa))  # refused now, or never
    arrays = read_weights(folder / WEIGHTS, card)
    try:
        head = HEADS[card.head["kind"]].from_arrays(_part(arrays, "head."))
        extractor = _extractor(
            card, arrays, folder / WEIGHTS, best_device(device), batch_size, engine
        )
    except _MISFIT as error:
        if isinstance(error, ModelError | ConfigError):
            raise
        raise ModelError("the card and the weights do not fit", where=folder, cure=CURE) from None
    if not head.fits(extractor.n_features, len(card.taxa)):
        raise ModelError("the head does not fit the card", where=folder, cure=CURE)
    familiar = _familiar(_part(arrays, "familiar."), folder)
    if familiar is not None and not familiar.fits(extractor.n_features, len(card.taxa)):
        raise ModelError("the prototypes do not fit the card", where=folder, cure=CURE)
    return Model(card, extractor, head, familiar)


def _familiar(arrays: dict[str, Any], folder: Path) -> Familiar | None:
    try:
        return Familiar.from_arrays(arrays) if arrays else None
    except _MISFIT:
        raise ModelError("the prototypes are damaged", where=folder, cure=CURE) from None


def _extractor(
    card: Card,
    arrays: dict[str, Any],
    path: Path,
    device: torch.device,
    batch_size: int,
    engine: str,
) -> Joined:
    facts = card.preprocessing
    network = None
    if facts.get("inputs", "deep") != "measured":
        backbone = _backbone(card, arrays, path)
        side = int(facts["image_size"])
        network = Extractor(
            backbone, side, device, batch_size, _chosen(engine, backbone, side, device, batch_size)
        )
    return Joined(network, measurer(facts.get("measured", ())))


def _backbone(card: Card, arrays: dict[str, Any], path: Path) -> backbones.Backbone:
    name, facts = str(card.backbone["name"]), card.preprocessing
    built = backbones.build(name, int(facts["image_size"]))
    backbones.fill(built.module, _part(arrays, "backbone."), path)
    mean, std = float(facts["mean"]), float(facts["std"])
    return backbones.Backbone(name, built.module, built.n_features, mean, std)


def _chosen(
    engine: str, backbone: backbones.Backbone, side: int, device: torch.device, batch_size: int
) -> str:
    from seston.learn.networks.engine_choice import choose

    if engine != engines.AUTO:
        return engine
    return choose(engine, backbone, place_of(side, device, batch_size))


def _part(arrays: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
