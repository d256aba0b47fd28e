"""Compiled loops over all pixels, which tell the light: sums of blocks and cells, levels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seston.frame import UInt8Array
from seston.image.kernels import BLOCK, CELL, compiled

#: Of so many lines, one is looked at for saturated pixels.
SAMPLED = 8


@compiled
def add_up(
    lines: UInt8Array,
    first_line: int,
    flip: np.uint8,
    blocks: NDArray[np.uint32],
    cells: NDArray[np.uint16],
    begin: int,
    end: int,
) -> int:
    """Sum the pixels of each column of a block, and of each cell, in one reading.

    Blocks and cells are aligned on lines of the deployment; those at the ends may be cut.
    `flip` is 255 to turn bright into dark, else 0. Return how many pixels of every eighth line
    from `begin` to `end` are at 255 as the camera saw them.
    """
    n, width = lines.shape
    group = np.zeros(width, np.uint16)
    bright = 0
    row = 0
    while row < n:
        line = first_line + row
        stop = min(n, row + CELL - line % CELL)
        if stop - row == CELL:
            _add_eight(lines, row, group)
        else:
            _add_few(lines, row, stop, group)
        if flip:
            for j in range(width):
                group[j] = 255 * (stop - row) - group[j]
        block = blocks[line // BLOCK - first_line // BLOCK]
        for j in range(width):
            block[j] += group[j]
        _add_cells(group, cells[line // CELL - first_line // CELL])
        sampled = row + (begin - row) % SAMPLED
        if begin <= sampled < min(stop, end):
            bright += _count_bright(lines[sampled])
        row = stop
    return bright


@compiled
def _count_bright(pixels: UInt8Array) -> int:
    count = np.uint32(0)
    for j in range(len(pixels)):
        count += np.uint32(pixels[j] == 255)
    return int(count)


@compiled
def _add_eight(lines: UInt8Array, row: int, group: NDArray[np.uint16]) -> None:
    """Sum the columns of the eight lines of a cell, without a way through memory between them."""
    a, b, c, d = lines[row], lines[row + 1], lines[row + 2], lines[row + 3]
    e, f, g, h = lines[row + 4], lines[row + 5], lines[row + 6], lines[row + 7]
    for j in range(len(group)):
        upper = np.uint16(a[j]) + np.uint16(b[j]) + np.uint16(c[j]) + np.uint16(d[j])
        lower = np.uint16(e[j]) + np.uint16(f[j]) + np.uint16(g[j]) + np.uint16(h[j])
        group[j] = upper + lower


@compiled
def _add_few(lines: UInt8Array, row: int, stop: int, group: NDArray[np.uint16]) -> None:
    group[:] = 0
    for i in range(row, stop):
        pixels = lines[i]
        for j in range(len(group)):
            group[j] += pixels[j]


@compiled
def _add_cells(group: NDArray[np.uint16], cells: NDArray[np.uint16]) -> None:
    whole = len(group) // CELL
    for c in range(whole):
        total = np.uint16(0)
        for j in range(CELL):
            total += group[c * CELL + j]
        cells[c] = total
    for j in range(whole * CELL, len(group)):
        cells[whole] += group[j]


@compiled
def count_levels(lines: UInt8Array) -> NDArray[np.int64]:
    """Count the pixels at each of 256 levels."""
    counts = np.zeros(256, np.int64)
    for i in range(lines.shape[0]):
        for j in range(lines.shape[1]):
            counts[lines[i, j]] += 1
    return counts


@compiled
def running_mean(
    blocks: NDArray[np.uint32], counts: NDArray[np.int64], half: int, keep: float
) -> NDArray[np.float64]:
    """Mean level of each column over the blocks up to `half` away, without dark blocks.

    A block whose column is darker than `keep` times the mean of the window holds an object there
    and is left out.
    """
    n, width = blocks.shape
    level = np.empty((n, width))
    mean = np.empty(width)
    total = np.empty(width)
    seen = np.empty(width)
    for b in range(n):
        low, high = max(0, b - half), min(n, b + half + 1)
        total[:] = 0.0
        for i in range(low, high):
            for j in range(width):
                total[j] += blocks[i, j]
        lines = counts[low:high].sum()
        for j in range(width):
            mean[j] = keep * total[j] / lines
        total[:] = 0.0
        seen[:] = 0.0
        for i in range(low, high):
            for j in range(width):
                kept = 1.0 if blocks[i, j] >= mean[j] * counts[i] else 0.0
                total[j] += kept * blocks[i, j]
                seen[j] += kept * counts[i]
        for j in range(width):
            level[b, j] = total[j] / seen[j]
    return level
