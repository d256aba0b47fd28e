"""How deep is enough: the grid, its cells and its tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawings import write_learning_set

from seston.errors import ConfigError, SestonError, StoreError
from seston.learn.comparing.grid import Data, load_grid

SMALL = """
data: {drawings: {}}
networks: [{backbone: tf_efficientnet_lite0, weights: package, image_size: 64}]
heads: [linear, prototypes]
measured_heads: [forest]
seeds: [0, 1]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grid")
    (folder / "grid.yaml").write_text(SMALL)
    write_learning_set(folder / "drawings", per_class=16)
    return folder


def small(folder: Path):
    return load_grid(str(folder / "grid.yaml"), {"drawings": folder / "drawings"})


@pytest.mark.parametrize("name", ["quick", "full"])
def test_the_grids_that_come_along_have_three_seeds_and_every_head(name: str) -> None:
    places = {data: Path("somewhere") for data in ("isiis", "zooscan", "uvp6")}
    cells = list(load_grid(name, places).cells())
    assert {cell.seed for cell in cells} == {0, 1, 2}
    assert {cell.data for cell in cells} == set(places)
    assert {"dense50", "dense600", "dense1792", "pca_forest", "boosting"} <= {c.head for c in cells}
    assert any(cell.epochs for cell in cells)
    assert len({cell.name for cell in cells}) == len(cells)


def test_only_data_sets_with_a_place_are_run_once_one_is_given() -> None:
    assert set(load_grid("quick", {"uvp6": Path("here")}).data) == {"uvp6"}
    own = load_grid("quick", {"net": Path("here")})
    assert own.data == {"net": Data(path=Path("here"))}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("data: {a: {}}", "has no path"),
        ("data: {a: {path: x}}\nhats: 1", "hats"),
        ("data: {a: {path: x}}\nheads: [tall]", "heads"),
        ("data: [", "not YAML"),
        ("seeds: [1]", "data"),
    ],
)
def test_a_wrong_grid_is_told_in_one_line(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "grid.yaml").write_text(text)
    with pytest.raises(ConfigError, match=what):
        load_grid(str(tmp_path / "grid.yaml"), {})
    with pytest.raises(ConfigError, match="cannot be read"):
        load_grid(str(tmp_path / "nothing.yaml"), {})


def test_at_most_so_many_of_a_class_the_same_each_time(folder: Path) -> None:
    pytest.importorskip("torch")
    from seston.learn.comparing.cells import trimmed
    from seston.learn.sets.sources import read_learning_set

    pictures = read_learning_set(folder / "drawings")
    few = trimmed(pictures, Data(at_most=5))
    assert np.bincount(few.labels).tolist() == [5, 5, 5]
    assert few.digests == trimmed(pictures, Data(at_most=5)).digests
    assert set(few.digests) < set(pictures.digests)
    assert few.sha256 != pictures.sha256
    assert trimmed(pictures, Data()) is pictures


def test_a_grid_goes_on_where_it_stood_and_writes_its_tables(folder: Path) -> None:
    pytest.importorskip("torch")
    from seston.stages.benchmark import benchmark

    grid, out = small(folder), folder / "out"
    first, *others = grid.cells()
    benchmark(grid, out, [first])
    was = (out / "cells" / f"{first.name}.json").stat().st_mtime_ns
    benchmark(grid, out, grid.cells())
    assert (out / "cells" / f"{first.name}.json").stat().st_mtime_ns == was
    assert len(list((out / "cells").iterdir())) == 1 + len(others) == 6
    board = pd.read_csv(out / "table.csv").set_index("model")
    assert board["seeds"].tolist() == [2, 2, 2]
    deep = board.loc["tf_efficientnet_lite0@64 + logistic regression"]
    assert deep["accuracy"] > 0.8
    assert 3e6 < deep["parameters"] < 6e6
    text = (out / "table.md").read_text()
    assert "| model | size, M | accuracy | average precision | average recall |" in text


def test_what_another_process_ran_meanwhile_is_not_run_again(folder: Path, monkeypatch) -> None:
    pytest.importorskip("torch")
    from seston.stages import benchmark as stage

    grid, out = small(folder), folder / "shared"
    first, second, *_ = grid.cells()
    ran = []

    def run_both(grid, cell, pictures, out) -> None:
        for each in (first, second):  # the other process is at `second`
            run_cell(grid, each, pictures, out)
        ran.append(cell)

    run_cell = stage.run_cell
    monkeypatch.setattr(stage, "run_cell", run_both)
    stage.benchmark(grid, out, [first, second])
    assert ran == [first]


