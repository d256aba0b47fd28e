"""Cells of text as numbers, fast: large tables of text are read cell by cell."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def as_number(cell: str) -> float:
    """Read a number; a decimal comma is understood, and what is none, or infinite, is NaN."""
    try:
        value = float(cell)
    except ValueError:
        try:
            value = float(cell.replace(",", "."))
        except ValueError:
            return math.nan
    return value if math.isfinite(value) else math.nan


def as_numbers(cells: Iterable[str]) -> NDArray[np.float64]:
    """Read many numbers; see `as_number`."""
    return np.fromiter((as_number(cell) for cell in cells), np.float64)
