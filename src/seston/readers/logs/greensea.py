"""CSV of all sensors of a Stingray, as the program of its vehicle (Greensea) writes it.

Names of columns and rows from the sixth line on. ``LCM_event_timestamp`` is the time of the
measurement, microseconds since 1970; the other time is when the row was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from seston.errors import InputError
from seston.readers import columns
from seston.readers.logs.text import Records, after, comma_rows, read_text

_TIME = "LCM_event_timestamp"
#: The columns, where no line names them.
NAMES = (
    "UNIX_timestamp", _TIME, "AANDERAA_AIR_SATURATION", "AANDERAA_O2_UM", "AANDERAA_TEMP_C",
    "ALTITUDE_M", "ALTITUDE_OK", "CTD_CONDUCTIVITY", "CTD_PRESSURE", "CTD_SALINITY",
    "CTD_SOUND_VELOCITY", "CTD_TEMPERATURE_DEG_C", "DEPTH_M", "FLUOROMETER_BACKSCATTER_RAW",
    "FLUOROMETER_CHLOROPHYLL_RAW", "FORWARD_VELOCITY_M_PER_S", "HEADING_DEG", "PITCH_DEG",
    "ROLL_DEG", "SEABIRD_PAR_ADC", "SEABIRD_PAR_VDC", "TS_GPS_EPOCH_TIME", "TS_LATITUDE_DEG",
    "TS_LONGITUDE_DEG", "VERTICAL_VELOCITY_M_PER_S", "count_publish", "sender_id",
)  # fmt: skip
_HEAD_LINES = 5
#: Columns used, and what they are: pressure in dbar, practical salinity, oxygen in umol/l.
_USED = {
    "CTD_PRESSURE": "pressure", "CTD_SALINITY": "salinity", "CTD_TEMPERATURE_DEG_C": "temperature",
    "DEPTH_M": "depth", "AANDERAA_O2_UM": "oxygen", "TS_LATITUDE_DEG": "latitude",
    "TS_LONGITUDE_DEG": "longitude",
}  # fmt: skip
_CHLOROPHYLL = "FLUOROMETER_CHLOROPHYLL_RAW"
#: Of the fluorometer: mg m-3 in a count, and counts in the dark.
_SCALE, _DARK = 0.0073, 48.0


def is_greensea(path: Path, head: str) -> bool:
    """Look for the column of time, or for the end of the name."""
    return _TIME in head or "_BELLAMARE_CSV_DATA" in path.name


def read_greensea(path: Path) -> Records:
    """Read the sensors of a Stingray.

    Returns
    -------
    table : DataFrame
        ``time`` and sensors in the registry's units.
    problems : list of str

    Raises
    ------
    InputError
        The file has no column of time, or no row with a time.
    """
    names, body = _split(read_text(path).split("\n"), path)
    whole = [row for row in body if len(row) == len(names)]
    cut = len(body) - len(whole)
    problems = [f"{path.name}: {cut} rows are damaged: left out"] * (cut > 0)
    raw = pd.DataFrame(whole, columns=pd.Index(names), dtype=str)
    epoch = np.datetime64("1970-01-01", "ns")
    time = after(epoch, columns.numbers(raw[_TIME]) / 1e6)
    if np.isnat(time).all():
        raise InputError(f"no row tells a time in `{_TIME}`", where=path)
    table = pd.DataFrame({"time": time})
    for name, ours in _USED.items():
        if name in raw:
            table[ours] = columns.numbers(raw[name])
    if _CHLOROPHYLL in raw:
        table["chlorophyll"] = _SCALE * (columns.numbers(raw[_CHLOROPHYLL]) - _DARK)
    untold = int(table["time"].isna().sum())
    problems += [f"{path.name}: {untold} rows without a time"] * (untold > 0)
    return table.dropna(subset="time").reset_index(drop=True), problems


def _split(lines: Sequence[str], path: Path) -> tuple[list[str], list[list[str]]]:
    """Find the names of the columns, and the rows below them that hold something."""
    told = next((i for i, line in enumerate(lines[: 4 * _HEAD_LINES]) if _TIME in line), None)
    if told is None:
        body = [row for row in comma_rows("\n".join(lines[_HEAD_LINES:])) if len(row) == len(NAMES)]
        names = list(NAMES)
    else:
        names, *body = comma_rows("\n".join(lines[told:]))
    if not body or len(set(names)) < len(names) or _TIME not in names:
        raise InputError(
            f"no rows below names of columns, each once, with {_TIME} among them", where=path
        )
    return names, body
