"""Tables that UVP5 and UVP6 share: the header of a project, and EcoTaxa's table of vignettes."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from seston.errors import InputError
from seston.readers.casts import Cut
from seston.readers.cells import as_number
from seston.readers.matching import attribute
from seston.readers.names import time_in

_DEGREES = re.compile(
    r"^(?P<sign>-?)(?P<deg>\d{1,3})°\s*(?P<min>\d{1,2})(?:[\s'](?P<sec>\d{1,2}))?"
)
_MAX_BYTES = 1 << 30
_STAMP = re.compile(r"(\d{4})(\d{2})(\d{2})-?(\d{2})(\d{2})(\d{2})?")
_LAST = 999_999
_KEPT = ("profileid", "filename")


def read_text(path: Path) -> str:
    """Read a text, UTF-8 or latin-1, of at most 1 GB.

    Raises
    ------
    InputError
        It cannot be read.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError("larger than 1 GB", where=path)
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def read_header(path: Path) -> list[dict[str, str]]:
    """Read the header of a project: a row for each profile, ``;`` between cells.

    Raises
    ------
    InputError
        It has no profiles, or lacks the columns ``profileid`` and ``filename``.
    """
    lines = [line for line in read_text(path).splitlines() if line.strip()]
    names = [name.strip().lower() for name in lines[0].split(";")] if lines else []
    missing = [name for name in _KEPT if name not in names]
    if missing:
        raise InputError(
            f"no column `{missing[0]}`", where=path,
            cure="A UVP header has one row a profile: cruise;ship;filename;profileid;…",
        )  # fmt: skip
    rows = [[c.strip() for c in line.split(";")] for line in lines[1:]]
    records = [dict(zip(names, row, strict=False)) for row in rows]
    found = [r for r in records if _named(r.get("profileid", "")) and _named(r.get("filename", ""))]
    if not found:
        raise InputError("names no profile", where=path)
    twice = [r["profileid"] for r in found]
    if len(set(twice)) < len(twice):
        name = next(n for n in twice if twice.count(n) > 1)
        raise InputError(f"the profile {name!r} stands in two rows", where=path)
    return found


def _named(text: str) -> bool:
    """Say whether a name can be that of a file: it must not lead out of the folder."""
    return bool(text) and text not in (".", "..") and not set(text) & set("/\\\0")


def number(text: str | None) -> float:
    """Read a number; a decimal comma is understood, and what is none is NaN."""
    return as_number(text or "nan")


def image_number(text: str | None) -> int | None:
    """Read the number of the first or the last image; None where it is not known."""
    value = number(text)
    return int(value) if 0 <= value < _LAST else None


def start_of(record: Mapping[str, str]) -> np.datetime64:
    """Time of a profile: its ``sampledatetime``, else the name of its file."""
    match = _STAMP.search(record.get("sampledatetime") or record.get("filename", ""))
    if match is None:
        return np.datetime64("NaT", "ns")
    year, month, day, hour, minute, second = (g or "00" for g in match.groups())
    try:
        return np.datetime64(f"{year}-{month}-{day}T{hour}:{minute}:{second}", "ns")
    except ValueError:
        return np.datetime64("NaT", "ns")


def decimal_degrees(text: str) -> float:
    """Read a latitude or longitude of a profiler's header.

    Parameters
    ----------
    text : str
        ``DD.MM``: whole degrees, then minutes as the fraction (43.4123 is 43 degrees and 41.23
        minutes); or ``DD°MM SS``.

    Returns
    -------
    float, degrees
        NaN where it is neither, or has 60 minutes or more.

    Examples
    --------
    >>> round(decimal_degrees("43.3000"), 4), round(decimal_degrees("-7°30 0"), 4)
    (43.5, -7.5)
    """
    text = text.strip()
    match = _DEGREES.match(text)
    if match:
        sign = -1.0 if match["sign"] else 1.0
        minutes, seconds = float(match["min"]), float(match["sec"] or 0)
        whole = float(match["deg"])
    else:
        try:
            value = float(text.replace(",", "."))
        except ValueError:
            return float("nan")
        if not np.isfinite(value):
            return float("nan")
        sign, whole = (-1.0 if text.startswith("-") else 1.0), float(np.floor(abs(value)))
        minutes, seconds = round((abs(value) - whole) * 100, 6), 0.0
    return sign * (whole + minutes / 60 + seconds / 3600) if minutes < 60 else float("nan")


def place_of(record: Mapping[str, str]) -> tuple[float, float, str]:
    """Latitude and longitude of a profile, and what is wrong with them."""
    latitude = decimal_degrees(record.get("latitude", ""))
    longitude = decimal_degrees(record.get("longitude", ""))
    good = abs(latitude) <= 90 and abs(longitude) <= 180
    told = record.get("latitude", "") + record.get("longitude", "")
    if good or not told:
        return (latitude, longitude, "") if good else (np.nan, np.nan, "")
    said = f"{record.get('latitude', '')}, {record.get('longitude', '')}"
    return np.nan, np.nan, f"the header's position is none: {said}"


def told_of(record: Mapping[str, str], instrument: str) -> dict[str, str]:
    """Give what the header tells for the tables of EcoPart."""
    return {
        "raw_file": record.get("filename", ""),
        "cruise": record.get("cruise", ""),
        "station": record.get("stationid", ""),
        "ctd_file": record.get("ctdrosettefilename", ""),
        "instrument": instrument,
    }


