"""Frames that end whoever reads them: they alone are lost, and are named."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import campaigns
import tiny
from seston import cluster
from seston.campaign import Campaign
from seston.cluster import VERDICT, Alone, connect
from seston.errors import DeadlyTaskError, InputError, WorkerError
from seston.stages import poison, windows
from seston.stages.found import Found, together
from seston.stages.ingest import ingest
from seston.stages.segment import _work

#: A line-scan camera whose objects reach across frames; frames with a background of those around
#: them; vignettes.
INSTRUMENTS = ("isiis", "isiis-dpi", "ifcb")


@dataclass(frozen=True)
class Shard:
    """What a worker does with the tasks of a shard."""

    work: partial[Found]
    tasks: list[Any]

    def rescue(self) -> poison.Bisection[Any]:
        return poison.rescue_of(self.work)


@pytest.fixture(scope="module", params=INSTRUMENTS)
def shard(request, tmp_path_factory) -> Shard:
    return shard_of(request.param, tmp_path_factory.mktemp(request.param))


def shard_of(instrument: str, folder: Path) -> Shard:
    row = campaigns.simulators()[instrument](folder / "files", "tiny", 1, 1)
    settings = {"ingest": {"on_overlap": "drop_later"}}
    row = {**row, "path": f"files/{row['path']}"}
    row |= {"environment": f"files/{row['environment']}"} if row.get("environment") else {}
    campaign: Campaign = campaigns.write_campaign(folder, instrument, row, **settings)
    ingest(campaign)
    work, tasks = _work(campaign, campaign.shards[0])
    return Shard(work, list(tasks))


def frames_of(task: Any) -> list[int]:
    """Numbers of all frames that a task reads."""
    if isinstance(task, pd.DataFrame):
        return list(task.index)
    return [*task.frames.index, *(() if task.background is None else task.background.index)]


def owned(task: Any) -> list[int]:
    return list(task.index if isinstance(task, pd.DataFrame) else task.owned.index)


class Deadly(Alone[Found]):
    """Works in this process; dies of what reads one of some frames."""

    def __init__(self, work: Callable[..., Found], *frames: int, by_memory: bool = False) -> None:
        self.work, self.frames, self.by_memory = work, set(frames), by_memory
        self.deaths = 0

    def __call__(self, *task: Any, deaths: int = 2) -> Found:
        if self.frames & set(frames_of(task[0])):
            self.deaths += deaths
            raise DeadlyTaskError("dies", by_memory=self.by_memory)
        return self.work(*task)


def same(found: Found, expected: Found) -> None:
    assert found.columns.keys() == expected.columns.keys()
    for name, column in expected.columns.items():
        assert found.columns[name].dtype == column.dtype, name
        np.testing.assert_array_equal(found.columns[name], column, name)
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    np.testing.assert_array_equal(found.numbers, expected.numbers)
    np.testing.assert_array_equal(found.level, expected.level)
    assert found.problems == expected.problems
    assert found.dropped == expected.dropped


def test_a_divided_task_finds_the_same(shard: Shard) -> None:
    divide = shard.rescue().divide

    def singles(task: Any) -> list[Any]:
        parts = divide(task)
        return [single for part in parts for single in singles(part)] or [task]

    assert max(len(owned(task)) for task in shard.tasks) > 1
    for task in shard.tasks:
        parts = singles(task)
        assert [owned(part) for part in parts] == [[n] for n in owned(task)]
        whole = shard.work(task)
        assert len(whole.columns["object_id"]) > 0
        same(together([shard.work(part) for part in parts]), whole)
        if halves := divide(task):
            same(together([shard.work(half) for half in halves]), whole)


def test_a_poison_frame_is_like_one_that_cannot_be_read(shard: Shard, monkeypatch) -> None:
    task = shard.tasks[0]
    bad = owned(task)[len(owned(task)) // 2]
    found = shard.rescue()(Deadly(shard.work, bad), task)
    assert found.problems == {bad: poison.PROBLEM}
    same(found, unreadable(shard, task, bad, monkeypatch))


def unreadable(shard: Shard, task: Any, bad: int, monkeypatch) -> Found:
    """Find what is found where reading a frame is an error."""
    reader = shard.work.keywords["reader"]
    frames = task if isinstance(task, pd.DataFrame) else task.frames
    where = (str(frames.loc[bad, "path"]), int(frames.loc[bad, "index_in_file"]))
    name = "vignettes" if isinstance(task, pd.DataFrame) else "fill"
    read = getattr(type(reader), name)

    def read_or_not(self: Any, path: str, pieces: Any) -> Any:
        for piece in pieces:
            if (str(path), getattr(piece, "index", piece)) == where:
                raise InputError(poison.PROBLEM)
            yield from read(self, path, [piece])

    monkeypatch.setattr(type(reader), name, read_or_not)
    return shard.work(task)


def test_a_frame_that_needs_more_memory_than_there_is_is_an_error_and_not_given_up(
    shard: Shard,
) -> None:
    task = shard.tasks[0]
    with pytest.raises(WorkerError, match=r"needs more memory(.|\n)*--memory"):
        shard.rescue()(Deadly(shard.work, owned(task)[0], by_memory=True), task)


def test_a_process_that_dies_of_every_frame_is_an_error(shard: Shard, monkeypatch) -> None:
    monkeypatch.setattr(poison, "MOST", 1)
    task = next(task for task in shard.tasks if len(owned(task)) > 1)
    with pytest.raises(WorkerError, match="more than 1 frames of one shard"):
        shard.rescue()(Deadly(shard.work, *frames_of(task)), task)


# ----------------------------------------------------------------------------- real processes
def halved(alone: Alone[list[int]], task: list[int]) -> list[int]:
    """Try the halves, and give up a task of one."""
    if len(task) == 1:
        with pytest.raises(DeadlyTaskError, match=f"ended {VERDICT} worker"):
            alone(task, deaths=VERDICT)
        return [-1]
    out: list[int] = []
    for part in (task[: len(task) // 2], task[len(task) // 2 :]):
        try:
            out += alone(part)
        except DeadlyTaskError:
            out += halved(alone, part)
    return out


def test_whoever_sat_beside_a_poison_task_is_not_blamed() -> None:
    def work(numbers: list[int]) -> list[int]:  # inside, so that workers need not import all this
        return os.kill(os.getpid(), signal.SIGKILL) if 5 in numbers else numbers

    tasks = [([number, number + 1],) for number in range(0, 20, 2)]
    with connect(cores=2) as client:
        found = [n for part in cluster.stream(client, work, tasks, rescue=halved) for n in part]
        assert found == [*range(5), -1, *range(6, 20)]
        allowed = client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.allowed_failures)
        assert allowed == VERDICT - 1  # as it was


def test_a_task_that_needs_too_much_memory_is_told_from_one_that_crashes() -> None:
    def greedy(megabytes: int) -> int:
        held = bytearray(b"x") * (megabytes << 20)
        time.sleep(10)  # nannies look ten times a second
        return len(held)

    with connect(cores=1, memory_mb=600) as client, pytest.raises(DeadlyTaskError) as caught:
        Alone(client, greedy)(600, deaths=1)
    assert caught.value.by_memory
    assert "more memory than they have" in str(caught.value)


@pytest.mark.slow
def test_a_campaign_with_a_poison_frame_is_finished_and_its_report_names_it(
    tmp_path: Path, monkeypatch
) -> None:
    campaign = tiny.ingest(tiny.prepare(tmp_path, tiny.simulate(tmp_path / "simulated")))
    run, bad = windows.run_task, 1

    def run_or_die(task: windows.Task, **common: Any) -> Found:
        if bad in task.frames.index:
            os.kill(os.getpid(), signal.SIGKILL)
        return run(task, **common)

    monkeypatch.setattr(windows, "run_task", run_or_die)
    with connect(cores=2) as client:
        tiny.segment(campaign, client)
        tiny.finish(campaign, client)
    with xr.open_zarr(campaign.objects, chunks=None) as objects:
        usable = objects["frame_usable"].to_numpy() == 1
        assert [*np.flatnonzero(~usable)] == [bad]
        assert objects["frame_problem"].to_numpy()[bad] == poison.PROBLEM
        assert objects["frame_object_count"].to_numpy()[[0, 2, 3]].all()
    assert poison.PROBLEM in (campaign.folder / "report.html").read_text("utf-8")
