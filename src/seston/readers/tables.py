"""Tables of times, positions and sensors: CSV with units in a row of their own or in the names."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd

from seston.errors import InputError
from seston.readers import columns
from seston.variables import FLAGS, NOT_CHECKED

_MAX_BYTES = 1 << 31
_DELIMITERS = (",", ";", "\t")
#: Names of the column that tells which picture or video a row speaks of.
FILE = frozenset({"file", "filename", "file_name", "image", "frame", "picture", "path"})
#: Names of the column that numbers the frames of a video.
NUMBER = ("frame_index", "frame_number", "index_in_file", "index", "frame")

#: Names of the column that tells which cast a row is of.
SAMPLE = frozenset({"sample", "cast", "station", "profile", "haul"})
_QUALITY = frozenset({"flag", "qc", "quality"})


def read(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Read a CSV of times, positions and sensors.

    Parameters
    ----------
    path : Path
        Comma, semicolon or tab between cells, UTF-8 or latin-1. A column ``time`` (ISO 8601, UTC
        unless it says otherwise), ``date``, or both; any of depth, pressure, temperature, salinity,
        fluorescence, chlorophyll, oxygen, irradiance, latitude, longitude and speed with its unit
        in the second row or in the name (``depth_m``, ``oxygen (ml/l)``); ``file`` where rows
        speak of pictures or videos, ``frame`` beside it where they speak of single frames of a
        video, numbered from 0; ``sample`` where they are of casts; ``temperature_flag`` (or
        ``_qc``) for the quality of the temperature, and so on: 1 good, 3 suspect, 4 bad,
        9 missing, else not checked. Lines that begin with # are skipped.

    Returns
    -------
    table : DataFrame
        ``time`` (datetime64[ns], NaT where a row tells none), ``file`` (str) and ``frame``
        (float, NaN where it is no number) where they are there, and the other columns in the
        registry's units (see `columns`).
    problems : list of str
        Cells that were left out, each with the reason.

    Raises
    ------
    InputError
        The file is empty or not text, has no time, a column without a unit or with one that is
        not known, or a column twice.
    """
    raw = _raw(path)
    raw, units = _split_units(raw)
    table, problems = _translate(raw, units, path)
    time, late = _times(raw, path)
    problems += [f"{path.name}: {late} rows without a time that can be read"] * bool(late)
    table.insert(0, "time", time)
    name, number = _of_frames(list(raw.columns))
    if number is not None:
        table.insert(1, "frame", columns.numbers(raw[number]))
        bad = columns.unreadable(raw[number], table["frame"].to_numpy())
        problems += [f"{path.name}: {bad} cells of `{number}` are no numbers"] * bool(bad)
    if name is not None:
        table.insert(1, "file", raw[name].str.strip())
    cast = next((n for n in raw.columns if n.strip().lower() in SAMPLE), None)
    if cast is not None:
        table.insert(1, "sample", raw[cast].str.strip())
    return table.assign(**_flags(raw)), problems


def _of_frames(names: list[str]) -> tuple[str | None, str | None]:
    """Name the columns of files and of the numbers of their frames.

    A column ``frame`` names files, unless another does.
    """
    known = {name.strip().lower(): name for name in reversed(names)}
    file = next((n for n in names if n.strip().lower() in FILE - {"frame"}), known.get("frame"))
    number = next((known[n] for n in NUMBER if n in known and known[n] != file), None)
    return file, number if file is not None else None


def tells_files(path: Path) -> bool:
    """Say whether a file is a table whose rows speak of pictures: its names alone are read."""
    try:
        with path.open("rb") as file:
            names = _names(file.read(1 << 14).removeprefix(b"\xef\xbb\xbf").decode("latin-1"))
    except OSError:
        return False
    return any(name.lower() in FILE for name in names)


def _names(head: str) -> list[str]:
    """Names of the columns of a text that is a table."""
    first = next((s for s in head.splitlines() if s.strip() and not s.lstrip().startswith("#")), "")
    delimiter = max(_DELIMITERS, key=first.count)
    return [name.strip().strip('"') for name in first.split(delimiter)]


def looks_alike(path: Path, head: str) -> bool:
    """Say whether a text begins as such a table.

    A CSV with a column that is understood will do, so that what it lacks can be told; any other
    text needs a time besides.
    """
    names = _names(head)
    found = [c for c in map(columns.understand, names) if c is not None]
    timed = any(c.name == "time" for c in found) or "date" in map(str.lower, names)
    sensors = [c for c in found if c.name != "time"]
    filed = any(name.lower() in FILE for name in names)
    if path.suffix.lower() == ".csv":
        return any(c.factor is not None for c in sensors) or (timed and (filed or bool(sensors)))
    return timed and any(c.factor is not None for c in sensors)


