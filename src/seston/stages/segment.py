"""Segment: find and measure the objects of one shard, and write them in the order of lines.

Where the instrument has cut the objects out itself, they are only measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from distributed import Client
from numpy.typing import NDArray

from seston import cluster
from seston.campaign import Campaign, Shard
from seston.config import Segmentation
from seston.errors import ConfigError
from seston.features import names_of
from seston.image import whoi
from seston.keys import Keys
from seston.progress import progress
from seston.readers import FrameReader, VignetteReader
from seston.stages import filtering, manifest, poison, vignettes, windows
from seston.stages.found import Found
from seston.store import new_objects


def segment(campaign: Campaign, shard: Shard, client: Client) -> None:
    """Find and measure the objects of one shard and write them.

    Raises
    ------
    StoreError
        The manifest does not list the shard.
    ModelError
        The network or the filter is missing, damaged, or does not fit.
    SpaceError
        The disk is full.
    """
    target = campaign.shard_folder(shard.name) / "objects.zarr"
    key = Keys(campaign).objects(shard)
    settings = campaign.instrument(shard.deployment).segmentation
    told = _told_of(settings)  # with the key: of a network that changes meanwhile both tell the old
    with new_objects(target, names_of(campaign.config.features), key) as (_, writer):
        work, tasks = _work(campaign, shard)
        frames = manifest.read_frames(campaign, shard.name)
        passing = filtering.only_passing(work, settings, work.keywords["names"], frames)
        account = _Account(frames)
        with progress(f"segment {campaign.name}/{shard.name}", len(frames), "frames") as shown:
            for found in cluster.stream(
                client, passing, ((task,) for task in tasks), rescue=poison.rescue_of(work)
            ):
                rows = account.add(found)
                writer.append({**found.columns, "frame": rows}, found.pixels)
                shown.advance(len(found.level), len(found.columns["object_id"]))
            shown.advance(len(frames) - shown.done)  # unusable frames are in no task
        writer.close(account.frame_variables(), account.attributes() | told)


def _work(campaign: Campaign, shard: Shard) -> tuple[partial[Found], Iterator[Any]]:
    """Give what a worker does with a task, and the tasks of a shard."""
    reader = campaign.reader(shard.deployment)
    names = names_of(campaign.config.features)
    if "whoi" in campaign.config.features:
        whoi.check_installed()
    settings = campaign.instrument(shard.deployment).segmentation
    common: dict[str, Any] = {
        "settings": settings,
        "names": names,
        "deployment": campaign.deployment_index(shard.deployment.deployment),
    }
    if isinstance(reader, VignetteReader):
        _refuse_network(settings, shard)
        frames = manifest.read_frames(campaign, shard.name)
        return partial(vignettes.run_task, reader=reader, **common), vignettes.plan_tasks(frames)
    assert isinstance(reader, FrameReader)
    work = partial(windows.run_task, reader=reader, **common)
    return work, windows.plan_tasks(campaign, shard, settings)


def _told_of(settings: Segmentation) -> dict[str, Any]:
    """Attributes of objects that a network has named or a filter let through."""
    from seston.learn.filtering import load_filter_card
    from seston.learn.semantic import load_semantic_card

    if settings.filter is not None:
        return {"filter_sha256": load_filter_card(settings.filter).hash}
    if settings.model is None:
        return {}
    card = load_semantic_card(settings.model)
    return {"semantic_taxa": list(card.taxa), "semantic_model_hash": card.hash}


def _refuse_network(settings: Segmentation, shard: Shard) -> None:
    """Refuse to look for objects where the instrument has cut them out."""
    if settings.method == "semantic":
        name = shard.deployment.instrument
        raise ConfigError(
            f"`instruments.{name}.segmentation.method`: its objects come cut out, there are no "
            "frames for a network to look at",
            where="config.yaml",
            cure="Set it to threshold, and name the objects by `classification`.",
        )


class _Account:
    """Collects, task by task, what the frame variables of a shard will say."""

    def __init__(self, frames: pd.DataFrame) -> None:
        self._frames = frames.copy()
        self._level = np.full(len(frames), np.nan, np.float32)
        self._counts = np.zeros(len(frames), np.int32)
        self._left_out = np.zeros(len(frames), np.int32)
        self._dropped: dict[str, int] = {}
        self._labels: set[str] = set()

    def add(self, found: Found) -> NDArray[np.int32]:
        """Take in one task; give the row in the shard of each object's frame."""
        first = int(self._frames.index[0]) if len(self._frames) else 0
        rows: NDArray[np.int32] = (found.columns["frame"] - first).astype(np.int32)
        np.add.at(self._counts, rows, 1)
        self._level[found.numbers - first] = found.level
        if found.left_out is not None:
            self._left_out[found.numbers - first] += found.left_out
        for number, problem in found.problems.items():
            self._frames.loc[number, "usable"] = 0
            self._frames.loc[number, "problem"] = problem
        self._labels |= set(found.columns.get("source_label", ()))
        for reason, count in found.dropped.items():
            self._dropped[reason] = self._dropped.get(reason, 0) + count
        return rows

    def frame_variables(self) -> dict[str, NDArray[Any]]:
        """Give the frame variables of the objects dataset that segmentation knows."""
        frames = self._frames
        same = ("deployment", "path", "index_in_file", "height", "first_line", "scan", "time",
                "line_interval", "pixel_height", "pixel_width", "volume_source",
                "subsample_factor", "sample", "latitude", "longitude", "depth_min", "depth_max",
                "usable", "problem")  # fmt: skip
        starts = np.cumsum(self._counts, dtype=np.int64) - self._counts
        return {
            "frame_id": frames["frame_id"].to_numpy(),
            **{f"frame_{name}": frames[name].to_numpy() for name in same},
            "frame_volume": frames["imaged_volume"].to_numpy(),
            "frame_depth": frames[["depth_min", "depth_max"]].mean(axis=1).to_numpy(np.float32),
            "frame_background": self._level,
            "frame_object_start": starts,
            "frame_object_count": self._counts,
            "frame_left_out_count": self._left_out,
        }

    def attributes(self) -> dict[str, Any]:
        """Count what was found and not kept, and list the taxa that sources gave."""
        lost = {f"dropped_{reason}": count for reason, count in sorted(self._dropped.items())}
        labels = sorted(self._labels - {""})
        return lost | ({"source_labels": labels} if labels else {})
