"""Workers that die, tasks that fail, schedulers that are silent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import Client

import tiny
from seston.cluster import connect, run_all, stream
from seston.errors import ConfigError, SpaceError, WorkerError
from seston.stages import windows


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with connect(cores=2) as client:
        yield client


def dying_once(work: Callable[..., Any], marker: Path) -> Callable[..., Any]:
    """Wrap what a worker does: the first to do it is killed in the middle."""

    def work_or_die(*arguments: Any, **keywords: Any) -> Any:
        result = work(*arguments, **keywords)
        try:
            marker.touch(exist_ok=False)
        except FileExistsError:
            return result
        return os.kill(os.getpid(), signal.SIGKILL)

    return work_or_die


def test_a_worker_that_is_killed_changes_no_byte_of_the_objects(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = tiny.ingest(tiny.prepare(tmp_path, tiny.simulate(tmp_path / "simulated")))
    tiny.segment(campaign, client)
    before = tiny.content(tmp_path / "results")
    marker = tmp_path / "killed"
    monkeypatch.setattr(windows, "run_task", dying_once(windows.run_task, marker))
    tiny.segment(campaign, client)
    assert marker.exists()
    assert tiny.content(tmp_path / "results") == before


def test_results_come_in_the_order_of_the_tasks_whoever_dies(
    tmp_path: Path, client: Client
) -> None:
    work = dying_once(lambda number: number, tmp_path / "killed")
    assert list(stream(client, work, ((i,) for i in range(20)))) == list(range(20))


def test_a_task_that_kills_every_worker_is_given_up_with_a_cure() -> None:
    def die(_: int) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with connect(cores=1) as client:
        with pytest.raises(WorkerError, match=r"one task ended 4 .*\n  Give more --memory"):
            list(stream(client, die, [(1,)]))
        with pytest.raises(WorkerError):
            list(run_all(client, [partial(die, 1)]))


def test_workers_come_back_also_where_their_nannies_have_given_up() -> None:
    """As these do where a worker dies while it starts."""
    with connect(cores=2) as client:
        for nanny in list(client.cluster.workers.values()):
            client.sync(nanny.close)
        assert list(stream(client, lambda number: number, ((i,) for i in range(9)))) == [*range(9)]
        client.wait_for_workers(2, timeout=120)  # the second may still be starting


def test_no_task_writes_on_when_another_has_failed(tmp_path: Path, client: Client) -> None:
    def fail() -> None:
        raise SpaceError("full", where=tmp_path)

    def write(number: int) -> None:
        time.sleep(0.5)
        (tmp_path / str(number)).touch()

    tasks = [partial(write, 1), fail, *(partial(write, n) for n in range(2, 40))]
    with pytest.raises(SpaceError, match="full"):
        list(run_all(client, tasks))
    written = list(tmp_path.iterdir())
    time.sleep(1.5)
    assert list(tmp_path.iterdir()) == written
    assert len(written) < 10


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://x", "tcp://"])
def test_a_scheduler_that_does_not_answer_is_told_and_nothing_stays_behind(address: str) -> None:
    before = dask.config.get("scheduler", None)
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(ConfigError, match=f"{address}: no Dask scheduler answers"),
        connect(scheduler=address),
    ):
        pass
    assert dask.config.get("scheduler", None) == before


def test_a_scheduler_that_runs_already_is_used(client: Client) -> None:
    with connect(scheduler=client.scheduler.address) as other:
        assert list(run_all(other, [partial(max, 1, 2)])) == [2]


def test_dask_is_left_as_it_was() -> None:
    code = (
        "import dask\nfrom seston.cluster import connect\n"
        "if __name__ == '__main__':\n"
        "    with connect(cores=1): assert dask.config.get('scheduler') == 'dask.distributed'\n"
        "    try:\n"
        "        with connect(scheduler='nonsense://x'): pass\n"
        "    except ValueError: pass\n"
        "    with connect(cores=1): pass\n"
        "    assert dask.config.get('scheduler', None) is None\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=50)


def test_a_worker_that_dies_as_it_starts_is_told_in_one_line_with_a_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python looks for this module as it starts; in a worker it dies of it."""
    deadly = "import os, sys\nif '--multiprocessing-fork' in sys.orig_argv: os._exit(9)\n"
    (tmp_path / "sitecustomize.py").write_text(deadly)
    path = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{path}")
    with pytest.raises(WorkerError, match="a worker ended as it started"), connect(cores=1):
        pass
