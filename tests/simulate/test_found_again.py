"""What segmentation finds in a simulated cast, held against the truth."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from seston.config import Segmentation
from seston.image import find_objects
from seston.simulate import Matches, TowSettings, match
from seston.simulate.match import true_boxes
from seston.simulate.scene import take
from seston.simulate.tow import Tow
from seston.simulate.truth import object_rows

SETTINGS = Segmentation.model_validate({})


@dataclasses.dataclass(frozen=True)
class Cast:
    objects: pd.DataFrame
    area_mm2: np.ndarray
    matches: Matches


@pytest.fixture(scope="module")
def cast() -> Cast:
    """One cast of the demo: twelve bursts, each a scan of its own."""
    tow = Tow(dataclasses.replace(TowSettings.demo(), casts=1))
    files = tow.files()
    boxes, areas, rows = [], [], []
    for scan in range(files[-1].scan + 1):
        parts = [(f, take(tow, files, f, 11)) for f in files if f.scan == scan]
        rows += [object_rows(tow, f, scene)[0] for f, scene in parts]
        lines = np.vstack([scene.pixels for _, scene in parts])
        found = find_objects(
            lines,
            owned=slice(0, len(lines)),
            settings=SETTINGS,
            pixel_height=float(tow.speed(parts[0][0].start_s)) / 28.0,
            pixel_width=105 / 2048,
            first_line=parts[0][0].first_line,
        )
        boxes.append(np.column_stack([found.top, found.left, found.bottom, found.right]))
        areas.append(found.feature("area"))
    objects = pd.concat(rows, ignore_index=True)
    return Cast(objects, np.concatenate(areas), match(np.vstack(boxes), true_boxes(objects)))


def test_objects_in_focus_above_the_size_limit_are_found(cast):
    wanted = (cast.objects["in_focus"] == 1) & (cast.objects["esd_mm"] >= SETTINGS.min_esd_mm)
    assert wanted.sum() > 1000
    assert cast.matches.recall(wanted) >= 0.95


def test_hardly_anything_is_found_that_is_not_there(cast):
    assert cast.matches.spurious() < 0.01
    assert cast.matches.precision() > 0.95


def test_areas_are_right_in_the_median_for_every_taxon(cast):
    ratio = cast.matches.ratios(cast.area_mm2, cast.objects["area_mm2"])
    assert np.median(ratio) == pytest.approx(1, abs=0.02)
    taxa = cast.objects["taxon"].to_numpy()[cast.matches.true]
    table = pd.Series(ratio).groupby(taxa).agg(["median", "size"]).query("size >= 10")
    assert len(table) >= 12
    assert (table["median"] - 1).abs().max() < 0.05
