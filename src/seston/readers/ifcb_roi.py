"""Regions of interest (ROI) of a bin of an Imaging FlowCytobot: which can be read, and from where.

Instruments of the first generation cut one large object into overlapping ROIs; these are stitched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seston.frame import UInt8Array
from seston.readers.ifcb_bin import Int, Rows

#: The camera's image, pixels (from memory; ROIs beyond it make the frame larger).
CAMERA_HEIGHT, CAMERA_WIDTH = 1034, 1380
#: No camera of these instruments has a longer side, pixels: a larger ROI is damage.
_LONGEST = 1 << 13
#: ROIs of one trigger are stitched where they overlap by more, pixels, on both axes.
_OVERLAP = 2


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """Where the ROIs of a bin lie, one for each row.

    Parameters
    ----------
    left, top, width, height : array (row), int64
        In the camera's image, pixels; 0 where the row has no ROI or one that cannot be.
    start : array (row), int64
        First byte in the .roi file.
    there : array (row), bool
        The row has a ROI.
    possible : array (row), bool
        It has a place and a size that can be.
    whole : array (row), bool
        It is possible, and lies in the .roi file.
    """

    left: Int
    top: Int
    width: Int
    height: Int
    start: Int
    there: NDArray[np.bool_]
    possible: NDArray[np.bool_]
    whole: NDArray[np.bool_]


def boxes(rows: Rows, size: int) -> Boxes:
    """Check the ROIs that rows claim.

    Parameters
    ----------
    rows : Rows
    size : int
        Bytes of the .roi file.
    """
    told = np.array([rows.x, rows.y, rows.width, rows.height, rows.start])
    there = rows.width > 0  # a row without a ROI, or that is damaged, has none
    whole_numbers = np.isfinite(told).all(axis=0) & (told == np.rint(told)).all(axis=0)
    x, y, width, height, start = told
    possible = there & whole_numbers & (np.minimum(x, y) >= 0) & (start >= 0) & (height >= 1)
    possible &= np.maximum(np.maximum(x, y), np.maximum(width, height)) <= _LONGEST
    possible &= start < 2**62
    left, top, wide, high, first = np.where(possible, told, 0).astype(np.int64)
    whole = possible & (first + wide * high <= size)
    return Boxes(left, top, wide, high, first, there, possible, whole)


def objects(found: Boxes, rows: range, generation: int) -> list[list[int]]:
    """Put the ROIs of one trigger together: a list of rows for each object.

    Parameters
    ----------
    found : Boxes
    rows : range
        Rows of the trigger.
    generation : int
        Of the instrument: only those of the first need stitching.
    """
    parts = [[row] for row in rows if found.whole[row]]
    if generation > 1 or len(parts) < 2:
        return parts
    merged: list[list[int]] = []
    for part in parts:
        touched = [other for other in merged if any(_overlap(found, part[0], r) for r in other)]
        merged = [other for other in merged if other not in touched]
        merged.append(sorted(sum(touched, part)))
    return sorted(merged)


def _overlap(found: Boxes, a: int, b: int) -> bool:
    return all(
        min(low[a] + size[a], low[b] + size[b]) - max(low[a], low[b]) > _OVERLAP
        for low, size in ((found.left, found.width), (found.top, found.height))
    )


def box(found: Boxes, parts: list[int]) -> tuple[int, int, int, int]:
    """Give top, left, height and width of the box around some ROIs."""
    if len(parts) == 1:
        row = parts[0]
        sides = (found.top[row], found.left[row], found.height[row], found.width[row])
        return int(sides[0]), int(sides[1]), int(sides[2]), int(sides[3])
    top, left = int(found.top[parts].min()), int(found.left[parts].min())
    bottom = int((found.top[parts] + found.height[parts]).max())
    right = int((found.left[parts] + found.width[parts]).max())
    return top, left, bottom - top, right - left


def cut(content: NDArray[np.uint8], found: Boxes, parts: list[int]) -> UInt8Array:
    """Give the pixels of an object.

    What no ROI of a stitched object covers is filled with the mean of the pixels beside it, as
    pyifcb does.
    """
    pictures = list(_pictures(content, found, parts))
    if len(pictures) == 1:
        return np.array(pictures[0])
    top, left, height, width = box(found, parts)
    whole, hole = np.zeros((height, width), np.uint8), np.ones((height, width), bool)
    for row, picture in zip(parts, pictures, strict=True):
        y, x = int(found.top[row]) - top, int(found.left[row]) - left
        place = np.s_[y : y + picture.shape[0], x : x + picture.shape[1]]
        whole[place], hole[place] = picture, False
    beside = ~hole & _shifted(hole)
    if beside.any():
        whole[hole] = round(float(whole[beside].mean()))
    return whole


def _shifted(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels with a neighbour of the mask above, below, left or right."""
    near = np.zeros_like(mask)
    near[1:] |= mask[:-1]
    near[:-1] |= mask[1:]
    near[:, 1:] |= mask[:, :-1]
    near[:, :-1] |= mask[:, 1:]
    return near


def _pictures(
    content: NDArray[np.uint8], found: Boxes, parts: list[int]
) -> Iterator[NDArray[np.uint8]]:
    for row in parts:
        start, shape = int(found.start[row]), (int(found.height[row]), int(found.width[row]))
        yield content[start : start + shape[0] * shape[1]].reshape(shape)
