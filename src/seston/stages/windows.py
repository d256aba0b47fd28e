"""How the frames of a shard are cut into tasks, and what a worker does with one.

A task owns whole frames. It reads the lines before and after them in the same scan (the halo),
finds the objects that begin in its own lines, and leaves the others to its neighbours: the
result is the same however a campaign is split. Memory of a worker: `LINES_PER_TASK` and two
halos of lines, held from task to task, and the objects in them; segmentation copies no lines.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston import image
from seston.campaign import Campaign, Shard
from seston.config import Segmentation
from seston.errors import InputError
from seston.frame import UInt8Array
from seston.readers import FrameReader, Piece
from seston.stages import manifest, semantic
from seston.stages.found import Found, object_ids

if TYPE_CHECKING:
    from seston.learn.semantic import SemanticModel

#: Lines that one task owns, unless one frame is longer: 134 MB at 2048 pixels a line.
LINES_PER_TASK = 65_536
#: Fewer still frames than this give no median that is free of objects.
FEWEST_FOR_MEDIAN = 3
#: The level of the background is the median of every so many-th line.
LEVEL_STEP = 64


@dataclass(frozen=True)
class Task:
    """What one worker does at a time.

    Parameters
    ----------
    frames : DataFrame
        Usable frames in order: the task's own, and those of the halo (see `_trimmed`).
    own : tuple of int
        Numbers in the deployment [first, last) of the frames that the task owns.
    halo : int
        Lines before and after its own that it reads, where there are so many.
    background : DataFrame or None
        Frames whose median is the background, for still cameras.
    """

    frames: pd.DataFrame
    own: tuple[int, int]
    halo: int = 0
    background: pd.DataFrame | None = None

    @property
    def owned(self) -> pd.DataFrame:
        """The usable frames that the task owns."""
        return self.frames.loc[self.own[0] : self.own[1] - 1]


# ------------------------------------------------------------------------------------ planning
def plan_tasks(campaign: Campaign, shard: Shard, settings: Segmentation) -> Iterator[Task]:
    """Cut the frames of a shard into tasks, each with its halo and its background."""
    own = manifest.read_frames(campaign, shard.name)
    if own.empty:
        return
    usable = own[own["usable"] == 1]
    halo = max((image.halo(settings, h) for h in usable["pixel_height"].unique()), default=0)
    around = manifest.frames_around(campaign, shard, halo, 2 * settings.background_frames)
    around = around[around["usable"] == 1]
    for first, last in _groups(usable, settings):
        yield Task(
            frames=window(around, usable.loc[first:last], halo),
            own=(first, last + 1),
            halo=halo,
            background=_background_frames(around, first, settings),
        )


def _groups(usable: pd.DataFrame, settings: Segmentation) -> Iterator[tuple[int, int]]:
    """First and last frame of each task: few enough lines, one size of pixels, one background."""
    size = usable["pixel_height"].ne(usable["pixel_height"].shift()).cumsum()
    lines = usable["height"].groupby(size).cumsum() - usable["height"]
    key = size * (1 << 32) + lines // LINES_PER_TASK
    if settings.background == "neighbours":
        block = usable.index.to_series() // settings.background_frames
        key = pd.Series(pd.MultiIndex.from_arrays([block, key]).factorize()[0], usable.index)
    for _, group in usable.groupby(key.to_numpy(), sort=True):
        yield int(group.index[0]), int(group.index[-1])


def window(around: pd.DataFrame, own: pd.DataFrame, halo: int) -> pd.DataFrame:
    """Give own frames, and of those around them in the same scan so many lines on both sides."""
    begin = int(own["first_line"].iloc[0]) - halo
    end = int((own["first_line"] + own["height"]).iloc[-1]) + halo
    near = (around["first_line"] + around["height"] > begin) & (around["first_line"] < end)
    return _trimmed(around[near & around["scan"].isin(own["scan"].unique())], begin, end)


def _trimmed(frames: pd.DataFrame, begin: int, end: int) -> pd.DataFrame:
    """Leave out the lines of frames that lie outside a window.

    ``height`` and ``first_line`` tell what is left of a frame, ``skip`` the lines before it and
    ``full_height`` its own height.
    """
    cut = (begin - frames["first_line"]).clip(lower=0)
    stop = (frames["first_line"] + frames["height"]).clip(upper=end)
    first = frames["first_line"] + cut
    whole = frames if "skip" in frames else frames.assign(full_height=frames["height"], skip=0)
    return whole.assign(skip=whole["skip"] + cut, first_line=first, height=stop - first)


def _background_frames(
    around: pd.DataFrame, number: int, settings: Segmentation
) -> pd.DataFrame | None:
    """Frames around a still frame: the block of its number, or the last ones there are."""
    if settings.background != "neighbours":
        return None
    size = settings.background_frames
    end = number // size * size + size
    frames: pd.DataFrame = around[around.index < end].tail(size)
    frames = frames.assign(full_height=frames["height"], skip=0)
    return frames if len(frames) >= FEWEST_FOR_MEDIAN else None


# ------------------------------------------------------------------------------------- working
def run_task(
    task: Task,
    *,
    reader: FrameReader,
    settings: Segmentation,
    names: Sequence[str],
    deployment: int,
) -> Found:
    """Find and measure the objects that begin in the frames that a task owns."""
    settings, background = _background(task, reader, settings)
    model = semantic.model_of(settings)
    numbers = pd.RangeIndex(*task.own)
    level = np.full(len(numbers), np.nan, np.float32)
    problems: dict[int, str] = {}
    parts = []
    for run in _continuous(task.frames):
        lines, unread = _load(reader, run, _reused)
        problems |= {n: p for n, p in unread.items() if n in numbers}
        for stretch, pixels in _readable(run, lines, unread):
            own = stretch.loc[task.own[0] : task.own[1] - 1]
            if own.empty:
                continue
            level[own.index - task.own[0]] = _levels(stretch, own, pixels)
            try:
                light = _given(reader, stretch, settings, background)
            except InputError as error:
                problems |= dict.fromkeys(own.index, error.what)
                continue
            parts.append(_find(stretch, own, pixels, light[1], light[0], names, model))
    nothing = _no_columns(len(names), len(model.taxa) if model else None)
    return _together(numbers.to_numpy(), parts, level, problems, deployment, nothing)


def _background(
    task: Task, reader: FrameReader, settings: Segmentation
) -> tuple[Segmentation, UInt8Array | None]:
    """Give the median of the frames around, or the frames' own level if there are too few."""
    if settings.background != "neighbours":
        return settings, None
    if task.background is not None:
        pictures = []
        for run in _continuous(task.background):
            lines, unread = _load(reader, run, _new)
            pictures += [] if unread else [lines]
        same = [p for p in pictures if p.shape == pictures[0].shape]
        if len(same) >= FEWEST_FOR_MEDIAN:
            return settings, image.median_background(same)
    return settings.model_copy(update={"background": "level"}), None


