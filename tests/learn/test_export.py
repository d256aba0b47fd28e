"""A model as an ONNX file: the same scores in another program."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from drawings import TAXA, draw

from seston.errors import ConfigError, ModelError
from seston.learn import export, load_model, preprocess

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory) -> Path:
    pytest.importorskip("onnx", reason="onnx is not installed: nothing can be exported")
    out = tmp_path_factory.mktemp("onnx") / "model.onnx"
    export.export_onnx(trained.model, out)
    return out


def session(path: Path):
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed to compare")
    return runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("n", [1, 2, 45])
def test_scores_are_those_of_the_model_for_any_number_of_vignettes(
    trained, exported: Path, n: int
) -> None:
    rng = np.random.default_rng(3)
    vignettes = [draw(TAXA[i % 3], rng) for i in range(n)]
    sizes = preprocess.pixel_sizes(n, None)
    given = {
        "grey": preprocess.squares(vignettes, 64, sizes),
        "sizes": preprocess.size_inputs(vignettes, sizes),
    }
    (found,) = session(exported).run(["scores"], given)
    expected = load_model(trained.model, device="cpu").predict(vignettes)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_file_says_what_it_is(trained, exported: Path) -> None:
    facts = session(exported).get_modelmeta().custom_metadata_map
    assert json.loads(facts["taxa"]) == list(TAXA)
    assert facts["hash"] == trained.card.hash
    assert json.loads(facts["preprocessing"])["image_size"] == 64


def test_hidden_layer_and_calibration_are_in_the_file() -> None:
    torch = pytest.importorskip("torch")
    from seston.learn.networks.exported import WholeModel

    rng = np.random.default_rng(0)
    shapes = {"mean": 5, "hidden_weight": (5, 4), "hidden_bias": 4, "weight": (4, 3), "bias": 3}
    head = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    head["scale"] = np.full(5, 2, np.float32)
    calibration = {"kind": "vector", "factor": [0.5, 1, 2], "bias": [0, 1, -1]}
    features, sizes = rng.normal(size=(6, 2)), rng.normal(size=(6, 3))
    whole = WholeModel(torch.nn.Identity(), head, calibration)
    with torch.inference_mode():
        found = whole(*(torch.from_numpy(a.astype(np.float32)) for a in (features, sizes))).numpy()
    hidden = (np.hstack((features, sizes)) - head["mean"]) / 2 @ head["hidden_weight"]
    logits = np.maximum(hidden + head["hidden_bias"], 0) @ head["weight"] + head["bias"]
    odds = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    odds = odds ** calibration["factor"] * np.exp(calibration["bias"])
    np.testing.assert_allclose(found, odds / odds.sum(axis=1, keepdims=True), atol=1e-5)


def test_trees_are_refused_and_nothing_is_written(trained, tmp_path: Path, monkeypatch) -> None:
    forest = SimpleNamespace(kind="forest", arrays={"thresholds": np.zeros(3)})
    model = load_model(trained.model, device="cpu")
    monkeypatch.setattr(export, "load_model", lambda *_, **__: replace(model, head=forest))
    with pytest.raises(ModelError, match="'forest' cannot be exported"):
        export.export_onnx(trained.model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_without_the_package_the_cure_is_told(trained, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(export, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="onnx is not installed") as error:
        export.export_onnx(trained.model, tmp_path / "model.onnx")
    assert "pip install" in str(error.value)
