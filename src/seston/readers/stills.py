"""Pictures or videos of a camera that takes whole frames, with a table of times and sensors.

The table is a CSV (see `tables`) beside the files, or the one that campaigns.csv names. With a
column ``file`` it tells when each picture was taken or each video begins, with ``frame`` beside it
the time of single frames of a video; without, the names of the files do, or `start` and
`frame_interval_s` of campaigns.csv. Frames of a video whose times are not told one by one follow
each other in `frame_interval_s`, or in the interval that the video itself tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from seston.errors import InputError
from seston.readers.films import MOST_MISSING, SUFFIXES, FilmReader, is_film, read_header
from seston.readers.listing import Listed, list_stills
from seston.readers.names import natural, time_in
from seston.readers.reader import files_below, none_found
from seston.readers.registry import register
from seston.readers.told import NEVER, Told, read_told
from seston.readers.video import VideoHeader

_AT_A_TIME = 8


@register(
    "stills",
    files="a folder of pictures or videos (avi, mp4, mov, mkv), and a CSV of times, positions and "
    "sensors: a row for each picture, video, or frame of a video",
    volume="`imaged_volume_l`, or area of the frame x `depth_of_field_mm`, of campaigns.csv",
    tested="real",
)
class Stills(FilmReader):
    """One deployment of a camera that takes whole frames."""

    plain = True

    @classmethod
    def can_open(cls, path: Path) -> bool:
        """Look for pictures or videos in the folder itself."""
        return path.is_dir() and any(p.suffix.lower() in SUFFIXES for p in path.iterdir())

    def files(self) -> list[Path]:
        """Give the pictures and videos in the order of their names, numbers by value."""
        below = files_below(self.deployment.path, SUFFIXES)
        return sorted(below, key=lambda path: natural(path.as_posix()))

    def frames(self) -> pd.DataFrame:
        """List all frames; see `Reader.frames`."""
        files = self.files()
        if not files:
            raise none_found(self.deployment.path, SUFFIXES)
        told = read_told(self.environment_files())
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            listed = list(pool.map(lambda path: self._look_into(path, told), files))
        timed = self._timed(listed, told)
        films = any(is_film(path) and not told.of_frames(path) for path in files)
        return list_stills(
            timed, self.deployment.deployment, self.optics, ingest=self.ingest if films else None
        )

    def _look_into(self, path: Path, told: Told) -> Listed:
        """Read the header of a file; what is wrong with it becomes its problem."""
        try:
            header = read_header(self.deployment.path / path)
        except InputError as error:
            return Listed(path.as_posix(), NEVER, problem=error.what)
        numbers = told.of_frames(path)
        _check_numbers(numbers, header, self.deployment.path / path)
        claimed = max([header.claimed, *(number + 1 for number in numbers)])
        found = Listed(
            path.as_posix(), NEVER, header.height, header.width, header.complete,
            missing=min(claimed - header.complete, MOST_MISSING),
            problem="" if header.complete else "the file holds no whole frame",
        )  # fmt: skip
        return found if found.count == 1 or numbers else self._with_interval(found, header.rate)

    def _with_interval(self, film: Listed, rate: float) -> Listed:
        """Say how long a frame of a video lasts, and how that is known."""
        told = self.deployment.frame_interval_s
        if told is not None:
            return replace(film, interval_s=told)
        if rate > 0 and np.isfinite(rate):
            said = f"the time between frames is that of the file, {1 / rate:.6g} s"
            return replace(film, interval_s=1 / rate, remark=said)
        said = "nothing tells the time between frames: fill `frame_interval_s` of campaigns.csv"
        return replace(film, times=(NEVER,) * film.count, remark=said)

    def _timed(self, listed: Sequence[Listed], told: Told) -> list[Listed]:
        """Give times to files and frames: told by a table, by names, or counted from a start."""
        offset = np.timedelta64(round(self.deployment.clock_offset_s * 1e9), "ns")
        starts = self._starts(listed, told)
        return [_at(f, s + offset, told, offset) for f, s in zip(listed, starts, strict=True)]

    def _starts(self, listed: Sequence[Listed], told: Told) -> list[np.datetime64]:
        """Give the time of each file."""
        paths = [Path(file.path) for file in listed]
        if told:
            return [told.start(path) for path in paths]
        named = [time_in(path.stem) for path in paths]
        if any(named):
            return [NEVER if one is None else one.time for one in named]
        return self._counted(listed)

    def _counted(self, listed: Sequence[Listed]) -> list[np.datetime64]:
        """Count times from `start`; a single sample needs no more than that."""
        if self.deployment.start is None:
            return [NEVER] * len(listed)
        start = np.datetime64(self.deployment.start.replace(tzinfo=None), "ns")
        step = self.deployment.frame_interval_s or 0.0
        lasting = [(file.interval_s or step) * file.count for file in listed]
        after = np.rint(np.cumsum([0.0, *lasting[:-1]]) * 1e9).astype("timedelta64[ns]")
        return list(start + after)


def _check_numbers(numbers: Mapping[int, np.datetime64], header: VideoHeader, path: Path) -> None:
    """Refuse numbers of frames that cannot be counted from 0; beyond a cut some may be missing."""
    held = header.complete
    if not numbers or not held:
        return
    from_one = 0 not in numbers and max(numbers) == held == header.claimed
    if from_one or min(numbers) >= held:
        number = max(numbers) if from_one else min(numbers)
        raise InputError(
            f"a table tells of frame {number}, and the video holds {held}",
            where=path,
            cure="Number the frames of each video from 0.",
        )


def _at(file: Listed, start: np.datetime64, told: Told, offset: np.timedelta64) -> Listed:
    """Give a file its time, and those of its frames that are told one by one."""
    numbers = told.of_frames(Path(file.path))
    if numbers and not file.problem:
        times = [numbers.get(number, NEVER) + offset for number in range(file.count)]
        return replace(file, time=times[0], times=tuple(times))
    return replace(file, time=start, times=(start, *file.times[1:]) if file.times else ())
