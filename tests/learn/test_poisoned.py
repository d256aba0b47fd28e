"""Models from outside: what they hold is never run, and what does not fit is refused."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from seston.errors import ModelError
from seston.learn import load_card, load_held_out, load_model
from seston.learn.card import WEIGHTS, Card
from seston.learn.judging.evaluate import evaluate
from seston.learn.judging.held_out import HELD_OUT
from seston.learn.networks import backbones
from seston.stages.models import as_text, find_models

torch = pytest.importorskip("torch")


class Trap:
    """What a pickle can do: run code of its writer's."""

    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.sprung,)


@pytest.fixture
def copy(trained, tmp_path: Path) -> Path:
    return shutil.copytree(trained.model, tmp_path / "copy")


def forge(model: Path, card: Card | None = None, **changes: Any) -> None:
    """Write a card with changes whose hashes are right: as whoever means harm would."""
    hashes = {
        f"{name}_sha256": hashlib.sha256((model / file).read_bytes()).hexdigest()
        for name, file in (("weights", WEIGHTS), ("held_out", HELD_OUT))
    }
    forged = dataclasses.replace(card or load_card(model), **hashes | changes)
    (model / "card.json").write_text(forged.text())


@pytest.mark.parametrize("write", ["pickle", "torch"])
def test_a_pickle_in_place_of_the_weights_is_not_run(copy: Path, tmp_path: Path, write) -> None:
    sprung = tmp_path / "sprung"
    weights = copy / "model.safetensors"
    if write == "pickle":
        weights.write_bytes(pickle.dumps(Trap(sprung)))
    else:
        torch.save({"head.bias": Trap(sprung)}, weights)
    with pytest.raises(ModelError, match="not those of the card"):
        load_model(copy)
    forge(copy)
    with pytest.raises(ModelError, match="the weights are damaged"):
        load_model(copy)
    assert not sprung.exists()


def test_a_pickle_as_weights_of_a_backbone_is_not_run(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    torch.save({"conv_stem.weight": Trap(sprung)}, tmp_path / "weights.pth")
    with pytest.raises(ModelError, match="no plain weights"):
        backbones.pretrained("tf_efficientnet_lite0", str(tmp_path / "weights.pth"))
    assert not sprung.exists()


def test_more_or_fewer_taxa_than_the_head_has_are_refused(copy: Path) -> None:
    whole = load_card(copy)
    for taxa in (("bar", "cross"), ("bar", "cross", "disc", "egg")):
        forge(copy, whole, taxa=taxa)
        with pytest.raises(ModelError, match="has 3 values for"):
            load_card(copy)
        training = {k: v for k, v in whole.training.items() if k != "effective_prior"}
        forge(copy, whole, taxa=taxa, training=training, calibration={}, metrics={})
        with pytest.raises(ModelError, match="the head does not fit the card"):
            load_model(copy)


def test_weights_of_another_network_are_refused(copy: Path) -> None:
    card = load_card(copy)
    forge(copy, backbone={**card.backbone, "name": "tf_efficientnet_lite1"})
    with pytest.raises(ModelError, match="not those of"):
        load_model(copy)


@pytest.mark.parametrize("name", ["hf-hub:some/where", "local-dir:/tmp", "../up", "", "a b"])
def test_a_card_cannot_have_a_network_fetched(copy: Path, name: str) -> None:
    card = load_card(copy)
    forge(copy, backbone={**card.backbone, "name": name})
    with pytest.raises(ModelError, match="is not the name of a network of timm"):
        load_model(copy)


def test_a_card_without_what_a_model_needs_is_refused(copy: Path) -> None:
    whole = load_card(copy)
    for changes in ({"backbone": {}}, {"preprocessing": {"image_size": "wide"}},
                    {"head": {"kind": "oracle"}}):  # fmt: skip
        forge(copy, whole, **changes)
        with pytest.raises(ModelError):
            load_model(copy)


def test_a_card_is_no_place_for_code(copy: Path) -> None:
    facts = json.loads((copy / "card.json").read_text())
    (copy / "card.json").write_text(json.dumps(facts | {"run": "import os"}))
    with pytest.raises(ModelError, match="the card is damaged"):
        load_model(copy)


NESTED: Any = []
for _ in range(400):
    NESTED = [NESTED]


@pytest.mark.parametrize(
    ("part", "value", "told"),
    [
        ("backbone", [], "`backbone`"),
        ("training", [], "`training`"),
        ("training", {}, "`training.learned_from`"),
        ("training", {"learned_from": {"bar": -1}}, "`training.learned_from.bar`"),
        ("head", [], "`head`"),
        ("head", {"kind": ["linear"]}, "`head.kind`"),
        ("metrics", [], "`metrics`"),
        ("metrics", {"plankton": [True]}, "metrics.plankton has 1 values for 3 taxa"),
        ("metrics", {"groups": ["a"]}, "metrics.groups has 1 values for 3 taxa"),
        ("metrics", {"accuracy": "high"}, "`metrics.accuracy`"),
        ("metrics", {"unknown": {"limit": 1}}, "`metrics.unknown.false_alarm`"),
        ("metrics", {"other": NESTED}, "`metrics.other"),
        ("taxa", (), "`taxa`"),
        ("taxa", (1, 2, 3), "`taxa.0`"),
        ("taxa", (["a"], "b", "c"), "`taxa.0`"),
        ("taxa", ("a", "a", "b"), "a taxon is there twice"),
        ("taxa", ("a", " ", "b"), "`taxa.1`: a name is empty"),
        ("taxa", ("a", "b", "c\x1b[2J"), "`taxa.2`: a name is empty or holds control"),
        ("calibration", [1], "`calibration`"),
        ("calibration", {"kind": ["a"], "factor": [1], "bias": [0]}, "`calibration.kind`"),
        ("calibration", {"kind": "bias", "factor": [1], "bias": [0, 0]}, "one of other taxa"),
        ("versions", {"torch": 2}, "`versions.torch`"),
    ],
)  # fmt: skip
def test_a_card_with_a_wrong_part_is_refused_by_name(copy: Path, part, value, told) -> None:
    forge(copy, **{part: value})
    with pytest.raises(ModelError, match="the card is damaged") as refused:
        load_card(copy)
    assert told in str(refused.value)
    assert "card.json" in str(refused.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("image_size", 200_000), ("image_size", -3), ("image_size", 64.5), ("mean", "0"),
        ("std", 0.0), ("size_unit", "foot"), ("size_unit", None), ("inputs", "all"),
        ("measured", ["price"]),
    ],
)  # fmt: skip
def test_preprocessing_that_cannot_be_done_is_refused(copy: Path, key: str, value) -> None:
    card = load_card(copy)
    forge(copy, preprocessing={**card.preprocessing, key: value})
    with pytest.raises(ModelError, match=f"`preprocessing.{key}"):
        load_card(copy)


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "{", "NaN", "\xff"])
def test_what_is_no_card_is_refused(copy: Path, text: str) -> None:
    (copy / "card.json").write_text(text, "latin-1")
    with pytest.raises(ModelError, match="the card is damaged"):
        load_card(copy)


