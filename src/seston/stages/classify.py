"""Classify: score every object of one shard with a model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from distributed import Client
from numpy.typing import NDArray

from seston import cluster
from seston.campaign import Campaign, Shard
from seston.config import Classification
from seston.errors import ConfigError, StoreError
from seston.keys import Keys
from seston.progress import progress
from seston.store import (
    check_whole,
    content_of,
    length,
    new_scores,
    open_group,
    read_column,
    read_key,
    read_vignettes,
)

if TYPE_CHECKING:
    from seston.learn import Model

_loading = Lock()

#: Objects that one task scores: some ten megabytes of vignettes.
OBJECTS_PER_TASK = 4096
#: The same on a GPU, which waits while a task begins and ends.
OBJECTS_PER_GPU_TASK = 1 << 15
#: Objects that are read, seen and scored at a time, each while the others are: whole batches.
OBJECTS_AT_ONCE = 1024


def settings_of(campaign: Campaign) -> Classification:
    """Give the settings of the classification.

    Raises
    ------
    ConfigError
        The configuration has none.
    """
    if campaign.config.classification is None:
        raise ConfigError(
            "has no key `classification`",
            where="config.yaml",
            cure="Name a model there; without one, objects are measured but not named.",
        )
    return campaign.config.classification


def classify(campaign: Campaign, shard: Shard, client: Client) -> None:
    """Score the objects of one shard and write the scores beside them.

    Objects that a network has found have their scores from it: these are handed on.

    Raises
    ------
    ModelError
        The model is missing, damaged, or does not fit.
    StoreError
        The objects of the shard are missing.
    """
    from seston.learn import load_card

    if campaign.instrument(shard.deployment).segmentation.method == "semantic":
        _hand_on(campaign, shard)
        return
    settings = settings_of(campaign)
    card = load_card(settings.model)
    folder = campaign.shard_folder(shard.name)
    objects = folder / "objects.zarr"
    check_whole(objects)
    found = open_group(objects)
    total = length(found, "object_id")
    engine = client.submit(choose, settings, pure=False).result()
    tasks = ((objects, start, stop) for start, stop in ranges(total, settings.gpus))
    title = f"classify {campaign.name}/{shard.name}"
    key = scores_key(campaign, shard)
    # A model that looks at measured features alone has no network, and so nothing to keep.
    kept = int(card.backbone.get("n_features", 0)) if settings.keep_embedding else 0
    attributes = {
        "model_hash": card.hash,
        "objects_content": content_of(found),
        "engine": engine.described,
        "unknown_false_alarm": settings.unknown_false_alarm,
    }
    with (
        new_scores(folder / "scores.zarr", list(card.taxa), attributes, kept, key) as writer,
        progress(title, total, "objects") as shown,
    ):
        for scores, embedding in cluster.stream(client, Scorer(settings, engine.name), tasks):
            writer.append(scores, embedding)
            shown.advance(len(scores), len(scores))


def scores_key(campaign: Campaign, shard: Shard) -> str:
    """Key of a shard's scores: of the objects that are there, and of the model as it is."""
    from seston.learn import load_card

    objects = campaign.shard_folder(shard.name) / "objects.zarr"
    there = f"{read_key(objects)} {content_of(open_group(objects))}"
    model = load_card(campaign.classification.model).hash if campaign.classification else ""
    return Keys(campaign).scores(there, model)


def _hand_on(campaign: Campaign, shard: Shard) -> None:
    """Write the scores that the objects came with."""
    folder = campaign.shard_folder(shard.name)
    objects = folder / "objects.zarr"
    check_whole(objects)
    group = open_group(objects)
    taxa, model = (group.attrs.get(f"semantic_{key}") for key in ("taxa", "model_hash"))
    if not isinstance(taxa, list):
        raise StoreError(
            "were not found by a network", where=objects, cure="Run `seston segment` again."
        )
    attributes = {"model_hash": model, "objects_content": content_of(group)}
    key = scores_key(campaign, shard)
    with new_scores(folder / "scores.zarr", taxa, attributes, key=key) as writer:
        for start, stop in ranges(length(group, "scores") if "scores" in group else 0):
            writer.append(read_column(group, "scores", slice(start, stop)))


def ranges(total: int, gpus: int = 0) -> Iterator[tuple[int, int]]:
    """Cut objects into tasks: first, and the one after the last, of each."""
    step = OBJECTS_PER_GPU_TASK if gpus else OBJECTS_PER_TASK
    for start in range(0, total, step):
        yield start, min(start + step, total)


