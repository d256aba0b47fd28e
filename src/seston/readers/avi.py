"""The bones of an AVI file: how many frames it claims and how many it holds, without decoding.

Sources: Microsoft, *AVI RIFF File Reference*; OpenDML AVI extensions 1.02 (files of several
RIFF chunks). Two small reads tell the frames of a finished file. One that was cut short has no
index, and there the headers of its chunks are walked (8 bytes each).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from seston.errors import InputError

_HEADER_BYTES = 1 << 20
_INDEX_BYTES = 1 << 28
_INDEX_ENTRY = np.dtype([("id", "S4"), ("flags", "<u4"), ("offset", "<u4"), ("size", "<u4")])
#: Shortest strh and strf (BITMAPINFOHEADER) that hold the fields read here.
_STRH_BYTES, _STRF_BYTES, _AVIH_BYTES = 36, 16, 20


@dataclass(frozen=True, slots=True)
class Avi:
    """What the headers of an AVI file tell.

    Parameters
    ----------
    height, width : int
        Size of a frame, pixels.
    claimed : int
        Frames that the header promises.
    complete : int
        Frames whose bytes are all in the file.
    rate : float, Hz
        Frames per second when played; NaN where the header says 0. Not the camera's.
    bits : int
        Bits per pixel.
    """

    height: int
    width: int
    claimed: int
    complete: int
    rate: float
    bits: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk of a RIFF file: four letters, and where its data lie."""

    kind: bytes
    start: int  # of its data
    size: int

    @property
    def end(self) -> int:
        """Where the next chunk begins."""
        return self.start + self.size + (self.size & 1)


def read_avi(path: Path) -> Avi:
    """Read the headers of an AVI file.

    Raises
    ------
    InputError
        The file is empty, or is not an AVI file with a video stream.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if not size:
                raise InputError("the file is empty", where=path)
            return _read(file, size, path)
    except (OSError, struct.error) as error:
        raise InputError(f"the headers cannot be read: {error}", where=path) from None


def _read(file: BinaryIO, size: int, path: Path) -> Avi:
    head, lists = read_lists(file, size)
    if head is None:
        raise InputError("not an AVI file with a video stream", where=path)
    complete = sum(_count(file, movi, size, head.stream) for movi in lists)
    return Avi(head.height, head.width, max(head.claimed, complete), complete, head.rate, head.bits)


def read_lists(file: BinaryIO, size: int) -> tuple[Header | None, list[Chunk]]:
    """Header of the first video stream, and the lists that hold its frames."""
    head: Header | None = None
    lists: list[Chunk] = []
    for riff in _chunks(file, 0, size):
        if riff.kind != b"RIFF" or _kind_of_list(file, riff) not in (b"AVI ", b"AVIX"):
            break
        for chunk in _chunks(file, riff.start + 4, size):
            kind = _kind_of_list(file, chunk) if chunk.kind == b"LIST" else b""
            if kind == b"hdrl" and head is None:
                head = _header(file, chunk)
            elif kind == b"movi" and head is not None:
                lists.append(chunk)
            if chunk.end >= riff.end:
                break
    return head, lists


def _chunks(file: BinaryIO, start: int, stop: int) -> Iterator[Chunk]:
    """Chunks one after the other; the last may reach beyond `stop` where the file was cut."""
    while start + 8 <= stop:
        file.seek(start)
        head = file.read(8)
        if len(head) < 8:
            return
        kind, size = struct.unpack("<4sI", head)
        chunk = Chunk(kind, start + 8, size)
        yield chunk
        start = chunk.end


def _kind_of_list(file: BinaryIO, chunk: Chunk) -> bytes:
    file.seek(chunk.start)
    return file.read(4)


@dataclass(slots=True)
class Header:
    """What the headers of a video stream say; `format` is its BITMAPINFOHEADER and palette."""

    stream: int
    height: int
    width: int
    claimed: int
    rate: float
    bits: int
    format: bytes


def _header(file: BinaryIO, chunk: Chunk) -> Header | None:
    """Parse the list `hdrl`: the main header and the first video stream."""
    file.seek(chunk.start + 4)
    data = file.read(min(max(0, chunk.size - 4), _HEADER_BYTES))
    frames = 0
    stream = -1
    for kind, body in _in_memory(data):
        if kind == b"avih" and len(body) >= _AVIH_BYTES:
            frames = struct.unpack_from("<I", body, 16)[0]
        elif kind == b"LIST" and body[:4] == b"strl":
            stream += 1
            parts = dict(_in_memory(body[4:]))
            strh, strf = parts.get(b"strh", b""), parts.get(b"strf", b"")
            if strh[:4] == b"vids" and len(strh) >= _STRH_BYTES and len(strf) >= _STRF_BYTES:
                return _video(stream, frames, strh, strf)
    return None


def _video(stream: int, frames: int, strh: bytes, strf: bytes) -> Header:
    scale, rate, _, length = struct.unpack_from("<4I", strh, 20)
    _, width, height, _, bits = struct.unpack_from("<IiiHH", strf, 0)
    return Header(
        stream=stream,
        height=abs(height),  # negative: the top line comes first
        width=abs(width),
        claimed=max(frames, length),
        rate=rate / scale if rate and scale else float("nan"),
        bits=bits,
        format=strf,
    )


def _in_memory(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, at)
        yield kind, data[at + 8 : at + 8 + size]
        at += 8 + size + (size & 1)


def _count(file: BinaryIO, movi: Chunk, size: int, stream: int) -> int:
    """Whole frames of a stream in a list `movi`: from the index behind it, or chunk by chunk."""
    names = _names(stream)
    if movi.size > 4 and movi.end <= size:
        behind = next(_chunks(file, movi.end, size), None)
        if behind is not None and behind.kind == b"idx1" and behind.end <= size:
            return _count_in_index(file, behind, movi, names)
    return sum(1 for c in frames_in(file, movi, size, stream) if c.start + c.size <= size)


def _names(stream: int) -> tuple[bytes, bytes]:
    return b"%02ddb" % stream, b"%02ddc" % stream


def frames_in(file: BinaryIO, movi: Chunk, size: int, stream: int) -> Iterator[Chunk]:
    """Frames of a stream in a list `movi`, chunk by chunk; the last may be cut."""
    stop = size if movi.size <= 4 else min(size, movi.end)
    return _frames(file, movi.start + 4, stop, _names(stream))


def _count_in_index(file: BinaryIO, index: Chunk, movi: Chunk, names: tuple[bytes, bytes]) -> int:
    file.seek(index.start)
    data = file.read(min(index.size, _INDEX_BYTES))
    entries = np.frombuffer(data, _INDEX_ENTRY, count=len(data) // _INDEX_ENTRY.itemsize)
    inside = entries["size"].astype(np.int64) <= movi.size
    return int(np.count_nonzero(np.isin(entries["id"], names) & inside))


def _frames(file: BinaryIO, start: int, stop: int, names: tuple[bytes, bytes]) -> Iterator[Chunk]:
    for chunk in _chunks(file, start, stop):
        if chunk.kind in names:
            yield chunk
        elif chunk.kind == b"LIST":  # frames grouped into records
            yield from _frames(file, chunk.start + 4, min(stop, chunk.end), names)
        elif not chunk.kind.isalnum() or chunk.kind == b"idx1":
            return
