"""Networks that begin where vignettes end: grey squares in, features or scores out.

Imports torch at once: other modules import this one inside the functions that need it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seston.learn import backbones


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
