"""LOKI: vignettes that a camera behind a net cut out of its pictures, and telemetry beside them.

A haul is a folder with ``Pictures`` (folders of vignettes), ``Telemetrie`` (a file a second) and
``Log``. The name of a vignette tells when its picture was taken, its number, and where it lay:
``20130903 112233  123  000001 0456 0789``. All vignettes of one moment are of one frame: a camera
takes one picture in a millisecond, whatever the number means. Frames in which nothing was cut
leave no vignette, so they are counted from the rate that the telemetry tells, between the first
and the last vignette of the haul, and listed: they are water too. What was filmed before the
first and after the last is not counted, so that a haul of n frames with vignettes has about 2/n
too little water: with few vignettes concentrations come out too high.

The parts of an object that was cut in two are not joined: whether vignettes that touch are one
object or two is seen only in their masks, and a reader makes none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.errors import InputError
from seston.frame import Vignette
from seston.readers import pictures
from seston.readers.listing import finish, required
from seston.readers.loki_logs import HaulLog, read_log, read_telemetry
from seston.readers.names import natural
from seston.readers.reader import VignetteReader, none_found
from seston.readers.registry import register

_SUFFIXES = frozenset({".bmp", ".png", ".jpg", ".jpeg"})
_STEM = re.compile(
    r"(?P<date>(?:19|20)\d{6}) (?P<time>\d{6}) {1,3}(?P<milli>\d{1,3}) {1,3}(?P<number>\d{1,9}) "
    r"(?P<x>\d{1,5}) (?P<y>\d{1,5})"
)
#: Side of a picture, pixels (from memory); larger where a vignette lies further out.
_SIDE = 2048
#: Ids of objects hold 16 bits of the column.
_FURTHEST = 1 << 16
#: Telemetry is written each second; across a longer silence no pictures are counted.
_SILENCE_S = 10.0
#: No camera of this kind is faster.
_MAX_RATE_HZ = 100.0
_NO_RATE = "pictures in which nothing was cut are not counted: no telemetry tells the rate"
_NO_VOLUME = "the imaged volume is not known: fill `imaged_volume_l` in campaigns.csv"

Times = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True, eq=False)
class _Folder:
    """Vignettes of one folder: a row each, in the order of their frames."""

    table: pd.DataFrame  # name, time, top, left; sorted by time
    times: Times  # of the frames
    starts: NDArray[np.int64]  # first row of each frame, and the end
    odd: int  # pictures whose names tell nothing
    twice: int  # vignettes at a place where another lies


@register(
    "loki",
    files="hauls of Pictures/*/*.bmp, Telemetrie/*.tmd or *.dat and Log/LOKI*.log",
    volume="`imaged_volume_l` (of one picture) of campaigns.csv; pictures counted by the rate of "
    "the telemetry",
    tested="simulated",
)
class Loki(VignetteReader):
    """Hauls of a LOKI: each a sample of its own."""

    logs_beside = False

    @classmethod
    def can_open(cls, path: Path) -> bool:
        """Look for the folders of a haul, here or one or two levels below."""
        places = [path, *path.glob("*/"), *path.glob("*/*/")] if path.is_dir() else []
        return any(_is_haul(place) for place in places)

    def files(self) -> list[Path]:
        """Give the folders of vignettes, in the order of the hauls and of their names."""
        root = self.deployment.path
        found = [
            folder.relative_to(root)
            for haul in self._hauls()
            for folder in [haul / "Pictures", *(haul / "Pictures").glob("*/")]
            if folder.is_dir() and _holds_pictures(folder)
        ]
        return sorted(found, key=lambda path: natural(path.as_posix()))

    def frames(self) -> pd.DataFrame:
        """List the pictures of all hauls; see `Reader.frames`."""
        files = self.files()
        if not files:
            raise none_found(self.deployment.path, _SUFFIXES)
        pixel = required(self.optics, "pixel_width_mm", self._name())
        tables = [self._haul(haul, group) for haul, group in _by_haul(files).items()]
        frames = pd.concat(tables, ignore_index=True)
        # Shards own whole folders: their order is that of `files`, within them that of time.
        order = {path.as_posix(): i for i, path in enumerate(files)}
        frames["file"] = frames["path"].map(order)
        frames = frames.sort_values(["file", "time"], kind="stable", ignore_index=True)
        frames["first_line"] = frames["height"].cumsum() - frames["height"]
        frames["scan"] = np.arange(len(frames))
        frames["line_interval"] = 0.0
        frames["pixel_width"] = pixel
        frames["pixel_height"] = self.optics.pixel_height_mm or pixel
        litres = self.optics.imaged_volume_l
        told = frames["problem"].to_numpy()
        volume = pd.Series(np.nan if litres is None else litres * 1e-3, frames.index)
        frames = finish(frames, self._name(), volume)
        frames["problem"] = told
        if litres is None:
            both = np.where(told == "", _NO_VOLUME, told + "; " + _NO_VOLUME)
            frames["problem"] = np.where(frames["usable"] == 1, both, told)
        return frames

    def vignettes(self, path: str, indices: Sequence[int]) -> Iterator[list[Vignette]]:
        """Read the vignettes of pictures; see `VignetteReader.vignettes`."""
        place = self.deployment.path / path
        folder = _list(place, _stamp(place))
        for index in indices:
            if index >= len(folder.times):  # a picture in which nothing was cut
                yield []
                continue
            rows = folder.table.iloc[folder.starts[index] : folder.starts[index + 1]]
            yield [_vignette(place, *row) for row in rows.itertuples(index=False, name=None)]

    def environment_files(self) -> list[Path]:
        """Give what campaigns.csv names; else the telemetry and the logs."""
        if self.deployment.environment is not None:
            return [*self._named_telemetry(), *self.log_files()]
        return [
            file
            for haul in self._hauls()
            for file in [*_telemetry(haul / "Telemetrie"), *_logs(haul / "Log")]
        ]

    def log_files(self) -> list[Path]:
        """Leave out the telemetry, which is read here; see `Reader.log_files`."""
        return [p for p in super().log_files() if p.suffix.lower() not in _TELEMETRY]

    def own_records(self) -> tuple[list[pd.DataFrame], list[str]]:
        """Read depth, water and position from the telemetry; see `Reader.own_records`.

        Its records name their haul in ``sample``, where campaigns.csv names no other files.
        """
        if self.deployment.environment is not None:
            return _told([read_telemetry(self._named_telemetry())])
        told = []
        for haul in self._hauls():
            records, problems = read_telemetry(_telemetry(haul / "Telemetrie"))
            log = read_log(_logs(haul / "Log"))
            name = _sample(haul.relative_to(self.deployment.path), log, self._name())
            told.append((records.assign(sample=name), problems))
        return _told(told)

    def _named_telemetry(self) -> list[Path]:
        place = self.deployment.environment
        if place is None or place.is_dir():
            return [] if place is None else _telemetry(place)
        return [place] if place.suffix.lower() in _TELEMETRY else []

    def _name(self) -> str:
        return self.deployment.deployment

    def _hauls(self) -> list[Path]:
        root = self.deployment.path
        try:
            places = [root, *sorted(root.glob("*/")), *sorted(root.glob("*/*/"))]
            return [place for place in places if _is_haul(place)]
        except OSError as error:
            raise InputError(f"cannot be listed: {error.strerror}", where=root) from None

    def _haul(self, haul: Path, files: Sequence[Path]) -> pd.DataFrame:
        """List the frames of a haul: those with vignettes, then those without, by folder."""
        root = self.deployment.path
        log = read_log(_logs(root / haul / "Log"))
        records, _ = read_telemetry(_telemetry(root / haul / "Telemetrie"))
        offset = np.timedelta64(round(self.deployment.clock_offset_s * 1e9), "ns")
        folders = [_list(root / file, _stamp(root / file)) for file in files]
        seen: Times = np.concatenate([folder.times + offset for folder in folders])
        empty = _empty_frames(seen, records)
        side = max([_SIDE, *(int(f.table[["top", "left"]].max().max()) + 1
                             for f in folders if len(f.table))])  # fmt: skip
        owner = _owners(folders, empty - offset)
        parts = []
        for number, (file, folder) in enumerate(zip(files, folders, strict=True)):
            times = np.concatenate([folder.times + offset, empty[owner == number]])
            part = pd.DataFrame({"index_in_file": np.arange(len(times)), "time": times})
            part["path"] = file.as_posix()
            part["vignettes"] = 0
            part.loc[: len(folder.times) - 1, "vignettes"] = np.diff(folder.starts)
            part["problem"] = _notes(folder, records)
            parts.append(part)
        frames = pd.concat(parts, ignore_index=True)
        frames["height"] = frames["width"] = side
        frames["sample"] = _sample(haul, log, self._name())
        frames["usable"] = 1
        if records[["latitude", "longitude"]].isna().all(axis=None):
            frames["latitude"], frames["longitude"] = log.latitude, log.longitude
        return frames


_TELEMETRY = frozenset({".tmd", ".dat"})


def _told(
    told: Sequence[tuple[pd.DataFrame, list[str]]],
) -> tuple[list[pd.DataFrame], list[str]]:
    records = [table.drop(columns="rate_hz", errors="ignore") for table, _ in told]
    problems = [problem for _, found in told for problem in found]
    if any("fluorescence" in t and t["fluorescence"].notna().any() for t in records):
        problems.append("the telemetry tells no unit of fluorescence: taken as volts")
    return records, problems


def _is_haul(path: Path) -> bool:
    return (path / "Pictures").is_dir() and (path / "Telemetrie").is_dir()


def _holds_pictures(folder: Path) -> bool:
    return any(p.suffix.lower() in _SUFFIXES for p in folder.iterdir())


def _by_haul(files: Sequence[Path]) -> dict[Path, list[Path]]:
    by_haul: dict[Path, list[Path]] = {}
    for file in files:
        haul = file.parent if file.name == "Pictures" else file.parent.parent
        by_haul.setdefault(haul, []).append(file)
    return by_haul


def _telemetry(place: Path) -> list[Path]:
    return sorted(p for p in place.glob("*.*") if p.suffix.lower() in _TELEMETRY)


def _logs(place: Path) -> list[Path]:
    return sorted(p for p in place.glob("*.*") if p.suffix.lower() == ".log")


def _sample(haul: Path, log: HaulLog, deployment: str) -> str:
    """Name a haul by its folder; where it is the deployment's, by what its log tells."""
    if haul != Path():
        return haul.as_posix()
    return "_".join(filter(None, (log.station, log.haul))) or deployment


