"""What ZooProcess writes beside its scans: the tables of samples and scans, logs and .pid files.

Latitudes and longitudes are ``DD.MMmm`` (degrees, and minutes behind the point), longitudes
positive to the west; 9999 and 99999 stand for what is not known; dates are ``YYYYMMDD-HHMM``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from seston.errors import InputError
from seston.frame import Vignette
from seston.readers import keyed
from seston.readers.keyed import Keyed, Table, number

SAMPLES = "zooscan_sample_header_table.csv"
SCANS = "zooscan_scan_header_table.csv"
_MISSING = (9999.0, 99999.0, 999999.0)
_DATE = re.compile(r"^(\d{4})-?(\d\d)-?(\d\d)(?:[-_ T]?(\d\d):?(\d\d)(?::?\d\d)?)?$")
Record = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Tables:
    """The two tables of a project.

    Parameters
    ----------
    samples, scans : dict of records
        Rows by the name of the sample or scan, in small letters.
    problems : list of str
        Rows and files that were left out.
    """

    samples: dict[str, Record] = field(default_factory=dict)
    scans: dict[str, Record] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def scan(self, name: str) -> Record | None:
        """Give the rows of a scan and of its sample as one record, if both are there."""
        scan = self.scans.get(name.lower())
        sample = self.samples.get(scan["sampleid"].lower()) if scan else None
        return {**scan, **sample} if scan and sample else None

    def scans_of(self, sample: str) -> list[str]:
        """Name the scans that the table lists of a sample."""
        same = sample.lower()
        return [r["scanid"] for r in self.scans.values() if r["sampleid"].lower() == same]


def read_tables(project: Path) -> Tables:
    """Read the tables of samples and scans; a table that cannot be read is a problem."""
    problems: list[str] = []
    folder = project / "Zooscan_meta"
    samples = _by_name(folder / SAMPLES, "sampleid", problems)
    scans = _by_name(folder / SCANS, "scanid", problems)
    complete = {name: row for name, row in scans.items() if row.get("sampleid")}
    return Tables(samples, complete, problems)


def _by_name(path: Path, key: str, problems: list[str]) -> dict[str, Record]:
    try:
        table = keyed.read_table(path)
    except InputError as error:
        problems.append(f"{path.name}: {error.what}")
        return {}
    if key not in table.columns:
        problems.append(f"{path.name}: has no column `{key}`")
        return {}
    problems += [f"{path.name}: line {n} has not as many cells as the header" for n in table.broken]
    rows: dict[str, Record] = {}
    for record in table.records():
        name = record[key].lower()
        if name in rows and rows[name] != record:
            problems.append(f"{path.name}: {record[key]!r} stands twice, and differs")
        elif name:
            rows[name] = record
    return rows


# ------------------------------------------------------------------------- what a record tells
@dataclass(frozen=True, slots=True)
class Haul:
    """What a record tells of a scan and of its sample; see `net_samples.Scan`."""

    sample: str
    time: np.datetime64
    latitude: float
    longitude: float
    depth_min: float
    depth_max: float
    filtered: float
    factor: float
    problem: str
    remark: str


def haul(record: Record) -> Haul:
    """Read a record of the tables, of a ``_meta.txt`` or of the header of a .pid."""
    remarks: list[str] = []
    date = record.get("date", "")
    time = time_of(date)
    if np.isnat(time):
        remarks.append(f"{date!r} is no date of the form YYYYMMDD-HHMM")
    depths = known(record.get("zmin", "")), known(record.get("zmax", ""))
    if depths[0] > depths[1]:
        remarks.append(f"zmin {depths[0]:g} lies below zmax {depths[1]:g}: taken the other way")
        depths = depths[::-1]
    filtered = known(record.get("vol", ""))
    if filtered <= 0:
        remarks.append(f"{filtered:g} m3 is no volume of water")
        filtered = math.nan
    factor = known(record.get("fracnb", ""))
    return Haul(
        record.get("sampleid", ""), time,
        _place(record, "latitude", 90, remarks), -_place(record, "longitude", 180, remarks),
        *depths, filtered, factor, _unusable(record, factor), "; ".join(remarks),
    )  # fmt: skip


def _unusable(record: Record, factor: float) -> str:
    if not record.get("sampleid", ""):
        return "nothing names its sample"
    if not factor >= 1:
        return (
            f"fracnb is {record.get('fracnb', '')!r}, and not a number from 1 up: the inverse of "
            "the fraction that was scanned"
        )
    return ""


def _place(record: Record, name: str, limit: float, remarks: list[str]) -> float:
    """Read a latitude or longitude, degrees; the sign as it is written."""
    written = known(record.get(name, ""))
    degrees = degrees_of(written)
    if math.isnan(written):
        return math.nan
    if not abs(degrees) <= limit:
        remarks.append(
            f"{name} {written:g} is not within {limit:g} degrees as DD.MMmm (degrees, and minutes "
            "behind the point)"
        )
        return math.nan
    return degrees


def degrees_of(written: float) -> float:
    """Turn ``DD.MMmm`` into degrees; NaN where the minutes are sixty or more.

    Examples
    --------
    >>> round(degrees_of(47.5076), 6), round(degrees_of(-15.2622), 6)
    (47.846, -15.437)
    >>> degrees_of(47.846)
    nan
    """
    whole = math.trunc(written) if math.isfinite(written) else 0
    minutes = round(abs(written - whole) * 100, 6)
    if not minutes < 60:
        return math.nan
    return math.copysign(abs(whole) + minutes / 60, written)


def known(text: str) -> float:
    """Read a number; NaN where it stands for what is not known."""
    value = number(text)
    return math.nan if abs(value) in _MISSING else value


def time_of(text: str) -> np.datetime64:
    """Read ``YYYYMMDD-HHMM``; NaT where it is no time."""
    found = _DATE.match(text.strip())
    if not found:
        return np.datetime64("NaT", "ns")
    year, month, day, hour, minute = (part or "00" for part in found.groups())
    try:
        return np.datetime64(f"{year}-{month}-{day}T{hour}:{minute}", "ns")
    except ValueError:
        return np.datetime64("NaT", "ns")


# ------------------------------------------------------------------------------------ .pid files
#: Columns of a .pid that are measured as ours are; lengths and areas in pixels.
_LENGTHS = {
    "axis_major_length": "major", "axis_minor_length": "minor", "height": "height",
    "width": "width", "perimeter_traced": "perim.", "perimeter_convex": "convperim",
    "feret_diameter_max": "feret",
}  # fmt: skip
_AREAS = {"area": "area_exc", "area_filled": "area", "area_convex": "convarea"}
_PLACE = ("bx", "by", "width", "height")


@dataclass(frozen=True, slots=True)
class Finished:
    """A scan whose objects ZooProcess has cut out and measured.

    Parameters
    ----------
    file : Keyed
        Its .pid.
    objects : Table
        The rows of its objects.
    height, width : int
        Pixels of the scan.
    """

    file: Keyed
    objects: Table
    height: int
    width: int


def read_pid(path: Path) -> Finished:
    """Read a .pid file.

    Raises
    ------
    InputError
        It cannot be read, a row of an object is broken, or it ends too early.
    """
    file = keyed.read(path)
    table = file.tables.get("data")
    if table is None or not {"item", "area", *_PLACE} <= set(table.columns):
        raise InputError("has no table of objects, [Data] with !Item;Label;Area;…", where=path)
    if table.broken:
        raise InputError(f"line {table.broken[0]}: not as many cells as columns", where=path)
    promised = number(file.get("particules_process", "analysed_objects"))
    if promised > len(table.rows):
        raise InputError(f"{len(table.rows)} objects of {promised:g}: the file is cut", where=path)
    bottom = right = 1
    for row in table.records():
        x, y, width, height = _box(row, path)
        bottom, right = max(bottom, y + height), max(right, x + width)
    told = [known(file.get("image_process", f"corrected_{n}")) for n in ("heigth", "width")]
    return Finished(
        file, table, *(int(max(t, s)) if t < _LARGEST else s
                       for t, s in zip(told, (bottom, right), strict=True)),
    )  # fmt: skip


#: No side of a scan is longer, pixels: 2 m at 2400 dpi.
_LARGEST = 200_000


def _box(row: Record, path: Path) -> tuple[int, int, int, int]:
    """Left, top, width and height of an object, pixels."""
    values = [number(row[name]) for name in _PLACE]
    if not all(0 <= v <= _LARGEST for v in values) or not min(values[2:]) >= 1:
        said = ", ".join(f"{n} {row[n]!r}" for n in _PLACE)
        raise InputError(f"object {row['item']!r} has no place in a scan: {said}", where=path)
    if not number(row["area"]) > 0:
        raise InputError(f"object {row['item']!r} has the area {row['area']!r}", where=path)
    left, top, width, height = (int(v) for v in values)
    return left, top, width, height


def vignettes_of(finished: Finished, pixel: float, path: Path) -> Iterator[Vignette]:
    """Give the objects of a finished scan, without their pictures.

    Two objects whose boxes begin in one corner would have one name: the second is moved by a
    pixel to the right.

    Parameters
    ----------
    finished : Finished
    pixel : float, mm
    path : Path
        Of the .pid, for errors.
    """
    taken: set[tuple[int, int]] = set()
    for row in finished.objects.records():
        left, top, width, height = _box(row, path)
        while (top, left) in taken:
            left += 1
        taken.add((top, left))
        yield Vignette(
            top, left, height, width,
            measured=_measured(row, pixel), source_id=f"{row.get('label', '')}_{row['item']}",
        )  # fmt: skip


def _measured(row: Record, pixel: float) -> dict[str, float]:
    """Features by our names, in mm and mm2.

    The size is made anew from the area: ZooProcess's ``esd`` lacks the square root. Its area
    holds the holes, ours does not.
    """
    found = {ours: number(row.get(theirs, "")) * pixel for ours, theirs in _LENGTHS.items()}
    found |= {ours: number(row.get(theirs, "")) * pixel**2 for ours, theirs in _AREAS.items()}
    if not found["area"] > 0:
        found["area"] = found["area_filled"]
    found["equivalent_diameter_area"] = 2 * math.sqrt(found["area"] / math.pi)
    found["area_bbox"] = found["height"] * found["width"]
    found["extent"] = found["area"] / found["area_bbox"]
    found["hole_percentage"] = number(row.get("%area", ""))
    if found["axis_minor_length"] > 0:
        found["elongation"] = found["axis_major_length"] / found["axis_minor_length"]
        share = min(1.0, 1 / found["elongation"] ** 2)
        found["eccentricity"] = math.sqrt(1 - share)
    if found["area_convex"] > 0:
        found["solidity"] = found["area"] / found["area_convex"]
    return {name: value for name, value in found.items() if math.isfinite(value)}
