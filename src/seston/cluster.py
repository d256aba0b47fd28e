"""One door to Dask: local processes by default, or a scheduler that runs already."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, TypeVar

import dask
from distributed import (
    CancelledError,
    Client,
    Future,
    KilledWorker,
    LocalCluster,
    as_completed,
    get_worker,
    wait,
)
from distributed.comm.core import connect as open_comm

from seston.errors import ConfigError, WorkerError

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Share of a job's memory that its workers may use; the rest is the command itself.
WORKERS_SHARE = 0.85
#: Workers that may die at one task before it is given up.
_FAILURES = 3
#: How long tasks that write are waited for when another one has failed.
_LONGEST_FAREWELL_S = 300.0

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
    "distributed.scheduler.allowed-failures": _FAILURES,
    "distributed.admin.large-graph-warning-threshold": "1GB",
}
_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def connect(
    cores: int | None = None, memory_mb: int | None = None, scheduler: str | None = None
) -> Iterator[Client]:
    """Give a Dask client while the block runs.

    Parameters
    ----------
    cores : int, optional
        Worker processes, of one thread each. All cores of this process if absent.
    memory_mb : int, optional
        Memory of the whole job, MB; the workers share 85 % of it. No limit if absent.
    scheduler : str, optional
        Address of a scheduler that runs already; then nothing is started here.

    Raises
    ------
    ConfigError
        No scheduler answers at the address.
    """
    logging.getLogger("distributed").setLevel(logging.WARNING)  # its chatter is of no use here
    with dask.config.set(_SETTINGS):
        if scheduler:
            with _connected(scheduler) as client:
                yield client
            return
        with _local(cores or available_cores(), memory_mb) as client:
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
def _local(cores: int, memory_mb: int | None) -> Iterator[Client]:
    limit = int(memory_mb * 1e6 * WORKERS_SHARE / cores) if memory_mb else 0
    for name in _ONE_THREAD:  # one thread a worker: the cores are shared by processes
        os.environ.setdefault(name, "1")
    with (
        tempfile.TemporaryDirectory(prefix="seston-", ignore_cleanup_errors=True) as scratch,
        LocalCluster(
            n_workers=cores,
            threads_per_worker=1,
            memory_limit=limit or None,
            local_directory=scratch,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,  # what goes wrong is raised here, and told once
        ) as cluster,
        Client(cluster, direct_to_workers=True) as client,
    ):
        log.info("%d workers, dashboard %s", cores, client.dashboard_link)
        yield client


def worker_number() -> int:
    """Give the number of the worker that runs this task, from 0; 0 where it has none."""
    try:
        name = get_worker().name
    except ValueError:  # not in a task
        return 0
    return name if isinstance(name, int) else 0


def stream(
    client: Client, function: Callable[..., T], tasks: Iterable[tuple[Any, ...]], *, ahead: int = 2
) -> Iterator[T]:
    """Compute tasks on the workers and yield their results in the order of the tasks.

    At most `ahead` tasks a worker are under way or wait to be fetched, so that memory stays
    bounded however many tasks there are.

    Raises
    ------
    WorkerError
        A task killed one worker after the other.
    """
    waiting = iter(tasks)
    first_ones = islice(waiting, _width(client, ahead))
    queue: list[Future[T]] = [client.submit(function, *t, pure=False) for t in first_ones]
    try:
        while queue:
            first = queue.pop(0)
            with _deaths_explained():
                result: T = first.result()
            del first
            queue += [client.submit(function, *t, pure=False) for t in islice(waiting, 1)]
            yield result
    finally:
        client.cancel(queue)


def run_all(client: Client, tasks: Iterable[Callable[[], T]], *, ahead: int = 2) -> Iterator[T]:
    """Compute tasks of any order on the workers; yield results as they end.

    At most `ahead` tasks a worker are under way. None is any more when this ends, also where
    one failed: what they write in is then removed.

    Raises
    ------
    WorkerError
        A task killed one worker after the other.
    """
    waiting = iter(tasks)
    running = {client.submit(_call, t, pure=False) for t in islice(waiting, _width(client, ahead))}
    try:
        while running:
            done = next(as_completed(running))
            running.remove(done)
            running |= {client.submit(_call, t, pure=False) for t in islice(waiting, 1)}
            with _deaths_explained():
                result: T = done.result()
            yield result
    finally:
        with suppress(CancelledError, TimeoutError):
            wait(running, timeout=_LONGEST_FAREWELL_S)


def _width(client: Client, ahead: int) -> int:
    return max(1, ahead * len(client.scheduler_info()["workers"]))


@contextmanager
def _deaths_explained() -> Iterator[None]:
    try:
        yield
    except KilledWorker:
        raise WorkerError(
            f"one task ended {_FAILURES + 1} worker processes: by their memory, or by a crash",
            cure="Give more --memory or fewer --cores; if that does not help, look into the log "
            "of the system for processes that were killed.",
        ) from None


def _call(task: Callable[[], T]) -> T:
    return task()
