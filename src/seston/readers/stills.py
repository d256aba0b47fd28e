"""Pictures of a still camera, with a table of times, positions and sensors.

The table is a CSV (see `tables`) beside the pictures, or the one that campaigns.csv names. With a
column ``file`` it tells the time of each picture; without, the names of the pictures do, or
`start` and `frame_interval_s` of campaigns.csv.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from seston.errors import InputError
from seston.frame import UInt8Array
from seston.readers import pictures, tables
from seston.readers.listing import Listed, list_stills
from seston.readers.names import natural, time_in
from seston.readers.reader import FrameReader, files_below, none_found, register

_AT_A_TIME = 8
_NEVER = np.datetime64("NaT", "ns")


@register(
    "stills",
    files="a folder of pictures, and a CSV of times, positions and sensors",
    volume="`imaged_volume_l`, or area of the picture x `depth_of_field_mm`, of campaigns.csv",
    tested="real",
)
class Stills(FrameReader):
    """One deployment of a camera that takes whole pictures."""

    plain = True

    @classmethod
    def can_open(cls, path: Path) -> bool:
        """Look for pictures in the folder itself."""
        return path.is_dir() and any(p.suffix.lower() in pictures.SUFFIXES for p in path.iterdir())

    def files(self) -> list[Path]:
        """Give the pictures in the order of their names, numbers by value."""
        below = files_below(self.deployment.path, pictures.SUFFIXES)
        return sorted(below, key=lambda path: natural(path.as_posix()))

    def frames(self) -> pd.DataFrame:
        """List all frames; see `Reader.frames`."""
        files = self.files()
        if not files:
            raise none_found(self.deployment.path, pictures.SUFFIXES)
        times = self._times(files)
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            listed = list(pool.map(self._look_into, files, times))
        return list_stills(listed, self.deployment.deployment, self.optics)

    def read(self, path: str, indices: Sequence[int]) -> Iterator[UInt8Array]:
        """Decode one picture; see `FrameReader.read`."""
        for _ in indices:
            yield pictures.read_picture(self.deployment.path / path)

    def _look_into(self, path: Path, time: np.datetime64) -> Listed:
        offset = np.timedelta64(round(self.deployment.clock_offset_s * 1e9), "ns")
        try:
            size = pictures.read_header(self.deployment.path / path)
        except InputError as error:
            return Listed(path.as_posix(), time + offset, problem=error.what)
        return Listed(path.as_posix(), time + offset, size.height, size.width)

    def _times(self, files: Sequence[Path]) -> list[np.datetime64]:
        """Give the time of each picture: from the table, from its name, or counted from a start."""
        told = self._told()
        if told:
            return [told.get(p.as_posix(), told.get(p.name, _NEVER)) for p in files]
        named = [time_in(path.stem) for path in files]
        if any(named):
            return [_NEVER if one is None else one.time for one in named]
        return self._counted(len(files))

    def _told(self) -> Mapping[str, np.datetime64]:
        """Give times by the file that a table names."""
        told: dict[str, np.datetime64] = {}
        for path in self.environment_files():
            if not tables.tells_files(path):
                continue
            table, _ = tables.read(path)
            if "file" in table:
                names = table["file"].str.replace("\\", "/", regex=False)
                told |= dict(zip(names, table["time"].to_numpy("datetime64[ns]"), strict=True))
                _refuse_twice(names, path)
        return {str(PurePosixPath(name)): time for name, time in told.items()}

    def _counted(self, count: int) -> list[np.datetime64]:
        """Count times from `start`; a single sample needs no more than that."""
        if self.deployment.start is None:
            return [_NEVER] * count
        start = np.datetime64(self.deployment.start.replace(tzinfo=None), "ns")
        step = np.timedelta64(round((self.deployment.frame_interval_s or 0.0) * 1e9), "ns")
        return [start + number * step for number in range(count)]


def _refuse_twice(names: pd.Series[str], path: Path) -> None:
    twice = names[names.duplicated()]
    if len(twice):
        raise InputError(
            f"the picture {twice.iloc[0]!r} stands in {int((names == twice.iloc[0]).sum())} rows",
            where=path,
            cure="Give each picture one row.",
        )
