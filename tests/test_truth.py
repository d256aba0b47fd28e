"""The demo campaign, through the whole workflow, held against what is true."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from seston.ecology import poisson_interval
from seston.simulate import Matches, match
from seston.simulate.match import true_boxes

ROOT = Path(__file__).resolve().parent.parent
pytestmark = [pytest.mark.workflow, pytest.mark.slow]

SMALLEST_MM, BIN_M = 0.25, 5
#: Most of these are smaller than the smallest object kept: their number is not to be found.
TOO_SMALL = {"speck"}


@dataclass(frozen=True)
class Demo:
    """What was found, what is true, and numbers of both by taxon, cast and depth bin."""

    profiles: xr.Dataset
    areas: np.ndarray
    truth: pd.DataFrame
    volume: float
    matches: Matches
    cells: pd.DataFrame


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    shutil.copytree(ROOT / "config", folder / "config")
    subprocess.run(
        [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"),
         "--workflow-profile", str(ROOT / "profiles/default"), "--directory", str(folder),
         "--configfile", str(folder / "config/config.yaml"), "--cores", "2"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return read(folder)


def read(folder: Path) -> Demo:
    profiles = xr.open_zarr(folder / "results/demo/profiles.zarr").load()
    objects = xr.open_zarr(folder / "results/demo/objects.zarr")
    said = folder / "data/demo/truth"
    truth, frames = pd.read_csv(said / "objects.csv"), pd.read_csv(said / "frames.csv")
    start = objects["frame_first_line"].to_numpy()[objects["frame"].to_numpy()]
    top, left, bottom, right = (objects[n].to_numpy() for n in ("top", "left", "bottom", "right"))
    boxes = np.column_stack([top + start, left, bottom + start, right])
    matches = match(boxes, true_boxes(truth))
    area = objects["features"].to_numpy()[:, list(objects["feature"].to_numpy()).index("area")]
    label = pd.read_csv(ROOT / "config/taxonomy.csv").set_index("name")["label"]  # as the truth has
    named = label[profiles["taxon"].to_numpy()].to_numpy()[objects["predicted_taxon"].to_numpy()]
    rows = matches.true_of()
    really = np.where(rows >= 0, truth["taxon"].to_numpy()[np.maximum(rows, 0)], "none")
    return Demo(
        profiles=profiles,
        areas=matches.ratios(area, truth["area_mm2"].to_numpy()),
        truth=truth,
        volume=float(frames["volume_m3"].sum()),
        matches=matches,
        cells=by_cell(said, frames, objects["frame"].to_numpy(), really, named),
    )


def by_cell(
    said: Path, frames: pd.DataFrame, frame: np.ndarray, really: np.ndarray, named: np.ndarray
) -> pd.DataFrame:
    """Expected, placed, found and predicted numbers of each taxon in each cast and bin."""
    keys = ["taxon", "cast", "bin"]
    place = pd.DataFrame({"cast": frames["cast"], "bin": frames["depth"] // BIN_M})
    expected = pd.read_csv(said / "concentrations.csv").join(place, on="frame")
    expected["expected"] = expected["expected_m3"] * expected["volume_m3"]
    cells = expected.groupby(keys)[["expected", "placed"]].sum()
    where = place.iloc[frame].reset_index(drop=True)
    for column, labels in (("found", really), ("predicted", named)):
        counted = where.assign(taxon=[str(label) for label in labels]).value_counts(keys)
        cells[column] = counted.reindex(cells.index, fill_value=0)
    cells = cells.reset_index()
    return cells[~cells["taxon"].isin(TOO_SMALL)]


def test_segmentation_finds_what_is_in_focus_and_nothing_else(demo: Demo) -> None:
    wanted = (demo.truth["in_focus"] == 1) & (demo.truth["esd_mm"] >= SMALLEST_MM)
    assert demo.matches.recall(wanted) >= 0.95
    assert demo.matches.spurious() < 0.05
    assert abs(np.median(demo.areas) - 1) < 0.05


def test_the_water_is_that_which_was_imaged(demo: Demo) -> None:
    assert float(demo.profiles["imaged_volume"].sum()) == pytest.approx(demo.volume, rel=0.005)


def test_true_concentrations_lie_in_the_intervals(demo: Demo) -> None:
    """With true labels: in at least 90 % of the bins, for each taxon."""
    lower, upper = poisson_interval(demo.cells["found"].to_numpy())
    inside = (lower <= demo.cells["expected"]) & (demo.cells["expected"] <= upper)
    assert inside.groupby(demo.cells["taxon"]).mean().min() >= 0.9


def test_sections_of_predicted_taxa_follow_the_truth(demo: Demo) -> None:
    by_taxon = demo.cells.groupby("taxon")
    related = by_taxon[["predicted", "placed"]].apply(lambda c: c["predicted"].corr(c["placed"]))
    assert related.min() > 0.9
