"""What a job was given, as a laptop, a container and a batch system tell it."""

from __future__ import annotations

import math
import os
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from seston.cluster import Allocation, allocation, check_time, connect, run_all, stream, tasks
from seston.cluster import job as room
from seston.cluster.client import dashboard, limit_of
from seston.cluster.limits import cpu_limit, memory_limit_mb
from seston.cluster.nodes import command
from seston.errors import ConfigError, TimeUpError

BATCH = ("SLURM_", "PBS_", "LSB_", "JOB_ID", "CUDA_VISIBLE_DEVICES", "TMP")


@pytest.fixture(autouse=True)
def outside_of_any_job(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(BATCH):
            monkeypatch.delenv(name)


def given(**changes) -> Allocation:
    return replace(allocation(1, 1000), **changes)


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


# ------------------------------------------------------------------------------ what is found
def test_a_laptop_gives_its_cores_and_has_no_limit_of_time() -> None:
    found = allocation()
    assert found.cores == len(os.sched_getaffinity(0)) or found.cores == cpu_limit()
    assert found.seconds_left() == math.inf
    assert not found.in_job
    assert found.nodes == (found.node,)
    assert "no job" in found.described()
    check_time(found, 1e9)


def test_what_is_said_counts_more_than_what_is_found(monkeypatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(int(time.time()) + 3600))
    found = allocation(3, 5000, 10)
    assert (found.cores, found.memory_mb) == (3, 5000)
    assert 0 < found.seconds_left() < 600  # this process runs for a while


@pytest.mark.parametrize(
    ("cgroup", "files", "memory", "cores"),
    [
        ("0::/job/step\n", {"job/memory.max": "8000000000", "job/step/memory.max": "max",
                            "job/step/cpu.max": "350000 100000"}, 8000, 3),
        ("0::/not/mounted\n", {"memory.max": "2000000000", "cpu.max": "50000 100000"}, 2000, 1),
        ("4:memory:/job\n1:cpu,cpuacct:/job\n",
         {"memory/job/memory.limit_in_bytes": "3000000000",
          "cpu,cpuacct/job/cpu.cfs_quota_us": "200000",
          "cpu,cpuacct/job/cpu.cfs_period_us": "100000"}, 3000, 2),
        ("4:memory:/\n1:cpu:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712",
                                   "cpu/cpu.cfs_quota_us": "-1",
                                   "cpu/cpu.cfs_period_us": "100000"}, None, None),
        ("", {}, None, None),
    ],
)  # fmt: skip
def test_a_fence_around_the_process_counts_in_both_versions(
    tmp_path: Path, cgroup, files, memory, cores
) -> None:
    (tmp_path / "cgroup").write_text(cgroup)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert memory_limit_mb(tmp_path / "cgroup", tmp_path) == memory
    assert cpu_limit(tmp_path / "cgroup", tmp_path) == cores


# -------------------------------------------------------------------------------------- time
@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5:00", 300), ("1:00:01", 3601), ("2-00:00:00", 172_800), ("0:59", 59),
     ("UNLIMITED", math.inf), ("INVALID", math.inf), ("", math.inf)],
)  # fmt: skip
def test_slurm_tells_the_time_that_is_left_in_its_own_way(text: str, seconds: float) -> None:
    assert room.seconds_of(text) == seconds


def test_the_end_of_a_job_is_told_by_slurm_itself_or_by_squeue(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "2")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert allocation().seconds_left() == math.inf  # there is no squeue
    program(tmp_path, "squeue", '[ "$*" = "-h -j 7 -o %L" ] && echo 1:40')
    found = allocation()
    assert 80 < found.seconds_left() <= 100
    assert found.job == "7-2"
    with pytest.raises(TimeUpError, match=r"job 7-2: \d+ s are left(.|\n)*Run again: what is fin"):
        check_time(found)
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(int(time.time()) + 3600))
    found = allocation()
    check_time(found)
    with pytest.raises(TimeUpError):  # the last shard took longer than what is left
        check_time(found, 4000)


def test_a_job_whose_tasks_outlast_it_ends_itself_before(monkeypatch) -> None:
    monkeypatch.setattr(tasks, "_LAST_S", 2.0)

    def sleep(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    with connect(given=given(ends_at=time.time() + 3600)) as client:
        assert list(stream(client, sleep, [(0,)])) == [0]
    with connect(given=given(ends_at=time.time() + 3)) as client, pytest.raises(TimeUpError):
        list(stream(client, sleep, [(60,)]))
    with connect(given=given(ends_at=time.time() + 3)) as client, pytest.raises(TimeUpError):
        list(run_all(client, [lambda: sleep(20)]))


# ----------------------------------------------------------------------------------- GPUs
@pytest.mark.parametrize(
    ("told", "there", "wanted", "found"),
    [
        ("2,GPU-5", 2, 2, ("2", "GPU-5")),
        ("0,1,2,3", 4, 1, ("0",)),
        (None, 8, 2, ("0", "1")),
        (None, 1, 2, ("0",)),
        ("0", 0, 1, ()),  # promised, and not there
        ("", 0, 1, ()),
        ("0,1", 2, 0, ()),
    ],
)
def test_gpus_are_those_that_are_shown_and_there(monkeypatch, told, there, wanted, found) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: there)
    if told is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", told)
    assert allocation(gpus=wanted).gpus == found


