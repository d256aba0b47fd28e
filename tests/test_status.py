"""How far a campaign is, told from what lies on disk."""

from __future__ import annotations

import base64
import json
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client

import tiny
from seston.campaign import Campaign, load_campaign
from seston.cluster import connect
from seston.plan import open_plan
from seston.simulate import TowSettings
from seston.stages.blocks import segment_part
from seston.status import Cost, as_json, as_text, cost_of, status_of
from seston.status.jobs import UnderWay


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with connect(cores=1) as client:
        yield client


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, client: Client) -> Path:
    """A campaign of two blocks of a shard, the first of them segmented."""
    folder = tmp_path_factory.mktemp("tow")
    config = tiny.prepare(folder, tiny.simulate(folder / "simulated"))
    text = config.read_text().replace(
        "files_per_shard: 2", "files_per_shard: 2, shards_per_block: 1"
    )
    config.write_text(text)
    campaign = tiny.ingest(config)
    segment_part(campaign, campaign.blocks[0], client)
    return config


@pytest.fixture
def config(done: Path) -> Iterator[Path]:
    folder = done.parent / "results"
    shutil.copytree(folder, done.parent / "kept")
    yield done
    shutil.rmtree(folder)
    (done.parent / "kept").rename(folder)


def step(config: Path, name: str, folder: Path):
    (found,) = status_of(open_plan([config]), folder)
    return next(step for step in found.steps if step.step == name)


def mark(folder: Path, output: Path, number: str | None = None) -> None:
    """Write what Snakemake writes when a job begins, and its lock."""
    marks = folder / ".snakemake/incomplete"
    marks.mkdir(parents=True, exist_ok=True)
    name = base64.b64encode(output.as_posix().encode()).decode()
    (marks / name).write_text(json.dumps({"external_jobid": number}))
    locks = folder / ".snakemake/locks"
    locks.mkdir(exist_ok=True)
    (locks / "0.output.lock").touch()


def test_blocks_that_are_done_are_counted_with_their_objects(config: Path, tmp_path: Path) -> None:
    found = step(config, "segment", tmp_path)
    assert (found.jobs, found.done, found.waiting) == (2, 1, 1)
    assert (found.shards, found.shards_done) == (2, 1)
    assert found.objects > 20
    assert step(config, "ingest", tmp_path).done == 1
    assert step(config, "gather", tmp_path).waiting == 1


def test_objects_of_other_settings_are_not_done(config: Path, tmp_path: Path) -> None:
    text = config.read_text()
    config.write_text(text + "instruments: {isiis: {segmentation: {min_esd_mm: 2.0}}}\n")
    found = step(config, "segment", tmp_path)
    config.write_text(text)
    assert (found.done, found.waiting) == (0, 2)


def test_a_job_that_has_begun_runs_as_long_as_the_workflow_holds_its_lock(
    config: Path, tmp_path: Path
) -> None:
    record = load_campaign(config, "tow").block_record("a-b001", "segment")
    mark(tmp_path, record)
    found = step(config, "segment", tmp_path)
    assert (found.running, found.waiting, found.failures) == (1, 0, ())
    log = tmp_path / "logs/tow/segment/a-b001.log"
    log.parent.mkdir(parents=True)
    log.write_text("2 workers\nsegment tow/a-0001: 3 of 4 frames\n")
    shutil.rmtree(tmp_path / ".snakemake/locks")
    (failure,) = step(config, "segment", tmp_path).failures
    assert failure.part == "a-b001"
    assert failure.reason == "was cut off after: segment tow/a-0001: 3 of 4 frames"


