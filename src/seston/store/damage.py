"""What a disk did to a store: found and told, before it becomes a wrong number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zarr

from seston.errors import StoreError

CURE = "Delete it and run the workflow again: it is made anew, and what follows from it."


@contextmanager
def damage_explained(path: Path) -> Iterator[None]:
    """Turn whatever a codec makes of damaged bytes into a `StoreError` that names the store."""
    try:
        yield
    except StoreError:
        raise
    except (ValueError, RuntimeError, KeyError, TypeError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk does not answer; codecs give no number
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise StoreError(f"is damaged ({reason})", where=path, cure=CURE) from error


def check_whole(path: Path) -> None:
    """Refuse a store of which files are gone. The content of files is not looked at.

    Raises
    ------
    StoreError
        An array has not all its files: Zarr would give fill values in their place.
    """
    with damage_explained(path):
        for name, array in zarr.open_group(path, mode="r").members(max_depth=None):
            if isinstance(array, zarr.Array):
                _check_files(path, name, array)


def _check_files(path: Path, name: str, array: zarr.Array[Any]) -> None:
    sizes = array.shards or array.chunks
    expected = math.prod(-(-n // size) for n, size in zip(array.shape, sizes, strict=True))
    place = path / name / "c"  # a file where the array is a scalar
    found = sum(p.is_file() for p in place.rglob("*")) if array.ndim else int(place.is_file())
    if found != expected:
        raise StoreError(
            f"is damaged: of {name!r}, {found} of {expected} files are there", where=path, cure=CURE
        )
