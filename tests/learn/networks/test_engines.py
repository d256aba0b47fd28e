"""Engines: other ways to compute the same, and what is done where they do not quite."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from drawings import TAXA, draw

from seston.errors import ConfigError, WorkerError
from seston.learn import load_model, preprocess
from seston.learn.model import DOUBT, in_doubt
from seston.learn.networks import backbones, engines
from seston.learn.networks.extractor import CPU_BATCH, Extractor, place_of

torch = pytest.importorskip("torch")
CPU = torch.device("cpu")
#: Those that compile need a C++ compiler and half a minute.
OTHERS = [n for n in engines.ENGINES if n != engines.EAGER and not n.startswith("compiled")]


def drawings(n: int, seed: int = 99) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [draw(TAXA[i % 3], rng) for i in range(n)]


def needs(name: str) -> str:
    if name not in engines.available(CPU):
        pytest.skip(f"the engine {name} is not installed here, or not for this processor")
    return name


@pytest.fixture(scope="module")
def eager(trained):
    return load_model(trained.model, device="cpu")


@pytest.mark.parametrize("name", OTHERS)
def test_every_engine_names_the_same_taxa(trained, eager, name: str) -> None:
    model = load_model(trained.model, device="cpu", engine=needs(name))
    vignettes = drawings(150)
    expected, found = eager.predict(vignettes), model.predict(vignettes)
    assert (expected.argmax(axis=1) == found.argmax(axis=1)).mean() >= 0.999
    np.testing.assert_allclose(found, expected, atol=1e-4 if engines.is_exact(name) else 0.25)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["compiled", "compiled-bf16"])
def test_the_compiled_ones_too(trained, eager, name: str) -> None:
    test_every_engine_names_the_same_taxa(trained, eager, name)


@pytest.mark.parametrize("name", [engines.EAGER, "openvino", "openvino-bf16"])
def test_features_are_the_same_to_the_last_bit_in_any_company(trained, name: str) -> None:
    model = load_model(trained.model, device="cpu", engine=needs(name))
    vignettes = drawings(75)
    whole = model.look(vignettes)
    parts = [model.look(vignettes[a:b]) for a, b in ((0, 1), (1, 40), (40, 75))]
    parts_streamed = model.look_at_all((vignettes[i : i + 25], None) for i in range(0, 75, 25))
    for some in (parts, list(parts_streamed)):
        found = np.concatenate([part.embedding for part in some])
        np.testing.assert_array_equal(found, whole.embedding)
        scores = np.concatenate([part.scores for part in some])
        np.testing.assert_allclose(scores, whole.scores, atol=1e-6)
    backwards = model.look(vignettes[::-1]).embedding[::-1]
    np.testing.assert_array_equal(backwards, whole.embedding)


def test_what_bfloat16_leaves_in_doubt_has_the_scores_of_float32(trained, eager) -> None:
    rng = np.random.default_rng(1)
    noise = [rng.integers(0, 256, (20, 20)).astype(np.uint8) for _ in range(40)]
    mixed = [np.where(rng.random(v.shape) < 0.5, 240, v).astype(np.uint8) for v in noise]
    vignettes = noise + mixed + drawings(40)
    model = load_model(trained.model, device="cpu", engine="eager-bf16")
    sizes = preprocess.pixel_sizes(len(vignettes), None)
    first = model._scores(model.extractor.features(vignettes, sizes))
    doubtful, exact, found = in_doubt(first), eager.predict(vignettes), model.predict(vignettes)
    assert np.abs(first - exact).max() > 1e-4  # bfloat16 it is
    np.testing.assert_allclose(found[doubtful], exact[doubtful], atol=1e-6)
    np.testing.assert_array_equal(found[~doubtful], first[~doubtful])


def test_doubt_is_where_the_second_is_nearly_as_likely() -> None:
    factor = np.exp(DOUBT)
    scores = np.array([[0.5, 0.5, 0], [1.01 * factor, 1, 0.2], [0.2, 1, 0.99 * factor]], np.float32)
    assert in_doubt(scores).tolist() == [True, False, True]
    assert in_doubt(np.ones((2, 1), np.float32)).tolist() == [False, False]


def test_openvino_tells_nobody_that_it_is_used(trained) -> None:
    load_model(trained.model, device="cpu", engine=needs("openvino"))
    assert sys.modules["openvino_telemetry"] is None


def test_an_engine_that_cannot_run_here_is_refused(trained, monkeypatch) -> None:
    with pytest.raises(ConfigError, match="there is no engine 'abacus'"):
        load_model(trained.model, device="cpu", engine="abacus")
    monkeypatch.setattr(engines, "_is_installed", lambda library: library != "openvino")
    with pytest.raises(ConfigError, match="openvino is not installed"):
        load_model(trained.model, device="cpu", engine="openvino")
    assert "openvino" not in engines.available(CPU)
    assert engines.EAGER in engines.available(CPU)
    assert engines.available(torch.device("mps")) == [engines.EAGER]


@pytest.mark.parametrize("has", [True, False])
def test_bfloat16_is_emulated_where_the_processor_has_none(monkeypatch, has: bool) -> None:
    monkeypatch.setattr(engines, "_has_bfloat16", lambda: has)
    assert engines.is_emulated("eager-bf16", CPU) is not has
    assert not engines.is_emulated("eager", CPU)
    assert not engines.is_emulated("eager-bf16", torch.device("cuda"))
    if not has:
        assert "openvino-bf16" not in engines.available(CPU)


def test_the_configuration_offers_every_engine() -> None:
    from typing import get_args

    from seston.config import Classification

    offered = get_args(Classification.model_fields["engine"].annotation)
    assert set(offered) == {engines.AUTO, *engines.ENGINES}


# ---------------------------------------------------------------------------------- memory
class SmallDevice:
    """An engine of a device on which only so many squares have room."""

    def __init__(self, room: int) -> None:
        self.room, self.batches = room, []

    def __call__(self, grey):
        self.batches.append(len(grey))
        if len(grey) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return grey.reshape(len(grey), -1)[:, :7].astype(np.float32)


def extractor_on(room: int, monkeypatch) -> tuple[Extractor, SmallDevice]:
    engine = SmallDevice(room)
    monkeypatch.setattr(engines, "make", lambda *_: engine)
    backbone = backbones.Backbone("none", torch.nn.Identity(), 7, 0.5, 0.5)
    return Extractor(backbone, 32, CPU), engine


def test_a_device_without_memory_gets_half_as_many_and_goes_on(monkeypatch, caplog) -> None:
    extractor, engine = extractor_on(10, monkeypatch)
    vignettes, sizes = drawings(41), preprocess.pixel_sizes(41, None)
    found = extractor.features(vignettes, sizes)
    expected = preprocess.squares(vignettes, 32, sizes).reshape(41, -1)[:, :7]
    np.testing.assert_array_equal(found[:, :7], expected)
    assert engine.batches == [32, 16, 8, 8, 8, 8, 8, 8]
    assert "from now on 8 vignettes at a time" in caplog.text
    extractor.features(vignettes[:3], sizes[:3])
    assert engine.batches[-1] == 8  # it stays so


def test_a_device_without_room_for_one_is_told(monkeypatch) -> None:
    extractor, engine = extractor_on(0, monkeypatch)
    with pytest.raises(WorkerError, match="not the memory to look at one vignette"):
        extractor.features(drawings(2), preprocess.pixel_sizes(2, None))
    assert engine.batches == [32, 16, 8, 4, 2, 1]


def test_a_cpu_takes_small_batches_and_a_gpu_those_asked_for() -> None:
    assert place_of(64, CPU, 512).batch == CPU_BATCH
    assert place_of(64, CPU, 8).batch == 8
    assert place_of(64, torch.device("cuda"), 512).batch == 512