def _flags(raw: pd.DataFrame) -> dict[str, columns.Float]:
    """Translate columns of quality; a code that is not known counts as not checked."""
    flags = {}
    for header in raw.columns:
        label, _, kind = header.strip().rpartition("_")
        column = columns.understand(label) if kind.lower() in _QUALITY and label else None
        if column is None or column.name == "time":
            continue
        codes = columns.numbers(raw[header])
        known = np.isin(codes, list(FLAGS))
        name = f"{column.name.removesuffix('_per_kg')}_flag"
        flags[name] = np.where(known, codes, float(NOT_CHECKED))
    return flags


def _raw(path: Path) -> pd.DataFrame:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError("larger than 2 GB: too large for a table of positions", where=path)
        text = _decoded(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from None
    lines = [s for s in text.splitlines() if s.strip() and not s.lstrip().startswith("#")]
    if len(lines) < 2:
        raise InputError("the table has no rows", where=path)
    if "\0" in text:
        raise InputError("not a text file", where=path)
    delimiter = max(_DELIMITERS, key=lines[0].count)
    try:
        rows = list(csv.reader(lines, delimiter=delimiter))
    except csv.Error as error:
        raise InputError(f"not a CSV: {error}", where=path) from None
    names = [name.strip() for name in rows[0]]
    twice = {name for name in names if name and names.count(name) > 1}
    if twice:
        raise InputError(f"column `{min(twice)}` stands twice", where=path)
    empty = [""] * len(names)
    cells = [(row + empty)[: len(names)] for row in rows[1:]]
    return pd.DataFrame(cells, columns=pd.Index(names), dtype=str)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _split_units(raw: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """Take the first row as units where it holds no number (but 1, salinity's) and no time."""
    first = raw.iloc[0].str.strip()
    values = first[first != ""]
    numeric = pd.to_numeric(values.str.replace(",", ".", regex=False), errors="coerce").notna()
    dated = values.str.match(r"\d{4}-\d\d-\d\d|\d\d?[:/]\d\d")
    headers = pd.Series([columns.understand(str(h)) for h in values.index], values.index)
    ones = headers.map(lambda c: c is not None and c.name == "salinity") & (values == "1")
    if (numeric & ~ones).any() or dated.any() or values.empty:
        return raw, {}
    return raw.iloc[1:].reset_index(drop=True), {str(k): v for k, v in first.items()}


def _translate(
    raw: pd.DataFrame, units: dict[str, str], path: Path
) -> tuple[pd.DataFrame, list[str]]:
    found: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
    problems = []
    for header in raw.columns:
        column = columns.understand(header, units.get(header) or None)
        quality = header.strip().rpartition("_")[2].lower() in _QUALITY
        if column is None or column.name == "time" or quality:
            continue
        if column.factor is None:
            raise _unknown_unit(header, column, path)
        if column.name in found:
            raise InputError(f"two columns tell the {column.name}", where=path)
        values = columns.numbers(raw[header])
        bad = columns.unreadable(raw[header], values)
        problems += [f"{path.name}: {bad} cells of `{header}` are no numbers"] * bool(bad)
        found[column.name] = values * column.factor
    return pd.DataFrame(found, index=raw.index), problems


def _unknown_unit(header: str, column: columns.Column, path: Path) -> InputError:
    what = f"has the unit `{column.unit}`, which is not known" if column.unit else "has no unit"
    return InputError(
        f"column `{header}` {what}",
        where=path,
        cure=f"Write it in the name, as in `{header} (unit)`, or in a second row of units; "
        f"understood are: {columns.units_of(column.name)}.",
    )


def _times(raw: pd.DataFrame, path: Path) -> tuple[pd.Series[pd.Timestamp], int]:
    names = {name.strip().lower(): name for name in raw.columns}
    header = next(
        (n for n in raw.columns if (c := columns.understand(n)) and c.name == "time"), None
    )
    header = header or names.pop("date", None)
    if header is None:
        raise InputError(
            "no column `time`", where=path, cure="Times are ISO 8601: 2024-03-19T12:58:20.186Z."
        )
    text = raw[header].str.strip()
    if "date" in names:
        text = raw[names["date"]].str.strip() + "T" + text
    time = pd.to_datetime(text, format="ISO8601", utc=True, errors="coerce").dt.tz_localize(None)
    time = columns.nanoseconds(time)
    late = int((time.isna() & ~text.str.lower().isin(columns.MISSING)).sum())
    if time.isna().all():
        raise InputError(
            f"no cell of `{header}` is a time",
            where=path,
            cure="Times are ISO 8601: 2024-03-19T12:58:20.186Z.",
        )
    return time, late
