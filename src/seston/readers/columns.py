"""Columns of logs and tables: what a header names, in which unit, and how it becomes ours.

Headers of the field are many: ``Temp (C)``, ``Temp..C.`` (as R writes it), ``depth_m``,
``Oxygen [ml/l]``. Each is split into a label and a unit, and both are looked up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.ecology.seawater import UMOL_PER_ML

Float = NDArray[np.float64]

#: Micromoles of oxygen (31.9988 g/mol) in a milligram.
UMOL_PER_MG = 1000 / 31.9988
#: What a label, in small letters and without signs, names.
_LABELS: Mapping[str, str] = MappingProxyType({
    label: name
    for name, labels in {
        "time": "time datetime timeutc datetimeutc",
        "depth": "depth",
        "pressure": "pressure press pres pressureinwatercolumn seapressure",
        "temperature": "temp temperature",
        "salinity": "sal salinity psal practicalsalinity",
        "fluorescence": "fluoro fluorescence fluor fluorometer",
        "chlorophyll": "chlorophyll chla chl chlorophylla chlorofluo",
        "oxygen": "oxygen o2 doxy",
        "irradiance": "irrandiance irradiance par",
        "latitude": "lat latitude decimallatitude",
        "longitude": "lon long longitude decimallongitude",
        "speed": "horizontalvelinwater speed",
    }.items()
    for label in labels.split()
})  # fmt: skip

#: Factor from each unit to the registry's. Oxygen is taken to umol/l or umol/kg here; the former
#: becomes umol/kg where temperature and salinity are known (`environment.join`).
_DEGREES = {"": 1.0, "deg": 1.0, "degree": 1.0, "degrees": 1.0, "decimals": 1.0, "decimal": 1.0}
_FACTORS: Mapping[str, Mapping[str, float]] = MappingProxyType({
    "depth": {"m": 1.0, "meter": 1.0, "meters": 1.0},
    "pressure": {"dbar": 1.0, "db": 1.0, "decibar": 1.0, "bar": 10.0, "kpa": 0.1, "hpa": 0.01,
                 "mbar": 0.01},
    "temperature": {"c": 1.0, "degc": 1.0, "degreec": 1.0, "deg": 1.0, "its90degc": 1.0,
                    "degc(its90)": 1.0, "degreecelsius": 1.0, "degreescelsius": 1.0},
    "salinity": {"": 1.0, "1": 1.0, "psu": 1.0, "ppt": 1.0, "pss78": 1.0, "pss": 1.0},
    "fluorescence": {"v": 1.0, "volt": 1.0, "volts": 1.0},
    "chlorophyll": dict.fromkeys(("mg/m3", "mgm3", "ug/l", "ugl", "mgchlm3", "mgchla/m3"), 1.0),
    "oxygen": {"ml/l": UMOL_PER_ML, "mll": UMOL_PER_ML, "umol/l": 1.0, "umoll": 1.0, "um": 1.0,
               "mg/l": UMOL_PER_MG, "mgl": UMOL_PER_MG, "micromole/l": 1.0, "micromoles/l": 1.0},
    "oxygen_per_kg": dict.fromkeys(
        ("umol/kg", "umolkg", "umolkg1", "micromole/kg", "micromoles/kg"), 1.0
    ),
    # The unit that the logs print, UE/cm, is a microeinstein per square centimetre and second.
    "irradiance": {"ue/cm": 1e4, "uecm": 1e4, "umol/m2/s": 1.0, "umolm2s1": 1.0, "ue/m2/s": 1.0,
                   "micromolequanta/m2/sec": 1.0, "umolphotons/m2/sec": 1.0},
    "latitude": _DEGREES | {"degreesnorth": 1.0, "degn": 1.0, "n": 1.0},
    "longitude": _DEGREES | {"degreeseast": 1.0, "dege": 1.0, "e": 1.0},
    "speed": {"m/s": 1.0, "ms": 1.0, "ms1": 1.0, "cm/s": 0.01, "mm/s": 1e-3, "mms": 1e-3,
              "kn": 0.514444, "knots": 0.514444},
})  # fmt: skip
#: A label names one of these, which one its unit tells.
_ALTERNATIVES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "oxygen": ("oxygen", "oxygen_per_kg"),
    "fluorescence": ("fluorescence", "chlorophyll"),
    "chlorophyll": ("chlorophyll", "fluorescence"),
})  # fmt: skip
_BRACKETS = re.compile(r"^(?P<label>.*?)\s*[(\[](?P<unit>[^)\]]*)[)\]]\s*$")
_MANGLED = re.compile(r"^(?P<label>.*?)\.\.(?P<unit>.*?)\.?$")
#: Words that logs write where a sensor was silent.
MISSING = frozenset({"", "na", "nan", "n/a", "null", "none", "-", "no gps data", "no data"})


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is understood.

    Parameters
    ----------
    name : str
        The variable of the registry; ``time``; or ``oxygen_per_kg`` beside ``oxygen`` (umol/l).
        Fluorescence in a unit of mass is ``chlorophyll``.
    factor : float or None
        Multiplied with the column gives the registry's unit; None where the unit is not known.
    unit : str
        As written; empty where none is.
    """

    name: str
    factor: float | None
    unit: str


