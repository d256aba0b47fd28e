"""Classify: score every object of one shard with a model."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from distributed import Client
from numpy.typing import NDArray

from seston import cluster
from seston.campaign import Campaign, Shard
from seston.config import Classification
from seston.errors import ConfigError
from seston.progress import progress
from seston.store import check_whole, new_scores, open_group, read_column, read_vignettes

if TYPE_CHECKING:
    from seston.learn import Model

#: Objects that one task scores: some ten megabytes of vignettes.
OBJECTS_PER_TASK = 4096


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

    Raises
    ------
    ModelError
        The model is missing, damaged, or does not fit.
    StoreError
        The objects of the shard are missing.
    """
    from seston.learn import load_card

    settings = settings_of(campaign)
    card = load_card(settings.model)
    folder = campaign.shard_folder(shard.name)
    objects = folder / "objects.zarr"
    check_whole(objects)
    total = len(read_column(open_group(objects), "object_id"))
    tasks = ((objects, start, stop) for start, stop in _ranges(total))
    title = f"classify {campaign.name}/{shard.name}"
    attributes = {"model_hash": card.hash, "unknown_false_alarm": settings.unknown_false_alarm}
    with (
        new_scores(folder / "scores.zarr", list(card.taxa), attributes) as writer,
        progress(title, total, "objects") as shown,
    ):
        for scores in cluster.stream(client, _Scorer(settings), tasks):
            writer.append(scores)
            shown.advance(len(scores), len(scores))


def _ranges(total: int) -> Iterator[tuple[int, int]]:
    for start in range(0, total, OBJECTS_PER_TASK):
        yield start, min(start + OBJECTS_PER_TASK, total)


class _Scorer:
    """Scores a range of objects; each worker loads the model once."""

    def __init__(self, settings: Classification) -> None:
        self._settings = settings

    def __call__(self, objects: Path, start: int, stop: int) -> NDArray[np.float16]:
        settings = self._settings
        model = _model(settings.model, settings.batch_size, settings.unknown_false_alarm)
        group = open_group(objects)
        rows = slice(start, stop)
        vignettes = read_vignettes(group, rows)
        scores = model.predict(vignettes, pixel_size_mm=_pixel_sizes(group, rows))
        return scores.astype(np.float16)


@lru_cache(maxsize=1)
def _model(folder: Path, batch_size: int, false_alarm: float | None) -> Model:
    from seston.learn import load_model, use_threads
    from seston.learn.unknown import half

    use_threads(1)  # a worker is one of as many processes as there are cores
    model = load_model(folder, batch_size=batch_size)
    return model if false_alarm is None else model.wary(half(false_alarm))


def _pixel_sizes(group: zarr.Group, rows: slice) -> NDArray[Any]:
    """Height and width of a pixel of each object's frame, (n, 2), mm."""
    frame = read_column(group, "frame", rows)
    sizes = [read_column(group, f"frame_pixel_{side}")[frame] for side in ("height", "width")]
    return np.stack(sizes, axis=1)
