"""How fast files are read that are not in memory: the page cache is emptied of them, and asked.

A file system over the network may still hold them in the memory of its servers: nothing can be
done about that from here, so what is measured there is the best that it gives.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = 1 << 22
_PAGE = 4096
#: More of the file than this in memory: it was not read from the disk.
_STILL_CACHED = 0.05


@dataclass(frozen=True, slots=True)
class Disk:
    """Speeds of a folder's disk.

    Parameters
    ----------
    read, write : list of float, MB/s
        One for each try.
    note : str
        What was read, and whether it came from the disk.
    """

    read: list[float]
    write: list[float]
    note: str


def try_disk(folder: Path, tries: int, size: int = 1 << 27) -> Disk:
    """Write files into a folder and read them when they are no more in memory."""
    read, write, cached = [], [], []
    with tempfile.TemporaryDirectory(prefix=".seston-calibrate-", dir=folder) as place:
        for number in range(tries):
            path = Path(place) / str(number)
            write.append(_mb_per_s(size, _written(path, size)))
            _forget(path)
            cached.append(_in_memory(path))
            read.append(_mb_per_s(size, _read(path)))
            path.unlink()
    return Disk(read, write, _note(cached, size))


def _mb_per_s(size: int, seconds: float) -> float:
    return size / max(seconds, 1e-9) / 1e6


def _written(path: Path, size: int) -> float:
    block = os.urandom(_BLOCK)  # nothing that a file system could make smaller
    begin = time.perf_counter()
    with path.open("wb", buffering=0) as file:
        for _ in range(size // _BLOCK):
            file.write(block)
        os.fsync(file.fileno())
    return time.perf_counter() - begin


def _read(path: Path) -> float:
    buffer = bytearray(_BLOCK)
    begin = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
    return time.perf_counter() - begin


def _forget(path: Path) -> None:
    """Ask the system to drop a file from memory."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _in_memory(path: Path) -> float | None:
    """Share of a file that is read without the disk; None where the system does not tell."""
    if not hasattr(os, "RWF_NOWAIT"):
        return None
    there = list(_pages_there(path))
    return None if None in there else sum(map(bool, there)) / max(1, len(there))


def _pages_there(path: Path) -> Iterator[bool | None]:
    size, page = path.stat().st_size, bytearray(_PAGE)
    with path.open("rb", buffering=0) as file:
        for place in range(0, size, size // 64 // _PAGE * _PAGE or _PAGE):
            try:
                yield os.preadv(file.fileno(), [page], place, os.RWF_NOWAIT) > 0
            except BlockingIOError:
                yield False
            except OSError:  # a file system that does not know the question
                yield None


def _note(cached: list[float | None], size: int) -> str:
    told = f"files of {size / 1e6:,.0f} MB"
    known = [share for share in cached if share is not None]
    if len(known) < len(cached):
        return f"{told}; whether they came from the disk, the system does not tell"
    worst = max(known)
    if worst > _STILL_CACHED:
        return f"{told}; {worst:.0%} of one were still in memory: the disk is slower than this"
    return f"{told}, none of which was in the memory of this machine"
