"""The workflow on a real Slurm: `snakemake --profile slurm`, and the same bytes as on a laptop."""

from __future__ import annotations

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
