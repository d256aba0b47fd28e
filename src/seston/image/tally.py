"""Compiled sums over the pixels of each object, and its vignette.

Only the object's own pixels are touched, in an order that its shape alone decides: the sums are
the same to the last bit however a scan is split.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seston.frame import UInt8Array
from seston.image.correct import Lit
from seston.image.kernels import BLOCK, BOTTOM, LEFT, RIGHT, TOP, compiled
from seston.image.segment import Found
from seston.image.words import lowest_bit

#: What is counted on each object, beside its moments.
COUNTS = np.dtype(
    [
        ("crossings_horizontal", "i8"),  # ways into the object along lines of pixels,
        ("crossings_vertical", "i8"),  # in four directions
        ("crossings_down_right", "i8"),
        ("crossings_down_left", "i8"),
        ("touches", "i8"),  # pairs of touching runs in consecutive lines
        ("hole_pixels", "i8"),
        ("minimum", "i8"),
        ("maximum", "i8"),
        ("mode", "i8"),
        ("median", "f8"),
        ("q25", "i8"),
        ("q50", "i8"),
        ("q75", "i8"),
        ("second", "f8"),  # central moments of grey levels
        ("third", "f8"),
        ("fourth", "f8"),
        ("steps", "i8"),  # sum of absolute steps to the next pixel of the line
        ("step_count", "i8"),
    ]
)
#: An array of COUNTS, one for each object.
Rows = Any
#: Powers (p of y, q of x) of the columns of moments.
POWERS = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3))


@dataclass(frozen=True, eq=False)
class Tally:
    """Sums over the pixels of objects.

    Parameters
    ----------
    counts : array (object), COUNTS
    shape, grey : array (object, 10), float64
        Sums of ``y**p x**q`` and of ``level y**p x**q``, in pixels from the corner of the bounding
        box, in the order of POWERS.
    vignettes : array (byte), uint8
        Those of all objects of the scan.
    offsets : array (object + 1), int64
        First byte of each of these objects, and the end.
    """

    counts: NDArray[Any]
    shape: NDArray[np.float64]
    grey: NDArray[np.float64]
    vignettes: UInt8Array
    offsets: NDArray[np.int64]


def cut(lit: Lit, table: NDArray[np.int64]) -> tuple[UInt8Array, NDArray[np.int64]]:
    """Cut the vignettes of objects: bytes, and the offsets of each one's first and of the end."""
    sizes = (table[:, BOTTOM] - table[:, TOP]) * (table[:, RIGHT] - table[:, LEFT])
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    vignettes = np.empty(offsets[-1], np.uint8)
    cut_vignettes(lit.pixels, lit.first_line, lit.flip, lit.scale, table, offsets, vignettes)
    return vignettes, offsets


def corrected_box(lit: Lit, top: int, bottom: int, left: int, right: int) -> UInt8Array:
    """Correct the levels of a box of rows and columns, ends excluded: array (y, x)."""
    table = np.zeros((1, 7), np.int64)
    table[0, [TOP, BOTTOM, LEFT, RIGHT]] = top, bottom, left, right
    pixels, _ = cut(lit, table)
    return pixels.reshape(bottom - top, right - left)


def tally(found: Found, vignettes: UInt8Array, offsets: NDArray[np.int64]) -> Tally:
    """Sum over the pixels of each object."""
    n = len(found.table)
    counts = np.zeros(n, COUNTS)
    shape, grey = np.zeros((n, 10)), np.zeros((n, 10))
    count_outlines(found.table, found.runs, found.starts, counts)
    sum_pixels(found.table, found.runs, found.starts, vignettes, offsets, counts, shape, grey)
    return Tally(counts, shape, grey, vignettes, offsets)


