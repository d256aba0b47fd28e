"""netCDF of floats and gliders: Argo's profiles (core and synthetic), and trajectories by CF.

Argo: adjusted values where the parameter's mode says that they were adjusted (A, D), else the raw
ones; a profile is a cast, named as Argo's files name it (``3902131_012``, ``3902131_001D``).
Trajectories, Seagliders among them: variables are found by their CF standard names, and the
chlorophyll of a Seaglider by the calibration that its file carries.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.errors import InputError
from seston.readers import columns
from seston.readers.logs import netcdf_child
from seston.readers.logs.text import Records, after
from seston.variables import BAD, GOOD, MISSING, NOT_CHECKED, SUSPECT

Float = NDArray[np.float64]
Array = NDArray[Any]

#: Seconds that a file may take.
_LONGEST_S = 300
_PACKING = {"scale_factor": 1.0, "add_offset": 0.0}
_MAGIC = ("CDF\x01", "CDF\x02", "CDF\x05", "\x89HDF")
_SINCE = re.compile(
    r"(?P<unit>days|hours|minutes|seconds|milliseconds) since (?P<date>\d{4}-\d{1,2}-\d{1,2})"
    r"(?:[T ]+(?P<clock>\d{1,2}:\d\d(?::\d\d(?:\.\d*)?)?))?"
)
_SECONDS = {"days": 86_400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0,
            "milliseconds": 1e-3}  # fmt: skip
#: Flags of Argo (reference table 2), which Seagliders share but for 6, unsampled. An estimated
#: value (8) was never checked itself.
_ARGO: Mapping[int, int] = MappingProxyType({
    0: NOT_CHECKED, 1: GOOD, 2: GOOD, 3: SUSPECT, 4: BAD, 5: NOT_CHECKED, 6: MISSING,
    7: NOT_CHECKED, 8: NOT_CHECKED, 9: MISSING,
})  # fmt: skip
_PARAMETERS: Mapping[str, str] = MappingProxyType({
    "PRES": "pressure", "TEMP": "temperature", "PSAL": "salinity", "DOXY": "oxygen",
    "CHLA": "chlorophyll", "DOWNWELLING_PAR": "irradiance",
})  # fmt: skip
_STANDARD_NAMES: Mapping[str, str] = MappingProxyType({
    "latitude": "latitude", "longitude": "longitude", "depth": "depth",
    **dict.fromkeys(("sea_water_pressure", "sea_water_pressure_due_to_sea_water"), "pressure"),
    "sea_water_temperature": "temperature",
    **dict.fromkeys(("sea_water_practical_salinity", "sea_water_salinity"), "salinity"),
    **dict.fromkeys(("moles_of_oxygen_per_unit_mass_in_sea_water",
                     "mole_concentration_of_dissolved_molecular_oxygen_in_sea_water"), "oxygen"),
    **dict.fromkeys(("mass_concentration_of_chlorophyll_a_in_sea_water",
                     "mass_concentration_of_chlorophyll_in_sea_water",
                     "concentration_of_chlorophyll_in_sea_water"), "chlorophyll"),
    "downwelling_photosynthetic_photon_flux_in_sea_water": "irradiance",
})  # fmt: skip


def is_netcdf(path: Path, head: str) -> bool:  # noqa: ARG001 - all formats are asked alike
    """Look for netCDF's first bytes."""
    return head.startswith(_MAGIC)


