"""The whole workflow, as a person runs it: on a campaign made and known here."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

ROOT = Path(__file__).resolve().parent.parent
pytestmark = [pytest.mark.workflow]

CONFIG = """
campaigns: campaigns.csv
simulate:
  folder: data
  campaigns: {tow: {preset: tiny, seed: 3}}
  learning_set: {per_class: 10, seed: 4}
ingest: {files_per_shard: 1, shards_per_block: 2}
classification:
  model: results/model
  learning_set: data/learning-set
  training: {image_size: 64, fine_tune: false}
taxonomy: taxonomy.csv
profiles: {bin_size_m: 5, min_amplitude_m: 5}
publication: {title: A tiny tow, institution: seston}
"""
ROWS = """\
campaign,deployment,instrument,path,environment
tow,a,isiis,data/tow/frames,data/tow/environment
"""


def _prepare(folder: Path) -> Path:
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "campaigns.csv").write_text(ROWS)
    shutil.copy(ROOT / "config/taxonomy.csv", folder)
    return folder


def _snakemake(folder: Path, *arguments: str) -> list[str]:
    return [
        sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"),
        "--workflow-profile", str(ROOT / "profiles/default"),
        "--directory", str(folder), "--configfile", str(folder / "config.yaml"),
        "--cores", "2", *arguments,
    ]  # fmt: skip


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        _snakemake(folder, *arguments), cwd=folder, capture_output=True, text=True, check=False
    )
    logs = "".join(f"\n--- {p}\n{p.read_text()}" for p in folder.glob("logs/**/*.log"))
    assert done.returncode == 0, done.stdout + done.stderr + logs
    return done.stdout + done.stderr


def content(folder: Path) -> dict[str, str]:
    """Hash of every file that is data, or that a dead writer left.

    Other hidden files are keys, of the time at which the source files were written too: it differs
    between two folders, and nowhere else.
    """
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and (not p.name.startswith(".") or ".draft-" in p.name)
    }


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = _prepare(tmp_path_factory.mktemp("campaign"))
    run(folder)
    return folder


@pytest.fixture
def copy(campaign: Path, tmp_path: Path) -> Path:
    """A campaign that is done, for a test to damage; times of files stay as they are."""
    shutil.copytree(campaign, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy"


def test_profiles_open_in_xarray_with_all_that_is_promised(campaign: Path) -> None:
    profiles = xr.open_zarr(campaign / "results/tow/profiles.zarr")
    assert set(profiles.sizes) >= {"profile", "depth", "taxon"}
    assert set(profiles.coords) >= {"time", "latitude", "longitude", "depth", "taxon"}
    for name in ("count", "imaged_volume", "concentration", "biovolume", "temperature",
                 "salinity", "fluorescence", "oxygen"):  # fmt: skip
        assert name in profiles
    assert int(profiles["count"].sum()) > 50
    assert np.isfinite(profiles["temperature"]).any()


def test_counts_of_profiles_are_those_of_the_objects(campaign: Path) -> None:
    profiles = xr.open_zarr(campaign / "results/tow/profiles.zarr")
    objects = xr.open_zarr(campaign / "results/tow/objects.zarr")
    counted = profiles["count"].sum() + profiles["unpositioned_count"].sum()
    assert int(counted) == objects.sizes["object"]
    volume = profiles["imaged_volume"].sum() + profiles["unpositioned_volume"].sum()
    np.testing.assert_allclose(volume, objects["frame_volume"].sum(), rtol=1e-12)


def test_a_second_run_has_nothing_to_do(campaign: Path) -> None:
    assert "Nothing to be done" in run(campaign)


def test_deleting_one_shard_redoes_it_and_what_follows(copy: Path) -> None:
    before = content(copy / "results")
    shutil.rmtree(copy / "results/tow/shards/a-0001/objects.zarr")
    said = run(copy)
    assert said.count("Segment tow, block") == 1
    assert "Segment tow, block a-b000" in said
    log = (copy / "logs/tow/segment/a-b000.log").read_text()
    assert "tow/a-0000: objects are there" in log
    assert "tow/a-0001: objects are there" not in log
    assert "Report on tow" in said
    assert content(copy / "results") == before


def test_a_setting_of_the_profiles_redoes_only_them(copy: Path) -> None:
    path = copy / "config.yaml"
    path.write_text(path.read_text().replace("bin_size_m: 5", "bin_size_m: 10"))
    said = run(copy, "-n")
    assert "Bin tow by profile" in said
    assert "Segment tow" not in said
    assert "Gather the objects" not in said


def test_a_setting_of_the_segmentation_redoes_it_though_the_manifest_is_made_again(
    copy: Path,
) -> None:
    with (copy / "config.yaml").open("a") as file:
        file.write("instruments: {isiis: {optics: {speed_m_s: 1.9}}}\n")
    said = run(copy, "-n")
    assert "List frames and environment of tow" in said
    assert said.count("Segment tow, block") == said.count("Classify tow, block") >= 2


def test_new_files_redo_only_the_shards_that_they_are_in(copy: Path) -> None:
    frames = copy / "data/tow/frames"
    files = sorted(frames.iterdir())
    shutil.copy2(files[-1], frames / f"2014{files[-1].name[4:]}")  # a year later
    said = run(copy, "-n")
    assert "List frames and environment of tow" in said
    # The shard that it is in and the one before: an object might cross their seam.
    shards = {len(files) - 1, len(files)}
    assert said.count("Segment tow, block") == len({shard // 2 for shard in shards})


def test_shards_of_another_size_give_the_same_objects(copy: Path) -> None:
    columns = ("object_id", "features", "scores", "time", "depth", "top", "left")
    before = xr.open_zarr(copy / "results/tow/objects.zarr", chunks=None)
    before = {name: before[name].to_numpy() for name in columns}
    path = copy / "config.yaml"
    path.write_text(path.read_text().replace("files_per_shard: 1", "files_per_shard: 3"))
    run(copy)
    after = xr.open_zarr(copy / "results/tow/objects.zarr", chunks=None)
    scores = before.pop("scores")
    np.testing.assert_allclose(after["scores"].to_numpy(), scores, atol=0.002)  # float16
    for name, values in before.items():
        np.testing.assert_array_equal(after[name].to_numpy(), values)


def test_without_ctd_and_model_there_are_still_objects_counts_and_a_report(copy: Path) -> None:
    rows = (copy / "campaigns.csv").read_text().replace("data/tow/environment", "")
    (copy / "campaigns.csv").write_text(rows.replace("tow,a,", "bare,a,"))
    config = "campaigns: campaigns.csv\ningest: {files_per_shard: 4}\n"
    (copy / "config.yaml").write_text(config)
    run(copy)
    profiles = xr.open_zarr(copy / "results/bare/profiles.zarr")
    objects = xr.open_zarr(copy / "results/bare/objects.zarr")
    assert objects.sizes["object"] > 50
    assert int(profiles["unpositioned_count"].sum()) == objects.sizes["object"]
    assert "No CTD" in (copy / "results/bare/report.html").read_text()


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Start the workflow anew, without the logs of runs before."""
    shutil.rmtree(folder / "logs", ignore_errors=True)
    return subprocess.Popen(
        _snakemake(folder), cwd=folder, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def wait_for(what: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def jobs(folder: Path) -> list[int]:
    """Processes that work for the workflow of a folder, the workers of its commands too."""
    mine = f"SESTON_CONFIG={folder / 'config.yaml'}".encode()
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mine in environment.read_bytes().split(b"\0"):
                found.append(int(environment.parent.name))
    return found


#: Logs whose appearance says that a rule has begun: one kill in each.
BEGINNINGS = ("simulate.log", "segment/*.log", "classify/*.log", "gather.log", "profile.log")


@pytest.mark.slow
def test_killed_at_any_moment_and_run_again_gives_the_same_bytes(
    campaign: Path, tmp_path: Path
) -> None:
    folder = _prepare(tmp_path)
    rng = np.random.default_rng(11)
    for log in BEGINNINGS:
        process = start(folder)
        wait_for(lambda log=log: list(folder.glob(f"logs/tow/{log}")), 300)
        time.sleep(rng.uniform(0, 6))
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        wait_for(lambda: not jobs(folder), 10)  # workers end with their command
        run(folder, "--unlock")
    run(folder)
    for part in ("data", "results"):
        assert content(folder / part) == content(campaign / part)


@pytest.mark.slow
@pytest.mark.parametrize("log", ["segment/*.log", "gather.log"])
def test_a_job_that_outlives_the_workflow_and_the_job_of_the_next_do_no_harm_to_each_other(
    copy: Path, log: str
) -> None:
    before = content(copy / "results")
    shutil.rmtree(copy / "results/tow/shards/a-0001/objects.zarr")
    process = start(copy)
    wait_for(lambda: list(copy.glob(f"logs/tow/{log}")), 100)
    time.sleep(2)
    process.kill()  # snakemake alone
    process.wait()
    assert jobs(copy)
    run(copy, "--unlock")
    run(copy)
    wait_for(lambda: not jobs(copy), 10)
    assert content(copy / "results") == before


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("config.yaml", "bin_size_m: 5", "bin_size: 5", "unknown key `profiles.bin_size`"),
        ("campaigns.csv", ",isiis,", ",isis,", "unknown instrument 'isis'"),
        ("campaigns.csv", "tow,a", "other,a", "`path` of deployment 'a' does not exist"),
        ("campaigns.csv", "\ntow,", "\nbare,b,isiis,config.yaml,\ntow,", "no such folder"),
    ],
)
def test_what_is_wrong_stops_the_plan_with_one_clear_line(
    tmp_path: Path, name: str, old: str, new: str, said: str
) -> None:
    path = _prepare(tmp_path) / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    done = subprocess.run(
        _snakemake(tmp_path, "-n"), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_the_plan_of_a_fresh_campaign_and_for_a_cluster_is_shown(tmp_path: Path) -> None:
    folder = _prepare(tmp_path)
    assert "Simulate tow" in run(folder, "-n")
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--profile", "slurm", "-n"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_four_instruments_go_through_one_workflow_to_the_same_datasets(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    shutil.copy(tmp_path / "config/instruments.yaml", tmp_path / "config.yaml")
    run(tmp_path)
    found = {
        name: xr.open_zarr(tmp_path / f"results/{name}/profiles.zarr")
        for name in ("tow", "haul", "bottles", "cast")
    }
    assert len({frozenset(map(str, profiles.data_vars)) for profiles in found.values()}) == 1
    for name, profiles in found.items():
        assert profiles["concentration"].attrs["units"] == "m-3"
        assert float(profiles["imaged_volume"].sum()) > 0, name
        assert float(profiles["concentration"].max()) > 0, name
        assert (tmp_path / f"results/{name}/report.html").exists()
    assert (tmp_path / "results/cast/particles.zarr").exists()
