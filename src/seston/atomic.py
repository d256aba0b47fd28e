"""A folder or file either is there, whole, or is not; and one process at a time writes it."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path

from seston.errors import SpaceError, StoreError

log = logging.getLogger(__name__)

_PAUSES_S = (0.1, 0.5, 2.0)

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_PROBE_BYTES = 1 << 20
_SECONDS_BETWEEN_TRIES = 0.1

Ours = Callable[[Path], bool]
"""Says of an entry of a folder whether we wrote it, so that it may go when the folder does."""


@contextmanager
def disk_full_explained(path: Path) -> Iterator[None]:
    """Turn a full disk or quota into a `SpaceError` that says where and what to do."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        if not _is_of_full_disk(error, path.parent):
            raise
        raise SpaceError(
            "no space is left on the disk, or the quota is used up",
            where=path,
            cure="Free space and run again: what was finished before is kept.",
        ) from error


def _is_of_full_disk(error: Exception, folder: Path) -> bool:
    """Say whether an error is that of a full disk, also where a library hides it.

    Python gives a number, compiled Zarr tells it in words; HDF5 says nothing of the cause, or a
    wrong one, so that only the disk itself can be asked.
    """
    told = re.search(r"\(os error (\d+)\)", str(error))
    number = int(told[1]) if told else getattr(error, "errno", None)
    return number in _FULL or not _has_room(folder)


