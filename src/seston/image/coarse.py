"""Compiled loops over cells of 8 x 8 pixels, whose means tell large faint objects."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seston.frame import UInt8Array
from seston.image.kernels import BLOCK, CELL, compiled


@compiled
def faint_cells(
    cells: NDArray[np.uint16],
    first_cell: int,
    limit: NDArray[np.float64],
    heights: NDArray[np.int64],
) -> UInt8Array:
    """0 where a cell's sum is below the limit of a line of it times its lines, else 1."""
    found = np.empty(cells.shape, np.uint8)
    per = BLOCK // CELL
    for r in range(cells.shape[0]):
        bound = limit[(first_cell + r) // per - first_cell // per]
        for c in range(cells.shape[1]):
            found[r, c] = cells[r, c] >= bound[c] * heights[r]
    return found


@compiled
def count_inside(
    edges: NDArray[np.int32], ptr: NDArray[np.int64], line: int, left: int, right: int
) -> int:
    """Pixels of the runs of a line that lie between two columns."""
    low, high = ptr[line], ptr[line + 1]
    while low < high:  # the first run that ends after `left`
        middle = (low + high) // 2
        if edges[2 * middle + 1] <= left:
            low = middle + 1
        else:
            high = middle
    total = 0
    while low < ptr[line + 1] and edges[2 * low] < right:
        total += min(right, edges[2 * low + 1]) - max(left, edges[2 * low])
        low += 1
    return total


@compiled
def count_fine(
    edges: NDArray[np.int32],
    ptr: NDArray[np.int64],
    cell_edges: NDArray[np.int32],
    cell_ptr: NDArray[np.int64],
    which: NDArray[np.int32],
    chosen: NDArray[np.bool_],
    offset: int,
) -> NDArray[np.int64]:
    """Pixels of runs inside the cells of each chosen component of cells.

    Cell row r covers the lines from ``CELL r - offset``.
    """
    inside = np.zeros(len(chosen), np.int64)
    for r in range(len(cell_ptr) - 1):
        begin, stop = max(0, CELL * r - offset), min(len(ptr) - 1, CELL * (r + 1) - offset)
        for k in range(cell_ptr[r], cell_ptr[r + 1]):
            if chosen[which[k]]:
                left, right = CELL * cell_edges[2 * k], CELL * cell_edges[2 * k + 1]
                for line in range(begin, stop):
                    inside[which[k]] += count_inside(edges, ptr, line, left, right)
    return inside


@compiled
def merge_runs(
    edges: NDArray[np.int32],
    ptr: NDArray[np.int64],
    cell_edges: NDArray[np.int32],
    cell_ptr: NDArray[np.int64],
    chosen: NDArray[np.bool_],
    offset: int,
    width: int,
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.bool_]]:
    """Unite the runs of each line with the chosen runs of cells over it.

    Returns
    -------
    edges, ptr
        The united runs.
    array (run), bool
        Which of them hold pixels of cells.
    """
    n = len(ptr) - 1
    most = len(edges) // 2 + CELL * (len(cell_edges) // 2)
    out = np.empty(2 * most, np.int32)
    faint = np.zeros(most, np.bool_)
    out_ptr = np.zeros(n + 1, np.int64)
    k = 0
    for i in range(n):
        row = (i + offset) // CELL
        fine, last = ptr[i], ptr[i + 1]
        cell, last_cell = cell_ptr[row], cell_ptr[row + 1]
        begin = k
        while True:
            while cell < last_cell and not chosen[cell]:
                cell += 1
            if fine >= last and cell >= last_cell:
                break
            from_cell = fine >= last or (
                cell < last_cell and CELL * cell_edges[2 * cell] <= edges[2 * fine]
            )
            if from_cell:
                start, end = CELL * cell_edges[2 * cell], CELL * cell_edges[2 * cell + 1]
                cell += 1
            else:
                start, end = edges[2 * fine], edges[2 * fine + 1]
                fine += 1
            end = min(end, width)
            if k > begin and start <= out[2 * k - 1]:
                out[2 * k - 1] = max(out[2 * k - 1], end)
                faint[k - 1] |= from_cell
            else:
                out[2 * k], out[2 * k + 1] = start, end
                faint[k] = from_cell
                k += 1
        out_ptr[i + 1] = k
    return out[: 2 * k].copy(), out_ptr, faint[:k].copy()
