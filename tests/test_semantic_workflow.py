"""Detect and classify at once, run by the workflow: the network is trained, then used."""

from __future__ import annotations

from pathlib import Path

import pytest
import xarray as xr

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
