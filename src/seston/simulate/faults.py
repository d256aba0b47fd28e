"""Damage a simulated campaign as the sea, the disk and the clock do: for tests of the readers.

Each function takes the folder of `write_isiis`, damages it in place, and returns the file that it
touched (or removed). Work on a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

_NAME = "%Y%m%d%H%M%S.%f"
_HEADER = 10


def frame_files(folder: Path) -> list[Path]:
    """Files of frames in order of time.

    Raises
    ------
    FileNotFoundError
        There is none.
    """
    files = sorted((Path(folder) / "frames").glob("*.avi"))
    if not files:
        raise FileNotFoundError(f"{folder}: no frames/*.avi")
    return files


def log_file(folder: Path) -> Path:
    """Give the log of CTD and navigation.

    Raises
    ------
    FileNotFoundError
        There is none.
    """
    logs = sorted((Path(folder) / "environment").glob("ISIIS*.txt"))
    if not logs:
        raise FileNotFoundError(f"{folder}: no environment/ISIIS*.txt")
    return logs[0]


def truncated_file(folder: Path, index: int = 1, share: float = 0.6) -> Path:
    """Cut a file of frames short, as a full disk or a pulled cable does."""
    path = frame_files(folder)[index]
    with path.open("r+b") as stream:
        stream.truncate(int(path.stat().st_size * share))
    return path


def empty_file(folder: Path, index: int = 1) -> Path:
    """Leave a file of frames without a byte."""
    path = frame_files(folder)[index]
    path.write_bytes(b"")
    return path


def garbled_file(folder: Path, index: int = 1) -> Path:
    """Fill a file of frames with text."""
    path = frame_files(folder)[index]
    path.write_bytes(b"this is not a video\n" * 64)
    return path


def clock_backwards(folder: Path, index: int = 1, by_ms: int = 10) -> Path:
    """Rename a file so that it starts before the one before it ends."""
    path = frame_files(folder)[index]
    earlier = datetime.strptime(path.stem, _NAME) - timedelta(milliseconds=by_ms)
    return path.rename(path.with_name(f"{earlier.strftime(_NAME)[:-3]}.avi"))


def gap(folder: Path, index: int = 1) -> Path:
    """Remove a file from the middle."""
    path = frame_files(folder)[index]
    path.unlink()
    return path


def missing_log(folder: Path) -> Path:
    """Remove the log."""
    path = log_file(folder)
    path.unlink()
    return path


def nan_depth(folder: Path, start: float = 0.4, stop: float = 0.6) -> Path:
    """Lose depth and pressure in a part of the log, given as shares of its rows."""
    return _overwrite(folder, ("Depth (m)", "Pressure (dbar)"), "NaN", start, stop)


def gps_dropout(folder: Path, start: float = 0.4, stop: float = 0.6) -> Path:
    """Lose the position in a part of the log, in the words that the instrument uses."""
    columns = ("Lat (decimals)", "Long (decimals)")
    return _overwrite(folder, columns, "No GPS Data", start, stop)


def cut_log(folder: Path) -> Path:
    """Break the log off in the middle of its last row."""
    path = log_file(folder)
    text = path.read_bytes()
    path.write_bytes(text[: len(text) - 40])
    return path


def _overwrite(folder: Path, columns: Iterable[str], word: str, start: float, stop: float) -> Path:
    path = log_file(folder)
    lines = path.read_bytes().decode("latin-1").split("\r\n")
    names = lines[_HEADER].split("\t")
    wanted = [names.index(column) for column in columns]
    first, last = _HEADER + 1, len(lines) - 1
    rows = range(first + int((last - first) * start), first + int((last - first) * stop))
    for row in rows:
        cells = lines[row].split("\t")
        for column in wanted:
            cells[column] = word
        lines[row] = "\t".join(cells)
    path.write_bytes("\r\n".join(lines).encode("latin-1"))
    return path


FAULTS: Mapping[str, Callable[[Path], Path]] = MappingProxyType(
    {
        fault.__name__: fault
        for fault in (
            truncated_file,
            empty_file,
            garbled_file,
            clock_backwards,
            gap,
            missing_log,
            nan_depth,
            gps_dropout,
            cut_log,
        )
    }
)
"""All faults by name, with their usual arguments."""
