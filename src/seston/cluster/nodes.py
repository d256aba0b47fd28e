"""Workers on the other nodes of an allocation, started by srun.

They are told the scheduler's address on their command line, not by a file: a job that is requeued
keeps its number, and its workers would read the file of the run before.
"""

from __future__ import annotations

import logging
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import dask
from distributed import Client

from seston.cluster.job import MARGIN_S, Allocation
from seston.errors import WorkerError

log = logging.getLogger(__name__)

#: How long workers are waited for; a node that is later joins in when it comes.
_PATIENCE_S = 120.0
#: A worker ends when it sees no scheduler for so long.
_DEATH_TIMEOUT_S = 60
_FAREWELL_S = 30.0


@contextmanager
def joined(client: Client, scheduler: str, given: Allocation, limit: int | None) -> Iterator[None]:
    """Let the other nodes of an allocation work for a client while the block runs.

    Parameters
    ----------
    scheduler : str
        Address that the other nodes reach.
    limit : int or None
        Bytes that each worker may use.

    Raises
    ------
    WorkerError
        srun cannot start them.
    """
    here = set(client.scheduler_info(n_workers=-1)["workers"])
    step = _step(command(given, scheduler, limit))
    try:
        _await(client, step, given, len(here))
        yield
    finally:
        there = set(client.scheduler_info(n_workers=-1)["workers"]) - here
        with suppress(TimeoutError, OSError):
            client.retire_workers(sorted(there), close_workers=True)
        _end(step)


def command(given: Allocation, scheduler: str, limit: int | None) -> list[str]:
    """Give the command that starts workers on all nodes but this one.

    One worker a core, as here; with GPUs, a worker for each that sees no other.
    """
    others = [node for node in given.nodes if node != given.node]
    tasks = len(given.gpus) or 1
    lifetime = given.seconds_left() - MARGIN_S / 2
    return [
        "srun", f"--nodes={len(others)}", f"--nodelist={','.join(others)}",
        f"--ntasks={len(others) * tasks}", f"--ntasks-per-node={tasks}",
        f"--cpus-per-task={max(1, given.cores // tasks)}", "--overlap", "--kill-on-bad-exit=0",
        *(["--gpus-per-task=1"] if given.gpus else []),
        sys.executable, "-m", "distributed.cli.dask_worker", scheduler,
        "--nworkers", str(1 if given.gpus else given.cores),
        "--nthreads", str(2 if given.gpus else 1),
        "--nanny", "--no-dashboard", "--death-timeout", str(_DEATH_TIMEOUT_S),
        "--memory-limit", str(limit or 0), "--local-directory", str(given.scratch),
        *([] if math.isinf(lifetime) else ["--lifetime", f"{max(1.0, lifetime):.0f}s"]),
    ]  # fmt: skip


def _step(line: list[str]) -> subprocess.Popen[bytes]:
    settings = dask.config.serialize(dask.config.global_config)
    environ = {
        **os.environ,
        "DASK_INTERNAL_INHERIT_CONFIG": settings,
        "DASK_LOGGING__DISTRIBUTED": "warning",  # their chatter is of no use here either
    }
    try:
        return subprocess.Popen(line, env=environ)
    except OSError as error:
        raise _not_started(error.strerror or str(error)) from None


def _await(client: Client, step: subprocess.Popen[bytes], given: Allocation, here: int) -> None:
    wanted = here * len(given.nodes)
    waited = 0.0
    while waited < _PATIENCE_S:
        try:
            client.wait_for_workers(wanted, timeout=2)
            break
        except TimeoutError:
            waited += 2
        if step.poll() is not None:
            raise _not_started(f"srun ended with {step.returncode}")
    there = len(client.scheduler_info(n_workers=-1)["workers"])
    log.info("%d workers of %d, on %d nodes", there, wanted, len(given.nodes))


def _end(step: subprocess.Popen[bytes]) -> None:
    """Wait for workers that were told to go; then end what is left of them."""
    for end in (step.terminate, step.kill):
        with suppress(subprocess.TimeoutExpired):
            step.wait(_FAREWELL_S)
            return
        end()
    step.wait()


def _not_started(why: str) -> WorkerError:
    return WorkerError(
        f"no workers could be started on the other nodes of the job: {why}",
        cure="Ask for one node a job, as the workflow does; a job of several needs srun.",
    )