def test_other_settings_or_vignettes_make_a_cell_run_again(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from seston.learn.comparing.cells import path_of
    from seston.stages.benchmark import benchmark

    def run(said: str, drawings: Path) -> dict:
        text = SMALL.replace("drawings: {}", f"drawings: {{{said}}}").replace("seeds: [0, 1]", "")
        (tmp_path / "grid.yaml").write_text(text)
        grid = load_grid(str(tmp_path / "grid.yaml"), {"drawings": drawings})
        cell = next(grid.cells())
        benchmark(grid, tmp_path / "out", [cell])
        return json.loads(path_of(tmp_path / "out", cell).read_text("utf-8"))

    every = run("", folder / "drawings")
    living = run("not_plankton: [disc]", folder / "drawings")
    assert (every["data"]["not_plankton"], living["data"]["not_plankton"]) == ([], ["disc"])
    assert every["metrics"]["accuracy"] == living["metrics"]["accuracy"]
    assert run("at_most: 9", folder / "drawings")["n_vignettes"] == 27
    write_learning_set(tmp_path / "others", per_class=12)
    assert run("at_most: 12", tmp_path / "others")["n_vignettes"] == 36
    assert (
        run("at_most: 12", folder / "drawings")["learning_set_sha256"]
        != every["learning_set_sha256"]
    )


def test_tables_leave_out_what_was_run_on_other_vignettes(folder: Path, tmp_path: Path, caplog):
    pytest.importorskip("torch")
    from seston.stages.benchmark import benchmark

    first, second, *_ = small(folder).cells()
    benchmark(small(folder), tmp_path, [first])
    write_learning_set(tmp_path / "others", per_class=12)
    others = load_grid(str(folder / "grid.yaml"), {"drawings": tmp_path / "others"})
    benchmark(others, tmp_path, [second])
    assert len(pd.read_csv(tmp_path / "cells.csv")) == 1
    assert "1 cells were run on other vignettes" in caplog.text


def test_a_learning_set_that_is_not_there_is_told_before_any_cell_runs(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from seston.stages.benchmark import benchmark

    grid = load_grid("quick", {"uvp6": tmp_path / "nowhere"})
    with pytest.raises(SestonError, match="nowhere"):
        benchmark(grid, tmp_path / "out", grid.cells())
    assert not (tmp_path / "out").exists()


def test_a_name_that_the_grid_has_not_is_told(caplog) -> None:
    load_grid("quick", {"uvp5": Path("here")})
    assert "the grid does not have uvp5, but isiis, zooscan, uvp6" in caplog.text


def test_costs_are_a_column_where_the_price_of_the_machine_is_told(folder: Path, tmp_path: Path):
    pytest.importorskip("torch")
    from seston.stages.benchmark import benchmark, grid_of, write_tables

    where = [f"drawings={folder / 'drawings'}"]
    grid = grid_of(str(folder / "grid.yaml"), where, hourly_price=3.6)
    benchmark(grid, tmp_path, [next(grid.cells())])
    row = pd.read_csv(tmp_path / "cells.csv").loc[0]
    assert row["cost_per_million"] == pytest.approx(
        3.6 * 1e6 / row["images_per_s"] / 3600, rel=1e-4
    )
    assert "cost of a million images" in (tmp_path / "table.md").read_text()
    assert "cost" not in write_tables(grid_of(str(folder / "grid.yaml"), where), tmp_path)


def test_published_rows_stand_beside_those_of_the_same_instrument() -> None:
    pytest.importorskip("torch")
    from seston.learn.comparing.leaderboard import published

    rows = published("zooscan").set_index("model")
    assert rows.loc["effnetv2s", "accuracy"] == pytest.approx(0.898)
    assert rows.loc["native_rf", "balanced_accuracy"] == pytest.approx(0.237)
    assert len(published("drawings")) == 0


def test_the_guide_shows_a_table_of_every_set_of_the_quick_grid() -> None:
    guide = (Path(__file__).parents[3] / "docs/how-deep.md").read_text("utf-8")
    shown = {name: Path("here") for name in ("isiis", "zooscan", "uvp6")}
    quick = load_grid("quick", shown)
    for name in shown:
        rows = guide.split(f"### {name}\n", 1)[1].split("Published")[0]
        models = {cell.model for cell in quick.cells()}
        assert rows.count("\n| ") - 1 == len(models), name


def test_energy_is_a_column_where_it_was_counted() -> None:
    pytest.importorskip("torch")
    from seston.learn.comparing.leaderboard import HEADINGS, as_markdown, leaderboard

    rows = pd.DataFrame(0.5, index=range(2), columns=[c for c in HEADINGS if c != "seeds"])
    rows = rows.assign(data=["a", "b"], model="m", seed=0, joules_per_image=[0.0312, np.nan])
    counted, not_counted = as_markdown(leaderboard(rows)).split("### b")
    assert "| J/image |" in counted
    assert "| 0.0312 |" in counted
    assert "J/image" not in not_counted


def test_a_damaged_cell_is_told(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from seston.learn.comparing.cells import path_of, read_cell

    grid = small(folder)
    cell, other, *_ = grid.cells()
    path = path_of(tmp_path, cell)
    path.parent.mkdir()
    assert read_cell(grid, cell, tmp_path) is None
    for text in ("{", "[]", json.dumps({"cell": {"data": other.data}})):
        path.write_text(text)
        with pytest.raises(StoreError, match="is not what this cell wrote"):
            read_cell(grid, cell, tmp_path)


def test_cells_that_share_features_wait_for_the_one_that_makes_them(folder: Path) -> None:
    pytest.importorskip("torch")
    from seston.stages.benchmark import cell_files

    before = cell_files(small(folder), Path("out"))
    assert len(before) == 6
    leaders = {file for file, needs in before.items() if not needs}
    assert len(leaders) == 2  # one for the measured features, one for the network
    assert all(set(needs) <= leaders for needs in before.values())
