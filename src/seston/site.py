"""The site: what a batch system gives here, as one file tells it, so that no rule has to know.

Snakemake's plugin for Slurm reads the partitions of the same file and chooses one for each job. The
rest is applied by the workflow: whose account it is, at most how much a job may ask, where scratch
is. Without such a file, as on a laptop, nothing is limited.
"""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, ParamSpec

from pydantic import Field, ValidationError

from seston.config import Strict, explain, read_yaml

P = ParamSpec("P")
#: GPUs of a job: so many, or what tells them from its wildcards.
Gpus = int | Callable[[Any], int]

#: Seconds that a busy accounting may take to answer.
_PATIENCE_S = 30

_Whole = Annotated[int, Field(gt=0, strict=True)]
_Word = Annotated[str, Field(pattern=r"^[^\s'\"]+$")]
#: Of a shell's expansions a folder may have names of variables, nothing that runs.
_Folder = Annotated[str, Field(pattern=r"^[A-Za-z0-9$/._+@%:,=-]+$")]


class Partition(Strict):
    """What one partition gives a job; the words are those of Snakemake's plugin for Slurm.

    Parameters
    ----------
    max_runtime : int, optional
        Minutes.
    max_mem_mb : int, optional
        MB, of a job on one node.
    max_cpus_per_task, max_threads : int, optional
        Cores of a job.
    max_gpu : int
        GPUs of a job; a partition without them has 0.
    available_gpu_models, available_constraints : list of str, optional
    max_cpus_per_gpu : int, optional
    cluster : str, optional
        Where several clusters share one Slurm.
    """

    max_runtime: _Whole | None = None
    max_mem_mb: _Whole | None = None
    max_cpus_per_task: _Whole | None = None
    max_threads: _Whole | None = None
    max_gpu: Annotated[int, Field(ge=0, strict=True)] = 0
    available_gpu_models: list[_Word] | None = None
    max_cpus_per_gpu: _Whole | None = None
    available_constraints: list[_Word] | None = None
    cluster: _Word | None = None


class Limits(Strict):
    """At most how much of the site the workflow takes.

    Parameters
    ----------
    jobs : int, optional
        Jobs that wait and run at once; what the profile says if absent.
    minutes, mem_mb, cores : int, optional
        Of one job; what the partitions give if absent.
    """

    jobs: _Whole | None = None
    minutes: _Whole | None = None
    mem_mb: _Whole | None = None
    cores: _Whole | None = None


