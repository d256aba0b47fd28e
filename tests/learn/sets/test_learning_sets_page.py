"""The page on learning sets, done as it says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from drawings import write_learning_set

from seston.learn.sets.parts import PARTS, TEST, TRAIN
from seston.learn.sets.splits import split
from seston.learn.sets.tables import NAMES
from seston.stages.learning_set import open_learning_set

PAGE = Path(__file__).resolve().parents[3] / "docs" / "learning-sets.md"
TEXT = PAGE.read_text("utf-8")


@pytest.fixture
def there(tmp_path: Path, monkeypatch) -> Path:
    """The folder `drawings`, and the files that the page shows."""
    folder = write_learning_set(tmp_path / "drawings", per_class=6)
    for name, text in re.findall(r'```\w+ title="([^"]+)"\n(.*?)```', TEXT, re.DOTALL):
        (tmp_path if name == "taxa.csv" else folder).joinpath(name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return folder


def test_the_examples_run_one_after_the_other(there: Path, capsys) -> None:
    names: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
        exec(compile(code, str(PAGE), "exec"), names)
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("12 ('Chaetoceros', 'Coscinodiscus') {'with a label that the table")
    assert said[1:] == ["diatom", "[]", "0 0"]


def test_the_facts_and_the_table_are_read_as_shown(there: Path) -> None:
    np.testing.assert_allclose(open_learning_set(there).pixel_sizes_mm[0], (0.07, 0.05))
    found = open_learning_set(there / "set.csv")
    assert found.groups == ("haul 1", "haul 2", "haul 1", "haul 2")
    assert split(found, 0).tolist() == [TRAIN, TEST, TRAIN, TEST]  # the last row by its haul
    np.testing.assert_allclose(found.pixel_sizes_mm, 0.0106)


def test_all_columns_and_parts_are_on_the_page() -> None:
    for ours, theirs in NAMES.items():
        assert all(f"`{name}`" in TEXT for name in (ours, *theirs))
    assert all(name in TEXT for name in PARTS if name != "training")
