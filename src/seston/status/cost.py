"""What a campaign has cost: hours of cores and of GPUs, by a million objects."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """What jobs took, as Snakemake measured it.

    Parameters
    ----------
    jobs : int
        Jobs that ended well; the last run of each.
    wall_s : float, s
        From their starts to their ends, all together.
    cpu_s : float, s
        Time of cores that they used.
    peak_mb : float, MB
        Most memory that one of them held.
    gpu_s : float, s
        Time of GPUs that they held.
    """

    jobs: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_mb: float = 0.0
    gpu_s: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        """Join two costs."""
        return Cost(
            self.jobs + other.jobs,
            self.wall_s + other.wall_s,
            self.cpu_s + other.cpu_s,
            max(self.peak_mb, other.peak_mb),
            self.gpu_s + other.gpu_s,
        )

    @property
    def core_hours(self) -> float:
        """Hours of cores that were used."""
        return self.cpu_s / 3600

    @property
    def gpu_hours(self) -> float:
        """Hours of GPUs that were held."""
        return self.gpu_s / 3600


def cost_of(benchmarks: Iterable[Path], gpus: int = 0) -> Cost:
    """Sum what Snakemake's benchmark files tell; those that are not there or damaged count nothing.

    Parameters
    ----------
    benchmarks : iterable of Path
    gpus : int
        GPUs that each of the jobs held.
    """
    total = Cost()
    for path in benchmarks:
        total += _one(path, gpus)
    return total


def _one(path: Path, gpus: int) -> Cost:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            row = list(csv.DictReader(file, delimiter="\t"))[-1]
        wall = float(row["s"])
    except (OSError, ValueError, KeyError, IndexError, csv.Error):
        return Cost()
    return Cost(1, wall, _number(row, "cpu_time"), _number(row, "max_rss"), wall * gpus)


def _number(row: dict[str, str], name: str) -> float:
    """Read a number that is NA where a job was too short to be measured."""
    try:
        return float(row[name])
    except (KeyError, ValueError, TypeError):
        return 0.0
