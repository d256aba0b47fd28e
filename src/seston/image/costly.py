"""The second set of features: those that need a picture of each object, not only its runs.

Each object is drawn on a canvas of its own with an empty margin.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from seston.features import FEATURES
from seston.frame import UInt8Array
from seston.image import interior, outline
from seston.image.kernels import BOTTOM, LEFT, RIGHT, TOP, compiled
from seston.image.outline import MARGIN
from seston.image.segment import Found

NAMES = tuple(name for name, feature in FEATURES.items() if feature.costly)


def measure_costly(
    found: Found, pixel_height: float, pixel_width: float
) -> dict[str, NDArray[np.float64]]:
    """All costly features, by name.

    Parameters
    ----------
    found : Found
        Objects and their runs.
    pixel_height, pixel_width : float, mm
        Size of a pixel across lines and along a line.
    """
    values = np.zeros((len(found.table), len(NAMES)))
    _measure_all(found.table, found.runs, found.starts, pixel_height, pixel_width, values)
    return {name: values[:, i] for i, name in enumerate(NAMES)}


@compiled
def _measure_all(
    table: NDArray[np.int64],
    runs: NDArray[np.int32],
    starts: NDArray[np.int64],
    height: float,
    width: float,
    values: NDArray[np.float64],
) -> None:
    """Fill one row for each object, in the order of NAMES."""
    for o in range(len(table)):
        mine = runs[starts[o] : starts[o + 1]]
        canvas = draw(mine, table[o, TOP], table[o, LEFT], table[o, BOTTOM], table[o, RIGHT])
        pixels = 0
        for k in range(len(mine)):
            pixels += mine[k, 2] - mine[k, 1]
        low, high = outline.fill_hull(*outline.extents(canvas))
        convex = np.sum(high - low + 1)
        corners = outline.hull(low, high, height, width)
        row = values[o]
        row[0] = outline.border_length(canvas) * sqrt(height * width)
        row[1] = outline.traced_length(canvas, height, width)
        row[2] = outline.polygon_length(corners)
        row[3] = convex * height * width
        row[4] = pixels / convex
        row[5], row[6] = outline.feret(corners)
        row[10] = interior.thickness(canvas, height, width)
        row[11], row[12] = interior.symmetry(canvas, height, width)
        row[13] = interior.box_dimension(canvas)
        interior.thin(canvas)
        row[7], row[8], row[9] = interior.skeleton_size(canvas, height, width)


@compiled
def draw(runs: NDArray[np.int32], top: int, left: int, bottom: int, right: int) -> UInt8Array:
    """Draw an object as ones on zeros, with a margin."""
    canvas = np.zeros((bottom - top + 2 * MARGIN, right - left + 2 * MARGIN), np.uint8)
    for k in range(len(runs)):
        line = canvas[runs[k, 0] - top + MARGIN]
        line[runs[k, 1] - left + MARGIN : runs[k, 2] - left + MARGIN] = 1
    return canvas
