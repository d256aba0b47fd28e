"""Cells of EcoTaxa's tables: dates, times, positions, statuses and sizes of pixels."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.readers.columns import numbers

Float = NDArray[np.float64]

#: Pixels larger than this many mm belong to no plankton imager (UVP5: 0.174): they are um.
_LARGEST_MM = 0.25
_UM = 1e-3
_MM_PER_INCH = 25.4
_DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?!\d)")
_DIGITS = re.compile(r"(\d{1,6})(?:\.\d*)?$")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?(?:\.\d*)?Z?$")
_DEGREES = re.compile(
    r"(?P<sign>[-+]?)(?P<degrees>\d{1,3})\s*°\s*(?P<minutes>\d{1,2}(?:[.,]\d+)?)"
    r"(?:\s*['′ ]\s*(?P<seconds>\d{1,3}(?:[.,]\d+)?))?\s*[\"″']?\s*(?P<side>[NSEWO]?)$",
    re.IGNORECASE,
)
_STATUSES = {"v": "validated", "p": "predicted", "d": "dubious"}


def each(values: pd.Series[Any], function: Callable[[str], float]) -> Float:
    """Give a number for each cell of a shared column, computed once for each text."""
    found = np.array([function(str(text)) for text in values.cat.categories], np.float64)
    return np.append(found, np.nan)[values.cat.codes.to_numpy()]


def number(values: pd.Series[Any]) -> Float:
    """Read a shared column as numbers: NaN where a cell is none, or is not finite."""
    found = numbers(pd.Series(values.cat.categories.astype(str), dtype=object))
    return np.append(found, np.nan)[values.cat.codes.to_numpy()]


def degrees(text: str, limit: float) -> float:
    """Read a latitude or a longitude: decimal degrees, or ``DDD°MM SS``; south and west negative.

    Examples
    --------
    >>> degrees("-0°30 36", 90)
    -0.51
    >>> degrees("43.5", 90)
    43.5
    """
    match = _DEGREES.match(text.strip())
    if match is None:
        value = float(numbers(pd.Series([text]))[0])
    else:
        minutes, seconds = (
            float((match[part] or "0").replace(",", ".")) for part in ("minutes", "seconds")
        )
        if minutes >= 60 or seconds >= 60:
            return np.nan
        value = float(match["degrees"]) + (minutes + seconds / 60) / 60
        west = match["side"].upper() in ("S", "W", "O") if match["side"] else False
        value = -value if (match["sign"] == "-") != west else value
    return value if abs(value) <= limit else np.nan


def day(text: str) -> float:
    """Read ``YYYYMMDD`` or ``YYYY-MM-DD``: days since 1970, NaN where it is none.

    What follows the day is not looked at. Other orders are not guessed.
    """
    match = _DATE.match(text.strip())
    try:
        found = np.datetime64("-".join(match.groups()), "D") if match else np.datetime64("NaT")
    except ValueError:
        return np.nan
    near = not np.isnat(found) and 1900 <= found.astype(object).year <= 2100
    return float(found.astype(np.int64)) if near else np.nan


def clock(text: str) -> float:
    """Read ``HHMM`` or ``HHMMSS``, without zeros on the left, or ``HH:MM:SS``: seconds, or NaN.

    Up to four digits are hours and minutes, as EcoTaxa's importer has it.

    Examples
    --------
    >>> clock("420"), clock("42000"), clock("04:20:30")
    (15600.0, 15600.0, 15630.0)
    """
    text = text.strip()
    if match := _DIGITS.match(text):
        digits = match[1].zfill(4 if len(match[1]) <= 4 else 6).ljust(6, "0")
        parts = [int(digits[i : i + 2]) for i in (0, 2, 4)]
    elif match := _CLOCK.match(text):
        parts = [int(part or 0) for part in match.groups()]
    else:
        return np.nan
    if parts[0] > 23 or parts[1] > 59 or parts[2] > 59:
        return np.nan
    return float(parts[0] * 3600 + parts[1] * 60 + parts[2])


def times(rows: pd.DataFrame) -> NDArray[np.datetime64]:
    """Give the time of each row, from its date and, where it has one, its time of day.

    A date without a time of day is midnight.
    """
    if "object_date" not in rows:
        return np.full(len(rows), np.datetime64("NaT", "ns"))
    days = each(rows["object_date"], day)
    unknown = pd.Series(pd.Categorical([""] * len(rows)), rows.index)
    told = rows.get("object_time", unknown)
    seconds = np.where(told.astype(str) == "", 0.0, each(told, clock))
    whole = days * 86_400 + seconds
    known = np.isfinite(whole)
    stamps = np.where(known, whole, 0).astype("int64").astype("datetime64[s]")
    found: NDArray[np.datetime64] = stamps.astype("datetime64[ns]")
    found[~known] = np.datetime64("NaT", "ns")
    return found


def status(text: str) -> str:
    """Give a status as we say it: predicted, validated or dubious.

    What EcoTaxa calls discarded is dubious here; a status that is not known makes no label sure.
    """
    word = text.strip().lower()
    word = _STATUSES.get(word, word)
    if word == "discarded":
        return "dubious"
    return word if word in _STATUSES.values() else "predicted"


def pixel_mm(frames: pd.DataFrame) -> Float:
    """Give the size of a pixel of each acquisition, mm; NaN where the table does not tell it.

    ``process_particle_pixel_size_mm`` is in mm. ``acq_pixel`` and ``process_pixel`` are in mm
    (UVP5) or um (UVP6, PlanktoScope, ZooProcess of other scanners) without saying which: of a
    PlanktoScope always um, else um where mm would make a pixel of more than 0.25 mm. A
    PlanktoScope that says 1 was never calibrated. Last comes the resolution of a scan in dpi.
    """
    found = np.full(len(frames), np.nan)
    scope = is_planktoscope(frames)
    for name in ("process_particle_pixel_size_mm", "acq_pixel", "process_pixel"):
        if name not in frames:
            continue
        value = number(frames[name])
        um = (scope | (value > _LARGEST_MM)) & (not name.endswith("_mm"))
        value = np.where(um, value * _UM, value)
        value[scope & (value == _UM)] = np.nan
        found = np.where(np.isnan(found) & (value > 1e-6) & (value < 1), value, found)
    for name in ("acq_scan_resolution", "process_img_resolution"):
        if name in frames:
            dpi = number(frames[name])
            known = np.isnan(found) & (dpi >= 100) & (dpi <= 50_000)
            found = np.where(known, _MM_PER_INCH / np.where(known, dpi, 1), found)
    return found


def is_planktoscope(frames: pd.DataFrame) -> NDArray[np.bool_]:
    """Say which acquisitions a PlanktoScope made."""
    return _named(frames, "planktoscope")


def is_uvp(frames: pd.DataFrame) -> NDArray[np.bool_]:
    """Say which acquisitions a UVP made: by its name, or by the volume of one of its images."""
    by_name = _named(frames, "uvp")
    if "acq_volimage" not in frames:
        return by_name
    return by_name | np.isfinite(number(frames["acq_volimage"]))


def _named(frames: pd.DataFrame, word: str) -> NDArray[np.bool_]:
    if "acq_instrument" not in frames:
        return np.zeros(len(frames), bool)
    found: NDArray[np.bool_] = each(frames["acq_instrument"], lambda t: word in t.lower()) == 1
    return found