def pixel_mm(value: float) -> float:
    """Side of a pixel in mm: files tell it in mm or, then larger than 1, in micrometres."""
    return value * 1e-3 if value >= 1 else value


def parse_ecotaxa(text: str, where: Path | str) -> pd.DataFrame:
    """Parse an EcoTaxa table: names, types, then a row for each object.

    Raises
    ------
    InputError
        It has no ``object_id``.
    """
    rows = list(csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    names = [name.strip().lower() for name in rows[0]] if rows else []
    if "object_id" not in names:
        raise InputError("no column `object_id`", where=where)
    typed = len(rows) > 1 and {c.strip().lower() for c in rows[1] if c.strip()} <= {"[f]", "[t]"}
    body = [(r + [""] * len(names))[: len(names)] for r in rows[2 if typed else 1 :] if any(r)]
    table = pd.DataFrame(body, columns=pd.Index(names), dtype=str)
    table = table.loc[:, ~table.columns.duplicated()]
    return pd.DataFrame({str(n): table[n].str.strip() for n in table})


def cuts_of(table: pd.DataFrame, images: pd.DataFrame, size_mm: float) -> tuple[list[Cut], int]:
    """Find the image of each object of an EcoTaxa table.

    Parameters
    ----------
    table : DataFrame
        As of `parse_ecotaxa`.
    images : DataFrame
        Images of the cast.
    size_mm : float, mm
        Side of a pixel.

    Returns
    -------
    cuts : list of Cut
        Objects whose image is known.
    lost : int
        Number of the others.
    """
    depth = pd.to_numeric(_column(table, "object_depth_min"), errors="coerce")
    objects = pd.DataFrame({"time": _times(table), "depth": depth})
    rows = attribute(objects, images)
    kept = np.flatnonzero(rows >= 0)
    text = {n: _column(table, n).to_numpy() for n in (
        "object_id", "img_file_name", "object_annotation_category", "object_annotation_status",
    )}  # fmt: skip
    edge = {n: pd.to_numeric(_column(table, f"object_{n}"), errors="coerce").to_numpy(float)
            for n in ("bx", "by", "width", "height", "area")}  # fmt: skip
    cuts = [
        Cut(
            row=int(rows[i]), name=str(text["object_id"][i]),
            picture=_safe(str(text["img_file_name"][i])),
            label=str(text["object_annotation_category"][i]),
            status=str(text["object_annotation_status"][i]).lower(),
            measured=_areas(edge["area"][i], size_mm),
            **_box(*(edge[n][i] for n in ("by", "bx", "height", "width"))),  # type: ignore[arg-type]
        )
        for i in kept
    ]  # fmt: skip
    return cuts, len(rows) - len(kept)


def _column(table: pd.DataFrame, name: str) -> pd.Series[str]:
    return table[name] if name in table else pd.Series("", table.index, dtype=str)


def _safe(name: str) -> str:
    """Name of a picture below its folder; nothing where it leads out of it."""
    path = PurePosixPath(name.replace("\\", "/"))
    return path.as_posix() if name and not path.is_absolute() and ".." not in path.parts else ""


def _box(top: float, left: float, height: float, width: float) -> dict[str, int | None]:
    """Bounding box of an object, where the table tells one that can be."""
    size = {k: int(v) if 1 <= v < 1 << 15 else 1 for k, v in (("height", height), ("width", width))}
    known = 0 <= top < 1 << 15 and 0 <= left < 1 << 15
    place = {"top": int(top), "left": int(left)} if known else {"top": None, "left": None}
    return {**place, **size}


def _areas(pixels: float, size_mm: float) -> dict[str, float]:
    """Area of an object in mm2: that of the table's `area`, whose holes are in it."""
    if not pixels > 0 or not size_mm > 0:
        return {}
    area = float(pixels * size_mm**2)
    return {"area": area, "area_filled": area,
            "equivalent_diameter_area": float(2 * np.sqrt(area / np.pi))}  # fmt: skip


def say_lost(images: pd.DataFrame, lost: int) -> pd.DataFrame:
    """Say at the first image of a cast how many objects have none."""
    if not lost or images.empty:
        return images
    said = f"{lost} objects of the table tell neither time nor depth: they are left out"
    problem = images["problem"].to_numpy(object).copy()
    problem[0] = problem[0] or said
    return images.assign(problem=problem)


def _times(table: pd.DataFrame) -> pd.Series[pd.Timestamp]:
    """Time of each object's image: in the name of its picture, or its date and time."""
    named = [_named_time(a, b) for a, b in zip(
        _column(table, "object_id"), _column(table, "img_file_name"), strict=True)]  # fmt: skip
    clock = _column(table, "object_time").str.replace(":", "").str.split(".").str[0].str.zfill(6)
    date = _column(table, "object_date").str.replace("-", "")
    told = pd.to_datetime(date + clock, format="%Y%m%d%H%M%S", errors="coerce")
    return pd.Series(named, table.index, dtype="datetime64[ns]").fillna(told)


def _named_time(*names: str) -> np.datetime64:
    for name in names:
        # What follows the time is the number of the object: not a fraction of a second.
        found = time_in(re.sub(r"_\d+$", "", PurePosixPath(name.replace("\\", "/")).stem))
        if found is not None:
            return found.time
    return np.datetime64("NaT", "ns")
