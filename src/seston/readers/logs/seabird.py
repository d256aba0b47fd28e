"""Sea-Bird files: ``.cnv`` (scans of a cast) and ``.btl`` (means at each bottle).

Both begin with lines of ``*`` and ``#``. In a ``.cnv`` these name the columns with their units, and
``*END*`` stands before the rows; numbers are 11 characters wide and may touch each other. In a
``.btl`` the columns are named by Sea-Bird's short names alone, 11 characters wide after the
bottle (10) and the date (12). Each file is a cast, named as the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.errors import InputError
from seston.readers import columns
from seston.readers.logs.text import Records, after, degrees_and_minutes, read_text
from seston.variables import BAD, MISSING, NOT_CHECKED

Float = NDArray[np.float64]

_WIDTH = 11
_BOTTLE, _DATE = 10, 12
_NEVER = np.datetime64("NaT", "ns")
_MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
        start=1,
    )
}
_TIME = re.compile(r"([A-Za-z]{3})\w* +(\d{1,2}) +((?:19|20)\d\d)(?: +(\d{1,2}):(\d\d):(\d\d))?")
_NAMED = re.compile(r"^#\s*name\s+(\d+)\s*=\s*([^:]+?)\s*(?::\s*(.*?))?\s*$", re.MULTILINE)
_UNIT = re.compile(r"\[([^\]]*)\]")
#: The first words of a column's long name, and what they name here.
_WORDS: Mapping[str, str] = MappingProxyType({
    "pressure": "pressure", "temperature": "temperature", "salinity": "salinity",
    "depth": "depth", "oxygen": "oxygen", "fluorescence": "fluorescence",
    "latitude": "latitude", "longitude": "longitude", "par/irradiance": "irradiance",
})  # fmt: skip
#: Sensors that fluoresce at something else.
_NOT_CHLOROPHYLL = ("cdom", "uranine", "rhodamine", "phyco", "fluorescein", "hydrocarbon")
#: Short names, where no unit is written: what they are and in which unit (from real headers).
_CODES: Mapping[str, tuple[str, str]] = MappingProxyType({
    **dict.fromkeys(("prdm", "prm", "prsm", "pr50m", "pr"), ("pressure", "db")),
    **dict.fromkeys(("depsm", "depfm"), ("depth", "m")),
    **dict.fromkeys(("t090c", "t190c", "tv290c", "tnc90c"), ("temperature", "deg c")),
    **dict.fromkeys(("t068c", "t168c", "tv268c"), ("temperature", "its-68, deg c")),
    **dict.fromkeys(("sal00", "sal11"), ("salinity", "psu")),
    **dict.fromkeys(("sbeox0ml/l", "sbeox1ml/l"), ("oxygen", "ml/l")),
    **dict.fromkeys(("sbeox0mg/l", "sbeox1mg/l"), ("oxygen", "mg/l")),
    **dict.fromkeys(("sbeox0mm/kg", "sbeox1mm/kg", "sbox0mm/kg"), ("oxygen", "umol/kg")),
    **dict.fromkeys(("sbeox0mm/l", "sbeox1mm/l"), ("oxygen", "umol/l")),
    "fleco-afl": ("fluorescence", "mg/m^3"), "flcuva": ("fluorescence", "ug/l"),
    "wetstar": ("fluorescence", "mg/m^3"),
    "latitude": ("latitude", "deg"), "longitude": ("longitude", "deg"),
})  # fmt: skip
#: The international temperature scales of 1968 and 1990 differ by this factor (Saunders 1990).
_T68_TO_T90 = 1 / 1.00024
#: Columns of time: seconds in a unit, from the start of the cast or from a date of their own. The
#: dates are Sea-Bird's as they are commonly described; no file at hand has a column of them.
_FROM_START = MappingProxyType({"times": 1.0, "timem": 60.0, "timeh": 3600.0})
_FROM_DATE = MappingProxyType({
    "timek": "2000-01-01", "timeq": "2000-01-01", "timen": "1970-01-01", "timey": "1970-01-01",
})  # fmt: skip
_JULIAN = frozenset({"timej", "timejv2"})


def is_cnv(path: Path, head: str) -> bool:
    """Look for Sea-Bird's first line and names of columns; the header may be long."""
    return head.startswith("* Sea-Bird") and (
        path.suffix.lower() == ".cnv"
        or re.search(r"^# name \d+ = ", head, re.MULTILINE) is not None
    )


