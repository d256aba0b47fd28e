"""Detect and classify at once: find the objects of a stretch by a network, and train one."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seston import cluster
from seston import config as cfg
from seston.config import Config, Instrument, Segmentation, SemanticTraining
from seston.errors import ConfigError
from seston.frame import AnnotatedFrame
from seston.image.regions import Named, find_regions
from seston.progress import progress

if TYPE_CHECKING:
    from seston.learn.semantic import Frames, SemanticModel

log = logging.getLogger(__name__)

#: Added to the seed of the frames that a network learns from: other individuals.
_HELD_OUT = 1 << 20


def model_of(settings: Segmentation) -> SemanticModel | None:
    """Give the network of a segmentation; None where it goes by a threshold.

    Raises
    ------
    ModelError
        The network is missing, damaged, or none that finds objects.
    """
    from seston.learn.semantic import load_semantic_card

    if settings.model is None:
        return None
    return _model(settings.model, load_semantic_card(settings.model).hash)


@lru_cache(maxsize=1)
def _model(folder: Path, _: str) -> SemanticModel:
    """Load a network once, and again where it is another."""
    from seston.learn import use_threads
    from seston.learn.semantic import load_semantic

    use_threads(1)  # a worker is one of as many processes as there are cores
    return load_semantic(folder, device=_device(cluster.worker_number()))


def _device(worker: int) -> str | None:
    """Name the device of a worker; None where `seston.learn.device` is to choose.

    A worker for each core shares the GPUs of the job with the others: between two looks of the
    network, a core measures.
    """
    import torch

    there = torch.cuda.device_count()
    if os.environ.get("SESTON_DEVICE") or not there:
        return None
    return f"cuda:{worker % there}"


def find(model: SemanticModel, settings: Segmentation, **lines: Any) -> Named:  # noqa: ANN401
    """Find, name and measure objects; parameters as in `seston.image.regions.find_regions`.

    Raises
    ------
    ModelError
        Pixels have another size than those that the network learned from.
    """
    model.check_pixel_size(lines["pixel_height"], lines["pixel_width"])
    least = model.least_score if settings.least_score is None else settings.least_score
    return find_regions(look=model.look, least_score=least, settings=settings, **lines)


# ------------------------------------------------------------------------------------- training
def train_semantic(config: Config) -> None:
    """Train the network of a configuration, and write it.

    Raises
    ------
    ConfigError
        The configuration has no key `semantic`, or it names an instrument that there is not.
    InputError
        The annotations are missing or wrong, or nothing can be learned or measured by them.
    """
    from seston import learn
    from seston.learn.semantic import train_semantic as run
    from seston.readers.registry import check_instrument

    settings = config.semantic
    if settings is None:
        raise ConfigError(
            "has no key `semantic`",
            where="config.yaml",
            cure="Say there which folder the network is written to, or give --model.",
        )
    learn.use_threads(len(os.sched_getaffinity(0)))
    check_instrument(settings.instrument, "semantic.instrument")
    instrument = cfg.instrument(config, settings.instrument)
    learn_from, held_out = _frames(settings, instrument)
    with progress("train-semantic", settings.steps, "steps") as shown:
        card = run(
            learn_from, held_out, settings, segmentation=instrument.segmentation,
            tell=lambda done, _total, _loss: shown.advance(done - shown.done),
        )  # fmt: skip
    log.info(
        "train-semantic: %d taxa; of %d objects held out %.1f %% are found, %.1f %% of what is "
        "found is wanted",
        len(card.taxa), card.metrics["objects"], 100 * card.metrics["recall"],
        100 * card.metrics["precision"],
    )  # fmt: skip
    if not card.metrics["recall"]:
        log.warning(
            "train-semantic: the network finds none of the objects held out: let it learn for more "
            "steps (`semantic.steps`, --steps)"
        )


def _frames(
    settings: SemanticTraining, instrument: Instrument
) -> tuple[Frames, Iterable[AnnotatedFrame]]:
    """Frames to learn from, and frames to be measured on."""
    from seston.learn.semantic.coco import open_annotated
    from seston.simulate.annotated import SimulatedFrames

    if settings.annotations is None:
        natural = SimulatedFrames(settings.seed + _HELD_OUT, plankton=None)
        held_out = (natural.frame(number) for number in range(settings.validation))
        return SimulatedFrames(settings.seed, settings.plankton), held_out
    frames = open_annotated(settings, instrument)
    return frames.split(settings.validation, settings.taxa, instrument.segmentation)
