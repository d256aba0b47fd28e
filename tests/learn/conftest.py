from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from drawings import settings, write_learning_set

from seston.learn.card import Card


@dataclass(frozen=True)
class Trained:
    learning_set: Path
    model: Path
    card: Card


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A model of discs, bars and crosses."""
    pytest.importorskip("torch")
    from seston.learn import train

    folder = tmp_path_factory.mktemp("learn")
    learning_set = write_learning_set(folder / "drawings")
    card = train(learning_set, folder / "model", settings())
    return Trained(learning_set, folder / "model", card)
