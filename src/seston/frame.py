"""A frame: the pixels of one picture, and where and when it was taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

UInt8Array = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture and its circumstances, as a reader yields it.

    Parameters
    ----------
    frame_id : str
        Unique in the campaign.
    pixels : array (y, x), uint8
        y runs along time for a line-scan camera.
    time : datetime64[ns]
        UTC of the first line.
    line_interval : float, s
        Time from one line to the next; 0 for a camera that takes the whole frame at once.
    pixel_height, pixel_width : float, mm
        Size of a pixel along y and along x.
    imaged_volume : float, m3
        Water imaged; NaN where nothing tells it.
    """

    frame_id: str
    pixels: UInt8Array
    time: np.datetime64
    line_interval: float
    pixel_height: float
    pixel_width: float
    imaged_volume: float
