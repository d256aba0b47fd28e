"""What a grid found, as the table of the talk: model, size, accuracy, precision, recall."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seston.learn.comparing.cells import read_cell
from seston.learn.comparing.grid import MEASURED, Grid

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

    Raises
    ------
    StoreError
        The file of a cell is damaged.
    """
    rows = []
    for cell in grid.cells():
        facts = read_cell(out, cell)
        if facts is not None:
            rows.append({"data": cell.data, "model": name(*cell.model), "seed": cell.seed,
                         **facts["metrics"], **_costs(facts)})  # fmt: skip
    return pd.DataFrame(rows, columns=["data", "model", "seed", *list(rows[0])[3:]] if rows else [])


def _costs(facts: dict[str, Any]) -> dict[str, Any]:
    costs = {key: facts[key] for key in ("parameters", "images_per_s", "training_s", "n_test")}
    joules = facts.get("joules_per_image")
    return costs | {"joules_per_image": np.nan if joules is None else joules}


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
    if column == "joules_per_image":
        return f"{value:.3g}"
    return f"{value:.0f}" if column in {"images_per_s", "training_s"} else str(value)
