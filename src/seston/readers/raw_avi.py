"""Pixels of uncompressed grey AVI files, straight from their bytes: no decoder, no copy between.

Grey levels of 8 bits (FourCC Y800), or 8 bits with a palette that is a ramp of greys. All other
files are left to the decoder, and so is any file that is not what its header says.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seston.errors import InputError
from seston.frame import UInt8Array
from seston.readers import avi
from seston.readers.piece import Piece

_GREY = (b"Y800", b"Y8  ", b"GREY")
_PALETTE_AT, _PALETTE_BYTES = 40, 1024
#: Lines from one to the next start at multiples of this in files with a palette.
_ALIGNED = 4


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """Where the pixels of a file lie.

    Parameters
    ----------
    starts : array (frame), int64
        First byte of each frame.
    height, width : int
        Size of a frame, pixels.
    stride : int
        Bytes from one line to the next.
    upside_down : bool
        Whether the bottom line comes first.
    """

    starts: NDArray[np.int64]
    height: int
    width: int
    stride: int
    upside_down: bool


def find_pixels(path: Path) -> Pixels | None:
    """Find the pixels of an AVI file; None where only a decoder can."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            head, lists = avi.read_lists(file, size)
            if head is None:
                return None
            layout = _layout(head)
            if layout is None:
                return None
            chunks = [c for movi in lists for c in avi.frames_in(file, movi, size, head.stream)]
    except (OSError, struct.error):
        return None
    stride, upside_down = layout
    whole = all(c.size == stride * head.height and c.start + c.size <= size for c in chunks)
    if not chunks or not whole:
        return None
    starts = np.array([c.start for c in chunks], np.int64)
    return Pixels(starts, head.height, head.width, stride, upside_down)


def _layout(head: avi.Header) -> tuple[int, bool] | None:
    """Bytes of a line, and whether the lines go up; None where pixels are not grey bytes."""
    (height,) = struct.unpack_from("<i", head.format, 8)
    if head.bits != 8 or len(head.format) < _PALETTE_AT:
        return None
    compression = head.format[16:20]
    if compression in _GREY:
        return (head.width, False) if height > 0 else None
    if compression == bytes(4) and _is_grey_ramp(head.format):
        return -(-head.width // _ALIGNED) * _ALIGNED, height > 0
    return None


def _is_grey_ramp(header: bytes) -> bool:
    palette = header[_PALETTE_AT : _PALETTE_AT + _PALETTE_BYTES]
    if len(palette) < _PALETTE_BYTES:
        return False
    colours = np.frombuffer(palette, np.uint8).reshape(256, 4)[:, :3]
    return bool((colours == np.arange(256)[:, None]).all())


def fill(path: Path, pixels: Pixels, pieces: Sequence[Piece]) -> Iterator[None]:
    """Read pieces of frames; see `FrameReader.fill`."""
    with path.open("rb", buffering=0) as file:
        for piece in pieces:
            shape, here = (piece.height, piece.target.shape[1]), (pixels.height, pixels.width)
            if shape != here:
                raise InputError(f"is {here}, not {shape}", where=path)
            if piece.index >= len(pixels.starts):
                raise InputError(f"the file does not give frame {piece.index}", where=path)
            _fill(file.fileno(), pixels, piece, path)
            yield


def _fill(descriptor: int, pixels: Pixels, piece: Piece, path: Path) -> None:
    lines = len(piece.target)
    first = pixels.height - piece.first - lines if pixels.upside_down else piece.first
    start = int(pixels.starts[piece.index]) + first * pixels.stride
    plain = pixels.stride == pixels.width and not pixels.upside_down
    bytes_ = piece.target if plain else np.empty((lines, pixels.stride), np.uint8)
    _read(descriptor, bytes_, start, path)
    if not plain:
        piece.target[:] = bytes_[:: -1 if pixels.upside_down else 1, : pixels.width]


def _read(descriptor: int, target: UInt8Array, start: int, path: Path) -> None:
    left = target.reshape(-1).data  # the bytes of `target` itself
    while left:
        try:
            count = os.preadv(descriptor, [left], start)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", where=path) from None
        if not count:
            raise InputError("the file ends before this frame", where=path)
        left, start = left[count:], start + count
