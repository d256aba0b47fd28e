"""Work for the workers: streams of tasks, and what is done when one of them ends its worker."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, Concatenate, Generic, TypeVar, cast
from weakref import WeakKeyDictionary

from distributed import (
    CancelledError,
    Client,
    Future,
    KilledWorker,
    Scheduler,
    as_completed,
    get_worker,
    wait,
)

from seston.cluster.job import Allocation, time_up
from seston.errors import DeadlyTaskError

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Workers that may die at one task before it is given up.
FAILURES = 3
#: Workers that must die at one task, with nothing else under way, for the blame to be its own.
VERDICT = FAILURES + 1
#: Workers that must die at a part before it is divided: to divide changes no result.
SUSPICION = 2
#: How long tasks that write are waited for when another one has failed.
_LONGEST_FAREWELL_S = 300.0
#: Tasks that do not end by then are left, so that the job ends itself and tidies up.
_LAST_S = 30.0

#: Where a client's work has to end: told by `seston.cluster.client.connect`.
given_to: WeakKeyDictionary[Client, Allocation] = WeakKeyDictionary()


def given_of(client: Client) -> Allocation | None:
    """Tell what the job of a client was given; None where something else started the client."""
    return given_to.get(client)


def worker_number() -> int:
    """Give the number of the worker that runs this task, from 0; 0 where it has none."""
    try:
        name = get_worker().name
    except ValueError:  # not in a task
        return 0
    return name if isinstance(name, int) else 0


class Alone(Generic[T]):
    """Tries a task while nothing else is under way, so that whoever dies dies of it."""

    def __init__(self, client: Client, function: Callable[..., T]) -> None:
        self._client, self._function = client, function

    def __call__(self, *task: Any, deaths: int = SUSPICION) -> T:  # noqa: ANN401
        """Compute one task.

        Raises
        ------
        DeadlyTaskError
            It ended so many workers, one after the other.
        """
        with _failures_allowed(self._client, deaths - 1):
            try:
                future = self._client.submit(self._function, *task, pure=False)
                return _result(self._client, future)
            except KilledWorker as error:
                raise _deadly(self._client, error, deaths) from None


#: What is done with a task that has ended its workers, also alone: it may try parts of it.
Rescue = Callable[Concatenate[Alone[T], ...], T]


def stream(
    client: Client,
    function: Callable[..., T],
    tasks: Iterable[tuple[Any, ...]],
    *,
    ahead: int = 2,
    rescue: Rescue[T] | None = None,
) -> Iterator[T]:
    """Compute tasks on the workers and yield their results in the order of the tasks.

    At most `ahead` tasks a worker are under way or wait to be fetched, so that memory stays
    bounded however many tasks there are.

    Parameters
    ----------
    rescue : callable, optional
        A task that has ended its workers is tried again when all others have ended, since those
        on the same worker are suspected with it. If it ends its workers alone too, this is called
        with an `Alone`, which computes any task as this does, and the arguments of the task. What
        it returns stands for the result.

    Raises
    ------
    WorkerError
        A task killed one worker after the other.
    TimeUpError
        The job's time is up.
    """
    waiting = iter(tasks)
    queue = deque(_Sent(client, function, t) for t in islice(waiting, _width(client, ahead)))
    try:
        while queue:
            first = queue.popleft()
            try:
                result = first.result()
            except KilledWorker as error:
                if rescue is None:
                    raise _deadly(client, error, VERDICT) from None
                for sent in queue:
                    sent.settle()
                result = _rescued(Alone(client, function), first.task, rescue)
            del first
            queue.extend(_Sent(client, function, t) for t in islice(waiting, 1))
            yield result
    finally:
        client.cancel([sent.future for sent in queue])


class _Sent(Generic[T]):
    """A task that was sent to the workers."""

    def __init__(self, client: Client, function: Callable[..., T], task: tuple[Any, ...]) -> None:
        self.task = task
        self.future: Future[T] = client.submit(function, *task, pure=False)
        self._client = client
        self._fetched: tuple[T] | None = None

    def result(self) -> T:
        """Wait for the result, or raise what was raised."""
        return self._fetched[0] if self._fetched else _result(self._client, self.future)

    def settle(self) -> None:
        """Fetch what came of it: what lies on a worker that dies would be computed again."""
        with suppress(Exception):  # raised again where its turn comes
            self._fetched = (self.result(),)
            self.future.release()


def _rescued(alone: Alone[T], task: tuple[Any, ...], rescue: Rescue[T]) -> T:
    try:
        return alone(*task)
    except DeadlyTaskError as error:
        log.warning("with nothing beside it, %s", error.what)
        return rescue(alone, *task)


def run_all(client: Client, tasks: Iterable[Callable[[], T]], *, ahead: int = 2) -> Iterator[T]:
    """Compute tasks of any order on the workers; yield results as they end.

    At most `ahead` tasks a worker are under way. None is any more when this ends, also where
    one failed: what they write in is then removed.

    Raises
    ------
    WorkerError
        A task killed one worker after the other.
    TimeUpError
        The job's time is up.
    """
    waiting = iter(tasks)
    running = {client.submit(_call, t, pure=False) for t in islice(waiting, _width(client, ahead))}
    try:
        while running:
            done = _first(client, running)
            running.remove(done)
            running |= {client.submit(_call, t, pure=False) for t in islice(waiting, 1)}
            try:
                result: T = done.result()
            except KilledWorker as error:
                raise _deadly(client, error, VERDICT) from None
            yield result
    finally:
        with suppress(CancelledError, TimeoutError):
            left = _seconds_left(client)
            wait(running, timeout=_LONGEST_FAREWELL_S if left is None else left + _LAST_S / 2)


def _width(client: Client, ahead: int) -> int:
    threads: dict[str, int] = client.nthreads()
    return max(1, ahead * sum(threads.values()))


def _call(task: Callable[[], T]) -> T:
    return task()


# -------------------------------------------------------------------------------------- time
def _seconds_left(client: Client) -> float | None:
    """Seconds until the job must tidy up; None where no time limit is known."""
    given = given_to.get(client)
    if given is None or math.isinf(given.ends_at):
        return None
    return max(0.0, given.seconds_left() - _LAST_S)


@contextmanager
def _in_time(client: Client) -> Iterator[float | None]:
    """Give the seconds that there are; explain what takes longer."""
    left = _seconds_left(client)
    try:
        yield left
    except TimeoutError:
        if _seconds_left(client) != 0:  # it was not ours
            raise
        raise time_up(given_to[client], _LAST_S) from None


def _result(client: Client, future: Future[T]) -> T:
    with _in_time(client) as left:
        if left is not None:
            wait(future, timeout=left)
    return future.result()


def _first(client: Client, running: set[Future[T]]) -> Future[T]:
    with _in_time(client) as left:
        return cast("Future[T]", next(as_completed(running, timeout=left)))


# ------------------------------------------------------------------------------------- deaths
@contextmanager
def _failures_allowed(client: Client, most: int) -> Iterator[None]:
    """Let the scheduler send a task to so many more workers than die at it."""
    before: int = client.run_on_scheduler(_allow, most)
    try:
        yield
    finally:
        client.run_on_scheduler(_allow, before)


def _allow(most: int, dask_scheduler: Scheduler) -> int:
    before = int(dask_scheduler.allowed_failures)
    dask_scheduler.allowed_failures = most
    return before


def _deadly(client: Client, error: KilledWorker, deaths: int) -> DeadlyTaskError:
    """Say of what a task's workers died: nannies tell whom they ended for their memory."""
    events = client.get_events("worker-restart-memory")
    full = {event["worker"] for _, event in events}
    by_memory = error.last_worker.address in full
    return DeadlyTaskError(
        f"one task ended {deaths} worker processes: "
        + ("they used more memory than they have" if by_memory else "by a crash, or from outside"),
        cure="Give more --memory or fewer --cores; if that does not help, look into the log "
        "of the system for processes that were killed.",
        by_memory=by_memory,
    )
