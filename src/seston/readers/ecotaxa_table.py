"""Tables of EcoTaxa, as its importer reads them and its exports write them.

The importer opens a file as latin-1 unless it begins with the byte-order mark of UTF-8, lets a
quotation mark that is not closed swallow the rows after it without a word, and takes the second
row as types. Files of the field hold UTF-8 without the mark, and text encoded twice. Here bytes
are mended run by run, so that it does not matter which of these a file is; a row is a line with as
many cells as the header, whatever its quotation marks; lines that have not are joined, where a
quoted cell was broken over them, or left out and counted.

A table is read block by block, and only the columns that are used: memory is a block and what is
kept of each row, some 300 bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.errors import InputError
from seston.readers.columns import numbers

#: Bytes that are looked at together, and the longest line.
_BLOCK = 1 << 24
#: A larger table is refused: some 1.7 million objects with 150 columns.
MOST_BYTES = 1 << 31
#: Lines over which a quoted cell may be broken.
_MOST_JOINED = 50
#: More wrong lines in 16 MB are no accident.
_MOST_WRONG = 20_000
_TAB, _NEWLINE, _QUOTE = 9, 10, 34

#: Columns of names and numbers that many rows share: kept once.
SHARED = (
    "sample_id", "acq_id", "acq_instrument", "object_annotation_category",
    "object_annotation_status", "object_annotation_hierarchy", "object_lat", "object_lon",
    "object_date", "object_time",
    "sample_tot_vol", "acq_sub_part", "sample_total_volume", "sample_concentrated_sample_volume",
    "sample_dilution_factor", "acq_imaged_volume", "acq_minimum_mesh", "acq_maximum_mesh",
    "acq_local_datetime", "process_datetime", "process_particle_pixel_size_mm", "acq_pixel",
    "process_pixel", "acq_scan_resolution", "process_img_resolution", "acq_volimage",
    "acq_threshold", "process_particle_threshold", "process_upper", "process_gamma",
    "process_invert", "process_footerheight_px",
)  # fmt: skip
#: Columns of text of which each row has its own.
OWN = ("object_id", "img_file_name")
#: Columns of numbers of which each row has its own.
NUMBERS = (
    "object_depth_min", "object_depth_max", "object_bx", "object_by", "object_width",
    "object_height", "object_area", "object_area_exc", "object_convarea", "object_convex_area",
    "object_bounding_box_area", "object_major", "object_minor", "object_perim.", "object_mean",
    "object_min", "object_max", "object_range", "object_mode", "object_skew", "object_kurt",
    "object_intden", "object_eccentricity", "object_extent", "object_solidity",
    "object_equivalent_diameter", "object_local_centroid_row", "object_local_centroid_col",
)  # fmt: skip
_MISSING = ["", "na", "NA", "NaN", "nan", "None", "null", "inf", "-inf", "Inf", "-Inf", "INF"]


@dataclass(slots=True)
class Table:
    """Rows of a table that were read.

    Parameters
    ----------
    rows : DataFrame
        Columns of `SHARED` (categories), `OWN` (str) and `NUMBERS` (float) that the table has.
    problems : list of str
        What was wrong and was mended or left out.
    """

    rows: pd.DataFrame
    problems: list[str] = field(default_factory=list)


def is_header(line: bytes) -> bool:
    """Say whether the first line of a file is the header of a table of EcoTaxa."""
    names = set(_cells(line.split(b"\n")[0].removeprefix(b"\xef\xbb\xbf")))
    return "object_id" in names and bool(
        names & {"object_lat", "object_lon", "object_date", "img_file_name", "sample_id", "acq_id"}
    )


def read_table(stream: BinaryIO, where: str) -> Table:
    """Read a table.

    Parameters
    ----------
    stream : binary stream
    where : str
        Its name in a message.

    Raises
    ------
    InputError
        It is no table of EcoTaxa, holds no row, or is too large.
    """
    lines = _Lines(stream, where)
    header = lines.header()
    wanted = _wanted(header)
    cells = _Cells()
    shared = {name: _Shared(cells) for name in SHARED if name in wanted}
    parts: list[pd.DataFrame] = []
    for block in lines.blocks():
        part = _parsed(block, len(header), wanted, where)
        for name, texts in shared.items():
            part[name] = texts.codes(part[name])
        for name in OWN:
            if name in wanted:
                part[name] = cells.clean_all(part[name])
        parts.append(part)
    if not sum(map(len, parts)):
        raise InputError("the table has no rows", where=where)
    rows = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    for name, texts in shared.items():
        codes = rows[name].to_numpy(np.int32)
        rows[name] = pd.Categorical.from_codes(codes, categories=pd.Index(list(texts.known)))
    return Table(rows, [*cells.problems(lines.marked), *lines.problems()])


def _wanted(header: Sequence[str]) -> dict[str, int]:
    """Give the place of each column that is used; of two of one name the first."""
    used = {*SHARED, *OWN, *NUMBERS}
    found: dict[str, int] = {}
    for place, name in enumerate(header):
        if name in used:
            found.setdefault(name, place)
    return dict(sorted(found.items(), key=lambda item: item[1]))


def _parsed(block: bytes, width: int, wanted: Mapping[str, int], where: str) -> pd.DataFrame:
    """Parse lines of equally many cells."""
    dtypes: dict[str, Any] = {name: "category" for name in SHARED if name in wanted}
    dtypes |= {name: str for name in OWN if name in wanted}
    if not block.isascii():
        block = block.decode("latin-1").encode()
    names = [f"_{i}" for i in range(width)]
    for name, place in wanted.items():
        names[place] = name
    try:
        part = pd.read_csv(
            io.BytesIO(block), sep="\t", header=None, names=names, usecols=list(wanted),
            dtype=dtypes, quoting=3, keep_default_na=False, lineterminator="\n", low_memory=False,
            na_values={name: _MISSING for name in NUMBERS if name in wanted},
        )  # fmt: skip
    except (ValueError, pd.errors.ParserError, OverflowError) as error:
        raise InputError(f"not a table: {error}", where=where) from None
    for name in NUMBERS:
        if name in wanted:
            part[name] = _numbers(part[name])
    return part


def _numbers(values: pd.Series[Any]) -> NDArray[np.float64]:
    """Give numbers, whatever pandas made of them; what is none, or not finite, is NaN."""
    if values.dtype.kind in "fiu":
        found = values.to_numpy(np.float64)
        return np.where(np.isfinite(found), found, np.nan)
    return numbers(values.fillna("").astype(str).str.strip('" '))


class _Shared:
    """The texts of a column so far, in the order of their first row."""

    def __init__(self, cells: _Cells) -> None:
        self.known: dict[str, int] = {}
        self._cells = cells

    def codes(self, values: pd.Series[Any]) -> NDArray[np.int32]:
        """Give the number of the text of each row."""
        own = [self._cells.clean(str(text)) for text in values.cat.categories]
        numbered = [self.known.setdefault(text, len(self.known)) for text in own]
        return np.array([*numbered, -1], np.int32)[values.cat.codes.to_numpy()]


# ------------------------------------------------------------------------------- lines of bytes
class _Lines:
    """Lines of a table, in blocks, each with as many cells as the header."""

    def __init__(self, stream: BinaryIO, where: str) -> None:
        self._stream, self._where = stream, where
        self._rest = b""
        self._bytes = 0
        self._tabs = 0
        self._first = True
        self.marked = False
        self._mended: dict[str, int] = {}

    def header(self) -> list[str]:
        """Give the names of the columns, in small letters."""
        self._fill()
        self.marked = self._rest.startswith(b"\xef\xbb\xbf")
        line, _, self._rest = self._rest.removeprefix(b"\xef\xbb\xbf").partition(b"\n")
        names = _cells(line)
        if "object_id" not in names:
            cure = "Its cells are parted by tabs, and one column is named object_id."
            raise InputError("no table of EcoTaxa", where=self._where, cure=cure)
        self._tabs = len(names) - 1
        return names

    def blocks(self) -> Iterator[bytes]:
        """Give the rows, as they are."""
        more = True
        while more:
            more = self._fill()
            end = self._rest.rfind(b"\n") + 1 if more else len(self._rest)
            if more and not end and len(self._rest) > _BLOCK:
                raise InputError("has a line of more than 16 MB", where=self._where)
            whole, self._rest = self._rest[:end], self._rest[end:]
            if b"\r" in whole:
                whole = whole.replace(b"\r\n", b"\n")
            if b"\n\n" in whole:
                whole = re.sub(rb"\n\n+", b"\n", whole)
            whole = whole.lstrip(b"\n")
            if whole.strip():
                whole = self._checked(whole if whole.endswith(b"\n") else whole + b"\n")
            if whole.strip(b"\n"):
                yield whole

    def _fill(self) -> bool:
        data = self._stream.read(_BLOCK)
        self._bytes += len(data)
        if self._bytes > MOST_BYTES:
            cure = "Export it from EcoTaxa in parts, one file for each sample."
            raise InputError("larger than 2 GB", where=self._where, cure=cure)
        if b"\0" in data:
            cure = "Save it as UTF-8 or latin-1."
            raise InputError("not a text file, or one in UTF-16", where=self._where, cure=cure)
        self._rest += data
        return bool(data)

    def _checked(self, block: bytes) -> bytes:
        """Leave out the row of types, empty lines, and lines of too few or too many cells."""
        if self._first:
            block = self._without_types(block)
        self._first = False
        array = np.frombuffer(block, np.uint8)
        ends = np.flatnonzero(array == _NEWLINE)
        starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
        right = _between(array == _TAB, ends) == self._tabs
        if b'"' in block:
            unclosed = right & (_between(array == _QUOTE, ends) % 2 == 1)
            self._count("unclosed", int(unclosed.sum()))
        if right.all():
            return block
        if np.count_nonzero(~right) > _MOST_WRONG:
            cure = "Is it cut by tabs throughout?"
            what = "most lines have more or fewer cells than the header"
            raise InputError(what, where=self._where, cure=cure)
        return self._repaired(block, starts, ends, right)

    def _without_types(self, block: bytes) -> bytes:
        line, _, rest = block.partition(b"\n")
        types = {cell.strip(b' "\r').lower() for cell in line.split(b"\t")}
        return rest if types <= {b"[t]", b"[f]", b""} and line.strip() else block

    def _repaired(
        self,
        block: bytes,
        starts: NDArray[np.int64],
        ends: NDArray[np.int64],
        right: NDArray[np.bool_],
    ) -> bytes:
        """Join lines over which a quoted cell is broken; leave out the others that are wrong."""
        kept: list[bytes] = []
        waiting: list[bytes] = []
        for start, end, good in zip(starts, ends, right, strict=True):
            line = block[start:end]
            if good:
                self._count("short", bool(waiting))
                waiting = []
                kept.append(line)
                continue
            if not line.strip():
                continue
            waiting.append(line)
            whole = b" ".join(waiting)
            tabs = whole.count(b"\t")
            if tabs == self._tabs and whole.count(b'"') % 2 == 0 and len(waiting) > 1:
                kept.append(whole)
                waiting = []
            elif (
                waiting[0].count(b'"') % 2 == 0 or tabs > self._tabs or len(waiting) > _MOST_JOINED
            ):
                self._count("short", len(waiting))
                waiting = []
        self._count("short", bool(waiting))
        return b"\n".join([*kept, b""])

    def _count(self, what: str, number: int) -> None:
        if number:
            self._mended[what] = self._mended.get(what, 0) + int(number)

    def problems(self) -> list[str]:
        """Say what was mended or left out."""
        said = {
            "unclosed": "{} rows hold a quotation mark that is not closed: EcoTaxa would lose the "
            "rows after them",
            "short": "{} rows with more or fewer cells than the header were left out",
        }
        return [said[k].format(f"{n:,}") for k, n in self._mended.items() if k in said]


def _between(marks: NDArray[np.bool_], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count marks in each line."""
    return np.diff(np.searchsorted(np.flatnonzero(marks), ends), prepend=0)


