"""Compiled measures of an object's inside: skeleton, thickness, symmetry, roughness."""

from __future__ import annotations

from math import atan2, ceil, cos, floor, hypot, inf, log, sin, sqrt

import numpy as np

from seston.frame import UInt8Array
from seston.image.kernels import compiled
from seston.image.outline import MARGIN

#: Centre (y, x) in mm, and direction (y, x) of length 1, of the major axis.
Axis = tuple[float, float, float, float]


@compiled
def _goes(canvas: UInt8Array, y: int, x: int, second: bool) -> bool:
    """Tell whether a pixel is taken away: Guo & Hall (1989), algorithm A1."""
    p2, p3, p4 = canvas[y - 1, x], canvas[y - 1, x + 1], canvas[y, x + 1]
    p5, p6, p7 = canvas[y + 1, x + 1], canvas[y + 1, x], canvas[y + 1, x - 1]
    p8, p9 = canvas[y, x - 1], canvas[y - 1, x - 1]
    parts = (
        ((1 - p2) & (p3 | p4))
        + ((1 - p4) & (p5 | p6))
        + ((1 - p6) & (p7 | p8))
        + ((1 - p8) & (p9 | p2))
    )
    if parts != 1:
        return False
    one = (p9 | p2) + (p3 | p4) + (p5 | p6) + (p7 | p8)
    two = (p2 | p3) + (p4 | p5) + (p6 | p7) + (p8 | p9)
    if not 2 <= min(one, two) <= 3:
        return False
    if second:
        return not ((p2 | p3 | (1 - p5)) & p4)
    return not ((p6 | p7 | (1 - p9)) & p8)


@compiled
def thin(canvas: UInt8Array) -> None:
    """Thin an object to its skeleton, in place."""
    rows, columns = canvas.shape
    going = np.empty((rows * columns, 2), np.int64)
    changed = True
    while changed:
        changed = False
        for second in (False, True):
            k = 0
            for y in range(1, rows - 1):
                for x in range(1, columns - 1):
                    if canvas[y, x] and _goes(canvas, y, x, second):
                        going[k, 0], going[k, 1] = y, x
                        k += 1
            for i in range(k):
                canvas[going[i, 0], going[i, 1]] = 0
            changed = changed or k > 0


@compiled
def skeleton_size(canvas: UInt8Array, height: float, width: float) -> tuple[float, int, int, int]:
    """Measure a skeleton: its length, pixels, ends, and the points where branches meet.

    The length adds the steps from pixel to pixel; a slanted step counts where no corner of two
    straight ones does.
    """
    length, pixels, ends, meetings = 0.0, 0, 0, 0
    slanted = hypot(height, width)
    for y in range(1, canvas.shape[0] - 1):
        for x in range(1, canvas.shape[1] - 1):
            if not canvas[y, x]:
                continue
            pixels += 1
            up, down = canvas[y - 1, x], canvas[y + 1, x]
            left, right = canvas[y, x - 1], canvas[y, x + 1]
            length += right * width + down * height
            if not down:
                length += slanted * (canvas[y + 1, x + 1] * (1 - right))
                length += slanted * (canvas[y + 1, x - 1] * (1 - left))
            around = (
                up, canvas[y - 1, x + 1], right, canvas[y + 1, x + 1],
                down, canvas[y + 1, x - 1], left, canvas[y - 1, x - 1], up,
            )  # fmt: skip
            neighbours = ways = 0
            for i in range(8):
                neighbours += around[i]
                ways += around[i + 1] > around[i]
            ends += neighbours == 1
            meetings += ways >= 3
    return length, pixels, ends, meetings


@compiled
def thickness(canvas: UInt8Array, height: float, width: float) -> float:
    """Give the diameter of the largest disc inside: a line of single pixels is a pixel thick."""
    rows, columns = canvas.shape
    above = np.zeros((rows, columns))  # squared distance to the nearest empty pixel of the column
    for x in range(columns):
        steps = 0
        for y in range(rows):
            steps = steps + 1 if canvas[y, x] else 0
            above[y, x] = steps
        steps = 0
        for y in range(rows - 1, -1, -1):
            steps = steps + 1 if canvas[y, x] else 0
            above[y, x] = (min(above[y, x], steps) * height) ** 2
    largest = 0.0
    for y in range(rows):
        for x in range(columns):
            nearest = above[y, x]
            step = 1
            while nearest > largest and (step * width) ** 2 < nearest:
                side = (step * width) ** 2
                if x >= step:
                    nearest = min(nearest, above[y, x - step] + side)
                if x + step < columns:
                    nearest = min(nearest, above[y, x + step] + side)
                step += 1
            largest = max(largest, nearest)
    return 2 * sqrt(largest) - sqrt(height * width)


@compiled
def principal_axis(canvas: UInt8Array, height: float, width: float) -> Axis:
    """Give the centre (y, x) in mm and the direction (y, x) of the major axis, of length 1."""
    n = sy = sx = syy = sxy = sxx = 0.0
    for y in range(canvas.shape[0]):
        for x in range(canvas.shape[1]):
            if canvas[y, x]:
                n += 1
                sy += y
                sx += x
                syy += y * y
                sxy += x * y
                sxx += x * x
    cy, cx = sy / n, sx / n
    yy, xy, xx = syy / n - cy * cy, sxy / n - cy * cx, sxx / n - cx * cx
    angle = 0.5 * atan2(2 * xy * height * width, yy * height**2 - xx * width**2)
    return cy * height, cx * width, cos(angle), sin(angle)


