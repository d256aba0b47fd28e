"""The page that teaches how to add an instrument, done as it says."""

from __future__ import annotations

import csv
import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

import campaigns
from seston.inspection import inspect
from seston.readers import registry as register_room

PAGE = Path(__file__).resolve().parent.parent / "docs" / "adding-an-instrument.md"
#: Depth and number of animals of each picture.
PICTURES = {"0012.5m": 3, "0013.1m": 2, "0017.0m": 0}


def blocks() -> dict[str, str]:
    found = re.findall(r'```\w+ title="([^"]+)"\n(.*?)```', PAGE.read_text("utf-8"), re.DOTALL)
    return {Path(title).name: text for title, text in found}


@pytest.fixture
def drifter(tmp_path: Path):
    path = tmp_path / "drifter.py"
    path.write_text(blocks()["drifter.py"], "utf-8")
    spec = importlib.util.spec_from_file_location("seston.readers.drifter", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # so that workers find the class again
    try:
        spec.loader.exec_module(module)
        yield tmp_path
    finally:
        register_room._READERS.pop("drifter", None)
        del sys.modules[spec.name]


def write_pictures(folder: Path) -> None:
    folder.mkdir()
    (folder / "drifter.txt").write_text("pixel_um=40\nvolume_ml=500\n")
    for second, (depth, animals) in enumerate(PICTURES.items()):
        picture = np.full((300, 400), 220, np.uint8)
        for i in range(animals):
            picture[40 * i + 20 : 40 * i + 40, 50:75] = 40
        Image.fromarray(picture).save(folder / f"20240601T10000{second}_{depth}.png")


def test_the_page_gives_a_reader_that_works_end_to_end(drifter: Path) -> None:
    row = next(csv.DictReader(blocks()["campaigns.csv"].splitlines()))
    write_pictures(drifter / "drift")
    preset = yaml.safe_load(blocks()["drifter.yaml"])
    campaign = campaigns.write_campaign(
        drifter, row["instrument"], {"path": "drift"}, instruments={"drifter": preset},
        profiles={"bin_size_m": 5, "split": "deployment"},
    )  # fmt: skip
    with campaigns.one_worker() as client:
        objects, profiles = campaigns.run(campaign, client)
    assert objects.sizes["object"] == sum(PICTURES.values())
    counts = profiles["count"].isel(profile=0, taxon=0).to_numpy()
    assert counts.tolist() == [0, 0, 5, 0]
    volume = profiles["imaged_volume"].isel(profile=0).to_numpy()
    np.testing.assert_allclose(volume, [0, 0, 1e-3, 0.5e-3])
    concentration = profiles["concentration"].isel(profile=0, taxon=0).to_numpy()
    np.testing.assert_allclose(concentration, [np.nan, np.nan, 5000, 0])


def test_its_files_are_recognised_and_told(drifter: Path) -> None:
    write_pictures(drifter / "drift")
    Image.new("L", (9, 9)).save(drifter / "drift" / "noname.png")
    found = inspect(drifter / "drift")
    assert found["instrument"] == "drifter"
    assert found["frames"] == 4
    assert found["depth_range"] == [12.5, 17.0]
    assert found["imaged_volume_m3"] == pytest.approx(1.5e-3)
    (problem,) = found["problems"]
    assert problem["file"] == "noname.png"
    assert "no time and depth" in problem["what"]
