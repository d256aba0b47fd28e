"""Pictures from files, decoded by several threads, in the order of the files."""

from __future__ import annotations

import io
import os
import struct
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

PICTURES: Final = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})
#: Larger files, bytes, and larger pictures, pixels, are no vignettes.
MOST_BYTES: Final = 1 << 27
MOST_PIXELS: Final = 1 << 26
#: Files of a task of a thread (one alone takes less time than its task), and tasks ahead.
_AT_ONCE, _AHEAD = 32, 8
#: What libraries raise on files that are cut or damaged.
_DAMAGE: Final = (OSError, ValueError, SyntaxError, KeyError, IndexError, TypeError, struct.error,
                  EOFError, OverflowError, MemoryError, ZeroDivisionError, RuntimeError,
                  AssertionError, AttributeError, cv2.error)  # fmt: skip
#: Other formats of Pillow's are no vignettes.
_FORMATS: Final = ("PNG", "JPEG", "BMP", "TIFF")

T = TypeVar("T")


def read_picture(path: Path) -> NDArray[np.uint8] | None:
    """Decode one picture.

    Returns
    -------
    array (y, x), uint8, or None
        Grey levels; of colours the luminance. None where it is no picture, is damaged, or claims
        more than 67 million pixels.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        content = path.read_bytes()
        if not _is_small(content):
            return None
        grey = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    except _DAMAGE:
        return None
    return None if grey is None or grey.size == 0 else np.asarray(grey, np.uint8)


def _is_small(content: bytes) -> bool:
    """Look at the size that a header claims, before memory is taken for it."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
            return 0 < picture.width * picture.height <= MOST_PIXELS
    except (UnidentifiedImageError, Image.DecompressionBombError):
        return False


def read_pictures(
    items: Iterable[tuple[Path, T]], threads: int | None = None
) -> Iterator[tuple[T, NDArray[np.uint8] | None]]:
    """Decode pictures some ahead of who asks for them.

    Parameters
    ----------
    items : iterable of (Path, anything)
        Files, each with what goes with it.
    threads : int, optional
        As many as cores by default.

    Yields
    ------
    anything, array (y, x) or None
        In the order of `items`; see `read_picture`.
    """
    waiting: deque[Future[list[tuple[T, NDArray[np.uint8] | None]]]] = deque()
    pool = ThreadPoolExecutor(threads or len(os.sched_getaffinity(0)))
    try:
        for few in _batches(items):
            waiting.append(pool.submit(_read_few, few))
            if len(waiting) > _AHEAD:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _batches(items: Iterable[tuple[Path, T]]) -> Iterator[list[tuple[Path, T]]]:
    rest = iter(items)
    while few := list(islice(rest, _AT_ONCE)):
        yield few


def _read_few(few: list[tuple[Path, T]]) -> list[tuple[T, NDArray[np.uint8] | None]]:
    return [(item, read_picture(path)) for path, item in few]