def test_a_job_that_waits_for_a_node_is_queued(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    squeue = tmp_path / "bin/squeue"
    squeue.parent.mkdir()
    squeue.write_text("#!/bin/sh\necho 77 PENDING\n")
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{squeue.parent}{os.pathsep}{os.environ['PATH']}")
    mark(tmp_path, load_campaign(config, "tow").block_record("a-b001", "segment"), "77")
    found = step(config, "segment", tmp_path)
    assert (found.running, found.queued, found.waiting) == (0, 1, 0)


def test_of_a_job_that_failed_the_reason_is_told_without_its_cure(
    config: Path, tmp_path: Path
) -> None:
    log = tmp_path / "logs/tow/segment/a-b001.log"
    log.parent.mkdir(parents=True)
    log.write_text(
        "2 workers\nSpaceError: results: no space is left\n  Free space and run again.\n"
    )
    found = step(config, "segment", tmp_path)
    assert found.failures[0].reason == "SpaceError: results: no space is left"
    told = as_text(status_of(open_plan([config]), tmp_path))
    assert "failed: segment a-b001: SpaceError: results: no space is left" in told
    assert all(len(line) <= 100 for line in told.splitlines() if str(tmp_path) not in line)


def test_the_speed_is_that_of_the_shards_that_were_finished_last(
    config: Path, tmp_path: Path, client: Client
) -> None:
    campaign = load_campaign(config, "tow")
    segment_part(campaign, campaign.blocks[1], client)
    for number, when in enumerate((1000.0, 1100.0)):
        store = campaign.shard_folder(campaign.shards[number].name) / "objects.zarr/zarr.json"
        os.utime(store, (when, when))
    found = step(config, "segment", tmp_path)
    second = found.objects - objects_of(campaign, 0)
    assert found.objects_per_s == pytest.approx(second / 100)
    tow = TowSettings.tiny()
    acquired = 4 * tow.frame_lines / tow.line_rate_hz
    assert found.times_acquisition == pytest.approx(acquired / 100)
    assert found.seconds_left == 0


def objects_of(campaign: Campaign, number: int) -> int:
    record = campaign.block_record(campaign.blocks[number].name, "segment")
    return sum(about["objects"] for about in json.loads(record.read_text())["shards"].values())


def test_shards_that_the_campaign_no_longer_has_are_told(config: Path, tmp_path: Path) -> None:
    shards = load_campaign(config, "tow").shard_folder("")
    (before,) = status_of(open_plan([config]), tmp_path)
    assert before.left_over == ()
    assert "left over" not in as_text([before])
    old, draft = shards / "b-0000", shards / ".draft-of-somebody"
    for folder in (old, draft):
        folder.mkdir()
        (folder / "bytes").write_bytes(bytes(2_000_000))
    (found,) = status_of(open_plan([config]), tmp_path)
    assert found.left_over == (old.as_posix(),)
    assert found.left_over_bytes == 2_000_000
    assert "left over, shards that the campaign no longer has: 1 (2 MB); " in as_text([found])


def test_json_has_null_where_nothing_is_known(config: Path, tmp_path: Path) -> None:
    (told,) = json.loads(as_json(status_of(open_plan([config]), tmp_path)))
    segment = next(s for s in told["steps"] if s["step"] == "segment")
    assert segment["objects_per_s"] is None
    assert told["is_done"] is False
    assert told["disk_bytes"] == sum(
        p.stat().st_size for p in (config.parent / "results/tow").rglob("*") if p.is_file()
    )


def test_costs_are_summed_from_the_last_run_of_each_job(tmp_path: Path) -> None:
    head = "s\th:m:s\tmax_rss\tcpu_time\n"
    (tmp_path / "a.tsv").write_text(head + "10\t0:00:10\t500\t30\n20\t0:00:20\t400\t36\n")
    (tmp_path / "b.tsv").write_text(head + "1\t0:00:01\tNA\tNA\n")
    (tmp_path / "c.tsv").write_text("not a table")
    files = [tmp_path / name for name in ("a.tsv", "b.tsv", "c.tsv", "absent.tsv")]
    assert cost_of(files, gpus=2) == Cost(jobs=2, wall_s=21, cpu_s=36, peak_mb=400, gpu_s=42)
    assert cost_of(files).core_hours == 0.01


def test_a_mark_that_is_none_of_snakemakes_is_passed_over(tmp_path: Path) -> None:
    marks = tmp_path / ".snakemake/incomplete"
    marks.mkdir(parents=True)
    (marks / "no base64!").touch()
    assert UnderWay.of(tmp_path).began == {}


def test_nothing_is_known_of_the_speed_of_one_shard(config: Path, tmp_path: Path) -> None:
    assert math.isnan(step(config, "segment", tmp_path).objects_per_s)
