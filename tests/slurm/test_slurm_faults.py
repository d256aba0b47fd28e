"""What dies on a cluster, one after the other; after each, the bytes of an undisturbed run."""

from __future__ import annotations

import html
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import small_cluster
import xarray as xr
from small_cluster import Process, Slurm, end, leaders, run, start, wait_for, workers

from seston.cluster.job import seconds_of

pytestmark = [pytest.mark.slow, pytest.mark.slurm]

SHARDS = "results/tow/shards"
RECORD = "results/tow/blocks/a-b000/segment.json"
SEGMENT = ("--profile", "slurm", RECORD)
LOG = "logs/tow/segment/a-b000.log"


def without_a_block(campaign: Path) -> Path:
    """Take the objects of a block away, for a job to find them again."""
    for shard in ("a-0000", "a-0001"):
        shutil.rmtree(campaign / SHARDS / shard / "objects.zarr")
    (campaign / RECORD).unlink()
    return campaign


@pytest.fixture
def block(campaign: Path) -> Path:
    return without_a_block(campaign)


@pytest.fixture(scope="module")
def undisturbed(laptop: Path) -> dict[str, str]:
    return small_cluster.content(laptop / "results")


def same(campaign: Path, undisturbed: dict[str, str]) -> None:
    assert small_cluster.content(campaign / "results") == undisturbed, small_cluster.told(campaign)
    assert small_cluster.litter(campaign / "results") == []


def job_of(slurm: Slurm, rule: str = "rule_segment") -> str:
    """Give the number of the one job of a rule that runs."""
    (number,) = (n for n, comment in slurm.jobs().items() if rule in comment)
    return number


def at_work(campaign: Path) -> list[Process]:
    """Wait until the workers of the block's job have begun."""
    log = campaign / LOG
    wait_for(lambda: log.exists() and "workers, dashboard" in log.read_text())
    return workers(campaign)


@pytest.fixture(autouse=True)
def forgotten(slurm: Slurm) -> list[str]:
    """Jobs of tests before, which Slurm still tells of."""
    return slurm("squeue", "-h", "-t", "all", "-o", "%i").split()


def newly(slurm: Slurm, forgotten: list[str]) -> list[str]:
    """States of the jobs of this test, the first one first."""
    told = slurm("squeue", "-h", "-t", "all", "-S", "i", "-o", "%i %T %k").splitlines()
    rows = [line.split() for line in told]
    return [s for number, s, comment in rows if number not in forgotten and "segment" in comment]


# ------------------------------------------------------------------------------ what is killed
def test_a_worker_that_is_killed_is_replaced_and_its_job_ends_well(
    block: Path, slurm: Slurm, undisturbed: dict[str, str], forgotten: list[str]
) -> None:
    process = start(block, *SEGMENT)
    at_work(block)[0].kill()
    end(process, block)
    assert newly(slurm, forgotten) == ["COMPLETED"]
    same(block, undisturbed)


@pytest.mark.parametrize("who", ["leader", "jobstep"])
def test_a_job_that_is_killed_is_sent_again_by_the_profile(
    block: Path, slurm: Slurm, undisturbed: dict[str, str], forgotten: list[str], who: str
) -> None:
    """The leader is `seston` itself, with the nannies in it; around it is Snakemake's jobstep."""
    process = start(block, *SEGMENT)
    at_work(block)
    (leader,) = leaders(block)
    victim = leader
    if who == "jobstep":
        node = slurm.node_of(job_of(slurm))
        pids = [int(p) for p in slurm.script("node.sh", "pids", node).stdout.split()]
        commands = {p: Path(f"/proc/{p}/cmdline").read_bytes().split(b"\0") for p in pids}
        pid = max(p for p, words in commands.items() if b"snakemake" in words)
        victim = Process(pid, 0, "")
    victim.kill()
    end(process, block)
    assert newly(slurm, forgotten) == ["FAILED", "COMPLETED"]
    wait_for(lambda: not workers(block), 60)
    same(block, undisturbed)


