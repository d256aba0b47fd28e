"""ISIIS: a towed line-scan camera. Videos or pictures named by time, and the vehicle's log.

Files are named by the UTC of their first line (``20130725101500.120.avi``). Frames follow each
other without a gap; a counter at the end of a name (``…_0588.jpg``) is the number of the frame in
the video that the picture was cut from.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.errors import InputError
from seston.readers import films, isiis_log
from seston.readers.films import SUFFIXES, FilmReader
from seston.readers.listing import Listed, list_line_scan
from seston.readers.names import natural, time_in
from seston.readers.reader import files_below, none_found
from seston.readers.registry import register
from seston.variables import ENVIRONMENT

_AT_A_TIME = 8  # headers read at once: the disk waits, not the processor
_NEVER = np.datetime64("NaT", "ns")


@register(
    "isiis",
    files="videos or pictures named by UTC, and the vehicle's log ISIISYYYYMMDDHHMM.txt",
    volume="width x way (speed / line rate) x depth of field",
    tested="real",
)
class Isiis(FilmReader):
    """One deployment of an ISIIS."""

    @classmethod
    def can_open(cls, path: Path) -> bool:
        """Look for a log, for videos named by time, or for pictures named ISIIS and by time."""
        if not path.is_dir():
            return False
        return any(isiis_log.matches(p) or _named_as_frames(p) for p in path.rglob("*"))

    def files(self) -> list[Path]:
        """Give videos and pictures by the time in their names; those without one come last."""
        return sorted(files_below(self.deployment.path, SUFFIXES), key=_by_time)

    def frames(self) -> pd.DataFrame:
        """List all frames; see `Reader.frames`."""
        files = self.files()
        if not files:
            raise none_found(self.deployment.path, SUFFIXES)
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            listed = list(pool.map(self._look_into, files))
        speed = MeanSpeed(self.records()[0], self.ingest.position_tolerance_s)
        return list_line_scan(
            self._in_time(listed), self.deployment.deployment, self.optics, self.ingest, speed
        )

    def _look_into(self, path: Path) -> Listed:
        """Read the header of a file; what is wrong with it becomes its problem."""
        named = time_in(path.stem)
        time = _NEVER if named is None else named.time + self._clock_offset()
        try:
            header = films.read_header(self.deployment.path / path)
        except InputError as error:
            return Listed(path.as_posix(), time, problem=error.what)
        if named is not None and named.counter and not films.is_film(path):
            time = time + self._lasting(named.counter * header.height)
        return Listed(
            path.as_posix(),
            time,
            height=header.height,
            width=header.width,
            complete=header.complete,
            missing=min(header.claimed - header.complete, films.MOST_MISSING),
            problem="" if header.complete else "the file holds no whole frame",
        )

    def _clock_offset(self) -> np.timedelta64:
        return np.timedelta64(round(self.deployment.clock_offset_s * 1e9), "ns")

    def _lasting(self, lines: int) -> np.timedelta64:
        return np.timedelta64(round(lines / (self.optics.line_rate_hz or np.inf) * 1e9), "ns")

    def _in_time(self, files: list[Listed]) -> list[Listed]:
        """Give times to files whose names tell none: one after the other from `start`."""
        unnamed = [file for file in files if np.isnat(file.time)]
        if len(unnamed) < len(files):
            return [f if not np.isnat(f.time) or f.problem else _without_time(f) for f in files]
        if self.deployment.start is None:
            raise InputError(
                "no name of a file tells a time",
                where=self.deployment.path,
                cure="Names begin with the UTC of the first line, as 20130725101500.120.avi; or "
                "fill the column `start` of campaigns.csv if the files follow without a gap.",
            )
        return self._from_start(files)

    def _from_start(self, files: list[Listed]) -> list[Listed]:
        start = np.datetime64(self.deployment.start.replace(tzinfo=None), "ns")  # type: ignore[union-attr]
        lines = np.cumsum([0, *(f.height * (f.complete + f.missing) for f in files)])
        return [
            _at(file, start + self._clock_offset() + self._lasting(int(before)))
            for file, before in zip(files, lines, strict=False)
        ]


class MeanSpeed:
    """Mean of the speeds that a log holds between two times, and a little beyond them.

    Parameters
    ----------
    log : DataFrame
        ``time`` (datetime64[ns]), with ``speed`` (m/s) or without.
    tolerance_s : float, s
        How far beyond.
    """

    def __init__(self, log: pd.DataFrame, tolerance_s: float) -> None:
        speed = np.empty(0)
        if "speed" in log:  # as precise as the environment keeps it
            speed = log["speed"].to_numpy(ENVIRONMENT["speed"].dtype).astype(np.float64)
        known = np.isfinite(speed)
        self._time = log["time"].to_numpy()[: len(speed)][known].astype("datetime64[ns]")
        self._sum = np.concatenate([[0.0], np.cumsum(speed[known])])
        self._tolerance = np.timedelta64(round(tolerance_s * 1e9), "ns")

    def __call__(
        self, begin: NDArray[np.datetime64], end: NDArray[np.datetime64]
    ) -> NDArray[np.float64]:
        """Give the mean speed from each begin to its end, m/s; NaN where no record is near."""
        first = np.searchsorted(self._time, begin - self._tolerance)
        last = np.searchsorted(self._time, end + self._tolerance, side="right")
        count = np.where(np.isnat(begin) | np.isnat(end), 0, last - first)
        mean = np.full(len(begin), np.nan)
        np.divide(self._sum[last] - self._sum[first], count, out=mean, where=count > 0)
        return mean


def _named_as_frames(path: Path) -> bool:
    if path.suffix.lower() not in SUFFIXES:
        return False
    # Videos of other cameras begin with a name.
    able = path.name[0].isdigit() if films.is_film(path) else "isiis" in path.name.lower()
    return able and time_in(path.stem) is not None


def _by_time(path: Path) -> tuple[bool, int, int, list[tuple[int, str]]]:
    named = time_in(path.stem)
    if named is None:
        return True, 0, 0, natural(path.as_posix())
    # As a number: a year has tens of thousands of files, and times are slow to compare.
    return False, int(named.time.astype(np.int64)), named.counter or 0, natural(path.as_posix())


def _at(file: Listed, time: np.datetime64, problem: str | None = None) -> Listed:
    said = file.problem if problem is None else problem
    return Listed(file.path, time, file.height, file.width, file.complete, file.missing, said)


def _without_time(file: Listed) -> Listed:
    return _at(file, _NEVER, "its name tells no time")
