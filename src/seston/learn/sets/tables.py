"""Learning sets told by a table: a row for each picture, with its label and what else is known."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from seston.cells import read_cells
from seston.errors import InputError
from seston.learn.sets.decode import is_deep, read_pictures
from seston.learn.sets.examples import MISSING, OUTSIDE, TOO_DEEP, UNREADABLE, Example, LeftOut
from seston.learn.sets.parts import PARTS, UNTOLD

#: What a column may be called, in small letters; the first that is there counts.
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "path": ("path", "file", "image", "img_file_name"),
    "label": ("label", "taxon", "class"),
    "split": ("split", "set", "part"),
    "group": ("group", "sample", "frame"),
    "pixel_height_mm": ("pixel_height_mm", "pixel_size_mm"),
    "pixel_width_mm": ("pixel_width_mm", "pixel_size_mm"),
    "polarity": ("polarity",),
}
SUFFIXES: Final = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz")
#: Larger tables, unpacked, are no lists of vignettes, bytes.
_MOST_BYTES: Final = 1 << 31
_PEEK: Final = 1 << 14
_CURE: Final = (
    "Its columns are: path and label, and as needed split, group, pixel_height_mm, "
    "pixel_width_mm and polarity; see docs/learning-sets.md."
)


def is_table(path: Path) -> bool:
    """Say whether a file is a table of pictures: its name and its header tell."""
    if not path.name.lower().endswith(SUFFIXES) or not path.is_file():
        return False
    try:
        with _opened(path) as stream:
            header = stream.read(_PEEK).decode("utf-8-sig", "replace").splitlines()[:1]
    except (OSError, EOFError, zlib.error):
        return False
    columns = _columns(_cells(header[0])) if header else {}
    return {"path", "label"} <= set(columns)


def read_table(path: Path, left_out: LeftOut, images: Path | None = None) -> Iterator[Example]:
    """Give the vignettes that a table names.

    Parameters
    ----------
    path : Path
        CSV or TSV, maybe gzipped. Columns (others are not looked at): ``path`` and ``label``;
        ``split`` (train, valid, val, validation or test); ``group``, the sample or frame;
        ``pixel_height_mm`` and ``pixel_width_mm``, or ``pixel_size_mm``; ``polarity`` (dark or
        bright objects).
    left_out : LeftOut
        Gets pictures that are not there, cannot be read, or lie outside of `images`.
    images : Path, optional
        Folder from which paths are meant, and which they may not leave; the table's by default.

    Raises
    ------
    InputError
        It is no table, lacks a column, or a cell of ``split``, ``polarity`` or a pixel size is
        none.
    """
    table = _read(path)
    root = Path(path.parent if images is None else images)
    parts = _parts(table, path)
    sizes = _pixel_sizes(table, path)
    bright = _bright(table, path)
    files = _files(table["path"], root, left_out)
    for row, vignette in read_pictures(files):
        origin = table["path"].iloc[row]
        if vignette is None:
            left_out.damaged(origin, _why_not(root / origin))
            continue
        yield Example(
            table["label"].iloc[row], vignette, origin, table["group"].iloc[row], parts[row],
            sizes[row], bright[row],
        )  # fmt: skip


def _why_not(path: Path) -> str:
    if not path.exists():
        return MISSING
    return TOO_DEEP if is_deep(path) else UNREADABLE


def _opened(path: Path) -> io.BufferedIOBase:
    return gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")


def _read(path: Path) -> pd.DataFrame:
    """Read the columns that are known, by our names, as text."""
    try:
        with _opened(path) as stream:
            content = stream.read(_MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot be read: {error}", where=path) from None
    if len(content) > _MOST_BYTES:
        raise InputError("larger than 2 GB: no list of vignettes", where=path)
    text = _decoded(content)
    separator = _separator(text.split("\n", 1)[0])
    try:
        raw = read_cells(text, separator)
    except ValueError as error:
        raise InputError(f"not a table: {error}", where=path, cure=_CURE) from None
    return _known(raw, path)


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _separator(header: str) -> str:
    return max("\t", ";", ",", key=header.count)


def _cells(header: str) -> list[str]:
    return [cell.strip().strip('"') for cell in header.split(_separator(header))]


def _columns(names: list[str]) -> dict[str, str]:
    """Give the table's name of each column of ours that it has."""
    low = {name.strip().lower(): name for name in reversed(names)}
    found = {ours: next((low[n] for n in theirs if n in low), "") for ours, theirs in NAMES.items()}
    return {ours: name for ours, name in found.items() if name}