def test_the_job_of_a_node_that_is_lost_is_run_on_another(
    block: Path, slurm: Slurm, undisturbed: dict[str, str], forgotten: list[str]
) -> None:
    process = start(block, *SEGMENT)
    at_work(block)
    number = job_of(slurm)
    slurm.node("lose", lost := slurm.node_of(number))
    wait_for(lambda: number in slurm.jobs())
    wait_for(lambda: slurm.node_of(number) not in ("", lost) or not slurm.jobs())
    end(process, block)
    assert newly(slurm, forgotten) == ["COMPLETED"]  # the same job, requeued by Slurm
    same(block, undisturbed)


def test_a_node_that_is_only_out_of_sight_and_the_one_that_took_over_do_no_harm_to_each_other(
    block: Path, slurm: Slurm, undisturbed: dict[str, str]
) -> None:
    process = start(block, *SEGMENT)
    at_work(block)
    number = job_of(slurm)
    node = slurm.node_of(number)
    for one in workers(block):  # it is slow, too, so that both are at work
        os.kill(one.pid, signal.SIGSTOP)
    stopped = workers(block)
    slurm.node("freeze", node)
    wait_for(lambda: slurm.node_of(number) not in ("", node))
    for one in stopped:
        os.kill(one.pid, signal.SIGCONT)
    end(process, block)
    wait_for(lambda: not leaders(block), 120)
    same(block, undisturbed)


def test_after_snakemake_itself_was_killed_its_jobs_go_on_and_the_next_run_unlocks_and_ends(
    block: Path, slurm: Slurm, undisturbed: dict[str, str]
) -> None:
    process = start(block, *SEGMENT)
    at_work(block)
    process.kill()
    process.wait()
    assert "cannot be locked" in end(start(block, *SEGMENT), block, code=1)
    run(block, "--profile", "slurm", "--unlock")
    run(block, *SEGMENT)
    wait_for(lambda: not leaders(block), 120)
    same(block, undisturbed)


# ---------------------------------------------------------------------- what the scheduler ends
def minutes_of(slurm: Slurm, job: str) -> float:
    return seconds_of(slurm("squeue", "-h", "-t", "all", "-j", job, "-o", "%l")) / 60


def test_a_job_that_somebody_cancels_is_sent_again(
    block: Path, slurm: Slurm, undisturbed: dict[str, str], forgotten: list[str]
) -> None:
    process = start(block, *SEGMENT)
    at_work(block)
    slurm("scancel", job_of(slurm))
    end(process, block)
    assert newly(slurm, forgotten) == ["CANCELLED", "COMPLETED"]
    same(block, undisturbed)


def test_a_job_that_reaches_its_wall_limit_is_sent_again_with_more_time(
    block: Path, slurm: Slurm, undisturbed: dict[str, str], forgotten: list[str]
) -> None:
    process = start(block, *SEGMENT)
    at_work(block)
    (leader,) = leaders(block)
    os.kill(leader.pid, signal.SIGSTOP)  # else it would end itself in time
    number = job_of(slurm)
    first = minutes_of(slurm, number)
    slurm("scontrol", "update", f"JobId={number}", "TimeLimit=1")
    end(process, block)
    assert newly(slurm, forgotten) == ["TIMEOUT", "COMPLETED"]
    last = max(slurm("squeue", "-h", "-t", "all", "-o", "%i").split(), key=int)
    assert minutes_of(slurm, last) > 1.5 * first
    same(block, undisturbed)


def test_a_job_that_sees_its_end_coming_leaves_and_the_next_has_more_time(
    block: Path, slurm: Slurm, undisturbed: dict[str, str], forgotten: list[str]
) -> None:
    run(block, *SEGMENT, "--set-resources", "segment:runtime=2 if attempt < 2 else 60")
    assert newly(slurm, forgotten) == ["FAILED", "COMPLETED"]
    same(block, undisturbed)


