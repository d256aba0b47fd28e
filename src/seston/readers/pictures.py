"""Still pictures: their size from the header alone, and their grey levels."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

from seston.errors import AccessError, InputError
from seston.frame import UInt8Array

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp"})
TIFF = frozenset({".tif", ".tiff"})
#: Compressions that tifffile undoes by itself: none, deflate (two numbers) and PackBits. Pillow
#: undoes the others, as LZW.
_OWN = frozenset({1, 8, 32946, 32773})
#: Larger pictures are refused before any memory is taken: 512 Mpx, a scan of 2400 dpi has 330.
MAX_PIXELS = 1 << 29
_FORMATS = (
    "JPEG",
    "PNG",
    "TIFF",
    "BMP",
    "GIF",
)  # others of Pillow's are not pictures of instruments
_DEEP = ("I", "F")  # Pillow's modes of 16 and 32 bits: I;16, I;16B, I, F
_LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
#: What libraries raise on files that are cut or damaged.
_DAMAGE = (OSError, SyntaxError, ValueError, KeyError, IndexError, TypeError, struct.error,
           EOFError, OverflowError, MemoryError, ZeroDivisionError, RuntimeError,
           AssertionError, AttributeError, zlib.error, Image.DecompressionBombError)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """Size of a picture, pixels."""

    height: int
    width: int


def check_there(path: Path) -> None:
    """Refuse a file that cannot be reached, or that is empty.

    Raises
    ------
    AccessError
        It is not there, may not be read, or its disk does not answer.
    InputError
        It is empty.
    """
    try:
        with path.open("rb", buffering=0) as file:
            empty = not file.read(1)
    except OSError as error:
        raise AccessError(
            f"cannot be read: {error.strerror}",
            where=path,
            cure="Mend the disk or the permission and run again. If the file is gone for good, "
            "list the frames anew: seston ingest.",
        ) from None
    if empty:
        raise InputError("the file is empty", where=path)


def check_size(path: Path | str, height: int, width: int, most: int = MAX_PIXELS) -> None:
    """Refuse a picture without pixels, or with more than `most`.

    Raises
    ------
    InputError
        The claimed size is one of these.
    """
    if height < 1 or width < 1:
        raise InputError(f"claims a size of {height} x {width} pixels", where=path)
    if height * width > most:
        raise InputError(
            f"claims a size of {height} x {width} pixels, more than {most}", where=path
        )


def read_header(path: Path) -> PictureHeader:
    """Read the size of a picture without decoding it.

    Raises
    ------
    InputError
        The file is empty, is not a picture, is too large, or has more than 8 bits a pixel.
    """
    with _damage(path):
        if path.suffix.lower() in TIFF:
            with tifffile.TiffFile(path) as tiff:
                return _tiff_header(tiff, path)
        with _pillow(path) as picture:
            return PictureHeader(picture.height, picture.width)


def read_resolution(path: Path) -> float | None:
    """Read how many dots an inch a picture's header tells, across.

    Returns
    -------
    float or None
        None where it tells none, or one that no scanner has (below 50 or above 20,000).

    Raises
    ------
    InputError
        See `read_header`.
    """
    with _damage(path):
        if path.suffix.lower() in TIFF:
            with tifffile.TiffFile(path) as tiff:
                _tiff_header(tiff, path)
                page: Any = tiff.pages[0]
                told = page.get_resolution("INCH")[0] if "XResolution" in page.tags else 0.0
        else:
            with _pillow(path) as picture:
                told = picture.info.get("dpi", (0.0,))[0]
        dots = float(told)
        return dots if 50 <= dots <= 20_000 else None


def read_picture(path: Path) -> UInt8Array:
    """Decode a picture.

    Returns
    -------
    array (y, x), uint8
        Grey levels as they are in the file; of colours the luminance (ITU-R BT.601).

    Raises
    ------
    InputError
        The file is cut or damaged, or see `read_header`.
    """
    with _damage(path):
        if path.suffix.lower() in TIFF:
            with tifffile.TiffFile(path) as tiff:
                _tiff_header(tiff, path)
                page: Any = tiff.pages[0]
                if page.compression in _OWN:
                    return _luminance(page.asarray())
        with _pillow(path) as picture:
            return np.array(picture.convert("L"), np.uint8)


def decode_picture(content: bytes, where: Path | str, most: int = MAX_PIXELS) -> UInt8Array:
    """Decode a picture that lies within another file.

    Parameters
    ----------
    content : bytes
        A whole JPEG, PNG, GIF, BMP or TIFF.
    where : Path or str
        The file that it lies in, and its name in it, for a message.
    most : int
        Larger pictures are refused, pixels.

    Returns
    -------
    array (y, x), uint8
        See `read_picture`.

    Raises
    ------
    InputError
        See `read_picture`.
    """
    with _damage(where, within=True), _pillow(where, BytesIO(content)) as picture:
        check_size(where, picture.height, picture.width, most)
        return np.array(picture.convert("L"), np.uint8)


@contextmanager
def _damage(path: Path | str, *, within: bool = False) -> Iterator[None]:
    """Turn whatever a library makes of a damaged file into one error that names it.

    A picture that lies within another file has no place of its own to be looked for.
    """
    try:
        if not within:
            check_there(Path(path))
        yield
    except (AccessError, InputError):
        raise
    except UnidentifiedImageError:
        raise InputError("not a picture that can be read", where=path) from None
    except _DAMAGE as error:
        raise InputError(f"the picture is damaged: {error}", where=path) from None


@contextmanager
def _pillow(path: Path | str, content: BytesIO | None = None) -> Iterator[Image.Image]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.simplefilter("ignore", UserWarning)
        with _opened(content or path) as picture:
            check_size(path, picture.height, picture.width)
            _check_depth(path, deep=picture.mode.startswith(_DEEP))
            yield picture


def _opened(source: Path | str | BytesIO) -> Image.Image:
    """Open a picture whatever size it claims: `check_size` is the judge, and nothing is decoded."""
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        return Image.open(source, formats=_FORMATS)
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _tiff_header(tiff: tifffile.TiffFile, path: Path) -> PictureHeader:
    page: Any = tiff.pages[0]
    check_size(path, page.imagelength, page.imagewidth)
    _check_depth(path, deep=page.dtype not in (np.dtype(np.uint8), np.dtype(bool)))
    if page.samplesperpixel > 4 or page.imagedepth > 1:
        raise InputError("not a picture of one plane, grey or colour", where=path)
    ends = [o + n for o, n in zip(page.dataoffsets, page.databytecounts, strict=False)]
    if max(ends, default=0) > path.stat().st_size:
        raise InputError("the file ends before its pixels do", where=path)
    return PictureHeader(int(page.imagelength), int(page.imagewidth))


def _check_depth(path: Path | str, *, deep: bool) -> None:
    if deep:
        raise InputError(
            "more than 8 bits a pixel",
            where=path,
            cure="Convert to 8 bits with one scale for the whole deployment, so that grey levels "
            "stay comparable.",
        )


def _luminance(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> UInt8Array:
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[-1] < 3:  # grey with alpha
        return np.ascontiguousarray(pixels[..., 0])
    return np.asarray(np.rint(pixels[..., :3] @ _LUMINANCE), np.uint8)
