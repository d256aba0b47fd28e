"""Frames that end the process that reads them: found by bisection, left out, and named.

A file may make a decoder crash, or a frame need more memory than a worker has. A task that has
ended its workers, also with nothing beside it, is divided until the frames that do it are known.
They are then like frames that cannot be read: unusable, with a problem that tells why, and no
other frame loses anything. To divide a task changes no byte of what it finds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, TypeVar

import pandas as pd

from seston.cluster import VERDICT, Alone
from seston.errors import DeadlyTaskError, WorkerError
from seston.readers import VignetteReader
from seston.stages import vignettes, windows
from seston.stages.found import Found, together

log = logging.getLogger(__name__)

Task = TypeVar("Task")

PROBLEM = f"ended the process that worked at it, {VERDICT} times out of {VERDICT}"
#: More frames of a shard than this: it is not the frames.
MOST = 16


@dataclass
class Bisection(Generic[Task]):
    """Gives what is found in a task that ends its workers; a `rescue` of `cluster.stream`.

    Parameters
    ----------
    divide : callable
        Gives the parts of a task in order, none where it owns one frame.
    last : callable
        Gives what is found in a task of one frame that ended its workers.
    """

    divide: Callable[[Task], tuple[Task, ...]]
    last: Callable[[Alone[Found], Task], Found]
    given_up: dict[int, str] = field(default_factory=dict)

    def __call__(self, alone: Alone[Found], task: Task) -> Found:
        """Find what can be found in a task.

        Raises
        ------
        WorkerError
            A frame needs more memory than a worker has, or too many frames end their workers.
        """
        parts = self.divide(task)
        if parts:
            return together([self._tried(alone, part) for part in parts])
        found = self.last(alone, task)
        self._told(found)
        return found

    def _tried(self, alone: Alone[Found], part: Task) -> Found:
        try:
            return alone(part)
        except DeadlyTaskError as error:
            log.warning("a part of it too: %s", error.what)
            return self(alone, part)

    def _told(self, found: Found) -> None:
        new = {n: why for n, why in found.problems.items() if why == PROBLEM}
        for number in new:
            log.warning("frame %d %s: it is left out", number, PROBLEM)
        self.given_up |= new
        if len(self.given_up) > MOST:
            raise WorkerError(
                f"more than {MOST} frames of one shard {PROBLEM}",
                cure="Look for what they have in common: a library that does not work here, files "
                "that are no pictures. Give more --memory or fewer --cores.",
            )


def rescue_of(work: partial[Found]) -> Bisection[Any]:
    """Give the rescue of what a worker does with a task of a shard."""
    given = work.keywords
    if isinstance(given["reader"], VignetteReader):
        return in_vignettes(given["names"], given["deployment"])
    return in_windows()


def _refuse_memory(error: DeadlyTaskError) -> None:
    """Let a frame that needs more memory be an error: with more of it, it can be looked at."""
    if error.by_memory:
        raise WorkerError(
            "one frame needs more memory than a worker has",
            cure="Give more --memory or fewer --cores.",
        ) from error


# ------------------------------------------------------------------------------------- vignettes
def in_vignettes(names: Sequence[str], deployment: int) -> Bisection[pd.DataFrame]:
    """Rescue tasks of `seston.stages.vignettes`; parameters as in its `run_task`."""

    def last(alone: Alone[Found], frames: pd.DataFrame) -> Found:
        try:
            return alone(frames, deaths=VERDICT)
        except DeadlyTaskError as error:
            _refuse_memory(error)
            return vignettes.nothing(frames, names, deployment, PROBLEM)

    return Bisection(_halves, last)


def _halves(frames: pd.DataFrame) -> tuple[pd.DataFrame, ...]:
    middle = len(frames) // 2
    return (frames.iloc[:middle], frames.iloc[middle:]) if middle else ()


# --------------------------------------------------------------------------------------- windows
def in_windows() -> Bisection[windows.Task]:
    """Rescue tasks of `seston.stages.windows`."""
    return Bisection(_divided, partial(_frame_of_window, {}))


#: What is known of frames, by their number and the lines of them that were read.
Known = dict[tuple[int, int, int], bool]


def _frame_of_window(known: Known, alone: Alone[Found], task: windows.Task) -> Found:
    """Find the frames that end their workers by themselves, among all that a task of one reads.

    Where none does, it is the task's own: it does with its neighbours what it does not alone.
    """
    (own,) = (int(n) for n in task.owned.index)
    read = _numbers_read(task)
    deadly = [n for n in read if _is_deadly(known, alone, _single(task, n))]
    if own not in deadly:
        try:
            return alone(_without(task, deadly), deaths=VERDICT)
        except DeadlyTaskError as error:
            _refuse_memory(error)
    nothing = alone(_without(task, read), deaths=VERDICT)
    return replace(nothing, problems=nothing.problems | {own: PROBLEM})


def _is_deadly(known: Known, alone: Alone[Found], task: windows.Task) -> bool:
    frame = task.frames.iloc[0]
    lines = (task.own[0], int(frame["skip"]), int(frame["height"]))
    if lines not in known:
        known[lines] = _ends_its_worker(alone, task)
    return known[lines]


def _ends_its_worker(alone: Alone[Found], task: windows.Task) -> bool:
    try:
        alone(task, deaths=VERDICT)
    except DeadlyTaskError as error:
        _refuse_memory(error)
        return True
    return False


def _divided(task: windows.Task) -> tuple[windows.Task, ...]:
    """Divide a task into two that give the same together; nothing where it owns one frame."""
    owned = task.owned
    if len(owned) < 2:
        return ()
    half = len(owned) // 2
    middle = int(owned.index[half])
    return tuple(
        replace(task, frames=windows.window(task.frames, few, task.halo), own=own)
        for few, own in (
            (owned.iloc[:half], (task.own[0], middle)),
            (owned.iloc[half:], (middle, task.own[1])),
        )
    )


def _single(task: windows.Task, number: int) -> windows.Task:
    """Give a task that reads one frame of a task and no other, as far as the task reads it."""
    frames = task.frames if number in task.frames.index else task.background
    assert frames is not None
    return windows.Task(frames=frames.loc[[number]], own=(number, number + 1))


def _without(task: windows.Task, numbers: Collection[int]) -> windows.Task:
    """Give the same task, but as if some frames could not be read."""
    background = task.background
    if background is not None:
        background = background[~background.index.isin(numbers)]
    return replace(
        task, frames=task.frames[~task.frames.index.isin(numbers)], background=background
    )


def _numbers_read(task: windows.Task) -> list[int]:
    """Give the numbers of all frames that a task reads, its own ones first."""
    more: Collection[int] = () if task.background is None else task.background.index
    return [int(n) for n in dict.fromkeys([*task.owned.index, *task.frames.index, *more])]