def _known(raw: pd.DataFrame, path: Path) -> pd.DataFrame:
    columns = _columns([str(name) for name in raw.columns])
    missing = [name for name in ("path", "label") if name not in columns]
    if missing:
        raise InputError(f"has no column `{missing[0]}`", where=path, cure=_CURE)
    if raw.empty:
        raise InputError("has no rows", where=path, cure=_CURE)
    known = {ours: raw[name].astype(str) for ours, name in columns.items()}
    known.setdefault("group", pd.Series("", raw.index, dtype=object))
    return pd.DataFrame(known)


def _bad(path: Path, column: str, row: int, cell: str, cure: str) -> InputError:
    return InputError(f"line {row + 2}: `{column}` is {cell!r}", where=path, cure=cure)


def _parts(table: pd.DataFrame, path: Path) -> list[int]:
    if "split" not in table:
        return [UNTOLD] * len(table)
    known = {**PARTS, "": UNTOLD}
    cells = table["split"].str.lower()
    for row, cell in enumerate(cells):
        if cell not in known:
            raise _bad(path, "split", row, cell, "It is train, validation (valid, val) or test.")
    return [known[cell] for cell in cells]


def _pixel_sizes(table: pd.DataFrame, path: Path) -> list[tuple[float, float] | None]:
    sides = [f"pixel_{side}_mm" for side in ("height", "width")]
    if not set(sides) <= set(table):
        if set(sides) & set(table):
            raise InputError("tells one side of a pixel only", where=path, cure=_CURE)
        return [None] * len(table)
    values = [pd.to_numeric(table[name], errors="coerce").to_numpy(float) for name in sides]
    told = (table[sides] != "").any(axis=1).to_numpy()
    good = np.logical_and.reduce([np.isfinite(v) & (v > 0) for v in values])
    if (told & ~good).any():
        row = int(np.argmax(told & ~good))
        cell = ", ".join(table[sides].iloc[row])
        raise _bad(path, "pixel size", row, cell, "It is a positive number of mm, or empty.")
    pairs = zip(*(v.tolist() for v in values), told.tolist(), strict=True)
    return [(height, width) if known else None for height, width, known in pairs]


def _bright(table: pd.DataFrame, path: Path) -> list[bool | None]:
    if "polarity" not in table:
        return [None] * len(table)
    known = {"": None, "auto": None, "dark": False, "bright": True}
    cells = table["polarity"].str.lower()
    for row, cell in enumerate(cells):
        if cell not in known:
            raise _bad(path, "polarity", row, cell, "Objects are dark or bright.")
    return [known[cell] for cell in cells]


def _files(cells: pd.Series[str], root: Path, left_out: LeftOut) -> Iterator[tuple[Path, int]]:
    """Give the file of each row; links and dots may not lead out of the folder."""
    top = root.resolve()
    inside: dict[Path, bool] = {}
    for row, cell in enumerate(cells):
        path = _plain(root, cell)
        if path is not None and path.parent not in inside:
            inside[path.parent] = _is_below(path.parent, top)
        if (
            path is None
            or not inside[path.parent]
            or (path.is_symlink() and not _is_below(path, top))
        ):
            left_out.damaged(cell, OUTSIDE)
        else:
            yield path, row


def _plain(root: Path, cell: str) -> Path | None:
    """Give the path of a cell; None where it cannot be one."""
    if not cell or "\0" in cell:
        return None
    return root / cell.replace("\\", "/")


def _is_below(path: Path, top: Path) -> bool:
    try:
        return path.resolve().is_relative_to(top)
    except (OSError, RuntimeError, ValueError):
        return False
