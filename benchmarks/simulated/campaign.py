"""From what was measured to campaigns that simulated clusters work through, and their tables."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from seston.forecast.cruise import cruise
from seston.forecast.estimate import estimate
from seston.forecast.rates import SHIPPED, find_rates
from seston.forecast.site import Site as Place
from seston.forecast.spread import Spread
from seston.store.arrays import BYTES_PER_SHARD, ROWS_PER_SHARD
from simulated.cluster import CAUSES, STEPS, Outcome, Piece, Site, stream_s, work_through

WIDTH, LINE_RATE = 2048, 28_000.0
SHARD_S, FILE_S, BLOCK_MIN = 600.0, 10.0, 60
YEAR_H = 25e12 / LINE_RATE / WIDTH / 3600
SIZES = (10, 30, 100, 300, 1000)
#: `snakemake -n`: in any case, and more for each block of an hour (benchmarks/plan.py).
PLAN_S, PLAN_BLOCK_S = 4.0, 0.025
#: Bytes on the disk of a pixel of a vignette (`seston calibrate`).
STORED = 0.58

#: What a stage took: ``s``, and of the processor ``worker``, ``command`` and each of the ``tasks``.
Part = dict


# ------------------------------------------------------------------------------ what was measured
@dataclass(frozen=True)
class Facts:
    """What one worker was measured to take.

    Parameters
    ----------
    run : dict
        Parts of ``segment``, ``classify`` and ``gather``; ``small`` and ``first`` of each are of
        fewer tasks, by workers that run and by those that have imported nothing.
    objects, pixels, vignette_px : float
        Objects and pixels of the frames of all parts, mean pixels of a vignette.
    rows : float
        That were gathered in ``gather``.
    list_s, start_s : float, s
        To list a file; of a job that does nothing.
    """

    run: dict[str, list[Part]]
    objects: float
    pixels: float
    vignette_px: float
    rows: float
    list_s: float
    start_s: float

    def command(self, stage: str) -> tuple[float, float]:
        """Seconds of the command: in any case, and more for each task."""
        small, large = self.run[f"small {stage}"][0], self.run[stage]
        spent = sum(part["command"] for part in large) / len(large)
        tasks = sum(len(part["tasks"]) for part in large) / len(large)
        each = max(0.0, (spent - small["command"]) / max(1.0, tasks - len(small["tasks"])))
        return max(0.0, spent - each * tasks), each

    def start_of(self, stage: str) -> float:
        """Seconds until a job is at work as one whose workers run: imports, the model."""
        first, again = (self.run[f"{n} {stage}"][0] for n in ("first", "small"))
        return self.start_s + max(0.0, _processor(first) - _processor(again))

    def rate(self, stage: str, units: float) -> float:
        """Units a second of one core, the command included."""
        return units / sum(map(_processor, self.run[stage]))

    def worked(self, stage: str, part: Part, tasks: Sequence[float], workers: int) -> Piece:
        """Say how long so many workers take for tasks like those of a part.

        There are as many cores; the command takes its share of them. What it does in any case is
        done by it alone, and what it does for each task one after the other, though some of its
        threads may work at once.
        """
        fixed, each = self.command(stage)
        messages = part["worker"] / sum(part["tasks"])  # of workers, beside the tasks
        tasks = np.asarray(tasks)
        spread = messages * tasks.sum() + each * len(tasks)
        shared = (spread / tasks.sum() * tasks).tolist()
        return Piece(fixed + stream_s(shared, workers, each), 0.0, fixed + spread)

    def efficiency(self, stages: Sequence[str], workers: int) -> float:
        """Say by the model what the measured tasks would reach on several workers."""
        pieces = [self.worked(s, p, p["tasks"], workers) for s in stages for p in self.run[s]]
        return sum(p.useful_s for p in pieces) / workers / sum(p.seconds for p in pieces)


def _processor(part: Part) -> float:
    return part["worker"] + part["command"]


# ---------------------------------------------------------------------------------- the campaign
@dataclass(frozen=True)
class Case:
    """A campaign: hours of acquisition, and what a core classifies (as measured here if None)."""

    name: str
    hours: float
    classify_per_s: float | None


class Campaign:
    """Draws the work of a campaign from what was measured; the same for each cluster."""

    def __init__(self, facts: Facts, case: Case, options: argparse.Namespace) -> None:
        self.facts, self.case, self.options = facts, case, options
        self.shard_px = SHARD_S * LINE_RATE * WIDTH
        self.shard_objects = self.shard_px * facts.objects / facts.pixels
        self.blocks, self.gather = cache(self._blocks), cache(self._gather)

    def _drawn(self, stage: str, times: float, rng: np.random.Generator) -> Piece:
        """Draw a shard so many times as large as one that was measured, of that one's tasks."""
        parts = self.facts.run[stage]
        part = parts[rng.integers(len(parts))]
        tasks = rng.choice(part["tasks"], round(times * len(part["tasks"])))
        if stage == "classify" and self.case.classify_per_s:
            tasks = tasks * self.facts.rate(stage, self.facts.objects) / self.case.classify_per_s
        return self.facts.worked(stage, part, tasks, self.options.cores_per_job)

    def _blocks(self, minutes: float) -> list[dict[str, list[Piece]]]:
        rng, facts = np.random.default_rng(self.options.seed), self.facts
        times = self.shard_px / facts.pixels * len(facts.run["segment"])
        looked = STORED * self.shard_objects * facts.vignette_px
        gb = {"segment": self.shard_px / 1e9, "classify": looked / 1e9}
        return [
            {stage: [replace(self._drawn(stage, times, rng), gigabytes=size)
                     for _ in range(max(1, round(minutes * 60 / SHARD_S)))]
             for stage, size in gb.items()}
            for _ in range(round(self.case.hours * 60 / minutes))
        ]  # fmt: skip

    def _gather(self) -> Piece:
        """Draw the gather: one job, its looks at shards, its regions of rows and of vignettes."""
        rng, facts = np.random.default_rng(self.options.seed), self.facts
        part, tow = facts.run["gather"][0], facts.run["vignettes"][0]
        shards = self.case.hours * 3600 / SHARD_S
        objects = shards * self.shard_objects
        whole, looks = regions(part["tasks"], facts.rows, ROWS_PER_SHARD)
        _, others = regions(tow["tasks"], facts.objects, ROWS_PER_SHARD)
        packed, _ = regions(others, facts.vignette_px * facts.objects, BYTES_PER_SHARD)
        tasks = np.concatenate([
            rng.choice(looks, round(shards)),
            rng.choice(packed, round(objects * facts.vignette_px / BYTES_PER_SHARD)),
            rng.choice(whole, round(objects / ROWS_PER_SHARD)),
        ])  # fmt: skip
        piece = facts.worked("gather", part, tasks, self.options.cores_per_job)
        moved = 2 * STORED * objects * facts.vignette_px  # read and written
        return replace(piece, gigabytes=moved / 1e9)

    def on(self, cores: int, minutes: float = BLOCK_MIN, **other: float) -> Outcome:
        """Work through it on so many cores; `other` options than those given."""
        names = ("cores_per_job", "jobs", "read_gb_s", "submit_s")
        told = {name: vars(self.options)[name] for name in names} | other
        starts = {step: self.facts.start_of(step) for step in STEPS}
        site = Site(cores=cores, start_s=starts, **told)
        blocks, files = self.blocks(minutes), self.case.hours * 3600 / FILE_S
        listed = self.facts.start_s + files * self.facts.list_s
        planned = PLAN_S + PLAN_BLOCK_S * len(blocks)
        return work_through(site, blocks, self.gather(), planned + listed)

    def forecast_h(self, cores: int) -> float:
        """Hours that `seston plan` gives at the same rates; profiles take no time in both."""
        facts, options, never = self.facts, self.options, 1e15
        per_s = facts.objects / facts.pixels * LINE_RATE * WIDTH
        rates = {
            "segment": facts.rate("segment", facts.pixels / 1e6), "find": never, "shard": 1e-9,
            "classify": self.case.classify_per_s or facts.rate("classify", facts.objects),
            "gather": self.case.hours * 3600 * per_s / self.gather().useful_s,
            "pack": never, "profile": never, "start": facts.start_of("classify"),
        }  # fmt: skip
        shipped = find_rates(SHIPPED)
        values = {**shipped.values, **{name: Spread.sure(rate) for name, rate in rates.items()}}
        place = Place(cores=cores, jobs=options.jobs, cores_per_job=options.cores_per_job,
                      read_gb_s=options.read_gb_s)  # fmt: skip
        told = {"objects_per_s": per_s, "vignette_pixels": facts.vignette_px}
        found = estimate(cruise("isiis", hours=self.case.hours, told=told), place,
                         replace(shipped, values=values, source="this benchmark"))  # fmt: skip
        return found.values["wall_h"].middle


