"""Vignettes of the simulated taxa."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from seston.config import Segmentation
from seston.simulate import LABELS, write_learning_set


@pytest.fixture(scope="module")
def learning_set(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learn") / "set"
    write_learning_set(folder, 2, per_class=8)
    return folder


def pictures(folder):
    return {
        p.relative_to(folder).as_posix(): cv2.imread(str(p), cv2.IMREAD_UNCHANGED)
        for p in sorted(folder.glob("*/*.png"))
    }


def test_every_taxon_has_its_folder_of_as_many_vignettes(learning_set):
    counts = {p.name: len(list(p.glob("*.png"))) for p in learning_set.iterdir() if p.is_dir()}
    assert counts == dict.fromkeys(LABELS, 8)
    facts = json.loads((learning_set / "learning_set.json").read_text())
    assert facts["pixel_width_mm"] == pytest.approx(105 / 2048)


def test_vignettes_are_corrected_grey_with_the_background_at_240(learning_set):
    found = pictures(learning_set)
    assert all(v.dtype == np.uint8 and v.ndim == 2 for v in found.values())
    levels = [np.percentile(v, 95) for name, v in found.items() if not name.startswith("speck")]
    assert np.median(levels) == pytest.approx(240, abs=8)


def test_the_same_seed_draws_the_same_individuals_and_another_others(learning_set, tmp_path):
    write_learning_set(tmp_path / "again", 2, per_class=8)
    first, again = pictures(learning_set), pictures(tmp_path / "again")
    assert all((first[name] == again[name]).all() for name in first)
    write_learning_set(tmp_path / "other", 3, per_class=8)
    other = pictures(tmp_path / "other")
    assert not any(np.array_equal(first[name], other[name]) for name in first)


def test_a_segmentation_that_misses_a_taxon_is_said_and_leaves_nothing(tmp_path):
    blind = Segmentation.model_validate({"min_esd_mm": 90.0})
    with pytest.raises(ValueError, match="these settings find 0 of 8"):
        write_learning_set(tmp_path / "set", 2, per_class=8, segmentation=blind)
    assert list(tmp_path.iterdir()) == []