def understand(header: str, unit: str | None = None) -> Column | None:
    """Say what a column holds.

    Parameters
    ----------
    header : str
        Name of the column, with or without its unit.
    unit : str, optional
        The unit, where a row of its own tells it.

    Returns
    -------
    Column or None
        None where the label names nothing that is used here.

    Examples
    --------
    >>> understand("Oxygen (ml/l)").factor
    44.6608
    >>> understand("depth_m").name
    'depth'
    >>> understand("Battery (volts)") is None
    True
    """
    for label, own in _splits(header.strip()):
        name = _LABELS.get(_plain(label))
        if name is not None:
            return _column(name, own if unit is None else unit)
    return None


def _splits(header: str) -> list[tuple[str, str]]:
    """Ways to split a header in label and unit, the surest first."""
    for pattern in (_BRACKETS, _MANGLED):
        if match := pattern.match(header):
            return [(match["label"], match["unit"])]
    parts = header.split("_")
    cuts = [("_".join(parts[:i]), "_".join(parts[i:])) for i in range(len(parts) - 1, 0, -1)]
    return [(header, ""), *cuts]


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _column(name: str, unit: str) -> Column:
    if name == "time":
        return Column(name, 1.0, unit)
    spelled = unit.strip().lower().replace("°", "deg").replace("µ", "u").replace("μ", "u")
    spelled = spelled.replace(" ", "").replace("^", "").replace("-", "").replace(".", "")
    spelled = spelled.removeprefix("saltwater,").removeprefix("freshwater,")
    for one in _ALTERNATIVES.get(name, (name,)):
        for spelling in (spelled, _plain(spelled)):
            if spelling in _FACTORS[one]:
                return Column(one, _FACTORS[one][spelling], unit)
    return Column(name, None, unit)


def column(name: str, unit: str) -> Column:
    """Say what a quantity in a unit is here: volts of fluorescence are not chlorophyll."""
    return _column(name, unit)


def units_of(name: str) -> str:
    """Units that a quantity may come in, for a message."""
    return ", ".join(u for u in _FACTORS[name] if u) or "none"


def numbers(values: pd.Series[str]) -> Float:
    """Parse cells as numbers; words for missing values, and anything else, give NaN.

    A decimal comma is understood where cells hold one comma and no point.
    """
    text = values.astype(str).str.strip()
    comma = text.str.count(",").eq(1) & ~text.str.contains(".", regex=False)
    text = text.where(~comma, text.str.replace(",", ".", regex=False))
    parsed = pd.to_numeric(text, errors="coerce").to_numpy(np.float64, na_value=np.nan).copy()
    parsed[~np.isfinite(parsed)] = np.nan
    return parsed


def nanoseconds(times: pd.Series[Any]) -> pd.Series[Any]:
    """Give times (UTC, no zone) as datetime64[ns]; those of another century become NaT."""
    return times.where(times.between(*_CENTURIES)).astype("datetime64[ns]")


_CENTURIES = (pd.Timestamp("1900-01-01"), pd.Timestamp("2200-01-01"))


def unreadable(values: pd.Series[str], parsed: Float) -> int:
    """Count cells that hold something, but no number and no word for a missing value."""
    said = ~values.astype(str).str.strip().str.lower().isin(MISSING).to_numpy()
    return int(np.count_nonzero(said & np.isnan(parsed)))
