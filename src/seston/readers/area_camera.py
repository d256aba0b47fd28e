"""Area cameras that are towed: whole frames one after the other, named by time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from seston.errors import InputError
from seston.frame import UInt8Array
from seston.readers import pictures, video
from seston.readers.listing import Listed, list_stills
from seston.readers.names import natural
from seston.readers.reader import FrameReader, files_below, none_found

SUFFIXES = video.SUFFIXES | pictures.SUFFIXES
_AT_A_TIME = 8  # headers read at once: the disk waits, not the processor
#: A header that promises more frames than these beside the ones there are is not believed.
_MOST_MISSING = 4096
_NEVER = np.datetime64("NaT", "ns")


class AreaCamera(FrameReader):
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
            frame_interval_s=self.deployment.frame_interval_s or 1 / self.rate_hz,
            ingest=self.ingest if films else None,
        )

    def read(self, path: str, indices: Sequence[int]) -> Iterator[UInt8Array]:
        """Decode frames of one file; see `FrameReader.read`."""
        file = self.deployment.path / path
        if file.suffix.lower() in video.SUFFIXES:
            yield from video.read_frames(file, indices)
        else:
            for _ in indices:
                yield pictures.read_picture(file)

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
            if path.suffix.lower() in video.SUFFIXES:
                header = video.read_header(file)
                complete, claimed = header.complete, header.claimed
                height, width = header.height, header.width
            else:
                size = pictures.read_header(file)
                height, width, complete, claimed = size.height, size.width, 1, 1
        except InputError as error:
            return Listed(name, time, problem=error.what)
        problem = "its name tells no time" if np.isnat(time) else ""
        missing = min(claimed - complete, _MOST_MISSING)
        return Listed(
            name, time, height, width, complete, missing,
            problem if complete else "the file holds no whole frame",
        )  # fmt: skip
