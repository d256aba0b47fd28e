"""Learning sets of whole simulated frames: as many of each kind as there are, or as pass."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from seston.config import Config, FilterTraining, Segmentation
from seston.learn.filtering import load_filter
from seston.simulate import KINDS, LABELS
from seston.simulate.natural_set import write_natural_set
from seston.stages.filter_training import train_filter, write_passed

DETRITUS = {kind.label for kind in KINDS if not kind.plankton}


def counts(folder: Path) -> dict[str, int]:
    return {p.name: len(list(p.glob("*.png"))) for p in folder.iterdir() if p.is_dir()}


@pytest.fixture(scope="module")
def natural(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("natural") / "set"
    write_natural_set(folder, 3, frames=2)
    return folder


def test_detritus_has_its_natural_share_and_no_folder_is_empty(natural: Path) -> None:
    found = counts(natural)
    assert set(found) <= set(LABELS)
    assert min(found.values()) >= 3
    assert found["marine_snow"] > found["fibre"]
    assert sum(found[label] for label in DETRITUS & set(found)) > 100


def test_the_same_seed_draws_the_same_bytes(natural: Path, tmp_path: Path) -> None:
    write_natural_set(tmp_path / "again", 3, frames=2)
    files = sorted(p.relative_to(natural) for p in natural.rglob("*") if p.is_file())
    again = sorted((tmp_path / "again").rglob("*.*"))
    assert [p.relative_to(tmp_path / "again") for p in again] == files
    assert all((natural / p).read_bytes() == (tmp_path / "again" / p).read_bytes() for p in files)


def test_only_what_is_wanted_is_drawn_and_the_rest_is_unchanged(
    natural: Path, tmp_path: Path
) -> None:
    large = Segmentation.model_validate({})
    write_natural_set(
        tmp_path / "large", 3, frames=2, segmentation=large,
        keep=lambda found: found.feature("equivalent_diameter_area") > 1.0,
    )  # fmt: skip
    few, every = counts(tmp_path / "large"), counts(natural)
    assert 0 < sum(few.values()) < sum(every.values()) / 2
    whole = {cv2.imread(str(p), cv2.IMREAD_UNCHANGED).tobytes() for p in natural.rglob("*.png")}
    for path in (tmp_path / "large").rglob("*.png"):
        assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED).tobytes() in whole


@pytest.mark.slow
def test_a_filter_of_simulated_frames_leaves_out_detritus_and_hardly_any_animal(
    natural: Path, tmp_path: Path
) -> None:
    settings = FilterTraining(model=tmp_path / "filter", frames=12, seed=8)
    train_filter(Config(filter=settings))
    card = load_filter(settings.model).card
    assert card.metrics["recall"] > 0.97
    assert card.metrics["passed_others"] < 0.2
    passing = Segmentation.model_validate({"filter": settings.model})
    write_passed(tmp_path / "hard", passing, frames=2, seed=3)
    hard, every = counts(tmp_path / "hard"), counts(natural)
    sides = [
        [sum(n for label, n in found.items() if (label in DETRITUS) == dead) for dead in (0, 1)]
        for found in (hard, every)
    ]
    assert sides[0][0] > 0.95 * sides[1][0]
    assert sides[0][1] < 0.3 * sides[1][1]