def _has_room(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            return file.write(bytes(_PROBE_BYTES)) == _PROBE_BYTES
    except OSError as error:
        return error.errno not in _FULL


def named(*patterns: str) -> Ours:
    """Recognise what we wrote by its name, as in ``named("card.json", "*.csv")``."""
    return lambda entry: any(fnmatchcase(entry.name, pattern) for pattern in patterns)


NOTHING = named()
_OF_MACHINES = named(
    ".snakemake_timestamp",
    ".DS_Store",
    "Thumbs.db",
    "desktop.ini",
    ".nfs*",
    ".*.draft-*",
    ".*.lock",
)
"""What programs, also our own when they are killed, leave in folders: nobody misses it."""
ANYTHING = named("*")
"""For places of our own, in the results of a campaign: nobody chose their names."""


@contextmanager
def new_folder(path: Path, ours: Ours = NOTHING) -> Iterator[Path]:
    """Give a folder to write in, which becomes `path` only if the block ends well.

    A folder that stood at `path` is replaced whole, but only where it holds nothing but what we
    wrote: a path that was mistyped costs nobody his pictures. Another process that would write
    the same path waits until this one has ended. What a killed writer left (siblings named
    ``.<name>.draft-…``) is swept by the next one.

    Parameters
    ----------
    path : Path
    ours : callable, optional
        Says of each entry of the old folder whether it may be replaced, see `named`; without
        it only an empty folder is.

    Raises
    ------
    SpaceError
        The disk is full.
    StoreError
        Nothing can be written there, or other things are there.
    """
    check_replaceable(path, ours)
    with _only_writer(path), disk_full_explained(path), _draft_beside(path) as draft:
        yield draft
        check_replaceable(path, ours)  # a person may have put something there since
        draft.chmod(0o777 & ~_umask())
        _swap(draft, path)


def check_replaceable(path: Path, ours: Ours = NOTHING) -> None:
    """Refuse to replace a folder that holds other things: ask this before any long work.

    Raises
    ------
    StoreError
        It is a file, or a folder in which something is not `ours`.
    """
    if not path.exists():
        return
    if not path.is_dir():
        raise StoreError("is a file, not a folder", where=path, cure="Write elsewhere.")
    with _refusal_explained(path):
        entries = sorted(path.iterdir())
    others = [one.name for one in entries if not _OF_MACHINES(one) and not ours(one)]
    if others:
        raise StoreError(
            f"holds other things, such as {others[0]}",
            where=path,
            cure="It would be replaced whole: write elsewhere, or move them away first.",
        )


def check_apart(path: Path, source: Path) -> None:
    """Refuse to write a folder into what is read, over it, or over what holds it.

    Raises
    ------
    StoreError
        They are not apart.
    """
    written, read = path.resolve(), source.resolve()
    if written.is_relative_to(read) or read.is_relative_to(written):
        raise StoreError(
            f"cannot be written: {source}, which is read, must lie apart from it",
            where=path,
            cure="Write to a folder beside it.",
        )


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Give a path to write to, which becomes `path` only if the block ends well.

    Raises
    ------
    SpaceError
        The disk is full.
    StoreError
        Nothing can be written there.
    """
    if path.is_dir():
        raise StoreError("is a folder, not a file", where=path, cure="Write elsewhere.")
    with _only_writer(path), disk_full_explained(path), _draft_beside(path) as folder:
        draft = folder / path.name
        yield draft
        draft.replace(path)


@contextmanager
def _draft_beside(path: Path) -> Iterator[Path]:
    """Give an empty folder on the disk of `path`; remove it at the end if it is still there."""
    draft = _draft(path)
    try:
        yield draft
    except BaseException:
        _remove_for_good(draft)
        raise
    else:
        shutil.rmtree(draft, ignore_errors=True)


def _remove_for_good(draft: Path) -> None:
    """Remove a draft that failed, also where threads of a library still write into it.

    Zarr writes arrays side by side: the first that fails is told at once, while the others are
    being written, and one of these makes its folder anew.
    """
    for pause in _PAUSES_S:
        shutil.rmtree(draft, ignore_errors=True)
        time.sleep(pause)
        if not draft.exists():
            return


def _draft(path: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=f".{path.name}.draft-", dir=path.parent))


def _swap(draft: Path, path: Path) -> None:
    if path.exists():
        old = _draft(path)
        path.replace(old)
        draft.replace(path)
        shutil.rmtree(old, ignore_errors=True)
    else:
        draft.replace(path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


# ------------------------------------------------------------------------- one writer at a time
@contextmanager
def _only_writer(path: Path) -> Iterator[None]:
    """Hold the lock of a path, and sweep what writers that were killed left beside it.

    The system itself frees the lock of a process that dies. Without a lock, a job that outlived
    the workflow that began it would write into, or have swept, the draft of the job of the next.
    """
    lock = path.with_name(f".{path.name}.lock")
    with _refusal_explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        held = _lock(lock)
        if held is not None:
            _sweep(path)
    try:
        yield
    finally:
        if held is not None:
            lock.unlink(missing_ok=True)
            os.close(held)


@contextmanager
def _refusal_explained(path: Path) -> Iterator[None]:
    try:
        with disk_full_explained(path):
            yield
    except OSError as error:
        raise StoreError(
            f"cannot be written: {error.strerror}",
            where=path,
            cure="Look at the folder and its permissions, or write elsewhere.",
        ) from error


def _lock(lock: Path) -> int | None:
    """Wait for the lock, and give its descriptor; None on a file system without locks."""
    told = False
    while True:
        held = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            told = told or _tell_of_wait(lock)
        except OSError:
            log.debug("%s: this file system has no locks", lock)
            os.close(held)
            return None
        else:
            if _is_still_at(held, lock):
                _sign(held)
                return held
        os.close(held)
        time.sleep(_SECONDS_BETWEEN_TRIES)


def _is_still_at(held: int, lock: Path) -> bool:
    """Say whether the lock was not removed by its last holder while it was being opened."""
    try:
        return os.path.samestat(os.fstat(held), lock.stat())
    except FileNotFoundError:
        return False


def _sign(held: int) -> None:
    with suppress(OSError):  # on a full disk, nobody is told whom they wait for
        os.ftruncate(held, 0)
        os.write(held, f"process {os.getpid()} on {socket.gethostname()}".encode())


def _tell_of_wait(lock: Path) -> bool:
    holder = ""
    with suppress(OSError):
        holder = lock.read_text("utf-8", "replace")
    log.warning("%s: waiting for %s, which writes it", lock.parent, holder or "another process")
    return True


def _sweep(path: Path) -> None:
    """Remove drafts of dead writers: a living one would hold the lock."""
    for left_over in path.parent.iterdir():
        if left_over.name.startswith(f".{path.name}.draft-"):
            shutil.rmtree(left_over, ignore_errors=True)
