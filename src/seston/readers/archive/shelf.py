"""Folders, zip archives, and zip archives in these: one door to files by their names."""

from __future__ import annotations

import gzip
import io
import posixpath
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from seston.errors import InputError
from seston.frame import UInt8Array
from seston.readers import pictures
from seston.readers.archive import limits
from seston.readers.archive.limits import Limited, check_claim, damage, most_unpacked

#: Bits of a member's flags: encrypted, and by the strong kind.
_ENCRYPTED = 0x01 | 0x40
#: Bytes that are unpacked at once where lines are read.
_BUFFER = 1 << 17


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
        """Name all files, sorted."""

    @abstractmethod
    def holds(self, name: str) -> bool:
        """Say whether there is a file of this name."""

    @abstractmethod
    def open(self, name: str, most: int = limits.MOST_STREAM) -> BinaryIO:
        """Open a file to read it once; more than `most` bytes, or than is reasonable, are an error.

        Raises
        ------
        InputError
            There is none, it claims to be larger, or it is damaged; so can reading raise.
        AccessError
            The disk does not answer.
        """

    def read(self, name: str, most: int) -> bytes:
        """Read a file of no more than `most` bytes; raises what `open` does."""
        with self.open(name, most) as stream:
            return stream.read()

    def text(self, name: str) -> str:
        """Read a file as text, UTF-8 or latin-1; raises what `open` does."""
        data = self.read(name, limits.MOST_TEXT)
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            return data.decode("latin-1")

    def lines(self, name: str) -> Iterator[str]:
        """Read a file line by line, however long it is; see `text_lines`."""
        return text_lines(self.open(name), self.where, name)

    def picture(self, name: str, most_pixels: int) -> UInt8Array:
        """Decode a picture: grey levels (y, x).

        Raises
        ------
        InputError
            It has more than `most_pixels`, or see `open` and `pictures.decode_picture`.
        """
        data = self.read(name, limits.MOST_PICTURE)
        return pictures.decode_picture(data, f"{self.where}/{name}", most_pixels)

    def find(self, last: str) -> str | None:
        """Give the first file whose name without its folders is this, in any case of letters."""
        wanted = last.lower()
        same = (n for n in self.names() if PurePosixPath(n).name.lower() == wanted)
        return next(same, None)

    def need(self, last: str) -> str:
        """Give the file that `find` finds.

        Raises
        ------
        InputError
            There is none.
        """
        found = self.find(last)
        if found is None:
            raise InputError(f"holds no {last}", where=self.where)
        return found

    def inner(self, name: str) -> Shelf:
        """Open an archive that lies in this one.

        Raises
        ------
        InputError
            It cannot be read.
        """
        return Inner(self, name)


class Folder(Shelf):
    """Files of a folder and its subfolders; links that lead out of it are not followed."""

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._path = path
        with damage(path):
            self._real = path.resolve()
        self._listed: dict[str, frozenset[str]] = {}

    def names(self) -> list[str]:
        """Name all files, sorted."""
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
            return path if path.is_relative_to(self._real) else None
        except (OSError, ValueError, RuntimeError):
            return None

    def open(self, name: str, most: int = limits.MOST_STREAM) -> BinaryIO:
        """Open a file to read it once; see `Shelf.open`."""
        path = self._inside(name)
        if path is None:
            raise InputError(f"{name} leads out of its folder", where=self.where)
        with damage(self.where, name):
            return _limited(path.open("rb"), most, self.where, name)


