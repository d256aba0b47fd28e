"""What is told of the plankton and of groups, and where nothing is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from drawings import settings, write_learning_set

from seston.learn.judging.held_out import HeldOut
from seston.learn.sets.parts import TEST
from seston.learn.sets.sources import read_learning_set
from seston.taxonomy import read_taxonomy

pytest.importorskip("torch")


@pytest.fixture
def metrics(tmp_path: Path):
    """What a card tells of drawings in folders, with a table of taxa."""
    from seston.learn.training.record import _metrics

    drawn = write_learning_set(tmp_path / "drawn", per_class=2)

    def metrics_(folders: dict[str, str], table: str = "") -> dict:
        for taxon, below in folders.items():
            (tmp_path / "set" / below).mkdir(parents=True, exist_ok=True)
            (drawn / taxon).rename(tmp_path / "set" / below / taxon)
        (tmp_path / "taxa.csv").write_text(table or "label\nbar\n")
        taxonomy = read_taxonomy(tmp_path / "taxa.csv" if table else None)
        pictures = read_learning_set(tmp_path / "set", taxonomy=taxonomy)
        scores = np.eye(3, dtype=np.float32)
        held_out = HeldOut(scores, np.arange(3), np.arange(3), np.full(3, TEST, np.uint8))
        return _metrics(pictures, settings(), SimpleNamespace(held_out=held_out))  # type: ignore[arg-type]

    return metrics_


FLAT = {"bar": "a", "cross": "a", "disc": "b"}


def test_folders_tell_nothing_of_the_plankton(metrics) -> None:
    found = metrics(FLAT)
    assert found["plankton"] is None
    assert found["groups"] is None
    assert "plankton_precision_weighted" not in found


def test_folders_called_living_and_not_living_tell(metrics) -> None:
    found = metrics({"bar": "living", "cross": "nest/not-living", "disc": "living"})
    assert found["plankton"] == [True, True, False]  # the last is nest/not-living/cross
    assert "plankton_precision_weighted" in found


def test_a_taxon_of_which_nobody_tells_is_named_and_nothing_is_measured(metrics, caplog) -> None:
    found = metrics(FLAT, "label,plankton,group\na/bar,0,dead\na/cross,,\n")
    assert found["plankton"] is None
    assert "nobody tells of 2 of 3 taxa whether they are: a/cross, b/disc" in caplog.text
    assert found["groups"] == ["dead", "a/cross", "b/disc"]
    assert "plankton_precision_weighted_grouped" not in found