class Site(Strict):
    """What a site gives, and in whose name.

    Parameters
    ----------
    partitions : dict of Partition
        By name. Without any, the site's default partition takes all jobs, and nothing is known
        that would limit them.
    account, qos, reservation, constraint : str, optional
        Words of ``sbatch``.
    gpu_model : str, optional
        The type of GPU that jobs with GPUs ask for.
    options : str
        Any other options of ``sbatch``.
    scratch : str, optional
        Folder on the node; names of variables such as $USER are filled in there.
    limits : Limits
    site : dict
        How large and how fast it is: what ``seston plan --site`` reads of the same file.
    """

    partitions: dict[_Word, Partition] = Field(default_factory=dict)
    account: _Word | None = None
    qos: _Word | None = None
    reservation: _Word | None = None
    constraint: _Word | None = None
    gpu_model: _Word | None = None
    options: str = ""
    scratch: _Folder | None = None
    limits: Limits = Limits()
    site: dict[str, Any] = Field(default_factory=dict)

    @property
    def resources(self) -> dict[str, str]:
        """What every job asks, in the words of Snakemake's plugin."""
        extra = [f"--reservation={self.reservation}"] if self.reservation else []
        extra += [self.options] if self.options else []
        named = {
            "slurm_account": self.account,
            "qos": self.qos,
            "constraint": self.constraint,
            "slurm_extra": " ".join(extra),
        }
        return {name: value for name, value in named.items() if value}

    def gpus(self, wanted: int) -> int:
        """GPUs that a job may ask for, of those that are wanted; 0 where no partition has any."""
        if not self.partitions:
            return wanted
        return min(wanted, max(p.max_gpu for p in self.partitions.values()))

    @property
    def cores(self) -> int | None:
        """Most cores of a job, with GPUs or without; None where nothing is known."""
        with_and_without = [
            _most(p.max_cpus_per_task or p.max_threads for p in self._fit(gpus)) for gpus in (0, 1)
        ]
        return _least(self.limits.cores, *with_and_without)

    def mem_mb(self, asked: Callable[P, int], *, gpus: Gpus = 0) -> Callable[P, int]:
        """Hold what a rule asks to what the site gives a job: more would wait for ever.

        Parameters
        ----------
        asked : callable
            Gives MB; its first argument are the wildcards of the job.
        gpus : int or callable
            GPUs of the job, or what tells them from its wildcards.
        """

        def most(gpus: int) -> int | None:
            return _least(self.limits.mem_mb, _most(p.max_mem_mb for p in self._fit(gpus)))

        return _at_most(most, asked, gpus)

    def minutes(self, asked: Callable[P, int], *, gpus: Gpus = 0) -> Callable[P, int]:
        """Hold the minutes that a rule asks to what the site gives a job; as `mem_mb`.

        A job that needs longer ends itself in time, and the next one goes on from there.
        """

        def most(gpus: int) -> int | None:
            return _least(self.limits.minutes, _most(p.max_runtime for p in self._fit(gpus)))

        return _at_most(most, asked, gpus)

    def prefix(self) -> str:
        """Shell commands before a job's own: a folder on scratch, gone with the job.

        Where it cannot be made, the job goes on with the temporary folder that it has.
        """
        if not self.scratch:
            return ""
        made = f'mkdir -p "{self.scratch}" && mktemp -d "{self.scratch}/seston-XXXXXX"'
        return (
            f'if scratch="$({made})"; then export TMPDIR="$scratch"; '
            "trap 'rm -rf \"$scratch\"' EXIT; "
            'else echo "no scratch: $TMPDIR is used" >&2; fi; '
        )

    def _fit(self, gpus: int) -> list[Partition]:
        with_gpus = [p for p in self.partitions.values() if p.max_gpu >= max(1, gpus)]
        without = [p for p in self.partitions.values() if not p.max_gpu]
        return with_gpus if gpus or not without else without


def read_site(path: Path | str | None) -> Site:
    """Read the file of a site; one without limits where there is no file.

    Raises
    ------
    ConfigError
        The file is missing or not YAML, or a key or value in it is wrong.
    """
    if path is None:
        return Site()
    try:
        return Site.model_validate(read_yaml(path))
    except ValidationError as error:
        raise explain(error, path, keys_in="docs/on-a-cluster.md") from None


def keeps_accounts() -> bool:
    """Say whether Slurm keeps accounts here: only then can it tell what jobs have used."""
    line = ("sacct", "--noheader", "--allocations")
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(line, capture_output=True, timeout=_PATIENCE_S, check=False)
        return done.returncode == 0
    return False


def _at_most(
    most: Callable[[int], int | None], asked: Callable[P, int], gpus: Gpus
) -> Callable[P, int]:
    @functools.wraps(asked)  # Snakemake looks at the names of the parameters
    def held(*args: P.args, **kwargs: P.kwargs) -> int:
        wanted = asked(*args, **kwargs)
        given = most(gpus(args[0]) if callable(gpus) else gpus)
        return wanted if given is None else min(given, wanted)

    return held


def _most(values: Iterable[int | None]) -> int | None:
    """Give the largest; None, without a limit, if one of them is, or there is none."""
    found = list(values)
    known = [value for value in found if value is not None]
    return max(known) if found and len(known) == len(found) else None


def _least(*values: int | None) -> int | None:
    return min((value for value in values if value is not None), default=None)
