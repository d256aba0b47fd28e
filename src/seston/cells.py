"""Tables of text as people write them: each cell stands under its header, or is told of."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pandas as pd


def read_cells(text: str, separator: str = ",") -> pd.DataFrame:
    r"""Read a table whose first line names its columns.

    Commas at the end of lines, as spreadsheets leave them, are no cells. (pandas would take the
    first column for an index there, and shift all others by one.)

    Parameters
    ----------
    text : str
    separator : str

    Returns
    -------
    DataFrame
        Of stripped text; empty where a line is shorter than the first. Columns without a name are
        left out.

    Raises
    ------
    ValueError
        There is no header, two columns have one name, a line has more cells than there are columns,
        or quotes are not closed.

    Examples
    --------
    >>> read_cells("label,name\na, A,\nb\n").to_dict("list")
    {'label': ['a', 'b'], 'name': ['A', '']}
    """
    lines = _lines(text, separator)
    header = [cell.strip() for cell in next(lines, (0, []))[1]]
    named = [i for i, name in enumerate(header) if name]
    if not named:
        raise ValueError("has no header")
    names = [header[i] for i in named]
    if len(set(names)) < len(names):
        raise ValueError(f"two columns are called {next(n for n in names if names.count(n) > 1)!r}")
    rows = []
    for number, cells in lines:
        if any(cell.strip() for cell in cells[len(header) :]):
            raise ValueError(f"line {number} has more cells than there are columns")
        rows.append([cells[i].strip() if i < len(cells) else "" for i in named])
    return pd.DataFrame(rows, columns=pd.Index(names), dtype=object)


def _lines(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Give number and cells of the lines that are not empty."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True
    )
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from None