@dataclass(frozen=True, slots=True)
class Engine:
    """What computes on the workers: its name, and with the version of its library."""

    name: str
    described: str


def choose(settings: Classification) -> Engine:
    """Choose the engine of all workers on one of them: it is their device, not the command's."""
    from seston.learn import choose_engine, use_threads
    from seston.learn.networks import engines

    use_threads(1)
    device = device_of(settings.gpus, cluster.worker_number())
    name = choose_engine(settings.engine, settings.model, device, settings.batch_size)
    return Engine(name, engines.described(name))


class Scorer:
    """Scores a range of objects; each worker loads the model once.

    Parameters
    ----------
    settings : Classification
    engine : str
        Never ``auto``: all workers use the same.
    """

    def __init__(self, settings: Classification, engine: str) -> None:
        self._settings, self._engine = settings, engine

    def __call__(
        self, objects: Path, start: int, stop: int
    ) -> tuple[NDArray[np.float16], NDArray[np.float16] | None]:
        """Give scores (n, n_taxa) of the objects, and their embedding where it is kept.

        An object without a vignette has no score: 0 for all taxa, and an embedding of NaN.
        Nor has one that lies too far from all that the model learned, where that is asked for.
        """
        model = model_of(self._settings, self._engine)
        found = list(model.look_at_all(_parts(objects, start, stop)))
        seen = _seen(open_group(objects), slice(start, stop))
        scores = _spread([part.scores for part in found], seen, 0)
        if not self._settings.keep_embedding:
            return scores, None
        return scores, _spread([part.embedding for part in found], seen, np.nan)


def _parts(
    objects: Path, start: int, stop: int
) -> Iterator[tuple[list[NDArray[np.uint8]], NDArray[Any]]]:
    """Read vignettes and the sizes of their pixels, some at a time."""
    group = open_group(objects)
    for begin in range(start, stop, OBJECTS_AT_ONCE):
        rows = slice(begin, min(begin + OBJECTS_AT_ONCE, stop))
        vignettes, sizes = read_vignettes(group, rows), _pixel_sizes(group, rows)
        yield [v for v in vignettes if v.size], sizes[_seen(group, rows)]


def _seen(group: zarr.Group, rows: slice) -> NDArray[np.bool_]:
    return read_column(group, "vignette_start", rows) >= 0


def _spread(
    parts: list[NDArray[np.float32]], seen: NDArray[np.bool_], unseen: float
) -> NDArray[np.float16]:
    """Give each object a row, also those that were not seen."""
    found = np.concatenate(parts)
    out = np.full((len(seen), found.shape[1]), unseen, np.float16)
    out[seen] = found
    return out


def device_of(gpus: int, worker: int) -> str:
    """Name the device of a worker: a GPU of its own, else what ``SESTON_DEVICE`` says, else cpu.

    A worker that sees one GPU only, as `seston.cluster` starts it, takes that. Where a GPU is
    wanted and none is there, the cores do the work, and give the same labels.
    """
    if gpus:
        import torch

        if there := torch.cuda.device_count():
            return f"cuda:{worker % there}"
    return os.environ.get("SESTON_DEVICE") or "cpu"


def load_once(folder: Path, batch_size: int, engine: str, device: str) -> Model:
    """Load a model into this process, which stays there for the next task.

    Two tasks share a GPU, and so a process: while one is in the network, the other reads.
    """
    with _loading:
        return _loaded(folder, batch_size, engine, device)


def model_of(settings: Classification, engine: str) -> Model:
    """Give the model of a worker, wary of what it does not know where that is asked for."""
    device = device_of(settings.gpus, cluster.worker_number())
    model = load_once(settings.model, settings.batch_size, engine, device)
    if settings.unknown_false_alarm is None:
        return model
    from seston.learn.judging.unknown import half

    return model.wary(half(settings.unknown_false_alarm))


@lru_cache(maxsize=1)
def _loaded(folder: Path, batch_size: int, engine: str, device: str) -> Model:
    from seston.learn import load_model, use_threads

    use_threads(1)  # a worker is one of as many processes as there are cores
    return load_model(folder, batch_size=batch_size, engine=engine, device=device)


def _pixel_sizes(group: zarr.Group, rows: slice) -> NDArray[Any]:
    """Height and width of a pixel of each object's frame, (n, 2), mm."""
    frame = read_column(group, "frame", rows)
    sizes = [read_column(group, f"frame_pixel_{side}")[frame] for side in ("height", "width")]
    return np.stack(sizes, axis=1)