def _notes(folder: _Folder, records: pd.DataFrame) -> str:
    notes = []
    if not (records["rate_hz"] > 0).any():
        notes.append(_NO_RATE)
    if folder.odd:
        notes.append(f"{folder.odd} pictures left out: their names tell no time and place")
    if folder.twice:
        notes.append(f"{folder.twice} vignettes lie where another one does: counted once")
    return "; ".join(notes)


def _stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return -1


@lru_cache(maxsize=8)
def _list(folder: Path, stamp: int) -> _Folder:  # noqa: ARG001 - names a state of the folder
    """List the vignettes of a folder by their names alone."""
    names = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in _SUFFIXES)
    told = pd.Series(names, dtype=str).str.extract(rf"^{_STEM.pattern}\.[A-Za-z]+$")
    digits = told.fillna("0")
    text = digits["date"] + "T" + digits["time"] + "." + digits["milli"].str.zfill(3)
    time = pd.to_datetime(text, format="%Y%m%dT%H%M%S.%f", errors="coerce")
    table = pd.DataFrame({
        "name": names, "time": time.astype("datetime64[ns]"),
        "top": digits["y"].astype(np.int64), "left": digits["x"].astype(np.int64),
    })  # fmt: skip
    known = table[time.notna() & (table[["top", "left"]].max(axis=1) < _FURTHEST)]
    once = known.drop_duplicates(["time", "top", "left"])
    once = once.sort_values(["time", "name"], ignore_index=True)
    times, starts = np.unique(once["time"].to_numpy("datetime64[ns]"), return_index=True)
    starts = np.append(starts, len(once)).astype(np.int64)
    return _Folder(once, times, starts, len(table) - len(known), len(known) - len(once))


