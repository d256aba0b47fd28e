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
from typing import Any, Final, TypeVar

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
        Grey levels; of colours the luminance. What is transparent is white: there is nothing, and
        a page or a screen shows it so. None where it is no picture, is damaged, claims more than
        67 million pixels, or has more than 8 bits: no file tells how many of its 16 a camera used
        (12 or 14 are common), and a wrong scale would make another picture of it.
    """
    grey = _decoded(path)
    return None if grey is None or grey.dtype != np.uint8 else np.asarray(grey, np.uint8)


def is_deep(path: Path) -> bool:
    """Say whether a file is a picture that has more than 8 bits, and is not read for that."""
    grey = _decoded(path)
    return grey is not None and grey.dtype != np.uint8


def _decoded(path: Path) -> NDArray[Any] | None:
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        content = path.read_bytes()
        seen = _small(content)
        if seen is None:
            return None
        way = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH
        grey = cv2.imdecode(np.frombuffer(content, np.uint8), way)
        if grey is None or grey.size == 0:
            return None
        return _on_white(content) if seen and grey.dtype == np.uint8 else grey
    except _DAMAGE:
        return None


def _small(content: bytes) -> bool | None:
    """Look at the header, before memory is taken for what it claims.

    Returns
    -------
    bool or None
        Whether parts may be transparent; None where it is too large, or no picture.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
            small = 0 < picture.width * picture.height <= MOST_PIXELS
            return picture.has_transparency_data if small else None
    except (UnidentifiedImageError, Image.DecompressionBombError):
        return None


def _on_white(content: bytes) -> NDArray[Any]:
    """Decode by Pillow: OpenCV darkens colours by their alpha in some formats, in others not."""
    from PIL import Image

    with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
        whole = np.asarray(picture.convert("RGBA"))
    grey, alpha = cv2.cvtColor(whole[..., :3], cv2.COLOR_RGB2GRAY), whole[..., 3] / 255
    return np.rint(grey * alpha + 255 * (1 - alpha)).astype(np.uint8)


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
