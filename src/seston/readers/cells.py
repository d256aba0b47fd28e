"""Cells of text as numbers, fast: large tables of text are read cell by cell."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def as_number(cell: str) -> float:
    """Read a number; a decimal comma is understood, and what is none, or infinite, is NaN."""
    if not cell:  # most cells of some tables, and an exception takes time
        return math.nan
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
    texts = list(cells)
    try:
        numbers = np.fromiter(map(float, texts), np.float64, len(texts))
    except ValueError:  # some are none
        return np.fromiter(map(as_number, texts), np.float64, len(texts))
    numbers[~np.isfinite(numbers)] = np.nan
    return numbers
