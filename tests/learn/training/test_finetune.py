from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from drawings import settings, write_learning_set

from seston.config import Training
from seston.learn import load_card, load_held_out, load_model, read_learning_set, train

torch = pytest.importorskip("torch")

FEW = {"fine_tune": True, "batch_size": 8, "image_size": 32, "epochs": 2, "learning_rate": 1e-4}

PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from drawings import settings
from seston.learn import train, use_threads
from seston.learn.training import checkpoint
use_threads(1)
checkpoint.SECONDS_BETWEEN = 0.0
if sys.argv[2] == "slow":
    import time
    from seston.learn.training import loop
    keep = loop._Training._keep
    def slow(self):
        keep(self)
        time.sleep(600)  # until it is killed
    loop._Training._keep = slow
train(Path(sys.argv[1]) / "set", Path(sys.argv[1]) / sys.argv[3], settings(**{settings!r}))
"""


def start(folder: Path, pace: str, model: str) -> subprocess.Popen[bytes]:
    program = PROGRAM.format(tests=str(Path(__file__).parents[1]), settings=FEW)
    return subprocess.Popen([sys.executable, "-c", program, str(folder), pace, model])


@pytest.fixture(scope="module")
def tuned(tmp_path_factory) -> Path:
    """A folder with a learning set and a model that was fine-tuned in one go."""
    folder = tmp_path_factory.mktemp("tuned")
    write_learning_set(folder / "set", per_class=8)
    assert start(folder, "fast", "model").wait() == 0
    return folder


def test_a_backbone_that_learns_is_another_one_and_the_card_says_so(tuned: Path) -> None:
    from seston.learn.networks.backbones import pretrained

    card = load_card(tuned / "model")
    assert card.backbone["fine_tuned"] is True
    assert card.training["epochs"] == 2
    assert card.training["best_epoch"] in {0, 1, 2}
    before = pretrained("tf_efficientnet_lite0", "package")[0].module.state_dict()
    import safetensors.torch

    after = safetensors.torch.load_file(tuned / "model/model.safetensors")
    changed = any(not torch.equal(after[f"backbone.{k}"], v) for k, v in before.items())
    assert changed == (card.training["best_epoch"] > 0)


def test_what_was_held_out_was_scored_by_the_very_model(tuned: Path) -> None:
    model = load_model(tuned / "model", device="cpu")
    pictures = read_learning_set(tuned / "set")
    held = load_held_out(tuned / "model", model.card)
    scores = model.predict(pictures.vignettes)
    for row, label in zip(held.scores, held.labels, strict=True):
        near = np.abs(scores - row).max(axis=1)
        assert near.min() < 1e-4
        assert pictures.labels[near.argmin()] == label


def test_curves_and_the_split_lie_beside_the_weights(tuned: Path) -> None:
    rows = list(csv.DictReader((tuned / "model/training.csv").open()))
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert float(rows[1]["learning_rate"]) > float(rows[2]["learning_rate"])
    split = list(csv.DictReader((tuned / "model/split.csv").open()))
    assert len(split) == 24
    assert {row["part"] for row in split} == {"train", "validation", "test"}


@pytest.mark.parametrize(
    ("told", "n", "expected"), [(None, 395, 3e-4), (None, 2690, 1e-3), (0.01, 395, 0.01)]
)
def test_few_steps_get_a_low_rate_unless_one_is_told(told, n: int, expected: float) -> None:
    from seston.learn.training import train as train_module

    settings = Training(epochs=8, batch_size=64, learning_rate=told)
    assert train_module._with_a_rate(settings, n).learning_rate == expected


def test_the_card_tells_the_rate(tuned: Path) -> None:
    card = load_model(tuned / "model", device="cpu").card
    assert card.training["learning_rate"] == FEW["learning_rate"]


@pytest.mark.slow
def test_a_training_killed_and_run_again_ends_with_the_same_bytes(tuned: Path) -> None:
    kept = tuned / ".killed.checkpoint.safetensors"
    for kill in (1, 2):
        running = start(tuned, "slow", "killed")
        seen = kept.stat().st_mtime_ns if kept.exists() else 0
        while running.poll() is None:
            if kept.exists() and kept.stat().st_mtime_ns > seen:
                break
            time.sleep(0.01)
        time.sleep(0.15 * kill)
        os.kill(running.pid, signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL, "it ended before it was killed"
        assert not (tuned / "killed").exists()
    assert start(tuned, "fast", "killed").wait() == 0
    assert not kept.exists()
    for name in ("model.safetensors", "held_out.safetensors", "card.json", "split.csv"):
        assert (tuned / "killed" / name).read_bytes() == (tuned / "model" / name).read_bytes()


def test_trees_stand_on_a_backbone_that_learned(tmp_path: Path) -> None:
    write_learning_set(tmp_path / "set", per_class=8)
    card = train(
        tmp_path / "set", tmp_path / "m",
        settings(**{**FEW, "epochs": 1, "head": "pca_forest", "inputs": "both"}),
    )  # fmt: skip
    assert card.head["kind"] == "pca_forest"
    assert card.training["epochs"] == 1
    model = load_model(tmp_path / "m", device="cpu")
    pictures = read_learning_set(tmp_path / "set")
    held = load_held_out(tmp_path / "m", card)
    near = np.abs(model.predict(pictures.vignettes)[:, None] - held.scores[None]).max(axis=2)
    assert (near.min(axis=0) < 1e-4).all()


def test_measured_features_need_no_network(tmp_path: Path) -> None:
    write_learning_set(tmp_path / "set", per_class=14)
    card = train(tmp_path / "set", tmp_path / "m", settings(head="forest", inputs="measured"))
    assert card.backbone["name"] is None
    assert card.metrics["accuracy"] >= 0.8
    model = load_model(tmp_path / "m", device="cpu")
    held = load_held_out(tmp_path / "m", card)
    pictures = read_learning_set(tmp_path / "set")
    near = np.abs(model.predict(pictures.vignettes)[:, None] - held.scores[None]).max(axis=2)
    assert (near.min(axis=0) < 1e-5).all()


@pytest.mark.parametrize("power", [0.0, 0.25, 1.0])
def test_the_card_tells_the_prior_that_the_fit_saw(tmp_path: Path, power: float) -> None:
    folder = write_learning_set(tmp_path / "set", per_class=20)
    for path in sorted((folder / "disc").iterdir())[5:]:
        path.unlink()
    chosen = settings(head="forest", inputs="measured", class_weight_power=power)
    card = train(folder, tmp_path / "m", chosen)
    n = np.array([card.training["learned_from"][taxon] for taxon in card.taxa])
    expected = n * (n.max() / n) ** power
    assert card.training["effective_prior"] == pytest.approx(expected / expected.sum())


@pytest.mark.parametrize("inputs", ["measured", "both"])
def test_measured_features_are_chosen_kept_in_the_card_and_measured_again(
    tuned: Path, tmp_path, inputs: str
) -> None:
    names = ("extent", "elongation")
    wanted = settings(inputs=inputs, measured_features=names, image_size=32)
    card = train(tuned / "set", tmp_path / "m", wanted)
    assert card.preprocessing["measured"] == list(names)
    model, pictures = load_model(tmp_path / "m", device="cpu"), read_learning_set(tuned / "set")
    network = 0 if model.extractor.network is None else model.extractor.network.n_features
    assert model.extractor.n_features == network + 2
    named = model.predict(pictures.vignettes).argmax(axis=1)
    assert (named == pictures.labels).mean() > 0.6


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"inputs": "both", "measured_features": ["charm"]}, "no measured feature 'charm'"),
        ({"inputs": "both", "measured_features": ["orientation"]}, "no measured feature"),
        ({"inputs": "both", "measured_features": ["area", "area"]}, "named twice"),
        ({"measured_features": ["area"]}, "need `inputs` measured or both"),
    ],
)
def test_measured_features_that_nobody_would_look_at_are_refused(given, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Training(**given)


def test_with_other_weights_in_the_same_file_it_is_another_training(tuned: Path, tmp_path) -> None:
    import safetensors.torch
    import timm

    from seston.learn.training.train import _Trainer

    pictures, file = read_learning_set(tuned / "set"), tmp_path / "weights.safetensors"
    wanted = Training(**FEW, backbone="mobilenetv3_small_050", weights=str(file))
    found = []
    for seed in (0, 1, 1):
        torch.manual_seed(seed)
        safetensors.torch.save_file(timm.create_model(wanted.backbone).state_dict(), file)
        trainer = _Trainer(pictures, wanted, torch.device("cpu"), tmp_path / "model", resume=True)
        found.append(trainer.checkpoint.identity)
    assert found[0] != found[1] == found[2]
