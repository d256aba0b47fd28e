"""Folders and zip archives looked at alike, and without trust in what they claim.

Nothing is ever extracted to disk. A name that leads out of its folder names nothing, a member that
unpacks to more than it claims or than is reasonable is refused before memory is taken.
"""

from __future__ import annotations

import io
import lzma
import posixpath
import struct
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from seston.errors import InputError

#: What libraries raise on archives that are cut, damaged, encrypted or of an unknown kind.
DAMAGE = (OSError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError,
          RuntimeError, NotImplementedError, KeyError, ValueError, OverflowError,
          MemoryError)  # fmt: skip
#: Text packs to a tenth, seldom to a fiftieth: what unpacks to more than this is a bomb.
_MOST_RATIO = 200
#: Below this nothing is a bomb, bytes.
_SMALL = 1 << 26
#: An archive in an archive is read into memory, if it is not larger than this, bytes.
_MOST_INNER = 1 << 29


@contextmanager
def damage(where: str | Path) -> Iterator[None]:
    """Turn whatever a library makes of a damaged archive into one error that names it."""
    try:
        yield
    except InputError:
        raise
    except DAMAGE as error:
        what = str(error) or type(error).__name__
        raise InputError(f"the file is damaged: {what}", where=where) from None


def most_unpacked(packed: int) -> int:
    """Bytes that so many packed bytes may become."""
    return max(_SMALL, _MOST_RATIO * packed)


class Limited(io.RawIOBase):
    """A stream that refuses to give more bytes than it may.

    Parameters
    ----------
    stream : binary stream
    most : int
        Bytes.
    where : str
        Its name in a message.
    """

    def __init__(self, stream: BinaryIO, most: int, where: str) -> None:
        self._stream, self._left, self._where = stream, most, where

    def read(self, size: int = -1, /) -> bytes:
        """Read up to `size` bytes.

        Raises
        ------
        InputError
            The stream is damaged, or gives more than it may.
        """
        wanted = self._left + 1 if size < 0 else min(size, self._left + 1)
        with damage(self._where):
            data = self._stream.read(wanted)
        self._left -= len(data)
        if self._left < 0:
            raise InputError("unpacks to more bytes than is reasonable", where=self._where)
        return data


def joined(folder: str, name: str) -> str | None:
    """Join a name that a file tells to its folder; None where it would lead out of the top."""
    path = name.replace("\\", "/")
    if path.startswith("/") or ":" in path.split("/")[0] or "\0" in path:
        return None
    whole = posixpath.normpath(posixpath.join(folder, path))
    return None if whole == "." or whole.startswith("..") else whole


class Shelf(ABC):
    """Files by their names, which are relative and have slashes.

    Attributes
    ----------
    where : str
        Its name in a message.
    """

    where: str

    @abstractmethod
    def names(self) -> list[str]:
        """Name all files."""

    @abstractmethod
    def holds(self, name: str) -> bool:
        """Say whether there is a file of this name."""

    @abstractmethod
    def open(self, name: str) -> BinaryIO:
        """Open a file to read it once; more bytes than are reasonable are an error.

        Raises
        ------
        InputError
            There is none, or it is damaged.
        """

    def read(self, name: str, most: int) -> bytes:
        """Read a file of no more than `most` bytes.

        Raises
        ------
        InputError
            There is none, it is larger, or it is damaged.
        """
        with self.open(name) as stream:
            return Limited(stream, most, f"{self.where}/{name}").read()

    def inner(self, name: str) -> Shelf:
        """Open an archive that lies in this one.

        Raises
        ------
        InputError
            It cannot be read.
        """
        where = f"{self.where}/{name}"
        return Zipped(io.BytesIO(self.read(name, _MOST_INNER)), where)


class Folder(Shelf):
    """Files of a folder and its subfolders."""

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._path = path
        self._listed: dict[str, frozenset[str]] = {}

    def names(self) -> list[str]:
        """Name all files."""
        with damage(self.where):
            files = [p.relative_to(self._path) for p in self._path.rglob("*") if p.is_file()]
        return sorted(p.as_posix() for p in files)

    def holds(self, name: str) -> bool:
        """Say whether there is a file of this name."""
        folder, _, last = name.rpartition("/")
        if folder not in self._listed:
            self._listed[folder] = self._list(folder)
        return last in self._listed[folder]

    def _list(self, folder: str) -> frozenset[str]:
        inside = self._inside(folder)
        try:
            return frozenset(p.name for p in inside.iterdir()) if inside else frozenset()
        except OSError:
            return frozenset()

    def _inside(self, name: str) -> Path | None:
        """Give the path of a name; None where links lead out of the folder."""
        try:
            path = (self._path / name).resolve()
            return path if path.is_relative_to(self._path.resolve()) else None
        except (OSError, ValueError, RuntimeError):
            return None

    def open(self, name: str) -> BinaryIO:
        """Open a file to read it once."""
        path = self._inside(name)
        if path is None:
            raise InputError("leads out of its folder", where=f"{self.where}/{name}")
        with damage(path):
            return path.open("rb")


class Zipped(Shelf):
    """Files of a zip archive."""

    def __init__(self, source: Path | BinaryIO, where: str) -> None:
        self.where = where
        with damage(where):
            self._zip = zipfile.ZipFile(source)
            self._members = {i.filename: i for i in self._zip.infolist() if not i.is_dir()}

    def names(self) -> list[str]:
        """Name all files whose names do not lead out of the archive."""
        return sorted(name for name in self._members if joined("", name) == name)

    def holds(self, name: str) -> bool:
        """Say whether there is a file of this name."""
        return name in self._members

    def open(self, name: str) -> BinaryIO:
        """Open a file to read it once; see `Shelf.open`."""
        where = f"{self.where}/{name}"
        if name not in self._members:
            raise InputError("is not in the archive", where=where)
        member = self._members[name]
        most = most_unpacked(member.compress_size)
        if member.file_size > most:
            raise InputError(f"claims to unpack to {member.file_size:,} bytes", where=where)
        with damage(where):
            stream: BinaryIO = self._zip.open(member)  # type: ignore[assignment]
        return Limited(stream, most, where)  # type: ignore[return-value]


def open_shelf(path: Path) -> Shelf:
    """Open a folder, or a zip archive; one that was opened before and has not changed is kept.

    Raises
    ------
    InputError
        It is neither, or damaged.
    """
    with damage(path):
        if path.is_dir():
            return Folder(path)
        stat = path.stat()
    return _zip(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=8)
def _zip(path: Path, _changed: int, _size: int) -> Shelf:
    return Zipped(path, str(path))


def suffix(name: str) -> str:
    """Give the suffix of a name in small letters, without ``.gz``."""
    path = PurePosixPath(name.lower())
    return (PurePosixPath(path.stem) if path.suffix == ".gz" else path).suffix
