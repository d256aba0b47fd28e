"""A network as ONNX, a form that other programs compute."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from seston.learn.networks.backbones import Backbone

if TYPE_CHECKING:
    from torch import Tensor, nn

OPSET: Final = 17
"""Read by ONNX Runtime since 1.12 (2022)."""


def backbone_as_onnx(backbone: Backbone, side: int) -> bytes:
    """Give the network alone as ONNX: squares (n, side, side), uint8, to features."""
    from seston.learn.networks.exported import Looker

    return converted(Looker(backbone), {"grey": squares(side)}, "features")


def converted(module: nn.Module, inputs: Mapping[str, Tensor], output: str) -> bytes:
    """Give a module as ONNX.

    Parameters
    ----------
    module : nn.Module
    inputs : mapping of Tensor (2, ...)
        Examples by name; their first dimension will be free.
    output : str
        Name of what it gives.
    """
    import torch

    with TemporaryDirectory() as folder, torch.inference_mode(), warnings.catch_warnings():
        path = Path(folder) / "model.onnx"
        warnings.simplefilter("ignore")  # that this exporter, which needs no more packages, is old
        torch.onnx.export(
            module,
            tuple(inputs.values()),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=[output],
            dynamic_axes={name: {0: "n"} for name in (*inputs, output)},
        )
        return path.read_bytes()


def squares(side: int) -> Tensor:
    """Give an example of squares, (2, side, side), uint8."""
    import torch

    return torch.zeros((2, side, side), dtype=torch.uint8)
