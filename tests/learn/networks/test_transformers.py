"""Transformers of timm are made for one size of picture: they are built for ours, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawings import TAXA, draw, settings, write_learning_set

from seston.errors import ModelError
from seston.learn import load_model, preprocess, train
from seston.learn._torch import import_timm
from seston.learn.networks.backbones import build, pretrained

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module", params=["vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
def model(request, tmp_path_factory) -> Path:
    """A model of squares of 64 pixels, from weights for pictures of 224."""
    folder = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(0)
    torch.save(import_timm().create_model(request.param).state_dict(), folder / "weights.pth")
    train(
        write_learning_set(folder / "set", 8), folder / "model",
        settings(backbone=request.param, weights=str(folder / "weights.pth")),
    )  # fmt: skip
    return folder / "model"


def drawn(n: int) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [draw(TAXA[i % 3], rng) for i in range(n)]


def test_it_learns_and_predicts_at_another_size_than_its_own(model: Path) -> None:
    found = load_model(model, device="cpu")
    assert found.extractor.network.place.side == 64
    scores = found.predict(drawn(9))
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(found.predict(drawn(9)[:2]), scores[:2], atol=1e-4)


def test_as_onnx_it_gives_the_same_scores(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    from seston.learn.export import export_onnx

    export_onnx(model, tmp_path / "model.onnx")
    session = runtime.InferenceSession(str(tmp_path / "model.onnx"))
    vignettes, sizes = drawn(3), np.ones((3, 2))
    given = {
        "grey": preprocess.squares(vignettes, 64, sizes),
        "sizes": preprocess.size_inputs(vignettes, sizes),
    }
    (found,) = session.run(["scores"], given)
    np.testing.assert_allclose(found, load_model(model, device="cpu").predict(vignettes), atol=1e-4)


def test_weights_are_kept_where_the_size_is_that_of_the_network(tmp_path: Path) -> None:
    whole = import_timm().create_model("vit_tiny_patch16_224").state_dict()
    torch.save(whole, tmp_path / "weights.pth")
    found, _ = pretrained("vit_tiny_patch16_224", str(tmp_path / "weights.pth"), 224)
    own = found.module.state_dict()
    assert set(own) == {name for name in whole if not name.startswith("head.")}
    for name, values in own.items():
        assert name == "patch_embed.proj.weight" or torch.equal(values, whole[name])


@pytest.mark.parametrize("name", ["efficientformer_l1", "inception_v3"])
def test_a_network_that_cannot_take_the_size_is_refused_with_the_cure(name: str) -> None:
    with pytest.raises(ModelError, match="cannot take pictures of 64 x 64") as refused:
        build(name, 64)
    assert "Give --image-size" in str(refused.value)
