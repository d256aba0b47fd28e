"""The logs of a LOKI haul: telemetry of each second, and the log of the haul.

Lines are ``number;value``, with German decimal commas. Older telemetry (``.dat``) is one line of
tab-separated fields. The numbers are those of the instrument's manual as others read it; no real
file could be looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from seston.errors import InputError
from seston.readers.names import time_in

#: Files are small; a larger one is none of these.
_MAX_BYTES = 1 << 20
_UMOL_PER_MG = 1000 / 31.9988  # of oxygen
#: Names of fields of a ``.tmd`` by their number, with the factor to our unit (kPa, mg/l).
_TMD: Mapping[int, tuple[str, float]] = MappingProxyType({
    5: ("longitude", 1.0), 6: ("latitude", 1.0), 10: ("pressure", 0.1), 11: ("temperature", 1.0),
    20: ("oxygen", _UMOL_PER_MG), 32: ("salinity", 1.0), 40: ("fluorescence", 1.0),
    232: ("rate_hz", 1.0),
})  # fmt: skip
#: The same of a ``.dat``, by the place in the line, from 1.
_DAT: Mapping[int, tuple[str, float]] = MappingProxyType({
    6: ("salinity", 1.0), 7: ("oxygen", _UMOL_PER_MG), 16: ("fluorescence", 1.0),
    20: ("pressure", 0.1), 21: ("temperature", 1.0), 25: ("rate_hz", 1.0), 26: ("latitude", 1.0),
    27: ("longitude", 1.0),
})  # fmt: skip
_NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?")
_LIMITS = MappingProxyType({"longitude": 180.0, "latitude": 90.0})


@dataclass(frozen=True, slots=True, kw_only=True)
class HaulLog:
    """What the log of a haul tells; empty and NaN where it does not.

    Parameters
    ----------
    station, haul : str
    latitude, longitude : float, degrees
        The fixed position of the haul.
    """

    station: str = ""
    haul: str = ""
    latitude: float = np.nan
    longitude: float = np.nan


def read_log(paths: Sequence[Path]) -> HaulLog:
    """Read the log of a haul; of several the first is the haul's.

    A log that cannot be read tells nothing.
    """
    for path in paths[:1]:
        try:
            said = _numbered(_text(path))
        except InputError:
            break
        place = {name: _number(said.get(key, "")) for key, name in ((18, "longitude"),
                                                                    (19, "latitude"))}  # fmt: skip
        known = not _nowhere(place)
        return HaulLog(
            station=said.get(9, ""),
            haul=said.get(11, ""),
            latitude=place["latitude"] if known else np.nan,
            longitude=place["longitude"] if known else np.nan,
        )
    return HaulLog()


def read_telemetry(paths: Sequence[Path]) -> tuple[pd.DataFrame, list[str]]:
    """Read records of telemetry, each a file whose name tells its time.

    Returns
    -------
    records : DataFrame
        ``time`` (datetime64[ns], UTC), ``pressure`` (dbar), ``temperature`` (degree C),
        ``salinity``, ``oxygen`` (umol/l), ``fluorescence`` (as the sensor gives it),
        ``latitude``, ``longitude`` and ``rate_hz`` (pictures a second), sorted by time; NaN where
        a file does not tell it. Of a time with a ``.tmd`` and a ``.dat`` the ``.tmd`` stands.
    problems : list of str
        Files that could not be read, and positions that cannot be.
    """
    names = ["time", *dict.fromkeys(name for name, _ in [*_TMD.values(), *_DAT.values()])]
    records: dict[np.datetime64, dict[str, float]] = {}
    unread = nowhere = 0
    for path in sorted(paths, key=lambda p: (p.suffix.lower() != ".tmd", p.name)):
        named = time_in(path.stem)
        if named is None or named.time in records:
            unread += named is None
            continue
        try:
            record = _record(path)
        except InputError:
            unread += 1
            continue
        if {"latitude", "longitude"} <= set(record) and _nowhere(record):
            nowhere += bool(record["latitude"] or record["longitude"])
            del record["latitude"], record["longitude"]
        records[named.time] = record
    table = pd.DataFrame([{"time": time, **record} for time, record in records.items()])
    table = table.reindex(columns=names)
    table["time"] = pd.to_datetime(table["time"]).astype("datetime64[ns]")
    problems = [f"{unread} files of telemetry cannot be read"] * bool(unread)
    problems += [f"{nowhere} positions of the telemetry cannot be"] * bool(nowhere)
    return table.sort_values("time", kind="stable").reset_index(drop=True), problems


def _record(path: Path) -> dict[str, float]:
    text = _text(path)
    if path.suffix.lower() == ".tmd":
        said: Mapping[int, str] = _numbered(text)
        fields = _TMD
    else:
        said = dict(enumerate(text.partition("\n")[0].split("\t"), start=1))
        fields = _DAT
    values = {name: _number(said.get(i, "")) * factor for i, (name, factor) in fields.items()}
    found = {name: value for name, value in values.items() if np.isfinite(value)}
    if not found:
        raise InputError("tells no value", where=path)
    return found


def _nowhere(place: Mapping[str, float]) -> bool:
    """Say whether a position cannot be: outside the globe, or the 0, 0 of a silent receiver."""
    outside = any(not abs(place[name]) <= limit for name, limit in _LIMITS.items())
    return outside or not (place["latitude"] or place["longitude"])


def _numbered(text: str) -> dict[int, str]:
    """Split lines of ``number;value``; others are left out."""
    said: dict[int, str] = {}
    for line in text.splitlines():
        number, semicolon, value = line.partition(";")
        if semicolon and number.strip().isascii() and number.strip().isdigit():
            said.setdefault(int(number.strip()[:6]), value.strip())
    return said


def _number(text: str) -> float:
    """Read a number with a decimal comma or point; NaN where the text is none."""
    text = text.strip()
    return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else np.nan


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError("too large for a log of LOKI", where=path)
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")
