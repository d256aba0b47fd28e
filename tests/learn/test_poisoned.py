"""Models from outside: what they hold is never run, and what does not fit is refused."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest

from seston.errors import ModelError
from seston.learn import load_card, load_model
from seston.learn.networks import backbones

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


def forge(model: Path, **changes: Any) -> None:
    """Write a card with changes whose hashes are right: as whoever means harm would."""
    card = load_card(model)
    weights = hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest()
    forged = dataclasses.replace(card, **{"weights_sha256": weights, **changes})
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
    for taxa in (("bar", "cross"), ("bar", "cross", "disc", "egg")):
        forge(copy, taxa=taxa)
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
    for changes in ({"backbone": {}}, {"preprocessing": {"image_size": "wide"}},
                    {"head": {"kind": "oracle"}}):  # fmt: skip
        forge(copy, **changes)
        with pytest.raises(ModelError):
            load_model(copy)


def test_a_card_is_no_place_for_code(copy: Path) -> None:
    facts = json.loads((copy / "card.json").read_text())
    (copy / "card.json").write_text(json.dumps(facts | {"run": "import os"}))
    with pytest.raises(ModelError, match="the card is damaged"):
        load_model(copy)
