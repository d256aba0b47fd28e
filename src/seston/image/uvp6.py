"""The 55 features that a UVP6 measures on board: in pixels and grey levels, white on black.

Definitions as in the camera's compiled code (PyPI: uvpec 1.0.0), which takes x before y: so the
seventh of Hu's invariants has the opposite sign to scikit-image's. The object's pixels are those by
which it was found: with the instrument's preset the largest 8-connected piece above the threshold.
Levels are 255 less ours: those of the file where light was not corrected.
"""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seston.frame import UInt8Array
from seston.image.kernels import BOTTOM, LEFT, RIGHT, TOP, compiled
from seston.image.measure import Columns
from seston.image.segment import Found

#: Powers (p of x, q of y) of the central moments.
POWERS = ((2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3))
#: What is counted on each object.
COUNTS = np.dtype(
    [(name, "f8") for name in ("area", "x", "y", "intden", "xm", "ym")]
    + [(name, "f8") for name in ("min", "max", "mode", "histcum1", "median", "histcum3")]
    + [("variance", "f8"), ("shape", "f8", (7,)), ("grey", "f8", (7,))]
)
#: One row, or an array, of COUNTS.
Row = Any
Rows = Any


def measure_uvp6(found: Found, vignettes: UInt8Array, offsets: NDArray[np.int64]) -> Columns:
    """Measure the UVP6 features of objects, by name.

    Parameters
    ----------
    found : Found
        Objects and their runs.
    vignettes : array (byte), uint8
        Their vignettes: objects dark, one after the other.
    offsets : array (object + 1), int64
        First byte of each vignette, and the end.

    Returns
    -------
    dict of arrays (object), float64
        A number for every object: position in the range and `sr` are 0 where the range is 0, `cv`
        and the grey invariants where all levels are.
    """
    rows = np.zeros(len(found.table), COUNTS)
    _count_all(found.table, found.runs, found.starts, vignettes, offsets, rows)
    box = {
        "width": (found.table[:, RIGHT] - found.table[:, LEFT]).astype(float),
        "height": (found.table[:, BOTTOM] - found.table[:, TOP]).astype(float),
    }
    columns = _sizes(rows, box) | _levels(rows) | _ellipse(rows)
    for prefix, moments, mass in (("", "shape", "area"), ("gray_", "grey", "intden")):
        columns |= _moments(prefix, rows[moments], rows[mass])
    return {f"uvp6_{name}": values for name, values in columns.items()}


def _sizes(rows: Rows, box: Columns) -> Columns:
    area = rows["area"]
    bbox_area = box["width"] * box["height"]
    return box | {
        "area": area,
        "esd": np.sqrt(4 * area / pi),
        "bbox_area": bbox_area,
        "extent": area / bbox_area,
        **{name: rows[name] for name in ("x", "y", "xm", "ym")},
    }


def _levels(rows: Rows) -> Columns:
    mean, std = rows["intden"] / rows["area"], np.sqrt(rows["variance"])
    span = rows["max"] - rows["min"]
    wide, lit = np.where(span > 0, span, 1.0), np.where(mean > 0, mean, 1.0)
    same = ("min", "max", "mode", "histcum1", "median", "histcum3", "intden")
    return {name: rows[name] for name in same} | {
        "mean": mean,
        "stddev": std,
        "range": span,
        "meanpos": (mean - rows["min"]) / wide,
        "cv": 100 * std / lit,
        "sr": 100 * std / wide,
    }


def _ellipse(rows: Rows) -> Columns:
    xx, xy, yy = (rows["shape"][:, i] / rows["area"] for i in range(3))
    spread = np.hypot(2 * xy, xx - yy)
    large, small = (xx + yy + spread) / 2, np.maximum((xx + yy - spread) / 2, 0)
    share = np.divide(small, large, out=np.ones_like(large), where=large > 0)
    return {
        "major": 4 * np.sqrt(large),
        "minor": 4 * np.sqrt(small),
        "angle": 0.5 * np.arctan2(2 * xy, xx - yy),
        "eccentricity": np.sqrt(1 - share),
    }


