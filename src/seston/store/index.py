"""Objects of a range of time or depth, or of some taxa, found without reading the rest.

The gather writes an index beside the objects: for each block of rows the first and last time, the
least and largest depth, and how many objects have each name. A block that cannot hold what is
asked for is not read. Rows of the blocks that may are looked at one by one, so that the answer is
that of a look at all rows, whatever their order.

Layout, in the group ``index`` of an objects store::

    block_time_min, block_time_max, block_depth_min, block_depth_max   (block)
    block_count                                                        (name, block)
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
import zarr
from numpy.typing import NDArray

from seston.errors import StoreError
from seston.store import arrays
from seston.store.objects import length, open_dataset, open_group, read_column
from seston.store.remote import is_url, stamp
from seston.variables import OBJECTS

#: Rows of a block. The rows of a Zarr shard are a multiple of it.
ROWS_PER_BLOCK = 1 << 10
GROUP = "index"
_BLOCK_ROWS = "rows_per_block"
_RANGES = ("time", "depth")
#: Blocks that lie this near are read at once with what is between them: to begin a read takes as
#: long as to read so many rows of a column.
_ROWS_BETWEEN = 1 << 17

Int = NDArray[np.int64]
Mask = NDArray[np.bool_]
#: First and last value, both included; None: no limit.
Limits = tuple[Any, Any]


# ------------------------------------------------------------------------------------- written
def summary(
    time: NDArray[np.datetime64],
    depth: NDArray[np.floating[Any]],
    taxon: NDArray[np.integer[Any]],
    n_taxa: int,
) -> dict[str, NDArray[Any]]:
    """Summarise the blocks of consecutive rows, the first of which begins a block.

    Parameters
    ----------
    time, depth, taxon : array (n)
        Of each object; NaT, NaN and -1 where not known.
    n_taxa : int

    Returns
    -------
    dict of arrays (block), and (n_taxa + 1, block)
        Variables of the index; the last row of ``block_count`` is of objects without a name.
    """
    starts = np.arange(0, len(time), ROWS_PER_BLOCK)
    found = {}
    for name, values in (("time", time), ("depth", depth)):
        found[f"block_{name}_min"] = np.fmin.reduceat(values, starts) if len(starts) else values
        found[f"block_{name}_max"] = np.fmax.reduceat(values, starts) if len(starts) else values
    block = np.arange(len(taxon)) // ROWS_PER_BLOCK
    number = np.where(taxon < 0, n_taxa, taxon).astype(np.int64)
    flat = np.bincount(number * len(starts) + block, minlength=(n_taxa + 1) * len(starts))
    found["block_count"] = flat.reshape(n_taxa + 1, len(starts)).astype(np.uint16)
    return found


def write_index(group: zarr.Group, parts: Sequence[dict[str, NDArray[Any]]]) -> None:
    """Write the summaries of all regions of an objects store, in the order of the rows."""
    index = group.create_group(GROUP, attributes={_BLOCK_ROWS: ROWS_PER_BLOCK})
    for name in parts[0] if parts else ():
        values = arrays.stored(np.concatenate([part[name] for part in parts], axis=-1))
        arrays.create_read_by_row(index, OBJECTS[name], values)


# ---------------------------------------------------------------------------------------- read
def select(
    objects: Path | str | xr.Dataset,
    *,
    time: slice | None = None,
    depth: slice | None = None,
    taxon: str | Collection[str] | None = None,
) -> xr.Dataset:
    """Give the objects of a range of time, a range of depth, or some taxa; or of all of these.

    Only what may hold them is read. What comes back is as lazy as what `open_dataset` gives:
    columns are read when they are used, and of the chosen rows alone.

    Parameters
    ----------
    objects : Path, str or Dataset
        The objects dataset of a campaign, or where it lies: a folder or a URL.
    time : slice, optional
        First and last time, both included, as in ``Dataset.sel``: ``slice("2013-07-25",
        "2013-07-26T12")`` ends with the last nanosecond before 13 h.
    depth : slice, optional
        Least and largest depth, m, both included. Objects of unknown depth are in no range.
    taxon : str or several, optional
        As a person named the object, else as the model did.

    Returns
    -------
    Dataset
        In the order of the rows; variables of frames, features and taxa are whole.

    Raises
    ------
    StoreError
        There is no such dataset, it is damaged, it is not whole, or it has no such taxon.

    Examples
    --------
    >>> from seston import store
    >>> night = store.select(
    ...     "results/tow/objects.zarr", time=slice("2013-07-25T22", "2013-07-26T04"),
    ...     taxon=["Copepoda", "Appendicularia"],
    ... )  # doctest: +SKIP
    """
    dataset = objects if isinstance(objects, xr.Dataset) else open_dataset(objects)
    wanted = _Wanted(_limits_of_time(time), _limits(depth), _taxa(dataset, taxon))
    return dataset.isel(object=_as_slice(_opened(dataset).of(wanted)))


@dataclass(frozen=True)
class _Wanted:
    time: Limits | None
    depth: Limits | None
    taxa: Int | None


def _opened(dataset: xr.Dataset) -> _Rows:
    source = dataset.encoding.get("source")
    rows = _rows(source, _stamp(source)) if isinstance(source, str) else None
    if rows is None or dataset.sizes.get("object") != rows.total:
        raise StoreError(
            "this Dataset is not a whole objects dataset as it was opened",
            where=source,
            cure="Select from the store, or from what `open_dataset` gave, before all else.",
        )
    return rows


def _stamp(source: str) -> object:
    """Tell one store from another that takes its place."""
    if is_url(source):
        return stamp(source)
    stat = (Path(source) / "zarr.json").stat()
    return stat.st_ino, stat.st_mtime_ns


@lru_cache(maxsize=8)
def _rows(source: str, stamp: object) -> _Rows:  # noqa: ARG001  # of the cache
    return _Rows(open_group(source))


def _limits(wanted: slice | None) -> Limits | None:
    if wanted is None:
        return None
    if wanted.step is not None:
        raise StoreError("a range has no step", cure="Give slice(first, last).")
    return wanted.start, wanted.stop


def _limits_of_time(wanted: slice | None) -> Limits | None:
    limits = _limits(wanted)
    return limits and (_moment(limits[0]), _moment(limits[1], last=True))


def _moment(said: object, *, last: bool = False) -> np.datetime64 | None:
    """Turn what says a time into one; a text that names a day or an hour has a first and last."""
    if said is None:
        return None
    if isinstance(said, str):
        period = pd.Period(said)
        if last:
            return _nanoseconds((period + 1).start_time) - np.timedelta64(1, "ns")
        return _nanoseconds(period.start_time)
    return _nanoseconds(pd.Timestamp(said))  # type: ignore[arg-type]


def _nanoseconds(moment: pd.Timestamp) -> np.datetime64:
    if moment.tz is not None:
        moment = moment.tz_convert(None)
    return moment.as_unit("ns").to_datetime64()


def _taxa(dataset: xr.Dataset, taxon: str | Collection[str] | None) -> Int | None:
    if taxon is None:
        return None
    known = [str(name) for name in dataset["taxon"].to_numpy()] if "taxon" in dataset else []
    asked = [taxon] if isinstance(taxon, str) else list(taxon)
    for name in asked:
        if name not in known:
            raise StoreError(
                f"has no taxon {name!r}",
                where=dataset.encoding.get("source"),
                cure=f"It has {', '.join(known) or 'none'}.",
            )
    return np.array(sorted(known.index(name) for name in set(asked)), np.int64)


class _Rows:
    """Finds rows of an objects store, whose index is read once."""

    def __init__(self, group: zarr.Group) -> None:
        self._group, self.total = group, length(group, "object_id")
        self._known: dict[tuple[str, int], NDArray[Any]] = {}

    def of(self, wanted: _Wanted) -> Int:
        """Give the rows that are wanted, in their order."""
        runs = self._runs(wanted)
        found = [start + np.flatnonzero(self._mask(wanted, start, stop)) for start, stop in runs]
        return np.concatenate([np.empty(0, np.int64), *found])

    def _runs(self, wanted: _Wanted) -> list[tuple[int, int]]:
        """Give ranges of rows outside which there is nothing that is wanted."""
        index = self._group.get(GROUP)
        if not isinstance(index, zarr.Group) or not self.total:
            return [(0, self.total)]  # gathered before there was an index
        size = int(str(index.attrs[_BLOCK_ROWS]))
        may = np.ones(-(-self.total // size), bool)
        for name in _RANGES:
            limits = getattr(wanted, name)
            if limits is not None:
                least, most = (self._blocks(index, f"block_{name}_{end}") for end in ("min", "max"))
                may &= _meet(least, most, limits)
        if wanted.taxa is not None:
            counts = [self._blocks(index, "block_count", t) for t in wanted.taxa.tolist()]
            may &= np.any(np.array(counts).reshape(-1, len(may)) > 0, axis=0)
        return _joined(np.flatnonzero(may), size, self.total)

    def _blocks(self, index: zarr.Group, name: str, row: int = 0) -> NDArray[Any]:
        """Give a variable of the index, or a row of one that has two dimensions."""
        key = (name, row)
        if key not in self._known:
            wide = len(OBJECTS[name].dims) > 1
            values = read_column(index, name, slice(row, row + 1) if wide else None)
            self._known[key] = values[0] if wide else values
        return self._known[key]

    def _mask(self, wanted: _Wanted, start: int, stop: int) -> Mask:
        """Say of each row of a range whether it is wanted."""
        rows, mask = slice(start, stop), np.ones(stop - start, bool)
        for name in _RANGES:
            limits = getattr(wanted, name)
            if limits is not None:
                values = read_column(self._group, name, rows)
                mask &= _meet(values, values, limits)
        if wanted.taxa is not None:
            predicted, validated = (
                read_column(self._group, f"{who}_taxon", rows) for who in ("predicted", "validated")
            )
            mask &= np.isin(
                np.where(validated >= 0, validated, predicted), wanted.taxa, kind="table"
            )
        return mask


def _meet(least: NDArray[Any], most: NDArray[Any], limits: Limits) -> Mask:
    """Say which ranges meet the wanted one; those that are not known meet none."""
    low, high = limits
    met = least == least  # neither NaN nor NaT
    if low is not None:
        met &= most >= low
    if high is not None:
        met &= least <= high
    return np.asarray(met, bool)


def _joined(blocks: Int, size: int, total: int) -> list[tuple[int, int]]:
    """Join blocks that lie near each other to ranges of rows."""
    if not len(blocks):
        return []
    new = np.flatnonzero(np.diff(blocks) * size > _ROWS_BETWEEN) + 1
    return [
        (int(run[0]) * size, min((int(run[-1]) + 1) * size, total)) for run in np.split(blocks, new)
    ]


def _as_slice(rows: Int) -> slice | Int:
    """Give rows without gaps as a slice, which is read faster."""
    if not len(rows):
        return slice(0, 0)
    first, last = int(rows[0]), int(rows[-1])
    return slice(first, last + 1) if last - first + 1 == len(rows) else rows
