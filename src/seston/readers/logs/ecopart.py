"""CTD of a cast as EcoPart takes it (``.ctd``) and gives it back (``…_CTD_raw_….tsv``).

Tabs, latin-1, one row of names with units in brackets; the sign of micro is often lost on the way
to the file. The file is named as the cast.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seston.errors import InputError
from seston.readers import columns
from seston.readers.logs.text import Records, read_text
from seston.variables import BAD, GOOD, MISSING, NOT_CHECKED

#: What the quality of a row speaks of: not its pressure and depth.
_QUALIFIED = frozenset({
    "temperature", "salinity", "fluorescence", "chlorophyll", "oxygen", "oxygen_per_kg",
    "irradiance",
})  # fmt: skip
_TIME = "time [yyyymmddhhmmssmmm]"
_QUALITY = "qc flag"
_HEAD = re.compile(r"^(?=[^\n]*\t)[^\n]*\b(pressure|depth)\b[^\t\n]*\[[^\]\n]*\]", re.IGNORECASE)
#: An EcoPart export names its cast before this.
_EXPORTED = re.compile(r"^\d{14}_(?P<name>.+)_CTD_raw_.*$")
_MICRO = re.compile(r"[\[\s](?:[?µμ\xb5\ufffd])(?=mol)", re.IGNORECASE)


def is_ctd(path: Path, head: str) -> bool:
    """Look for a first row of names with units in brackets, and tabs between them."""
    return path.suffix.lower() in (".ctd", ".tsv", ".txt") and _HEAD.match(head) is not None


def read_ctd(path: Path) -> Records:
    """Read the CTD of a cast.

    Returns
    -------
    table : DataFrame
        ``time`` (NaT where the file tells none), ``sample``, sensors and their flags. A quality
        of 0 is good; any other is bad.
    problems : list of str

    Raises
    ------
    InputError
        The file has no column of depth or pressure, or no row.
    """
    rows = [line.split("\t") for line in read_text(path).split("\n") if line.strip()]
    names = [name.strip() for name in rows[0]] if rows else []
    cells = [(row + [""] * len(names))[: len(names)] for row in rows[1:]]
    if not cells:
        raise InputError("the table has no rows", where=path)
    raw = pd.DataFrame(cells, columns=range(len(names)), dtype=str)
    table, problems = _sensors(raw, names, path)
    if not {"pressure", "depth"} & set(table):
        raise InputError(
            "no column of pressure or depth",
            where=path,
            cure="The first row names the columns, as in `Pressure in Water Column [db]`, with "
            "tabs between them.",
        )
    lower = [name.lower() for name in names]
    if _QUALITY in lower:
        add_quality(table, columns.numbers(raw[lower.index(_QUALITY)]))
    time = _times(raw[lower.index(_TIME)]) if _TIME in lower else _no_time(len(raw))
    untold = int(time.isna().sum())
    problems += [f"{path.name}: {untold} records tell no time"] * (untold > 0)
    table.insert(0, "time", time)
    exported = _EXPORTED.match(path.stem)
    table.insert(1, "sample", exported["name"] if exported else path.stem)
    return table, problems


def _sensors(raw: pd.DataFrame, names: Sequence[str], path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Translate columns; of two that tell the same the later fills the gaps of the first."""
    found: dict[str, pd.Series[float]] = {}
    problems = []
    for i, name in enumerate(names):
        column = columns.understand(_MICRO.sub(lambda m: m[0][0] + "u", name))
        if column is None or column.factor is None or column.name == "time":
            continue
        values = columns.numbers(raw[i])
        bad = columns.unreadable(raw[i], values)
        problems += [f"{path.name}: {bad} cells of `{name}` are no numbers"] * (bad > 0)
        series = pd.Series(values * column.factor, raw.index)
        found[column.name] = found.get(column.name, series).fillna(series)
    return pd.DataFrame(found, index=raw.index), problems


def add_quality(table: pd.DataFrame, quality: columns.Float) -> None:
    """Flag the sensors of a table by EcoPart's quality of each row: 0 is good, any other bad."""
    flag = np.where(quality == 0, GOOD, np.where(np.isnan(quality), NOT_CHECKED, BAD))
    for name in _QUALIFIED & set(table):
        told = np.where(table[name].isna(), MISSING, flag)
        table[f"{name.removesuffix('_per_kg')}_flag"] = told


def _times(cells: pd.Series[str]) -> pd.Series[Any]:
    stamp = cells.str.strip().str.replace(r"\.0*$", "", regex=True)
    whole = pd.to_datetime(stamp.str[:14], format="%Y%m%d%H%M%S", errors="coerce")
    parts = pd.to_numeric(stamp.str[14:17], errors="coerce").fillna(0).to_numpy(np.float64)
    return columns.nanoseconds(whole) + pd.to_timedelta(parts, unit="ms")


def _no_time(length: int) -> pd.Series[Any]:
    return pd.Series(np.full(length, np.datetime64("NaT", "ns")))
