"""Masks as COCO writes them: polygons, and runs of pixels down the columns, packed or not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
#: Bits of the fraction of a pixel in OpenCV's coordinates.
_SUBPIXEL = 4


def decode_mask(segmentation: object, height: int, width: int) -> BoolArray:
    """Decode a segmentation: polygons, or runs of pixels down the columns.

    Returns
    -------
    array (height, width), bool

    Raises
    ------
    ValueError
        It is neither, or does not fit the picture.
    """
    if isinstance(segmentation, list) and segmentation:
        return _polygons(segmentation, height, width)
    if not isinstance(segmentation, dict):
        raise ValueError("its segmentation is neither polygons nor runs of pixels")
    if segmentation.get("size") != [height, width]:
        raise ValueError(f"its runs are of a picture of another size than {height} x {width}")
    counts = segmentation.get("counts")
    if isinstance(counts, str):
        counts = unpack_counts(counts)
    whole = isinstance(counts, list) and all(type(c) is int and c >= 0 for c in counts)
    if not isinstance(counts, list) or not whole or sum(counts) != height * width:
        raise ValueError("its runs do not add up to the pixels of the picture")
    inside = np.arange(len(counts)) % 2 == 1
    return np.repeat(inside, counts).reshape(width, height).T


def _polygons(polygons: Sequence[object], height: int, width: int) -> BoolArray:
    canvas = np.zeros((height, width), np.uint8)
    for polygon in polygons:
        try:
            points = np.asarray(polygon, np.float64)
        except (TypeError, ValueError):
            raise ValueError("its polygon holds something other than numbers") from None
        far = 4.0 * max(height, width) + 64
        if points.ndim != 1 or len(points) < 6 or len(points) % 2:
            raise ValueError("its polygon has not three points or more, of x and y")
        if not (np.isfinite(points).all() and (np.abs(points) < far).all()):
            raise ValueError("its polygon has a point far outside the picture")
        # COCO counts from the corner of the first pixel, OpenCV from its middle.
        fixed = np.rint((points.reshape(-1, 2) - 0.5) * (1 << _SUBPIXEL)).astype(np.int32)
        cv2.fillPoly(canvas, [fixed], 1, cv2.LINE_8, _SUBPIXEL)
    return canvas.astype(bool)


def unpack_counts(text: str) -> list[int]:
    """Unpack COCO's text of counts: 5 bits a character, counts from the third as differences.

    Raises
    ------
    ValueError
        It is no such text.

    References
    ----------
    rleFrString in maskApi.c of the COCO API.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError("its packed runs are damaged")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift or min(counts, default=0) < 0:
        raise ValueError("its packed runs are damaged")
    return counts


def encode_mask(mask: BoolArray) -> dict[str, Any]:
    """Give a mask (height, width) as counts of runs down the columns, outside first."""
    flat = np.concatenate([[False], mask.T.ravel(), [False]])
    edges = np.flatnonzero(np.diff(flat.astype(np.int8))).tolist()
    counts = [b - a for a, b in pairwise([0, *edges, mask.size])]
    return {"size": list(mask.shape), "counts": counts}
