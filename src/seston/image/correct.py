"""Uneven light: the background of a scan or of a still camera, and its removal.

A corrected level is ``min(255, floor(240 * pixel / background + 0.5))``, in single precision.
Lines of a scan are not corrected as a whole: their pixels are compared with the limit of their
column, and only those of objects are ever corrected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seston.config import Segmentation
from seston.frame import UInt8Array
from seston.image import coarse, kernels, light
from seston.image.kernels import BLOCK, CELL, WHITE

#: A block of a column darker than this share of the window's mean holds an object.
KEEP = 0.97
#: Side of the tiles whose medians tell the smooth level of a still frame, pixels.
TILE = 64
NOTHING = slice(0, 0)
#: Lines of a still frame that are corrected at a time.
_STRIP = 512


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


def median_level(pixels: UInt8Array) -> float:
    """Median of pixels (y, x); between the two middle ones of an even number."""
    counts = light.count_levels(pixels).cumsum()
    middle = np.array([(pixels.size - 1) // 2, pixels.size // 2])
    return float(np.searchsorted(counts, middle, side="right").mean())


@dataclass(frozen=True, eq=False)
class Lit:
    """Lines and the light that falls on them.

    Parameters
    ----------
    pixels : array (line, column), uint8
        As the camera saw them, or corrected already.
    first_line : int
        Line of ``pixels[0]`` in the deployment, or 0 for a frame of its own.
    flip : uint8
        255 where objects are bright and pixels must be turned (exclusive or), else 0.
    cells : array (cell row, cell), uint16
        Sums of the pixels of each cell, turned.
    level : array (block, column), float64
        Level of the background, turned.
    seen_level : array (line), float64, or None
        Mean level of the background of each line as the camera saw it; None: as `level` says.
    owned : slice
        Rows that are ours.
    bright : int
        Pixels at 255, as the camera saw them, of every eighth owned row.
    """

    pixels: UInt8Array
    first_line: int
    flip: np.uint8
    cells: NDArray[np.uint16]
    level: NDArray[np.float64]
    seen_level: NDArray[np.float64] | None = None
    owned: slice = field(default_factory=lambda: NOTHING)
    bright: int = 0

    @cached_property
    def scale(self) -> NDArray[np.float32]:
        """What a pixel is multiplied by, (block, column)."""
        return (WHITE / np.maximum(self.level, 1.0)).astype(np.float32)

    def limits(self, level: int) -> UInt8Array:
        """Pixels below these are darker than a corrected level, (block, column)."""
        return kernels.limits(self.scale, level)

    def faint_cells(self, share: float) -> UInt8Array:
        """0 where the mean of a cell is below a share of its background's, else 1."""
        width = self.pixels.shape[1]
        starts = np.arange(0, width, CELL)
        limit = share * np.add.reduceat(self.level, starts, axis=1)
        first = self.first_line // CELL
        return coarse.faint_cells(self.cells, first, limit, self.cell_heights)

    @property
    def cell_heights(self) -> NDArray[np.int64]:
        """Lines of each row of cells; fewer than CELL where the lines begin or end within it."""
        return _heights(self.first_line, len(self.pixels), CELL)

    def of_frame(self, frame: UInt8Array, owned: slice) -> Lit:
        """Say which rows of a still frame are ours, and look for saturated pixels in them."""
        seen = frame[owned][:: light.SAMPLED]
        return replace(self, owned=owned, bright=int(light.count_levels(seen)[255]))

    def saturated(self) -> float:
        """Share of the owned pixels at 255, looked up on every eighth line."""
        lines = len(range(*self.owned.indices(len(self.pixels)))[:: light.SAMPLED])
        return self.bright / (lines * self.pixels.shape[1]) if lines else 0.0

    def background_level(self) -> float:
        """Mean level of the background over the owned lines, as the camera saw it."""
        owned = self.owned
        if owned.stop <= owned.start:
            return float("nan")
        if self.seen_level is not None:
            return float(self.seen_level[owned].mean())
        rows = np.arange(owned.start, owned.stop) + self.first_line
        blocks = rows // BLOCK - self.first_line // BLOCK
        mean = float(np.bincount(blocks, minlength=len(self.level)) @ self.level.mean(axis=1))
        mean /= len(blocks)
        return 255 - mean if self.flip else mean


