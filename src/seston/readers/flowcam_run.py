"""The lists of a FlowCam run: what was seen, where, and in how much water.

Two layouts are read. VisualSpreadsheet up to 4 leaves a ``.lst``: a version, the number of fields,
their names and types, then a row of ``|`` for each particle. VisualSpreadsheet 5 exports a CSV.
Both say which source image a particle lay in; neither says the volume: that is in the summary of
the run beside them (``_run_summary.txt``, ``_summary.csv``) or in its context (``.ctx``).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.errors import InputError
from seston.readers import columns

Float = NDArray[np.float64]
Int = NDArray[np.int64]

#: A longer run is not believed: 14 hours at 20 images a second.
MOST_IMAGES = 1 << 20
#: A vignette, and a source image, are not larger; ids of objects hold 16 bits of the column.
MOST_PIXELS = 1 << 16
_MAX_BYTES = 1 << 31
_MAX_FIELDS = 1000

#: Our name of a field, and its names in the lists: of `.lst` as they are, of a CSV in small
#: letters without signs and units (names of single pictures and of the CSV's collages are from
#: memory).
_FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "frame": ("src_image", "sourceimage"),
    "left": ("src_x", "capturex"),
    "top": ("src_y", "capturey"),
    "width": ("image_w", "imagewidth"),
    "height": ("image_h", "imageheight"),
    "file_left": ("image_x", "imagex"),
    "file_top": ("image_y", "imagey"),
    "file": ("collage_file", "imagefile", "collagefile", "filename"),
    "id": ("image_id", "uuid"),
    "number": ("id", "captureid", "particleid"),
    "um": ("cal_const", "calibrationfactor"),
    "elapsed": ("elapsed_time", "elapsedtime"),
    "time": ("timestamp",),
    "date": ("date",),
    "clock": ("time",),
    "area": ("abd_area", "areaabd"),
    "area_filled": ("filled_area", "areafilled"),
    "equivalent_diameter_area": ("abd_diameter", "diameterabd"),
})  # fmt: skip
_TEXTS = ("file", "id", "number", "time", "date", "clock")
_WHOLE = ("frame", "left", "top", "width", "height")
#: What the list tells of a particle's size, with the factor from micrometres to millimetres.
MEASURED = MappingProxyType({"area": 1e-6, "area_filled": 1e-6, "equivalent_diameter_area": 1e-3})
_UNIT = re.compile(r"(px|um2?|m2?|s|ms)$")
_SUMMARY = re.compile(r"^\W*(?P<key>[A-Za-z][^:,=]*?)\s*[:,=]\s*(?P<value>.*?)[\s\",]*$")
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?")
_ML = {"": 1.0, "ml": 1.0, "l": 1e3, "ul": 1e-3, "µl": 1e-3, "μl": 1e-3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What the summary of a run tells; NaN, NaT and 0 where it does not.

    Parameters
    ----------
    volume_ml : float, ml
        Fluid imaged.
    images : int
        Source images that were taken.
    particles : int
        Particles that were counted.
    rate_hz : float
        Source images a second.
    start : datetime64[ns]
        When the run began, by the instrument's clock.
    um : float
        Side of a pixel, micrometres.
    """

    volume_ml: float = np.nan
    images: int = 0
    particles: int = 0
    rate_hz: float = np.nan
    start: np.datetime64 = field(default_factory=lambda: np.datetime64("NaT", "ns"))
    um: float = np.nan


@dataclass(frozen=True, slots=True, eq=False)
class Particles:
    """The rows of a list, in its order.

    Parameters
    ----------
    rows : DataFrame
        Rows that can be read: ``line``, ``frame``, ``top``, ``left``, ``height``, ``width``,
        ``file``, ``file_top``, ``file_left`` (-1: the whole picture), ``source_id``, ``um``,
        ``seconds``, ``time`` and the columns of `MEASURED`.
    unread : array, int64
        Lines of the list that cannot be read: it is not known where they lay.
    impossible : array, int64
        Frames of rows whose box cannot be.
    """

    rows: pd.DataFrame
    unread: Int
    impossible: Int


def read_list(path: Path, rate_hz: float = np.nan) -> Particles:
    """Read a ``.lst`` or an exported CSV.

    Parameters
    ----------
    path : Path
    rate_hz : float
        Source images a second: numbers the images where the list tells only the time elapsed.

    Raises
    ------
    InputError
        The file cannot be read, or is not a list of particles.
    """
    text = _text(path)
    raw, unread = _lst(text, path) if path.suffix.lower() == ".lst" else _csv(text, path)
    if "frame" not in raw:
        elapsed = np.floor(columns.numbers(raw["elapsed"]) * rate_hz)
        raw["frame"] = pd.Series(elapsed, raw.index).map("{:.0f}".format)
    return _particles(raw, unread, path)


