"""Compiled measures of an object's outline: its length, hull and Feret diameters."""

from __future__ import annotations

from math import hypot, inf, sqrt

import numpy as np
from numpy.typing import NDArray

from seston.frame import UInt8Array
from seston.image.kernels import compiled

#: Empty pixels around an object on its canvas.
MARGIN = 2


@compiled
def border_length(canvas: UInt8Array) -> float:
    """Measure the line through the border's pixels, in pixels.

    scikit-image's `perimeter` with a neighbourhood of 4: Benkrid, Crookes & Benkrid (2000).
    """
    rows, columns = canvas.shape
    border = np.zeros((rows, columns), np.int64)
    for y in range(1, rows - 1):
        for x in range(1, columns - 1):
            inner = canvas[y - 1, x] & canvas[y + 1, x] & canvas[y, x - 1] & canvas[y, x + 1]
            border[y, x] = canvas[y, x] & (1 - inner)
    length = 0.0
    for y in range(1, rows - 1):
        for x in range(1, columns - 1):
            if border[y, x]:
                length += _border_weight(border, y, x)
    return length


@compiled
def _border_weight(b: NDArray[np.int64], y: int, x: int) -> float:
    straight = b[y - 1, x] + b[y + 1, x] + b[y, x - 1] + b[y, x + 1]
    slant = b[y - 1, x - 1] + b[y - 1, x + 1] + b[y + 1, x - 1] + b[y + 1, x + 1]
    code = 1 + 2 * straight + 10 * slant
    if code in (5, 7, 15, 17, 25, 27):
        return 1.0
    if code in (21, 33):
        return sqrt(2.0)
    return (1 + sqrt(2.0)) / 2 if code in (13, 23) else 0.0


@compiled
def _sides(canvas: UInt8Array, y: int, x: int, dy: int, dx: int) -> tuple[int, int]:
    """Give the two pixels ahead of a corner of pixels: on the left and on the right hand."""
    if dx == 1:
        return canvas[y - 1, x], canvas[y, x]
    if dx == -1:
        return canvas[y, x - 1], canvas[y - 1, x - 1]
    if dy == 1:
        return canvas[y, x], canvas[y, x - 1]
    return canvas[y - 1, x - 1], canvas[y - 1, x]


@compiled
def traced_length(canvas: UInt8Array, height: float, width: float) -> float:
    """Measure the outer outline along the edges of pixels, with every other corner cut.

    ImageJ's perimeter of a traced, 8-connected outline: a corner is replaced by a diagonal unless
    the side before it is one pixel long and began with a corner that was cut.
    """
    y, x = MARGIN, MARGIN
    while canvas[y, x] == 0:
        x += 1
    begin_y, begin_x = y, x  # the upper left corner of the first pixel
    dy, dx = 0, 1  # clockwise: the object is on the right hand
    length, side, cut, cuts = 0.0, 0, False, 0
    while True:
        y, x = y + dy, x + dx
        length += height * abs(dy) + width * abs(dx)
        side += 1
        left, right = _sides(canvas, y, x, dy, dx)
        if not left and right:
            continue
        cut = side > 1 or not cut
        cuts += cut
        side = 0
        dy, dx = (-dx, dy) if left else (dx, -dy)
        if y == begin_y and x == begin_x:
            return length - cuts * (height + width - hypot(height, width))