def regions(tasks: Sequence[float], total: float, size: int) -> tuple[np.ndarray, list[float]]:
    """Part tasks: of regions, which come last, what a whole one takes; and those before."""
    number = -int(-total // size)
    parts = np.minimum(size, total - size * np.arange(number)) / size
    cut = len(tasks) - number
    return np.asarray(tasks[cut:]) / parts, list(tasks[:cut])


# --------------------------------------------------------------------------------------- tables
def show(facts: Facts, options: argparse.Namespace) -> dict[str, dict[int, list[float]]]:
    """Print the tables; give hours and efficiency of each cluster."""
    rate = options.classify_per_s or find_rates(SHIPPED).values["classify"].middle
    here, named = facts.rate("classify", facts.objects), "classified at {:,.0f} objects/s a core"
    cases = [
        Case(f"a year, {named.format(rate)}", YEAR_H, rate),
        Case(f"ten years, {named.format(rate)}", 10 * YEAR_H, rate),
        Case(f"a year, {named.format(here)}, as here", YEAR_H, None),
    ]
    if options.quick:
        cases.pop(1)
    _say_assumptions(facts, options)
    found = {}
    for case in cases:
        campaign = Campaign(facts, case, options)
        outcomes = {cores: campaign.on(cores) for cores in SIZES}
        _show_case(campaign, outcomes)
        if case is cases[0]:
            _show_others(campaign)
        found[case.name] = {cores: [round(one.seconds / 3600, 2), round(one.share("useful"), 3)]
                            for cores, one in outcomes.items()}  # fmt: skip
    return found


def _say_assumptions(facts: Facts, options: argparse.Namespace) -> None:
    starts = ", ".join(f"{step} {facts.start_of(step):.1f}" for step in STEPS)
    each = ", ".join(
        f"{step} {facts.command(step)[0]:.2f} s and {1e3 * facts.command(step)[1]:.0f} ms a task"
        for step in STEPS
    )
    density = facts.objects / facts.pixels * 1e6
    print(f"""
SIMULATED, seed {options.seed}. Measured, in seconds of the processor of one worker, and put in:
tasks;
the command: {each};
a job until its work: {starts} s;
listing a file: {1e3 * facts.list_s:.1f} ms; {density:.0f} objects a Mpx.
Assumed: {options.read_gb_s:g} GB/s of a file system that all share; jobs of \
{options.cores_per_job} cores, at most {options.jobs} sent at once,
{options.submit_s:g} s to send each; no queue; blocks of an hour, shards of ten minutes, as unlike
each other as those measured; all cores as fast as this one; who is ready first is sent first (in
the column `classify first`, blocks that are segmented before all others).""")


def _show_case(campaign: Campaign, outcomes: dict[int, Outcome]) -> None:
    case = campaign.case
    print(f"\n{case.name}: {case.hours:,.0f} h of one ISIIS, "
          f"{len(campaign.blocks(BLOCK_MIN)):,} blocks")  # fmt: skip
    print(f"{'':57}% of all core-hours that are lost by")
    print(f"{'cores':>6}{'hours':>10}{'efficiency':>12}{'plan says':>11}{'classify first':>16}"
          + "".join(f"{name:>11}" for name in CAUSES.values()) + "   limit")  # fmt: skip
    for cores, found in outcomes.items():
        lost = "".join(f"{100 * found.share(name):>11.1f}" for name in CAUSES)
        first = campaign.on(cores, classify_first=True).seconds / 3600
        print(f"{cores:>6,}{found.seconds / 3600:>10,.2f}{found.share('useful'):>12.2f}"
              f"{campaign.forecast_h(cores):>11,.2f}{first:>16,.2f}{lost}   "
              f"{CAUSES[found.limit]}")  # fmt: skip


def _show_others(campaign: Campaign) -> None:
    """Print what changes on the largest cluster with other blocks, jobs and file systems."""
    cores, options = SIZES[-1], campaign.options
    all_jobs, faster = cores // options.cores_per_job, 10 * options.read_gb_s
    print(f"the same on {cores:,} cores:")
    for minutes, jobs, read in (
        (BLOCK_MIN, options.jobs, options.read_gb_s), (20, options.jobs, options.read_gb_s),
        (BLOCK_MIN, options.jobs, faster), (20, options.jobs, faster), (20, all_jobs, faster),
        (10, all_jobs, faster),
    ):  # fmt: skip
        found = campaign.on(cores, minutes, jobs=jobs, read_gb_s=read)
        print(f"  blocks of {minutes} min, {jobs} jobs, {read:g} GB/s: "
              f"{found.seconds / 3600:5.2f} h, efficiency {found.share('useful'):.2f}, "
              f"limit: {CAUSES[found.limit]}")  # fmt: skip