def looks_like_list(path: Path) -> bool:
    """Say whether the head of a file is that of a list of particles."""
    try:
        with path.open("rb") as file:
            head = file.read(8192).decode("latin-1")
    except OSError:
        return False
    if path.suffix.lower() == ".lst":
        return re.match(r"\s*\d{2,3}\s*[\r\n]+num-fields\|", head) is not None
    first = {_plain(name) for name in head.partition("\n")[0].split(",")}
    return {"capturex", "capturey"} <= first


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError("larger than 2 GB: too large for a list of particles", where=path)
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from None
    if b"\0" in data[:4096]:
        raise InputError("not a text file", where=path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _lst(text: str, path: Path) -> tuple[pd.DataFrame, Int]:
    """Split a ``.lst`` in columns; give the lines with too few or too many fields too."""
    lines = text.replace("\0", "").splitlines()
    told = re.match(r"\s*num-fields\|\s*(\d{1,6})\s*$", lines[1]) if len(lines) > 1 else None
    count = int(told[1]) if told else 0
    if not 0 < count <= min(_MAX_FIELDS, len(lines) - 2):
        raise InputError(
            "does not begin as a list of VisualSpreadsheet 2 to 4: a version, `num-fields|…`, the "
            "fields",
            where=path,
        )
    names = [line.split("|")[0].strip() for line in lines[2 : 2 + count]]
    if len(set(names)) < count:
        raise InputError("names a field twice", where=path)
    first = 2 + count
    kept = [i for i in range(first, len(lines)) if lines[i].strip()]
    good = [i for i in kept if lines[i].count("|") == count - 1]
    bad = np.setdiff1d(kept, good).astype(np.int64)
    table = pd.read_csv(
        io.StringIO("\n".join(lines[i] for i in good)), sep="|", header=None, names=names,
        dtype=str, quoting=csv.QUOTE_NONE, keep_default_na=False, na_filter=False,
    ) if good else pd.DataFrame(columns=pd.Index(names), dtype=str)  # fmt: skip
    return _named(table, good, path), bad


def _csv(text: str, path: Path) -> tuple[pd.DataFrame, Int]:
    try:
        lines = list(csv.reader(io.StringIO(text.replace("\0", "")), skipinitialspace=True))
    except csv.Error as error:
        raise InputError(f"not a CSV: {error}", where=path) from None
    names = [_plain(name) for name in lines[0]] if lines else []
    kept = [i for i in range(1, len(lines)) if any(cell.strip() for cell in lines[i])]
    good = [i for i in kept if len(lines[i]) == len(names)]
    bad = np.setdiff1d(kept, good).astype(np.int64)
    first = [i for i, name in enumerate(names) if name and name not in names[:i]]
    cells = [[lines[i][k] for k in first] for i in good]
    table = pd.DataFrame(cells, columns=pd.Index([names[k] for k in first]), dtype=str)
    return _named(table, good, path), bad


def _plain(header: str) -> str:
    """Name of a column without signs and unit: `Capture X (px)` is ``capturex``."""
    letters = re.sub(r"[^a-z0-9]", "", header.lower().replace("µ", "u").replace("μ", "u"))
    for names in _FIELDS.values():
        for name in names:
            if letters.startswith(name) and _UNIT.fullmatch(letters[len(name) :] or "px"):
                return name
    return letters


def _named(table: pd.DataFrame, lines: Sequence[int], path: Path) -> pd.DataFrame:
    """Keep the fields that are used, under our names."""
    found = {
        ours: next((table[name] for name in names if name in table), None)
        for ours, names in _FIELDS.items()
    }
    missing = [name for name in _WHOLE[1:] if found[name] is None]
    if missing or (found["frame"] is None and found["elapsed"] is None):
        raise InputError(
            f"has no column for: {', '.join(missing or ['frame'])}",
            where=path,
            cure="Export all properties of the particles, with their place in the source image.",
        )
    raw = pd.DataFrame({k: v for k, v in found.items() if v is not None}, dtype=str)
    raw["line"] = np.asarray(lines, np.int64)
    return raw


def _particles(raw: pd.DataFrame, unread: Int, path: Path) -> Particles:
    numbers = {
        name: columns.numbers(raw[name]) if name in raw else np.full(len(raw), np.nan)
        for name in _FIELDS
        if name not in _TEXTS
    }
    texts = {
        name: raw[name].astype(str).str.strip() if name in raw else pd.Series("", raw.index)
        for name in _TEXTS
    }
    seconds = numbers["elapsed"]
    seconds = np.where((seconds >= 0) & (seconds < 1e7), seconds, np.nan)
    frame = numbers["frame"]
    known = (frame >= 0) & (frame < MOST_IMAGES) & (frame == np.floor(frame))
    possible = _possible(numbers)
    rows = pd.DataFrame({name: np.where(known & possible, numbers[name], 0) for name in _WHOLE})
    rows = rows.astype(np.int64)
    rows["frame"] = np.where(known, frame, 0).astype(np.int64)
    rows["line"] = raw["line"].to_numpy(np.int64)
    rows["file"] = [PureWindowsPath(name).name for name in texts["file"]]
    for name in ("file_top", "file_left"):
        inside = (numbers[name] >= 0) & (numbers[name] < 1 << 31)
        rows[name] = np.where(inside, numbers[name], -1).astype(np.int64)
    rows["source_id"] = texts["id"].where(texts["id"] != "", texts["number"]).to_numpy()
    rows["um"] = numbers["um"]
    rows["seconds"] = seconds
    rows["time"] = _times(texts)
    for name, factor in MEASURED.items():
        rows[name] = np.where(numbers[name] > 0, numbers[name] * factor, np.nan)
    if not len(rows) and not len(unread):
        raise InputError("the list has no particles", where=path)
    return Particles(
        rows[known & possible].reset_index(drop=True),
        np.concatenate([unread, rows["line"].to_numpy()[~known]]),
        rows["frame"].to_numpy()[known & ~possible],
    )


def _possible(numbers: Mapping[str, Float]) -> NDArray[np.bool_]:
    """Boxes of whole pixels, not empty, that end inside the largest source image."""
    fine = np.ones(len(numbers["left"]), bool)
    for place, extent in (("left", "width"), ("top", "height")):
        begin, length = numbers[place], numbers[extent]
        fine &= (begin >= 0) & (length >= 1) & (begin + length <= MOST_PIXELS)
        fine &= (begin == np.floor(begin)) & (length == np.floor(length))
    return fine


def _times(texts: Mapping[str, pd.Series[str]]) -> NDArray[np.datetime64]:
    told = texts["time"].where(texts["time"] != "", texts["date"] + "T" + texts["clock"])
    return as_times(told)


def as_times(texts: pd.Series[str]) -> NDArray[np.datetime64]:
    """Read times of ISO 8601; NaT where a text is none, or of a year that no camera says."""
    times = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce").dt.tz_localize(None)
    times = times.where((times.dt.year >= 1980) & (times.dt.year < 2100))
    return times.to_numpy("datetime64[ns]")


def read_summary(files: Sequence[Path]) -> Summary:
    """Read the summary of a run from the files that may tell it; the first to tell stands.

    Understood are lines of a key and a value, parted by a colon, comma or equals sign.
    """
    said: dict[str, str] = {}
    for path in files:
        try:
            lines = _text(path).splitlines()[:10_000]
        except InputError:
            continue
        for match in filter(None, map(_SUMMARY.match, lines)):
            said.setdefault(re.sub(r"[^a-z]", "", match["key"].lower()), match["value"])
    volume = _ml(said.get("fluidvolumeimaged", said.get("totalvolumeml", "")))
    images = _number(said.get("total", said.get("rawimagetotal", "")))
    start = said.get("starttime", said.get("start", said.get("runstarttime", "")))
    found = re.search(r"\d{4}-\d\d-\d\d[ T]\d\d?:\d\d:\d\d(\.\d+)?", start)
    particles = _number(said.get("particlecount", ""))
    return Summary(
        volume_ml=volume if np.isfinite(volume) else _volume_of_context(said, images),
        images=int(images) if 0 < images < MOST_IMAGES else 0,
        particles=int(particles) if 0 < particles < 1e9 else 0,
        rate_hz=_positive(_number(said.get("framerate", ""))),
        start=as_times(pd.Series([found[0] if found else ""]))[0],
        um=_positive(_number(said.get("calibrationfactor", said.get("calibconstant", "")))),
    )


def _volume_of_context(said: Mapping[str, str], images: float) -> float:
    """Volume from the region that counts, the depth of the flow cell and the number of images.

    Keys and units (micrometres for both) are those that an independent reader of ``.ctx`` files
    uses; no real one could be looked at.
    """
    bottom, top, right, left, um, depth = (
        _number(said.get(key, ""))
        for key in ("acceptablebottom", "acceptabletop", "acceptableright", "acceptableleft",
                    "calibconstant", "flowcelldepth")
    )  # fmt: skip
    return _positive((bottom - top) * (right - left) * um**2 * depth * images * 1e-12)


def _ml(text: str) -> float:
    unit = re.sub(r"[\d.,+\-\s\"]", "", text).lower()
    return _positive(_number(text) * _ML.get(unit, np.nan))


def _number(text: str) -> float:
    found = _NUMBER.search(text)
    return float(found[0].replace(",", ".")) if found else np.nan


def _positive(value: float) -> float:
    return value if 0 < value < np.inf else np.nan