@compiled
def cut_vignettes(
    lines: UInt8Array,
    first_line: int,
    flip: np.uint8,
    scale: NDArray[np.float32],
    table: NDArray[np.int64],
    offsets: NDArray[np.int64],
    vignettes: UInt8Array,
) -> None:
    """Write the corrected levels of each bounding box, line by line."""
    for o in range(len(table)):
        left, width = table[o, LEFT], table[o, RIGHT] - table[o, LEFT]
        for i in range(table[o, TOP], table[o, BOTTOM]):
            factor = scale[(first_line + i) // BLOCK - first_line // BLOCK, left : left + width]
            pixels = lines[i, left : left + width]
            at = offsets[o] + (i - table[o, TOP]) * width
            out = vignettes[at : at + width]
            for j in range(width):
                value = np.float32(pixels[j] ^ flip) * factor[j] + np.float32(0.5)
                out[j] = np.uint8(min(value, np.float32(255.0)))


@compiled
def _shared(a: int, b: int, c: int, d: int) -> int:
    return max(0, min(b, d) - max(a, c))


@compiled
def count_outlines(
    table: NDArray[np.int64], runs: NDArray[np.int32], starts: NDArray[np.int64], counts: Rows
) -> None:
    """Count the crossings of outlines, the pairs of touching runs, and the pixels of holes."""
    for o in range(len(table)):
        first, last = starts[o], starts[o + 1]
        above = first
        touches = straight = right = left = area = 0
        for k in range(first, last):
            line, start, end = runs[k, 0], runs[k, 1], runs[k, 2]
            area += end - start
            while runs[above, 0] < line - 1 or (
                runs[above, 0] == line - 1 and runs[above, 2] < start
            ):
                above += 1
            other = above
            while runs[other, 0] == line - 1 and runs[other, 1] <= end:
                a, b = runs[other, 1], runs[other, 2]
                touches += 1
                straight += _shared(a, b, start, end)
                right += _shared(a + 1, b + 1, start, end)
                left += _shared(a - 1, b - 1, start, end)
                other += 1
        row = counts[o]
        row.touches = touches
        row.crossings_horizontal = last - first
        row.crossings_vertical = area - straight
        row.crossings_down_right = area - right
        row.crossings_down_left = area - left
        if last - first - touches < 1:
            row.hole_pixels = _hole_pixels(runs[first:last])


@compiled
def _hole_pixels(runs: NDArray[np.int32]) -> int:
    """Count the pixels between runs that no path of 8-neighbours leads out of.

    That is what scikit-image fills for its `area_filled`.

    Gap k lies before run k, on the same line as run k - 1; gap 0 stands for the outside.
    """
    n = len(runs)
    parent = np.arange(n)
    top, bottom = runs[0, 0], runs[n - 1, 0]
    above = 0  # first run of the line above
    here = 0  # first run of this line
    for k in range(n):
        line = runs[k, 0]
        if line != runs[here, 0]:
            above, here = here, k
        inner = k > here
        if inner and line in (top, bottom):
            _link(parent, k, 0)
        if line == top:
            continue
        last = k + 1 == n or runs[k + 1, 0] != line
        for m in range(above, here + 1):  # gaps of the line above: before run m; the last: after it
            left = -1 if m == above else runs[m - 1, 2]
            right = 1 << 30 if m == here else runs[m, 1]
            other = 0 if m in (above, here) else m
            if inner and left <= runs[k, 1] and right >= runs[k - 1, 2]:
                _link(parent, k, other)
            if k == here and left <= runs[k, 1]:
                _link(parent, other, 0)
            if last and right >= runs[k, 2]:
                _link(parent, other, 0)
    total = 0
    for k in range(1, n):
        if runs[k, 0] == runs[k - 1, 0] and _find(parent, k) != 0:
            total += runs[k, 1] - runs[k - 1, 2]
    return total


@compiled
def _find(parent: NDArray[np.int64], k: int) -> int:
    while parent[k] != k:
        parent[k] = parent[parent[k]]
        k = parent[k]
    return k


@compiled
def _link(parent: NDArray[np.int64], a: int, b: int) -> None:
    a, b = _find(parent, a), _find(parent, b)
    parent[max(a, b)] = min(a, b)


@compiled
def sum_pixels(
    table: NDArray[np.int64],
    runs: NDArray[np.int32],
    starts: NDArray[np.int64],
    vignettes: UInt8Array,
    offsets: NDArray[np.int64],
    counts: Rows,
    shape: NDArray[np.float64],
    grey: NDArray[np.float64],
) -> None:
    """Sum powers of the positions and grey levels, and count the levels."""
    levels = np.zeros(256, np.int32)
    seen = np.zeros(256, np.uint8)
    for o in range(len(table)):
        width = table[o, RIGHT] - table[o, LEFT]
        steps = step_count = np.int64(0)
        lowest, highest = np.int64(255), np.int64(0)
        for k in range(starts[o], starts[o + 1]):
            y = runs[k, 0] - table[o, TOP]
            start, end = runs[k, 1] - table[o, LEFT], runs[k, 2] - table[o, LEFT]
            at = offsets[o] + y * width
            line = vignettes[at : at + width]
            sx = sxx = sxxx = np.int64(0)
            g0 = g1 = g2 = g3 = np.int64(0)
            before = np.int64(line[start])
            for x in range(start, end):
                level = np.int64(line[x])
                levels[level] += 1
                seen[level] = 1
                steps += abs(level - before)
                before = level
                lowest, highest = min(lowest, level), max(highest, level)
                xx = x * x
                sx += x
                sxx += xx
                sxxx += xx * x
                g0 += level
                g1 += level * x
                g2 += level * xx
                g3 += level * xx * x
            if end < width:
                steps += abs(np.int64(line[end]) - before)
            step_count += min(end, width - 1) - start
            _spread(shape[o], float(y), float(end - start), float(sx), float(sxx), float(sxxx))
            _spread(grey[o], float(y), float(g0), float(g1), float(g2), float(g3))
        counts[o].steps = steps
        counts[o].step_count = step_count
        counts[o].minimum, counts[o].maximum = lowest, highest
        _count_levels(levels, seen, counts[o], shape[o, 0], grey[o, 0])


@compiled
def _spread(
    sums: NDArray[np.float64], y: float, s0: float, s1: float, s2: float, s3: float
) -> None:
    """Add the sums of one run at height y to the moments, in the order of POWERS."""
    sums[0] += s0
    sums[1] += s0 * y
    sums[2] += s1
    sums[3] += s0 * y * y
    sums[4] += s1 * y
    sums[5] += s2
    sums[6] += s0 * y * y * y
    sums[7] += s1 * y * y
    sums[8] += s2 * y
    sums[9] += s3


@compiled
def _count_levels(
    levels: NDArray[np.int32],
    seen: UInt8Array,
    row: Any,  # noqa: ANN401 - one of COUNTS
    n: float,
    total: float,
) -> None:
    """Order statistics and central moments of grey levels; empties `levels` and `seen` again.

    The lowest and the highest level are known. Most of those between are not there: `seen` tells
    eight of them at a time.
    """
    mean, pixels = total / n, np.int64(n)
    words = seen.view(np.uint64)
    below = most = mode = np.int64(0)
    lower = q25 = q50 = q75 = np.int64(-1)
    second = third = fourth = 0.0
    for w in range(row.minimum // 8, row.maximum // 8 + 1):
        word = words[w]
        words[w] = np.uint64(0)
        while word != np.uint64(0):
            level = np.int64(8 * w) + np.int64(lowest_bit(word) >> np.uint64(3))
            word &= word - np.uint64(1)
            count = np.int64(levels[level])
            levels[level] = 0
            if count > most:
                most, mode = count, level
            below += count
            if q25 < 0 and 4 * below > pixels:
                q25 = level
            if lower < 0 and 2 * below >= pixels:
                lower = level
            if q50 < 0 and 2 * below > pixels:
                q50 = level
            if q75 < 0 and 4 * below > 3 * pixels:
                q75 = level
            off = level - mean
            second += count * off * off
            third += count * off * off * off
            fourth += count * off * off * off * off
    row.mode, row.median = mode, 0.5 * (lower + q50)
    row.q25, row.q50, row.q75 = q25, q50, q75
    row.second, row.third, row.fourth = second / n, third / n, fourth / n
