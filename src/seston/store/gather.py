"""Join the stores of many shards into one, in parallel and without loss.

The rows of the whole are cut into regions of whole Zarr shards. Each region has one writer,
which reads its rows from whatever shard stores hold them. Memory: one region of one column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
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
    """

    path: Path | None
    rows: int
    shift: int = 0


def regions(variable: Variable, rows: int) -> list[tuple[int, int]]:
    """Cut rows into regions of whole Zarr shards: (start, stop) of each."""
    step = shard_rows(variable)
    return [(start, min(start + step, rows)) for start in range(0, rows, step)]


def copy_region(target: Path, name: str, sources: list[Source], start: int, stop: int) -> int:
    """Copy rows [start, stop) of one array of the whole from the shards that hold them.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    StoreError
        A shard holds fewer rows than its plan says.
    """
    with fast_codecs(threads=1):
        whole = zarr.open_group(target, mode="r+")[name]
        if not isinstance(whole, zarr.Array):
            raise StoreError(f"has no array {name!r}", where=target)
        pieces = [_widened(p, whole) for p in _pieces(name, sources, start, stop)]
        write_region(whole, start, np.concatenate(pieces))
    return stop - start


def _pieces(name: str, sources: list[Source], start: int, stop: int) -> Iterable[NDArray[Any]]:
    begin = 0
    for source in sources:
        end = begin + source.rows
        low, high = max(start, begin), min(stop, end)
        if low < high:
            yield _piece(name, source, low - begin, high - begin)
        begin = end


def _widened(values: NDArray[Any], whole: zarr.Array[Any]) -> NDArray[Any]:
    """Fill rows with zeros up to the width of the whole: taxa that the shard does not know."""
    if values.ndim < 2 or values.shape[1] == whole.shape[1]:
        return values
    return np.pad(values, ((0, 0), (0, whole.shape[1] - values.shape[1])))


def _piece(name: str, source: Source, low: int, high: int) -> NDArray[Any]:
    if source.path is None:
        fill = OBJECTS[name].fill_value
        dtype: Any = object if OBJECTS[name].dtype == "str" else OBJECTS[name].dtype
        return np.full(high - low, fill, dtype)
    array = open_group(source.path)[name]
    if not isinstance(array, zarr.Array) or array.shape[0] != source.rows:
        raise StoreError(
            f"{name!r} has not the {source.rows} rows that the plan says",
            where=source.path,
            cure="Delete this shard and run again.",
        )
    with damage_explained(source.path):
        values = np.asarray(array[low:high])
    if not source.shift:
        return values
    return np.where(values < 0, values, values + np.asarray(source.shift, values.dtype))


def plan_copies(target: Path, arrays: dict[str, list[Source]]) -> list[Callable[[], int]]:
    """List the tasks that fill the arrays of a new store, each a region of its own."""
    from functools import partial

    return [
        partial(copy_region, target, name, sources, start, stop)
        for name, sources in arrays.items()
        for start, stop in regions(
            OBJECTS[name.rsplit("/", 1)[-1]], sum(source.rows for source in sources)
        )
    ]
