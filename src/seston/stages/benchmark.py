"""How deep is enough? Run the cells of a grid, and write the tables."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from seston.atomic import new_file
from seston.cluster import available_cores
from seston.errors import ConfigError, SestonError
from seston.learn.comparing.cells import path_of, read_cell, run_cell, trimmed
from seston.learn.comparing.grid import Cell, Data, Grid, load_grid
from seston.learn.comparing.leaderboard import as_markdown, found, leaderboard
from seston.learn.sets.learning_set import LearningSet
from seston.stages.learning_set import open_learning_set

log = logging.getLogger(__name__)


def benchmark(grid: Grid, out: Path, cells: Iterable[Cell]) -> None:
    """Run cells that were not run yet, and write the tables of all that were.

    A cell that was run with other settings, or on other vignettes, is run again. One that fails is
    told and leaves the others to go on. Several processes can share a grid and its folder: what one
    has run, the others leave out.

    Raises
    ------
    InputError
        A learning set cannot be read; no cell is run then.
    SestonError
        The first failure, once all other cells were run.
    """
    from seston.learn import use_threads

    use_threads(available_cores())
    failures: list[SestonError] = []
    asked = list(cells)
    hashes = {data: _pictures(grid.data[data]).sha256 for data in {cell.data for cell in asked}}
    todo = [cell for cell in asked if read_cell(grid, cell, out, hashes[cell.data]) is None]
    for number, cell in enumerate(todo, start=1):
        if read_cell(grid, cell, out, hashes[cell.data]) is not None:
            continue  # another process at the same folder was faster
        log.info("cell %d of %d: %s", number, len(todo), cell.name)
        try:
            run_cell(grid, cell, _pictures(grid.data[cell.data]), out)
        except SestonError as error:
            log.warning("%s: %s", cell.name, error)
            failures.append(error)
    write_tables(grid, out)
    if failures:
        raise failures[0]


def write_tables(grid: Grid, out: Path) -> str:
    """Write ``cells.csv``, ``table.csv`` and ``table.md``, and give the last."""
    cells = found(grid, out)
    if not len(cells):
        return ""
    board = leaderboard(cells)
    text = as_markdown(board)
    for name, content in (
        ("cells.csv", cells.to_csv(index=False, float_format="%.6g")),
        ("table.csv", board.to_csv(index=False, float_format="%.6g")),
        ("table.md", text),
    ):
        with new_file(out / name) as draft:
            draft.write_text(content, "utf-8")
    return text


def grid_of(name: str, data: Iterable[str], hourly_price: float | None = None) -> Grid:
    """Read a grid, and where its data sets lie: ``NAME=PATH`` each.

    Parameters
    ----------
    name : str
        See `load_grid`.
    data : iterable of str
    hourly_price : float, optional
        Of this machine, in place of that of the grid.

    Raises
    ------
    ConfigError
        The grid is wrong, or a text is not of this form.
    """
    grid = load_grid(name, _places(data))
    return grid if hourly_price is None else grid.model_copy(update={"hourly_price": hourly_price})


def cell_files(grid: Grid, out: Path) -> dict[str, list[str]]:
    """Name the file of each cell, and the files that must be there before, for a workflow.

    Cells of one network on one data set share its features: the first one makes them.
    """
    first: dict[tuple[str, str], str] = {}
    before: dict[str, list[str]] = {}
    for cell in grid.cells():
        file = path_of(out, cell).as_posix()
        leader = file if cell.epochs else first.setdefault((cell.data, cell.network), file)
        before[file] = [] if leader == file else [leader]
    return before


def _places(data: Iterable[str]) -> Mapping[str, Path]:
    places = {}
    for text in data:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise ConfigError(f"{text!r} is not NAME=PATH", where="--data", cure="isiis=FOLDER")
        places[name] = Path(path)
    return places


@lru_cache(maxsize=8)  # cells come seed by seed, and within a seed by data set
def _pictures(data: Data) -> LearningSet:
    assert data.path is not None
    return trimmed(open_learning_set(data.path), data)
