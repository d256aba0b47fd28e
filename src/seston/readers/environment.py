"""The environment of a deployment: records of all its logs in one Dataset, in our units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from seston.variables import BAD, ENVIRONMENT, MISSING, NOT_CHECKED, SUSPECT

if TYPE_CHECKING:  # a look into a folder needs no more than the records
    import xarray as xr

#: Values outside are a sensor's nonsense or another unit: they become NaN and are counted.
PLAUSIBLE: Mapping[str, tuple[float, float]] = MappingProxyType({
    "depth": (-5.0, 11_000.0),
    "pressure": (-5.0, 11_300.0),
    "temperature": (-2.6, 45.0),
    "salinity": (0.0, 45.0),
    "fluorescence": (-1.0, 15.0),
    "chlorophyll": (-1.0, 500.0),
    "oxygen": (0.0, 1000.0),
    "oxygen_per_kg": (0.0, 1000.0),
    "irradiance": (-10.0, 10_000.0),
    "latitude": (-90.0, 90.0),
    "longitude": (-180.0, 360.0),
    "speed": (0.0, 15.0),
})  # fmt: skip

_SENSORS = tuple(name for name in ENVIRONMENT if f"{name}_flag" in ENVIRONMENT)


def join(
    tables: Sequence[pd.DataFrame], problems: Sequence[str] = ()
) -> tuple[pd.DataFrame, list[str]]:
    """Join the records of logs.

    Parameters
    ----------
    tables : sequence of DataFrame
        Each with ``time`` (datetime64[ns], UTC) and columns named as in `columns`, in the
        registry's units; oxygen as ``oxygen`` (umol/l) or ``oxygen_per_kg`` (umol/kg). The
        quality of ``temperature`` is ``temperature_flag`` (one of `variables.FLAGS`), and so on;
        what has none was not checked. ``sample`` names the cast of a record; ``time_flag`` is
        missing where its time is only that of the cast.
    problems : sequence of str
        What was wrong in the logs, to be kept beside the data.

    Returns
    -------
    records : DataFrame
        ``time`` and variables of the registry's environment, each with its flag, sorted by time,
        no time twice. Of records that share a time the first that tells a value is kept; those of
        casts are all kept, nanoseconds apart. They may tell no time of their own (``time_flag``
        missing): they have that of their cast, or none, and stand at the end. Bad values are NaN
        and keep their flag.
    problems : list of str
        What was wrong.
    """
    said = [_with_flags(table) for table in tables if len(table)]
    if not said:
        return pd.DataFrame({"time": np.empty(0, "datetime64[ns]")}), list(problems)
    records = pd.concat(said, ignore_index=True)
    records["sample"] = records["sample"].fillna("") if "sample" in records else ""
    records = records[records["time"].notna() | (records["sample"] != "")]
    twice = sum(_repeated(table) for table in said)
    found = [*problems, *([f"{twice} records of a time that stands twice"] * (twice > 0))]
    records = _in_time(records)
    found += _remove_bad(records)
    found += _flag_implausible(records)
    return _derived(records), found


def told(records: pd.DataFrame) -> list[str]:
    """Name the variables that at least one record of `join` tells."""
    return [name for name in _SENSORS if name in records and records[name].notna().any()]


def flag_name(name: str) -> str:
    """Name of the flag of a variable; both ways to tell oxygen have one."""
    return f"{name.removesuffix('_per_kg')}_flag"


def _with_flags(table: pd.DataFrame) -> pd.DataFrame:
    """Give every value a flag: as told, else not checked; none where there is no value."""
    table = table.copy()
    for name in table.columns.intersection([*_SENSORS, "oxygen_per_kg"]):
        flag, there = flag_name(str(name)), table[name].notna()
        told = table[flag] if flag in table else pd.Series(np.nan, table.index)
        table[flag] = told.where(told.notna() | ~there, float(NOT_CHECKED))
    return table


def _repeated(table: pd.DataFrame) -> int:
    own = table["time"][table["sample"] == ""] if "sample" in table else table["time"]
    return int(own.dropna().duplicated().sum())


def _in_time(records: pd.DataFrame) -> pd.DataFrame:
    """Sort by time; merge what shares one, but move records of casts apart by nanoseconds."""
    records = records.sort_values("time", kind="stable", ignore_index=True)
    loose = records["sample"] == ""
    if records.loc[loose, "time"].duplicated().any():
        merged = records[loose].groupby("time", sort=True).first().reset_index()
        records = pd.concat([merged, records[~loose]], ignore_index=True)
        records = records.sort_values("time", kind="stable", ignore_index=True)
    time = records["time"].to_numpy("datetime64[ns]").copy()
    known = ~np.isnat(time)
    order = np.arange(np.count_nonzero(known))
    apart = np.maximum.accumulate(time[known].view(np.int64) - order) + order
    time[known] = apart.view("datetime64[ns]")
    if not known.all():
        untold = records.get("time_flag", pd.Series(np.nan, records.index)).where(known, MISSING)
        records = records.assign(time_flag=untold)
    return records.assign(time=time)


def _flag_implausible(records: pd.DataFrame) -> list[str]:
    problems = []
    for name in records.columns.intersection(list(PLAUSIBLE)):
        low, high = PLAUSIBLE[str(name)]
        bad = (records[name] < low) | (records[name] > high)
        if bad.any():
            records.loc[bad, name] = np.nan
            records.loc[bad, flag_name(str(name))] = float(BAD)
            problems.append(f"{bad.sum()} values of {name} outside {low:g} to {high:g}")
    return problems


def _remove_bad(records: pd.DataFrame) -> list[str]:
    """Empty values that their files call bad or missing; tell those that are bad or suspect."""
    problems = []
    for name in records.columns.intersection([*_SENSORS, "oxygen_per_kg"]):
        flag = records[flag_name(str(name))]
        for level, word in ((BAD, "bad: left out"), (SUSPECT, "suspect: kept")):
            count = int((flag == level).sum())
            problems += [f"{count} values of {name} are flagged {word}"] * (count > 0)
        records.loc[flag.isin([BAD, MISSING]), name] = np.nan
    return problems


def _derived(records: pd.DataFrame) -> pd.DataFrame:
    """Fill depth from pressure, bring longitude to -180..180 and oxygen to umol/kg."""
    if "longitude" in records:
        records["longitude"] = (records["longitude"] + 180) % 360 - 180
    if "pressure" in records:
        depth = _depth(records)
        nothing = pd.Series(np.nan, records.index)
        known = records.get("depth", nothing)
        flag = records.get("depth_flag", nothing).where(known.notna(), records["pressure_flag"])
        records["depth"], records["depth_flag"] = known.where(known.notna(), depth), flag
    if "oxygen" in records or "oxygen_per_kg" in records:
        records["oxygen"] = _oxygen_per_kg(records)
    return records


def _depth(records: pd.DataFrame) -> pd.Series[float]:
    """Depth from pressure (TEOS-10); at 45 degrees of latitude where none is known.

    The latitude changes the depth by no more than 0.3 %.
    """
    import gsw

    latitude = records["latitude"].fillna(45.0) if "latitude" in records else 45.0
    return pd.Series(-gsw.z_from_p(records["pressure"].to_numpy(), latitude), records.index)


def _oxygen_per_kg(records: pd.DataFrame) -> pd.Series[float]:
    """Oxygen per mass, through the potential density of the water that held it.

    Reference salinity stands for absolute salinity: they differ by less than 0.03 g/kg, the
    density then by less than 0.003 %. NaN where temperature or salinity is.
    """
    import gsw

    nothing = pd.Series(np.nan, records.index)
    per_kg = records.get("oxygen_per_kg", nothing)
    if not {"oxygen", "temperature", "salinity"} <= set(records):
        return per_kg
    pressure = records.get("pressure", records.get("depth", nothing * 0)).fillna(0.0)
    salinity = gsw.SR_from_SP(records["salinity"].to_numpy())
    temperature = gsw.CT_from_t(salinity, records["temperature"].to_numpy(), pressure)
    density = 1000 + gsw.sigma0(salinity, temperature)
    return per_kg.where(per_kg.notna(), records["oxygen"] * 1000 / density)


def as_dataset(records: pd.DataFrame, problems: Sequence[str]) -> xr.Dataset:
    """Make the environment of a deployment of records as `join` gives them.

    Returns
    -------
    Dataset (time)
        The variables that are `told`, in the registry's units and dtypes, and their flags.
        Attribute ``problems`` says what was wrong.
    """
    import xarray as xr

    names = told(records)
    variables = {n: ("time", records[n].to_numpy(ENVIRONMENT[n].dtype), _attrs(n)) for n in names}
    for name in names:
        flag = records[f"{name}_flag"]
        flag = flag.where(records[name].notna() | (flag == BAD), float(MISSING))
        variables[f"{name}_flag"] = ("time", flag.to_numpy(np.int8), _attrs(f"{name}_flag"))
    if "time_flag" in records and (records["time_flag"] == MISSING).any():
        untold = records["time_flag"].fillna(float(NOT_CHECKED))
        variables["time_flag"] = ("time", untold.to_numpy(np.int8), _attrs("time_flag"))
    if "sample" in records and (records["sample"] != "").any():
        variables["sample"] = ("time", records["sample"].to_numpy(object), _attrs("sample"))
    time = records["time"].to_numpy("datetime64[ns]")
    attributes = {"problems": "; ".join(problems)} if problems else {}
    return xr.Dataset(variables, coords={"time": time}, attrs=attributes)


def _attrs(name: str) -> dict[str, Any]:
    attrs = ENVIRONMENT[name].attrs
    return attrs | ({"ancillary_variables": f"{name}_flag"} if name in _SENSORS else {})
