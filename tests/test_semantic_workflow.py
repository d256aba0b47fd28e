"""Detect and classify at once, run by the workflow: the network is trained, then used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr
import yaml

import tiny
from seston.learn import load_card
from seston.learn.semantic.coco import write_coco
from seston.simulate import TowSettings
from seston.simulate.annotated import SimulatedFrames
from test_workflow import ROOT, ROWS, run

pytestmark = [pytest.mark.workflow]

CONFIG = """
campaigns: campaigns.csv
simulate: {folder: data, campaigns: {tow: {preset: tiny, seed: 3}}}
ingest: {files_per_shard: 2}
instruments:
  isiis:
    segmentation: {method: semantic, model: results/semantic, least_score: 0.01}
semantic: {model: results/semantic, steps: 30, widths: [8, 16], side: 128, validation: 1}
profiles: {bin_size_m: 5, min_amplitude_m: 5}
"""


def prepare(folder: Path) -> Path:
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "campaigns.csv").write_text(ROWS)
    return folder


@pytest.mark.slow
def test_the_workflow_trains_a_network_and_uses_it(tmp_path: Path) -> None:
    folder = prepare(tmp_path)
    run(folder)
    objects = xr.open_zarr(folder / "results/tow/objects.zarr", chunks=None)
    assert "copepod" in objects["taxon"].to_numpy().astype(object)
    assert "dropped_doubtful" in objects.attrs
    assert (folder / "results/tow/report.html").exists()
    assert "Nothing to be done" in run(folder)
    path = folder / "config.yaml"
    path.write_text(path.read_text().replace("steps: 30", "steps: 31"))
    said = run(folder, "-n")
    assert "Train a network" in said
    assert said.count("Segment tow, block") == said.count("Classify tow, block") >= 1


def annotate(folder: Path) -> Path:
    """Draw three frames and their annotations; give the JSON file."""
    drawn = SimulatedFrames(0, plankton=120, lines=1024, settings=TowSettings.tiny())
    write_coco(folder / "annotated", drawn.frames(0, 3))
    return folder / "annotated/instances.json"


@pytest.mark.slow
def test_a_network_that_is_trained_again_does_the_segmentation_again(tmp_path: Path) -> None:
    folder = prepare(tmp_path)
    annotations = annotate(folder)
    path = folder / "config.yaml"
    learned = f"semantic: {{annotations: {annotations}, "
    path.write_text(path.read_text().replace("semantic: {model", learned + "model"))
    run(folder)
    before = xr.open_zarr(folder / "results/tow/objects.zarr", chunks=None).attrs["model_sha256"]
    assert "Nothing to be done" in run(folder, "-n")
    facts = json.loads(annotations.read_text())
    (copepod,) = (row for row in facts["categories"] if row["name"] == "copepod")
    copepod["name"] = "calanus"
    annotations.write_text(json.dumps(facts))
    run(folder)
    log = (folder / "logs/tow/segment/a-b000.log").read_text()
    assert "objects are there" not in log
    objects = xr.open_zarr(folder / "results/tow/objects.zarr", chunks=None)
    taxa = objects["taxon"].to_numpy().tolist()
    assert "calanus" in taxa
    assert "copepod" not in taxa
    now = load_card(folder / "results/semantic").hash
    assert objects.attrs["model_sha256"] == now != before
    assert "Nothing to be done" in run(folder, "-n")
    (folder / "results/tow/blocks/a-b000/segment.json").unlink()  # as if the job had been killed
    run(folder)
    log = (folder / "logs/tow/segment/a-b000.log").read_text()
    assert log.count("objects are there") == 2


#: Prints what each job of a dry run asks for.
ASKED = """
import json, sys
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings

with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
    loaded = api.workflow(
        resource_settings=ResourceSettings(cores=4),
        config_settings=ConfigSettings(
            configfiles=[Path("config.yaml")], config={"site": sys.argv[2] or None}
        ),
        snakefile=Path(sys.argv[1]), workdir=Path.cwd(),
    )
    loaded.dag().execute_workflow("dryrun")
    names = ("gpu", "gpu_model", "mem_mb")
    jobs = {job.rule.name: job for job in loaded._workflow.dag.jobs}
    print(json.dumps({n: {r: j.resources.get(r) for r in names} for n, j in jobs.items()}))
"""


def asked(config: Path, site: str = "", **keys: object) -> dict[str, dict[str, object]]:
    """Give what the jobs of a configuration with these keys ask for, by their rule."""
    facts = yaml.safe_load(config.read_text()) | keys
    config.write_text(yaml.safe_dump(facts))
    done = subprocess.run(
        [sys.executable, "-c", ASKED, str(ROOT / "Snakefile"), site],
        cwd=config.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, dict[str, object]] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_jobs_of_a_network_ask_for_its_gpus_and_no_others(tmp_path: Path) -> None:
    config = tiny.prepare(tmp_path, tiny.simulate(tmp_path / "simulated"))
    network = str(tmp_path / "network")
    tiny.set_segmentation(config, method="semantic", model=network)
    none = asked(config, semantic={"model": network})
    assert {name for name, job in none.items() if job["gpu"]} == set()
    two = asked(config, semantic={"model": network, "gpus": 2})
    assert {name: job["gpu"] for name, job in two.items() if job["gpu"]} == {
        "train_semantic": 2, "segment": 2,
    }  # fmt: skip
    assert two["segment"]["mem_mb"] > none["segment"]["mem_mb"]
    classifier = {"model": "no/such/model", "gpus": 3}
    assert asked(config, classification=classifier) == two
    site = tmp_path / "site.yaml"
    partitions = "{cpu: {max_mem_mb: 99000}, gpu: {max_gpu: 1, max_mem_mb: 9000}}"
    site.write_text(f"partitions: {partitions}\ngpu_model: a100\n")
    held = asked(config, str(site))
    assert held["segment"] == {"gpu": 1, "gpu_model": "a100", "mem_mb": 9000}
    assert held["gather"]["gpu_model"] is None
    assert held["gather"]["mem_mb"] == none["gather"]["mem_mb"]
