"""Area cameras that are towed: whole frames one after the other, named by time."""

from __future__ import annotations

from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from seston.errors import InputError
from seston.readers.films import MOST_MISSING, SUFFIXES, FilmReader, read_header
from seston.readers.listing import Listed, list_stills
from seston.readers.names import natural
from seston.readers.reader import files_below, none_found

_AT_A_TIME = 8  # headers read at once: the disk waits, not the processor
_NEVER = np.datetime64("NaT", "ns")


class AreaCamera(FilmReader):
    """One deployment of such a camera. An instrument says how it names its files."""

    #: Frames per second of its videos, where campaigns.csv tells no `frame_interval_s`.
    rate_hz: ClassVar[float]

    @classmethod
    @abstractmethod
    def time_of(cls, path: Path) -> np.datetime64:
        """Give the UTC that the name of a file tells of its first frame; NaT where it does not."""

    def files(self) -> list[Path]:
        """Give videos and pictures by the time in their names; those without one come last."""
        return sorted(files_below(self.deployment.path, SUFFIXES), key=self._order)

    def frames(self) -> pd.DataFrame:
        """List all frames; see `Reader.frames`."""
        files = self.files()
        if not files:
            raise none_found(self.deployment.path, SUFFIXES)
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            listed = list(pool.map(self._look_into, files))
        films = any(file.complete + file.missing > 1 for file in listed)
        return list_stills(
            listed,
            self.deployment.deployment,
            self.optics,
            ingest=self.ingest if films else None,
        )

    def _order(self, path: Path) -> tuple[bool, int, list[tuple[int, str]]]:
        time = self.time_of(path)
        unknown = bool(np.isnat(time))
        return unknown, 0 if unknown else int(time.astype(np.int64)), natural(path.as_posix())

    def _look_into(self, path: Path) -> Listed:
        """Read the header of a file; what is wrong with it becomes its problem."""
        offset = np.timedelta64(round(self.deployment.clock_offset_s * 1e9), "ns")
        time, name = self.time_of(path) + offset, path.as_posix()
        file = self.deployment.path / path
        try:
            header = read_header(file)
        except InputError as error:
            return Listed(name, time, problem=error.what)
        problem = "its name tells no time" if np.isnat(time) else ""
        return Listed(
            name, time, header.height, header.width, header.complete,
            missing=min(header.claimed - header.complete, MOST_MISSING),
            interval_s=self.deployment.frame_interval_s or 1 / self.rate_hz,
            problem=problem if header.complete else "the file holds no whole frame",
        )  # fmt: skip
