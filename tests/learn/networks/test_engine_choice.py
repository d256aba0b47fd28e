"""The choice of an engine: measured once, the same ever after."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from seston.learn import choose_engine
from seston.learn.networks import backbones, engine_choice, engines
from seston.learn.networks.engine_choice import choose, fastest

torch = pytest.importorskip("torch")
PLACE = engines.Place(torch.device("cpu"), 64, 32)


@pytest.fixture(scope="module")
def backbone() -> backbones.Backbone:
    return backbones.build("tf_efficientnet_lite0")


@pytest.fixture(autouse=True)
def all_there(monkeypatch) -> None:
    monkeypatch.setattr(engines, "available", lambda _: list(engines.ENGINES))
    monkeypatch.setattr(engines, "described", lambda name: name)


def measure(monkeypatch, rates: dict[str, float]) -> list[str]:
    """Give engines rates, and tell which were measured."""
    asked: list[str] = []

    def rate(name, *_):
        asked.append(name)
        return rates[name]

    monkeypatch.setattr(engine_choice, "rate", rate)
    return asked


def test_the_fastest_is_taken_and_of_about_equal_ones_the_plainest() -> None:
    assert fastest({"openvino": 700, "onnxruntime": 600, "eager": 400}) == "openvino"
    assert fastest({"openvino": 700, "onnxruntime": 690, "eager": 650}) == "eager"
    assert fastest({"openvino": 0, "onnxruntime": 0, "eager": 0}) == "eager"


def test_a_choice_once_made_is_kept_whatever_a_stopwatch_says_later(
    backbone, tmp_path: Path, monkeypatch
) -> None:
    asked = measure(monkeypatch, {"openvino": 700, "onnxruntime": 1, "eager": 400})
    assert choose("auto", backbone, PLACE, tmp_path) == "openvino"
    assert asked == ["openvino", "onnxruntime", "eager"]
    asked = measure(monkeypatch, {"openvino": 1, "onnxruntime": 1, "eager": 400})
    assert choose("auto", backbone, PLACE, tmp_path) == "openvino"
    assert not asked
    assert choose("auto", backbone, engines.Place(PLACE.device, 96, 32), tmp_path) == "eager"


def test_what_a_person_chose_is_taken_unmeasured(backbone, tmp_path: Path, monkeypatch) -> None:
    asked = measure(monkeypatch, {})
    assert choose("eager-bf16", backbone, PLACE, tmp_path) == "eager-bf16"
    assert not asked
    assert not list(tmp_path.iterdir())


def test_where_nothing_can_be_kept_nothing_is_measured(
    backbone, tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    asked = measure(monkeypatch, {"openvino": 1, "onnxruntime": 1, "eager": 400})
    assert choose("auto", backbone, PLACE, tmp_path / "file") == "openvino"
    assert not asked


def test_a_damaged_choice_is_made_anew(backbone, tmp_path: Path, monkeypatch) -> None:
    measure(monkeypatch, {"openvino": 700, "onnxruntime": 1, "eager": 400})
    choose("auto", backbone, PLACE, tmp_path)
    (path,) = (tmp_path / "engines").glob("*.json")
    for text in ("", "{", "[]", '{"engine": "abacus"}', '{"engine": ["eager"]}'):
        path.write_text(text)
        assert choose("auto", backbone, PLACE, tmp_path) == "openvino"
        assert json.loads(path.read_text())["engine"] == "openvino"


def _choose_with(folder: Path, rate: float, names) -> None:
    engine_choice.rate = lambda name, *_: {"openvino": 500.0, "eager": rate}.get(name, 0.0)
    engines.available = lambda _: ["eager", "openvino"]
    engines.described = lambda name: name
    names.put(choose("auto", backbones.Backbone("b", None, 1, 0, 1), PLACE, folder))


def test_of_two_processes_at_once_the_second_takes_the_choice_of_the_first(
    tmp_path: Path,
) -> None:
    context = multiprocessing.get_context("fork")
    names = context.Queue()
    both = [
        context.Process(target=_choose_with, args=(tmp_path, rate, names)) for rate in (1, 9999.0)
    ]
    for process in both:
        process.start()
    found = {names.get(timeout=60) for _ in both}
    for process in both:
        process.join()
    assert len(found) == 1


def test_an_engine_that_fails_or_gives_something_else_is_not_chosen(backbone, monkeypatch) -> None:
    real = engines.make

    def make(name, *rest):
        if name == "openvino":
            return lambda grey: np.zeros((len(grey), backbone.n_features), np.float32)
        if name == "onnxruntime":
            raise RuntimeError("no such operator")
        return real(name, *rest)

    monkeypatch.setattr(engines, "make", make)
    monkeypatch.setattr(engine_choice, "_SECONDS", 0.01)
    rates = {
        name: engine_choice.rate(name, backbone, PLACE) for name in ("openvino", "onnxruntime")
    }
    assert rates == {"openvino": 0, "onnxruntime": 0}
    assert engine_choice.rate("eager", backbone, PLACE) > 0


def test_only_engines_with_the_labels_of_float32_are_candidates() -> None:
    assert all(engines.is_exact(name) for name in engine_choice.CANDIDATES["cpu"])
    for kind, names in engine_choice.CANDIDATES.items():
        assert all(kind in engines.ENGINES[name].devices for name in names)


def test_a_model_is_chosen_for_by_its_card(trained, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SESTON_CACHE", str(tmp_path))
    measure(monkeypatch, {"openvino": 700, "onnxruntime": 1, "eager": 400})
    assert choose_engine("auto", trained.model, "cpu", 128) == "openvino"
    assert choose_engine("eager", trained.model, "cpu", 128) == "eager"
    assert len(list((tmp_path / "engines").glob("*.json"))) == 1