def test_a_job_that_is_preempted_is_run_again(
    block: Path, slurm: Slurm, undisturbed: dict[str, str]
) -> None:
    low = "partitions: {low: {max_runtime: 60, max_mem_mb: 4000, max_cpus_per_task: 2}}"
    small_cluster.settle(block, low)
    process = start(block, *SEGMENT)
    at_work(block)
    number = job_of(slurm)
    whole = ("-p", "cpu", "-N", "2", "--mem", "4000", "--output", "/dev/null")
    stronger = slurm("sbatch", "--parsable", *whole, "--wrap", "sleep 600").strip()
    wait_for(lambda: stronger in slurm.jobs())
    assert number not in slurm.jobs()
    slurm("scancel", stronger)
    end(process, block)
    same(block, undisturbed)


def test_a_job_that_needs_more_memory_than_it_has_is_sent_again_with_more(
    block: Path, slurm: Slurm, undisturbed: dict[str, str], forgotten: list[str]
) -> None:
    run(block, *SEGMENT, "--set-resources", "segment:mem_mb=400 if attempt < 2 else 4000")
    first, *_, last = newly(slurm, forgotten)
    assert first in ("FAILED", "OUT_OF_MEMORY", "CANCELLED")
    assert last == "COMPLETED"
    same(block, undisturbed)


# ------------------------------------------------------------------------------- disks and locks
@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Path]:
    """A small disk of 64 MB, which all nodes see."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounting = ("mount", "-t", "tmpfs", "-o", "size=64m", "none", str(disk))
    if subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("a small disk may not be mounted here")
    yield disk
    subprocess.run(("umount", "-l", str(disk)), check=True)


def fill(disk: Path, free_kb: int) -> Path:
    at_hand = os.statvfs(disk)
    filler = disk / "filler"
    filler.write_bytes(bytes(at_hand.f_bavail * at_hand.f_frsize - free_kb * 1024))
    return filler


def test_where_scratch_is_full_the_job_takes_another_folder(
    block: Path, mount: Path, slurm: Slurm, undisturbed: dict[str, str], forgotten: list[str]
) -> None:
    small_cluster.settle(block, small_cluster.SITE.replace("SCRATCH", str(mount)))
    fill(mount, 0)
    run(block, *SEGMENT)
    assert "has less than 1 GiB free" in (block / LOG).read_text()
    assert newly(slurm, forgotten) == ["COMPLETED"]
    same(block, undisturbed)


def test_a_full_disk_of_results_is_said_and_with_room_again_the_job_ends(
    block: Path, mount: Path, undisturbed: dict[str, str]
) -> None:
    results = block / "results"
    shutil.copytree(results, mount / "results", symlinks=True)
    shutil.rmtree(results)
    results.symlink_to(mount / "results")
    filler = fill(mount, 40)
    end(start(block, *SEGMENT, "--retries", "0"), block, code=1)
    assert "SpaceError" in small_cluster.told(block)
    assert "no space is left on the disk" in small_cluster.told(block)
    filler.unlink()
    run(block, *SEGMENT)
    same(block, undisturbed)


def test_a_lock_and_a_draft_that_a_dead_writer_left_hinder_nobody(
    block: Path, undisturbed: dict[str, str]
) -> None:
    shard = block / SHARDS / "a-0000"
    (shard / ".objects.zarr.lock").write_text("process 1 on a node that is gone")
    (shard / ".objects.zarr.draft-dead").mkdir()
    run(block, *SEGMENT)
    same(block, undisturbed)


def test_a_shard_whose_bytes_rotted_on_the_disk_is_found_and_made_again(
    campaign: Path, undisturbed: dict[str, str]
) -> None:
    rotten = campaign / SHARDS / "a-0001/objects.zarr/features/c/0/0"
    data = bytearray(rotten.read_bytes())
    data[len(data) // 2] ^= 0x5A
    rotten.write_bytes(data)
    shutil.rmtree(campaign / "results/tow/objects.zarr")
    run(campaign, "--profile", "slurm", "results/tow/objects.zarr")
    assert "it is made again" in (campaign / "logs/tow/gather.log").read_text()
    same(campaign, undisturbed)


# -------------------------------------------------------------------------------------- clocks
#: What each shell of a job reads first: jobs of odd numbers are fast, the others slow.
CLOCKS = """
if [ -n "${{SLURM_JOB_ID:-}}" ]; then
  [ $((SLURM_JOB_ID % 2)) = 1 ] && export FAKETIME=+240 || export FAKETIME=-240
  export LD_PRELOAD={library} NO_FAKE_STAT=1 DONT_FAKE_MONOTONIC=1 FAKETIME_DONT_RESET=1
  echo $FAKETIME >>{told}
