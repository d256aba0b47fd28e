"""`seston train-semantic` and `train-filter`: what they would not heed is refused at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from seston.cli import app
from seston.errors import ConfigError, InputError
from seston.frame import AnnotatedFrame, Instance
from seston.learn import load_card
from seston.learn.semantic.coco import ANNOTATIONS, write_coco

DISC = np.hypot(*np.mgrid[-8:9, -8:9]) <= 8
SETTINGS = {"steps": 2, "widths": [8, 16], "side": 64}


def frame(name: str, pixel_mm: float | None) -> AnnotatedFrame:
    pixels = np.full((128, 128), 240, np.uint8)
    places = [(top, left) for top in (8, 72) for left in (8, 72)]
    for top, left in places:
        pixels[top : top + 17, left : left + 17][DISC] = 90
    instances = tuple(Instance("copepod", top, left, DISC) for top, left in places)
    return AnnotatedFrame(name, pixels, instances, pixel_mm, pixel_mm)


def annotated(folder: Path, *sizes: float | None) -> Path:
    shutil.rmtree(folder / "frames", ignore_errors=True)
    write_coco(folder / "frames", [frame(f"f{k}", size) for k, size in enumerate(sizes)])
    return folder / "frames" / ANNOTATIONS


def config(folder: Path, instrument: dict[str, object] | None = None, **keys: object) -> Path:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({"instruments": {"isiis": instrument or {}}, **keys}))
    return path


def ran(*words: object) -> BaseException | None:
    """Run a command; give what it was refused for, or None."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exception is None or isinstance(done.exception, ConfigError | InputError), done
    return done.exception


@pytest.mark.parametrize(
    ("command", "key", "options"),
    [
        ("train-semantic", "semantic", ["--steps", "3"]),
        ("train-semantic", "semantic", ["--seed", "0"]),
        ("train-semantic", "semantic", ["--annotations", "a.json", "--instrument", "uvp5"]),
        ("train-filter", "filter", ["--frames", "9"]),
        ("train-filter", "filter", ["--let-through", "0.9"]),
        ("train-filter", "filter", ["--taxonomy", "taxa.csv"]),
    ],
)
def test_options_without_a_model_do_not_train_that_of_the_configuration(
    tmp_path: Path, command: str, key: str, options: list[str]
) -> None:
    path = config(tmp_path, **{key: {"model": str(tmp_path / "m")}})
    told = str(ran(command, "--config", path, *options))
    assert f"{options[0]}" in told
    assert "Give --model too" in told
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("command", ["train-semantic", "train-filter"])
def test_an_instrument_that_there_is_not_is_refused_with_those_there_are(
    tmp_path: Path, command: str
) -> None:
    path = annotated(tmp_path, 0.05, 0.05)
    told = str(ran(command, "--model", tmp_path / "m", "--annotations", path,
                   "--instrument", "uvp_6"))  # fmt: skip
    assert "there is no instrument 'uvp_6'" in told
    assert "uvp6" in told
    path = config(tmp_path, semantic={"model": str(tmp_path / "m"), "instrument": "nosuch"})
    assert "semantic.instrument" in str(ran("train-semantic", "--config", path))


@pytest.mark.parametrize("command", ["train-semantic", "train-filter"])
def test_frames_of_unknown_or_of_different_pixels_are_refused(tmp_path: Path, command: str) -> None:
    words = (command, "--model", tmp_path / "m", "--annotations")
    told = str(ran(*words, annotated(tmp_path, None, None)))
    assert "the size of the pixels of f0.png is not known" in told
    assert "--pixel-size-mm" in told
    told = str(ran(*words, annotated(tmp_path, 0.05, 0.01, 0.05)))
    assert "the pixels of f1.png are of 0.01 x 0.01 mm" in told


def test_the_size_of_pixels_that_is_told_stands_in_the_card(tmp_path: Path) -> None:
    training = {"model": str(tmp_path / "m"), "annotations": str(annotated(tmp_path, None, None))}
    for told, optics in (([0.06, 0.05], {}), (None, {"pixel_height_mm": 0.06,
                                                     "pixel_width_mm": 0.05})):  # fmt: skip
        keys = {"pixel_size_mm": told} if told else {}
        path = config(tmp_path, {"optics": optics}, semantic={**training, **SETTINGS, **keys})
        assert ran("train-semantic", "--config", path) is None
        card = load_card(tmp_path / "m")
        assert card.training["pixel_size_mm"] == [0.06, 0.05]
        assert card.metrics["objects"] == 4


def test_small_objects_of_fine_pixels_are_measured_if_the_instrument_keeps_them(
    tmp_path: Path,
) -> None:
    training = {"model": str(tmp_path / "m"), "annotations": str(annotated(tmp_path, 0.01, 0.01))}
    path = config(tmp_path, semantic={**training, **SETTINGS})
    assert "no annotated object has an equivalent diameter of 0.25" in str(
        ran("train-semantic", "--config", path)
    )
    keeps = {"segmentation": {"min_esd_mm": 0.05}}
    path = config(tmp_path, keeps, semantic={**training, **SETTINGS})
    assert ran("train-semantic", "--config", path) is None
    assert load_card(tmp_path / "m").metrics["objects"] == 4


def test_frames_without_an_annotation_are_refused_by_the_name_of_their_file(
    tmp_path: Path,
) -> None:
    empty = [AnnotatedFrame(n, np.full((64, 64), 240, np.uint8), (), 0.05, 0.05) for n in "ab"]
    write_coco(tmp_path / "frames", empty)
    path = tmp_path / "frames" / ANNOTATIONS
    told = str(ran("train-semantic", "--model", tmp_path / "m", "--annotations", path))
    assert told.startswith(f"{path}: no wanted object is annotated")
