"""Imaging FlowCytobot (IFCB): bins of a .hdr, an .adc and a .roi file, of both generations.

A bin is a sample, a trigger a frame: each looked at the same share of the bin's water, whether
something was cut out of it or not. Where a file is damaged, so that ROIs are lost, the share of
their triggers is lost too; where the .roi ends early, that of all triggers from there on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.errors import ConfigError, InputError
from seston.frame import Vignette
from seston.readers import ifcb_volume
from seston.readers.ifcb_bin import (
    BinName,
    Int,
    Rows,
    no_rows,
    parse_name,
    read_header,
    read_rows,
)
from seston.readers.ifcb_roi import (
    CAMERA_HEIGHT,
    CAMERA_WIDTH,
    Boxes,
    box,
    boxes,
    cut,
    objects,
)
from seston.readers.listing import finish
from seston.readers.reader import VignetteReader, files_below, none_found
from seston.readers.registry import register

_SUFFIXES = (".adc", ".roi", ".hdr")
#: Files that are looked at, at most, to recognise a folder.
_LOOKED_AT = 10_000
_ML_PER_M3 = 1e6
_L_PER_M3 = 1e3


@register(
    "ifcb",
    files="bins: IFCBn_YYYY_DDD_HHMMSS or DYYYYMMDDTHHMMSS_IFCBnnn, each .hdr, .adc and .roi",
    volume="0.25 ml/min x (run time less inhibit time), of header and rows; of the rows where "
    "they differ",
    tested="real",
)
class Ifcb(VignetteReader):
    """Bins of one deployment; its folder may have subfolders by day, or be a file of one bin."""

    @classmethod
    def can_open(cls, path: Path) -> bool:
        """Look for a file with the name of a bin."""
        some = islice(path.rglob("*"), _LOOKED_AT) if path.is_dir() else [path]
        return any(p.suffix.lower() in _SUFFIXES and parse_name(p.stem) for p in some)

    def files(self) -> list[Path]:
        """Give a file of each bin, its .adc where there is one; in the order of time."""
        bins: dict[Path, list[Path]] = {}
        for path in files_below(self._folder, frozenset(_SUFFIXES)):
            if parse_name(path.stem) and (self._single in (None, path.stem)):
                bins.setdefault(path.with_suffix(""), []).append(path)
        rank = {suffix: i for i, suffix in enumerate(_SUFFIXES)}
        chosen = [min(paths, key=lambda p: rank[p.suffix.lower()]) for paths in bins.values()]
        return sorted(chosen, key=lambda p: (_name(p).start, p.stem, p.as_posix()))

    def frames(self) -> pd.DataFrame:
        """List all triggers; see `Reader.frames`."""
        files = self.files()
        if not files:
            raise none_found(self.deployment.path, frozenset(_SUFFIXES))
        pixel = self._pixel()
        listed, seen = [], set[str]()
        for path in files:
            twice = path.stem in seen
            listed.append(self._list(path, "the bin stands twice" if twice else ""))
            seen.add(path.stem)
        joined: dict[str, Any] = {key: np.concatenate([one[key] for one in listed])
                                  for key in listed[0]}  # fmt: skip
        frames = pd.DataFrame(joined)
        frames["line_interval"] = 0.0
        frames["scan"] = np.arange(len(frames))
        frames["first_line"] = frames["height"].cumsum() - frames["height"]
        frames["pixel_width"], frames["pixel_height"] = pixel
        return self._with_volume(frames)

    def vignettes(self, path: str, indices: Sequence[int]) -> Iterator[list[Vignette]]:
        """Read the ROIs of triggers of one bin; see `VignetteReader.vignettes`."""
        source = self._folder / path
        found = _Bin.at(source)
        content = _map(_sibling(source, ".roi"))
        for index in indices:
            if not 0 <= index < max(found.triggers, 1):
                raise InputError(f"holds no trigger {index}", where=source)
            yield [self._vignette(found, content, parts) for parts in found.objects(index)]

    def log_files(self) -> list[Path]:
        """Leave out tables of features, named after their bin: they tell nothing of the water."""
        return [p for p in super().log_files() if "IFCB" not in p.name]

    @property
    def _folder(self) -> Path:
        path = self.deployment.path
        return path.parent if path.is_file() else path

    @property
    def _single(self) -> str | None:
        path = self.deployment.path
        return path.stem if path.is_file() else None

    def _pixel(self) -> tuple[float, float]:
        width = self.optics.pixel_width_mm
        if width is None:
            raise ConfigError(
                f"`pixel_width_mm` of deployment {self.deployment.deployment!r} is not known",
                where="campaigns.csv",
                cure="Fill its column pixel_width_mm, or set it for the instrument in config.yaml.",
            )
        return width, self.optics.pixel_height_mm or width

    def _pixel_note(self) -> str:
        return (
            "the files of an IFCB do not tell the size of a pixel: that of the settings is taken, "
            f"{self._pixel()[0] * 1e3:.4g} um (1/3.4 in older instruments, 1/2.77 in newer), fill "
            "pixel_width_mm of campaigns.csv"
        )

    def _list(self, path: Path, problem: str) -> Mapping[str, NDArray[Any]]:
        """Give the columns of a bin's triggers."""
        try:
            found = _Bin.at(self._folder / path)
        except InputError as error:
            found, problem = _Bin.empty(path.stem), problem or error.what
        return found.columns(path, self.deployment.clock_offset_s, problem)

    def _with_volume(self, frames: pd.DataFrame) -> pd.DataFrame:
        """Take the volume of campaigns.csv where the files tell none, and finish the list."""
        volume, source = frames.pop("volume"), frames.pop("source")
        of_bin = self.optics.imaged_volume_l
        if of_bin is not None:
            share = of_bin / _L_PER_M3 / frames.groupby("path")["path"].transform("size")
            source = source.where(volume.notna(), "config")
            volume = volume.fillna(share)
        own = frames["problem"].copy()
        done = finish(frames, self.deployment.deployment, volume)
        done["volume_source"] = source.where(volume.notna(), "").to_numpy()
        unknown = (done["imaged_volume"].isna() & (done["usable"] == 1)).to_numpy()
        said = "the imaged volume is not known: neither header nor rows tell it, and " \
               "imaged_volume_l (of a bin) of campaigns.csv is empty"  # fmt: skip
        done["problem"] = np.where(unknown, said, own)
        if self.deployment.pixel_width_mm is None:
            first = str(done.loc[0, "problem"])
            done.loc[0, "problem"] = ", ".join([*([first] if first else []), self._pixel_note()])
        return done

    def _vignette(self, found: _Bin, content: NDArray[np.uint8], parts: list[int]) -> Vignette:
        top, left, height, width = box(found.boxes, parts)
        return Vignette(
            top, left, height, width, pixels=cut(content, found.boxes, parts),
            source_id=f"{found.stem}_{parts[0] + 1:05d}",
        )  # fmt: skip


