"""What a training came to, between those who make it and those who write it down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seston.learn.heads import Head
from seston.learn.judging.calibration import Calibration
from seston.learn.judging.familiar import Familiar
from seston.learn.judging.held_out import HeldOut
from seston.learn.networks.backbones import Backbone

if TYPE_CHECKING:
    from seston.learn.training.loop import Epoch

SIZE_IMPORTANCE = 10.0
"""Three size inputs stand beside a thousand of the network: without this they hardly count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a training came to.

    Parameters
    ----------
    backbone : Backbone, optional
        None where only measured features are looked at.
    weights_sha256 : str
        Hash of the weights that the backbone began with.
    measured : tuple of str
        Measured features that the head is told.
    head : Head
    parts : array (n,), uint8
        Part of each vignette of the learning set: see `seston.learn.sets.splits`.
    held_out : HeldOut
        With calibrated scores.
    calibration : Calibration
    familiar : Familiar
    history : tuple of Epoch
        Empty where nothing was fine-tuned.
    """

    backbone: Backbone | None
    weights_sha256: str
    measured: tuple[str, ...]
    head: Head
    parts: NDArray[np.uint8]
    held_out: HeldOut
    calibration: Calibration
    familiar: Familiar
    history: tuple[Epoch, ...] = ()
