"""Text files of sensors: read with bounds, and their cells made numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.errors import InputError

#: What a reader of a file gives: records (see `environment.join`), and what was wrong.
Records = tuple[pd.DataFrame, list[str]]
MAX_BYTES = 1 << 31
_POSITION = re.compile(
    r"(?P<degrees>\d{1,3})(?:[ °:]+(?P<minutes>\d{1,2}(?:\.\d*)?))?[ ']*(?P<side>[NSEWnsew])"
)


def read_text(path: Path) -> str:
    """Read a text file in latin-1, or UTF-8 where a mark says so; lines end with a line feed.

    Raises
    ------
    InputError
        It cannot be read, is larger than 2 GB, or is no text.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError("larger than 2 GB: too large for a log", where=path)
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from None
    marked = data.startswith(b"\xef\xbb\xbf")
    text = data.decode("utf-8-sig", "replace") if marked else data.decode("latin-1")
    if "\0" in text:
        raise InputError("not a text file", where=path)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def comma_rows(text: str) -> list[list[str]]:
    """Cut lines that hold something at their commas; quotes around a cell are left out.

    Logs of numbers need no quotes: one that stands alone must not swallow the rows behind it.
    """
    lines = (line for line in text.split("\n") if line.strip(" ,"))
    return [[cell.strip().strip('"') for cell in line.split(",")] for line in lines]


def degrees_and_minutes(text: str) -> float:
    """Parse ``25 27.85 S`` as degrees, south and west negative; NaN where it is no position."""
    match = _POSITION.search(text)
    if match is None:
        return float("nan")
    minutes = float(match["minutes"] or 0)
    value = float(match["degrees"]) + minutes / 60
    side = match["side"].upper()
    if minutes >= 60 or value > (90 if side in "NS" else 180):
        return float("nan")
    return -value if side in "SW" else value


def after(start: np.datetime64, seconds: NDArray[np.floating[Any]]) -> NDArray[np.datetime64]:
    """Give times so many seconds after a start; NaT where they are NaN or beyond all reason."""
    times = np.full(len(seconds), np.datetime64("NaT", "ns"))
    good = np.isfinite(seconds) & (np.abs(seconds) < 4.7e9)  # 149 years
    if not np.isnat(start):
        times[good] = start.astype("datetime64[ns]") + np.rint(seconds[good] * 1e9).astype(
            "timedelta64[ns]"
        )
    return times
