"""EcoTaxa: import bundles with pictures, and exports without.

A bundle is a folder or a zip with tables ``ecotaxa*.tsv`` (or ``.txt``) and the pictures that they
name, or sub-bundles of a UVP6 (``*Images.zip``). An export is one table, or a folder of them, maybe
gzipped. One row is one object; an object with several pictures has several rows, of which the first
counts.

A frame here is what objects share that are of one sample, acquisition, place, time and depths: a
haul's fraction, a drop under the microscope, an image of a UVP. Water without objects is in no
table, so that of casts only counts are known.

Places in the tables of EcoTaxa are degrees north and east: that ZooProcess's own tables have
degrees and minutes in one number, and positive west, was mended by who wrote the bundle.

Where there is a picture, the object is measured on it: its pixels are those beyond the threshold
that the table tells (ZooScan, UVP), of which the largest piece counts. Where that area is not the
table's, the picture is an illustration (drawn over, rescaled, cut), and the table's numbers stand.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from seston.errors import ConfigError, InputError, SestonError
from seston.frame import Vignette
from seston.readers.archive import Folder, Shelf, damage, joined, open_file, open_shelf
from seston.readers.ecotaxa_sheet import Sheet, make_sheet, mark_holes
from seston.readers.ecotaxa_table import SHARED, Table, is_header, read_table
from seston.readers.ecotaxa_vignettes import read_frames
from seston.readers.ecotaxa_water import NO_TOTAL, Water, water
from seston.readers.listing import finish
from seston.readers.names import natural, suffix
from seston.readers.reader import VignetteReader, files_below, none_found
from seston.readers.registry import register

_TABLES = frozenset({".tsv", ".txt"})
_SUFFIXES = frozenset({".tsv", ".txt", ".gz", ".zip"})
#: Entries of a folder that are looked at to recognise it.
_LOOKED_AT = 2000
_PEEK = 1 << 16
_CONFIGURED = "told by campaigns.csv"


@register(
    "ecotaxa",
    files="import bundles (folder or zip: tables and pictures), exports (TSV, maybe gzipped)",
    volume="nets: sample_tot_vol and acq_sub_part; PlanktoScope: imaged, concentrated and total "
    "volume; UVP: not told",
    tested="real",
)
class EcoTaxa(VignetteReader):
    """One bundle or export."""

    logs_beside = False

    @classmethod
    def can_open(cls, path: Path) -> bool:
        """Look for a table of EcoTaxa, or for a bundle of a UVP6."""
        try:
            if path.is_dir():
                return _folder_is(path)
            if path.suffix.lower() not in _SUFFIXES or not path.is_file():
                return False
            if path.suffix.lower() == ".zip":
                return bool(_in_zip(open_shelf(path)))
            with open_file(path) as stream:
                return is_header(stream.read(_PEEK))
        except (SestonError, OSError):
            return False

    def files(self) -> list[Path]:
        """Give the tables, or the zips that hold them; ``.`` where the path is itself one."""
        return _files_of(self.deployment.path)

    def frames(self) -> pd.DataFrame:
        """List all frames; see `Reader.frames`."""
        files = [path.as_posix() for path in self.files()]
        if not files:
            raise none_found(self.deployment.path, _SUFFIXES)
        parts, failed = [], []
        for file in files:
            try:
                parts.append(self._frames_of(file))
            except InputError as error:
                failed.append(error)
                parts.append(pd.DataFrame([{"path": file, "usable": 0, "problem": error.what}]))
        if len(failed) == len(files):
            raise failed[0]
        frames = pd.concat(parts, ignore_index=True)
        counts = {"height": 0, "width": 0, "vignettes": 0}
        return self._finished(frames.fillna(counts).astype(dict.fromkeys(counts, np.int64)))

    def vignettes(self, path: str, indices: Sequence[int]) -> Iterator[list[Vignette]]:
        """Read the objects of frames; see `VignetteReader.vignettes`."""
        sheets = self._sheets(path)
        counts = np.cumsum([0, *(len(sheet.frames) for _, sheet in sheets)])
        if len(indices) and not 0 <= min(indices) <= max(indices) < counts[-1]:
            raise InputError(f"has only {counts[-1]} frames", where=self.deployment.path / path)
        places = np.searchsorted(counts, indices, side="right") - 1
        for which, run in groupby(zip(places, indices, strict=True), key=itemgetter(0)):
            shelf, sheet = sheets[which]
            numbers = [index - int(counts[which]) for _, index in run]
            yield from read_frames(shelf, sheet, numbers, self.optics.pixel_width_mm or np.nan)

    def own_records(self) -> tuple[list[pd.DataFrame], list[str]]:
        """Tell what is wrong with the tables of EcoTaxa; see `Reader.own_records`."""
        problems = []
        for file in self.files():
            try:
                sheets = self._sheets(file.as_posix())
            except InputError:
                continue  # `frames` says it
            name = file.name or self.deployment.path.name
            problems += [f"{s.folder or name}: {p}" for _, s in sheets for p in s.problems]
        return [], problems

    # ------------------------------------------------------------------------------- of a file
    def _sheets(self, file: str) -> list[tuple[Shelf, Sheet]]:
        return _sheets_of(self.deployment.path, file)

    def _frames_of(self, file: str) -> pd.DataFrame:
        sheets = self._sheets(file)
        frames = [_texts(_with_missing_pictures(shelf, sheet)) for shelf, sheet in sheets]
        return pd.concat(frames, ignore_index=True).assign(path=file, usable=1)

    def _finished(self, frames: pd.DataFrame) -> pd.DataFrame:
        good = frames["usable"] == 1
        found = self._water(_shared_again(frames[good]))
        frames["index_in_file"] = frames.groupby("path", sort=False).cumcount()
        frames["scan"], frames["line_interval"] = np.arange(len(frames)), 0.0
        frames["first_line"] = frames["height"].cumsum() - frames["height"]
        frames["sample"] = frames["sample_id"].fillna("")
        frames.loc[good, "subsample_factor"] = found.factor
        both = zip(frames.loc[good, "problem"], found.problem, strict=True)
        frames.loc[good, "problem"] = [_both(*texts) for texts in both]
        self._add_pixels(frames, good)
        offset = pd.Timedelta(round(self.deployment.clock_offset_s * 1e9), "ns")
        frames["time"] = frames["time"].astype("datetime64[ns]") + offset
        volume, problem = pd.Series(np.nan, frames.index), frames["problem"].copy()
        volume[good] = found.volume
        done = finish(frames, self.deployment.deployment, volume, "header")
        done["problem"] = problem.where(problem != "", done["problem"])
        if self._volume_is_configured():
            done["volume_source"] = done["volume_source"].where(problem != _CONFIGURED, "config")
            done["problem"] = problem.where(problem != _CONFIGURED, "")
        return done

    def _water(self, frames: pd.DataFrame) -> Water:
        """Give the water of frames.

        `imaged_volume_l` of campaigns.csv stands for the water of each sample, as it was before
        it was divided, where nothing else is missing.
        """
        found = water(frames)
        if self._volume_is_configured():
            unknown = np.isin(found.problem.astype(str), NO_TOTAL)
            first = ~frames["sample_id"].astype(str).duplicated().to_numpy()
            cubic_metres = (self.optics.imaged_volume_l or 0.0) * 1e-3
            found.volume[unknown] = np.where(first, cubic_metres, 0.0)[unknown]
            found.problem[unknown] = _CONFIGURED
        return found

    def _volume_is_configured(self) -> bool:
        return self.optics.imaged_volume_l is not None

    def _add_pixels(self, frames: pd.DataFrame, good: pd.Series[bool]) -> None:
        own = frames.pop("pixel_mm")
        width = self.optics.pixel_width_mm
        unknown = own.isna() & good
        if unknown.any() and width is None:
            which = frames.loc[unknown, "acq_id"].iloc[0]
            raise ConfigError(
                f"`pixel_width_mm` of deployment {self.deployment.deployment!r} is not known: the "
                f"table does not tell it of acquisition {which!r}",
                where="campaigns.csv",
                cure="Fill its column pixel_width_mm.",
            )
        frames["pixel_width"] = own if width is None else own.fillna(width)
        height = self.optics.pixel_height_mm or width
        frames["pixel_height"] = own if height is None else own.fillna(height)


def read_sheets(path: Path) -> Iterator[tuple[Shelf, Sheet]]:
    """Read all tables of a bundle or an export, each with where its pictures lie.

    Raises
    ------
    InputError
        There is none, or one is damaged.
    """
    files = _files_of(path)
    if not files:
        raise none_found(path, _SUFFIXES)
    for file in files:
        yield from _sheets_of(path, file.as_posix())


def _sheets_of(top: Path, file: str) -> list[tuple[Shelf, Sheet]]:
    path = top / file
    with damage(path):
        stat = path.stat()
    return _read(path, top, stat.st_mtime_ns, stat.st_size)


# --------------------------------------------------------------------------------- files and names
def _files_of(path: Path) -> list[Path]:
    if path.is_file():
        return [Path()]
    below = [p for p in files_below(path, _SUFFIXES) if suffix(p.name) in _TABLES | {".zip"}]
    named = [p for p in below if _is_bundle(p.name)]
    chosen = named or [p for p in below if suffix(p.name) != ".txt"]
    return sorted(chosen, key=lambda file: natural(file.as_posix()))


def _folder_is(path: Path) -> bool:
    """Look at the names in a folder and one below; open only tables that could be exports."""
    plain: list[Path] = []
    for number, file in enumerate(_some(path)):
        if number > _LOOKED_AT:
            break
        if _is_bundle(file.name) and not _part_of_a_project(file):
            return True
        if file.parent == path and suffix(file.name) == ".tsv":
            plain.append(file)
    return any(EcoTaxa.can_open(file) for file in plain[:20])


def _some(path: Path) -> Iterator[Path]:
    with os.scandir(path) as entries:
        below = [Path(entry.path) for entry in entries]
    for entry in sorted(below):
        if entry.is_dir() and not entry.name.startswith("."):
            with os.scandir(entry) as inner:
                yield from (Path(e.path) for e in inner if e.is_file())
        else:
            yield entry


def _part_of_a_project(file: Path) -> bool:
    """Say whether a bundle lies in the project of an instrument, which its own reader knows."""
    return file.parent.parent.name in ("ecodata", "work", "_work")


def _is_bundle(name: str) -> bool:
    low = name.lower()
    if low.endswith("images.zip"):
        return True
    return low.startswith("ecotaxa") and (suffix(low) in _TABLES or low.endswith(".zip"))


def _in_zip(shelf: Shelf) -> list[str]:
    """Name the tables and sub-bundles of a zip; tables of other names only if there are none."""
    names = shelf.names()
    last = {name: PurePosixPath(name).name for name in names}
    found = [n for n in names if _is_bundle(last[n]) and not last[n].startswith(".")]
    if not found:
        found = [n for n in names if suffix(n) == ".tsv" and not last[n].startswith(".")]
        found = [n for n in found if _begins_as_a_table(shelf, n)]
    return sorted(found, key=natural)


def _begins_as_a_table(shelf: Shelf, name: str) -> bool:
    with shelf.open(name) as stream:
        return is_header(stream.read(_PEEK))


@lru_cache(maxsize=4)
def _read(path: Path, top: Path, _changed: int, _size: int) -> list[tuple[Shelf, Sheet]]:
    """Read the tables of a file; kept, because tasks of one file ask for it again and again."""
    if path.suffix.lower() == ".zip":
        return _read_shelf(open_shelf(path))
    with open_file(path) as stream:
        table = read_table(stream, str(path))
    shelf = Folder(path.parent if path == top else top)
    folder = "" if path == top else path.parent.relative_to(top).as_posix()
    return [(shelf, _sheet(table, "" if folder == "." else folder))]


def _read_shelf(shelf: Shelf, *, inner: bool = False) -> list[tuple[Shelf, Sheet]]:
    """Read the tables of an archive, and of the archives in it, but not deeper."""
    found: list[tuple[Shelf, Sheet]] = []
    for name in _in_zip(shelf):
        if name.lower().endswith(".zip"):
            found += [] if inner else _read_shelf(shelf.inner(name), inner=True)
            continue
        with shelf.open(name) as stream:
            table = read_table(stream, f"{shelf.where}/{name}")
        folder = PurePosixPath(name).parent.as_posix()
        found.append((shelf, _sheet(table, "" if folder == "." else folder)))
    if not found:
        cure = "Its tables are named ecotaxa*.tsv."
        raise InputError("holds no table of EcoTaxa", where=shelf.where, cure=cure)
    return found


def _sheet(table: Table, folder: str) -> Sheet:
    sheet = make_sheet(table, folder)
    mark_holes(sheet.objects)
    return sheet


# ------------------------------------------------------------------------------------- small parts
def _with_missing_pictures(shelf: Shelf, sheet: Sheet) -> pd.DataFrame:
    """Say of each frame how many of its pictures are not there; a table can come without any."""
    frames = sheet.frames
    image = sheet.objects["image"]
    named = image[image != ""]
    if named.empty:
        return frames
    absent = [_absent(shelf, sheet.folder, name) for name in named]
    if all(absent):
        return frames
    count = np.bincount(sheet.objects.loc[named.index, "frame"], absent, len(frames)).astype(int)
    frames = frames.copy()
    frames["problem"] = [
        _both(p, f"{n} pictures are not there" if n else "")
        for p, n in zip(frames["problem"], count, strict=True)
    ]
    return frames


def _absent(shelf: Shelf, folder: str, name: str) -> bool:
    path = joined(folder, name) if name else None
    return path is None or not shelf.holds(path)


def _both(one: str, other: str) -> str:
    return f"{one}; {other}" if one and other else one or other


def _texts(frames: pd.DataFrame) -> pd.DataFrame:
    """Give categories as text, so that tables of several files can be joined."""
    shared = frames.select_dtypes("category").columns
    return frames.astype(dict.fromkeys(shared, object))


def _shared_again(frames: pd.DataFrame) -> pd.DataFrame:
    """Give shared columns as categories again; what a file does not tell is empty."""
    texts = {n: pd.Categorical(frames[n].fillna("").astype(str)) for n in SHARED if n in frames}
    return frames.assign(**texts)
