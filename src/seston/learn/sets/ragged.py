"""Many small pictures of different sizes in one array of bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Self, overload

import numpy as np
from numpy.typing import NDArray

UInt8Array = NDArray[np.uint8]
Int64Array = NDArray[np.int64]


class Ragged(Sequence[UInt8Array]):
    """A sequence of grey pictures that share one array of bytes.

    A picture costs its pixels and 24 bytes: 400,000 vignettes of an ISIIS are 2.4 GB. Slices and
    chosen rows share the bytes; a picture is a view of them.

    Parameters
    ----------
    pixels : array (byte,), uint8
        Pictures one after the other, line by line.
    starts : array (n,), int64
        First byte of each.
    shapes : array (n, 2), int64
        Lines and columns of each.
    """

    __slots__ = ("_pixels", "_shapes", "_starts")

    def __init__(self, pixels: UInt8Array, starts: Int64Array, shapes: Int64Array) -> None:
        self._pixels, self._starts, self._shapes = pixels, starts, shapes

    @classmethod
    def of(cls, pictures: Iterable[UInt8Array]) -> Self:
        """Copy pictures into one array."""
        draft = RaggedDraft()
        for picture in pictures:
            draft.append(picture)
        return cls(*draft.arrays())

    @property
    def shapes(self) -> Int64Array:
        """Lines and columns of each picture, (n, 2)."""
        return self._shapes

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, which: int | np.integer) -> UInt8Array: ...
    @overload
    def __getitem__(self, which: slice | Int64Array | NDArray[np.bool_]) -> Self: ...
    def __getitem__(
        self, which: int | np.integer | slice | Int64Array | NDArray[np.bool_]
    ) -> UInt8Array | Self:
        if isinstance(which, (int, np.integer)):
            start, (height, width) = self._starts[which], self._shapes[which]
            return self._pixels[start : start + height * width].reshape(height, width)
        return type(self)(self._pixels, self._starts[which], self._shapes[which])

    def __iter__(self) -> Iterator[UInt8Array]:
        return (self[i] for i in range(len(self)))


class RaggedDraft:
    """Collects pictures that come one by one; memory stays that of their pixels."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._shapes: list[tuple[int, int]] = []

    def append(self, picture: UInt8Array) -> None:
        """Add a picture (y, x)."""
        self._bytes += np.ascontiguousarray(picture).data
        self._shapes.append((picture.shape[0], picture.shape[1]))

    def arrays(self) -> tuple[UInt8Array, Int64Array, Int64Array]:
        """Give bytes, starts and shapes, as `Ragged` takes them; nothing may be added after."""
        shapes = np.array(self._shapes, np.int64).reshape(-1, 2)
        sizes = shapes.prod(axis=1)
        return np.frombuffer(self._bytes, np.uint8), np.cumsum(sizes) - sizes, shapes
