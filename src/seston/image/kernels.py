"""Compiled loops over lines, runs of pixels and cells. They know only arrays.

A run is a stretch of foreground pixels in one line: ``edges[2 k]`` is its first column and
``edges[2 k + 1]`` the column after its last. Runs of line i are ``ptr[i] <= k < ptr[i + 1]``.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt
from typing import ParamSpec, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from seston.frame import UInt8Array
from seston.image.words import LANES, lowest_bit, pixels_below

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


@compiled
def corrected(pixel: int | np.uint8, scale: np.float32) -> int:
    """Level of a pixel where the background is at WHITE, rounded half up, at most 255."""
    return min(255, int(np.float32(pixel) * scale + np.float32(0.5)))


@compiled
def limits(scale: NDArray[np.float32], level: int) -> UInt8Array:
    """Give the smallest pixel whose corrected level is not below `level`, by block and column.

    A division tells it but for one more or less; which, the correction itself says. (No branch:
    the loop runs over many columns at once.)
    """
    found = np.empty(scale.shape, np.uint8)
    half, one = np.float32(0.5), np.float32(1)
    for b in range(scale.shape[0]):
        row = scale[b]
        for j in range(len(row)):
            guess = np.float32(np.int32(np.float32(level - 0.5) / row[j]))
            pixel = guess - one
            pixel += np.float32((guess - one) * row[j] + half < level)
            pixel += np.float32(guess * row[j] + half < level)
            pixel += np.float32((guess + one) * row[j] + half < level)
            found[b, j] = np.uint8(max(np.float32(0), min(pixel, np.float32(255))))
    return found


@compiled
def find_runs(
    lines: UInt8Array, first_line: int, flip: np.uint8, limit: UInt8Array
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Find runs of pixels below their column's limit.

    The places where a line goes in or out of the foreground are found 64 pixels at a time: most
    words of 64 hold none.
    """
    n, width = lines.shape
    whole = width // LANES
    edges = np.empty(1 << 16, np.int32)
    ptr = np.empty(n + 1, np.int64)
    ptr[0] = 0
    k = 0
    for i in range(n):
        if k + width + 1 > len(edges):
            edges = _grown(edges, k + width + 1)
        pixels = lines[i]
        bound = limit[(first_line + i) // BLOCK - first_line // BLOCK]
        last = np.uint64(0)  # whether the last pixel of the word before is in the foreground
        for w in range(whole + 1):
            if w < whole:
                dark = pixels_below(pixels, LANES * w, flip, bound)
            else:
                dark = _rest_below(pixels, LANES * w, flip, bound)
            change = dark ^ ((dark << np.uint64(1)) | last)
            last = dark >> np.uint64(LANES - 1)
            while change != np.uint64(0):
                edges[k] = LANES * w + np.int64(lowest_bit(change))
                k += 1
                change &= change - np.uint64(1)
        ptr[i + 1] = k >> 1
    return edges[:k].copy(), ptr


@compiled
def _rest_below(pixels: UInt8Array, start: int, flip: np.uint8, bound: UInt8Array) -> np.uint64:
    """Do what `pixels_below` does for the end of a line, fewer than LANES pixels or none."""
    dark = np.uint64(0)
    for j in range(start, len(pixels)):
        dark |= np.uint64((pixels[j] ^ flip) < bound[j]) << np.uint64(j - start)
    return dark


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
def choose(
    table: NDArray[np.int64],
    whole: NDArray[np.bool_],
    longest: int,
    pixel: float,
    smallest: float,
    largest: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Choose components of the right size among those that are ours and whole.

    Parameters
    ----------
    longest : int
        Lines of the longest that is kept.
    pixel : float
        Area of a pixel.
    smallest, largest : float
        Equivalent diameters of those that are kept.

    Returns
    -------
    array (component), int64
        Number among the chosen ones, or -1.
    array (chosen + 1), int64
        First run of each chosen one, and their total.
    array (3), int64
        How many are too small, too large, too long.
    """
    place = np.full(len(table), -1, np.int64)
    starts = np.zeros(len(table) + 1, np.int64)
    left_out = np.zeros(3, np.int64)
    n = 0
    for c in range(len(table)):
        if not whole[c]:
            continue
        diameter = 2 / sqrt(pi) * sqrt(table[c, AREA] * pixel)
        if table[c, BOTTOM] - table[c, TOP] > longest:
            left_out[2] += 1
        elif diameter < smallest:
            left_out[0] += 1
        elif diameter > largest:
            left_out[1] += 1
        else:
            place[c] = n
            n += 1
            starts[n] = starts[n - 1] + table[c, RUNS]
    return place, starts[: n + 1].copy(), left_out


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
def correct_frame(lines: UInt8Array, scale: NDArray[np.float32], flip: np.uint8) -> UInt8Array:
    """Correct a whole frame, each pixel by a scale of its own."""
    out = np.empty_like(lines)
    for i in range(lines.shape[0]):
        for j in range(lines.shape[1]):
            out[i, j] = corrected(lines[i, j] ^ flip, scale[i, j])
    return out


@compiled
def turn(block: NDArray[np.float32], table: NDArray[np.float32]) -> None:
    """Write the rows of a block as columns of a table."""
    for j in range(len(table)):
        for i in range(len(block)):
            table[j, i] = block[i, j]
