"""Water in small pieces: what was imaged, cut fine enough to be put into depth bins.

A frame of a towed line scan spans some decimetres of depth, so its lines are cut into cells; one
that was taken at once is one cell. An object belongs to the cell of its first line: counts and
volumes then speak of the same water.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import zarr
from numpy.typing import NDArray

from seston.errors import StoreError
from seston.store.arrays import ROWS_PER_SHARD
from seston.store.objects import length, read_column

#: Lines of a cell: 4 cm of water along the tow of an ISIIS.
LINES_PER_CELL = 512
_POSITION = ("depth", "latitude", "longitude", "depth_min", "depth_max")


@dataclass(frozen=True, eq=False)
class Cells:
    """Pieces of the water that usable frames imaged.

    Parameters
    ----------
    frame : array (cell), int64
        Row of the cell's frame in the campaign.
    deployment : array (cell), int64
        Number of its deployment.
    time : array (cell), datetime64[ns]
        Time of its middle line.
    volume : array (cell), float64, m3
        Water imaged; NaN where nothing tells it.
    factor : array (cell), float64
        Individuals in the sample for each one imaged.
    sample : array (cell), int64
        Number of the sample among `samples`; -1 where the frame is of none.
    samples : list of str
        Names of the samples, in the order of their first frames.
    own : dict of arrays (cell), float64
        depth, depth_min, depth_max (m), latitude and longitude of frames that were taken at
        once; NaN in a line scan, where a frame moves on while it is taken.
    start : array (frame + 1), int64
        First cell of each frame; a frame that is not usable has none.
    """

    frame: NDArray[np.int64]
    deployment: NDArray[np.int64]
    time: NDArray[np.datetime64]
    volume: NDArray[np.float64]
    factor: NDArray[np.float64]
    sample: NDArray[np.int64]
    samples: list[str]
    own: dict[str, NDArray[np.float64]]
    start: NDArray[np.int64]

    def within(self, first: int, last: int, slot: NDArray[np.int64]) -> Water:
        """Give what a task must know of the water of frames [first, last), and no more.

        Parameters
        ----------
        first, last : int
        slot : array (cell), int64
            See `Bins.slot`.
        """
        begin, end = int(self.start[first]), int(self.start[last])
        start = self.start[first : last + 1] - begin
        return Water(first, start, slot[begin:end], self.factor[begin:end])


@dataclass(frozen=True, eq=False)
class Water:
    """Slot and subsample factor of the cells of some frames.

    Parameters
    ----------
    first : int
        Row of the first frame.
    start : array (frame + 1), int64
        First cell of each of them.
    slot, factor : array (cell)
    """

    first: int
    start: NDArray[np.int64]
    slot: NDArray[np.int64]
    factor: NDArray[np.float64]

    def of_objects(
        self, frame: NDArray[np.integer[Any]], top: NDArray[np.integer[Any]]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Give slot and factor of objects, by their frame and first line.

        Raises
        ------
        StoreError
            An object is of another frame: rows do not follow the frames.
        """
        own = np.asarray(frame, np.int64) - self.first
        if len(own) and (own.min() < 0 or own.max() >= len(self.start) - 1):
            raise StoreError(
                f"an object of frame {int(frame.max())} does not lie in the rows of that frame",
                cure="Delete objects.zarr and run again.",
            )
        cell = np.minimum(self.start[own] + top // LINES_PER_CELL, self.start[own + 1] - 1)
        return self.slot[cell], self.factor[cell]


@dataclass(frozen=True, eq=False)
class Tasks:
    """Ranges of objects, each with the water that they lie in: memory is that of a range.

    Parameters
    ----------
    group : zarr.Group
        The objects dataset.
    pieces : Cells
    slot : array (cell), int64
    """

    group: zarr.Group
    pieces: Cells
    slot: NDArray[np.int64]

    def ranges(self) -> list[tuple[int, int]]:
        """Give the ranges of rows: a Zarr shard each."""
        total = length(self.group, "object_id")
        return [(s, min(s + ROWS_PER_SHARD, total)) for s in range(0, total, ROWS_PER_SHARD)]

    def __iter__(self) -> Iterator[tuple[int, int, Water]]:
        """Give start, stop and water of each range."""
        begin = read_column(self.group, "frame_object_start")
        for start, stop in self.ranges():
            first = int(np.searchsorted(begin, start, "right")) - 1
            last = int(np.searchsorted(begin, stop, "left"))
            yield start, stop, self.pieces.within(max(0, first), last, self.slot)


def cut(objects: zarr.Group, deployments: list[str]) -> Cells:
    """Cut the usable frames of an objects dataset into cells.

    Parameters
    ----------
    objects : zarr.Group
        The objects dataset of a campaign.
    deployments : list of str
        Names of its deployments, in their order.
    """
    column = {
        name: read_column(objects, f"frame_{name}")
        for name in ("height", "time", "line_interval", "subsample_factor", *_POSITION)
    }
    usable = read_column(objects, "frame_usable") == 1
    volume = read_column(objects, "frame_volume")
    number = {name: i for i, name in enumerate(deployments)}
    deployment = np.array([number[str(d)] for d in read_column(objects, "frame_deployment")], int)
    sample, samples = pd.factorize(read_column(objects, "frame_sample").astype(object))
    none = list(samples).index("") if "" in samples else -1

    at_once = column["line_interval"] == 0
    lines_per_cell = np.where(at_once, np.maximum(column["height"], 1), LINES_PER_CELL)
    height = np.maximum(column["height"], 1).astype(np.int64)
    per_frame = np.where(usable, -(-height // lines_per_cell), 0).astype(np.int64)
    start = np.concatenate([[0], np.cumsum(per_frame)])
    frame = np.repeat(np.arange(len(per_frame)), per_frame)
    first = (np.arange(len(frame)) - start[frame]) * lines_per_cell[frame]
    lines = np.minimum(lines_per_cell[frame], height[frame] - first)
    seconds = (first + lines / 2) * column["line_interval"][frame]
    return Cells(
        frame=frame,
        deployment=deployment[frame],
        time=column["time"][frame] + np.rint(seconds * 1e9).astype("timedelta64[ns]"),
        volume=volume[frame] * lines / height[frame],
        factor=column["subsample_factor"][frame].astype(float),
        sample=np.where(sample == none, -1, sample)[frame],
        samples=[str(name) for name in samples],
        own={n: np.where(at_once, column[n], np.nan)[frame].astype(float) for n in _POSITION},
        start=start,
    )