def _given(
    reader: FrameReader, frames: pd.DataFrame, settings: Segmentation, background: UInt8Array | None
) -> tuple[Segmentation, UInt8Array | None]:
    """Give the background that comes with a frame, or the frame's own level if none does."""
    if settings.background != "given":
        return settings, background
    frame = frames.iloc[0]
    picture = reader.background(str(frame["path"]), int(frame["index_in_file"]))
    if picture is None:
        return settings.model_copy(update={"background": "level"}), None
    expected = (int(frames["height"].sum()), int(frame["width"]))
    if picture.shape != expected:
        raise InputError(f"its background is {picture.shape}, not {expected}")
    return settings, picture


def _continuous(frames: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Split frames where a scan ends, where lines are missing, or where the width changes."""
    end = (frames["first_line"] + frames["height"]).shift()
    breaks = (frames["first_line"] != end) | frames[["scan", "width"]].diff().ne(0).any(axis=1)
    for _, run in frames.groupby(breaks.cumsum().to_numpy()):
        yield run


def _load(reader: FrameReader, run: pd.DataFrame, room: Room) -> tuple[UInt8Array, dict[int, str]]:
    """Read the lines of continuous frames; say of each frame that cannot be read why."""
    lines = room(int(run["height"].sum()), int(run["width"].iloc[0]))
    start = run["first_line"] - int(run["first_line"].iloc[0])
    pieces = {
        int(number): Piece(index, full, skip, lines[at : at + height])
        for number, index, full, skip, at, height in zip(
            run.index, run["index_in_file"].astype(int), run["full_height"].astype(int),
            run["skip"].astype(int), start.astype(int), run["height"].astype(int), strict=True,
        )
    }  # fmt: skip
    unread: dict[int, str] = {}
    for path, frames in run.groupby("path", sort=False):
        waiting = [int(number) for number in frames.index]
        while waiting:
            waiting = _load_file(reader, str(path), waiting, pieces, unread)
    return lines, unread


def _load_file(
    reader: FrameReader,
    path: str,
    waiting: list[int],
    pieces: Mapping[int, Piece],
    unread: dict[int, str],
) -> list[int]:
    """Read frames of one file up to the first that fails; give the numbers after it."""
    done = 0
    try:
        for _ in reader.fill(path, [pieces[number] for number in waiting]):
            done += 1
    except InputError as error:
        unread[waiting[done]] = error.what
        return waiting[done + 1 :]
    unread |= dict.fromkeys(waiting[done:], "the file ends before this frame")
    return []


#: Gives an array (line, column) to read into.
Room = Callable[[int, int], UInt8Array]
_room = threading.local()


def _new(lines: int, width: int) -> UInt8Array:
    return np.empty((lines, width), np.uint8)


def _reused(lines: int, width: int) -> UInt8Array:
    """Give the same memory to task after task: the system hands out and clears none anew."""
    held: UInt8Array = getattr(_room, "bytes", np.empty(0, np.uint8))
    if held.size < lines * width:
        held = _room.bytes = np.empty(lines * width, np.uint8)
    return held[: lines * width].reshape(lines, width)


def _readable(
    run: pd.DataFrame, lines: UInt8Array, unread: dict[int, str]
) -> Iterator[tuple[pd.DataFrame, UInt8Array]]:
    """Split continuous frames around those that could not be read."""
    if not unread:
        yield run, lines
        return
    begin = int(run["first_line"].iloc[0])
    for stretch in _continuous(run.drop(index=list(unread))):
        first = int(stretch["first_line"].iloc[0]) - begin
        yield stretch, lines[first : first + int(stretch["height"].sum())]


def _levels(stretch: pd.DataFrame, own: pd.DataFrame, pixels: UInt8Array) -> list[float]:
    start = (own["first_line"] - int(stretch["first_line"].iloc[0])).to_list()
    heights = own["height"].to_list()
    return [
        image.median_level(pixels[s : s + h : LEVEL_STEP])
        for s, h in zip(start, heights, strict=True)
    ]


@dataclass(frozen=True)
class _Part:
    """Objects of one stretch, and the frames that they begin in."""

    objects: image.Objects
    frames: pd.DataFrame
    scores: NDArray[np.float32] | None = None
    doubtful: int = 0


def _find(
    stretch: pd.DataFrame,
    own: pd.DataFrame,
    pixels: UInt8Array,
    background: UInt8Array | None,
    settings: Segmentation,
    names: Sequence[str],
    model: SemanticModel | None,
) -> _Part:
    begin = int(stretch["first_line"].iloc[0])
    owned = int(own["first_line"].iloc[0]) - begin
    seen: dict[str, Any] = {
        "lines": pixels,
        "owned": slice(owned, owned + int(own["height"].sum())),
        "settings": settings,
        "pixel_height": float(own["pixel_height"].iloc[0]),
        "pixel_width": float(own["pixel_width"].iloc[0]),
        "background": background,
        "names": names,
        "first_line": begin,
    }
    if model is None:
        return _Part(image.find_objects(**seen), own)
    named = semantic.find(model, **seen)
    return _Part(named.objects, own, named.scores, named.doubtful)


def _together(
    numbers: NDArray[np.int64],
    parts: Sequence[_Part],
    level: NDArray[np.float32],
    problems: dict[int, str],
    deployment: int,
    nothing: dict[str, NDArray[Any]],
) -> Found:
    tables = [_columns(part, deployment) for part in parts] or [nothing]
    columns = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    sizes = (columns["bottom"] - columns["top"]).astype(np.int64) * (
        columns["right"] - columns["left"]
    )
    columns["vignette_start"] = np.cumsum(sizes) - sizes
    empty = [np.empty(0, np.uint8)]
    return Found(
        numbers=numbers,
        columns=columns,
        pixels=np.concatenate([p.objects.vignette_bytes for p in parts] or empty),
        level=level,
        problems=problems,
        dropped={
            reason: sum(int(getattr(p.objects, reason)) for p in parts)
            for reason in ("too_small", "too_large", "too_long")
        }
        | ({"doubtful": sum(p.doubtful for p in parts)} if "scores" in columns else {}),
    )


def _columns(part: _Part, deployment: int) -> dict[str, NDArray[Any]]:
    objects, frames = part.objects, part.frames
    first = frames["first_line"].to_numpy()
    row = np.searchsorted(first, objects.line, side="right") - 1
    begin = first[row]
    middle = (objects.top + objects.bottom) / 2 - begin
    seconds = middle * frames["line_interval"].to_numpy()[row]
    return {
        "object_id": object_ids(deployment, objects.line, objects.column),
        "frame": frames.index.to_numpy()[row],
        "top": (objects.top - begin).astype(np.int32),
        "left": objects.left.astype(np.int32),
        "bottom": (objects.bottom - begin).astype(np.int32),
        "right": objects.right.astype(np.int32),
        "time": manifest.times(frames)[row] + np.rint(seconds * 1e9).astype("timedelta64[ns]"),
        "features": objects.features,
        **_scores(part.scores),
    }


def _scores(scores: NDArray[np.float32] | None) -> dict[str, NDArray[Any]]:
    return {} if scores is None else {"scores": scores.astype(np.float16)}


def _no_columns(width: int, taxa: int | None) -> dict[str, NDArray[Any]]:
    integers = ("frame", "top", "left", "bottom", "right")
    return {
        "object_id": np.empty(0, np.uint64),
        **{name: np.empty(0, np.int32) for name in integers},
        "time": np.empty(0, "datetime64[ns]"),
        "features": np.empty((0, width), np.float32),
        **_scores(None if taxa is None else np.empty((0, taxa), np.float32)),
    }
