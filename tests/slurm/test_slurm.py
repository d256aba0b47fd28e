"""The workflow on a real Slurm: `snakemake --profile slurm`, and the same bytes as on a laptop."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import small_cluster

pytestmark = [pytest.mark.slow, pytest.mark.slurm]


def test_a_cluster_gives_the_bytes_of_a_laptop_on_the_nodes_that_are_for_each_step(
    slurm: small_cluster.Slurm, laptop: Path, tmp_path: Path
) -> None:
    folder = small_cluster.clone(tmp_path)
    said = small_cluster.run(folder, "--profile", "slurm")
    for part in ("data", "results"):
        assert small_cluster.content(folder / part) == small_cluster.content(laptop / part)
        assert small_cluster.litter(folder / part) == []
    assert list((folder / "scratch").iterdir()) == []
    assert "rror" not in said
    jobs = slurm("squeue", "-h", "-t", "all", "-o", "%k %P %T").split("\n")
    ran = {tuple(job.split()) for job in jobs if job}
    assert {partition for rule, partition, _ in ran if "rule_segment" in rule} == {"cpu"}
    assert {partition for rule, partition, _ in ran if "rule_classify" in rule} == {"gpu"}
    assert {state for *_, state in ran} == {"COMPLETED"}
    assert "Nothing to be done" in small_cluster.run(folder, "--profile", "slurm")


def test_a_job_of_two_nodes_works_on_both_and_makes_the_same_bytes(
    slurm: small_cluster.Slurm, campaign: Path, laptop: Path
) -> None:
    """`seston` in a job that somebody wrote by hand, as for one shard that must be done soon."""
    for shard in ("a-0000", "a-0001"):
        shutil.rmtree(campaign / "results/tow/shards" / shard / "objects.zarr")
    job, seston = campaign / "job.sh", Path(sys.executable).parent / "seston"
    job.write_text(f"#!/bin/sh\nexec {seston} segment tow a-b000\n")
    slurm(
        "sbatch", "--wait", "--partition=cpu", "--nodes=2", "--ntasks-per-node=1",
        "--cpus-per-task=1", "--mem=1800", "--time=20", f"--chdir={campaign}",
        f"--output={campaign / 'said'}", str(job),
    )  # fmt: skip
    said = (campaign / "said").read_text()
    assert "2 workers of 2, on 2 nodes" in said
    for part in ("results/tow/shards", "results/tow/blocks"):
        assert small_cluster.content(campaign / part) == small_cluster.content(laptop / part)
    assert small_cluster.litter(campaign) == []
