"""The door: which format a file is of, and all files as one environment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from seston.errors import InputError
from seston.readers import environment, isiis_log
from seston.readers import tables as tabular
from seston.readers.logs import ecopart, greensea, netcdf, nmea, seabird, vipf
from seston.readers.logs.text import Records

if TYPE_CHECKING:
    import xarray as xr

#: Bytes at the beginning of a file that are looked at.
_HEAD = 1 << 14
#: Ends of names that are worth a look: pictures and archives by the thousand are not opened.
SUFFIXES = frozenset({
    ".csv", ".tsv", ".txt", ".log", ".dat", ".cnv", ".btl", ".ctd", ".nc", ".nc4", ".nmea", ".gps",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Format:
    """A format of files of sensors.

    Parameters
    ----------
    name : str
        In words, for a person.
    matches : callable
        Says whether a file is of it, from its path and the head of its text (latin-1).
    read : callable
        Gives records (see `environment.join`) and what was wrong.
    """

    name: str
    matches: Callable[[Path, str], bool]
    read: Callable[[Path], Records]


def _is_isiis_log(path: Path, head: str) -> bool:
    return isiis_log.matches(path) or isiis_log.looks_alike(head)


def _read_table(path: Path) -> Records:
    table, problems = tabular.read(path)
    return table.drop(columns=["file", "frame"], errors="ignore"), problems


#: In the order in which they are asked.
FORMATS = (
    Format("Sea-Bird casts (.cnv)", seabird.is_cnv, seabird.read_cnv),
    Format("Sea-Bird bottles (.btl)", seabird.is_btl, seabird.read_btl),
    Format("netCDF of Argo floats and gliders", netcdf.is_netcdf, netcdf.read_netcdf),
    Format("NMEA 0183 (GGA, RMC, ZDA)", nmea.is_nmea, nmea.read_nmea),
    Format("logs of an ISIIS", _is_isiis_log, isiis_log.read),
    Format("sensors of a Stingray (Greensea CSV)", greensea.is_greensea, greensea.read_greensea),
    Format("logs of an ISIIS by Bellamare (VIPF_LOGS)", vipf.is_vipf, vipf.read_vipf),
    Format("CTD of EcoPart (.ctd)", ecopart.is_ctd, ecopart.read_ctd),
    Format("tables with a time and units (.csv)", tabular.looks_alike, _read_table),
)  # fmt: skip


def recognise(path: Path) -> Format | None:
    """Say which format a file is of, by its content; None where it is of none that is read."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return _recognised(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4096)
def _recognised(path: Path, _modified: int, _size: int) -> Format | None:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD).removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    except OSError:
        return None
    return next((one for one in FORMATS if one.matches(path, head)), None)


def find(place: Path) -> list[Path]:
    """Give a file as it is; of a folder those that are recognised, not in its subfolders."""
    if place.is_file():
        return [place]
    if not place.is_dir():
        return []
    near = (p for p in place.iterdir() if p.suffix.lower() in SUFFIXES and p.name[0] != ".")
    return sorted(p for p in near if p.is_file() and recognise(p) is not None)


def read(
    paths: Sequence[Path],
    tables: Sequence[pd.DataFrame] = (),
    problems: Sequence[str] = (),
) -> Records:
    """Read files of CTD and navigation, of any formats, into one table.

    Parameters
    ----------
    paths : sequence of Path
        Each is recognised by its content.
    tables : sequence of DataFrame
        More records, see `environment.join`; they come first.
    problems : sequence of str
        What is wrong elsewhere, to be kept beside what is wrong here.

    Returns
    -------
    records : DataFrame
    problems : list of str
        See `environment.join`.

    Raises
    ------
    InputError
        A file is of no format that is read, or cannot be used.
    """
    all_read = [_read(path) for path in paths]
    found = [problem for _, said in all_read for problem in said]
    return environment.join([*tables, *(table for table, _ in all_read)], [*problems, *found])


def read_environment(paths: Sequence[Path]) -> xr.Dataset:
    """Read files of CTD and navigation into a dataset: see `read`, `environment.as_dataset`."""
    return environment.as_dataset(*read(paths))


def _read(path: Path) -> Records:
    one = recognise(path)
    if one is None:
        known = "; ".join(one.name for one in FORMATS)
        raise InputError(
            "no file of CTD or navigation that is recognised",
            where=path,
            cure=f"Read are: {known}. Anything else can be written as a table with a column "
            "`time` (UTC) and units in the names, as in `depth_m`.",
        )
    return one.read(path)
