"""Text files of ``key= value`` lines in sections, with a table in some: .pid, .zim, .zis, logs.

A table begins with a line that starts with ``!``, which names its columns; it goes on to the next
section or the end of the file.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seston.errors import InputError

#: Larger files are refused: a table of a scan's objects has some hundred kilobytes.
MAX_BYTES = 1 << 26
_SECTION = re.compile(r"^\[(?P<name>[^\]]{1,80})\]$")
_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$")


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of a table as they are written.

    Parameters
    ----------
    columns : tuple of str
        Names, in small letters.
    rows : list of list of str
        Each as long as `columns`.
    broken : list of int
        Lines of the file that have not as many cells as the table has columns.
    """

    columns: tuple[str, ...]
    rows: list[list[str]]
    broken: list[int]

    def records(self) -> list[dict[str, str]]:
        """Give each row by the names of its columns."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


@dataclass(frozen=True, slots=True)
class Keyed:
    """A file of keys, and of tables.

    Parameters
    ----------
    keys : mapping
        Values by section and key, both in small letters; a key that stands twice in a section
        keeps its first value.
    tables : mapping of Table
        By section.
    """

    keys: Mapping[tuple[str, str], str] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)

    def get(self, section: str, key: str) -> str:
        """Give a value as it is written; empty where it is not there."""
        return self.keys.get((section, key), "")

    def section(self, name: str) -> dict[str, str]:
        """Give the keys of a section and their values."""
        return {key: value for (section, key), value in self.keys.items() if section == name}


def read(path: Path) -> Keyed:
    """Read a file of keys.

    Raises
    ------
    InputError
        The file cannot be read, is too large, or is not text.
    """
    keys: dict[tuple[str, str], str] = {}
    tables: dict[str, Table] = {}
    section, delimiter = "", ";"
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if found := _SECTION.match(line.strip()):
            section = found["name"].strip().lower()
        elif line.startswith("!"):
            delimiter = delimiter_of(line)
            tables[section] = Table(names_of(line[1:], delimiter), [], [])
        elif section in tables:
            _add(tables[section], line, delimiter, number)
        elif "=" in line:
            key, value = line.split("=", 1)
            keys.setdefault((section, key.strip().lower()), value.strip())
    return Keyed(keys, tables)


def read_table(path: Path) -> Table:
    """Read a table whose first line names its columns: ``;``, tab or comma between the cells.

    Raises
    ------
    InputError
        The file cannot be read, is not text, is empty, or names a column twice.
    """
    lines = read_text(path).splitlines()
    if not lines or not lines[0].strip():
        raise InputError("the table has no header", where=path)
    delimiter = delimiter_of(lines[0])
    columns = names_of(lines[0], delimiter)
    twice = {name for name in columns if name and columns.count(name) > 1}
    if twice:
        raise InputError(f"column `{min(twice)}` stands twice", where=path)
    table = Table(columns, [], [])
    for number, line in enumerate(lines[1:], start=2):
        _add(table, line, delimiter, number)
    return table


def delimiter_of(header: str) -> str:
    """Say what stands between the cells of a table, by its header."""
    return max((";", "\t", ","), key=header.count)


def names_of(header: str, delimiter: str) -> tuple[str, ...]:
    """Give the names of a table's columns; empty ones at the end do not count."""
    names = [name.strip().lower() for name in _cells(header, delimiter)]
    while names and not names[-1]:
        names.pop()
    return tuple(names)


def _add(table: Table, line: str, delimiter: str, number: int) -> None:
    cells = _cells(line, delimiter)
    if not any(cells):
        return
    width = len(table.columns)
    if len(cells) < width or any(cells[width:]):
        table.broken.append(number)
    else:
        table.rows.append(cells[:width])


def _cells(line: str, delimiter: str) -> list[str]:
    """Split one line; a quotation mark that is not closed swallows no line after it."""
    try:
        cells = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        cells = line.split(delimiter)
    return [cell.strip() for cell in cells]


def read_text(path: Path) -> str:
    """Read a text file, UTF-8 (with or without a mark) or latin-1.

    Raises
    ------
    InputError
        The file cannot be read, is too large, or is not text.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"larger than {MAX_BYTES >> 20} MB: not read as text", where=path)
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from None
    if b"\0" in data:
        raise InputError("not a text file", where=path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def number(text: str) -> float:
    """Read a number, with a decimal point or comma; NaN where there is none.

    Examples
    --------
    >>> number("47,5"), number("1e3"), number("none")
    (47.5, 1000.0, nan)
    """
    text = text.strip()
    if text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    value = float(text) if _NUMBER.match(text) else math.nan
    return value if math.isfinite(value) else math.nan
