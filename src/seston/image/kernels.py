"""Compiled loops over lines, runs of pixels and cells. They know only arrays.

A run is a stretch of foreground pixels in one line: ``edges[2 k]`` is its first column and
``edges[2 k + 1]`` the column after its last. Runs of line i are ``ptr[i] <= k < ptr[i + 1]``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from seston.frame import UInt8Array

P = ParamSpec("P")
T = TypeVar("T")

#: Lines of one step of the background, aligned on lines of the deployment.
BLOCK = 512
#: Side of the cells whose means tell large faint objects; divides BLOCK.
CELL = 8
#: Grey level of the background in a corrected picture.
WHITE = 240


def compiled(function: Callable[P, T]) -> Callable[P, T]:
    """Compile with numba on first use, keep the machine code on disk, release the GIL."""
    jit = numba.njit(cache=True, nogil=True, error_model="numpy")
    return cast("Callable[P, T]", jit(function))


def _trailing_zero_bits(_context: Any, value: Any) -> Any:  # noqa: ANN401, ARG001 - numba's
    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:  # noqa: ANN401
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


_trailing_zeros = cast("Callable[[np.uint64], np.uint64]", intrinsic(_trailing_zero_bits))


@compiled
def add_up(
    lines: UInt8Array,
    first_line: int,
    flip: np.uint8,
    blocks: NDArray[np.uint32],
    cells: NDArray[np.uint16],
) -> None:
    """Sum the pixels of each column of a block, and of each cell, in one reading.

    Blocks and cells are aligned on lines of the deployment; those at the ends may be cut.
    `flip` is 255 to turn bright into dark, else 0.
    """
    n, width = lines.shape
    group = np.zeros(width, np.uint16)
    row = 0
    while row < n:
        line = first_line + row
        stop = min(n, row + CELL - line % CELL)
        group[:] = 0
        for i in range(row, stop):
            pixels = lines[i]
            for j in range(width):
                group[j] += pixels[j] ^ flip
        block = blocks[line // BLOCK - first_line // BLOCK]
        for j in range(width):
            block[j] += group[j]
        _add_cells(group, cells[line // CELL - first_line // CELL])
        row = stop


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


@compiled
def corrected(pixel: int | np.uint8, scale: np.float32) -> int:
    """Level of a pixel where the background is at WHITE, rounded half up, at most 255."""
    return min(255, int(np.float32(pixel) * scale + np.float32(0.5)))


@compiled
def limits(scale: NDArray[np.float32], level: int) -> UInt8Array:
    """Give the smallest pixel whose corrected level is not below `level`, by block and column."""
    found = np.empty(scale.shape, np.uint8)
    for b in range(scale.shape[0]):
        for j in range(scale.shape[1]):
            pixel = min(255, int((level - 0.5) / scale[b, j]))
            while pixel < 255 and corrected(pixel, scale[b, j]) < level:
                pixel += 1
            while pixel > 0 and corrected(pixel - 1, scale[b, j]) >= level:
                pixel -= 1
            found[b, j] = pixel
    return found


@compiled
def find_runs(
    lines: UInt8Array, first_line: int, flip: np.uint8, limit: UInt8Array
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Find runs of pixels below their column's limit.

    The places where a line goes in or out of the foreground are found eight pixels at a time:
    most words of eight hold none.
    """
    n, width = lines.shape
    words = (width + 1 + 7) // 8
    inside = np.zeros(words * 8 + 1, np.uint8)
    change = np.zeros(words * 8, np.uint8)
    packed = change.view(np.uint64)
    edges = np.empty(1 << 16, np.int32)
    ptr = np.empty(n + 1, np.int64)
    ptr[0] = 0
    k = 0
    for i in range(n):
        if k + width + 1 > len(edges):
            edges = _grown(edges, k + width + 1)
        pixels = lines[i]
        bound = limit[(first_line + i) // BLOCK - first_line // BLOCK]
        for j in range(width):
            inside[j + 1] = (pixels[j] ^ flip) < bound[j]
        for j in range(width + 1):
            change[j] = inside[j] ^ inside[j + 1]
        for w in range(words):
            word = packed[w]
            while word != np.uint64(0):
                edges[k] = np.int64(8 * w) + np.int64(_trailing_zeros(word) >> np.uint64(3))
                k += 1
                word &= word - np.uint64(1)
        ptr[i + 1] = k >> 1
    return edges[:k].copy(), ptr


@compiled
def _grown(edges: NDArray[np.int32], need: int) -> NDArray[np.int32]:
    larger = np.empty(max(2 * len(edges), need), np.int32)
    larger[: len(edges)] = edges
    return larger


@compiled
def _root(parent: NDArray[np.int32], k: int) -> int:
    while parent[k] != k:
        parent[k] = parent[parent[k]]
        k = parent[k]
    return k


@compiled
def join_runs(edges: NDArray[np.int32], ptr: NDArray[np.int64]) -> NDArray[np.int32]:
    """Give each run the first run of its 8-connected component, by line and column."""
    parent = np.arange(ptr[-1]).astype(np.int32)
    for i in range(1, len(ptr) - 1):
        above = ptr[i - 1]
        for k in range(ptr[i], ptr[i + 1]):
            while above < ptr[i] and edges[2 * above + 1] < edges[2 * k]:
                above += 1
            other = above
            while other < ptr[i] and edges[2 * other] <= edges[2 * k + 1]:
                one, two = _root(parent, other), _root(parent, k)
                parent[max(one, two)] = min(one, two)
                other += 1
    for k in range(len(parent)):
        parent[k] = parent[parent[k]]  # roots come first, so one step is enough
    return parent


#: Columns of the table of components.
TOP, LEFT, BOTTOM, RIGHT, AREA, RUNS, COLUMN = range(7)


@compiled
def tabulate(
    edges: NDArray[np.int32], ptr: NDArray[np.int64], parent: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Count off the components by their first pixel; give their boxes, areas and runs.

    Returns
    -------
    array (run), int32
        The component of each run.
    array (component, 7), int64
        Top, left, bottom, right (excluded), area in pixels, runs, column of the first pixel.
    """
    which = np.empty(len(parent), np.int32)
    n = 0
    for k in range(len(parent)):
        if parent[k] == k:
            which[k] = n
            n += 1
        else:
            which[k] = which[parent[k]]
    table = np.zeros((n, 7), np.int64)
    for i in range(len(ptr) - 1):
        for k in range(ptr[i], ptr[i + 1]):
            start, end = edges[2 * k], edges[2 * k + 1]
            row = table[which[k]]
            if row[RUNS] == 0:
                row[TOP], row[LEFT], row[COLUMN] = i, start, start
            row[LEFT] = min(row[LEFT], start)
            row[RIGHT] = max(row[RIGHT], end)
            row[BOTTOM] = i + 1
            row[AREA] += end - start
            row[RUNS] += 1
    return which, table


@compiled
def mark_seeded(
    lines: UInt8Array,
    first_line: int,
    flip: np.uint8,
    limit: UInt8Array,
    edges: NDArray[np.int32],
    ptr: NDArray[np.int64],
    which: NDArray[np.int32],
    seeded: NDArray[np.bool_],
) -> None:
    """Mark the components that have a pixel below its column's limit."""
    for i in range(len(ptr) - 1):
        bound = limit[(first_line + i) // BLOCK - first_line // BLOCK]
        for k in range(ptr[i], ptr[i + 1]):
            if seeded[which[k]]:
                continue
            for j in range(edges[2 * k], edges[2 * k + 1]):
                if (lines[i, j] ^ flip) < bound[j]:
                    seeded[which[k]] = True
                    break


@compiled
def gather_runs(
    edges: NDArray[np.int32],
    ptr: NDArray[np.int64],
    which: NDArray[np.int32],
    place: NDArray[np.int64],
    starts: NDArray[np.int64],
) -> NDArray[np.int32]:
    """Put the runs (line, first column, column after the last) of chosen components in order.

    `place` gives the chosen number of a component or -1; `starts` the first run of each chosen
    one, and their total.
    """
    runs = np.empty((starts[-1], 3), np.int32)
    nxt = starts[:-1].copy()
    for i in range(len(ptr) - 1):
        for k in range(ptr[i], ptr[i + 1]):
            chosen = place[which[k]]
            if chosen >= 0:
                at = nxt[chosen]
                runs[at, 0], runs[at, 1], runs[at, 2] = i, edges[2 * k], edges[2 * k + 1]
                nxt[chosen] = at + 1
    return runs


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


@compiled
def correct_frame(lines: UInt8Array, scale: NDArray[np.float32], flip: np.uint8) -> UInt8Array:
    """Correct a whole frame, each pixel by a scale of its own."""
    out = np.empty_like(lines)
    for i in range(lines.shape[0]):
        for j in range(lines.shape[1]):
            out[i, j] = corrected(lines[i, j] ^ flip, scale[i, j])
    return out
