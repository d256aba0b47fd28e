"""Masks as COCO writes them: polygons, and runs of pixels down the columns, packed or not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
#: Bits of the fraction of a pixel in OpenCV's coordinates.
_SUBPIXEL = 4


def decode_mask(segmentation: object, height: int, width: int) -> BoolArray:
    """Decode a segmentation to a mask of the whole picture; see `decode_box`.

    Returns
    -------
    array (height, width), bool

    Raises
    ------
    ValueError
        It is neither polygons nor runs, or does not fit the picture.
    """
    top, left, inside = decode_box(segmentation, height, width)
    mask = np.zeros((height, width), bool)
    mask[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return mask


def decode_box(segmentation: object, height: int, width: int) -> tuple[int, int, BoolArray]:
    """Decode a segmentation: polygons, or runs of pixels down the columns.

    A polygon has the pixels whose middle it holds, an object of several what any of them holds.
    One so thin that it holds no middle has the pixels that its outline goes through.

    Returns
    -------
    top, left : int
        First line and column of the box of the mask, pixels.
    mask : array (y, x), bool
        In its box; empty where no pixel of the picture is in it.

    Raises
    ------
    ValueError
        It is neither polygons nor runs, or does not fit the picture.
    """
    if isinstance(segmentation, list) and segmentation:
        return _polygons(segmentation, height, width)
    if not isinstance(segmentation, dict):
        raise ValueError("its segmentation is neither polygons nor runs of pixels")
    return _runs(segmentation, height, width)


def _runs(segmentation: dict[str, Any], height: int, width: int) -> tuple[int, int, BoolArray]:
    if segmentation.get("size") != [height, width]:
        raise ValueError(f"its runs are of a picture of another size than {height} x {width}")
    counts = segmentation.get("counts")
    if isinstance(counts, str):
        counts = unpack_counts(counts)
    whole = isinstance(counts, list) and all(type(c) is int and c >= 0 for c in counts)
    if not isinstance(counts, list) or not whole or sum(counts) != height * width:
        raise ValueError("its runs do not add up to the pixels of the picture")
    edges = np.cumsum(counts[: len(counts) // 2 * 2], dtype=np.int64).reshape(-1, 2)
    edges = edges[edges[:, 0] < edges[:, 1]]
    if not len(edges):
        return 0, 0, np.zeros((0, 0), bool)
    # Only the columns between the first and the last run are laid out: frames are large.
    left, right = int(edges[0, 0]) // height, (int(edges[-1, 1]) - 1) // height + 1
    bounds = np.concatenate([[left * height], edges.ravel(), [right * height]])
    inside = np.arange(len(bounds) - 1) % 2 == 1
    columns = np.repeat(inside, np.diff(bounds)).reshape(right - left, height)
    return _trimmed(0, left, columns.T)


def _trimmed(top: int, left: int, mask: BoolArray) -> tuple[int, int, BoolArray]:
    """Cut a mask to the box of its pixels."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return 0, 0, np.zeros((0, 0), bool)
    inside = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return top + int(rows[0]), left + int(columns[0]), np.ascontiguousarray(inside)


def _polygons(polygons: Sequence[object], height: int, width: int) -> tuple[int, int, BoolArray]:
    corners = [_corners(polygon, height, width) for polygon in polygons]
    ends = np.concatenate(corners)
    low, high = np.floor(ends.min(axis=0)) - 1, np.ceil(ends.max(axis=0)) + 1
    left, top = np.clip(low, 0, [width, height]).astype(int).tolist()
    right, bottom = np.clip(high, 0, [width, height]).astype(int).tolist()
    mask = np.zeros((max(bottom - top, 0), max(right - left, 0)), bool)
    if not mask.size:
        return _trimmed(0, 0, mask)
    moved = [points - (left, top) for points in corners]
    for points in moved:
        mask |= _filled(points, *mask.shape)
    return _trimmed(top, left, mask if mask.any() else _outlined(moved, *mask.shape))


def _corners(polygon: object, height: int, width: int) -> FloatArray:
    """Give the corners of a polygon, (corner, x and y), in pixels from the picture's corner."""
    try:
        points = np.asarray(polygon, np.float64)
    except (TypeError, ValueError):
        raise ValueError("its polygon holds something other than numbers") from None
    far = 4.0 * max(height, width) + 64
    if points.ndim != 1 or len(points) < 6 or len(points) % 2:
        raise ValueError("its polygon has not three points or more, of x and y")
    if not (np.isfinite(points).all() and (np.abs(points) < far).all()):
        raise ValueError("its polygon has a point far outside the picture")
    return points.reshape(-1, 2)


def _filled(corners: FloatArray, height: int, width: int) -> BoolArray:
    """Pixels whose middle lies in a polygon: an odd number of its sides lies left of it.

    OpenCV's `fillPoly` and Pillow draw the outline too, and so make all half a pixel larger.
    """
    odd = np.zeros((height, width + 1), bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        first, last = sorted((_next_middle(y0), _next_middle(y1)))
        rows = np.arange(max(first, 0), min(last, height))
        if not len(rows):
            continue
        x = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
        odd[rows, np.clip(np.ceil(x - 0.5), 0, width).astype(int)] ^= True
    return np.asarray(np.logical_xor.accumulate(odd, axis=1)[:, :width], bool)


def _next_middle(at: float) -> int:
    """Give the first pixel whose middle does not lie before a place."""
    return int(np.ceil(at - 0.5))


def _outlined(polygons: Sequence[FloatArray], height: int, width: int) -> BoolArray:
    """Pixels that the outlines of polygons go through."""
    canvas = np.zeros((height, width), np.uint8)
    for corners in polygons:
        # COCO counts from the corner of the first pixel, OpenCV from its middle.
        fixed = np.rint((corners - 0.5) * (1 << _SUBPIXEL)).astype(np.int32)
        cv2.polylines(canvas, [fixed], True, 1, 1, cv2.LINE_8, _SUBPIXEL)
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
