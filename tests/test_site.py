"""The site file: what it limits, what it hands on, and what it refuses."""

from __future__ import annotations

import inspect
import re
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from snakemake_executor_plugin_slurm.partitions import (
    Partition as PartitionOfPlugin,
)
from snakemake_executor_plugin_slurm.partitions import (
    PartitionLimits,
    read_partition_file,
)

from seston.errors import ConfigError
from seston.site import Limits, Partition, Site, keeps_accounts, read_site

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "profiles/slurm/site.yaml"

TWO = Site(
    partitions={
        "cpu": Partition(max_runtime=60, max_mem_mb=8000, max_cpus_per_task=16),
        "gpu": Partition(max_runtime=30, max_mem_mb=4000, max_cpus_per_task=4, max_gpu=2),
    }
)


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def uncommented(text: str) -> str:
    """The file with every key in it that it shows behind a #."""
    return re.sub(r"(?m)^# (?=[a-z_]+:|  )", "", text)


def test_the_file_as_it_comes_limits_nothing_and_without_its_comments_it_is_whole() -> None:
    assert read_site(SITE) == Site() == read_site(None)
    shown = yaml.safe_load(uncommented(SITE.read_text()))
    assert set(shown) == set(Site.model_fields)
    assert Site.model_validate(shown).partitions["gpu"].max_gpu == 4


def test_the_plugin_reads_the_partitions_of_the_same_file(tmp_path: Path) -> None:
    path = written(tmp_path / "site.yaml", uncommented(SITE.read_text()))
    found = {p.name: p for p in read_partition_file(path)}
    assert set(found) == set(read_site(path).partitions)
    assert isinstance(found["gpu"], PartitionOfPlugin)
    assert found["gpu"].limits.max_runtime == 1440


def test_words_of_partitions_are_those_of_the_plugin() -> None:
    known = {field.name for field in fields(PartitionLimits)} | {"cluster"}
    assert set(Partition.model_fields) <= known


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("accounts: lab", "unknown key `accounts`"),
        ("partitions: {cpu: {max_time: 60}}", "unknown key `partitions.cpu.max_time`"),
        ("partitions: {cpu: {max_runtime: '1-00:00'}}", "partitions.cpu.max_runtime"),
        ("limits: {jobs: 0}", "limits.jobs"),
        ("account: two words", "account"),
        ("scratch: $(rm -rf x)", "scratch"),
        ("account: a\naccount: b", "stands twice"),
        ("- cpu", "must be a mapping"),
    ],
)
def test_what_is_wrong_is_said_with_its_key(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path / "site.yaml", text)
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        read_site(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_named_and_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read_site(tmp_path / "site.yaml")


def test_jobs_with_gpus_have_the_limits_of_nodes_with_gpus_and_others_those_of_the_others() -> None:
    assert TWO.minutes(lambda attempt: 100 * attempt)(1) == 60
    assert TWO.minutes(lambda attempt: 100 * attempt, gpus=1)(1) == 30
    assert TWO.mem_mb(lambda attempt: 1000 * attempt)(attempt=2) == 2000
    assert TWO.cores == 4  # rules ask the same number with and without a GPU
    assert Site(limits=Limits(cores=2), partitions=TWO.partitions).cores == 2


@given(asked=st.integers(1, 10**6), most=st.integers(1, 10**6))
def test_a_job_asks_what_it_needs_and_never_more_than_the_limit(asked: int, most: int) -> None:
    for limited in (Site(limits=Limits(mem_mb=most)), Site(partitions={"p": {"max_mem_mb": most}})):
        assert limited.mem_mb(lambda attempt: asked * attempt)(1) == min(asked, most)
    assert Site().mem_mb(lambda attempt: asked * attempt)(2) == 2 * asked


def test_one_partition_without_a_limit_leaves_jobs_without_one() -> None:
    open_ended = Site(partitions={"a": Partition(max_runtime=10), "b": Partition()})
    assert open_ended.minutes(lambda attempt: 99 * attempt)(1) == 99


def test_limits_are_those_of_a_job_with_as_many_gpus_as_its_wildcards_tell() -> None:
    held = TWO.minutes(lambda wildcards: 100, gpus=lambda wildcards: wildcards)  # noqa: ARG005
    assert held(1) == 30
    assert held(0) == TWO.minutes(lambda wildcards: 100)(0)  # noqa: ARG005
    assert held(0) > 30


def test_snakemake_still_sees_what_a_rule_asks_with() -> None:
    held = TWO.mem_mb(lambda wildcards, threads, attempt: 1)  # noqa: ARG005
    assert list(inspect.signature(held).parameters) == ["wildcards", "threads", "attempt"]


@pytest.mark.parametrize(("site", "wanted", "there"), [(TWO, 4, 2), (TWO, 1, 1), (Site(), 4, 4)])
def test_as_many_gpus_are_asked_for_as_a_job_may_have(site: Site, wanted: int, there: int) -> None:
    assert site.gpus(wanted) == there


def test_where_no_partition_has_gpus_none_is_asked_for() -> None:
    assert Site(partitions={"cpu": Partition()}).gpus(2) == 0


def test_whose_jobs_they_are_is_told_in_words_of_the_plugin() -> None:
    assert Site().resources == {}
    site = Site(account="lab", qos="long", reservation="cruise", options="--mail-type=FAIL")
    assert site.resources == {
        "slurm_account": "lab",
        "qos": "long",
        "slurm_extra": "--reservation=cruise --mail-type=FAIL",
    }


def shell(prefix: str, command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f"set -euo pipefail; {prefix}{command}"],
        env={"PATH": "/usr/bin:/bin", "TMPDIR": "/tmp", **environ},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_scratch_is_a_folder_of_the_jobs_own_and_gone_with_it(tmp_path: Path) -> None:
    prefix = Site(scratch="$SCRATCH/me").prefix()
    for code in (0, 3):
        command = f'echo "$TMPDIR"; touch "$TMPDIR/x"; exit {code}'
        done = shell(prefix, command, SCRATCH=str(tmp_path))
        assert done.returncode == code
        assert done.stdout.startswith(f"{tmp_path}/me/seston-")
        assert list((tmp_path / "me").iterdir()) == []


def test_without_its_scratch_a_job_goes_on_in_the_folder_that_it_has(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for site in (Site(scratch=str(tmp_path / "file/me")), Site(scratch="$NOT_SET/me")):
        done = shell(site.prefix(), 'echo "$TMPDIR"')
        assert (done.returncode, done.stdout) == (0, "/tmp\n")
        assert "no scratch: /tmp is used" in done.stderr


@pytest.mark.parametrize(("code", "kept"), [(0, True), (1, False)])
def test_accounts_are_kept_where_sacct_has_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, kept: bool
) -> None:
    written(tmp_path / "sacct", f"#!/bin/sh\nexit {code}\n").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert keeps_accounts() is kept
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert keeps_accounts() is False
