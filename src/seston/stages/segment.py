"""Segment: find and measure the objects of one shard, and write them in the order of lines."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from distributed import Client
from numpy.typing import NDArray

from seston import cluster
from seston.campaign import Campaign, Shard
from seston.progress import progress
from seston.stages import manifest
from seston.stages.windows import Found, Task, plan_tasks, run_task
from seston.store import new_objects


def segment(campaign: Campaign, shard: Shard, client: Client) -> None:
    """Find and measure the objects of one shard and write them.

    Raises
    ------
    StoreError
        The manifest does not list the shard.
    SpaceError
        The disk is full.
    """
    target = campaign.shard_folder(shard.name) / "objects.zarr"
    with new_objects(target) as (_, writer):
        frames = manifest.read_frames(campaign, shard.name)
        account = _Account(frames)
        with progress(f"segment {campaign.name}/{shard.name}", len(frames), "frames") as shown:
            for found in cluster.stream(client, *_work(campaign, shard)):
                rows = account.add(found)
                writer.append({**found.columns, "frame": rows}, found.pixels)
                shown.advance(len(found.level), len(found.columns["object_id"]))
            shown.advance(len(frames) - shown.done)  # unusable frames are in no task
        writer.close(account.frame_variables(), account.attributes())


def _work(campaign: Campaign, shard: Shard) -> tuple[Callable[[Task], Found], list[tuple[Task]]]:
    """Give what the workers do, and with what."""
    settings = campaign.instrument(shard.deployment).segmentation
    work = partial(
        run_task,
        reader=campaign.reader(shard.deployment),
        settings=settings,
        costly=campaign.config.features == "all",
        deployment=campaign.deployment_index(shard.deployment.deployment),
    )
    return work, [(task,) for task in plan_tasks(campaign, shard, settings)]


class _Account:
    """Collects, task by task, what the frame variables of a shard will say."""

    def __init__(self, frames: pd.DataFrame) -> None:
        self._frames = frames.copy()
        self._level = np.full(len(frames), np.nan, np.float32)
        self._counts = np.zeros(len(frames), np.int32)
        self._dropped: dict[str, int] = {}
        self._next = 0

    def add(self, found: Found) -> NDArray[np.int32]:
        """Take in one task; give the row in the shard of each object's frame."""
        first = int(self._frames.index[0]) if len(self._frames) else 0
        rows: NDArray[np.int32] = (found.columns["frame"] - first).astype(np.int32)
        np.add.at(self._counts, rows, 1)
        begin = found.first - first
        self._level[begin : begin + len(found.level)] = found.level
        for number, problem in found.problems.items():
            self._frames.loc[number, "usable"] = 0
            self._frames.loc[number, "problem"] = problem
        for reason, count in found.dropped.items():
            self._dropped[reason] = self._dropped.get(reason, 0) + count
        return rows

    def frame_variables(self) -> dict[str, NDArray[Any]]:
        """Give the frame variables of the objects dataset that segmentation knows."""
        frames = self._frames
        same = ("deployment", "path", "index_in_file", "height", "first_line", "scan", "time",
                "line_interval", "pixel_height", "pixel_width", "usable", "problem")  # fmt: skip
        starts = np.cumsum(self._counts, dtype=np.int64) - self._counts
        return {
            "frame_id": frames["frame_id"].to_numpy(),
            **{f"frame_{name}": frames[name].to_numpy() for name in same},
            "frame_volume": frames["imaged_volume"].to_numpy(),
            "frame_background": self._level,
            "frame_object_start": starts,
            "frame_object_count": self._counts,
        }

    def attributes(self) -> dict[str, Any]:
        """Count what was found and not kept."""
        return {f"dropped_{reason}": count for reason, count in sorted(self._dropped.items())}
