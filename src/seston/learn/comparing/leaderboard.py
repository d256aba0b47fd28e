"""What a grid found, as the table of the talk: model, size, accuracy, precision, recall."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seston.learn.comparing.cells import path_of, read_cell
from seston.learn.comparing.grid import MEASURED, Cell, Grid

log = logging.getLogger(__name__)

HEADINGS = {
    "model": "model",
    "parameters": "size, M",
    "accuracy": "accuracy",
    "plankton_precision_weighted": "average precision",
    "plankton_recall_weighted": "average recall",
    "balanced_accuracy": "balanced accuracy",
    "f1_macro": "F1 (macro)",
    "images_per_s": "images/s",
    "joules_per_image": "J/image",
    "cost_per_million": "cost of a million images",
    "training_s": "training, s",
    "seeds": "seeds",
}
"""Precision and recall are weighted by support, over the plankton: as the publication has them."""

PERCENT = ("accuracy", "balanced_accuracy", "f1_macro", "plankton_precision_weighted",
           "plankton_recall_weighted")  # fmt: skip
_HEADS = {
    "linear": "logistic regression", "dense50": "50", "dense600": "600", "dense1792": "1792",
    "pca_forest": "PCA 50 + random forest", "forest": "random forest",
    "boosting": "gradient boosting", "prototypes": "nearest prototype",
}  # fmt: skip


def found(grid: Grid, out: Path) -> pd.DataFrame:
    """Gather the cells that were run, one row each: data, model, seed, and what was measured.

    Cells of other settings are none of the grid. Of cells that were run on other vignettes than
    the last one of their data set, a warning tells, and they are left out.

    Raises
    ------
    StoreError
        The file of a cell is damaged.
    """
    rows = []
    for data in grid.data:
        cells = [cell for cell in grid.cells() if cell.data == data]
        there = {cell: facts for cell in cells if (facts := read_cell(grid, cell, out))}
        for cell, facts in _of_one_set(there, out).items():
            rows.append({"data": data, "model": name(*cell.model), "seed": cell.seed,
                         **facts["metrics"], **_costs(facts, grid.hourly_price)})  # fmt: skip
    return pd.DataFrame(rows, columns=["data", "model", "seed", *list(rows[0])[3:]] if rows else [])


def _of_one_set(there: dict[Cell, dict[str, Any]], out: Path) -> dict[Cell, dict[str, Any]]:
    """Leave out cells that were run on other vignettes than the last one."""
    if not there:
        return there
    last = max(there, key=lambda cell: path_of(out, cell).stat().st_mtime_ns)
    own = there[last]["learning_set_sha256"]
    kept = {cell: facts for cell, facts in there.items() if facts["learning_set_sha256"] == own}
    if len(kept) < len(there):
        log.warning(
            "%s: %d cells were run on other vignettes and are left out: run them again",
            last.data, len(there) - len(kept),
        )  # fmt: skip
    return kept


def _costs(facts: dict[str, Any], hourly_price: float | None) -> dict[str, Any]:
    costs = {key: facts[key] for key in ("parameters", "images_per_s", "training_s", "n_test")}
    joules = facts.get("joules_per_image")
    hours = 1e6 / facts["images_per_s"] / 3600
    return costs | {
        "joules_per_image": np.nan if joules is None else joules,
        "cost_per_million": np.nan if hourly_price is None else hourly_price * hours,
    }


def name(network: str, head: str, epochs: int) -> str:
    """Name a model as a table has it."""
    first = "measured features" if network == MEASURED else network
    return f"{first}{', fine-tuned' if epochs else ''} + {_HEADS[head]}"


def leaderboard(cells: pd.DataFrame) -> pd.DataFrame:
    """Average the seeds: a row for each data set and model, in the order of the grid.

    Returns
    -------
    DataFrame
        Mean of each measure, its standard deviation over the seeds as ``<measure>_sd`` (NaN for
        one seed), and the number of ``seeds``.
    """
    grouped = cells.groupby(["data", "model"], sort=False)
    means = grouped.mean(numeric_only=True).drop(columns="seed")
    spread = grouped[list(PERCENT)].std().add_suffix("_sd")
    return means.join(spread).join(grouped.size().rename("seeds")).reset_index()


def published(data: str) -> pd.DataFrame:
    """Give the published rows of an instrument, shares in place of percent; none for others.

    References
    ----------
    Panaiotis et al. (2026), doi:10.5194/essd-18-945-2026: other and larger learning sets.
    """
    table = pd.read_csv(str(files("seston.learn.comparing") / "grids" / "published.csv"))
    table = table[table["data"] == data].drop(columns="data").set_index("model")
    return (table / 100).reset_index()


def as_markdown(board: pd.DataFrame, of: Sequence[str] | None = None) -> str:
    """Write the tables, one for each data set, with the published rows of the instrument."""
    parts = []
    for data in of or list(dict.fromkeys(board["data"])):
        own = board[board["data"] == data]
        known = [column for column in HEADINGS if own[column].notna().any()]
        parts += [f"### {data}", "", *_table(own, known), ""]
        if len(theirs := published(data)):
            columns = [c for c in HEADINGS if c in theirs]
            parts += ["Published, on another and larger set:", "", *_table(theirs, columns), ""]
    return "\n".join(parts)


def _table(rows: pd.DataFrame, columns: list[str]) -> list[str]:
    lines = ["| " + " | ".join(HEADINGS[c] for c in columns) + " |", "|---" * len(columns) + "|"]
    for _, row in rows.iterrows():
        lines.append("| " + " | ".join(_cell(row, column) for column in columns) + " |")
    return lines


def _cell(row: pd.Series[Any], column: str) -> str:
    value = row[column]
    if pd.isna(value):
        return ""
    if column in PERCENT:
        spread = row.get(f"{column}_sd", np.nan)
        return f"{100 * value:.1f}" + ("" if np.isnan(spread) else f" ± {100 * spread:.1f}")
    if column == "parameters":
        return f"{value / 1e6:.2f}"
    if column in {"joules_per_image", "cost_per_million"}:
        return f"{value:.3g}"
    return f"{value:.0f}" if column in {"images_per_s", "training_s"} else str(value)
