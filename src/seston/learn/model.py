"""A trained model: load it, score vignettes with it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seston.errors import InputError, ModelError
from seston.learn import backbones, preprocess
from seston.learn._torch import device as best_device
from seston.learn.card import CURE, WEIGHTS, Card, load_card
from seston.learn.heads import HEADS, Head

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
    """

    card: Card
    extractor: Extractor
    head: Head

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
            Each row adds up to 1. A row does not depend on the others (but for rounding).

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
        return self.head.predict_proba(self.extractor.features(vignettes, sizes))


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
    arrays = _weights(folder / WEIGHTS, card)
    try:
        name, side = str(card.backbone["name"]), int(card.preprocessing["image_size"])
        mean, std = float(card.preprocessing["mean"]), float(card.preprocessing["std"])
        head = HEADS[card.head["kind"]].from_arrays(_part(arrays, "head."))
    except (KeyError, TypeError, ValueError):
        raise ModelError("the card and the weights do not fit", where=folder, cure=CURE) from None
    built = backbones.build(name)
    backbones.fill(built.module, _part(arrays, "backbone."), folder / WEIGHTS)
    backbone = backbones.Backbone(name, built.module, built.n_features, mean, std)
    extractor = Extractor(backbone, side, best_device(device), batch_size)
    if not head.fits(extractor.n_features, len(card.taxa)):
        raise ModelError("the head does not fit the card", where=folder, cure=CURE)
    return Model(card, extractor, head)


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
