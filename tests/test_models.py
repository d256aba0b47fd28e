"""What `seston train` and `seston models` do for a person."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from drawings import write_learning_set

from seston.errors import ConfigError, ModelError
from seston.learn import load_card
from seston.learn.card import FILES
from seston.stages.models import as_json, as_text, find_models

pytest.importorskip("torch")


def seston(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from seston.cli import main; main()", *map(str, arguments)],
        capture_output=True, text=True, check=False, cwd=cwd,
        env=os.environ | {"NO_COLOR": "1", "COLUMNS": "160"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder in which a person trained a small model by hand."""
    folder = tmp_path_factory.mktemp("by-hand")
    write_learning_set(folder / "set", per_class=8)
    table = "label,name,aphia_id,plankton\nbar,Diatomea,148899,1\ndisc,bubble,,0\n"
    (folder / "taxa.csv").write_text(table)
    done = seston(
        "train", "--images", "set", "--model", "models/first", "--taxonomy", "taxa.csv",
        "--image-size", 32, "--epochs", 1, "--seed", 4, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "epoch 1 of 1: loss" in done.stderr
    assert "images/s" in done.stderr
    return folder


def test_a_model_is_made_without_a_configuration(made: Path) -> None:
    card = load_card(made / "models/first")
    assert card.taxa == ("Diatomea", "bubble", "cross")
    assert card.training["seed"] == 4
    assert card.training["taxonomy"]["Diatomea"]["aphia_id"] == 148899
    assert card.training["taxonomy"]["bubble"]["plankton"] is False
    assert card.preprocessing["image_size"] == 32
    for name in ("training.csv", "training.png", "split.csv"):
        assert (made / "models/first" / name).stat().st_size > 100


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--images", "set"], "Give both --images and --model"),
        (["--images", "set", "--model", "m", "--head", "crown"], "`head`"),
        (["--images", "set", "--model", "m", "--epochs", "0"], "`epochs`"),
        (["--images", "nowhere", "--model", "m"], "nowhere"),
    ],
)
def test_what_cannot_be_trained_is_told_in_words(made: Path, arguments, told) -> None:
    done = seston("train", *arguments, cwd=made)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (made / "m").exists()


def test_a_learning_set_is_not_replaced_by_its_model(made: Path) -> None:
    before = sorted((made / "set").rglob("*"))
    for model in ("set", "set/model", "."):
        done = seston("train", "--images", "set", "--model", model, cwd=made)
        assert done.returncode == 2
        assert "must lie apart" in done.stderr
    assert sorted((made / "set").rglob("*")) == before
    (made / "notes").mkdir()
    (made / "notes" / "cruise.txt").write_text("notes")
    done = seston("train", "--images", "set", "--model", "notes", cwd=made)
    assert "notes: holds other things, such as cruise.txt" in done.stderr
    assert (made / "notes" / "cruise.txt").exists()


def test_a_training_leaves_nothing_but_what_the_next_may_replace(made: Path) -> None:
    assert {p.name for p in (made / "models/first").iterdir()} <= set(FILES)


def test_measured_features_are_chosen_by_hand(made: Path) -> None:
    done = seston(
        "train", "--images", "set", "--model", "models/shape", "--inputs", "measured", "--head",
        "forest", "--measured-features", "area, elongation", cwd=made,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    card = load_card(made / "models/shape")
    assert card.preprocessing["measured"] == ["area", "elongation"]
    shutil.rmtree(made / "models/shape")


def test_models_are_found_and_damaged_ones_told(made: Path, tmp_path: Path, caplog) -> None:
    shutil.copytree(made / "models/first", tmp_path / "a/one")
    shutil.copytree(made / "models/first", tmp_path / "b")
    (tmp_path / "b/card.json").write_text("{}")
    found = find_models([tmp_path])
    assert list(found) == [tmp_path / "a/one"]
    assert "the card is damaged" in caplog.text
    with pytest.raises(ModelError):
        find_models([tmp_path / "b"])
    with pytest.raises(ConfigError, match="no such folder"):
        find_models([tmp_path / "c"])


def test_the_list_has_a_line_for_each_model(made: Path) -> None:
    found = find_models([made])
    header, line = as_text(found, whole=False).splitlines()
    assert header.split()[:3] == ["model", "taxa", "backbone"]
    card = load_card(made / "models/first")
    for cell in ("3", "tf_efficientnet_lite0", "linear", card.hash[:12]):
        assert cell in line.split()
    assert f"{card.metrics['accuracy']:.3f}" in line.split()


def test_the_page_of_a_model_tells_of_every_taxon(made: Path) -> None:
    done = seston("models", made / "models/first", cwd=made)
    assert done.returncode == 0
    for word in ("Diatomea", "bubble", "cross", "precision", "tf_efficientnet_lite0"):
        assert word in done.stdout
    told = json.loads(seston("models", made / "models/first", "--json", cwd=made).stdout)
    assert told[0]["card"]["taxa"] == ["Diatomea", "bubble", "cross"]
    assert "card" not in json.loads(as_json(find_models([made]), whole=False))[0]


def test_where_there_is_no_model_it_is_said(tmp_path: Path) -> None:
    assert "no model" in as_text(find_models([tmp_path]), whole=False)