def test_a_damaged_model_does_not_hide_the_others(trained, copy: Path, caplog) -> None:
    whole = shutil.copytree(trained.model, copy.parent / "whole")
    forge(copy, training={})
    assert list(find_models([copy.parent])) == [whole]
    assert "`training.learned_from`" in caplog.text
    assert "whole" in as_text(find_models([copy.parent]), whole=False)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("labels", np.full(12, 999)),
        ("labels", np.full(12, -1)),
        ("labels", np.zeros(3, np.int64)),
        ("labels", np.zeros(12, np.float32)),
        ("labels", np.zeros((12, 1), np.int64)),
        ("labels", None),
        ("scores", np.full((12, 3), np.nan, np.float32)),
        ("scores", np.full((12, 3), -0.1, np.float32)),
        ("scores", np.full((12, 2), 0.5, np.float32)),
        ("scores", np.zeros(12, np.float32)),
        ("parts", np.full(12, 7, np.uint8)),
        ("groups", np.zeros(11, np.int64)),
        ("distance", np.full(12, np.inf, np.float32)),
    ],
)
def test_a_record_that_no_such_model_can_have_is_refused(copy: Path, column, values) -> None:
    arrays = safetensors.numpy.load((copy / HELD_OUT).read_bytes()) | {column: values}
    kept = {name: array for name, array in arrays.items() if array is not None}
    (copy / HELD_OUT).write_bytes(safetensors.numpy.save(kept))
    forge(copy)
    with pytest.raises(ModelError, match="the record is damaged"):
        load_held_out(copy, load_card(copy))
    with pytest.raises(ModelError, match=HELD_OUT):
        evaluate(copy)


@pytest.mark.parametrize(
    "value",
    [np.zeros((), np.float32), np.zeros(3, np.float32), np.full((1283, 3), np.nan), None],
)
def test_a_head_of_other_numbers_is_refused(copy: Path, value) -> None:
    arrays = safetensors.numpy.load((copy / WEIGHTS).read_bytes()) | {"head.weight": value}
    kept = {name: array for name, array in arrays.items() if array is not None}
    (copy / WEIGHTS).write_bytes(safetensors.numpy.save(kept))
    forge(copy)
    with pytest.raises(ModelError):
        load_model(copy)


@pytest.mark.parametrize(
    "content",
    [
        3, [1], {}, {"conv_stem.weight": 3}, {"_conv_stem.weight": torch.zeros(3)},
        {"conv_stem.weight": torch.zeros(2).to_sparse()},
        {"conv_stem.weight": torch.full((32, 3, 3, 3), torch.nan)},
        {"conv_stem.weight": torch.zeros((32, 3, 3, 3), device="meta")},
    ],
)  # fmt: skip
def test_a_file_of_other_things_gives_no_weights(tmp_path: Path, content) -> None:
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(ModelError, match="weights"):
        backbones.pretrained("tf_efficientnet_lite0", str(tmp_path / "weights.pth"))


def test_weights_that_are_no_numbers_are_refused_in_safetensors_too(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    arrays = {"conv_stem.weight": np.full((32, 3, 3, 3), np.nan, np.float32)}
    path.write_bytes(safetensors.numpy.save(arrays))
    with pytest.raises(ModelError, match="no plain weights"):
        backbones.pretrained("tf_efficientnet_lite0", str(path))


def test_text_and_cut_files_give_no_weights(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"conv_stem.weight": torch.zeros(32, 3, 3, 3)}, path)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    damaged = [b"", b"root:x:0:0:root:/root:/bin/bash\n" * 9]
    for _ in range(60):
        cut = bytearray(whole[: rng.integers(1, len(whole))])
        cut[rng.integers(len(cut))] = rng.integers(256)
        damaged.append(bytes(cut))
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(ModelError, match="weights"):
            backbones.pretrained("tf_efficientnet_lite0", str(path))
