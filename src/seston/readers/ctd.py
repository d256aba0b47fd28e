"""CTD tables of profilers' casts (``.ctd``), as EcoPart takes them and gives them back."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from seston.errors import InputError
from seston.readers.cells import as_numbers
from seston.readers.columns import nanoseconds
from seston.readers.logs.ecopart import add_quality
from seston.variables import MISSING, NOT_CHECKED

#: Names that the files use, small, beside EcoPart's own.
_SYNONYMS: Mapping[str, str] = MappingProxyType({
    "chloro fluo [mg chl/m3]": "chloro fluo [mg chl m-3]",
    "conductivity [ms/cm]": "conductivity [ms cm-1]",
    "depth [salt water, m]": "depth [m]",
    "fcdom factory [ppb qse]": "fcdom [ppb qse]",
    "in situ density anomaly [kg/m3]": "in situ density anomaly [kg m-3]",
    "nitrate [µmol/l]": "nitrate [umol l-1]",
    "oxygen [µmol/kg]": "oxygen [umol kg-1]",
    "oxygen [ml/l]": "oxygen [ml l-1]",
    "par [µmol m-2 s-1]": "par [umol m-2 s-1]",
    "potential density anomaly [kg/m3]": "potential density anomaly [kg m-3]",
    "pressure in water column [db]": "pressure [db]",
    "spar [µmol m-2 s-1]": "spar [umol m-2 s-1]",
})  # fmt: skip
#: EcoPart's own columns, in the order of its tables; what else a file holds follows them.
FIXED = (
    "chloro fluo [mg chl m-3]", "conductivity [ms cm-1]", "cpar [%]", "depth [m]",
    "fcdom [ppb qse]", "in situ density anomaly [kg m-3]", "nitrate [umol l-1]",
    "oxygen [umol kg-1]", "oxygen [ml l-1]", "par [umol m-2 s-1]",
    "potential density anomaly [kg m-3]", "potential temperature [degc]",
    "practical salinity [psu]", "pressure [db]", "qc flag", "spar [umol m-2 s-1]",
    "temperature [degc]",
)  # fmt: skip
TIME = "time [yyyymmddhhmmssmmm]"
#: What becomes a variable of the environment: name and factor to its unit.
_OURS: Mapping[str, tuple[str, float]] = MappingProxyType({
    "pressure [db]": ("pressure", 1.0),
    "depth [m]": ("depth", 1.0),
    "temperature [degc]": ("temperature", 1.0),
    "practical salinity [psu]": ("salinity", 1.0),
    "oxygen [umol kg-1]": ("oxygen_per_kg", 1.0),
    "oxygen [ml l-1]": ("oxygen", 44.6608),
    "par [umol m-2 s-1]": ("irradiance", 1.0),
    "chloro fluo [mg chl m-3]": ("chlorophyll", 1.0),
})  # fmt: skip
_MAX_BYTES = 1 << 28


def read_ctd(path: Path) -> pd.DataFrame:
    """Read the CTD table of a cast.

    Parameters
    ----------
    path : Path
        Tabs between cells, latin-1, a row of names with units.

    Returns
    -------
    DataFrame
        Columns by EcoPart's names, or by the file's own in small letters: numbers, NaN where the
        file tells none. `TIME` as datetime64[ns].

    Raises
    ------
    InputError
        The file is not such a table.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError("larger than 256 MB: too large for the CTD of a cast", where=path)
        return parse_ctd(path.read_bytes(), path)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from None


def parse_ctd(data: bytes, where: Path | str) -> pd.DataFrame:
    """Parse the CTD table of a cast; see `read_ctd`."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t"))
    except csv.Error as error:
        raise InputError(f"not a table: {error}", where=where) from None
    names = [_name(header) for header in rows[0]] if rows else []
    if not {"pressure [db]", "depth [m]"} & set(names):
        raise InputError(
            "no column of pressure or depth",
            where=where,
            cure="The first row names the columns, as in `Pressure in Water Column [db]`, with "
            "tabs between them.",
        )
    width = len(names)
    cells = [(row + [""] * width)[:width] for row in rows[1:] if any(c.strip() for c in row)]
    columns = {
        n: _column(n, pd.Series([row[i] for row in cells], dtype=object))
        for i, n in enumerate(names)
        if n and n not in names[:i]
    }
    return pd.DataFrame(columns)


def _name(header: str) -> str:
    small = header.strip().lower()
    # The sign of micro is often lost on the way to the file.
    known = {_plain(k): v for k, v in _SYNONYMS.items()}
    return _SYNONYMS.get(small, known.get(_plain(small), small) if "\xb5" in small else small)


def _plain(name: str) -> str:
    return name.replace("µ", "u").replace("\u03bc", "u")


def _column(name: str, cells: pd.Series[str]) -> pd.Series[Any]:
    if name == TIME:
        stamp = cells.str.strip().str.replace(r"\.0$", "", regex=True)
        whole = pd.to_datetime(stamp.str[:14], format="%Y%m%d%H%M%S", errors="coerce")
        parts = pd.to_numeric(stamp.str[14:17], errors="coerce").fillna(0)
        return nanoseconds(whole) + pd.to_timedelta(parts, unit="ms")
    return pd.Series(as_numbers(cells), cells.index)


def scale_depth(table: pd.DataFrame) -> pd.Series[float]:
    """Depth on the scale of a profiler: its pressure, a decibar for a metre; else its depth."""
    none = pd.Series(np.nan, table.index)
    pressure, depth = table.get("pressure [db]", none), table.get("depth [m]", none)
    return pressure.where(pressure.notna(), depth)


def as_environment(
    table: pd.DataFrame, sample: str, start: np.datetime64, latitude: float, longitude: float
) -> tuple[pd.DataFrame, list[str]]:
    """Make records of the environment of a cast's CTD.

    Parameters
    ----------
    table : DataFrame
        As of `read_ctd`.
    sample : str
        Name of the cast.
    start : datetime64[ns]
        UTC of the cast: records without a time of their own are put there.
    latitude, longitude : float, degrees

    Returns
    -------
    records : DataFrame
        ``time``, ``sample``, ``latitude``, ``longitude`` and sensors in the registry's units. The
        depth is on the scale of the images (`scale_depth`), so that water meets its records.
    problems : list of str
    """
    records = pd.DataFrame({
        name: table[column] * factor for column, (name, factor) in _OURS.items() if column in table
    })  # fmt: skip
    records["depth"] = scale_depth(table)
    records["sample"], records["latitude"], records["longitude"] = sample, latitude, longitude
    own = table[TIME] if TIME in table else pd.Series(np.datetime64("NaT", "ns"), table.index)
    untimed = int(own.isna().sum())
    problems = [f"{sample}: {untimed} records of the CTD tell no time: they are put at the cast's"]
    records["time"] = own.fillna(pd.Timestamp(start))
    if untimed:
        records["time_flag"] = np.where(own.isna(), MISSING, NOT_CHECKED)
    quality = table.get("qc flag")
    if quality is not None:
        add_quality(records, quality.to_numpy(np.float64))
    return records, problems if untimed else []
