"""Uneven light: the background of a scan or of a still camera, and its removal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seston.frame import UInt8Array


def median_background(frames: Sequence[UInt8Array]) -> UInt8Array:
    """Median of frames of a still camera: what stays where it is.

    Parameters
    ----------
    frames : sequence of arrays (y, x), uint8
        At least one, all of one shape; an odd number gives a level that one of them has.

    Returns
    -------
    array (y, x), uint8
        Rounded down between the two middle ones of an even number.
    """
    middle: UInt8Array = np.median(np.stack(frames), axis=0).astype(np.uint8)
    return middle
