"""One of several processes that write an array together; it must be importable by a new one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import zarr

from seston.store import arrays
from seston.store.gather import regions
from seston.variables import OBJECTS


def write_regions(path: Path, rows: int, writers: int, mine: int) -> None:
    """Write every so-manieth region of the arrays of a store: their numbers of rows."""
    with arrays.fast_codecs(threads=1):
        group = zarr.open_group(path, mode="r+")
        for name, array in group.arrays():
            for start, stop in regions(OBJECTS[name], rows)[mine::writers]:
                values = np.arange(start, stop, dtype=array.dtype)
                column = values.reshape(-1, *(1 for _ in array.shape[1:]))
                whole = np.broadcast_to(column, (len(values), *array.shape[1:]))
                arrays.write_region(array, start, whole)
