"""The standard frame: one frame at the natural concentrations, for benchmarks and their checks."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from seston.simulate.scene import Scene, take
from seston.simulate.settings import TowSettings
from seston.simulate.tow import Tow

UInt8Array = NDArray[np.uint8]


def standard_frame(seed: int, *, height: int = 10240, width: int = 2048) -> UInt8Array:
    """Draw a frame as it is in the chlorophyll maximum: some 2,500 objects in 10240 lines.

    Parameters
    ----------
    height, width : int
        Lines and columns; fewer of them hold fewer objects.

    Returns
    -------
    array (height, width), uint8
        A copy of its own.
    """
    return _standard(seed, height, width).pixels.copy()


def standard_truth(seed: int, *, height: int = 10240, width: int = 2048) -> NDArray[np.int32]:
    """Label the objects of the standard frame of that seed.

    Returns
    -------
    array (height, width), int32
        0 where there is none; where two overlap, the later one.
    """
    labels = np.zeros((height, width), np.int32)
    for number, seen in enumerate(_standard(seed, height, width).seen, start=1):
        rows, columns = seen.stamp.mask.shape
        top, left = seen.stamp.top, seen.stamp.left
        labels[top : top + rows, left : left + columns][seen.stamp.mask] = number
    return labels


@lru_cache(maxsize=1)
def _standard(seed: int, height: int, width: int) -> Scene:
    settings = TowSettings(
        casts=1,
        deep_m=60.0,
        width=width,
        frame_lines=height,
        files_per_burst=1,
        burst_spacing_m=60.0,
        plankton_factor=1.0,
        detritus_factor=1.0,
    )
    tow = Tow(settings)
    files = tow.files()
    return take(tow, files, files[0], seed)
