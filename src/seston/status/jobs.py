"""The jobs of a campaign: the file that each makes, its log, and whether it is under way."""

from __future__ import annotations

import base64
import binascii
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seston.campaign import Campaign
from seston.plan import Plan

#: Steps of the workflow, in their order.
STEPS = ("ingest", "segment", "classify", "gather", "particles", "profile", "report")
#: Those that have a job for each block.
OF_BLOCKS = ("segment", "classify")
#: Slurm's words for a job that waits.
_QUEUED = frozenset({"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "SUSPENDED"})
_PATIENCE_S = 20
#: Where Snakemake keeps a mark of each job that is under way.
_MARKS = Path(".snakemake/incomplete")


@dataclass(frozen=True, slots=True)
class Job:
    """One job of the workflow.

    Parameters
    ----------
    part : str
        Name of the block; empty where the step has one job.
    output : Path
        What it makes.
    log, benchmark : Path
        What it says, and what Snakemake measured of it.
    """

    part: str
    output: Path
    log: Path
    benchmark: Path


def jobs_of(plan: Plan, campaign: Campaign, step: str, logs: Path) -> Iterator[Job]:
    """List the jobs of a step; none of a step that the campaign does not have."""
    own = logs / campaign.name
    if step in OF_BLOCKS:
        for record in map(Path, plan.records(campaign.name, step)):
            block = record.parent.name
            files = (own / step / f"{block}.{kind}" for kind in ("log", "tsv"))
            yield Job(block, record, *files)
        return
    output = {
        "ingest": campaign.manifest,
        "gather": campaign.objects,
        "particles": campaign.particles if campaign.counts_particles else None,
        "profile": campaign.profiles,
        "report": campaign.folder / "report.html",
    }[step]
    if output is not None:
        yield Job("", output, own / f"{step}.log", own / f"{step}.tsv")


@dataclass(frozen=True, slots=True)
class UnderWay:
    """Jobs that Snakemake has begun and not seen the end of.

    Parameters
    ----------
    began : dict of str to str
        By the output: the number that the batch system gave it, or nothing.
    locked : bool
        Whether a workflow holds the folder; one that was killed may have left its lock.
    """

    began: dict[str, str]
    locked: bool

    @classmethod
    def of(cls, folder: Path) -> UnderWay:
        """Read the marks that Snakemake keeps in the folder where it runs."""
        began = {}
        for mark in sorted((folder / _MARKS).glob("**/*")):
            output = _decoded(mark)
            if output is not None:
                began[output] = _number(mark)
        return cls(began, any((folder / ".snakemake/locks").glob("*.lock")))

    def has(self, job: Job) -> bool:
        """Say whether a job has begun, and a workflow is there that waits for it."""
        return self.locked and job.output.as_posix() in self.began

    def was_cut_off(self, job: Job) -> bool:
        """Say whether a job had begun when its workflow was ended."""
        return not self.locked and job.output.as_posix() in self.began

    def queued(self) -> frozenset[str]:
        """Give the outputs of the jobs that still wait for a node, as far as Slurm tells."""
        numbers = [number for number in self.began.values() if number.isdigit()]
        states = _states(numbers) if numbers else {}
        return frozenset(o for o, number in self.began.items() if states.get(number) in _QUEUED)


def _decoded(mark: Path) -> str | None:
    """Give the output that a mark is of: its name, or its folders and name, say it in base64."""
    if not mark.is_file():
        return None
    names = mark.parts[mark.parts.index("incomplete") + 1 :]
    text = "".join(name.removeprefix("@") for name in names)
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None


def _number(mark: Path) -> str:
    try:
        return str(json.loads(mark.read_text("utf-8")).get("external_jobid") or "")
    except (OSError, ValueError, AttributeError):
        return ""


def _states(numbers: list[str]) -> dict[str, str]:
    """Ask Slurm for the states of jobs; nothing where there is none."""
    try:
        told = subprocess.run(
            ["squeue", "-h", "-t", "all", "-o", "%i %T", "-j", ",".join(numbers)],
            capture_output=True, text=True, timeout=_PATIENCE_S, check=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return {}
    lines = (line.split() for line in told.splitlines())
    return {line[0]: line[1] for line in lines if len(line) == 2}
