"""What this job was given: cores, memory, GPUs, time and scratch; the same on a laptop."""

from __future__ import annotations

import logging
import math
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from seston.cluster import limits
from seston.errors import ConfigError, TimeUpError

log = logging.getLogger(__name__)

#: Before the wall limit no new work is begun; the job ends itself and is run again.
MARGIN_S = 120.0
#: A folder with less room is no scratch.
LEAST_ROOM_BYTES = 1 << 30

_JOB = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")
_SCRATCH = ("SLURM_TMPDIR", "TMPDIR", "TMP", "TEMP")
#: Seconds that a busy controller may take to answer.
_PATIENCE_S = 20


@dataclass(frozen=True, slots=True)
class Allocation:
    """What a job may use.

    Parameters
    ----------
    cores : int
    memory_mb : int or None
        MB; None where nothing limits it.
    gpus : tuple of str
        As CUDA_VISIBLE_DEVICES names them.
    ends_at : float
        When the job is ended from outside, seconds since 1970; infinite where it is not.
    scratch : Path
        Folder for what need not outlive the job, on the node where there is one.
    job : str
        Name of the job and how often it was restarted; empty outside of one.
    node : str
        Name of this machine.
    nodes : tuple of str
        All machines of the job, this one among them.
    """

    cores: int
    memory_mb: int | None
    gpus: tuple[str, ...]
    ends_at: float
    scratch: Path
    job: str
    node: str
    nodes: tuple[str, ...]

    @property
    def in_job(self) -> bool:
        """Whether a batch system started this."""
        return bool(self.job)

    def seconds_left(self) -> float:
        """Seconds until the job is ended from outside."""
        return self.ends_at - time.time()

    def described(self) -> str:
        """Tell it in one line."""
        memory = f"{self.memory_mb:,} MB" if self.memory_mb else "memory as there is"
        left = self.seconds_left()
        parts = [
            f"job {self.job}" if self.in_job else "no job",
            f"{', '.join(self.nodes)}: {self.cores} cores",
            memory,
            *([f"GPU {', '.join(self.gpus)}"] if self.gpus else []),
            "no time limit" if math.isinf(left) else f"{left / 60:,.0f} min left",
            f"scratch {self.scratch}",
        ]
        return ", ".join(parts)


def allocation(
    cores: int | None = None,
    memory_mb: int | None = None,
    minutes: float | None = None,
    *,
    gpus: int = 0,
) -> Allocation:
    """Read what this job was given. What is said here counts more than what is found.

    Parameters
    ----------
    cores : int, optional
        Else those that this process may use: its affinity, the quota of its control group, and
        what Slurm says of this node, for not every site binds jobs to what they were given.
    memory_mb : int, optional
        MB of the whole job; else the limit of the control group, if there is one. Variables of
        Slurm are not asked: inside a job step they are absent, or speak of another step.
    minutes : float, optional
        From the start of this process; else what the batch system tells.
    gpus : int
        GPUs that are wanted. Those in CUDA_VISIBLE_DEVICES are taken, else the first ones.
    """
    job = _job()
    return Allocation(
        cores=cores or available_cores(),
        memory_mb=memory_mb or limits.memory_limit_mb(),
        gpus=_gpus(gpus),
        ends_at=_began() + 60 * minutes if minutes else _end_of_job(os.environ),
        scratch=_scratch(os.environ),
        job=job,
        node=_node(),
        nodes=_nodes(os.environ) if job else (_node(),),
    )


def available_cores() -> int:
    """Cores that this process may use."""
    has_affinity = hasattr(os, "sched_getaffinity")  # Linux
    seen = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    told = os.environ.get("SLURM_CPUS_ON_NODE", "")
    given = int(told) if told.isdigit() else 0
    return min(seen, limits.cpu_limit() or seen, given or seen)


def check_time(given: Allocation, needed_s: float = 0.0) -> None:
    """Refuse to begin work that the job would not see the end of.

    Parameters
    ----------
    given : Allocation
    needed_s : float
        Seconds that the work is thought to take, such as those of the piece before it. Never
        less than two minutes must be left.

    Raises
    ------
    TimeUpError
        Less is left.
    """
    left = given.seconds_left()
    if left < max(MARGIN_S, needed_s):
        raise time_up(given, left)


def time_up(given: Allocation, left_s: float) -> TimeUpError:
    """Say that a job ends itself because its time is up."""
    return TimeUpError(
        f"{max(0.0, left_s):,.0f} s are left before the job's time is up",
        where=f"job {given.job}" if given.in_job else given.node,
        cure="Run again: what is finished is kept. If this comes again and again, give jobs more "
        "time, or make blocks and shards smaller.",
    )


