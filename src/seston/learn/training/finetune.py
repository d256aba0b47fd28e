"""Fine-tuning: the whole network learns, from pictures that are changed a little each time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from seston import config
from seston.learn import preprocess
from seston.learn.heads import NeuralHead
from seston.learn.networks.backbones import Backbone
from seston.learn.sets.learning_set import LearningSet
from seston.learn.training import loop
from seston.learn.training.augment import augment
from seston.learn.training.checkpoint import Checkpoint
from seston.learn.training.pace import Settings
from seston.progress import progress

Float32Array = NDArray[np.float32]


ROWS_ON_CPU = 16
"""Layers of more no longer fit the cache: 64 rows at a time take half as long again."""

WEIGHT_DECAY = 0.01


class Whole(nn.Module):
    """A backbone and the layers of a head, that name pictures together.

    Parameters
    ----------
    backbone : Backbone
    head : NeuralHead
        Its layers see the network's features and the size inputs, standardised as it says.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, backbone: Backbone, head: NeuralHead) -> None:
        super().__init__()
        self.network = backbone.module
        self.layers = head.layers()
        self.register_buffer("mean", torch.tensor(head.mean), persistent=False)
        self.register_buffer("scale", torch.tensor(head.scale), persistent=False)

    def forward(self, pixels: torch.Tensor, sizes: torch.Tensor) -> torch.Tensor:
        """Give logits (n, n_taxa) of pixels (n, 1, side, side) and size inputs (n, n_sizes)."""
        features = torch.cat((self.network(pixels).float(), sizes), dim=1)
        logits: torch.Tensor = self.layers((features - self.mean) / self.scale)
        return logits


@dataclass(frozen=True)
class Pictures:
    """The vignettes of a learning set, as squares that a network takes.

    Parameters
    ----------
    vignettes : sequence of array (y, x), uint8
    sizes : array (n, 2)
        Height and width of the pixels of each.
    inputs : array (n, n_sizes), float32
        What the head is told besides.
    side : int
        Side of the squares, pixels.
    mean, std : float
        Taken off grey values between 0 and 1, and dividing them.
    device : torch.device
    augmented : bool
        Change pictures where a seed is given.
    """

    vignettes: Sequence[NDArray[np.uint8]]
    sizes: NDArray[np.float64]
    inputs: Float32Array
    side: int
    mean: float
    std: float
    device: torch.device
    augmented: bool

    def load(self, rows: NDArray[np.int64]) -> tuple[NDArray[Any], ...]:
        """Make squares of some vignettes."""
        chosen = [self.vignettes[int(i)] for i in rows]
        return preprocess.squares(chosen, self.side, self.sizes[rows]), self.inputs[rows]

    def to_device(self, loaded: tuple[NDArray[Any], ...], seed: int | None) -> loop.Tensors:
        """Give pixels as the network expects them, and what the head is told besides."""
        grey, inputs = (torch.from_numpy(a).to(self.device) for a in loaded)
        pixels = grey[:, None].float().div_(255)
        if seed is not None and self.augmented:
            pixels = augment(pixels, torch.Generator().manual_seed(seed))
        scaled = (pixels - self.mean) / self.std
        return scaled.contiguous(memory_format=torch.channels_last), inputs


def pictures_of(
    learning_set: LearningSet,
    backbone: Backbone,
    settings: config.Training,
    device: torch.device,
) -> Pictures:
    """Make a learning set ready for a network."""
    sizes = preprocess.pixel_sizes(len(learning_set.vignettes), learning_set.pixel_sizes_mm)
    return Pictures(
        learning_set.vignettes,
        sizes,
        preprocess.size_inputs(learning_set.vignettes, sizes),
        settings.image_size,
        backbone.mean,
        backbone.std,
        device,
        settings.augment,
    )


def fine_tune(
    backbone: Backbone,
    head: NeuralHead,
    pictures: Pictures,
    task: loop.Task,
    settings: config.Training,
    *,
    checkpoint: Checkpoint | None = None,
    tell: loop.Tell | None = None,
) -> tuple[Backbone, NeuralHead, list[loop.Epoch]]:
    """Train backbone and head together, from a head that was fitted to the backbone as it was.

    Parameters
    ----------
    backbone : Backbone
        Its own weights are changed.
    head : NeuralHead
    pictures : Pictures
    task : loop.Task
    settings : config.Training
    checkpoint : Checkpoint, optional
        Where the training is kept, and taken up from.
    tell : callable, optional
        Is told of every epoch when it ends.

    Returns
    -------
    backbone : Backbone
        In evaluation mode, on the CPU.
    head : NeuralHead
    history : list of Epoch
    """
    whole = Whole(backbone, head)
    whole.to(device=pictures.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    how = loop_settings(settings, pictures.device)
    with progress("train", how.epochs * len(task.learned), "images", of="images") as shown:

        def note(epoch: loop.Epoch) -> None:
            shown.note(_line(epoch, how.epochs))
            if tell is not None:
                tell(epoch)

        history = loop.run(
            whole, pictures, task, how, checkpoint=checkpoint, shown=shown, tell=note
        )
    whole.cpu()
    tuned = replace(backbone, module=whole.network.eval())
    return tuned, head.with_layers(whole.layers), history


def _line(epoch: loop.Epoch, epochs: int) -> str:
    validation = (
        f"validation loss {epoch.validation_loss:.3f} ({epoch.validation_loss_calibrated:.3f} "
        f"calibrated), accuracy {epoch.validation_accuracy:.3f}, balanced "
        f"{epoch.validation_balanced_accuracy:.3f}"
    )
    if epoch.epoch == 0:
        return f"before: {validation}"
    return (
        f"epoch {epoch.epoch} of {epochs}: loss {epoch.loss:.3f}, {validation}, "
        f"{epoch.images_per_s:,.0f} images/s"
    )


def loop_settings(settings: config.Training, device: torch.device) -> Settings:
    """Say how the loop runs on a device.

    Raises
    ------
    ValueError
        The rate of learning is not settled.
    """
    if settings.learning_rate is None:
        raise ValueError("no rate of learning: `train` settles it")
    return Settings(
        epochs=settings.epochs,
        patience=settings.patience,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        weight_decay=WEIGHT_DECAY,
        bfloat16=uses_bfloat16(settings.precision, device),
        seed=settings.seed,
        rows_at_a_time=ROWS_ON_CPU if device.type == "cpu" else settings.batch_size,
    )


def uses_bfloat16(precision: str, device: torch.device) -> bool:
    """Say whether products are computed in bfloat16: where told, or where it is the faster.

    On a CPU it is not, even where processors have it: what learns is bound by the convolutions
    of single channels, whose gradients are slower in it.
    """
    if precision != "auto":
        return precision == "bfloat16"
    return device.type == "cuda" and bool(torch.cuda.is_bf16_supported(including_emulation=False))