def _moments(prefix: str, mu: NDArray[np.float64], mass: NDArray[np.float64]) -> Columns:
    """Central moments and Hu's seven invariants (1962) of them."""
    whole = np.where(mass > 0, mass, 1.0)
    n20, n11, n02, n30, n21, n12, n03 = (
        mu[:, i] / whole ** (1 + (p + q) / 2) for i, (p, q) in enumerate(POWERS)
    )
    a, b = n30 + n12, n21 + n03
    c, d = n30 - 3 * n12, 3 * n21 - n03
    e = n20 - n02
    invariants = (
        n20 + n02,
        e**2 + 4 * n11**2,
        c**2 + d**2,
        a**2 + b**2,
        c * a * (a**2 - 3 * b**2) + d * b * (3 * a**2 - b**2),
        e * (a**2 - b**2) + 4 * n11 * a * b,
        d * a * (a**2 - 3 * b**2) - c * b * (3 * a**2 - b**2),
    )
    return {
        **{f"{prefix}central_moment-{p}-{q}": mu[:, i] for i, (p, q) in enumerate(POWERS)},
        **{f"{prefix}hu_moment-{i}": value for i, value in enumerate(invariants, start=1)},
    }


@compiled
def _count_all(
    table: NDArray[np.int64],
    runs: NDArray[np.int32],
    starts: NDArray[np.int64],
    vignettes: UInt8Array,
    offsets: NDArray[np.int64],
    rows: Rows,
) -> None:
    for o in range(len(table)):
        top, left = table[o, TOP], table[o, LEFT]
        shape = (table[o, BOTTOM] - top, table[o, RIGHT] - left)
        levels = vignettes[offsets[o] : offsets[o + 1]].reshape(shape)
        mine = runs[starts[o] : starts[o + 1]]
        _count_levels(mine, levels, top, left, rows[o])
        _count_moments(mine, levels, top, left, rows[o])


@compiled
def _count_levels(
    runs: NDArray[np.int32], levels: UInt8Array, top: int, left: int, row: Row
) -> None:
    """Count the levels, and find the centres of area and of grey."""
    counts = np.zeros(256, np.int64)
    n = sx = sy = grey = gx = gy = np.int64(0)
    for k in range(len(runs)):
        y = np.int64(runs[k, 0] - top)
        for x in range(runs[k, 1] - left, runs[k, 2] - left):
            level = 255 - np.int64(levels[y, x])
            counts[level] += 1
            n += 1
            sx += x
            sy += y
            grey += level
            gx += level * x
            gy += level * y
    row.area, row.intden = n, grey
    row.x, row.y = sx / n, sy / n
    row.xm, row.ym = (gx / grey, gy / grey) if grey > 0 else (sx / n, sy / n)
    _order(counts, n, grey / n, row)


@compiled
def _order(counts: NDArray[np.int64], n: np.int64, mean: float, row: Row) -> None:
    """Order statistics and variance of levels that are counted."""
    below = most = np.int64(0)
    row.min = row.histcum1 = row.median = row.histcum3 = -1
    variance = 0.0
    for level in range(256):
        count = counts[level]
        if count == 0:
            continue
        if row.min < 0:
            row.min = level
        row.max = level
        if count > most:
            most, row.mode = count, level
        below += count
        if row.histcum1 < 0 and 4 * below > n:
            row.histcum1 = level
        if row.median < 0 and 2 * below > n:
            row.median = level
        if row.histcum3 < 0 and 4 * below > 3 * n:
            row.histcum3 = level
        variance += count * (level - mean) ** 2
    row.variance = variance / n


@compiled
def _count_moments(
    runs: NDArray[np.int32], levels: UInt8Array, top: int, left: int, row: Row
) -> None:
    """Sum the powers of distances from the centres, in the order of POWERS."""
    for k in range(len(runs)):
        line = runs[k, 0] - top
        for column in range(runs[k, 1] - left, runs[k, 2] - left):
            _add(row.shape, column - row.x, line - row.y, 1.0)
            level = 255.0 - levels[line, column]
            _add(row.grey, column - row.xm, line - row.ym, level)


@compiled
def _add(sums: NDArray[np.float64], x: float, y: float, weight: float) -> None:
    sums[0] += weight * x * x
    sums[1] += weight * x * y
    sums[2] += weight * y * y
    sums[3] += weight * x * x * x
    sums[4] += weight * x * x * y
    sums[5] += weight * x * y * y
    sums[6] += weight * y * y * y
