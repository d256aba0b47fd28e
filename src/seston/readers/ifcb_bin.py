"""A bin of an Imaging FlowCytobot: what its .hdr and .adc tell, before any picture is read.

The .adc has one row for each region of interest (ROI), or for a trigger without any; all rows of
one trigger follow each other. Names of bins: ``IFCB5_2012_028_081515`` (first generation, day of
the year) and ``D20130526T095207_IFCB013`` (second).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from seston.errors import InputError

Float = NDArray[np.float64]
Int = NDArray[np.int64]

#: Larger files are refused: a bin of 20 minutes has some 10 kB of header and 2 MB of rows.
_MAX_HEADER, _MAX_BYTES, _MAX_ROWS = 1 << 20, 1 << 27, 1 << 19
_FIRST = re.compile(r"IFCB(?P<instrument>\d+)_(?P<time>\d{4}_\d{3}_\d{6})$")
_SECOND = re.compile(r"D(?P<time>\d{8}T\d{6})_IFCB(?P<instrument>\d+)$")

#: What is read of a row, and the place of it where no header says otherwise.
_NAMES = ("trigger", "time", "open", "x", "y", "width", "height", "start", "runtime", "inhibit")
_NEEDED = ("trigger", "time", "x", "y", "width", "height", "start")
_FIRST_PLACES = {"trigger": 0, "open": 7, "time": 8, "x": 9, "y": 10, "width": 11, "height": 12,
                 "start": 13}  # fmt: skip
_SECOND_PLACES = {"trigger": 0, "time": 1, "x": 13, "y": 14, "width": 15, "height": 16,
                  "start": 17, "runtime": 22, "inhibit": 23}  # fmt: skip
#: Names in `ADCFileFormat` of a header, in small letters and without signs.
_FORMAT: Mapping[str, str] = MappingProxyType({
    "trigger": "trigger", "adctime": "time", "roix": "x", "roiy": "y", "roiwidth": "width",
    "roiheight": "height", "startbyte": "start", "runtime": "runtime", "inhibittime": "inhibit",
})  # fmt: skip
#: A bin never lasts so long, s: anything above is damage.
_LONGEST_S = 7 * 86400.0
_DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class BinName:
    """What the name of a bin tells.

    Parameters
    ----------
    start : datetime64[ns]
        UTC.
    instrument : int
        Number of the instrument.
    generation : int
        1 or 2: of the names, the header and the rows.
    """

    start: np.datetime64
    instrument: int
    generation: int


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows of an .adc, a value for each; NaN where a column is not there.

    Parameters
    ----------
    trigger, time, open, x, y, width, height, start, runtime, inhibit : array (row), float64
        Number of the trigger; s since the start of the bin at which it was imaged, and at which
        the instrument was ready for it (first generation); place and size of the ROI in the
        camera's image and first byte of it in the .roi; s of running, and of those s in which
        nothing could be seen (second generation).
    damaged : array (row), bool
        The row cannot be read: its values are NaN.
    """

    trigger: Float
    time: Float
    open: Float
    x: Float
    y: Float
    width: Float
    height: Float
    start: Float
    runtime: Float
    inhibit: Float
    damaged: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.trigger)

    def triggers(self) -> Int:
        """Give the first row of each trigger, and the number of rows after the last."""
        own = self.trigger
        new = np.ones(len(own), bool)
        # A damaged row has no number (NaN), which equals nothing: it is a trigger of its own.
        new[1:] = own[1:] != own[:-1]
        return np.append(np.flatnonzero(new), len(own))


def no_rows() -> Rows:
    """Give the rows of a bin without triggers."""
    nothing = {name: np.empty(0) for name in _NAMES}
    return Rows(**nothing, damaged=np.empty(0, bool))


