"""A filter and a classifier of hard cases, run by the workflow: both are trained, then used."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from test_workflow import ROOT, ROWS, run

pytestmark = [pytest.mark.workflow]

CONFIG = """
campaigns: campaigns.csv
simulate:
  folder: data
  campaigns: {tow: {preset: tiny, seed: 3}}
  learning_set: {frames: 4, seed: 4}
ingest: {files_per_shard: 2}
instruments:
  isiis:
    segmentation: {filter: results/filter}
filter: {model: results/filter, frames: 4}
classification:
  model: results/model
  learning_set: data/learning-set
  training: {image_size: 64, fine_tune: false, inputs: both}
taxonomy: taxonomy.csv
profiles: {bin_size_m: 5, min_amplitude_m: 5}
"""


def prepare(folder: Path) -> Path:
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "campaigns.csv").write_text(ROWS)
    shutil.copy(ROOT / "config/taxonomy.csv", folder)
    return folder


@pytest.mark.slow
def test_the_workflow_trains_a_filter_and_uses_it(tmp_path: Path) -> None:
    folder = prepare(tmp_path)
    run(folder)
    objects = xr.open_zarr(folder / "results/tow/objects.zarr", chunks=None)
    kept, left_out = objects.sizes["object"], int(objects.attrs["dropped_by_filter"])
    assert kept > 20
    assert left_out == int(objects["frame_left_out_count"].sum()) > kept / 5
    profiles = xr.open_zarr(folder / "results/tow/profiles.zarr", chunks=None)
    counted = profiles["count"].sum() + profiles["unpositioned_count"].sum()
    assert int(counted) == kept
    assert bool(np.isfinite(profiles["concentration_adjusted"]).any())
    assert "left out by a filter" in (folder / "results/tow/report.html").read_text("utf-8")
    assert "Nothing to be done" in run(folder)
    path = folder / "config.yaml"
    path.write_text(path.read_text().replace("frames: 4}", "frames: 5}"))
    said = run(folder, "-n")
    for step in ("Train a filter", "Draw a learning set", "Train a classifier"):
        assert step in said
    assert said.count("Segment tow, block") == said.count("Classify tow, block") >= 1
