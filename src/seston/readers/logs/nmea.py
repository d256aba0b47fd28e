"""NMEA 0183: positions (GGA, RMC) and dates (ZDA, RMC) as a ship's receiver says them.

A line may begin with what a logger put there. A sentence whose checksum is wrong is left out; one
without a checksum too. GGA tells the time of the day only: its date is that of the last RMC or
ZDA, and of the first one for what stands before it.
"""

from __future__ import annotations

import re
from functools import reduce
from operator import xor
from pathlib import Path

import numpy as np
import pandas as pd

from seston.errors import InputError
from seston.readers.logs.text import Records, read_text
from seston.variables import BAD, GOOD

_SENTENCE = re.compile(r"\$([A-Z]{2}(?:GGA|RMC|ZDA),[^*$\n]*)\*([0-9A-Fa-f]{2})")
_KNOTS = 0.514444
_DAY = np.timedelta64(86_400_000_000_000, "ns")
_NOON = _DAY // 2
_HEAD = re.compile(r"\$[A-Z]{2}(GGA|RMC|ZDA),")


def is_nmea(path: Path, head: str) -> bool:  # noqa: ARG001 - all formats are asked alike
    """Look for a sentence that is used here."""
    return _HEAD.search(head) is not None


def read_nmea(path: Path) -> Records:
    """Read positions.

    Returns
    -------
    table : DataFrame
        ``time``, ``latitude``, ``longitude`` and their flags: bad without a fix. ``speed`` is not
        given: over ground is not through the water.
    problems : list of str

    Raises
    ------
    InputError
        No sentence is whole, or none tells the date.
    """
    text = read_text(path)
    said = [m.groups() for m in _SENTENCE.finditer(text)]
    good = [body.split(",") for body, check in said if _checksum(body) == int(check, 16)]
    whole = len(_HEAD.findall(text))
    problems = [f"{path.name}: {whole - len(good)} sentences are damaged: left out"] * (
        whole > len(good)
    )
    if not good:
        raise InputError("no sentence GGA, RMC or ZDA has a right checksum", where=path)
    rows = _rows(good)
    if not rows:
        raise InputError(
            "no sentence tells the date",
            where=path,
            cure="Log RMC or ZDA beside GGA, which tells the time of the day only.",
        )
    table = pd.DataFrame(rows, columns=["time", "latitude", "longitude", "fix"])
    table["time"] = table["time"].astype("datetime64[ns]")
    flag = np.where(table["fix"], GOOD, BAD)
    return table.drop(columns="fix").assign(latitude_flag=flag, longitude_flag=flag), problems


def _checksum(body: str) -> int:
    return reduce(xor, body.encode("latin-1", "replace"), 0)


def _rows(sentences: list[list[str]]) -> list[tuple[np.datetime64, float, float, bool]]:
    """Give each position its time: the clock of its sentence and the date around it."""
    dates = [_date(fields) for fields in sentences]
    last = next((date for date in dates if date is not None), None)
    if last is None:
        return []
    rows = []
    for fields, date in zip(sentences, dates, strict=True):
        clock = _clock(fields[1]) if len(fields) > 1 else None
        if clock is None:
            continue
        time = (date if date is not None else _near(last, clock)) + clock
        last = time
        if fields[0][2:] != "ZDA":
            rows.append((time, *_place(fields)))
    return rows


def _near(last: np.datetime64, clock: np.timedelta64) -> np.datetime64:
    """Give the day on which a clock is nearest to the last time: midnight may lie between."""
    day = last.astype("datetime64[D]").astype("datetime64[ns]")
    off = (day + clock) - last
    if last == day:  # a date alone, before any clock
        return np.datetime64(day)
    shift = 1 if off < -_NOON else -1 if off > _NOON else 0
    return np.datetime64(day + shift * _DAY)


def _clock(text: str) -> np.timedelta64 | None:
    match = re.fullmatch(r"([01]\d|2[0-3])([0-5]\d)([0-5]\d(?:\.\d{1,9})?)", text.strip())
    if match is None:
        return None
    seconds = int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
    return np.timedelta64(round(seconds * 1e9), "ns")


def _date(fields: list[str]) -> np.datetime64 | None:
    """Date that a sentence tells: RMC as ddmmyy (of this century), ZDA in three fields."""
    kind = fields[0][2:]
    if kind == "RMC" and len(fields) > 9 and re.fullmatch(r"\d{6}", fields[9]):
        text = f"20{fields[9][4:]}-{fields[9][2:4]}-{fields[9][:2]}"
    elif kind == "ZDA" and len(fields) > 4 and re.fullmatch(r"(19|20)\d\d", fields[4]):
        text = f"{fields[4]}-{fields[3]:0>2}-{fields[2]:0>2}"
    else:
        return None
    try:
        return np.datetime64(text, "ns")
    except ValueError:
        return None


def _place(fields: list[str]) -> tuple[float, float, bool]:
    """Latitude, longitude, and whether there was a fix."""
    rmc = fields[0][2:] == "RMC"
    at = 3 if rmc else 2
    padded = [*fields, *[""] * 10]
    fix = padded[2] == "A" if rmc else padded[6] not in ("", "0")
    latitude = _angle(padded[at], padded[at + 1], "N", "S", 90)
    longitude = _angle(padded[at + 2], padded[at + 3], "E", "W", 180)
    return latitude, longitude, fix and np.isfinite(latitude) and np.isfinite(longitude)


def _angle(text: str, side: str, positive: str, negative: str, limit: float) -> float:
    """Parse ddmm.mm: the last two digits before the point, and what follows, are minutes."""
    match = re.fullmatch(r"(\d{1,3})(\d\d(?:\.\d*)?)", text.strip())
    if match is None or side not in (positive, negative) or float(match[2]) >= 60:
        return float("nan")
    value = int(match[1]) + float(match[2]) / 60
    return float("nan") if value > limit else value if side == positive else -value