@compiled
def extents(canvas: UInt8Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last column of each line of the object, in pixels of its canvas."""
    rows = canvas.shape[0] - 2 * MARGIN
    low, high = np.empty(rows, np.int64), np.empty(rows, np.int64)
    for i in range(rows):
        line = canvas[i + MARGIN]
        first, last = 0, len(line) - 1
        while line[first] == 0:
            first += 1
        while line[last] == 0:
            last -= 1
        low[i], high[i] = first, last
    return low, high


@compiled
def _chain(low: NDArray[np.int64], sign: int) -> NDArray[np.int64]:
    """Give the left (sign 1) or right (-1) side of the hull: rows (y, x), in half pixels.

    The hull is that of the middles of the edges of pixels. A row of half pixels that is odd lies
    in the middle of a line, an even one between two lines.
    """
    n = len(low)
    chain = np.empty((2 * n + 1, 2), np.int64)
    k = 0
    for h in range(2 * n + 1):
        if h % 2:
            x = 2 * low[h // 2] - sign
        elif h == 0 or h == 2 * n:
            x = 2 * low[min(h // 2, n - 1)]
        else:
            x = sign * min(sign * 2 * low[h // 2 - 1], sign * 2 * low[h // 2])
        while k >= 2:
            rise, run = chain[k - 1, 0] - chain[k - 2, 0], chain[k - 1, 1] - chain[k - 2, 1]
            if sign * (run * (h - chain[k - 2, 0]) - (x - chain[k - 2, 1]) * rise) < 0:
                break  # the last corner sticks out
            k -= 1
        chain[k, 0], chain[k, 1] = h, x
        k += 1
    return chain[:k].copy()


@compiled
def fill_hull(
    low: NDArray[np.int64], high: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give first and last column of each line of the convex hull's pixels.

    A pixel is inside where its middle is, or lies on the border: scikit-image's
    `convex_hull_image`.
    """
    left, right = _chain(low, 1), _chain(high, -1)
    inner_low, inner_high = np.empty_like(low), np.empty_like(high)
    a = b = 0
    for i in range(len(low)):
        h = 2 * i + 1
        while left[a + 1, 0] < h:
            a += 1
        while right[b + 1, 0] < h:
            b += 1
        rise = left[a + 1, 0] - left[a, 0]
        x = left[a, 1] * rise + (left[a + 1, 1] - left[a, 1]) * (h - left[a, 0])
        inner_low[i] = -((-x) // (2 * rise))
        rise = right[b + 1, 0] - right[b, 0]
        x = right[b, 1] * rise + (right[b + 1, 1] - right[b, 1]) * (h - right[b, 0])
        inner_high[i] = x // (2 * rise)
    return inner_low, inner_high


@compiled
def hull(
    low: NDArray[np.int64], high: NDArray[np.int64], height: float, width: float
) -> NDArray[np.float64]:
    """Give the corners (y, x) of the convex hull of filled lines, in order, in mm."""
    left, right = _chain(low, 1), _chain(high, -1)
    corners = np.empty((len(left) + len(right), 2))
    for i in range(len(left)):
        corners[i, 0], corners[i, 1] = left[i, 0] * height / 2, left[i, 1] * width / 2
    for i in range(len(right)):
        at = len(corners) - 1 - i
        corners[at, 0], corners[at, 1] = right[i, 0] * height / 2, right[i, 1] * width / 2
    return corners


@compiled
def polygon_length(corners: NDArray[np.float64]) -> float:
    """Sum the sides of a closed polygon."""
    total = 0.0
    for i in range(len(corners)):
        before, here = corners[i - 1], corners[i]
        total += hypot(here[0] - before[0], here[1] - before[1])
    return total


@compiled
def feret(corners: NDArray[np.float64]) -> tuple[float, float]:
    """Give the longest and the shortest distance between two parallel tangents of a hull."""
    longest, shortest = 0.0, inf
    for i in range(len(corners)):
        y, x = corners[i]
        side_y, side_x = y - corners[i - 1, 0], x - corners[i - 1, 1]
        side = hypot(side_y, side_x)
        away = 0.0
        for j in range(len(corners)):
            off_y, off_x = corners[j, 0] - y, corners[j, 1] - x
            longest = max(longest, hypot(off_y, off_x))
            if side > 0:
                away = max(away, abs(off_y * side_x - off_x * side_y) / side)
        if side > 0:
            shortest = min(shortest, away)
    return longest, shortest
