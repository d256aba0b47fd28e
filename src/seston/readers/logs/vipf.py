"""Logs of an ISIIS by Bellamare: a folder for each sensor, ``CTD 1 Publisher`` and so on, of CSV.

The first column is the time in seconds since 1904-01-01 (UTC is taken). The files tell no units:
temperature in degrees Celsius, depth in metres, pressure in decibars and practical salinity are
taken, as the CTD's maker gives them; a value that no sea has is left out. Chlorophyll is 0.0121 x
(counts - 49) mg m-3. Positions are degrees and minutes, ddmm.mm, as NMEA writes them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from seston.errors import InputError
from seston.readers import columns
from seston.readers.logs.text import Records, after, comma_rows, read_text

_EPOCH = np.datetime64("1904-01-01", "ns")
_FOLDER = re.compile(r"(?P<sensor>.+?)(?: (?P<number>\d+))? Publisher")
_CTD = ("temperature", "pressure", "depth", "salinity")
_SCALE, _DARK = 0.0121, 49.0


def is_vipf(path: Path, head: str) -> bool:
    """Look for a folder of a publisher, and a time as the first column."""
    first = head.split("\n", 1)[0].split(",")[0].strip().strip('"').lower()
    return _FOLDER.fullmatch(path.parent.name) is not None and first == "time"


def first_of_each(files: Sequence[Path]) -> list[Path]:
    """Leave out the second sensor of a kind where there is a first one."""
    numbers: dict[str, int] = {}
    for file in files:
        sensor, number = _sensor(file)
        numbers[sensor] = min(number, numbers.get(sensor, number))
    return [file for file in files if _sensor(file)[1] == numbers[_sensor(file)[0]]]


def _sensor(path: Path) -> tuple[str, int]:
    match = _FOLDER.fullmatch(path.parent.name)
    if match is None:
        return path.parent.name, 0
    return match["sensor"], int(match["number"] or 0)


def read_vipf(path: Path) -> Records:
    """Read the log of one sensor.

    Returns
    -------
    table : DataFrame
        ``time``, and what the sensor tells in the registry's units; nothing but the time of a
        sensor that is not used here.
    problems : list of str

    Raises
    ------
    InputError
        The file has no row with a time.
    """
    rows = comma_rows(read_text(path))
    names = [name.strip() for name in rows[0]] if rows else []
    whole = [row for row in rows[1:] if len(row) == len(names)]
    cut = len(rows[1:]) - len(whole)
    problems = [f"{path.name}: {cut} rows are damaged: left out"] * (cut > 0)
    raw = pd.DataFrame(whole, columns=range(len(names)), dtype=str)
    if raw.empty:
        raise InputError("the log has no rows", where=path)
    time = after(_EPOCH, columns.numbers(raw[0]))
    if np.isnat(time).all():
        raise InputError("no row tells a time in its first column", where=path)
    plain = [re.sub(r"[^a-z]", "", name.lower()) for name in names]
    translate = _SENSORS.get(_sensor(path)[0], _nothing)
    found, said = translate(raw, plain)
    problems += [f"{path.parent.name}/{path.name}: {text}" for text in said]
    table = pd.DataFrame({"time": time, **found})
    return table.dropna(subset="time").reset_index(drop=True), problems


Found = tuple[dict[str, columns.Float], list[str]]


def _nothing(raw: pd.DataFrame, names: Sequence[str]) -> Found:  # noqa: ARG001 - as the others
    return {}, ["not used: its columns tell no units"]


def _of_ctd(raw: pd.DataFrame, names: Sequence[str]) -> Found:
    return {n: columns.numbers(raw[names.index(n)]) for n in _CTD if n in names}, []


def _of_fluorometer(raw: pd.DataFrame, names: Sequence[str]) -> Found:
    """Chlorophyll stands behind the wavelength that it is excited at."""
    which = [i for i, n in enumerate(names) if n.startswith("chl") and "wave" not in n]
    if not which:
        return {}, ["no column of chlorophyll"]
    return {"chlorophyll": _SCALE * (columns.numbers(raw[which[0]]) - _DARK)}, []


def _of_gps(raw: pd.DataFrame, names: Sequence[str]) -> Found:
    found: dict[str, columns.Float] = {}
    said = []
    for name, limit, sides in (("latitude", 90, "NS"), ("longitude", 180, "EW")):
        which = [i for i, n in enumerate(names) if n.startswith(name[:3])]
        if not which:
            continue
        value = columns.numbers(raw[which[0]])
        degrees = np.trunc(value / 100)
        minutes = value - 100 * degrees
        angle = degrees + minutes / 60
        angle[(np.abs(minutes) >= 60) | (np.abs(angle) > limit)] = np.nan
        side = _side(raw, names, which[0], sides)
        if side is None and not (value < 0).any():
            said.append(f"no hemisphere is told: {name} is taken as {sides[0]}")
        found[name] = angle if side is None else np.abs(angle) * side
    return found, said


def _side(raw: pd.DataFrame, names: Sequence[str], column: int, sides: str) -> columns.Float | None:
    """Sign of each position, from the column of letters behind it; None where there is none."""
    if column + 1 >= len(names):
        return None
    letters = raw[column + 1].str.strip().str.upper()
    if not letters.isin(list(sides)).any():
        return None
    signs: columns.Float = np.where(letters == sides[0], 1.0, -1.0)
    return np.where(letters.isin(list(sides)), signs, np.nan)


_SENSORS: Mapping[str, Callable[[pd.DataFrame, Sequence[str]], Found]] = MappingProxyType(
    {"CTD": _of_ctd, "GPS": _of_gps, "Fluorometer": _of_fluorometer}
)
