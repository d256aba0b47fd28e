"""How pictures are seen: as a person says when a model learns, and so again when it is used."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from drawings import draw, write_learning_set
from typer.testing import CliRunner

from seston.cli import app
from seston.config import Config
from seston.learn import load_card
from seston.learn.preprocess import footer_lines
from seston.stages import train as stage
from seston.stages.evaluate import evaluate
from seston.stages.learning_set import open_learning_set, seen_as
from test_learning_sources import write_bundle

pytest.importorskip("torch")

BAR = 9


def with_bar(picture: np.ndarray) -> np.ndarray:
    """The picture turned to light on dark, with lines below it that are none of it."""
    bar = np.full((BAR, picture.shape[1]), 255, np.uint8)
    return np.vstack((255 - picture, bar))


def write_turned(folder: Path, per_class: int = 10, seed: int = 0) -> Path:
    for path in write_learning_set(folder, per_class, seed).rglob("*.png"):
        cv2.imwrite(str(path), with_bar(cv2.imread(str(path), 0)))
    return folder


def run(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exception is None, done.exception
    return done.output


def failure(*arguments: object) -> str:
    return str(CliRunner().invoke(app, [str(a) for a in arguments]).exception)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A model that was told all that can be told of pictures."""
    folder = tmp_path_factory.mktemp("seen")
    run("train", "--images", write_turned(folder / "set"), "--model", folder / "model",
        "--frozen", "--image-size", 64, "--polarity", "bright", "--crop-bottom", BAR,
        "--pixel-size-mm", 0.07, 0.05)  # fmt: skip
    return folder / "model"


def test_the_card_tells_how_pictures_were_seen(model: Path) -> None:
    card = load_card(model)
    assert card.preprocessing["polarity"] == "bright"
    assert card.preprocessing["crop_bottom"] == BAR
    assert card.size_unit == "mm"
    assert card.training["pixel_size_mm"] == [0.07, 0.05]


def test_without_a_word_auto_stays_auto(trained_plain: Path) -> None:
    facts = load_card(trained_plain).preprocessing
    assert (facts["polarity"], facts["crop_bottom"]) == ("auto", "auto")
    assert seen_as(trained_plain, {}).crop_bottom == "auto"


@pytest.fixture(scope="module")
def trained_plain(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("plain")
    run("train", "--images", write_learning_set(folder / "set", 8), "--model", folder / "model",
        "--frozen", "--image-size", 32)  # fmt: skip
    return folder / "model"


def test_evaluate_sees_other_pictures_as_the_model_learned(model: Path, tmp_path: Path) -> None:
    """Each picture is seen as it was before it was turned and got its bar."""
    turned = write_turned(tmp_path / "turned", seed=5)
    plain = write_learning_set(tmp_path / "plain", 10, seed=5)
    size = ["--pixel-size-mm", "0.07", "0.05"]
    found = json.loads(run("evaluate", "--model", model, "--images", turned, *size, "--json"))
    told = ["--polarity", "dark", "--crop-bottom", "0"]
    same = run("evaluate", "--model", model, "--images", plain, *size, *told, "--json")
    assert found["accuracy"] == json.loads(same)["accuracy"]
    assert found["confusion"] == json.loads(same)["confusion"]
    own = evaluate(model, model.parent / "set", None, told={"pixel_size_mm": (0.07, 0.05)})
    assert own.own


def test_predict_sees_pictures_as_the_model_learned(model: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for name in ("plain", "turned"):
        (tmp_path / name).mkdir()
    for i in range(4):
        picture = draw("disc", rng)
        cv2.imwrite(str(tmp_path / f"plain/{i}.png"), picture)
        cv2.imwrite(str(tmp_path / f"turned/{i}.png"), with_bar(picture))
    size = ["--pixel-size-mm", 0.07, 0.05, "--engine", "eager", "--cores", 1]
    for name, told in (("turned", []), ("plain", ["--polarity", "dark", "--crop-bottom", 0])):
        run("predict", "--model", model, "--images", tmp_path / name,
            "--out", tmp_path / f"{name}.csv", *size, *told)  # fmt: skip
    first, second = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("turned", "plain"))
    pd.testing.assert_frame_equal(first, second)


def test_a_model_in_mm_says_which_pictures_lack_sizes_and_what_to_give(
    model: Path, tmp_path: Path
) -> None:
    folder = write_turned(tmp_path / "others", 4, seed=8)
    for command, more in (("evaluate", []), ("predict", ["--out", tmp_path / "out.csv"])):
        said = failure(command, "--model", model, "--images", folder, *more)
        assert "learned sizes in mm" in said
        assert "others" in said
        assert "--pixel-size-mm HEIGHT WIDTH" in said


def test_labels_that_the_model_does_not_know_can_be_told_by_a_table(
    trained_plain: Path, tmp_path: Path
) -> None:
    folder = write_learning_set(tmp_path / "set", 4)
    for name in ("bar", "cross", "disc"):
        (folder / name).rename(folder / f"{name} (adult)")
    said = failure("evaluate", "--model", trained_plain, "--images", folder)
    assert "is a taxon of the model" in said
    assert "--taxonomy" in said


def test_pixel_sizes_of_the_set_stand_and_others_are_as_told(tmp_path: Path) -> None:
    table = write_learning_set(tmp_path / "set", 3) / "set.csv"
    table.write_text("path,label,pixel_size_mm\nbar/000.png,bar,0.01\ndisc/000.png,disc,\n")
    assert open_learning_set(table).pixel_sizes_mm is None
    found = open_learning_set(table, pixel_size_mm=(0.07, 0.05))
    np.testing.assert_array_equal(found.pixel_sizes_mm, [(0.01, 0.01), (0.07, 0.05)])


def test_the_configuration_tells_the_same(tmp_path: Path, monkeypatch) -> None:
    learned = []
    monkeypatch.setattr("seston.learn.train", lambda pictures, *_, **__: learned.append(pictures))
    monkeypatch.setattr(stage, "_tell", print)
    bundle = write_bundle(tmp_path / "bundle.zip", footer=True)
    told = {"statuses": ["validated", "predicted"], "crop_bottom": 0, "pixel_size_mm": [1, 1]}
    keys = {"model": tmp_path / "m", "learning_set": bundle, "pictures": told}
    stage.train(Config.model_validate({"classification": keys}))
    stage.train(Config.model_validate({"classification": {**keys, "pictures": {}}}))
    first, second = learned
    assert first.taxa == ("bar", "cross", "disc")
    assert all(footer_lines(vignette) for vignette in first.vignettes)
    assert second.taxa == ("bar", "disc")
    assert not any(footer_lines(vignette) for vignette in second.vignettes)
    run("train", "--images", bundle, "--model", tmp_path / "m", "--crop-bottom", 0,
        "--status", "validated", "--status", "predicted")  # fmt: skip
    assert learned[2].digests == first.digests


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "--polarity", "dark"], "Give both --images and --model"),
        (["train", "--images", ".", "--model", "m", "--crop-bottom", "few"], "crop_bottom"),
        (["train", "--images", ".", "--model", "m", "--crop-bottom", "-3"], "crop_bottom"),
        (["train", "--images", ".", "--model", "m", "--status", "sure"], "statuses"),
        (["train", "--images", ".", "--model", "m", "--pixel-size-mm", "0", "1"], "pixel_size_mm"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, monkeypatch, arguments, said: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in failure(*arguments)
    assert not (tmp_path / "m").exists()
