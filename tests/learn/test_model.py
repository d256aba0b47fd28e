from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from drawings import TAXA, draw, settings, write_learning_set

from seston.errors import ConfigError, InputError, ModelError, SestonError
from seston.learn import device, load_card, load_model, train

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def model(trained):
    return load_model(trained.model, device="cpu")


@pytest.fixture
def copy(trained, tmp_path: Path) -> Path:
    return shutil.copytree(trained.model, tmp_path / "copy")


def others(n: int = 12) -> tuple[list[np.ndarray], np.ndarray]:
    rng = np.random.default_rng(99)
    labels = np.arange(n) % len(TAXA)
    return [draw(TAXA[i], rng) for i in labels], labels


def test_drawings_it_never_saw_are_named_rightly(model) -> None:
    vignettes, labels = others(60)
    scores = model.predict(vignettes)
    assert scores.dtype == np.float32
    assert scores.shape == (60, 3)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
    assert (scores.argmax(axis=1) == labels).mean() >= 0.95


def test_a_score_does_not_depend_on_the_other_vignettes(model) -> None:
    vignettes, _ = others(40)
    together = model.predict(vignettes)
    backwards = model.predict(vignettes[::-1])[::-1]
    alone = np.concatenate([model.predict([v]) for v in vignettes[:5]])
    np.testing.assert_allclose(together, backwards, atol=1e-4)
    np.testing.assert_allclose(together[:5], alone, atol=1e-4)


def test_no_vignette_no_score(model) -> None:
    assert model.predict([]).shape == (0, 3)


def test_the_card_tells_what_the_model_is(trained, model) -> None:
    card = load_card(trained.model)
    assert card == trained.card == model.card
    assert model.taxa == card.taxa == TAXA
    assert model.hash == json.loads((trained.model / "card.json").read_text())["hash"]
    assert card.training["learned_from"] == {"bar": 10, "cross": 10, "disc": 10}
    assert card.training["test"] == {"bar": 2, "cross": 2, "disc": 2}
    assert np.sum(card.metrics["confusion"]) == 6
    assert card.metrics["per_class"]["disc"]["support"] == 2


def test_training_twice_gives_the_same_bytes(trained, tmp_path: Path) -> None:
    train(trained.learning_set, tmp_path / "again", settings())
    for name in ("model.safetensors", "card.json"):
        assert (tmp_path / "again" / name).read_bytes() == (trained.model / name).read_bytes()


def test_another_seed_is_another_model(trained, tmp_path: Path) -> None:
    assert train(trained.learning_set, tmp_path / "m", settings(seed=1)).hash != trained.card.hash


def test_a_model_that_learned_mm_wants_them(tmp_path: Path) -> None:
    learning_set = write_learning_set(tmp_path / "drawings", per_class=5)
    facts = {"pixel_height_mm": 0.1, "pixel_width_mm": 0.05}
    (learning_set / "learning_set.json").write_text(json.dumps(facts))
    train(learning_set, tmp_path / "m", settings())
    model = load_model(tmp_path / "m", device="cpu")
    vignettes, _ = others(3)
    with pytest.raises(InputError, match="no pixel size is given"):
        model.predict(vignettes)
    near = model.predict(vignettes, (0.1, 0.05))
    np.testing.assert_allclose(near, model.predict(vignettes, [(0.1, 0.05)] * 3), atol=1e-6)
    assert np.abs(near - model.predict(vignettes, (0.4, 0.2))).max() > 1e-3


def test_a_model_that_learned_pixels_takes_their_proportions_only(model) -> None:
    vignettes, _ = others(3)
    plain = model.predict(vignettes)
    np.testing.assert_allclose(plain, model.predict(vignettes, (0.3, 0.3)), atol=1e-6)
    assert np.abs(plain - model.predict(vignettes, (0.6, 0.3))).max() > 1e-3


def test_a_failed_training_leaves_the_old_model(trained, copy: Path, tmp_path: Path) -> None:
    with pytest.raises(SestonError):
        train(tmp_path / "nowhere", copy, settings())
    assert load_card(copy) == trained.card


def damage(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("at", [3, 20_000, -1])
def test_a_changed_bit_of_the_weights_is_found(copy: Path, at: int) -> None:
    damage(copy / "model.safetensors", at)
    with pytest.raises(ModelError, match="not those of the card") as error:
        load_model(copy)
    assert "seston train" in str(error.value)


def test_missing_truncated_or_changed_files_are_refused(copy: Path) -> None:
    card = (copy / "card.json").read_text()
    for text in ("", "{}", "[1]", card[:-40], card.replace('"disc"', '"disk"'),
                 card.replace('"card_version": 3', '"card_version": 1')):  # fmt: skip
        (copy / "card.json").write_text(text)
        with pytest.raises(ModelError, match=r"card\.json"):
            load_model(copy)
    (copy / "card.json").write_text(card)
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(ModelError, match="not those of the card"):
        load_model(copy)
    weights.unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        load_model(copy)
    with pytest.raises(ModelError, match="no card"):
        load_model(copy / "nowhere")


def test_a_device_that_is_not_there_is_refused(monkeypatch) -> None:
    assert device("cpu").type == "cpu"
    monkeypatch.setenv("SESTON_DEVICE", "cuda:99")
    with pytest.raises(ConfigError, match="cuda:99"):
        device()
