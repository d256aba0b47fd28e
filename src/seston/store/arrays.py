"""How arrays lie on disk: dtype, chunks, shards, compression. One place for all stores.

Chunks are what a reader fetches, shards are what a writer writes (one file each). Two
processes must never write into one shard: that loses bytes without an error. `write_region`
therefore refuses a region that is not made of whole shards.

Zarr reads a file that is gone as fill values, and has no checksum of its own. So every store says
how many files it has, and every chunk carries a checksum: what was lost or changed on the disk is
found (see `store.damage`).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from seston.errors import StoreError
from seston.variables import TIME_UNITS, Variable

ROWS_PER_CHUNK = 1 << 14
ROWS_PER_SHARD = 1 << 18
#: Rows of features and scores are wide: a chunk of fewer rows is read as fast as a whole, stays in
#: the cache of a core, and wastes less where few rows of it are wanted.
WIDE_ROWS_PER_CHUNK = 1 << 11
#: A row of an embedding has as many bytes as a vignette: a shard is 40 MB, not 700.
LONG_ROWS_PER_CHUNK = 1 << 10
LONG_ROWS_PER_SHARD = 1 << 14
BYTES_PER_CHUNK = 1 << 20
BYTES_PER_SHARD = 1 << 26
#: Not Blosc, and not the codec crc32c: of a part of a chunk, these decode the part alone, and
#: nothing compares the checksum.
CODEC = ZstdCodec(level=1, checksum=True)
#: Attribute of a store: its files of chunks. (Chunks of nothing but fill values have none.)
STORED_FILES = "stored_files"
#: Hidden file of a store: the key of all that it is made of.
KEY = ".key"


@contextmanager
def fast_codecs(threads: int | None = None) -> Iterator[None]:
    """Open arrays with the compiled codec pipeline while the block runs.

    What counts is when an array is opened or created, not when it is read or written.

    Parameters
    ----------
    threads : int, optional
        All cores if absent, for reading. Whoever writes says 1: several put the chunks of a shard
        in the order in which they end, and equal data would not give equal bytes.
    """
    settings = {
        "codec_pipeline.path": "zarrs.ZarrsCodecPipeline",
        "threading.max_workers": threads,
    }
    with zarr.config.set(settings):
        yield


def shard_rows(variable: Variable) -> int:
    """Rows in one shard of a variable: the unit of writing."""
    if variable.dims == ("byte",):
        return BYTES_PER_SHARD
    return LONG_ROWS_PER_SHARD if "component" in variable.dims else ROWS_PER_SHARD


def _chunk_rows(variable: Variable) -> int:
    if variable.dims == ("byte",):
        return BYTES_PER_CHUNK
    if "component" in variable.dims:
        return LONG_ROWS_PER_CHUNK
    return min(WIDE_ROWS_PER_CHUNK, ROWS_PER_CHUNK) if len(variable.dims) > 1 else ROWS_PER_CHUNK


def create(group: zarr.Group, variable: Variable, shape: tuple[int, ...]) -> zarr.Array[Any]:
    """Create an empty array for a registered variable, with its CF attributes.

    The first dimension is sharded (`shard_rows`); the others are kept whole.
    """
    rest = tuple(max(1, n) for n in shape[1:])
    is_time = variable.dtype.startswith("datetime64")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return group.create_array(
            variable.name,
            shape=shape,
            dtype="int64" if is_time else variable.dtype,
            chunks=(_chunk_rows(variable), *rest),
            shards=(shard_rows(variable), *rest),
            compressors=CODEC,
            dimension_names=variable.dims,
            fill_value=_stored_fill(variable),
            attributes=variable.attrs | _time_attributes(variable),
        )


def _time_attributes(variable: Variable) -> dict[str, str]:
    if variable.dtype.startswith("datetime64"):
        return {"units": TIME_UNITS, "calendar": "proleptic_gregorian"}
    return {}


def _stored_fill(variable: Variable) -> object:
    if variable.dtype.startswith("datetime64"):
        return np.iinfo(np.int64).min  # NaT
    return variable.fill_value


def stored(values: NDArray[Any]) -> NDArray[Any]:
    """Give the form in which values are stored: times as int64 nanoseconds."""
    if values.dtype.kind == "M":
        return values.astype("datetime64[ns]").view(np.int64)
    return values


def write_region(array: zarr.Array[Any], start: int, values: NDArray[Any]) -> None:
    """Write whole shards of an array.

    Raises
    ------
    StoreError
        The region begins or ends inside a shard (and not at the array's end).
    """
    shards = array.shards
    rows = shards[0] if shards is not None else array.chunks[0]
    stop = start + len(values)
    if start % rows or (stop % rows and stop != array.shape[0]) or stop > array.shape[0]:
        raise StoreError(
            f"rows {start} to {stop} of {array.path!r} are not whole shards of {rows} rows",
            cure="Give each writer rows from a multiple of the shard to the next.",
        )
    if len(values):
        array[start:stop] = stored(values)


def create_read_by_row(group: zarr.Group, variable: Variable, values: NDArray[Any]) -> None:
    """Write an array of one or two dimensions that is read whole, or row by row: in one file."""
    attributes = variable.attrs | _time_attributes(variable)
    if values.size:
        lengths = tuple(max(1, n) for n in values.shape)
        array = group.create_array(
            variable.name,
            shape=values.shape,
            dtype=values.dtype,
            chunks=(*(1 for _ in lengths[1:]), lengths[-1]),
            shards=lengths,
            compressors=CODEC,
            dimension_names=variable.dims,
            fill_value=_stored_fill(variable),
            attributes=attributes,
        )
        array[...] = values


def create_labels(group: zarr.Group, variable: Variable, labels: list[str]) -> None:
    """Write a short array of texts, as a coordinate variable."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # variable-length text is stable in practice
        array = group.create_array(
            variable.name,
            shape=(len(labels),),
            chunks=(max(1, len(labels)),),
            dtype="str",
            dimension_names=variable.dims,
            attributes=variable.attrs,
            compressors=CODEC,
        )
        if labels:
            array[:] = np.array(labels, dtype=np.dtypes.StringDType())


@dataclass
class Appender:
    """An array that grows: rows are held until they fill whole shards.

    Holds at most one shard of rows plus what the last call brought.
    """

    array: zarr.Array[Any]
    held: list[NDArray[Any]] = field(default_factory=list)
    held_rows: int = 0
    written: int = 0

    def append(self, values: NDArray[Any]) -> None:
        """Add rows at the end."""
        if not len(values):
            return
        self.held.append(values)
        self.held_rows += len(values)
        rows = (self.array.shards or self.array.chunks)[0]
        if self.held_rows >= rows:
            self._write(self.held_rows // rows * rows)

    def close(self) -> int:
        """Write what is held; return the number of rows in all."""
        self._write(self.held_rows)
        return self.written

    def _write(self, rows: int) -> None:
        if not rows:
            return
        together = np.concatenate(self.held)
        self.array.resize((self.written + rows, *self.array.shape[1:]))
        write_region(self.array, self.written, together[:rows])
        self.written += rows
        self.held = [together[rows:]]
        self.held_rows = len(together) - rows


def count_files(path: Path) -> int:
    """Files of a store that hold chunks; those of metadata, and hidden ones, are left out."""
    names = (name for _, _, files in os.walk(path) for name in files)
    return sum(name != "zarr.json" and not name.startswith(".") for name in names)


def finish_store(path: Path, key: str = "") -> None:
    """Say in a store how many files it has, and put the metadata of all arrays into one file.

    It then opens with one read. Nothing may be written into it any more. With a `key`, it says
    too what it was made of: see `store.read_key`.
    """
    if key:
        (path / KEY).write_text(key, "ascii")
    zarr.open_group(path, mode="r+").attrs[STORED_FILES] = count_files(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not yet in the Zarr v3 specification, read by all
        zarr.consolidate_metadata(os.fspath(path))