@pytest.mark.parametrize(("told", "cores"), [("2", 2), ("64", 4), ("", 4), ("4(x2)", 4), ("0", 4)])
def test_a_node_that_does_not_bind_its_jobs_is_shared_as_slurm_says(
    monkeypatch, told: str, cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)))
    monkeypatch.setattr("seston.cluster.limits.cpu_limit", lambda: None)
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", told)
    assert allocation().cores == cores


def test_a_missing_gpu_is_told_and_the_cores_do_the_work(monkeypatch, caplog) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with connect(2, gpus=1) as client:
        assert len(client.nthreads()) == 2
    assert "1 GPU wanted, 0 there: the cores do the work" in caplog.text


def test_each_gpu_has_a_worker_that_sees_no_other_and_two_tasks_at_a_time() -> None:
    with connect(given=given(gpus=("3", "MIG-7"), memory_mb=2000)) as client:
        seen = client.run(lambda: os.environ["CUDA_VISIBLE_DEVICES"])
        assert sorted(seen.values()) == ["3", "MIG-7"]
        assert set(client.nthreads().values()) == {2}
        limits = {w["memory_limit"] for w in client.scheduler_info()["workers"].values()}
        assert limits == {850_000_000}


# --------------------------------------------------------------------------------- scratch
def test_scratch_is_the_first_folder_with_room_that_can_be_written(
    tmp_path, monkeypatch, caplog
) -> None:
    monkeypatch.setenv("SLURM_TMPDIR", str(tmp_path / "gone"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert allocation().scratch == tmp_path
    assert f"$SLURM_TMPDIR = {tmp_path}/gone is no folder" in caplog.text
    with connect(given=given(scratch=tmp_path)) as client:
        (folder,) = client.run(lambda dask_worker: dask_worker.local_directory).values()
        assert Path(folder).is_relative_to(tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_a_folder_that_can_be_written_there_is_an_error(monkeypatch) -> None:
    monkeypatch.setattr(room, "_hindrance", lambda _: "cannot be written")
    with pytest.raises(ConfigError, match="Set TMPDIR"):
        allocation()


def test_where_no_folder_has_room_the_roomiest_is_taken(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(room, "LEAST_ROOM_BYTES", 1 << 62)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert allocation().scratch.is_dir()


# ------------------------------------------------------------------------------- what is told
def test_the_line_that_reaches_the_dashboard_is_told_in_a_job(monkeypatch) -> None:
    class Client:
        dashboard_link = "http://127.0.0.1:8787/status"

    assert dashboard(Client(), given()) == "dashboard http://127.0.0.1:8787/status"
    monkeypatch.setenv("SLURM_SUBMIT_HOST", "login")
    line = dashboard(Client(), given(job="7-0", node="n12"))
    assert line.endswith("by: ssh -J login -N -L 8787:127.0.0.1:8787 n12")


def test_a_performance_report_is_kept_also_of_a_job_that_fails(tmp_path: Path) -> None:
    def work(report: Path, task) -> None:
        with connect(1, report=report) as client:
            list(stream(client, task, [(1,)]))

    work(tmp_path / "one.html", abs)
    assert "<html" in (tmp_path / "one.html").read_text()[:200].lower()
    with pytest.raises(TypeError):
        work(tmp_path / "folder", len)
    (page,) = (tmp_path / "folder").iterdir()
    assert page.name.endswith(f"-{os.getpid()}.html")


# ---------------------------------------------------------------------------- several nodes
def test_the_other_nodes_of_a_job_are_asked_for_workers_like_those_here() -> None:
    job = given(node="a", nodes=("a", "b", "c"), cores=8, memory_mb=8000, job="7-0")
    line = command(job, "tcp://10.0.0.1:4000", limit_of(job))
    assert line[0] == "srun"
    assert {"--nodelist=b,c", "--nodes=2", "--ntasks=2", "--cpus-per-task=8"} <= set(line)
    assert line[line.index("--nworkers") + 1] == "8"
    assert line[line.index("--memory-limit") + 1] == "850000000"
    assert "--lifetime" not in line
    line = command(replace(job, gpus=("0", "1"), ends_at=time.time() + 660), "tcp://x:1", None)
    assert {"--ntasks=4", "--ntasks-per-node=2", "--cpus-per-task=4"} <= set(line)
    assert "--gpus-per-task=1" in line
    assert 500 < int(line[line.index("--lifetime") + 1].removesuffix("s")) <= 600


def test_workers_of_another_node_join_in_and_leave(tmp_path: Path, monkeypatch) -> None:
    """srun is played by a shell here that runs its command in place."""
    program(tmp_path, "srun", 'while [ "${1#--}" != "$1" ]; do shift; done; exec "$@"')
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    here = allocation(1, 2000)
    job = replace(here, job="7-0", nodes=(here.node, "other"))
    with connect(given=job) as client:
        assert len(client.nthreads()) == 2
        assert list(stream(client, abs, ((-i,) for i in range(9)))) == [*range(9)]