def _heights(first_line: int, lines: int, size: int) -> NDArray[np.int64]:
    begin, end = first_line, first_line + lines
    edges = np.arange(begin // size, -(-end // size) + 1) * size
    inside = np.clip(edges, begin, end)
    return np.asarray(inside[1:] - inside[:-1], np.int64)


def _flip(settings: Segmentation) -> np.uint8:
    return np.uint8(255 if settings.polarity == "bright" else 0)


def turn(pixels: UInt8Array, settings: Segmentation) -> UInt8Array:
    """Make objects dark: bright ones are turned, so that 0 becomes 255."""
    return np.asarray(pixels ^ _flip(settings), np.uint8)


def _sums(
    pixels: UInt8Array, first_line: int, flip: np.uint8, owned: slice = NOTHING
) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.uint16], int]:
    """Give sums and heights of blocks, sums of cells, and the number of owned pixels at 255."""
    n, width = pixels.shape
    heights = _heights(first_line, n, BLOCK)
    blocks = np.zeros((len(heights), width), np.uint32)
    rows = len(_heights(first_line, n, CELL))
    cells = np.zeros((rows, -(-width // CELL)), np.uint16)
    begin, end, _ = owned.indices(n)
    bright = light.add_up(pixels, first_line, flip, blocks, cells, begin, end)
    return blocks, heights, cells, bright


def light_scan(lines: UInt8Array, first_line: int, settings: Segmentation, owned: slice) -> Lit:
    """Light of a line scan: each column's running mean, without its dark blocks.

    Parameters
    ----------
    lines : array (line, column), uint8
        Consecutive lines of one scan.
    first_line : int
        Line of ``lines[0]`` in the deployment.
    settings : Segmentation
        Its `background_lines` is the window of the mean; it moves in steps of BLOCK lines.
    owned : slice
        Rows that are ours.
    """
    flip = _flip(settings)
    blocks, counts, cells, bright = _sums(lines, first_line, flip, owned)
    half = settings.background_lines // (2 * BLOCK)
    level = light.running_mean(blocks, counts, half, KEEP)
    return Lit(lines, first_line, flip, cells, level, owned=owned, bright=bright)


def light_still(frame: UInt8Array, background: UInt8Array | None, settings: Segmentation) -> Lit:
    """Light of a still frame: a picture of its background, or its own smooth level.

    Parameters
    ----------
    frame : array (y, x), uint8
        One whole frame.
    background : array (y, x), uint8, or None
        Median of the frames around, or the picture that came with the frame; None takes
        `smooth_level` of the frame itself. Nothing can be darker than where it is 0.
    settings : Segmentation
        Tells whether objects are dark or bright.

    Notes
    -----
    Memory: the frame, its background and the corrected frame, one byte a pixel each; levels in
    single precision are held of `_STRIP` lines only.
    """
    flip = _flip(settings)
    middles = np.empty((0, 0)) if background is not None else _tile_medians(frame ^ flip)
    pixels = np.empty_like(frame)
    lines = np.empty(len(frame))
    for start in range(0, len(frame), _STRIP):
        rows = slice(start, min(start + _STRIP, len(frame)))
        if background is None:
            level = _level_of(middles, rows, frame.shape)
        else:
            level = (background[rows] ^ flip).astype(np.float32)
        pixels[rows] = _divided(frame[rows], level, flip)
        lines[rows] = level.mean(axis=1, dtype=np.float64)
    _, _, cells, _ = _sums(pixels, 0, np.uint8(0))
    white = np.full((-(-len(frame) // BLOCK), frame.shape[1]), float(WHITE))
    return Lit(pixels, 0, np.uint8(0), cells, white, 255 - lines if flip else lines)


def light_of_corrected(frame: UInt8Array, settings: Segmentation) -> Lit:
    """Light of a frame that needs no correction: its pixels are only turned where bright."""
    pixels = turn(frame, settings)
    _, _, cells, _ = _sums(pixels, 0, np.uint8(0))
    white = np.full((-(-len(frame) // BLOCK), frame.shape[1]), float(WHITE))
    return Lit(pixels, 0, np.uint8(0), cells, white, np.median(frame, axis=1).astype(np.float64))


def smooth_level(frame: UInt8Array) -> NDArray[np.float32]:
    """Level of the background of one frame, from itself alone.

    Medians of tiles of 64 x 64 pixels; the median of 5 x 5 of these, so that an object must fill
    half of 320 x 320 pixels to be taken for the background; linear in between.

    Parameters
    ----------
    frame : array (y, x), uint8

    Returns
    -------
    array (y, x), float32
    """
    return _level_of(_tile_medians(frame), slice(0, len(frame)), frame.shape)


def _tile_medians(frame: UInt8Array) -> NDArray[np.floating[Any]]:
    """Give smoothed medians of the tiles, with one more tile at each side."""
    from scipy import ndimage  # a fifth of the start of a worker, and line scans do without

    height, width = frame.shape
    filled = np.pad(frame, ((0, -height % TILE), (0, -width % TILE)), mode="symmetric")
    rows, columns = filled.shape[0] // TILE, filled.shape[1] // TILE
    tiles = filled.reshape(rows, TILE, columns, TILE).swapaxes(1, 2).reshape(rows, columns, -1)
    wide = np.pad(np.median(tiles, axis=2), 3, mode="reflect", reflect_type="odd")
    smoothed: NDArray[np.floating[Any]] = ndimage.median_filter(wide, size=5)[2:-2, 2:-2]
    return smoothed


def _level_of(
    middles: NDArray[np.floating[Any]], rows: slice, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Interpolate the medians of tiles at some rows of pixels."""
    some = _between(middles, len(middles) - 2, rows)
    return _between(some.T, middles.shape[1] - 2, slice(0, shape[1])).T


def _divided(frame: UInt8Array, level: NDArray[np.float32], flip: np.uint8) -> UInt8Array:
    """Bring the background to the level of the water; it stays white where it is 0."""
    scale = (WHITE / np.maximum(level, 1)).astype(np.float32)
    pixels = kernels.correct_frame(np.ascontiguousarray(frame), scale, flip)
    pixels[level < 1] = 255
    return pixels


def _between(wider: NDArray[np.floating[Any]], tiles: int, rows: slice) -> NDArray[np.float32]:
    """Interpolate rows of tiles, with one more at each end, at some rows of pixels."""
    place = (np.arange(rows.start, rows.stop) + 0.5) / TILE + 0.5
    low = np.minimum(place.astype(int), tiles)
    share = (place - low)[:, None]
    return np.asarray((1 - share) * wider[low] + share * wider[low + 1], np.float32)