# ------------------------------------------------------------------------------------ the job
def _job() -> str:
    """Name the job and how often it was restarted: a requeued job keeps its id."""
    number = next((os.environ[name] for name in _JOB if os.environ.get(name)), "")
    return f"{number}-{os.environ.get('SLURM_RESTART_COUNT') or 0}" if number else ""


def _node() -> str:
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def _nodes(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Name the nodes of the allocation, this one first."""
    listed = environ.get("SLURM_JOB_NODELIST", "")
    if environ.get("SLURM_JOB_NUM_NODES", "1") == "1" or not listed:
        return (_node(),)
    told = _asked("scontrol", "show", "hostnames", listed)
    return tuple(dict.fromkeys([_node(), *told.split()]))


def _asked(*command: str) -> str:
    """Give what a command of the batch system says; nothing where it does not answer."""
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE_S, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


# ------------------------------------------------------------------------------------- its end
def _began() -> float:
    return float(psutil.Process().create_time())


def _end_of_job(environ: Mapping[str, str]) -> float:
    """When the batch system ends this job, seconds since 1970.

    Slurm tells the end itself or the time left, Torque a walltime in the environment; LSF, PBS
    Pro and Grid Engine tell nothing there: name the minutes, as the workflow does.
    """
    told = environ.get("SLURM_JOB_END_TIME", "")
    if told.isdigit():
        return float(told)
    if job := environ.get("SLURM_JOB_ID"):
        left = seconds_of(_asked("squeue", "-h", "-j", job, "-o", "%L"))
        return time.time() + left
    walltime = environ.get("PBS_WALLTIME", "")
    return _began() + int(walltime) if walltime.isdigit() else math.inf


def seconds_of(text: str) -> float:
    """Read a span of time as Slurm writes it: [days-][hours:]minutes:seconds.

    Anything else, such as UNLIMITED, is without end.

    >>> seconds_of("1-02:03:04")
    93784.0
    >>> seconds_of("UNLIMITED")
    inf
    """
    found = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", text.strip())
    if found is None:
        return math.inf
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


# ----------------------------------------------------------------------------- GPUs and scratch
def _gpus(wanted: int) -> tuple[str, ...]:
    """Name the GPUs of this job, as far as they are wanted and there.

    A GPU that a batch system promises may be missing all the same: broken, or a node without
    one. Then the cores do the work, with the same labels.
    """
    if not wanted:
        return ()
    told = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = (
        [str(number) for number in range(wanted)]
        if told is None
        else [name for name in told.split(",") if name.strip() not in ("", "-1", "NoDevFiles")]
    )
    there = _cuda_devices()
    if there < wanted:
        log.warning(
            "%d GPU wanted, %d there%s", wanted, there, "" if there else ": the cores do the work"
        )
    return tuple(names[: min(wanted, there)])


def _cuda_devices() -> int:
    try:
        import torch
    except ModuleNotFoundError:
        return 0
    return int(torch.cuda.device_count())


def _scratch(environ: Mapping[str, str]) -> Path:
    """Choose the first folder that can be written and has room; else the roomiest."""
    named = [(name, environ[name]) for name in _SCRATCH if environ.get(name)]
    usable = []
    for name, text in [*named, ("", "/tmp"), ("", tempfile.gettempdir())]:  # noqa: S108
        path = Path(text)
        hindrance = _hindrance(path)
        if hindrance == "":
            return path
        if hindrance == _NO_ROOM:
            usable.append(path)
        if name:
            log.warning("scratch: $%s = %s %s", name, path, hindrance)
    if not usable:
        raise ConfigError(
            "no folder for scratch can be written",
            where=", ".join(dict.fromkeys(text for _, text in named)) or tempfile.gettempdir(),
            cure="Set TMPDIR to a folder on the node.",
        )
    return max(usable, key=lambda path: shutil.disk_usage(path).free)


_NO_ROOM = f"has less than {LEAST_ROOM_BYTES >> 30} GiB free"


def _hindrance(path: Path) -> str:
    """Say why a folder is no scratch; empty where it is one."""
    if not path.is_dir():
        return "is no folder"
    try:
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        return f"cannot be written ({error.strerror})"
    return "" if shutil.disk_usage(path).free >= LEAST_ROOM_BYTES else _NO_ROOM
