"""The environment of a deployment: records of all its logs in one Dataset, in our units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd
import xarray as xr

from seston.variables import ENVIRONMENT

#: Values outside are a sensor's nonsense or another unit: they become NaN and are counted.
PLAUSIBLE: Mapping[str, tuple[float, float]] = MappingProxyType({
    "depth": (-5.0, 11_000.0),
    "pressure": (-5.0, 11_300.0),
    "temperature": (-2.6, 45.0),
    "salinity": (0.0, 45.0),
    "fluorescence": (-1.0, 15.0),
    "oxygen": (0.0, 1000.0),
    "oxygen_per_kg": (0.0, 1000.0),
    "irradiance": (-10.0, 10_000.0),
    "latitude": (-90.0, 90.0),
    "longitude": (-180.0, 360.0),
    "speed": (0.0, 15.0),
})  # fmt: skip


def assemble(tables: Sequence[pd.DataFrame], problems: Sequence[str] = ()) -> xr.Dataset:
    """Join the records of logs.

    Parameters
    ----------
    tables : sequence of DataFrame
        Each with ``time`` (datetime64[ns], UTC) and columns named as in `columns`, in the
        registry's units, and ``sample`` where records are of casts; oxygen as ``oxygen``
        (umol/l) or ``oxygen_per_kg`` (umol/kg).
    problems : sequence of str
        What was wrong in the logs, to be kept beside the data.

    Returns
    -------
    Dataset (time)
        Variables of the registry's environment that at least one record tells, sorted by time,
        no time twice (the first record is kept). Attribute ``problems`` says what was wrong.
    """
    said = [table for table in tables if len(table)]
    if not said:
        return _dataset(pd.DataFrame({"time": np.empty(0, "datetime64[ns]")}), list(problems))
    records = pd.concat(said, ignore_index=True)
    records = records.dropna(subset="time").sort_values("time", kind="stable")
    twice = records["time"].duplicated()
    found = [
        *problems,
        *([f"{twice.sum()} records of a time that stands twice"] * bool(twice.any())),
    ]
    records = records[~twice].reset_index(drop=True)
    found += _remove_implausible(records)
    return _dataset(_derived(records), found)


def _remove_implausible(records: pd.DataFrame) -> list[str]:
    problems = []
    for name in records.columns.intersection(list(PLAUSIBLE)):
        low, high = PLAUSIBLE[str(name)]
        bad = (records[name] < low) | (records[name] > high)
        if bad.any():
            records.loc[bad, name] = np.nan
            problems.append(f"{bad.sum()} values of {name} outside {low:g} to {high:g}")
    return problems


def _derived(records: pd.DataFrame) -> pd.DataFrame:
    """Fill depth from pressure, bring longitude to -180..180 and oxygen to umol/kg."""
    if "longitude" in records:
        records["longitude"] = (records["longitude"] + 180) % 360 - 180
    if "pressure" in records:
        depth = _depth(records)
        known = records["depth"] if "depth" in records else pd.Series(np.nan, records.index)
        records["depth"] = known.where(known.notna(), depth)
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


def _dataset(records: pd.DataFrame, problems: list[str]) -> xr.Dataset:
    variables = {
        name: ("time", records[name].to_numpy(variable.dtype), variable.attrs)
        for name, variable in ENVIRONMENT.items()
        if name in records and records[name].notna().any()
    }
    if "sample" in records:
        name = {"long_name": "cast or sample of the record"}
        variables["sample"] = ("time", records["sample"].fillna("").to_numpy(object), name)
    time = records["time"].to_numpy("datetime64[ns]")
    attributes = {"problems": "; ".join(problems)} if problems else {}
    return xr.Dataset(variables, coords={"time": time}, attrs=attributes)
