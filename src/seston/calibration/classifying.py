"""Try classifying: the configured model, or the network that is trained by default."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from seston.config import Classification, Training
from seston.store import open_group, read_vignettes
from seston.store.objects import length

#: Vignettes that are looked at in one try, at most.
_VIGNETTES = 256


@dataclass(frozen=True, slots=True)
class Classified:
    """Objects a second, of each try, and what looked at them."""

    rates: list[float]
    note: str


def try_classify(objects: Path, settings: Classification | None, tries: int) -> Classified:
    """Score vignettes of a store on one core, and on a graphics processor where there is one.

    Without a model of the configuration, the network that is trained by default is tried, with
    random weights: these change nothing in its speed, and a head takes a hundredth of its time.
    """
    if find_spec("torch") is None or find_spec("timm") is None:
        return Classified([], "not measured: seston[learn] is not installed")
    if settings and settings.model.exists():
        return _with_model(objects, settings, "cpu", tries)
    return _with_default(objects, "cpu", tries)


def try_gpu(objects: Path, settings: Classification | None, tries: int) -> Classified:
    """Do the same on a graphics processor."""
    from seston.calibration.machine import gpus

    if not gpus():
        return Classified([], "not measured: no graphics processor here")
    if settings and settings.model.exists():
        return _with_model(objects, settings, "cuda", tries)
    return _with_default(objects, "cuda", tries)


def _with_model(objects: Path, settings: Classification, device: str, tries: int) -> Classified:
    from seston.learn import load_card
    from seston.stages.classify import Scorer, choose

    chosen = settings.model_copy(update={"gpus": 1 if device == "cuda" else 0})
    engine = choose(chosen)
    score, n = Scorer(chosen, engine.name), _some(objects)
    card = load_card(settings.model)
    note = f"{card.backbone['name']}, {len(card.taxa)} taxa, {engine.described}, on {device}"
    score(objects, 0, min(n, 32))
    return Classified([n / t for t in _times(lambda: score(objects, 0, n), device, tries)], note)


def _with_default(objects: Path, device: str, tries: int) -> Classified:
    import torch

    from seston.learn import use_threads
    from seston.learn.networks import backbones, engine_choice, engines
    from seston.learn.networks.extractor import Extractor, place_of

    use_threads(1)
    training, where = Training(), torch.device(device)
    backbone = backbones.build(training.backbone)
    place = place_of(training.image_size, where)
    name = engine_choice.choose(engines.AUTO, backbone, place)
    look = Extractor(backbone, training.image_size, where, engine=name)
    n = _some(objects)
    sizes = np.full((n, 2), 0.06)

    def run() -> None:
        look.features(list(read_vignettes(open_group(objects), slice(0, n))), sizes)

    look.features(list(read_vignettes(open_group(objects), slice(0, 32))), sizes[:32])
    note = (
        f"{training.backbone} at {training.image_size} px, {engines.described(name)}, on {device}"
    )
    return Classified([n / t for t in _times(run, device, tries)], note)


def _some(objects: Path) -> int:
    return min(_VIGNETTES, length(open_group(objects), "object_id"))


def _times(run: Callable[[], object], device: str, tries: int) -> list[float]:
    clock = time.process_time if device == "cpu" else time.perf_counter
    taken = []
    for _ in range(tries):
        start = clock()
        run()
        taken.append(clock() - start)
    return taken