def is_btl(path: Path, head: str) -> bool:
    """Look for Sea-Bird's first line in a file of bottles."""
    return head.startswith("* Sea-Bird") and path.suffix.lower() == ".btl"


# --------------------------------------------------------------------------------------- casts
def read_cnv(path: Path) -> Records:
    """Read the scans of a cast.

    Returns
    -------
    table : DataFrame
        ``time``, ``sample``, sensors and their flags. Scans that Sea-Bird's programs marked are
        bad, except in pressure, depth and position; the file's word for a missing value is NaN.
    problems : list of str

    Raises
    ------
    InputError
        There is no end of the header, no name of a column, or no row.
    """
    head, body = _split(read_text(path), path)
    names = {int(n): (code, text or "") for n, code, text in _NAMED.findall(head)}
    if sorted(names) != list(range(len(names))) or not names:
        raise InputError(
            "the header does not name all columns", where=path, cure="It may be cut or edited."
        )
    values, problems = _scans(body, len(names), path)
    promised = _number(_said(head, "nvalues"))
    if np.isfinite(promised) and promised != len(values):
        problems.append(f"{path.name}: {len(values)} of the {promised:.0f} scans of the header")
    absent = _number(_said(head, "bad_flag"))
    values = np.where(values == absent, np.nan, values)
    used, left = _columns([names[i] for i in range(len(names))])
    problems += [f"{path.name}: {text}" for text in left]
    table = pd.DataFrame({n: values[:, i] * factor for n, (i, factor) in used.items()})
    marked = _marked(names, values)
    for name in used:
        fixed = name in ("pressure", "depth", "latitude", "longitude")
        flags = np.where(marked & (not fixed), BAD, NOT_CHECKED)
        table[_flag(name)] = np.where(table[name].isna(), MISSING, flags)
    time, own, doubts = _times(head, names, values)
    problems += [f"{path.name}: {text}" for text in doubts]
    placed = _placed(table, head, path, time)
    return (placed if own else placed.assign(time_flag=MISSING)), problems


def _split(text: str, path: Path) -> tuple[str, list[str]]:
    head, end, body = text.partition("*END*")
    if not end:
        raise InputError("the header has no end (`*END*`)", where=path, cure="It may be cut.")
    lines = [line for line in body.split("\n")[1:] if line.strip()]
    if not lines:
        raise InputError("the cast has no scan", where=path)
    return head, lines


def _said(head: str, key: str) -> str:
    match = re.search(rf"^#\s*{key}\s*=\s*(.*?)\s*$", head, re.MULTILINE)
    return match[1] if match else ""


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _scans(lines: Sequence[str], count: int, path: Path) -> tuple[Float, list[str]]:
    """Parse the rows: by their width where it fits, so that numbers may touch, else by blanks."""
    rows, bad = [], 0
    for line in lines:
        cells = _cells(line.rstrip(), count)
        if len(cells) == count:
            rows.append([_number(cell) for cell in cells])
        else:
            bad += 1
    if not rows:
        raise InputError(f"no row has {count} numbers, as the header promises", where=path)
    values = np.array(rows, np.float64)
    values[~np.isfinite(values)] = np.nan
    return values, [f"{path.name}: {bad} rows are damaged: left out"] * (bad > 0)


def _cells(line: str, count: int) -> list[str]:
    if len(line) == _WIDTH * count:
        return [line[i : i + _WIDTH] for i in range(0, len(line), _WIDTH)]
    return line.split()