def _cells(line: bytes) -> list[str]:
    text = line.decode("latin-1")
    return [cell.strip(' "\r').lower() for cell in text.split("\t")]


#: Characters that windows-1252 puts where latin-1 has none, by their bytes.
_WINDOWS = {ord(bytes([b]).decode("cp1252")): b for b in range(0x80, 0xA0)
            if b not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)}  # fmt: skip
_TWICE = re.compile("[\xc2-\xf4][\x80-\xbf]+")
_THRICE = re.compile("[\xc2-\xf4][\x80-\xbf" + "".join(map(chr, _WINDOWS)) + "]+")


class _Cells:
    """Takes quotation marks from around cells, and mends how they were encoded."""

    def __init__(self) -> None:
        self._utf8 = self._twice = False

    def clean(self, cell: str) -> str:
        """Give a cell, of which each character is a byte of the file, as it was meant."""
        cell = cell.strip()
        if cell.startswith('"'):
            cell = cell[1:].removesuffix('"').replace('""', '"').strip()
        if cell.isascii():
            return cell
        once = _TWICE.sub(_meant, cell)
        self._utf8 |= once != cell
        found = _THRICE.sub(_meant, once) if once != cell else once
        self._twice |= found != once
        return found

    def clean_all(self, values: pd.Series[Any]) -> pd.Series[Any]:
        """Clean a column; most cells need nothing, and nothing is done to them."""
        return pd.Series(list(map(self.clean, values)), values.index, dtype=object)

    def problems(self, marked: bool) -> list[str]:
        """Say what was mended."""
        unmarked = "is UTF-8 without a byte-order mark, which EcoTaxa would read as latin-1"
        said = [unmarked] * (self._utf8 and not marked)
        return said + ["holds text that was encoded twice: mended"] * self._twice


def _meant(match: re.Match[str]) -> str:
    """Read a run of characters that are bytes of UTF-8 as what it stands for."""
    try:
        return match[0].translate(_WINDOWS).encode("latin-1").decode("utf-8")
    except UnicodeError:
        return match[0]
