"""What a disk did to a store: found and told, before it becomes a wrong number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import zarr

from seston.errors import DamageError, StoreError
from seston.store.arrays import KEY, STORED_FILES, count_files

CURE = "Delete it and run the workflow again: it is made anew, and what follows from it."


@contextmanager
def damage_explained(path: Path | str) -> Iterator[None]:
    """Turn whatever a codec makes of damaged bytes into a `DamageError` that names the store."""
    try:
        yield
    except StoreError:
        raise
    except (ValueError, RuntimeError, KeyError, TypeError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk does not answer; codecs give no number
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise DamageError(f"is damaged ({reason})", where=path, cure=CURE) from error


def check_whole(path: Path) -> None:
    """Refuse a store of which files are gone. The content of files is not looked at.

    Raises
    ------
    DamageError
        It has not as many files as it says: Zarr would give fill values in their place.
    """
    with damage_explained(path):
        said = int(str(zarr.open_group(path, mode="r").attrs.get(STORED_FILES, -1)))
    found = count_files(path)
    if said not in (-1, found):
        raise DamageError(f"is damaged: {found} of {said} files are there", where=path, cure=CURE)


def read_key(path: Path) -> str | None:
    """Read the key of what a store was made of; None where there is no store, or it has none."""
    try:
        return (path / KEY).read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return None


def is_whole(path: Path, key: str) -> bool:
    """Say whether a store is there with all its files, and was made of what this key tells."""
    try:
        check_whole(path)
    except (StoreError, OSError):
        return False
    return read_key(path) == key
