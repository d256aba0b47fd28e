"""Zip archives read in memory: nothing is unpacked to disk, and nothing may grow without bound."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from seston.errors import InputError
from seston.frame import UInt8Array

#: Largest text, and largest picture file, that is read from an archive.
MAX_TEXT, MAX_PICTURE = 1 << 30, 1 << 26
_MAX_RATIO, _MAX_MEMBERS = 1000, 2_000_000
_MAX_LINE, _MAX_STREAM = 1 << 22, 1 << 36
_DAMAGE = (OSError, zipfile.BadZipFile, zlib.error, ValueError, EOFError, RuntimeError,
           NotImplementedError, KeyError, IndexError, OverflowError)  # fmt: skip


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive to read its members.

    Raises
    ------
    InputError
        It is damaged, or has too many members.
    """
    try:
        archive = zipfile.ZipFile(path)
    except _DAMAGE as error:
        raise InputError(f"not a zip archive that can be read: {error}", where=path) from None
    with archive:
        if len(archive.infolist()) > _MAX_MEMBERS:
            raise InputError("holds more than two million files", where=path)
        yield archive


def member(archive: zipfile.ZipFile, name: str, path: Path, limit: int) -> bytes:
    """Read one member, not more than `limit` bytes.

    Raises
    ------
    InputError
        There is none of this name, it is damaged, or larger.
    """
    try:
        info = archive.getinfo(name)
        bomb = info.file_size > _MAX_RATIO * max(info.compress_size, 1) > 1 << 20
        if info.file_size > limit or bomb:
            raise InputError(f"{name} claims {info.file_size} bytes", where=path)
        with archive.open(info) as file:
            data = file.read(limit + 1)
    except InputError:
        raise
    except KeyError:
        raise InputError(f"holds no {name}", where=path) from None
    except _DAMAGE as error:
        raise InputError(f"{name} is damaged: {error}", where=path) from None
    if len(data) > limit:
        raise InputError(f"{name} has more than {limit} bytes", where=path)
    return data


def text(archive: zipfile.ZipFile, name: str, path: Path) -> str:
    """Read a member as text, UTF-8 or latin-1."""
    data = member(archive, name, path, MAX_TEXT)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def picture(archive: zipfile.ZipFile, name: str, path: Path, max_pixels: int) -> UInt8Array:
    """Decode a picture of an archive: grey levels (y, x).

    Raises
    ------
    InputError
        It is damaged, or claims more than `max_pixels`.
    """
    data = member(archive, name, path, MAX_PICTURE)
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > max_pixels or min(image.size) < 1:
                raise InputError(f"{name} claims {image.height} x {image.width} pixels", where=path)
            if image.mode.startswith(("I", "F")):
                raise InputError(f"{name} has more than 8 bits a pixel", where=path)
            return np.array(image.convert("L"), np.uint8)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{name} is damaged: {error}", where=path) from None


@contextmanager
def streamed(archive: zipfile.ZipFile, name: str, path: Path) -> Iterator[Iterator[str]]:
    """Open a member as lines of latin-1 text, one by one.

    Raises
    ------
    InputError
        It is damaged, or a line has no end.
    """
    try:
        with archive.open(name) as file:
            yield _bounded(file, name, path)
    except InputError:
        raise
    except _DAMAGE as error:
        raise InputError(f"{name} is damaged: {error}", where=path) from None


def _bounded(file: IO[bytes], name: str, path: Path) -> Iterator[str]:
    total = 0
    while True:
        line = file.readline(_MAX_LINE)
        total += len(line)
        if not line:
            return
        if len(line) >= _MAX_LINE or total > _MAX_STREAM:
            raise InputError(f"{name} does not end, or a line of it does not", where=path)
        yield line.decode("latin-1")
