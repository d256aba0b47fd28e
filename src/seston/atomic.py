"""A folder or file either is there, whole, or is not."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seston.errors import SpaceError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def disk_full_explained(path: Path) -> Iterator[None]:
    """Turn a full disk or quota into a `SpaceError` that says where and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise SpaceError(
            "no space is left on the disk, or the quota is used up",
            where=path,
            cure="Free space and run again: what was finished before is kept.",
        ) from error


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give a folder to write in, which becomes `path` only if the block ends well.

    A folder that stood at `path` is replaced whole. Left-overs of a killed writer are
    siblings named ``.<name>.<random>`` and are swept by the next one.

    Raises
    ------
    SpaceError
        The disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    with disk_full_explained(path):
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            yield draft
            draft.chmod(0o777 & ~_umask())
            _swap(draft, path)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Give a path to write to, which becomes `path` only if the block ends well.

    Raises
    ------
    SpaceError
        The disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        disk_full_explained(path),
        tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder,
    ):
        draft = Path(folder) / path.name
        yield draft
        draft.replace(path)


def _swap(draft: Path, path: Path) -> None:
    if path.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        path.replace(old)
        draft.replace(path)
        shutil.rmtree(old, ignore_errors=True)
    else:
        draft.replace(path)


def _sweep(path: Path) -> None:
    for left_over in path.parent.glob(f".{path.name}.*"):
        shutil.rmtree(left_over, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