class _Bin:
    """What the header and the rows of a bin tell."""

    def __init__(self, stem: str, header: Mapping[str, str], rows: Rows, size: int) -> None:
        name = parse_name(stem)
        if name is None:
            raise InputError("not the name of a bin", where=stem)
        self.stem, self.name, self.rows = stem, name, rows
        self.boxes: Boxes = boxes(rows, size)
        self.first: Int = rows.triggers()
        self.triggers = len(self.first) - 1
        self._size = size
        of_rows = ifcb_volume.of_rows(rows, name)
        self._volume, self._source, said = ifcb_volume.choose(
            ifcb_volume.of_header(header), of_rows
        )
        self._notes = [said] if said else []
        if name.generation == 2 and not header:
            self._notes.append("the bin has no header")

    @classmethod
    def at(cls, path: Path) -> _Bin:
        """Read the bin that a file belongs to; the last few are remembered."""
        stamps = []
        for suffix in _SUFFIXES:
            file = _sibling(path, suffix)
            try:
                stat = file.stat()
                stamps.append((file, stat.st_size, stat.st_mtime_ns))
            except FileNotFoundError:
                stamps.append((file, -1, 0))
            except OSError as error:
                raise InputError(f"cannot be read: {error.strerror}", where=file) from None
        return _load(*stamps)

    @classmethod
    def empty(cls, stem: str) -> _Bin:
        """Give a bin without rows."""
        return cls(stem, {"": ""}, no_rows(), 0)

    def objects(self, index: int) -> list[list[int]]:
        """Give the rows of each object of a trigger."""
        if index >= self.triggers:
            return []
        rows = range(int(self.first[index]), int(self.first[index + 1]))
        return objects(self.boxes, rows, self.name.generation)

    def columns(self, path: Path, offset_s: float, problem: str) -> Mapping[str, NDArray[Any]]:
        """Give the columns of its frames; one frame where there is no trigger."""
        count = max(self.triggers, 1)
        problems = self._problems(problem)
        usable = problems == ""
        if self._notes:
            problems[0] = ", ".join([*([problems[0]] if problems[0] else []), *self._notes])
        height, width, held = self._sizes()
        return {
            "path": np.full(count, path.as_posix(), object),
            "index_in_file": np.arange(count),
            "height": height,
            "width": width,
            "time": self._times(offset_s),
            "vignettes": held,
            "sample": np.full(count, self.stem, object),
            "usable": usable.astype(np.int8),
            "problem": problems,
            "volume": np.full(count, self._volume / _ML_PER_M3 / count),
            "source": np.full(count, self._source, object),
        }

    def _times(self, offset_s: float) -> NDArray[np.datetime64]:
        """Time of each trigger; of one that cannot be read the start of the bin."""
        since = self.rows.time[self.first[:-1]] if self.triggers else np.zeros(1)
        since = np.rint((np.where(np.isnan(since), 0, since) + offset_s) * 1e9)
        return self.name.start + since.astype("timedelta64[ns]")

    def _sizes(self) -> tuple[Int, Int, Int]:
        """Height and width of each frame, and objects in it."""
        if not self.triggers:
            return np.array([CAMERA_HEIGHT]), np.array([CAMERA_WIDTH]), np.zeros(1, np.int64)
        starts, found = self.first[:-1], self.boxes
        height = np.maximum.reduceat(found.top + found.height, starts)
        width = np.maximum.reduceat(found.left + found.width, starts)
        held = np.add.reduceat(found.whole.astype(np.int64), starts)
        if self.name.generation == 1:
            for index in np.flatnonzero(held > 1):
                held[index] = len(self.objects(int(index)))
        return np.maximum(height, CAMERA_HEIGHT), np.maximum(width, CAMERA_WIDTH), held

    def _problems(self, problem: str) -> NDArray[np.object_]:
        """Say of each frame why it cannot be used; empty where it can."""
        problems = np.full(max(self.triggers, 1), problem, object)
        if problem or not self.triggers:
            return problems
        found, owner = self.boxes, np.repeat(np.arange(self.triggers), np.diff(self.first))
        for row in np.flatnonzero(self.rows.damaged):
            problems[owner[row]] = f"row {row + 1} cannot be read"
        for row in np.flatnonzero(found.there & ~found.possible):
            problems[owner[row]] = f"ROI {row + 1} has a place or size that cannot be"
        lost = np.flatnonzero(found.possible & ~found.whole)
        for row in lost:
            problems[owner[row]] = f"ROI {row + 1} lies beyond the end of the .roi file"
        if len(lost):
            self._end_early(problems, owner, lost)
        self._refuse_twice(problems)
        return problems

    def _end_early(self, problems: NDArray[np.object_], owner: Int, lost: Int) -> None:
        """Leave out the triggers whose ROIs, had they any, would be lost too."""
        whole = np.flatnonzero(self.boxes.whole)
        if not len(whole):
            said = "no ROI is there: the .roi file is " + ("cut" if self._size > 0 else "missing")
            problems[problems == ""] = said
            return
        after = lost[lost > whole[-1]]
        if len(after):
            rest = problems[owner[after[0]] :]
            rest[rest == ""] = f"the .roi file ends before, with ROI {after[0] + 1}"

    def _refuse_twice(self, problems: NDArray[np.object_]) -> None:
        """Leave out triggers with two objects at one place: only the place tells them apart."""
        several = np.add.reduceat(self.boxes.whole.astype(int), self.first[:-1]) > 1
        for index in np.flatnonzero(several & (problems == "")):
            places = [box(self.boxes, parts)[:2] for parts in self.objects(int(index))]
            if len(set(places)) < len(places):
                problems[index] = "two ROIs of one trigger begin at the same place"


