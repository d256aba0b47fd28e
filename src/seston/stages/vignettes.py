"""Objects that come already cut out: how the frames of a shard are cut into tasks and measured.

A task owns frames of one file and of one size of pixels, and holds no more vignettes than
`VIGNETTES_PER_TASK` (one frame may hold more). Memory of a worker: the vignettes of a task, three
times over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston import image
from seston.config import Segmentation
from seston.errors import InputError
from seston.frame import UInt8Array, Vignette
from seston.readers import VignetteReader
from seston.stages import manifest
from seston.stages.found import Found, object_ids

VIGNETTES_PER_TASK = 2048


def plan_tasks(frames: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Cut the frames of a shard into tasks."""
    usable = frames[frames["usable"] == 1]
    columns = ["path", "pixel_height", "pixel_width"]
    same = usable[columns].ne(usable[columns].shift()).any(axis=1).cumsum()
    held = usable["vignettes"].clip(lower=1)
    part = (held.groupby(same).cumsum() - held) // VIGNETTES_PER_TASK
    for _, group in usable.groupby([same, part], sort=True):
        yield group


def run_task(
    frames: pd.DataFrame,
    *,
    reader: VignetteReader,
    settings: Segmentation,
    names: Sequence[str],
    deployment: int,
) -> Found:
    """Read and measure the vignettes of some frames."""
    rows, vignettes, problems = _read(reader, frames)
    kept, features, pixels, dropped = _measure(vignettes, frames, settings, names)
    chosen = [vignettes[i] for i in kept]
    columns = _columns(chosen, frames.iloc[rows[kept]], deployment)
    columns["features"] = features
    columns["vignette_start"] = _starts(chosen)
    return Found(
        columns=columns,
        pixels=pixels,
        level=np.full(len(frames), np.nan, np.float32),
        numbers=frames.index.to_numpy(),
        problems=problems,
        dropped=dropped,
    )


def nothing(frames: pd.DataFrame, names: Sequence[str], deployment: int, problem: str) -> Found:
    """Give what is found in frames that are given up."""
    columns = _columns([], frames.iloc[:0], deployment)
    columns["features"] = np.empty((0, len(names)), np.float32)
    columns["vignette_start"] = _starts([])
    return Found(
        columns=columns,
        pixels=np.empty(0, np.uint8),
        level=np.full(len(frames), np.nan, np.float32),
        numbers=frames.index.to_numpy(),
        problems=dict.fromkeys((int(n) for n in frames.index), problem),
        dropped={"too_small": 0, "too_large": 0},
    )


def _read(
    reader: VignetteReader, frames: pd.DataFrame
) -> tuple[NDArray[np.int64], list[Vignette], dict[int, str]]:
    """Read frame by frame; say of each that cannot be read why."""
    rows: list[int] = []
    vignettes: list[Vignette] = []
    problems: dict[int, str] = {}
    waiting = list(range(len(frames)))
    path = str(frames["path"].iloc[0])
    while waiting:
        indices = [int(i) for i in frames["index_in_file"].iloc[waiting]]
        try:
            for found in reader.vignettes(path, indices):
                row = waiting.pop(0)
                rows += [row] * len(found)
                vignettes += found
            problems |= {int(frames.index[r]): "the file ends before this frame" for r in waiting}
            break
        except InputError as error:
            problems[int(frames.index[waiting.pop(0)])] = error.what
    return np.array(rows, np.int64), vignettes, problems


def _measure(
    vignettes: Sequence[Vignette],
    frames: pd.DataFrame,
    settings: Segmentation,
    names: Sequence[str],
) -> tuple[NDArray[np.int64], NDArray[np.float32], UInt8Array, dict[str, int]]:
    """Measure vignettes, and leave out those outside the size limits."""
    seen = [i for i, v in enumerate(vignettes) if v.pixels is not None]
    measured = image.measure_vignettes(
        [vignettes[i] for i in seen],
        settings=settings,
        pixel_height=float(frames["pixel_height"].iloc[0]),
        pixel_width=float(frames["pixel_width"].iloc[0]),
        names=names,
    )
    features = np.full((len(vignettes), len(names)), np.nan, np.float32)
    features[seen] = measured.features
    _fill_in(features, names, vignettes)
    diameter = features[:, names.index("equivalent_diameter_area")]
    small, large = diameter < settings.min_esd_mm, diameter > settings.max_esd_mm
    kept = np.flatnonzero(~(small | large))
    dropped = {"too_small": int(small.sum()), "too_large": int(large.sum())}
    sizes = [v.height * v.width if v.pixels is not None else 0 for v in vignettes]
    of = np.repeat(~(small | large), sizes)
    return kept, features[kept], measured.pixels[of], dropped


def _fill_in(
    features: NDArray[np.float32], names: Sequence[str], vignettes: Sequence[Vignette]
) -> None:
    """Take from the source's own table what is asked for and was not measured here."""
    column = {name: i for i, name in enumerate(names)}
    for row, vignette in zip(features, vignettes, strict=True):
        for name in vignette.measured.keys() & column.keys():
            if np.isnan(row[column[name]]):
                row[column[name]] = vignette.measured[name]


def _columns(
    vignettes: Sequence[Vignette], frames: pd.DataFrame, deployment: int
) -> dict[str, NDArray[Any]]:
    top = np.array([v.top for v in vignettes], np.int64)
    left = np.array([v.left for v in vignettes], np.int64)
    line = frames["first_line"].to_numpy(np.int64) + top
    texts = {
        f"source_{key}": np.array([getattr(v, name) for v in vignettes], object)
        for key, name in (("id", "source_id"), ("label", "label"), ("status", "status"))
    }
    return {
        "object_id": object_ids(deployment, line, left),
        "frame": frames.index.to_numpy(),
        "top": top.astype(np.int32),
        "left": left.astype(np.int32),
        "bottom": np.array([v.top + v.height for v in vignettes], np.int32),
        "right": np.array([v.left + v.width for v in vignettes], np.int32),
        "time": manifest.times(frames),
        **texts,
    }


def _starts(vignettes: Sequence[Vignette]) -> NDArray[np.int64]:
    """First byte of each vignette in those of the task; -1 where there is none."""
    seen = np.array([v.pixels is not None for v in vignettes], bool)
    sizes = np.array([v.height * v.width for v in vignettes], np.int64) * seen
    return np.where(seen, np.cumsum(sizes) - sizes, -1)