@compiled
def _holds(canvas: UInt8Array, y: float, x: float) -> bool:
    """Tell whether the pixel at a place, in pixels, is of the object."""
    row, column = int(np.floor(y + 0.5)), int(np.floor(x + 0.5))
    inside = 0 <= row < canvas.shape[0] and 0 <= column < canvas.shape[1]
    return bool(inside and canvas[row, column])


@compiled
def symmetry(canvas: UInt8Array, axis: Axis, height: float, width: float) -> tuple[float, float]:
    """Give the shares of pixels whose mirror images across the axes are in the object."""
    cy, cx, along_y, along_x = axis
    n = major = minor = 0
    for y in range(canvas.shape[0]):
        for x in range(canvas.shape[1]):
            if not canvas[y, x]:
                continue
            n += 1
            off_y, off_x = y * height - cy, x * width - cx
            u = off_y * along_y + off_x * along_x
            v = off_x * along_y - off_y * along_x
            a, b = u * along_y + v * along_x, u * along_x - v * along_y
            major += _holds(canvas, (cy + a) / height, (cx + b) / width)
            minor += _holds(canvas, (cy - a) / height, (cx - b) / width)
    return major / n, minor / n


@compiled
def _reach(
    canvas: UInt8Array, axis: Axis, height: float, width: float
) -> tuple[float, float, float, float]:
    """Give the least and most places of pixels along and across the major axis, in mm."""
    cy, cx, along_y, along_x = axis
    u0 = v0 = inf
    u1 = v1 = -inf
    for y in range(canvas.shape[0]):
        for x in range(canvas.shape[1]):
            if canvas[y, x]:
                off_y, off_x = y * height - cy, x * width - cx
                u = off_y * along_y + off_x * along_x
                v = off_x * along_y - off_y * along_x
                u0, u1, v0, v1 = min(u0, u), max(u1, u), min(v0, v), max(v1, v)
    return u0, u1, v0, v1


@compiled
def thickness_ratio(canvas: UInt8Array, axis: Axis, height: float, width: float) -> float:
    """Divide the thickest cut across the major axis by the mean of the other cuts.

    Cuts are half a side of a pixel apart and hold a sample every half side; how thick one is, is
    how many of them fall on the object. They lie a quarter of a side off the middle, on both sides
    of it: a cut does not run along the edges of pixels, and the axis has no head.
    """
    cy, cx, along_y, along_x = axis
    u0, u1, v0, v1 = _reach(canvas, axis, height, width)
    step, half = min(height, width) / 2, hypot(height, width) / 2
    first, last = floor((v0 - half) / step), ceil((v1 + half) / step)
    step_y, step_x = -along_x * step / height, along_y * step / width  # in pixels
    cuts = most = total = 0
    for i in range(floor((u0 - half) / step), ceil((u1 + half) / step) + 1):
        u = (i + 0.5) * step
        y, x = (cy + u * along_y) / height, (cx + u * along_x) / width
        hits = 0
        for j in range(first, last + 1):
            hits += _holds(canvas, y + (j + 0.5) * step_y, x + (j + 0.5) * step_x)
        cuts += hits > 0
        most = max(most, hits)
        total += hits
    return most * (cuts - 1) / (total - most) if cuts > 1 else 1.0


@compiled
def _boxes(canvas: UInt8Array, size: int) -> int:
    """Count the squares of a grid that hold pixels of the border."""
    rows, columns = canvas.shape
    held = np.zeros((rows // size + 1, columns // size + 1), np.uint8)
    for y in range(MARGIN, rows - MARGIN):
        for x in range(MARGIN, columns - MARGIN):
            inner = canvas[y - 1, x] & canvas[y + 1, x] & canvas[y, x - 1] & canvas[y, x + 1]
            if canvas[y, x] and not inner:
                held[(y - MARGIN) // size, (x - MARGIN) // size] = 1
    total = 0
    for y in range(held.shape[0]):
        for x in range(held.shape[1]):
            total += held[y, x]
    return total


@compiled
def box_dimension(canvas: UInt8Array) -> float:
    """Give the box-counting dimension of the border: 1 for a line, more for a rough one.

    The slope of log(boxes) on log(1 / size) over sizes of 1, 2, 4, ... pixels up to a half of the
    longer side of the bounding box.
    """
    longest = max(canvas.shape[0], canvas.shape[1]) - 2 * MARGIN
    n = sx = sy = sxx = sxy = 0.0
    size = 1
    while size == 1 or 2 * size <= longest:
        x, y = -log(float(size)), log(float(_boxes(canvas, size)))
        n += 1
        sx += x
        sy += y
        sxx += x * x
        sxy += x * y
        size *= 2
    return (n * sxy - sx * sy) / (n * sxx - sx * sx) if n > 1 else 0.0