def _columns(
    names: Sequence[tuple[str, str]],
) -> tuple[dict[str, tuple[int, float]], list[str]]:
    """Choose the column of each quantity: the first whose unit is known; tell what has none."""
    used: dict[str, tuple[int, float]] = {}
    without: dict[str, str] = {}
    for i, (code, text) in enumerate(names):
        found = _quantity(code, text)
        if found is None:
            continue
        quantity, unit = found
        scale = _T68_TO_T90 if "68" in unit and quantity == "temperature" else 1.0
        column = columns.column(quantity, _plain(unit))
        if column.factor is None:
            without.setdefault(quantity, f"column `{code}` is not used: its unit is `{unit}`")
        elif column.name not in used:
            used[column.name] = (i, column.factor * scale)
    kinds = {n.removesuffix("_per_kg").replace("chlorophyll", "fluorescence") for n in used}
    return used, [text for quantity, text in without.items() if quantity not in kinds]


def _quantity(code: str, text: str) -> tuple[str, str] | None:
    """Name what a column holds, and its unit as written."""
    if any(word in f"{code} {text}".lower() for word in _NOT_CHLOROPHYLL):
        return None
    unit = _UNIT.search(text)
    word = re.split(r"[,\[]", text)[0].strip().lower()
    if word in _WORDS and (unit is not None or word == "par/irradiance"):
        return _WORDS[word], unit[1] if unit else ""
    return _CODES.get(code.strip().lower()) if not text else None


def _plain(unit: str) -> str:
    """Leave out of a unit what is no unit: the scale of the temperature, the kind of water."""
    parts = [part.strip() for part in unit.split(",")]
    scales = ("its-90", "its-68", "ipts-68", "salt water", "fresh water")
    return next((part for part in reversed(parts) if part.lower() not in scales), unit)


def _flag(name: str) -> str:
    return f"{name.removesuffix('_per_kg')}_flag"


def _marked(names: Mapping[int, tuple[str, str]], values: Float) -> NDArray[np.bool_]:
    """Say which scans a program marked: its flag is then the word for a missing value."""
    column = next((i for i, (code, _) in names.items() if code.strip().lower() == "flag"), None)
    if column is None:
        return np.zeros(len(values), np.bool_)
    marked: NDArray[np.bool_] = ~(values[:, column] == 0)
    return marked


def _times(
    head: str, names: Mapping[int, tuple[str, str]], values: Float
) -> tuple[NDArray[np.datetime64], bool, list[str]]:
    """Time of each scan, whether it is its own, and what is doubtful of it.

    It is told by a column of time, or by the interval; else the scan has that of the cast.
    """
    said = _said(head, "start_time")
    start = parse_time(said) if said else parse_time(_nmea(head, "UTC"))
    sure = not said or re.search("NMEA|UTC", said) or _utc_in_header(head, start)
    doubt = [] if sure else ["its start_time is not said to be UTC: taken as such"]
    for i, (code, _) in names.items():
        key = code.strip().lower()
        if key in _FROM_START:
            return after(start, values[:, i] * _FROM_START[key]), True, doubt
        if key in _FROM_DATE:
            return after(np.datetime64(_FROM_DATE[key], "ns"), values[:, i]), True, []
        if key in _JULIAN and not np.isnat(start):
            return after(start.astype("datetime64[Y]"), (values[:, i] - 1) * 86_400), True, doubt
    interval = re.match(r"seconds:\s*(\S+)", _said(head, "interval"))
    if interval and not np.isnat(start):
        return after(start, np.arange(len(values)) * _number(interval[1])), True, doubt
    why = (
        "no time is told at all" if np.isnat(start) else "scans tell no time: they have the cast's"
    )
    return np.full(len(values), start), False, [*doubt, why]