fi
"""


def faketime() -> str:
    """Give the library that shows programs another time; install it where that is allowed."""
    places = [Path("/usr/lib"), Path("/usr/local/lib")]
    found = [p for place in places for p in place.rglob("libfaketime.so.1")]
    if not found and os.geteuid() == 0:
        quiet = {"capture_output": True, "check": False}
        subprocess.run(("apt-get", "install", "-y", "-qq", "libfaketime"), **quiet)
        found = [p for place in places for p in place.rglob("libfaketime.so.1")]
    if not found:
        pytest.skip("libfaketime is not there: clocks cannot be turned")
    return str(found[0])


def test_nodes_whose_clocks_differ_give_the_same(
    block: Path, tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    """Not the file system's: its times are those of its own server."""
    clocks, told = tmp_path / "clocks.sh", tmp_path / "told"
    clocks.write_text(CLOCKS.format(library=faketime(), told=told))
    run(block, "--profile", "slurm", BASH_ENV=str(clocks))  # the block, and what follows
    assert set(told.read_text().split()) == {"+240", "-240"}
    same(block, undisturbed)
    assert "Nothing to be done" in run(block, "--profile", "slurm")


def test_files_that_bear_times_of_other_clocks_change_no_byte(
    campaign: Path, undisturbed: dict[str, str]
) -> None:
    """An hour behind for the first block, and ahead for the second.

    Snakemake refuses what is made of files of the future; when it is tried again, they are not.
    """
    for name, seconds in (("a-b000", -3600), ("a-b001", 45)):
        when = time.time() + seconds
        for record in (campaign / "results/tow/blocks" / name).iterdir():
            os.utime(record, (when, when))
    run(campaign, "--profile", "slurm")
    same(campaign, undisturbed)


# -------------------------------------------------------------------------------------- poison
def test_a_frame_that_kills_whoever_reads_it_is_left_out_and_named_and_the_rest_is_there(
    block: Path, laptop: Path
) -> None:
    poisoned = 1
    hooks = Path(__file__).with_name("hooks")
    path = os.pathsep.join([str(hooks), os.environ.get("PYTHONPATH", "")])
    run(block, "--profile", "slurm", PYTHONPATH=path, SESTON_POISON=str(poisoned))
    whole, found = (
        xr.open_zarr(folder / "results/tow/objects.zarr", chunks=None) for folder in (laptop, block)
    )
    usable = found["frame_usable"].to_numpy() == 1
    assert np.flatnonzero(~usable).tolist() == [poisoned]
    problem = str(found["frame_problem"].to_numpy()[poisoned])
    assert "ended the process that worked at it" in problem
    page = html.unescape((block / "results/tow/report.html").read_text())
    assert problem in re.sub(r"\s+", " ", page)
    scan = whole["frame_scan"].to_numpy()
    beside = np.flatnonzero(scan == scan[poisoned])  # its light and its neighbours' are one
    for frame in set(beside.tolist()) - {poisoned}:
        assert (found["frame"].to_numpy() == frame).any()
    for name in ("object_id", "features", "time", "depth", "top", "left"):
        far, near = (
            dataset[name].to_numpy()[~np.isin(dataset["frame"].to_numpy(), beside)]
            for dataset in (whole, found)
        )
        assert len(far) > 20
        np.testing.assert_array_equal(far, near)
