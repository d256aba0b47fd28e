"""Networks that begin where vignettes end: grey squares in, features or scores out.

Imports torch at once: other modules import this one inside the functions that need it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seston.learn.networks import backbones

_FLOOR: Final = 1e-12  # of scores whose logarithms are calibrated


class Looker(nn.Module):
    """A backbone with the scaling of grey levels before it.

    Parameters
    ----------
    backbone : Backbone
        Its batch normalisations are folded into its convolutions; the backbone given stays as it
        is.
    """

    def __init__(self, backbone: backbones.Backbone) -> None:
        super().__init__()
        self._divisor, self._shift = 255 * backbone.std, backbone.mean / backbone.std
        folded = backbones.fold_batch_norms(backbone.module)
        self.module = folded.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.eval()

    def forward(self, grey: Tensor) -> Tensor:
        """Give features (n, n_features) of squares (n, side, side), uint8."""
        scaled = grey.unsqueeze(1).float() / self._divisor - self._shift
        found: Tensor = self.module(scaled.contiguous(memory_format=torch.channels_last))
        return found


class WholeModel(nn.Module):
    """A network, its head of one or two linear layers, and its calibration.

    Parameters
    ----------
    looker : Looker
    head : dict of array
        ``mean`` and ``scale`` of the features; ``weight`` and ``bias`` of the last layer;
        ``hidden_weight`` and ``hidden_bias`` of the one before, where there is one.
    calibration : dict
        ``factor`` and ``bias`` on the logarithms of scores, as the card holds them; may be empty.
    """

    def __init__(
        self,
        looker: Looker,
        head: Mapping[str, NDArray[Any]],
        calibration: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.looker = looker
        self._head = {name: torch.from_numpy(np.array(a)) for name, a in head.items()}
        numbers = {name: calibration.get(name) for name in ("factor", "bias")}
        self._calibration = {
            name: torch.tensor(n, dtype=torch.float32) for name, n in numbers.items() if n
        }
        self.eval()

    def forward(self, grey: Tensor, sizes: Tensor) -> Tensor:
        """Give scores (n, n_taxa) of squares (n, side, side) and their sizes (n, 3)."""
        head = self._head
        features = torch.cat((self.looker(grey), sizes), dim=1)
        found = (features - head["mean"]) / head["scale"]
        if "hidden_weight" in head:
            found = torch.relu(found @ head["hidden_weight"] + head["hidden_bias"])
        logits = found @ head["weight"] + head["bias"]
        if self._calibration:
            logs = torch.softmax(logits, dim=1).clamp(min=_FLOOR).log()
            logits = self._calibration["factor"] * logs + self._calibration["bias"]
        return torch.softmax(logits, dim=1)
