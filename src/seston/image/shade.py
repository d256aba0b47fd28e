"""Compiled measures of how grey levels lie in an object: contrast, parts by level, bright centre.

`levels` are the grey levels of the object's bounding box, (y, x), as in its vignette.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seston.frame import UInt8Array
from seston.image.kernels import AREA, BOTTOM, TOP, compiled, join_runs, tabulate
from seston.image.outline import MARGIN

#: Stands for "one pixel of the object" above the grey levels: eight of them add up to less.
ONE = 4096


@compiled
def _shaded(canvas: UInt8Array, levels: UInt8Array) -> NDArray[np.int32]:
    """Give ONE and the grey level for the object's pixels on its canvas, 0 around."""
    shade = np.zeros(canvas.shape, np.int32)
    for y in range(levels.shape[0]):
        for x in range(levels.shape[1]):
            if canvas[y + MARGIN, x + MARGIN]:
                shade[y + MARGIN, x + MARGIN] = ONE + levels[y, x]
    return shade


@compiled
def contrast(canvas: UInt8Array, levels: UInt8Array) -> float:
    """Contrast of Amadasun & King (1989), among the pixels of the object.

    Mean squared difference between the levels of two pixels drawn at random, over the number of
    pairs of different levels n (n - 1), times the mean difference of a pixel from the mean of its
    neighbours. Neighbours are those of the eight that belong to the object, as in pyradiomics;
    levels are not grouped. 0 for an object of one level, or of one pixel.
    """
    shade = _shaded(canvas, levels)
    counts = np.zeros(256, np.int64)
    n, steps = 0, 0.0
    for y in range(MARGIN, canvas.shape[0] - MARGIN):
        above, here, below = shade[y - 1], shade[y], shade[y + 1]
        for x in range(MARGIN, canvas.shape[1] - MARGIN):
            if here[x] == 0:
                continue
            around = above[x - 1] + above[x] + above[x + 1] + here[x - 1]
            around += here[x + 1] + below[x - 1] + below[x] + below[x + 1]
            if around == 0:
                continue
            level = here[x] - ONE
            counts[level] += 1
            n += 1
            steps += abs(level - (around % ONE) / (around // ONE))
    different, variance = _spread_of(counts, n)
    if different < 2:
        return 0.0
    return 2 * variance / (different * (different - 1)) * steps / n


@compiled
def _spread_of(counts: NDArray[np.int64], n: int) -> tuple[int, float]:
    """Give how many levels there are and their variance."""
    different, mean, variance = 0, 0.0, 0.0
    for level in range(256):
        different += counts[level] > 0
        mean += level * counts[level]
    mean /= max(n, 1)
    for level in range(256):
        variance += counts[level] * (level - mean) ** 2
    return different, variance / max(n, 1)


@compiled
def bright_centre(canvas: UInt8Array, levels: UInt8Array, power: int) -> tuple[float, float]:
    """Give the centre of the object's pixels, each weighted by a power of its grey level.

    In pixels (y, x) from the first pixel of the box; the centre of area where all is black.
    """
    weights = np.empty(256)
    for level in range(256):
        weights[level] = float(level) ** power
    mass = my = mx = n = sy = sx = 0.0
    for y in range(levels.shape[0]):
        line, inside = levels[y], canvas[y + MARGIN]
        for x in range(levels.shape[1]):
            if inside[x + MARGIN]:
                weight = weights[line[x]]
                mass += weight
                my += weight * y
                mx += weight * x
                n += 1
                sy += y
                sx += x
    if mass == 0:
        return sy / n, sx / n
    return my / mass, mx / mass


@compiled
def dark_runs(
    runs: NDArray[np.int32], levels: UInt8Array, top: int, left: int, limit: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Find the runs of pixels of an object at or below a grey level.

    `runs` are those of the object (line, first column, column after the last); the answer is in
    lines and columns of its box, as `kernels.join_runs` takes it.
    """
    pixels = 0
    for k in range(len(runs)):
        pixels += runs[k, 2] - runs[k, 1]
    edges = np.empty(pixels + len(runs), np.int32)  # a run of n pixels holds (n + 1) / 2 at most
    ptr = np.zeros(levels.shape[0] + 1, np.int64)
    k = 0
    for r in range(len(runs)):
        line, end = runs[r, 0] - top, runs[r, 2] - left
        inside = False
        for x in range(runs[r, 1] - left, end):
            dark = levels[line, x] <= limit
            if dark != inside:
                edges[k] = x
                k += 1
                inside = dark
        if inside:
            edges[k] = end
            k += 1
        ptr[line + 1] = k // 2
    return edges[:k].copy(), ptr


@compiled
def count_parts(
    runs: NDArray[np.int32], levels: UInt8Array, top: int, left: int, limit: int
) -> int:
    """Count the 8-connected parts of an object at or below a grey level."""
    edges, ptr = dark_runs(runs, levels, top, left, limit)
    parent = join_runs(edges, ptr)
    parts = 0
    for k in range(len(parent)):
        parts += parent[k] == k
    return parts


@compiled
def largest_part(
    runs: NDArray[np.int32], levels: UInt8Array, top: int, left: int, limit: int
) -> tuple[UInt8Array, int]:
    """Draw the largest 8-connected part of an object at or below a grey level; count the parts.

    The first of equals, by the line and column of their first pixel. On a canvas of the part's
    own lines and of the object's columns, with a margin. `limit` is not below the lowest level.
    """
    edges, ptr = dark_runs(runs, levels, top, left, limit)
    which, table = tabulate(edges, ptr, join_runs(edges, ptr))
    largest = 0
    for part in range(len(table)):
        if table[part, AREA] > table[largest, AREA]:
            largest = part
    first, last = table[largest, TOP], table[largest, BOTTOM]
    canvas = np.zeros((last - first + 2 * MARGIN, levels.shape[1] + 2 * MARGIN), np.uint8)
    for line in range(first, last):
        for k in range(ptr[line], ptr[line + 1]):
            if which[k] == largest:
                begin, end = edges[2 * k] + MARGIN, edges[2 * k + 1] + MARGIN
                canvas[line - first + MARGIN, begin:end] = 1
    return canvas, len(table)
