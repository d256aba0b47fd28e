"""FlowCam: particles of water that was pumped through a flow cell under a microscope.

A run is a list of particles (see `flowcam_run`) beside its pictures: collages of many vignettes
with, for each, a mask of the same size (``_bin.tif``), single vignettes, or the raw images. A frame
is a source image; all of them are listed up to the last, because those without particles are water
too. Times are the instrument's clock, which is local: `clock_offset_s` of campaigns.csv makes them
UTC. The box of a particle lies in its source image.

The sizes that VisualSpreadsheet prints (ABD) are of a particle without its fringe: the diameter of
the mask's area less ``fringe_size`` pixels, but no less than half of it (found on a real run, to
1e-5). Features are measured here on the whole mask, so they are larger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.errors import InputError
from seston.frame import Vignette
from seston.readers.flowcam_pictures import WHOLE, find_pictures, read_picture, without_picture
from seston.readers.flowcam_run import (
    MEASURED,
    Particles,
    Summary,
    looks_like_list,
    read_list,
    read_summary,
)
from seston.readers.listing import finish
from seston.readers.names import natural
from seston.readers.reader import VignetteReader, files_below, none_found
from seston.readers.registry import register

_LISTS = frozenset({".lst", ".csv"})
_M3_PER_ML = 1e-6
#: Sides of pixels that a microscope can have, micrometres.
_UM = (0.02, 100.0)
_NOT_TOLD = "is not known: fill `{}` in campaigns.csv"


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """A run as it was listed: its particles in the order of their frames."""

    rows: Mapping[str, NDArray[Any]]
    first: int
    count: int
    um: float
    summary: Summary
    problems: NDArray[np.object_]  # of each frame; empty where it is usable
    notes: tuple[str, ...]  # of the whole run, which stays usable

    def particles(self, index: int) -> range:
        """Rows of the frame of this index in the run."""
        low, high = np.searchsorted(self.rows["frame"], self.first + index + np.arange(2))
        return range(low, high)


@register(
    "flowcam",
    files=".lst of VisualSpreadsheet 2-4 with collages and masks; .csv of VisualSpreadsheet 5 "
    "with collages, single or raw images",
    volume="fluid imaged of the run's summary or context, over its images; else "
    "`imaged_volume_l` (of one image) of campaigns.csv",
    tested="real",
)
class FlowCam(VignetteReader):
    """Runs of a FlowCam: each a sample of its own."""

    logs_beside = False

    @classmethod
    def can_open(cls, path: Path) -> bool:
        """Look for lists in the folder and in those in it."""
        if not path.is_dir():
            return False
        found = [*path.glob("*.lst"), *path.glob("*/*.lst"), *path.glob("*.csv"),
                 *path.glob("*/*.csv")]  # fmt: skip
        return any(looks_like_list(file) for file in _lists(found)[:8])

    def files(self) -> list[Path]:
        """Give the lists in the order of their names, numbers by value."""
        return _lists(files_below(self.deployment.path, _LISTS))

    def frames(self) -> pd.DataFrame:
        """List the source images of all runs; see `Reader.frames`."""
        files = self.files()
        if not files:
            raise none_found(self.deployment.path, _LISTS)
        names = _samples(files)
        tables = [self._list(file, name) for file, name in zip(files, names, strict=True)]
        frames = pd.concat(tables, ignore_index=True)
        frames["first_line"] = frames["height"].cumsum() - frames["height"]
        frames["scan"] = np.arange(len(frames))
        volume, sources = frames.pop("volume"), frames.pop("source")
        told = frames["problem"].to_numpy()
        frames = finish(frames, self.deployment.deployment, volume)
        frames["volume_source"] = np.where(volume.notna(), sources, "")
        unknown = ((frames["usable"] == 1) & volume.isna()).to_numpy()
        text = "the imaged volume " + _NOT_TOLD.format("imaged_volume_l")
        frames["problem"] = np.where(unknown, _join(told, text), told)
        return frames

    def vignettes(self, path: str, indices: Sequence[int]) -> Iterator[list[Vignette]]:
        """Cut the vignettes of source images; see `VignetteReader.vignettes`."""
        place = self.deployment.path / path
        run = _read(place, stamp_of(place))
        if isinstance(run, InputError):
            raise run
        for index in indices:
            yield [self._cut(place.parent, run.rows, row) for row in run.particles(index)]

    def _list(self, file: Path, sample: str) -> pd.DataFrame:
        path = self.deployment.path / file
        run = _read(path, stamp_of(path))
        if isinstance(run, InputError):
            return self._unread(file, sample, run.what)
        rows = run.rows
        frames = pd.DataFrame({"index_in_file": np.arange(run.count)})
        frames["path"], frames["sample"] = file.as_posix(), sample
        frames["height"] = int((rows["top"] + rows["height"]).max(initial=1))
        frames["width"] = int((rows["left"] + rows["width"]).max(initial=1))
        frames["vignettes"] = np.bincount(rows["frame"] - run.first, minlength=run.count)
        frames["time"] = _times(run) + self._offset()
        frames["line_interval"] = 0.0
        frames["problem"] = run.problems
        frames["usable"] = (run.problems == "").astype(np.int8)
        self._add_sizes(frames, run)
        self._add_volume(frames, run)
        whole = np.full(run.count, "; ".join(run.notes), object)
        frames["problem"] = np.where(frames["problem"] == "", whole, frames["problem"])
        return frames

    def _unread(self, file: Path, sample: str, problem: str) -> pd.DataFrame:
        """Give one frame that stands for a list that cannot be read."""
        told = {"path": file.as_posix(), "sample": sample, "problem": problem, "usable": 0}
        none = {"index_in_file": 0, "height": 0, "width": 0, "line_interval": 0.0, "vignettes": 0}
        time = np.datetime64("NaT", "ns")
        return pd.DataFrame([{**told, **none, "time": time, "volume": np.nan, "source": ""}])

    def _offset(self) -> np.timedelta64:
        return np.timedelta64(round(self.deployment.clock_offset_s * 1e9), "ns")

    def _add_sizes(self, frames: pd.DataFrame, run: _Run) -> None:
        """Take the size of a pixel from the run; from campaigns.csv where it tells none."""
        own = run.um * 1e-3
        width = own if own > 0 else self.optics.pixel_width_mm or np.nan
        frames["pixel_width"] = width
        frames["pixel_height"] = own if own > 0 else self.optics.pixel_height_mm or width
        if not width > 0:
            problem = "the size of a pixel " + _NOT_TOLD.format("pixel_width_mm")
            frames["problem"] = _join(frames["problem"].to_numpy(), problem)
            frames["usable"] = np.int8(0)

    def _add_volume(self, frames: pd.DataFrame, run: _Run) -> None:
        """Spread the volume of the run over its images; else take that of one image."""
        frames["volume"] = run.summary.volume_ml * _M3_PER_ML / run.count
        frames["source"] = "header"
        if np.isnan(run.summary.volume_ml) and self.optics.imaged_volume_l is not None:
            frames["volume"] = self.optics.imaged_volume_l * 1e-3
            frames["source"] = "config"

    def _cut(self, folder: Path, rows: Mapping[str, NDArray[Any]], row: int) -> Vignette:
        top, left, height, width = (
            int(rows[name][row]) for name in ("top", "left", "height", "width")
        )
        name = str(rows["source_id"][row])
        if not rows["file"][row]:
            told = {key: float(rows[key][row]) for key in MEASURED if np.isfinite(rows[key][row])}
            return Vignette(top, left, height, width, measured=told, source_id=name)
        place = folder / str(rows["file"][row])
        found = read_picture(place, stamp_of(place))
        if isinstance(found, InputError):
            raise found
        y, x = int(rows["file_top"][row]), int(rows["file_left"][row])
        if y == WHOLE:
            y, x = 0, 0
            height, width = found[0].shape
        grey, mask = (None if one is None else one[y : y + height, x : x + width] for one in found)
        if grey is None or grey.shape != (height, width):
            raise InputError(f"the box of particle {name} lies outside the picture", where=place)
        inside = None if mask is None else mask != 0
        return Vignette(top, left, height, width, grey.copy(), inside, source_id=name)


def _lists(found: Sequence[Path]) -> list[Path]:
    """Choose the lists of runs: in a folder with a ``.lst`` CSVs are copies of it."""
    listed = {path.parent for path in found if path.suffix.lower() == ".lst"}
    chosen = [
        path
        for path in found
        if path.suffix.lower() == ".lst"
        or (path.parent not in listed and not path.stem.lower().endswith("_summary"))
    ]
    return sorted(chosen, key=lambda path: natural(path.as_posix()))


def _samples(files: Sequence[Path]) -> list[str]:
    """Name the runs by their files; with their folders where two have one name."""
    stems = [file.stem for file in files]
    return [
        stem if stems.count(stem) == 1 else file.with_suffix("").as_posix()
        for stem, file in zip(stems, files, strict=True)
    ]


def _join(told: NDArray[Any], text: str) -> list[str]:
    return [f"{one}; {text}" if one else text for one in told]


def stamp_of(path: Path) -> tuple[int, int]:
    """Give what changes when a file is written anew."""
    try:
        stat = path.stat()
    except OSError:
        return (-1, -1)
    return (stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=2)
def _read(path: Path, stamp: tuple[int, int]) -> _Run | InputError:  # noqa: ARG001 - names a state
    """Read a run; the error is kept too, so that a damaged file is read once."""
    try:
        beside = [
            path.with_name(path.stem + end)
            for end in ("_run_summary.txt", "_summary.csv", "_summary.txt", ".ctx")
        ]
        summary = read_summary([file for file in beside if file.is_file()])
        return _run(path, read_list(path, summary.rate_hz), summary)
    except InputError as error:
        return error
    except OSError as error:
        return InputError(f"cannot be read: {error.strerror}", where=path)


def _run(path: Path, particles: Particles, summary: Summary) -> _Run:
    rows = particles.rows
    notes: list[str] = []
    twice = rows.duplicated(["frame", "top", "left"])
    if twice.any():
        notes.append(f"{twice.sum()} rows stand twice: counted once")
    rows = rows[~twice]
    rows, found = find_pictures(path.parent, rows, summary.rate_hz)
    notes += found
    frames = np.concatenate([rows["frame"].to_numpy(np.int64), particles.impossible])
    first = int(min(frames.min(initial=1), 1))
    last = int(max(frames.max(initial=first), summary.images - 1 + first))
    problems = np.full(last - first + 1, "", object)
    for low, high in _lost(rows, particles.unread, last):
        problems[low - first : high + 1 - first] = "a row of the list cannot be read"
    problems[particles.impossible - first] = "a row has a box that cannot be"
    for problem, numbers in without_picture(path.parent, rows):
        problems[numbers - first] = problem
    listed = len(rows) + len(particles.unread) + len(particles.impossible)
    if summary.particles > listed + int(twice.sum()):
        notes.append(f"the summary counts {summary.particles} particles, the list {listed}")
    um = float(np.nanmedian(rows["um"])) if rows["um"].notna().any() else summary.um
    rows = rows.sort_values("frame", kind="stable")
    arrays = {str(name): rows[name].to_numpy() for name in rows}
    um = um if _UM[0] <= um <= _UM[1] else np.nan
    return _Run(arrays, first, len(problems), um, summary, problems, tuple(notes))


def _lost(rows: pd.DataFrame, unread: NDArray[np.int64], last: int) -> Iterator[tuple[int, int]]:
    """Frames that a row which cannot be read may be of: between those of its neighbours."""
    lines, frames = rows["line"].to_numpy(), rows["frame"].to_numpy()
    for line in unread:
        after = int(np.searchsorted(lines, line))
        before = int(frames[after - 1]) if after else 0
        behind = int(frames[after]) if after < len(frames) else last
        yield min(before, behind), max(before, behind)


def _times(run: _Run) -> NDArray[np.datetime64]:
    """Give the time of each image: as told, between those in a line, beyond at the mean rate."""
    told, start = run.rows["time"].astype("datetime64[ns]"), run.summary.start
    elapsed = np.round(np.nan_to_num(run.rows["seconds"]) * 1e9).astype("timedelta64[ns]")
    counted = np.where(np.isfinite(run.rows["seconds"]), start + elapsed, np.datetime64("NaT"))
    told = np.where(np.isnat(told), counted, told)
    known = ~np.isnat(told)
    every = np.arange(run.count)
    if not known.any():
        step = 1 / run.summary.rate_hz if run.summary.rate_hz > 0 else 0.0
        return np.asarray(start + np.round(every * step * 1e9).astype("timedelta64[ns]"))
    number, which = np.unique(run.rows["frame"][known] - run.first, return_index=True)
    base = told[known][which[0]]
    since = (told[known][which] - base) / np.timedelta64(1, "s")
    rate = since[-1] / (number[-1] - number[0]) if len(number) > 1 else 0.0
    seconds = np.interp(every, number, since)
    seconds += np.where(every > number[-1], every - number[-1], 0) * rate
    seconds -= np.where(every < number[0], number[0] - every, 0) * rate
    return np.asarray(base + np.round(seconds * 1e9).astype("timedelta64[ns]"))
