"""A trained network that finds and names objects at once: load it, let it look at frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seston.errors import ModelError
from seston.frame import UInt8Array
from seston.learn import _torch
from seston.learn.card import WEIGHTS, Card, cure_of, load_card, read_weights

if TYPE_CHECKING:
    import torch

    from seston.learn.semantic.network import SemanticNetwork

Float32Array = NDArray[np.float32]

#: `kind` of the head in the card of such a model.
KIND = "semantic"
CURE = cure_of(KIND)


@dataclass(frozen=True, eq=False)
class SemanticModel:
    """A network that gives shares of taxa for each cell of a frame.

    Parameters
    ----------
    card : Card
    network : SemanticNetwork
        On its device, in evaluation mode.
    device : torch.device
    """

    card: Card
    network: SemanticNetwork
    device: torch.device

    @property
    def taxa(self) -> tuple[str, ...]:
        """Taxa that are wanted, in the order of the shares."""
        return self.card.taxa

    @property
    def least_score(self) -> float:
        """Share of all taxa from which an object is kept, as validation chose it."""
        return float(self.card.head["least_score"])

    def look(self, grey: UInt8Array) -> Float32Array:
        """Give the shares of the taxa in each cell.

        Parameters
        ----------
        grey : array (y, x), uint8
            Objects dark, the background at level 240; sides are multiples of 64.

        Returns
        -------
        array (taxon, y / 4, x / 4), float32
        """
        return shares(self.network, grey, self.device)

    def check_pixel_size(self, pixel_height: float, pixel_width: float) -> None:
        """Refuse pixels of another size than those the network learned from.

        Raises
        ------
        ModelError
            They differ by more than a quarter, or the card tells no size.
        """
        if not self.card.training.get("pixel_size_mm"):
            raise ModelError(
                "its card does not tell the size of the pixels that it learned from",
                where="segmentation.model",
                cure="Train it again, with --pixel-size-mm: only with them are sizes known.",
            )
        self.card.check_pixel_size(pixel_height, pixel_width, "segmentation.model")


def shares(network: SemanticNetwork, grey: UInt8Array, device: torch.device) -> Float32Array:
    """Give the shares of the taxa in each cell: see `SemanticModel.look`."""
    import torch

    from seston.learn.semantic.network import scaled

    with torch.inference_mode(), half_precision(device):
        logits = network(scaled(torch.from_numpy(grey[None]).to(device)))
    return np.asarray(logits[0].float().softmax(dim=0)[1:].cpu().numpy(), np.float32)


def half_precision(device: torch.device) -> torch.autocast:
    """Compute in bfloat16 where the processor can."""
    import torch

    able = device.type == "cuda" or (
        device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )
    return torch.autocast(device.type, torch.bfloat16, enabled=bool(able))


def load_semantic(folder: Path, *, device: str | None = None) -> SemanticModel:
    """Load a model from its folder.

    Parameters
    ----------
    folder : Path
        Holds ``model.safetensors`` and ``card.json``.
    device : str, optional
        See `seston.learn.device`.

    Raises
    ------
    ModelError
        A file is missing, damaged, changed, does not fit the other, or is a classifier of
        vignettes.
    """
    import torch

    card = load_semantic_card(folder)
    tensors = read_weights(Path(folder) / WEIGHTS, card)
    network = build(card)
    try:
        network.load_state_dict(tensors, strict=True)
    except RuntimeError:
        raise ModelError("the card and the weights do not fit", where=folder, cure=CURE) from None
    best = _torch.device(device)
    network.to(device=best, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return SemanticModel(card, network.eval(), best)


def load_semantic_card(folder: Path) -> Card:
    """Read the card of a model that finds and names at once, without its weights.

    Raises
    ------
    ModelError
        It is missing, damaged, changed, or that of a classifier of vignettes.
    """
    card = load_card(Path(folder), KIND)
    if card.head.get("kind") != KIND:
        raise ModelError(
            "the model names vignettes, it finds nothing in frames",
            where=folder,
            cure="Train one with `seston train-semantic`, or set `segmentation.method` to "
            "threshold and name this one in `classification.model`.",
        )
    return card


def build(card: Card) -> SemanticNetwork:
    """Make the network of a card, with random weights."""
    from seston.learn.semantic.network import SemanticNetwork

    try:
        widths = tuple(int(w) for w in card.backbone["widths"])
        if not 2 <= len(widths) <= 5 or not all(0 < w <= 4096 for w in widths):
            raise ValueError(widths)
        return SemanticNetwork(1 + len(card.taxa), widths)
    except (KeyError, TypeError, ValueError):
        raise ModelError("the card tells no network", where="card.json", cure=CURE) from None