def parse_name(stem: str) -> BinName | None:
    """Understand the name of a bin without its extension; None where it is not one."""
    first, second = _FIRST.match(stem), _SECOND.match(stem)
    match = first or second
    if match is None:
        return None
    text = match["time"]
    try:
        if first:
            year, day, clock = text.split("_")
            if not 1 <= int(day) <= 366:
                return None
            date = np.datetime64(f"{year}-01-01") + np.timedelta64(int(day) - 1, "D")
        else:
            date = np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:8]}")
            clock = text[9:]
        start = np.datetime64(f"{date}T{clock[:2]}:{clock[2:4]}:{clock[4:]}", "ns")
    except ValueError:
        return None
    return BinName(start, int(match["instrument"]), 1 if first else 2)


def read_header(path: Path) -> Mapping[str, str]:
    """Read the ``key: value`` lines of a header, keys in small letters.

    A header of the first generation has none that matter here.

    Raises
    ------
    InputError
        The file cannot be read, or is too large for a header.
    """
    text = _content(path, _MAX_HEADER).decode("latin-1")
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip().lower(): value.strip() for key, colon, value in pairs if colon}


def read_rows(path: Path, header: Mapping[str, str], generation: int) -> Rows:
    """Read an .adc.

    Parameters
    ----------
    path : Path
    header : mapping
        Its ``ADCFileFormat`` names the columns, where it is there.
    generation : int
        See `BinName`.

    Raises
    ------
    InputError
        The file cannot be read, or is too large.
    """
    content = _content(path, _MAX_BYTES)
    if content.count(b"\n") + content.count(b"\r") > 2 * _MAX_ROWS:
        raise InputError(f"holds more than {_MAX_ROWS:,} rows: not those of a bin", where=path)
    lines = [line for line in content.splitlines() if line.strip()]
    places, columns = _places(header, generation)
    values = np.full((len(lines), len(_NAMES)), np.nan)
    target = [_NAMES.index(name) for name in places]
    right = np.array([line.rstrip(b", \t").count(b",") for line in lines], int) == columns - 1
    values[np.ix_(right, target)] = _numbers(lines, right, list(places.values()))
    table = dict(zip(_NAMES, values.T, strict=True))
    if generation == 1:
        for name in ("open", "time"):  # after midnight the clock of the day starts again
            table[name][table[name] < 0] += _DAY_S
    told = np.array([table[name] for name in ("trigger", "time", "x", "y", "width", "height")])
    damaged = ~np.isfinite(told).all(axis=0) | ~((told[1] >= 0) & (told[1] < _LONGEST_S))
    values[damaged] = np.nan
    return Rows(**table, damaged=damaged)


def _content(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(min(os.fstat(file.fileno()).st_size, most) + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from None
    if len(content) > most:
        raise InputError(f"holds more than {most:,} bytes: not a file of a bin", where=path)
    return content


def _places(header: Mapping[str, str], generation: int) -> tuple[dict[str, int], int]:
    """Say which column holds what, and how many columns there are."""
    if generation == 1:
        return _FIRST_PLACES, 15
    told = header.get("adcfileformat", "")
    names = [re.sub(r"[^a-z]", "", name.lower()) for name in told.split(",")]
    places = {_FORMAT[name]: i for i, name in enumerate(names) if name in _FORMAT}
    # A header that is cut names some columns only: then they are where they usually are.
    return (places, len(names)) if set(_NEEDED) <= set(places) else (_SECOND_PLACES, 24)


def _numbers(lines: Sequence[bytes], right: NDArray[np.bool_], places: Sequence[int]) -> Float:
    """Parse the columns of the lines that are right; a line that is no numbers becomes NaN."""
    chosen = [line.decode("latin-1") for line, good in zip(lines, right, strict=True) if good]
    if not chosen:
        return np.empty((0, len(places)))
    try:
        return np.loadtxt(chosen, delimiter=",", usecols=places, comments=None, ndmin=2)
    except ValueError:
        return np.array([_line(line, places) for line in chosen])


def _line(line: str, places: Sequence[int]) -> list[float]:
    cells = line.split(",")
    try:
        return [float(cells[place]) for place in places]
    except ValueError:
        return [np.nan] * len(places)
