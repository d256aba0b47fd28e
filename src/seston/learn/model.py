"""A trained model: load it, score vignettes with it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seston.errors import ConfigError, InputError, ModelError
from seston.learn import backbones, preprocess
from seston.learn._torch import device as best_device
from seston.learn.calibration import Calibration, calibrated
from seston.learn.card import CURE, WEIGHTS, Card, load_card
from seston.learn.familiar import Familiar
from seston.learn.heads import HEADS, Head
from seston.learn.measured import Extractor as AnyExtractor
from seston.learn.measured import Joined, measurer

if TYPE_CHECKING:
    import torch

Float32Array = NDArray[np.float32]

BATCH_SIZE = 128
CPU_BATCH = 32
"""On a CPU, the layers of a larger batch no longer fit the cache: at 128, a third slower."""


class Extractor:
    """A backbone on a device, that gives features of vignettes.

    Parameters
    ----------
    backbone : Backbone
    side : int
        Side of the squares that it looks at, pixels.
    device : torch.device
    batch_size : int
        Vignettes at a time on a GPU.
    """

    def __init__(
        self,
        backbone: backbones.Backbone,
        side: int,
        device: torch.device,
        batch_size: int = BATCH_SIZE,
    ) -> None:
        import torch

        self._backbone, self._side, self._device = backbone, side, device
        self._batch_size = min(batch_size, CPU_BATCH) if device.type == "cpu" else batch_size
        module = backbones.fold_batch_norms(backbone.module)
        self._module = module.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def n_features(self) -> int:
        """Features of the network and of size together."""
        return self._backbone.n_features + len(preprocess.SIZE_INPUTS)

    def features(
        self, vignettes: Sequence[NDArray[np.uint8]], sizes: NDArray[np.float64]
    ) -> Float32Array:
        """Look at vignettes: (n, n_features) of the network, then the size inputs.

        Parameters
        ----------
        vignettes : sequence of array (y, x), uint8
        sizes : array (n, 2)
            Height and width of their pixels.
        """
        out = np.empty((len(vignettes), self.n_features), np.float32)
        n_network = self._backbone.n_features
        for start in range(0, len(vignettes), self._batch_size):
            rows = slice(start, start + self._batch_size)
            grey = preprocess.squares(vignettes[rows], self._side, sizes[rows])
            out[rows, :n_network] = self._look(grey)
        out[:, n_network:] = preprocess.size_inputs(vignettes, sizes)
        return out

    def _look(self, grey: NDArray[np.uint8]) -> Float32Array:
        import torch

        gpu = self._device.type == "cuda"
        with (
            torch.inference_mode(),
            torch.autocast("cuda", torch.bfloat16, enabled=gpu),
        ):
            pixels = torch.from_numpy(grey[:, None]).to(self._device).float()
            scaled = pixels.div_(255 * self._backbone.std)
            scaled.sub_(self._backbone.mean / self._backbone.std)
            found = self._module(scaled.contiguous(memory_format=torch.channels_last))
        return np.asarray(found.float().cpu().numpy(), np.float32)


@dataclass(frozen=True)
class Model:
    """A trained classifier of vignettes.

    Parameters
    ----------
    card : Card
    extractor : Extractor
    head : Head
    familiar : Familiar, optional
        What features of known objects look like.
    strange_above : float, optional
        Vignettes farther than this from all that the model learned get no scores: 0 for every
        taxon.
    """

    card: Card
    extractor: AnyExtractor
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
        preprocess.check_vignettes(vignettes)
        sizes = preprocess.pixel_sizes(len(vignettes), pixel_size_mm)
        if self.card.size_unit == "pixel":
            sizes = sizes / sizes[:, 1:]
        elif pixel_size_mm is None:
            raise InputError(
                "the model learned sizes in mm, and no pixel size is given",
                cure="Give the pixel size of the vignettes.",
            )
        return self.settled(self.extractor.features(vignettes, sizes))

    def settled(self, features: Float32Array) -> Float32Array:
        """Give calibrated scores of features; none of what is strange to the model."""
        scores = calibrated(self.head.predict_proba(features), self.card.calibration)
        if self.familiar is not None and self.strange_above is not None:
            strange = self.familiar.distance(features) > self.strange_above
            return np.where(strange[:, None], np.float32(0), scores)
        return scores

    def wary(self, false_alarm: float) -> Self:
        """Give the same model, but with no scores for what lies far from all that it learned.

        So many of the vignettes of known taxa get none either.
        """
        limit = None if self.familiar is None else self.familiar.limit(false_alarm)
        return replace(self, strange_above=limit)


def load_model(folder: Path, *, device: str | None = None, batch_size: int = BATCH_SIZE) -> Model:
    """Load a model from its folder.

    Parameters
    ----------
    folder : Path
        Holds ``model.safetensors`` and ``card.json``.
    device : str, optional
        See `device`.
    batch_size : int
        Vignettes at a time on a GPU (on a CPU not more than 32).

    Raises
    ------
    ModelError
        A file is missing, damaged, changed, or does not fit the other.
    ConfigError
        The device is not there.
    """
    folder = Path(folder)
    card = load_card(folder)
    Calibration.from_facts(card.calibration, len(card.taxa))  # refused now, or never
    arrays = _weights(folder / WEIGHTS, card)
    try:
        head = HEADS[card.head["kind"]].from_arrays(_part(arrays, "head."))
        extractor = _extractor(card, arrays, folder / WEIGHTS, best_device(device), batch_size)
    except (KeyError, TypeError, ValueError) as error:
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
    except (KeyError, TypeError, ValueError):
        raise ModelError("the prototypes are damaged", where=folder, cure=CURE) from None


def _extractor(
    card: Card, arrays: dict[str, Any], path: Path, device: torch.device, batch_size: int
) -> AnyExtractor:
    facts = card.preprocessing
    parts: list[AnyExtractor] = []
    if facts.get("inputs", "deep") != "measured":
        name, side = str(card.backbone["name"]), int(facts["image_size"])
        built = backbones.build(name)
        backbones.fill(built.module, _part(arrays, "backbone."), path)
        mean, std = float(facts["mean"]), float(facts["std"])
        backbone = backbones.Backbone(name, built.module, built.n_features, mean, std)
        parts.append(Extractor(backbone, side, device, batch_size))
    if facts.get("measured"):
        parts.append(measurer(facts["measured"]))
    return Joined(tuple(parts))


def _weights(path: Path, card: Card) -> dict[str, Any]:
    import safetensors
    import safetensors.torch

    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"the weights cannot be read: {error.strerror}", where=path, cure=CURE
        ) from None
    if hashlib.sha256(content).hexdigest() != card.weights_sha256:
        raise ModelError("the weights are not those of the card", where=path, cure=CURE)
    try:
        return dict(safetensors.torch.load(content))
    except safetensors.SafetensorError:
        raise ModelError("the weights are damaged", where=path, cure=CURE) from None


def _part(arrays: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
