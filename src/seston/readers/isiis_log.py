"""The log of an ISIIS: CTD and navigation, as the vehicle's program writes them.

Ten lines of header, a line of columns, then rows; latin-1, tabs. The rows tell the time of the
day only: the date stands in the header (``Date: 07/25/13``) and rolls over at midnight.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.errors import InputError
from seston.readers import columns

_NAME = re.compile(r"ISIIS(?P<year>20\d\d)(?P<month>\d\d)(?P<day>\d\d)\d{4}.*\.txt", re.IGNORECASE)
_DATE = re.compile(r"Date:\s*(?P<month>\d\d)/(?P<day>\d\d)/(?P<year>\d\d)\b")
_HEADER_LINES = 50
_MAX_BYTES = 1 << 31
_DAY_S = 86_400.0
#: A clock that falls back by more than this has passed midnight; by less it has jumped.
_MIDNIGHT_S = 43_200.0


def matches(path: Path) -> bool:
    """Say whether a file is named as such a log."""
    return _NAME.fullmatch(path.name) is not None


def looks_alike(head: str) -> bool:
    """Say whether a text begins as such a log: a date, and a line of columns with tabs."""
    lines = head.replace("\r", "\n").split("\n")[:_HEADER_LINES]
    dated = any(_DATE.search(line) for line in lines)
    return dated and any(line.lower().startswith("time\t") for line in lines)


def read(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Read a log.

    Returns
    -------
    table : DataFrame
        ``time`` (datetime64[ns], UTC) and the columns that are understood, in the registry's
        units (see `columns`).
    problems : list of str
        Rows and columns that were left out, each with the reason.

    Raises
    ------
    InputError
        The file has no line of columns, no date, or no row with a time.
    """
    lines = _lines(path)
    head = _header(lines, path)
    date = _date(lines[:head], path)
    raw = _rows(lines, head, path)
    table, problems = _translate(raw, path)
    problems += [f"{path.name}: the last row does not end; its last cell is left out"] * bool(
        lines[-1]
    )
    time, jumps = _times(raw["Time"], date)
    problems += [f"{path.name}: {jumps} rows whose clock falls back"] * bool(jumps)
    unread = int(np.isnat(time).sum()) - jumps
    problems += [f"{path.name}: {unread} rows without a time"] * (unread > 0)
    if np.isnat(time).all():
        raise InputError("no row tells a time as HH:MM:SS.ff", where=path)
    return table.assign(time=time).dropna(subset="time"), problems


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError("larger than 2 GB: not a log of an ISIIS", where=path)
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from None
    return data.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _header(lines: list[str], path: Path) -> int:
    for number, line in enumerate(lines[:_HEADER_LINES]):
        if line.split("\t")[0].strip().lower() == "time" and "\t" in line:
            return number
    raise InputError(
        f"no line of columns that begins with `Time` in the first {_HEADER_LINES} lines",
        where=path,
        cure="The log may be cut, or of another instrument.",
    )


def _date(head: list[str], path: Path) -> np.datetime64:
    parts = next((m for line in head if (m := _DATE.search(line))), None)
    match = parts or _NAME.fullmatch(path.name)
    if match is not None:
        year = match["year"] if len(match["year"]) == 4 else f"20{match['year']}"
        try:
            return np.datetime64(f"{year}-{match['month']}-{match['day']}", "ns")
        except ValueError:
            pass
    raise InputError(
        "neither the header (`Date: MM/DD/YY`) nor the name (ISIISYYYYMMDDHHMM.txt) tells the date",
        where=path,
    )


def _rows(lines: list[str], head: int, path: Path) -> pd.DataFrame:
    """Rows as text; one that was cut or has too many cells keeps those that stand in place."""
    names = [name.strip() for name in lines[head].split("\t")]
    names[0] = "Time"
    body = [line for line in lines[head + 1 :] if line.strip()]
    if not body:
        raise InputError("the log has no rows", where=path)
    if lines[-1]:  # the last row does not end: its last cell may be half a number
        body[-1] = body[-1].rpartition("\t")[0]
    empty = [""] * len(names)
    cells = [(line.split("\t") + empty)[: len(names)] for line in body]
    return pd.DataFrame(cells, columns=pd.Index(_unique(names)), dtype=str)


def _unique(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
    count = dict.fromkeys(seen, 0)
    unique = []
    for name in names:
        count[name] += 1
        unique.append(name if count[name] == 1 else f"{name}#{count[name]}")
    return unique


def _translate(raw: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, list[str]]:
    found, problems = {}, []
    for header in raw.columns[1:]:
        column = columns.understand(str(header))
        if column is None or column.name in found or column.name == "time":
            continue
        if column.factor is None:
            problems.append(
                f"{path.name}: column `{header}` is not used: its unit is none of "
                f"{columns.units_of(column.name)}"
            )
            continue
        values = columns.numbers(raw[header])
        bad = columns.unreadable(raw[header], values)
        problems += [f"{path.name}: {bad} cells of `{header}` are no numbers"] * bool(bad)
        found[column.name] = values * column.factor
    return pd.DataFrame(found, index=raw.index), problems


def _times(clock: pd.Series[str], date: np.datetime64) -> tuple[NDArray[np.datetime64], int]:
    """Give the times of the rows; NaT where a row tells none, or where the clock fell back.

    Returns
    -------
    array (row), datetime64[ns]
    int
        Rows whose clock fell back by less than half a day.
    """
    seconds = _seconds(clock)
    known = np.flatnonzero(np.isfinite(seconds))
    unrolled = seconds[known]
    unrolled = unrolled + _DAY_S * np.cumsum(np.diff(unrolled, prepend=unrolled[:1]) < -_MIDNIGHT_S)
    forward = unrolled >= np.maximum.accumulate(unrolled) if len(unrolled) else unrolled == 0
    time = np.full(len(clock), np.datetime64("NaT", "ns"))
    kept = known[forward]
    time[kept] = date + np.rint(unrolled[forward] * 1e9).astype("timedelta64[ns]")
    return time, int(np.count_nonzero(~forward))


def _seconds(clock: pd.Series[str]) -> NDArray[np.float64]:
    parts = clock.str.strip().str.extract(
        r"^(?P<h>[01]\d|2[0-3]):(?P<m>[0-5]\d):(?P<s>[0-5]\d(?:[.,]\d{1,9})?)$"
    )
    hours, minutes = (pd.to_numeric(parts[p]).to_numpy(np.float64) for p in "hm")
    seconds = pd.to_numeric(parts["s"].str.replace(",", ".", regex=False)).to_numpy(np.float64)
    return np.asarray(hours * 3600 + minutes * 60 + seconds, np.float64)
