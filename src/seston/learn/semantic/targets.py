"""What the network should say of each cell of a frame: background, or a taxon that is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from seston.frame import AnnotatedFrame, Instance, UInt8Array
from seston.image.regions import CELL

Float32Array = NDArray[np.float32]

#: Cells that belong to nothing for certain: the loss does not look at them.
UNSURE = 255
#: Pixels of a cell's 16 from which it belongs to an object.
ENOUGH = 4
#: Weight of a cell of an object of USUAL_CELLS cells; it falls with the size of the object to the
#: power of FALL, so that a small one counts almost as much as a large one.
WEIGHT, USUAL_CELLS, FALL = 5.0, 40, 0.75
LEAST_WEIGHT, MOST_WEIGHT = 0.05, 40.0
#: Weight of cells of the background: of what is dark and not wanted, and of clear water, which most
#: cells are, and which teaches little.
DARK_WEIGHT, WATER_WEIGHT = 2.0, 0.2
#: A cell without a pixel darker than this is clear water.
CLEAR = 221


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A frame as a network learns it.

    Parameters
    ----------
    pixels : array (y, x), uint8
        Filled up with background to whole cells.
    classes : array (cell row, cell), uint8
        0 background, 1 + number of the taxon, or UNSURE.
    weights : array (cell row, cell), float32
        What a cell counts for: cells of large objects for less, so that each object counts.
    middles : array (instance, 2), int64
        Middle of each wanted object, in cells.
    """

    pixels: UInt8Array
    classes: UInt8Array
    weights: Float32Array
    middles: NDArray[np.int64]


def target_of(frame: AnnotatedFrame, taxa: Sequence[str]) -> Target:
    """Tell for each cell of a frame what lies there.

    A cell belongs to the smallest of the objects that have at least `ENOUGH` of its pixels; where
    none has, but some have any, it is unsure. Cells where two objects meet are background, so
    that two that touch are found as two.
    """
    numbers = {taxon: number for number, taxon in enumerate(taxa, start=1)}
    wanted = [one for one in frame.instances if one.taxon in numbers]
    wanted.sort(key=lambda one: -int(one.mask.sum()))  # what lies before a large one stays seen
    pixels = _whole_cells(frame.pixels)
    shape = (pixels.shape[0] // CELL, pixels.shape[1] // CELL)
    most, owner = np.zeros(shape, np.uint8), np.zeros(shape, np.int32)
    for number, one in enumerate(wanted, start=1):
        _claim(one, number, most, owner)
    classes = np.array([0, *(numbers[one.taxon] for one in wanted)], np.uint8)[owner]
    classes[most < ENOUGH] = 0
    classes[(most > 0) & (most < ENOUGH)] = UNSURE
    classes[_seams(owner)] = 0
    sizes = np.bincount(owner.ravel(), minlength=len(wanted) + 1)
    each = WEIGHT * (USUAL_CELLS / np.maximum(sizes, 1)) ** FALL
    each = np.clip(each, LEAST_WEIGHT, MOST_WEIGHT).astype(np.float32)
    weights = np.where(classes > 0, each[owner], np.float32(DARK_WEIGHT))
    weights[(classes == 0) & _clear(pixels)] = WATER_WEIGHT
    return Target(pixels, classes, weights, _middles(wanted))


def _clear(pixels: UInt8Array) -> NDArray[np.bool_]:
    """Cells of clear water."""
    rows, columns = pixels.shape[0] // CELL, pixels.shape[1] // CELL
    darkest = pixels.reshape(rows, CELL, columns, CELL).min(axis=(1, 3))
    return np.asarray(darkest >= CLEAR)


def _whole_cells(pixels: UInt8Array) -> UInt8Array:
    height, width = pixels.shape
    fill = ((0, -height % CELL), (0, -width % CELL))
    return np.pad(pixels, fill, constant_values=240) if fill != ((0, 0), (0, 0)) else pixels


def _claim(one: Instance, number: int, most: UInt8Array, owner: NDArray[np.int32]) -> None:
    """Give an object the cells of which it has enough pixels, or more than those before it."""
    up, aside = one.top % CELL, one.left % CELL
    height, width = one.mask.shape
    fill = ((up, -(up + height) % CELL), (aside, -(aside + width) % CELL))
    mask = np.pad(one.mask, fill).astype(np.uint8)
    rows, columns = mask.shape[0] // CELL, mask.shape[1] // CELL
    count = mask.reshape(rows, CELL, columns, CELL).sum(axis=(1, 3), dtype=np.uint8)
    top, left = one.top // CELL, one.left // CELL
    place = np.s_[top : top + rows, left : left + columns]
    ours = (count >= ENOUGH) | (count > most[place])
    most[place][ours] = count[ours]
    owner[place][ours] = number


def _seams(owner: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Cells of an object that touch those of another of a higher number."""
    near = cv2.dilate(owner.astype(np.float32), np.ones((3, 3), np.uint8))
    return np.asarray((owner > 0) & (near > owner), bool)


def _middles(wanted: Sequence[Instance]) -> NDArray[np.int64]:
    middles = [
        ((one.top + one.mask.shape[0] / 2) // CELL, (one.left + one.mask.shape[1] / 2) // CELL)
        for one in wanted
    ]
    return np.array(middles, np.int64).reshape(-1, 2)


def crop(
    target: Target, side: int, rng: np.random.Generator
) -> tuple[UInt8Array, UInt8Array, Float32Array]:
    """Cut a square out of a frame, half of the time around an object, turned over at random.

    Returns
    -------
    array (side, side), uint8
        Filled up with background where the frame ends.
    array (side / CELL, side / CELL), uint8
        Classes; unsure where the frame ends.
    array (side / CELL, side / CELL), float32
        Weights.
    """
    cells = side // CELL
    rows, columns = target.classes.shape
    if len(target.middles) and rng.random() < 0.5:
        middle = target.middles[rng.integers(len(target.middles))]
        top, left = (middle - rng.integers(cells // 8, 7 * cells // 8 + 1, 2)).tolist()
    else:
        top, left = (int(rng.integers(max(n - cells, 0) + 1)) for n in (rows, columns))
    top, left = (int(np.clip(v, 0, max(n - cells, 0))) for v, n in ((top, rows), (left, columns)))
    grey = _cut(target.pixels, CELL * top, CELL * left, side, 240)
    classes = _cut(target.classes, top, left, cells, UNSURE)
    weights = _cut(target.weights, top, left, cells, 0)
    for axis in (0, 1):
        if rng.random() < 0.5:
            grey, classes, weights = (np.flip(a, axis) for a in (grey, classes, weights))
    return grey, classes, weights


def _cut(array: NDArray[Any], top: int, left: int, side: int, fill: int) -> NDArray[Any]:
    part = array[top : top + side, left : left + side]
    missing = ((0, side - part.shape[0]), (0, side - part.shape[1]))
    return np.pad(part, missing, constant_values=fill)
