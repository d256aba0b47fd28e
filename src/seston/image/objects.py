"""What segmentation gives: objects as columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seston.frame import UInt8Array


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """Objects of a stretch of a scan, sorted by line and column of their first pixel.

    Parameters
    ----------
    line : array (object), int64
        Line of the first pixel: the topmost, and the leftmost of these; in the deployment.
    column : array (object), int64
        Its column.
    top, bottom : array (object), int64
        First line, and line after the last, in the deployment.
    left, right : array (object), int64
        First column, and column after the last.
    names : tuple of str
        Features that were measured.
    features : array (object, feature), float32
        In the order of `names`.
    vignette_bytes : array (byte), uint8
        Corrected grey levels of the bounding boxes, line by line, one after the other.
    vignette_offsets : array (object + 1), int64
        Vignette i is ``vignette_bytes[vignette_offsets[i]:vignette_offsets[i + 1]]``.
    too_small, too_large, too_long : int
        Things that begin in the owned lines and are outside the size limits.
    background_level : float
        Mean grey level of the background over the owned lines, before correction, 0 to 255;
        NaN where no line is owned.
    saturated : float
        Share of the owned pixels that are at the sensor's upper limit.
    """

    line: NDArray[np.int64]
    column: NDArray[np.int64]
    top: NDArray[np.int64]
    left: NDArray[np.int64]
    bottom: NDArray[np.int64]
    right: NDArray[np.int64]
    names: tuple[str, ...]
    features: NDArray[np.float32]
    vignette_bytes: UInt8Array
    vignette_offsets: NDArray[np.int64]
    too_small: int
    too_large: int
    too_long: int
    background_level: float
    saturated: float

    def __len__(self) -> int:
        return len(self.line)

    def feature(self, name: str) -> NDArray[np.float32]:
        """One feature of all objects, by its name."""
        return self.features[:, self.names.index(name)]

    def vignette(self, index: int) -> UInt8Array:
        """Corrected grey levels of one object's bounding box, (y, x)."""
        begin, end = self.vignette_offsets[index : index + 2]
        shape = (self.bottom[index] - self.top[index], self.right[index] - self.left[index])
        return self.vignette_bytes[begin:end].reshape(shape)
