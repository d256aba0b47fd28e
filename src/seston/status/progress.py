"""How far each step of a campaign is."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from seston.campaign import Campaign, Shard, frames_file
from seston.plan import Plan
from seston.records import STORES
from seston.status.cost import Cost, cost_of
from seston.status.jobs import OF_BLOCKS, STEPS, Job, UnderWay, jobs_of

#: The speed is that of the shards that were finished in this time before the last one.
SECONDS_OF_SPEED = 3600.0
_TAIL_BYTES = 1 << 14


@dataclass(frozen=True, slots=True)
class Failure:
    """A job that ended without its result.

    Parameters
    ----------
    part : str
        Block; empty where the step has one job.
    reason : str
        Last line of its log.
    log : str
    """

    part: str
    reason: str
    log: str


@dataclass(frozen=True, slots=True)
class StepStatus:
    """How far one step of a campaign is.

    Parameters
    ----------
    step : str
    jobs, done, running, queued, waiting : int
        Jobs: all, and how they stand. Those that failed are in `failures`.
    failures : tuple of Failure
    shards, shards_done : int
        Of a step of blocks: also those of blocks that are not finished.
    objects : int
        In the blocks that are done.
    objects_per_s : float
        Speed of late; NaN where it is not known.
    times_acquisition : float
        The same speed, as a multiple of the time that the camera took; NaN where not known.
    seconds_left : float, s
        At this speed; NaN where it is not known.
    cost : Cost
    """

    step: str
    jobs: int
    done: int
    running: int
    queued: int
    waiting: int
    failures: tuple[Failure, ...]
    shards: int
    shards_done: int
    objects: int
    objects_per_s: float
    times_acquisition: float
    seconds_left: float
    cost: Cost


@dataclass(frozen=True, slots=True)
class CampaignStatus:
    """How far a campaign is.

    Parameters
    ----------
    name : str
    steps : tuple of StepStatus
    disk_bytes : int
        What its results take.
    free_bytes : int
        What is free where they lie.
    idle_s : float, s
        Since the last line of a log, or result, was written; NaN where there is none.
    objects : int
        In the blocks that are segmented.
    left_over : tuple of str
        Folders of shards that the campaign no longer has: it was cut into others, or a deployment
        was taken off the list. Nothing reads them, and nothing removes them.
    left_over_bytes : int
        What these take.
    """

    name: str
    steps: tuple[StepStatus, ...]
    disk_bytes: int
    free_bytes: int
    idle_s: float
    objects: int
    left_over: tuple[str, ...] = ()
    left_over_bytes: int = 0

    @property
    def cost(self) -> Cost:
        """What all steps have cost."""
        return sum((step.cost for step in self.steps), Cost())

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return all(step.done == step.jobs for step in self.steps)


def status_of(plan: Plan, folder: Path = Path()) -> tuple[CampaignStatus, ...]:
    """Tell how far the campaigns of a configuration are.

    Parameters
    ----------
    plan : Plan
    folder : Path
        Where Snakemake runs.
    """
    under_way = UnderWay.of(folder)
    queued = under_way.queued()
    return tuple(
        _campaign(plan, campaign, folder, under_way, queued)
        for campaign in plan.campaigns.values()
        if plan.ready(campaign.name)
    )


def _campaign(
    plan: Plan, campaign: Campaign, folder: Path, under_way: UnderWay, queued: frozenset[str]
) -> CampaignStatus:
    logs = folder / "logs"
    shards = _Shards(campaign)
    steps = tuple(
        _step(plan, campaign, step, jobs, under_way, queued, shards)
        for step in STEPS
        if (jobs := list(jobs_of(plan, campaign, step, logs)))
    )
    found = [step.objects for step in steps if step.step == "segment"]
    left_over = _left_over(campaign)
    return CampaignStatus(
        name=campaign.name,
        steps=steps,
        disk_bytes=_bytes_in(campaign.folder),
        free_bytes=_free(campaign.folder),
        idle_s=_idle([logs / campaign.name, campaign.folder / "blocks"]),
        objects=sum(found),
        left_over=tuple(path.as_posix() for path in left_over),
        left_over_bytes=sum(map(_bytes_in, left_over)),
    )


def _step(
    plan: Plan,
    campaign: Campaign,
    step: str,
    jobs: Sequence[Job],
    under_way: UnderWay,
    queued: frozenset[str],
    shards: _Shards,
) -> StepStatus:
    done = [job for job in jobs if _is_done(plan, campaign, step, job)]
    left = [job for job in jobs if job not in done]
    begun = [job for job in left if under_way.has(job)]
    waits = [job for job in begun if job.output.as_posix() in queued]
    failed = [job for job in left if job not in begun and job.log.exists()]
    gpus = plan.gpus_of(campaign.name, step)
    speed = shards.speed(step) if step in OF_BLOCKS else _NO_SPEED
    return StepStatus(
        step=step,
        jobs=len(jobs),
        done=len(done),
        running=len(begun) - len(waits),
        queued=len(waits),
        waiting=len(left) - len(begun) - len(failed),
        failures=tuple(_failure(job, under_way) for job in failed),
        shards=len(campaign.shards) if step in OF_BLOCKS else 0,
        shards_done=shards.done(step) if step in OF_BLOCKS else 0,
        objects=sum(int(plan.objects_in(campaign.name, job.part)) for job in done if job.part),
        objects_per_s=speed.objects_per_s,
        times_acquisition=speed.times_acquisition,
        seconds_left=speed.seconds_left if left else 0.0,
        cost=cost_of((job.benchmark for job in done), gpus),
    )


def _is_done(plan: Plan, campaign: Campaign, step: str, job: Job) -> bool:
    """Say whether a job's result is there; objects of other settings or files are not."""
    if not job.output.exists():
        return False
    return step != "segment" or plan.is_segmented(campaign.name, job.part)


