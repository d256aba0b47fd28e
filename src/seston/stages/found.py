"""What a worker gives back of the frames that it looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from seston.frame import UInt8Array


@dataclass(frozen=True)
class Found:
    """Objects of a task as columns, and what was learned of its frames.

    Parameters
    ----------
    columns : dict of arrays
        One for each of `store.objects.SEGMENTED`, of `store.objects.SOURCE` where the objects
        come from a source that names them, and ``scores`` where a network found them;
        ``frame`` is the number in the deployment.
    pixels : array, uint8
        Vignettes, one after the other.
    numbers : array (own frames), int64
        Numbers in the deployment of the frames that the task owns.
    level : array (own frames), float32
        Grey level of the background; NaN where the frame was not read.
    problems : dict
        Why an own frame could not be read, by its number in the deployment.
    dropped : dict
        Objects outside the size limits, below the least score or left out by the filter, by
        reason.
    left_out : array (own frames), int32, or None
        Objects of each own frame that the filter left out; None where there is no filter.
    """

    columns: dict[str, NDArray[Any]]
    pixels: UInt8Array
    numbers: NDArray[np.int64]
    level: NDArray[np.float32]
    problems: dict[int, str]
    dropped: dict[str, int]
    left_out: NDArray[np.int32] | None = None

    def only(self, rows: NDArray[np.bool_]) -> Self:
        """Give only some of the objects (a mask); the others are counted by their frames."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        start, sizes = columns["vignette_start"], _sizes(columns)
        parts = [self.pixels[s : s + n] for s, n in zip(start, sizes, strict=True) if s >= 0]
        held = np.where(start < 0, 0, sizes)
        columns["vignette_start"] = np.where(start < 0, -1, np.cumsum(held) - held)
        row = np.searchsorted(self.numbers, self.columns["frame"][~rows])
        return replace(
            self,
            columns=columns,
            pixels=np.concatenate([np.empty(0, np.uint8), *parts]),
            dropped=self.dropped | {"by_filter": int((~rows).sum())},
            left_out=np.bincount(row, minlength=len(self.numbers)).astype(np.int32),
        )


def _sizes(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
    height = (columns["bottom"] - columns["top"]).astype(np.int64)
    return np.asarray(height * (columns["right"] - columns["left"]), np.int64)


def object_ids(
    deployment: int, line: NDArray[np.int64], column: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """Name objects by the line and the column of their first pixel in a deployment."""
    above = np.uint64(deployment << 52) | (line.astype(np.uint64) << np.uint64(16))
    return np.asarray(above | column.astype(np.uint64), np.uint64)


def together(parts: Sequence[Found]) -> Found:
    """Join what was found in parts of a task, in the order of their frames."""
    sizes = [len(part.pixels) for part in parts]
    columns = {
        name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns
    }
    begin = np.repeat(
        np.cumsum(sizes) - sizes, [len(part.columns["vignette_start"]) for part in parts]
    )
    has_pixels = columns["vignette_start"] >= 0
    columns["vignette_start"] = columns["vignette_start"] + np.where(has_pixels, begin, 0)
    return Found(
        columns=columns,
        pixels=np.concatenate([part.pixels for part in parts]),
        numbers=np.concatenate([part.numbers for part in parts]),
        level=np.concatenate([part.level for part in parts]),
        problems={n: why for part in parts for n, why in part.problems.items()},
        dropped={
            reason: sum(part.dropped.get(reason, 0) for part in parts)
            for reason in dict.fromkeys(reason for part in parts for reason in part.dropped)
        },
        left_out=_left_out_together(parts),
    )


def _left_out_together(parts: Sequence[Found]) -> NDArray[np.int32] | None:
    """Join what was left out; of a part that the filter did not see, nothing was."""
    if all(part.left_out is None for part in parts):
        return None
    return np.concatenate(
        [
            np.zeros(len(part.numbers), np.int32) if part.left_out is None else part.left_out
            for part in parts
        ]
    )
