"""The second set of features: those that need a picture of each object, not only its runs.

Each object is drawn on a canvas of its own with an empty margin.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seston.features import FEATURES
from seston.frame import UInt8Array
from seston.image import interior, outline, shade
from seston.image.kernels import BOTTOM, LEFT, RIGHT, TOP, compiled
from seston.image.measure import Columns
from seston.image.outline import MARGIN
from seston.image.segment import Found
from seston.image.tally import Tally

#: All costly features, in the order of the registry.
NAMES = tuple(name for name, feature in FEATURES.items() if feature.group == "costly")

#: Those measured on the canvas; the others are ratios of these.
DRAWN = np.dtype(
    [
        ("perimeter", "f8"),
        ("perimeter_traced", "f8"),
        ("perimeter_convex", "f8"),
        ("area_convex", "f8"),
        ("feret_diameter_max", "f8"),
        ("feret_diameter_min", "f8"),
        ("skeleton_length", "f8"),
        ("skeleton_area", "f8"),
        ("skeleton_ends", "f8"),
        ("skeleton_branches", "f8"),
        ("thickness_max", "f8"),
        ("thickness_ratio", "f8"),
        ("symmetry_major", "f8"),
        ("symmetry_minor", "f8"),
        ("symmetry_major_q75", "f8"),
        ("symmetry_minor_q75", "f8"),
        ("parts_q25", "f8"),
        ("parts_q50", "f8"),
        ("parts_q75", "f8"),
        ("fractal_dimension", "f8"),
        ("intensity_contrast", "f8"),
        ("centroid_gamma5_local-0", "f8"),
        ("centroid_gamma5_local-1", "f8"),
    ]
)
#: One row, or an array, of DRAWN.
Row = Any
Rows = Any
#: Power of the grey level in the centre of the brightest parts: ZooProcess's gamma of 5.
GAMMA = 5


def measure_costly(
    found: Found, tally: Tally, cheap: Columns, pixel_height: float, pixel_width: float
) -> Columns:
    """All costly features, by name.

    Parameters
    ----------
    found : Found
        Objects and their runs.
    tally : Tally
        Sums over their pixels, and their vignettes.
    cheap : dict of arrays (object)
        Their cheap features.
    pixel_height, pixel_width : float, mm
        Size of a pixel across lines and along a line.
    """
    rows = np.zeros(len(found.table), DRAWN)
    _measure_all(
        found.table, found.runs, found.starts, tally.counts, tally.vignettes, tally.offsets,
        pixel_height, pixel_width, rows,
    )  # fmt: skip
    columns = {name: rows[name] for name in DRAWN.names or ()}
    return columns | _ratios(columns, cheap, sqrt(pixel_height * pixel_width))


def _ratios(drawn: Columns, cheap: Columns, pixel: float) -> Columns:
    """Shape as ratios of sizes: pure numbers, whatever the pixel.

    Those of ZooProcess, as its export of 2017-12-01 (7.26) corrected them.
    """
    area, outer = cheap["area"], drawn["perimeter_traced"]
    feret = drawn["feret_diameter_max"]
    return {
        "solidity": area / drawn["area_convex"],
        "circularity_traced": 4 * pi * area / outer**2,
        "circularity_traced_filled": 4 * pi * cheap["area_filled"] / outer**2,
        "perimeter_area_ratio": outer / np.sqrt(area),
        "feret_area_ratio": feret / np.sqrt(area),
        "perimeter_feret_ratio": outer / feret,
        "perimeter_major_ratio": outer / np.maximum(cheap["axis_major_length"], pixel),
    }


@compiled
def _measure_all(
    table: NDArray[np.int64],
    runs: NDArray[np.int32],
    starts: NDArray[np.int64],
    counts: Rows,
    vignettes: UInt8Array,
    offsets: NDArray[np.int64],
    height: float,
    width: float,
    rows: Rows,
) -> None:
    for o in range(len(table)):
        mine = runs[starts[o] : starts[o + 1]]
        top, left, bottom, right = table[o, TOP], table[o, LEFT], table[o, BOTTOM], table[o, RIGHT]
        levels = vignettes[offsets[o] : offsets[o + 1]].reshape((bottom - top, right - left))
        canvas = draw(mine, top, left, bottom, right)
        _measure_outline(canvas, height, width, rows[o])
        _measure_shades(canvas, levels, height, width, rows[o])
        _measure_parts(mine, levels, top, left, counts[o], height, width, rows[o])
        _measure_inside(canvas, height, width, rows[o])


@compiled
def _measure_outline(canvas: UInt8Array, height: float, width: float, row: Row) -> None:
    low, high = outline.fill_hull(*outline.extents(canvas))
    corners = outline.hull(low, high, height, width)
    row.perimeter = outline.border_length(canvas) * sqrt(height * width)
    row.perimeter_traced = outline.traced_length(canvas, height, width)
    row.perimeter_convex = outline.polygon_length(corners)
    row.area_convex = np.sum(high - low + 1) * height * width
    row.feret_diameter_max, row.feret_diameter_min = outline.feret(corners)
    row.fractal_dimension = interior.box_dimension(canvas)


@compiled
def _measure_shades(
    canvas: UInt8Array, levels: UInt8Array, height: float, width: float, row: Row
) -> None:
    row.intensity_contrast = shade.contrast(canvas, levels)
    y, x = shade.bright_centre(canvas, levels, GAMMA)
    row["centroid_gamma5_local-0"], row["centroid_gamma5_local-1"] = y * height, x * width


@compiled
def _measure_parts(
    runs: NDArray[np.int32],
    levels: UInt8Array,
    top: int,
    left: int,
    count: Row,
    height: float,
    width: float,
    row: Row,
) -> None:
    row.parts_q25 = shade.count_parts(runs, levels, top, left, count.q25)
    row.parts_q50 = shade.count_parts(runs, levels, top, left, count.q50)
    part, row.parts_q75 = shade.largest_part(runs, levels, top, left, count.q75)
    axis = interior.principal_axis(part, height, width)
    row.symmetry_major_q75, row.symmetry_minor_q75 = interior.symmetry(part, axis, height, width)


@compiled
def _measure_inside(canvas: UInt8Array, height: float, width: float, row: Row) -> None:
    """Measure the inside; in the end the canvas holds the skeleton."""
    axis = interior.principal_axis(canvas, height, width)
    row.symmetry_major, row.symmetry_minor = interior.symmetry(canvas, axis, height, width)
    row.thickness_max = interior.thickness(canvas, height, width)
    row.thickness_ratio = interior.thickness_ratio(canvas, axis, height, width)
    interior.thin(canvas)
    row.skeleton_length, pixels, row.skeleton_ends, row.skeleton_branches = interior.skeleton_size(
        canvas, height, width
    )
    row.skeleton_area = pixels * height * width


@compiled
def draw(runs: NDArray[np.int32], top: int, left: int, bottom: int, right: int) -> UInt8Array:
    """Draw an object as ones on zeros, with a margin."""
    canvas = np.zeros((bottom - top + 2 * MARGIN, right - left + 2 * MARGIN), np.uint8)
    for k in range(len(runs)):
        line = canvas[runs[k, 0] - top + MARGIN]
        line[runs[k, 1] - left + MARGIN : runs[k, 2] - left + MARGIN] = 1
    return canvas