class Zipped(Shelf):
    """Files of a zip archive; those whose names lead out of it are as if they were not there."""

    def __init__(self, source: Path | BinaryIO, where: str) -> None:
        self.where = where
        with damage(where, "the archive"):
            self._zip = zipfile.ZipFile(source)
        listed = self._zip.infolist()
        if len(listed) > limits.MOST_MEMBERS:
            raise InputError(f"holds more than {limits.MOST_MEMBERS:,} files", where=where)
        inside = ((joined("", one.filename), one) for one in listed if not one.is_dir())
        self._members = {name: one for name, one in inside if name is not None}

    def names(self) -> list[str]:
        """Name all files, sorted."""
        return sorted(self._members)

    def holds(self, name: str) -> bool:
        """Say whether there is a file of this name."""
        return name in self._members

    def open(self, name: str, most: int = limits.MOST_STREAM) -> BinaryIO:
        """Open a file to read it once; see `Shelf.open`."""
        member = self._members.get(name)
        if member is None:
            raise InputError(f"holds no {name}", where=self.where)
        if member.flag_bits & _ENCRYPTED:
            cure = "Pack it again without a password."
            raise InputError(f"{name} is encrypted", where=self.where, cure=cure)
        most = min(most, most_unpacked(member.compress_size))
        check_claim(member.file_size, most, self.where, name)
        with damage(self.where, name):
            stream = cast("BinaryIO", self._zip.open(member))
        return _limited(stream, most, self.where, name)


class Inner(Shelf):
    """Files of a zip archive in another one. Only the last ones used are held in memory."""

    def __init__(self, outer: Shelf, name: str) -> None:
        self.where = f"{outer.where}/{name}"
        self._outer, self._name = outer, name
        self._zipped()  # says at once what is wrong with it

    def _zipped(self) -> Zipped:
        return _held(self._outer, self._name)

    def names(self) -> list[str]:
        """Name all files, sorted."""
        return self._zipped().names()

    def holds(self, name: str) -> bool:
        """Say whether there is a file of this name."""
        return self._zipped().holds(name)

    def open(self, name: str, most: int = limits.MOST_STREAM) -> BinaryIO:
        """Open a file to read it once; see `Shelf.open`."""
        return self._zipped().open(name, most)


@lru_cache(maxsize=2)
def _held(outer: Shelf, name: str) -> Zipped:
    """Unpack an archive in another one to memory: a zip is read from its end."""
    content = outer.read(name, limits.MOST_INNER)
    return Zipped(io.BytesIO(content), f"{outer.where}/{name}")


def open_shelf(path: Path) -> Shelf:
    """Open a folder, or a zip archive; one that was opened before and has not changed is kept.

    Raises
    ------
    InputError
        It is neither, or damaged.
    AccessError
        It is not there, or its disk does not answer.
    """
    with damage(path):
        if path.is_dir():
            return Folder(path)
        stat = path.stat()
    return _zip(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=8)
def _zip(path: Path, _changed: int, _size: int) -> Zipped:
    return Zipped(path, str(path))


def open_file(path: Path) -> BinaryIO:
    """Open a file that may be gzipped, to read it once, with the limits of archives.

    Raises
    ------
    InputError
        It is damaged, or more than is reasonable is in it; so can reading raise.
    AccessError
        It is not there, or its disk does not answer.
    """
    with damage(path):
        if path.suffix.lower() != ".gz":
            return _limited(path.open("rb"), limits.MOST_STREAM, str(path))
        most = most_unpacked(path.stat().st_size)
        return _limited(cast("BinaryIO", gzip.GzipFile(path)), most, str(path))


def _limited(stream: BinaryIO, most: int, where: str, name: str = "the file") -> BinaryIO:
    return cast("BinaryIO", Limited(stream, most, where, name))


def text_lines(stream: BinaryIO, where: str, name: str = "the file") -> Iterator[str]:
    """Give the lines of latin-1 text of a file of `Shelf.open` or `open_file`, and close it.

    Raises
    ------
    InputError
        It is damaged, or a line has no end.
    """
    buffered = io.BufferedReader(cast("io.RawIOBase", stream), _BUFFER)
    with io.TextIOWrapper(buffered, encoding="latin-1") as text:
        while line := text.readline(limits.MOST_LINE):
            if len(line) >= limits.MOST_LINE:
                raise InputError(f"{name} has a line that does not end", where=where)
            yield line
