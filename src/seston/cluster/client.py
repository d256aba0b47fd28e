"""A client of Dask: workers of this job, on all of its nodes, or a scheduler that runs already."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dask
from distributed import Client, Nanny, Scheduler
from distributed.comm.core import connect as open_comm
from distributed.utils import get_ip

from seston.cluster import nodes
from seston.cluster.job import Allocation, allocation
from seston.cluster.report import reported
from seston.cluster.tasks import FAILURES, given_to
from seston.cluster.workers import Workers
from seston.errors import ConfigError, WorkerError

log = logging.getLogger(__name__)

#: Share of a job's memory that its workers may use; the rest is the command itself.
WORKERS_SHARE = 0.85
#: Tasks at a time on one GPU: while one is in the network, the other reads and tells.
THREADS_PER_GPU = 2

_SETTINGS = {
    # Streams of frames live for seconds: writing them to disk would only slow the job down.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": 0.85,
    "distributed.worker.memory.terminate": 0.95,
    # What a task frees, the next takes: memory from the system comes page by page, each cleared.
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 1 << 27,
    "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": 1 << 25,
    "distributed.worker.profile.enabled": False,  # nobody looks at it
    "distributed.scheduler.allowed-failures": FAILURES,
    # A worker may take long to come back: to read libraries from a slow disk on a full node.
    "distributed.deploy.lost-worker-timeout": "1 day",
    "distributed.admin.large-graph-warning-threshold": "1GB",
}
_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


@contextmanager
def connect(
    cores: int | None = None,
    memory_mb: int | None = None,
    scheduler: str | None = None,
    *,
    gpus: int = 0,
    minutes: float | None = None,
    report: Path | None = None,
    given: Allocation | None = None,
) -> Iterator[Client]:
    """Give a Dask client while the block runs.

    Parameters
    ----------
    cores : int, optional
        Worker processes, of one thread each. All cores of this process if absent.
    memory_mb : int, optional
        Memory of the whole job, MB; the workers share 85 % of it. The limit of the control group
        if absent, and none without one.
    scheduler : str, optional
        Address of a scheduler that runs already; then nothing is started here.
    gpus : int
        GPUs that are wanted: each that is there has a worker, which sees no other. Where there is
        none, the cores do the work.
    minutes : float, optional
        Time of the job, from the start of this process; what the batch system tells if absent.
    report : Path, optional
        Where Dask's performance report is kept; in a folder, one for each process.
    given : Allocation, optional
        What this job was given, in place of all of these but `scheduler` and `report`.

    Raises
    ------
    ConfigError
        No scheduler answers at the address.
    """
    logging.getLogger("distributed").setLevel(logging.WARNING)  # its chatter is of no use here
    given = given or allocation(cores, memory_mb, minutes, gpus=gpus)
    more = {"distributed.worker.profile.enabled": True} if report else {}
    with (
        dask.config.set(_SETTINGS | more),
        _connected(scheduler) if scheduler else _started(given) as client,
        reported(report, given) if report else nullcontext(),
    ):
        given_to[client] = given
        yield client


def _connected(scheduler: str) -> Client:
    """Knock first: a client that finds no scheduler stays behind as the default of all of Dask."""
    try:
        with ThreadPoolExecutor(1) as thread:  # in a notebook, this one has its own event loop
            thread.submit(asyncio.run, _knock(scheduler)).result()
        return Client(scheduler)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"no Dask scheduler answers ({error})",
            where=scheduler,
            cure="Correct --scheduler, or leave it out to work with the cores of this machine.",
        ) from None


async def _knock(scheduler: str) -> None:
    comm = await open_comm(scheduler)
    await comm.close()


@contextmanager
def _started(given: Allocation) -> Iterator[Client]:
    """Start a scheduler and workers here, and workers on the other nodes of the job."""
    for name in _ONE_THREAD:  # one thread a worker: the cores are shared by processes
        os.environ.setdefault(name, "1")
    log.info("%s", given.described())
    alone = len(given.nodes) == 1
    host = "127.0.0.1" if alone else get_ip()
    with (
        tempfile.TemporaryDirectory(
            prefix="seston-", dir=given.scratch, ignore_cleanup_errors=True
        ) as scratch,
        _cluster(given, host, scratch) as cluster,
        Client(cluster, direct_to_workers=True) as client,
    ):
        log.info("%d workers, %s", len(cluster.workers), dashboard(client, given))
        with (
            nullcontext()
            if alone
            else nodes.joined(client, cluster.scheduler_address, given, limit_of(given))
        ):
            yield client


def _cluster(given: Allocation, host: str, scratch: str) -> Workers:
    try:
        return Workers(  # type: ignore[no-untyped-call]
            scheduler=_scheduler(host),
            workers=_workers(given, host, scratch),
            silence_logs=logging.CRITICAL,  # what goes wrong is raised here, and told once
        )
    except RuntimeError as error:
        raise WorkerError(
            f"a worker ended as it started ({error})",
            cure="Run again; if it does so again, give more --memory or fewer --cores.",
        ) from error


def _scheduler(host: str) -> dict[str, Any]:
    options = {"host": host, "port": 0, "protocol": "tcp://", "dashboard": True,
               "dashboard_address": "127.0.0.1:0"}  # fmt: skip
    return {"cls": Scheduler, "options": options}


def _workers(given: Allocation, host: str, scratch: str) -> dict[int, Any]:
    """Describe the workers of this node: one for each core, or one for each GPU."""
    common = {"host": host, "protocol": "tcp://", "memory_limit": limit_of(given),
              "local_directory": scratch, "silence_logs": logging.CRITICAL,
              "nthreads": THREADS_PER_GPU if given.gpus else 1}  # fmt: skip
    environs = [{"CUDA_VISIBLE_DEVICES": gpu} for gpu in given.gpus] or [{}] * given.cores
    return {
        number: {"cls": Nanny, "options": common | {"env": environ}}
        for number, environ in enumerate(environs)
    }


def limit_of(given: Allocation) -> int | None:
    """Bytes that each worker of a node may use; None without a limit."""
    if not given.memory_mb:
        return None
    return int(given.memory_mb * 1e6 * WORKERS_SHARE / (len(given.gpus) or given.cores))


def dashboard(client: Client, given: Allocation) -> str:
    """Tell where the dashboard is; in a job, also the line that reaches it from elsewhere.

    It listens on its own node only: whoever may log in there may see it.
    """
    link = str(client.dashboard_link)
    if not given.in_job:
        return f"dashboard {link}"
    port = urlsplit(link).port
    host = os.environ.get("SLURM_SUBMIT_HOST") or os.environ.get("PBS_O_HOST")
    jump = f"-J {host} " if host and host != given.node else ""
    return f"dashboard {link} by: ssh {jump}-N -L {port}:127.0.0.1:{port} {given.node}"
