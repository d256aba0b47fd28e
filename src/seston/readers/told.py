"""What a table tells of frames: when files begin, and when single frames were taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from seston.errors import InputError
from seston.readers import films, tables

NEVER = np.datetime64("NaT", "ns")


@dataclass(frozen=True, slots=True)
class Told:
    """Times by the name of a file, as a table writes it: with its folder or without.

    Parameters
    ----------
    files : mapping of datetime64[ns]
        UTC of a picture, or of the first frame of a video.
    frames : mapping of mappings of datetime64[ns]
        UTC of single frames of a video, by their numbers from 0.
    """

    files: Mapping[str, np.datetime64]
    frames: Mapping[str, Mapping[int, np.datetime64]]

    def __bool__(self) -> bool:
        return bool(self.files or self.frames)

    def start(self, path: Path) -> np.datetime64:
        """Give the time of a file; NaT where no row tells it."""
        return self.files.get(path.as_posix(), self.files.get(path.name, NEVER))

    def of_frames(self, path: Path) -> Mapping[int, np.datetime64]:
        """Give the times of the frames of a file that are told one by one."""
        return self.frames.get(path.as_posix()) or self.frames.get(path.name) or {}


def read_told(paths: Iterable[Path]) -> Told:
    """Read the tables whose rows speak of files.

    Raises
    ------
    InputError
        A table cannot be used, or tells a picture, a video or a frame twice.
    """
    files: dict[str, np.datetime64] = {}
    frames: dict[str, dict[int, np.datetime64]] = {}
    for path in paths:
        if not tables.tells_files(path):
            continue
        table, _ = tables.read(path)
        if "file" not in table:
            continue
        _take(table, path, files, frames)
    return Told(files, frames)


def _take(
    table: pd.DataFrame,
    path: Path,
    files: dict[str, np.datetime64],
    frames: dict[str, dict[int, np.datetime64]],
) -> None:
    name = table["file"].str.replace("\\", "/", regex=False)
    name = name.map(lambda text: str(PurePosixPath(text)))
    # The one frame of a picture needs no number: what stands there may count all pictures.
    single = name.map(lambda text: films.is_film(Path(text))) & _numbers(table).notna()
    number = _numbers(table).where(single)
    _refuse_twice(name, number, path)
    times = table["time"].to_numpy("datetime64[ns]")
    files |= dict(zip(name[~single], times[~single], strict=True))
    for one, index, time in zip(name[single], number[single], times[single], strict=True):
        frames.setdefault(one, {})[int(index)] = time


def _numbers(table: pd.DataFrame) -> pd.Series[float]:
    """Numbers of frames in their files; NaN where a row tells none."""
    if "frame" not in table:
        return pd.Series(np.nan, table.index)
    whole = (table["frame"] >= 0) & (table["frame"] % 1 == 0)
    return table["frame"].where(whole)


def _refuse_twice(name: pd.Series[str], number: pd.Series[float], path: Path) -> None:
    rows = pd.DataFrame({"name": name, "number": number})
    twice = rows[rows.duplicated()]
    if twice.empty:
        return
    first = twice.iloc[0]
    count = int((rows.fillna(-1.0) == first.fillna(-1.0)).all(axis=1).sum())
    what = f"the picture {first['name']!r}"
    if films.is_film(Path(str(first["name"]))):
        what = f"the video {first['name']!r}"
    if pd.notna(first["number"]):
        what = f"frame {int(first['number'])} of {what}"
    cure = "Give each picture one row, and each video one, or one for each of its frames."
    raise InputError(f"{what} stands in {count} rows", where=path, cure=cure)
