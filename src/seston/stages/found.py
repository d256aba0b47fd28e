"""What a worker gives back of the frames that it looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
        Objects outside the size limits or below the least score, by reason.
    """

    columns: dict[str, NDArray[Any]]
    pixels: UInt8Array
    numbers: NDArray[np.int64]
    level: NDArray[np.float32]
    problems: dict[int, str]
    dropped: dict[str, int]


def object_ids(
    deployment: int, line: NDArray[np.int64], column: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """Name objects by the line and the column of their first pixel in a deployment."""
    above = np.uint64(deployment << 52) | (line.astype(np.uint64) << np.uint64(16))
    return np.asarray(above | column.astype(np.uint64), np.uint64)