@lru_cache(maxsize=8)
def _load(adc: _Stamp, roi: _Stamp, hdr: _Stamp) -> _Bin:
    """Read the files of a bin: paths, sizes (-1: not there) and times of change."""
    path, stem = adc[0], adc[0].stem
    header = read_header(hdr[0]) if hdr[1] >= 0 else {}
    if adc[1] < 0 and header.get("triggercount") != "0":
        raise InputError("the bin has no .adc file", where=path)
    rows = read_rows(path, header, _name(path).generation) if adc[1] >= 0 else no_rows()
    return _Bin(stem, header, rows, roi[1])


_Stamp = tuple[Path, int, int]


def _name(path: Path) -> BinName:
    name = parse_name(path.stem)
    if name is None:
        raise InputError("not the name of a bin", where=path)
    return name


def _sibling(path: Path, suffix: str) -> Path:
    """Give the file of the same bin with another suffix, in small letters or capitals."""
    if path.suffix.lower() == suffix:
        return path
    upper = path.with_suffix(suffix.upper())
    return upper if path.suffix.isupper() and upper.exists() else path.with_suffix(suffix)


def _map(path: Path) -> NDArray[np.uint8]:
    """Map the .roi file into memory: ROIs are copied out of it one by one."""
    try:
        if not path.exists() or not path.stat().st_size:
            return np.empty(0, np.uint8)
        return np.memmap(path, np.uint8, "r").view(np.ndarray)  # slices of a memmap are slow
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {error}", where=path) from None
