"""How much may come out of a file that nobody vouches for, and what is said of a damaged one."""

from __future__ import annotations

import errno
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from seston.errors import AccessError, InputError, SestonError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

#: Files of one archive: their list takes 0.5 kB each, so 1 GB.
MOST_MEMBERS = 2_000_000
#: A text that is read whole, bytes. A table of a sample's objects has some 100 MB.
MOST_TEXT = 1 << 30
#: The file of a picture of one object, bytes: 64 Mpx that are not compressed.
MOST_PICTURE = 1 << 26
#: An archive in an archive, which is held in memory, bytes. One of a cast has some 100 MB.
MOST_INNER = 1 << 29
#: A file that is read piece by piece, bytes: no memory is at stake, but hours are.
MOST_STREAM = 1 << 36
#: A line of it, characters. One of a UVP6 has a thousand areas of particles, 20 kB.
MOST_LINE = 1 << 22

#: Whatever packs to nothing may be so large, bytes.
_ALWAYS = 1 << 20
#: Zip packs one byte repeated 1,030 times; nothing that an instrument wrote is as empty as that.
_MOST_RATIO = 1000
#: Above this the ratio of text counts: it packs to a tenth, seldom to a fiftieth, bytes.
_SMALL, _MOST_RATIO_OF_LARGE = 1 << 26, 200

#: What libraries raise on archives that are cut, damaged, or of an unknown kind.
_DAMAGE = (OSError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError,
           RuntimeError, KeyError, IndexError, ValueError, OverflowError,
           MemoryError)  # fmt: skip
#: Errors of the system that come of what files hold: seeking to nowhere, a folder for a file.
_OF_CONTENT = frozenset({errno.EINVAL, errno.EISDIR, errno.ENOTDIR, errno.ELOOP,
                         errno.ENAMETOOLONG})  # fmt: skip
_MEND = "Copy it again; if it is damaged where it came from, have it made again."
_TOO_LARGE = "No file of an instrument is as large, or packs as well: is it the right one?"


def most_unpacked(packed: int) -> int:
    """Bytes that so many packed bytes may become."""
    return max(_ALWAYS, min(_MOST_RATIO * packed, _SMALL), _MOST_RATIO_OF_LARGE * packed)


@contextmanager
def damage(where: str | Path, name: str = "the file") -> Iterator[None]:
    """Turn whatever a library makes of a damaged file into one error that names it.

    Parameters
    ----------
    where : str or Path
        The file or archive.
    name : str
        The file in the archive.

    Raises
    ------
    InputError
        It is damaged.
    AccessError
        Its disk does not answer, or it may not be read: nothing is known of what it holds.
    """
    try:
        yield
    except SestonError:
        raise
    except NotImplementedError as error:
        cure = "Pack it again as an ordinary zip (deflate)."
        what = f"{name} is packed in a way that is not known: {error}"
        raise InputError(what, where=where, cure=cure) from None
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno and error.errno not in _OF_CONTENT:
            cure = "Mend the disk or the permission and run again."
            what = f"{name} cannot be read: {error.strerror}"
            raise AccessError(what, where=where, cure=cure) from None
        what = f"{name} is damaged: {error or type(error).__name__}"
        raise InputError(what, where=where, cure=_MEND) from None


def check_claim(claimed: int, most: int, where: str, name: str) -> None:
    """Refuse a file that claims more than `most` bytes.

    Raises
    ------
    InputError
        It does.
    """
    if claimed > most:
        what = f"{name} claims to unpack to {claimed:,} bytes, more than {most:,}"
        raise InputError(what, where=where, cure=_TOO_LARGE)


class Limited(io.RawIOBase):
    """A stream that refuses to give more bytes than it may, and whose damage is an error of ours.

    Parameters
    ----------
    stream : binary stream
        Closed with this one.
    most : int
        Bytes.
    where, name : str
        The archive and the file, for a message.
    """

    _PIECE = 1 << 20

    def __init__(self, stream: BinaryIO, most: int, where: str, name: str = "the file") -> None:
        self._stream, self._most, self._left = stream, most, most
        self._where, self._name = where, name

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Read up to `size` bytes, or all.

        Raises
        ------
        InputError
            The stream is damaged, or gives more than it may.
        """
        if size < 0:  # by pieces: nobody knows how much it is
            return b"".join(iter(lambda: self.read(self._PIECE), b""))
        with damage(self._where, self._name):
            data = self._stream.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            what = f"{self._name} has more than {self._most:,} bytes"
            raise InputError(what, where=self._where, cure=_TOO_LARGE)
        return data

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read as many bytes as there is room for; see `read`."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the stream."""
        if not self.closed:
            self._stream.close()
        super().close()
