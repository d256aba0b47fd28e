"""Detect and classify at once, run by the workflow: the network is trained, then used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import xarray as xr

from seston.learn import load_card
from seston.learn.semantic.coco import write_coco
from seston.simulate import TowSettings
from seston.simulate.annotated import SimulatedFrames
from test_workflow import ROWS, run

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
