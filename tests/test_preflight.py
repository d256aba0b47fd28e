"""What a workflow would empty before it writes is looked at first."""

from __future__ import annotations

from pathlib import Path

import pytest

from seston.config import Config
from seston.errors import StoreError
from seston.preflight import check_all


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder that somebody would miss."""
    (tmp_path / "pictures" / "copepod").mkdir(parents=True)
    (tmp_path / "pictures" / "notes.txt").write_text("of a cruise")
    return tmp_path / "pictures"


def _check(tmp_path: Path, **settings: object) -> None:
    check_all(Config.model_validate(settings), {}, tmp_path / "config.yaml")


@pytest.mark.parametrize("key", ["classification", "filter", "semantic"])
def test_a_model_is_not_trained_into_a_folder_of_other_things(pictures, tmp_path, key) -> None:
    learned = {"learning_set": tmp_path / "set"} if key == "classification" else {}
    (tmp_path / "set").mkdir()
    with pytest.raises(StoreError, match="pictures: holds other things"):
        _check(tmp_path, **{key: {"model": pictures, **learned}})
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "card.json").write_text("{}")
    _check(tmp_path, **{key: {"model": tmp_path / "model", **learned}})


def test_a_model_is_not_trained_into_its_learning_set(pictures, tmp_path) -> None:
    classification = {"model": pictures / "model", "learning_set": pictures}
    with pytest.raises(StoreError, match="must lie apart"):
        _check(tmp_path, classification=classification)


def test_a_learning_set_is_drawn_over_a_drawn_one_alone(pictures, tmp_path) -> None:
    settings = {
        "classification": {"model": tmp_path / "model", "learning_set": pictures},
        "simulate": {"learning_set": {"per_class": 10}},
    }
    with pytest.raises(StoreError, match="pictures: holds other things"):
        _check(tmp_path, **settings)
    (pictures / "learning_set.json").write_text('{"origin": "seston.simulate, seed 1"}')
    _check(tmp_path, **settings)