def read_netcdf(path: Path) -> Records:
    """Read the profiles of a float, or the track of a glider.

    Raises
    ------
    InputError
        The file is damaged, or is neither.
    """
    data = _variables(path)
    argo = "PRES" in data and data["PRES"].dims == ("N_PROF", "N_LEVELS")
    try:
        return _read_argo(data, path) if argo else _read_trajectory(data, path)
    except InputError as error:
        raise InputError(error.what, where=path, cure=error.cure) from None
    except (ValueError, TypeError, KeyError, IndexError, ArithmeticError) as error:
        raise InputError(f"the variables do not fit together: {error}", where=path) from None


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable as the file holds it.

    Parameters
    ----------
    name : str
    dims : tuple of str
    values : array
        Neither masked nor scaled.
    attrs : mapping
        Its attributes: texts and numbers.
    """

    name: str
    dims: tuple[str, ...]
    values: Array
    attrs: Mapping[str, Any]

    @property
    def units(self) -> str:
        """Its unit; empty where none is told."""
        return str(self.attrs.get("units", ""))


Variables = Mapping[str, Variable]


def _variables(path: Path) -> Variables:
    """Take the variables out of a file in a process of its own: a damaged one may crash it."""
    command = [sys.executable, "-I", netcdf_child.__file__, str(path)]
    one_thread = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=_LONGEST_S, check=False, env=one_thread
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"not read within {_LONGEST_S} s: damaged?", where=path) from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        why = said[-1] if said and done.returncode == 3 else "the library of netCDF gave up"
        raise InputError(f"the file is damaged: {why}", where=path)
    with np.load(io.BytesIO(done.stdout), allow_pickle=False) as arrays:
        about = json.loads(arrays["about"].tobytes())
        return {
            one["name"]: Variable(one["name"], tuple(one["dims"]), arrays[f"v{i}"], one["attrs"])
            for i, one in enumerate(about["variables"])
        }


def _numbers(variable: Variable) -> Float:
    """Give numbers; what the file calls missing is NaN, packed values are unpacked."""
    if variable.values.dtype.kind not in "fiu":
        raise InputError(f"`{variable.name}` holds no numbers")
    raw = variable.values.astype(np.float64)
    for key in ("_FillValue", "missing_value"):
        fill = variable.attrs.get(key)
        if isinstance(fill, int | float):
            raw[raw == np.float64(np.array(fill).astype(variable.values.dtype))] = np.nan
    raw[~np.isfinite(raw) | (np.abs(raw) > 1e30)] = np.nan
    scale, offset = (_number(variable.attrs.get(k), d) for k, d in _PACKING.items())
    unpacked: Float = raw * scale + offset
    return unpacked


def _number(value: object, default: float) -> float:
    return float(value) if isinstance(value, int | float) else default


def _flags(data: Variables, name: str) -> NDArray[np.int64] | None:
    """Read the flags of a variable in our convention; None where it has none."""
    for key in (f"{name}_QC", f"{name}_qc"):
        if key in data:
            raw = data[key].values
            meanings = str(data[key].attrs.get("flag_meanings", "")).lower()
            return _translated(raw, qartod="not_evaluated" in meanings)
    return None


def _translated(raw: Array, *, qartod: bool) -> NDArray[np.int64]:
    if raw.dtype.kind in "SU":
        codes = raw.astype("U1")
        digits = np.where(np.char.isdigit(codes), codes, "9").astype(np.int64)
    else:
        digits = np.where(np.isfinite(raw.astype(np.float64)), raw, 9).astype(np.int64)
    table = np.full(10, NOT_CHECKED)
    table[list(_ARGO)] = list(_ARGO.values())
    if qartod:
        table[2] = NOT_CHECKED
    flags: NDArray[np.int64] = table[np.where((digits < 0) | (digits > 9), 7, digits)]
    return flags


def _times(data: Variables, name: str) -> NDArray[np.datetime64]:
    units = data[name].units
    match = _SINCE.search(units)
    if match is None:
        raise InputError(f"the time `{name}` has the unit `{units}`, which is not known")
    year, month, day = (int(part) for part in match["date"].split("-"))
    date = np.datetime64(f"{year:04d}-{month:02d}-{day:02d}", "ns")
    start = date + pd.Timedelta(_clock(match["clock"])).to_timedelta64()
    return after(start, _numbers(data[name]) * _SECONDS[match["unit"]])


def _clock(text: str | None) -> str:
    return "0s" if not text else text if text.count(":") == 2 else f"{text}:00"


def _factor(name: str, unit: str) -> columns.Column:
    """Say what a quantity is in a unit; salinity in parts per thousand is practical."""
    return columns.column(name, "1" if name == "salinity" and unit in ("1e-3", "0.001") else unit)


# ---------------------------------------------------------------------------------------- floats
def _read_argo(data: Variables, path: Path) -> Records:
    pressure = _numbers(data["PRES"])
    profiles, levels = pressure.shape
    table: dict[str, Array] = {}
    problems = []
    for parameter, name in _PARAMETERS.items():
        if parameter not in data:
            continue
        unit = data[parameter].units
        column = _factor(name, unit)
        if column.factor is None:
            problems.append(f"{path.name}: {parameter} is not used: its unit is `{unit}`")
            continue
        values, flags = _best(data, parameter)
        table[column.name] = values.ravel() * column.factor
        if flags is not None:
            table[f"{name}_flag"] = flags.ravel()
    time = _times(data, "JULD")
    quality = _flags(data, "JULD")
    if quality is not None:
        time = np.where(np.isin(quality, (BAD, MISSING)), np.datetime64("NaT", "ns"), time)
    table |= {
        "time": np.repeat(time, levels),
        "time_flag": np.full(profiles * levels, MISSING),  # all levels have that of the profile
        "sample": np.repeat(np.array(_profile_names(data, profiles), object), levels),
    }
    place = _flags(data, "POSITION")
    for name in ("latitude", "longitude"):
        table[name] = np.repeat(_numbers(data[name.upper()]), levels)
        if place is not None:
            table[f"{name}_flag"] = np.repeat(place, levels)
    there = np.isfinite(pressure).ravel()
    return pd.DataFrame(table)[there].reset_index(drop=True), problems


def _best(data: Variables, parameter: str) -> tuple[Float, NDArray[np.int64] | None]:
    """Take adjusted values and flags where a profile was adjusted; the raw ones elsewhere."""
    values, flags = _numbers(data[parameter]), _flags(data, parameter)
    name = f"{parameter}_ADJUSTED"
    if name not in data:
        return values, flags
    adjusted, quality = _numbers(data[name]), _flags(data, name)
    there: NDArray[np.bool_] = np.asarray(np.isfinite(adjusted).any(axis=1))
    use = _was_adjusted(data, parameter, there)[:, None]
    values = np.where(use, adjusted, values)
    if flags is None or quality is None:
        return values, None
    return values, np.where(use, quality, flags)


def _was_adjusted(data: Variables, parameter: str, there: NDArray[np.bool_]) -> NDArray[np.bool_]:
    if {"PARAMETER_DATA_MODE", "STATION_PARAMETERS"} <= set(data):
        names = _texts(data["STATION_PARAMETERS"].values)
        mode = data["PARAMETER_DATA_MODE"].values.astype("U1")
        told: NDArray[np.bool_] = ((names == parameter) & np.isin(mode, ("A", "D"))).any(axis=1)
        return told
    if "DATA_MODE" in data:
        return np.isin(data["DATA_MODE"].values.astype("U1"), ("A", "D"))
    return there


def _texts(characters: Array) -> Array:
    """Join characters along the last axis to words."""
    width = max(1, characters.shape[-1])
    whole = np.ascontiguousarray(characters.astype("S1")).view(f"S{width}")[..., 0]
    return np.char.strip(np.char.decode(whole, "latin-1"))


def _profile_names(data: Variables, profiles: int) -> list[str]:
    platform = _texts(data["PLATFORM_NUMBER"].values)
    cycle = _numbers(data["CYCLE_NUMBER"])
    way = data["DIRECTION"].values.astype("U1") if "DIRECTION" in data else None
    names = []
    for i in range(profiles):
        number = f"{cycle[i]:03.0f}" if np.isfinite(cycle[i]) else f"profile{i}"
        names.append(f"{platform[i]}_{number}{'D' if way is not None and way[i] == 'D' else ''}")
    return names


# -------------------------------------------------------------------------------------- gliders
def _read_trajectory(data: Variables, path: Path) -> Records:
    found = _by_dimension(data)
    if not found:
        raise InputError(
            "neither profiles of Argo nor a trajectory that CF's standard names tell",
            where=path,
            cure="Needed is a one-dimensional `time`, and along it variables with standard_name.",
        )
    dimension = max(found, key=lambda d: (len(found[d]), len(data[found[d]["time"]].values)))
    variables = found[dimension]
    table: dict[str, Array] = {"time": _times(data, variables.pop("time"))}
    problems = []
    for name, variable in variables.items():
        unit = data[variable].units
        column = _factor(name, unit)
        if column.factor is None:
            problems.append(f"{path.name}: {variable} is not used: its unit is `{unit}`")
            continue
        table[column.name] = _numbers(data[variable]) * column.factor
        flags = _flags(data, variable)
        if flags is not None:
            table[f"{name}_flag"] = flags
    if "chlorophyll" not in variables:
        table |= _puck(data, dimension)
    return pd.DataFrame(table).dropna(subset="time").reset_index(drop=True), problems


def _by_dimension(data: Variables) -> dict[str, dict[str, str]]:
    """Variables by dimension and by what they are here, where the dimension has times."""
    found: dict[str, dict[str, str]] = {}
    for variable in data.values():
        if len(variable.dims) != 1 or variable.values.dtype.kind not in "fiu":
            continue
        standard = str(variable.attrs.get("standard_name", ""))
        name = "time" if _is_time(variable, standard) else _STANDARD_NAMES.get(standard)
        name = "speed" if variable.name == "speed" else name
        if name is not None:
            here = found.setdefault(variable.dims[0], {})
            here[name] = _better(name, here.get(name), variable.name)
    return {d: names for d, names in found.items() if "time" in names and len(names) > 1}


def _is_time(variable: Variable, standard: str) -> bool:
    return standard == "time" and _SINCE.search(variable.units) is not None


def _better(name: str, known: str | None, new: str) -> str:
    """Of two variables of one name take the CTD's, then the one that is called so."""
    order = (f"ctd_{name}", name, name.upper())
    rank = {text: i for i, text in enumerate(order)}
    return new if known is None or rank.get(new, 9) < rank.get(known, 9) else known


def _puck(data: Variables, dimension: str) -> dict[str, Array]:
    """Chlorophyll of a Seaglider: scale factor x (counts - dark counts), mg m-3."""
    signal = [n for n, v in data.items() if re.fullmatch(r"eng_.*[Cc]hl_?[Ss]ig", n)
              and v.dims == (dimension,)]  # fmt: skip
    scale = [n for n in data if n.endswith("Chlorophyll_scaleFactor")]
    dark = [n for n in data if n.endswith("Chlorophyll_darkCounts")]
    if not len(signal) == len(scale) == len(dark) == 1:
        return {}
    factor, zero = float(_numbers(data[scale[0]])), float(_numbers(data[dark[0]]))
    return {"chlorophyll": factor * (_numbers(data[signal[0]]) - zero)}
