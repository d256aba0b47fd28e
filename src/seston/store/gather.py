"""Join the stores of many shards into one, in parallel and without loss.

The rows of the whole are cut into regions of whole Zarr shards. Each region has one writer,
which is told the few shard stores that hold its rows, opens each of them once, and copies one
array after the other. Memory: one region of one array, and what the caller asks to keep.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from seston.errors import StoreError
from seston.store.arrays import fast_codecs, shard_rows, write_region
from seston.store.damage import damage_explained
from seston.store.objects import open_group
from seston.variables import OBJECTS, Variable


@dataclass(frozen=True, slots=True)
class Source:
    """Where one piece of a gathered array comes from.

    Parameters
    ----------
    path : Path or None
        Store of a shard; None where the shard has no such array: its rows are filled.
    rows : int
        Rows that it holds.
    shift : int
        Added to each value that is not negative: to what the pieces before it moved the values.
    begin : int
        Its first row in the whole.
    """

    path: Path | None
    rows: int
    shift: int = 0
    begin: int = 0


class Sources:
    """The sources of one array of the whole, in their order.

    Parameters
    ----------
    paths : sequence of Path or None
    rows : sequence of int
    shifts : sequence of int, optional
        See `Source`.
    """

    def __init__(
        self,
        paths: Sequence[Path | None],
        rows: Sequence[int],
        shifts: Sequence[int] | None = None,
    ) -> None:
        self._paths, self._rows = paths, rows
        self._shifts = [0] * len(paths) if shifts is None else shifts

    @cached_property
    def _bounds(self) -> NDArray[np.int64]:
        return np.cumsum([0, *self._rows], dtype=np.int64)

    @property
    def total(self) -> int:
        """Rows of the whole."""
        return int(self._bounds[-1])

    def within(self, start: int, stop: int) -> tuple[Source, ...]:
        """Give those that hold rows of [start, stop): all that its writer must know."""
        return tuple(
            Source(self._paths[i], self._rows[i], int(self._shifts[i]), int(self._bounds[i]))
            for i in self.numbers(start, stop)
            if self._rows[i]
        )

    def numbers(self, start: int, stop: int) -> range:
        """Give the places in the sequence of those that hold rows of [start, stop)."""
        first = int(np.searchsorted(self._bounds, start, "right")) - 1
        return range(max(0, first), int(np.searchsorted(self._bounds[:-1], stop, "left")))


def regions(variable: Variable, rows: int) -> list[tuple[int, int]]:
    """Cut rows into regions of whole Zarr shards: (start, stop) of each."""
    return list(_steps(0, rows, shard_rows(variable)))


def _steps(start: int, stop: int, step: int) -> Iterator[tuple[int, int]]:
    for begin in range(start, stop, step):
        yield begin, min(begin + step, stop)


@dataclass(frozen=True)
class _Shards:
    """Stores of shards that are open, each once for all of its arrays."""

    groups: dict[Path, zarr.Group] = field(default_factory=dict)

    def array(self, name: str, source: Source, path: Path) -> zarr.Array[Any]:
        if path not in self.groups:
            self.groups[path] = open_group(path)
        with damage_explained(path):
            array = self.groups[path].get(name)
        if not isinstance(array, zarr.Array) or array.shape[0] != source.rows:
            raise StoreError(
                f"{name!r} has not the {source.rows} rows that the plan says",
                where=path,
                cure="Delete this shard and run again.",
            )
        return array


def copy_region(
    target: Path,
    columns: Mapping[str, Sequence[Source]],
    start: int,
    stop: int,
    keep: Collection[str] = (),
) -> dict[str, NDArray[Any]]:
    """Copy rows [start, stop) of some arrays of the whole from the shards that hold them.

    Parameters
    ----------
    target : Path
        The whole, whose arrays are there.
    columns : mapping of sequences of Source
        For each array those that hold the rows, in their order (see `Sources.within`).
    start, stop : int
        Whole Zarr shards of each array, or several of them.
    keep : collection of str
        Arrays of which the rows are given back.

    Raises
    ------
    StoreError
        A shard holds another number of rows than its plan says, or is damaged; or a region is not
        made of whole Zarr shards.
    """
    kept = {}
    with fast_codecs(threads=1):
        whole, shards = zarr.open_group(target, mode="r+"), _Shards()
        for name, sources in columns.items():
            copy = _Copy(name, _array(whole, name, target), sources, shards)
            parts = (copy(*part) for part in _steps(start, stop, copy.rows_at_once))
            if name in keep:
                kept[name] = _joined(list(parts))
            else:
                deque(parts, maxlen=0)
    return kept


def _array(whole: zarr.Group, name: str, target: Path) -> zarr.Array[Any]:
    array = whole.get(name)
    if not isinstance(array, zarr.Array):
        raise StoreError(f"has no array {name!r}", where=target)
    return array


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


@dataclass(frozen=True)
class _Copy:
    """One array of the whole, and who holds its rows."""

    name: str
    array: zarr.Array[Any]
    sources: Sequence[Source]
    shards: _Shards

    @property
    def rows_at_once(self) -> int:
        return int((self.array.shards or self.array.chunks)[0])

    def __call__(self, start: int, stop: int) -> NDArray[Any]:
        """Write rows [start, stop), and give them."""
        rows = np.full((stop - start, *self.array.shape[1:]), self._fill(), self.array.dtype)
        for source in self.sources:
            low, high = max(start, source.begin), min(stop, source.begin + source.rows)
            if low < high and source.path is not None:
                found = self._read(source, source.path, low, high)
                # Where a shard knows fewer taxa than the whole, the rest stays 0.
                rows[(slice(low - start, high - start), *map(slice, found.shape[1:]))] = found
        write_region(self.array, start, rows)
        return rows

    def _fill(self) -> object:
        variable = OBJECTS[self.name.rsplit("/", 1)[-1]]
        return 0 if len(variable.dims) > 1 else np.asarray(self.array.fill_value)[()]

    def _read(self, source: Source, path: Path, low: int, high: int) -> NDArray[Any]:
        array = self.shards.array(self.name, source, path)
        with damage_explained(path):
            values = np.asarray(array[low - source.begin : high - source.begin])
        if source.shift:
            values[values >= 0] += np.asarray(source.shift, values.dtype)
        return values
