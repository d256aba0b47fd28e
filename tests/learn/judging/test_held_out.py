from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from seston.errors import ModelError
from seston.learn import load_card, load_held_out
from seston.learn.judging.held_out import HELD_OUT

pytest.importorskip("torch")


def test_the_record_holds_scores_and_truth_of_both_parts(trained) -> None:
    found = load_held_out(trained.model, trained.card)
    assert found.scores.shape == (12, 3)
    assert np.bincount(found.validation.labels).tolist() == [2, 2, 2]
    assert np.bincount(found.test.labels).tolist() == [2, 2, 2]
    assert len(set(found.groups.tolist())) == 12  # no group is known: each is its own
    right = found.test.scores.argmax(axis=1) == found.test.labels
    assert trained.card.metrics["accuracy"] == right.mean()


@pytest.mark.parametrize("damage", ["cut", "missing", "another"])
def test_a_record_that_is_not_the_cards_is_refused(trained, tmp_path: Path, damage: str) -> None:
    model = shutil.copytree(trained.model, tmp_path / "model")
    record = model / HELD_OUT
    if damage == "missing":
        record.unlink()
    else:
        record.write_bytes(record.read_bytes()[:-9] if damage == "cut" else b"pickle")
    with pytest.raises(ModelError, match=HELD_OUT):
        load_held_out(model, load_card(model))