def _failure(job: Job, under_way: UnderWay) -> Failure:
    reason = _last_line(job.log) or "its log is empty"
    cut_off = under_way.was_cut_off(job)
    return Failure(job.part, f"was cut off after: {reason}" if cut_off else reason, str(job.log))


def _last_line(log: Path) -> str:
    """Give the last line of a log that says something; of an error, what it is, not the cure."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    said = [line for line in lines if line.strip()]
    told = [line for line in said if not line.startswith(" ")] or said
    return told[-1].strip() if told else ""


# --------------------------------------------------------------------------------------- speed
@dataclass(frozen=True, slots=True)
class _Speed:
    objects_per_s: float = math.nan
    times_acquisition: float = math.nan
    seconds_left: float = math.nan


_NO_SPEED = _Speed()


class _Shards:
    """The shards of a campaign: when each was finished, by the time of its store."""

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._finished = {
            step: {shard.name: _written(campaign, shard, name) for shard in campaign.shards}
            for step, name in STORES.items()
        }

    def done(self, step: str) -> int:
        """Count the shards that a step is done with."""
        return sum(not math.isnan(when) for when in self._finished[step].values())

    def speed(self, step: str) -> _Speed:
        """Give the speed of a step, from the shards that were finished last."""
        ended = {n: t for n, t in self._finished[step].items() if not math.isnan(t)}
        if len(ended) < 2:
            return _NO_SPEED
        last = max(ended.values())
        late = {n: t for n, t in ended.items() if t >= last - SECONDS_OF_SPEED}
        span = last - min(late.values())
        if span <= 0 or len(late) < 2:
            return _NO_SPEED
        first = min(late, key=lambda name: late[name])
        counted = [name for name in late if name != first]  # it was begun before the span
        per_s = len(counted) / span
        objects = sum(_rows(self._campaign, name) for name in counted)
        left = len(self._finished[step]) - len(ended)
        return _Speed(
            objects_per_s=objects / span,
            times_acquisition=sum(_acquired_s(self._campaign, n) for n in counted) / span,
            seconds_left=left / per_s,
        )


def _written(campaign: Campaign, shard: Shard, name: str) -> float:
    try:
        return (campaign.shard_folder(shard.name) / name / "zarr.json").stat().st_mtime
    except OSError:
        return math.nan


def _acquired_s(campaign: Campaign, shard: str) -> float:
    """Time that the camera took for the frames of a shard, s: known of line scans."""
    try:
        frames = pd.read_csv(
            frames_file(campaign.manifest, shard), usecols=["height", "line_interval"]
        )
    except (OSError, ValueError):
        return math.nan
    return float((frames["height"] * frames["line_interval"]).sum(min_count=1))


def _rows(campaign: Campaign, shard: str) -> int:
    from seston.errors import StoreError
    from seston.store import length, open_group

    try:
        group = open_group(campaign.shard_folder(shard) / STORES["segment"])
        return length(group, "object_id")
    except StoreError:
        return 0


# ---------------------------------------------------------------------------------------- disk
def _bytes_in(folder: Path) -> int:
    """Sum the sizes of all files below a folder."""
    total, waiting = 0, [os.fspath(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:  # swept while we look
            continue
    return total


def _left_over(campaign: Campaign) -> list[Path]:
    """List the folders of shards that are none of the campaign's."""
    known = {shard.name for shard in campaign.shards}
    there = campaign.shard_folder("").glob("[!.]*")
    return sorted(path for path in there if path.is_dir() and path.name not in known)


def _free(folder: Path) -> int:
    """Bytes that are free where a folder is, or will be."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    space = os.statvfs(place)
    return space.f_bavail * space.f_frsize


def _idle(folders: Sequence[Path]) -> float:
    """Seconds since the last file in some folders was written; NaN where there is none."""
    times = [p.stat().st_mtime for f in folders for p in f.rglob("*") if p.is_file()]
    return max(0.0, time.time() - max(times)) if times else math.nan
