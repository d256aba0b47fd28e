"""Still pictures: their size from the header alone, and their grey levels."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

from seston.errors import InputError
from seston.frame import UInt8Array

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp"})
TIFF = frozenset({".tif", ".tiff"})
#: Larger pictures are refused before any memory is taken: 512 Mpx, a scan of 2400 dpi has 330.
MAX_PIXELS = 1 << 29
_DEEP = ("I", "F")  # Pillow's modes of 16 and 32 bits: I;16, I;16B, I, F
_LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
#: What libraries raise on files that are cut or damaged.
_DAMAGE = (OSError, SyntaxError, ValueError, KeyError, IndexError, TypeError, struct.error,
           EOFError, OverflowError, MemoryError, ZeroDivisionError, RuntimeError,
           AssertionError, AttributeError, Image.DecompressionBombError)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """Size of a picture, pixels."""

    height: int
    width: int


def check_size(path: Path, height: int, width: int) -> None:
    """Refuse a picture without pixels, or larger than `MAX_PIXELS`.

    Raises
    ------
    InputError
        The claimed size is one of these.
    """
    if height < 1 or width < 1:
        raise InputError(f"claims a size of {height} x {width} pixels", where=path)
    if height * width > MAX_PIXELS:
        raise InputError(
            f"claims a size of {height} x {width} pixels, more than {MAX_PIXELS}", where=path
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
                return _luminance(tiff.pages[0].asarray())
        with _pillow(path) as picture:
            return np.array(picture.convert("L"), np.uint8)


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Turn whatever a library makes of a damaged file into one error that names it."""
    try:
        if not path.stat().st_size:
            raise InputError("the file is empty", where=path)
        yield
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError("not a picture that can be read", where=path) from None
    except _DAMAGE as error:
        raise InputError(f"the picture is damaged: {error}", where=path) from None


@contextmanager
def _pillow(path: Path) -> Iterator[Image.Image]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.simplefilter("ignore", UserWarning)
        with _opened(path) as picture:
            check_size(path, picture.height, picture.width)
            _check_depth(path, deep=picture.mode.startswith(_DEEP))
            yield picture


def _opened(source: Path | io.BytesIO) -> Image.Image:
    """Open a picture whatever size it claims: `check_size` is the judge, and nothing is decoded."""
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        return Image.open(source)
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _tiff_header(tiff: tifffile.TiffFile, path: Path) -> PictureHeader:
    page: Any = tiff.pages[0]
    check_size(path, page.imagelength, page.imagewidth)
    _check_depth(path, deep=page.dtype not in (np.dtype(np.uint8), np.dtype(bool)))
    if page.samplesperpixel > 4 or page.imagedepth > 1:
        raise InputError("not a picture of one plane, grey or colour", where=path)
    return PictureHeader(int(page.imagelength), int(page.imagewidth))


def _check_depth(path: Path, *, deep: bool) -> None:
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


def decode_picture(data: bytes, where: str, most_pixels: int = MAX_PIXELS) -> UInt8Array:
    """Decode a picture that lies in an archive: PNG, JPEG, GIF or BMP; see `read_picture`.

    Parameters
    ----------
    data : bytes
    where : str
        Its name in a message.
    most_pixels : int
        Larger ones are refused.

    Raises
    ------
    InputError
        The bytes are no picture, cut or damaged, or see `read_header`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with _opened(io.BytesIO(data)) as picture:
                check_size(Path(where), picture.height, picture.width)
                if picture.height * picture.width > most_pixels:
                    raise InputError(f"more than {most_pixels} pixels", where=where)
                _check_depth(Path(where), deep=picture.mode.startswith(_DEEP))
                return np.array(picture.convert("L"), np.uint8)
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError("not a picture that can be read", where=where) from None
    except _DAMAGE as error:
        raise InputError(f"the picture is damaged: {error}", where=where) from None
