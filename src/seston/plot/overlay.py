"""What was found in a frame, drawn over it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from seston.frame import UInt8Array

#: Boxes are drawn around the objects, not over them: so many pixels away.
_ROOM = 3
_COLOUR = (255, 90, 0)  # red, green, blue


def overlay(frame: UInt8Array, boxes: ArrayLike) -> NDArray[np.uint8]:
    """Draw the boxes of objects over a frame.

    Parameters
    ----------
    frame : array (y, x), uint8
        As the camera took it.
    boxes : array (object, 4)
        Top, left, bottom and right (both excluded), pixels; they may reach beyond the frame.

    Returns
    -------
    array (y, x, 3), uint8
        Red, green, blue.
    """
    picture = np.repeat(frame[:, :, None], 3, axis=2)
    for top, left, bottom, right in np.asarray(boxes, np.int64).reshape(-1, 4).tolist():
        first, last = (left - _ROOM, top - _ROOM), (right - 1 + _ROOM, bottom - 1 + _ROOM)
        cv2.rectangle(picture, first, last, _COLOUR, 1)
    return picture
