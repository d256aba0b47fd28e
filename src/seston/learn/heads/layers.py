"""Between the arrays of a head and layers of torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from seston.learn.heads.lesson import Float32Array


def linear(weight: Float32Array, bias: Float32Array) -> nn.Linear:
    """Make a layer from weights (n_in, n_out) and biases (n_out,)."""
    layer = nn.Linear(*weight.shape)
    layer.load_state_dict({"weight": torch.tensor(weight.T), "bias": torch.tensor(bias)})
    return layer


def arrays_of(layer: Any) -> tuple[Float32Array, Float32Array]:  # noqa: ANN401
    """Give the weights (n_in, n_out) and the biases (n_out,) of a linear layer."""
    weight, bias = (p.detach().cpu().float().numpy() for p in (layer.weight, layer.bias))
    return np.ascontiguousarray(weight.T), bias