def _utc_in_header(head: str, start: np.datetime64) -> bool:
    """Say whether the header's UTC agrees with the start to a quarter of an hour."""
    utc = parse_time(_nmea(head, "UTC"))
    return bool(abs(utc - start) < np.timedelta64(15, "m"))


def _nmea(head: str, key: str) -> str:
    match = re.search(rf"^\*\s*NMEA {key}[^=\n]*=\s*(.*?)\s*$", head, re.MULTILINE)
    return match[1] if match else ""


def parse_time(text: str) -> np.datetime64:
    """Parse ``Aug 28 2008 12:33:46``, English on every computer; NaT if it is none."""
    match = _TIME.search(text)
    if match is None or match[1].lower() not in _MONTHS:
        return _NEVER
    clock = f"{int(match[4]):02d}:{match[5]}:{match[6]}" if match[4] else "00:00:00"
    try:
        date = f"{match[3]}-{_MONTHS[match[1].lower()]:02d}-{int(match[2]):02d}"
        return np.datetime64(f"{date}T{clock}", "ns")
    except ValueError:
        return _NEVER


def _placed(
    table: pd.DataFrame, head: str, path: Path, time: NDArray[np.datetime64]
) -> pd.DataFrame:
    """Add time, name and position of the cast; a position in columns stands."""
    table.insert(0, "time", time)
    table.insert(1, "sample", path.stem)
    for name, key in (("latitude", "Latitude"), ("longitude", "Longitude")):
        place = degrees_and_minutes(_nmea(head, key))
        if name not in table and np.isfinite(place):
            table[name] = place
    return table


# ------------------------------------------------------------------------------------- bottles
def read_btl(path: Path) -> Records:
    """Read the means at each bottle of a cast.

    Returns
    -------
    table : DataFrame
        ``time``, ``sample`` and sensors; a row for each bottle.
    problems : list of str

    Raises
    ------
    InputError
        There is no line of columns, or no bottle.
    """
    lines = read_text(path).split("\n")
    head = "\n".join(line for line in lines if line.startswith(("*", "#")))
    body = [line for line in lines if line.strip() and not line.startswith(("*", "#"))]
    if not body or not body[0].split()[:2] == ["Bottle", "Date"]:
        raise InputError("no line of columns that begins with `Bottle  Date`", where=path)
    names = [(name, "") for name in _fields(body[0])]
    rows = [i for i, line in enumerate(body) if line.rstrip().endswith("(avg)")]
    if not rows:
        raise InputError("no bottle, that is no row that ends with (avg)", where=path)
    used, _ = _columns(names)
    cells = [[*_fields(body[i]), *[""] * len(names)][: len(names)] for i in rows]
    values = np.array([[_number(cell.split("(")[0]) for cell in row] for row in cells])
    values[~np.isfinite(values)] = np.nan
    table = pd.DataFrame({n: values[:, i] * factor for n, (i, factor) in used.items()})
    time = np.array([_bottle_time(body, i) for i in rows], "datetime64[ns]")
    missed = int(np.isnat(time).sum())
    problems = [f"{path.name}: {missed} bottles tell no time"] * (missed > 0)
    return _placed(table, head, path, time), problems


def _fields(line: str) -> list[str]:
    """Cells after the bottle and the date."""
    rest = line.rstrip()[_BOTTLE + _DATE :]
    return [rest[i : i + _WIDTH].strip() for i in range(0, len(rest), _WIDTH)]


def _bottle_time(body: Sequence[str], row: int) -> np.datetime64:
    """Time of a bottle: the date in its first row, the clock in the next."""
    clock = body[row + 1].split()[:1] if row + 1 < len(body) else []
    text = " ".join([body[row][: _BOTTLE + _DATE + 4].strip(), *clock])
    match = re.search(r"([A-Za-z]{3} +\d{1,2} +\d{4}).*?(\d\d:\d\d:\d\d)", text)
    return parse_time(f"{match[1]} {match[2]}") if match else _NEVER