def _vignette(folder: Path, name: str, time: pd.Timestamp, top: int, left: int) -> Vignette:  # noqa: ARG001
    pixels = pictures.read_picture(folder / name)
    height, width = pixels.shape
    return Vignette(top, left, height, width, pixels, source_id=Path(name).stem)


def _empty_frames(seen: Times, records: pd.DataFrame) -> Times:
    """Give times of the pictures in which nothing was cut, between the first and the last seen.

    Each record of the telemetry stands for the time to the next one; as many pictures as its rate
    tells were taken in it, less those that left vignettes.
    """
    known = records[(records["rate_hz"] > 0) & (records["rate_hz"] <= _MAX_RATE_HZ)]
    if not len(known) or not len(seen):
        return np.empty(0, "datetime64[ns]")
    seen = np.sort(seen)
    zero = seen[0]
    pictures_at = (seen - zero) / np.timedelta64(1, "s")
    begin = (known["time"].to_numpy("datetime64[ns]") - zero) / np.timedelta64(1, "s")
    end = np.append(begin[1:], begin[-1] + 1.0)
    end = np.minimum(end, begin + _SILENCE_S)
    begin, end = np.clip(begin, 0, pictures_at[-1]), np.clip(end, 0, pictures_at[-1])
    taken = np.cumsum((end - begin) * known["rate_hz"].to_numpy())
    found = np.searchsorted(pictures_at, end, side="left")
    lacking = np.maximum.accumulate(np.maximum(np.rint(taken) - found, 0)).astype(np.int64)
    number = np.diff(lacking, prepend=0)
    place = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
    share = (place + 0.5) / np.repeat(number, number)
    seconds = np.repeat(begin, number) + share * np.repeat(end - begin, number)
    return np.asarray(zero + np.rint(seconds * 1e9).astype("timedelta64[ns]"))


def _owners(folders: Sequence[_Folder], times: Times) -> NDArray[np.int64]:
    """Give each picture without vignettes to the folder whose last frame before it is nearest."""
    moments = np.concatenate([folder.times for folder in folders])
    owner = np.repeat(np.arange(len(folders)), [len(folder.times) for folder in folders])
    if not len(moments):
        return np.zeros(len(times), np.int64)
    order = np.argsort(moments, kind="stable")
    before = np.searchsorted(moments[order], times, side="right") - 1
    return np.asarray(owner[order][np.maximum(before, 0)], np.int64)
