"""A model as one ONNX file: grey squares and sizes in, scores out, for any program that reads it.

The file holds the scaling of grey levels, the network, the head and the calibration. What comes
before stays with the caller, and the metadata say it: how a vignette becomes a square, and the
natural logarithms of height, width and diameter that are the second input.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seston.atomic import new_file
from seston.errors import ConfigError, ModelError
from seston.learn.card import Card
from seston.learn.model import Model, load_model
from seston.learn.networks.extractor import Extractor
from seston.learn.networks.onnx import converted, squares

if TYPE_CHECKING:
    from torch import Tensor, nn


def export_onnx(model: Path, out: Path) -> Card:
    """Write a model as an ONNX file.

    Inputs: ``grey`` (n, side, side), uint8, the squares of `seston.learn.preprocess.squares`;
    ``sizes`` (n, 3), float32, of its `size_inputs`. Output: ``scores`` (n, n_taxa), float32. The
    number of vignettes n is free. Metadata: ``taxa`` (JSON), ``hash``, ``preprocessing`` (JSON).

    Parameters
    ----------
    model : Path
        Folder of a model.
    out : Path
        The file; it appears whole or not at all.

    Raises
    ------
    ModelError
        The model is damaged, or its head is none of linear layers: trees cannot be exported.
    ConfigError
        The package onnx is not installed.
    """
    _check_installed()
    import onnx

    loaded = load_model(model, device="cpu")
    whole = _whole(loaded)
    side = _network(loaded).place.side
    content = converted(whole, {"grey": squares(side), "sizes": _sizes()}, "scores")
    graph = onnx.load_from_string(content)
    onnx.helper.set_model_props(graph, _metadata(loaded.card))
    with new_file(out) as draft:
        draft.write_bytes(graph.SerializeToString())
    return loaded.card


def _check_installed() -> None:
    if find_spec("onnx") is None:
        raise ConfigError(
            "the package onnx is not installed", cure="pip install seston[onnx], and run again."
        )


def _sizes() -> Tensor:
    import torch

    return torch.zeros((2, 3))


def _whole(model: Model) -> nn.Module:
    from seston.learn.networks.exported import Looker, WholeModel

    arrays = model.head.arrays
    needed = {"mean", "scale", "weight", "bias"}
    if not needed <= set(arrays) <= needed | {"hidden_weight", "hidden_bias"}:
        raise ModelError(
            f"a head of kind {model.head.kind!r} cannot be exported to ONNX: linear and dense "
            "heads can",
            where="head",
            cure="Train the model again with one of these, or use seston itself.",
        )
    calibration: dict[str, Any] = model.card.calibration
    return WholeModel(Looker(_network(model).backbone), arrays, calibration)


def _network(model: Model) -> Extractor:
    if model.extractor.network is None or model.extractor.measurer.names:
        raise ModelError(
            "a model that is told measured features cannot be exported to ONNX",
            where="inputs",
            cure="Train it with `inputs: deep`, or use seston itself.",
        )
    return model.extractor.network


def _metadata(card: Card) -> dict[str, str]:
    return {
        "taxa": json.dumps(list(card.taxa), ensure_ascii=False),
        "hash": card.hash,
        "preprocessing": json.dumps(card.preprocessing, ensure_ascii=False),
    }
