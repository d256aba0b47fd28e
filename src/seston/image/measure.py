"""Formulas: from sums over the pixels of objects to features in mm.

Each follows scikit-image's `regionprops` with ``spacing=(pixel_height, pixel_width)`` where that
has it; what is ours says so. Hu's invariants and the Crofton perimeter, which scikit-image gives
for square pixels only, are the same there and true for others.
"""

from __future__ import annotations

from math import atan2, hypot, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from seston.image.kernels import BOTTOM, COLUMN, LEFT, RIGHT, TOP, WHITE, compiled
from seston.image.tally import POWERS, Tally

Columns = dict[str, NDArray[np.float64]]
Moments = dict[tuple[int, int], NDArray[np.float64]]


def measure(
    table: NDArray[np.int64], tally: Tally, pixel_height: float, pixel_width: float
) -> Columns:
    """All cheap features, by name.

    Parameters
    ----------
    table : array (object, 7), int64
        See `seston.image.kernels.tabulate`.
    tally : Tally
        Sums over the pixels of the same objects.
    pixel_height, pixel_width : float, mm
        Size of a pixel across lines and along a line.
    """
    spacing = (pixel_height, pixel_width)
    shape = _named(tally.shape, spacing)
    grey = _named(tally.grey, spacing)
    columns = _sizes(table, tally, spacing)
    columns |= _ellipse(shape, columns["area"], spacing)
    columns |= _centres(shape, grey)
    columns["centroid_offset_ratio"] = columns["centroid_offset"] / np.sqrt(columns["area"])
    columns |= _hu("moments_hu", shape, pixel_height * pixel_width)
    columns |= _hu("moments_weighted_hu", grey, pixel_height * pixel_width)
    return columns | _levels(tally, spacing)


def _named(sums: NDArray[np.float64], spacing: tuple[float, float]) -> Moments:
    """Name sums by their powers, with positions in mm."""
    height, width = spacing
    sums = np.ascontiguousarray(sums.T)
    return {(p, q): sums[i] * height**p * width**q for i, (p, q) in enumerate(POWERS)}


def _sizes(table: NDArray[np.int64], tally: Tally, spacing: tuple[float, float]) -> Columns:
    counts, pixel = tally.counts, spacing[0] * spacing[1]
    pixels, holes = tally.shape[:, 0], counts["hole_pixels"]
    height = (table[:, BOTTOM] - table[:, TOP]) * spacing[0]
    width = (table[:, RIGHT] - table[:, LEFT]) * spacing[1]
    area, perimeter = pixels * pixel, _crofton(tally, spacing)
    return {
        "area": area,
        "area_filled": (pixels + holes) * pixel,
        "area_bbox": height * width,
        "height": height,
        "width": width,
        "equivalent_diameter_area": np.sqrt(4 * area / pi),
        "extent": area / (height * width),
        "perimeter_crofton": perimeter,
        "circularity": 4 * pi * area / perimeter**2,
        "hole_percentage": 100 * holes / (pixels + holes),
        "first_column_local": (table[:, COLUMN] - table[:, LEFT]) * spacing[1],
        "euler_number": (counts["crossings_horizontal"] - counts["touches"]).astype(float),
    }


def _crofton(tally: Tally, spacing: tuple[float, float]) -> NDArray[np.float64]:
    """Length of outlines by the Cauchy-Crofton formula in four directions.

    Each direction stands for the angles nearest to it, and its lines are as far apart as the
    pixels set them. With square pixels it is scikit-image's `perimeter_crofton`.
    """
    height, width = spacing
    counts = tally.counts
    diagonal = atan2(height, width)
    slanted = counts["crossings_down_right"] + counts["crossings_down_left"]
    length: NDArray[np.float64] = (
        diagonal * height * counts["crossings_horizontal"]
        + (pi / 2 - diagonal) * width * counts["crossings_vertical"]
        + pi / 4 * height * width / hypot(height, width) * slanted
    )
    return length


def _ellipse(shape: Moments, area: NDArray[np.float64], spacing: tuple[float, float]) -> Columns:
    n = shape[0, 0]
    y, x = shape[1, 0] / n, shape[0, 1] / n
    yy = (shape[2, 0] - y * shape[1, 0]) / n
    xy = (shape[1, 1] - y * shape[0, 1]) / n
    xx = (shape[0, 2] - x * shape[0, 1]) / n
    spread = np.sqrt(4 * xy**2 + (xx - yy) ** 2)
    large = (xx + yy + spread) / 2
    small = np.maximum((xx + yy - spread) / 2, 0)
    major, minor = 4 * np.sqrt(large), 4 * np.sqrt(small)
    angle = 0.5 * np.arctan2(2 * xy, yy - xx)
    round_ = np.where(xy > 0, pi / 4, -pi / 4)  # as scikit-image has it where axes are equal
    pixel = sqrt(spacing[0] * spacing[1])
    return {
        "axis_major_length": major,
        "axis_minor_length": minor,
        "eccentricity": np.sqrt(
            1 - np.divide(small, large, out=np.ones_like(area), where=large > 0)
        ),
        "orientation": np.where(xx == yy, round_, angle),
        "elongation": np.maximum(major, pixel) / np.maximum(minor, pixel),
    }


def _centres(shape: Moments, grey: Moments) -> Columns:
    y, x = shape[1, 0] / shape[0, 0], shape[0, 1] / shape[0, 0]
    weight = np.maximum(grey[0, 0], 1)  # an object that is black all over has no centre of grey
    black = grey[0, 0] == 0
    gy, gx = np.where(black, y, grey[1, 0] / weight), np.where(black, x, grey[0, 1] / weight)
    return {
        "centroid_local-0": y,
        "centroid_local-1": x,
        "centroid_weighted_local-0": gy,
        "centroid_weighted_local-1": gx,
        "centroid_offset": np.hypot(gy - y, gx - x),
    }


def _hu(name: str, raw: Moments, pixel: float) -> Columns:
    """Hu's seven invariants (1962) of moments over an area in mm2; 0 for what is black all over."""
    mass = np.where(raw[0, 0] > 0, raw[0, 0], 1.0)
    moments = (mass, *(raw[power] for power in POWERS[1:]))
    values = _invariants(moments, pixel, (mass * pixel) ** 2, (mass * pixel) ** 2.5)
    return {f"{name}-{i}": value for i, value in enumerate(values)}


@compiled
def _invariants(
    moments: tuple[NDArray[np.float64], ...],
    pixel: float,
    second: NDArray[np.float64],
    third: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Hu's invariants of moments in the order of POWERS; `second`, `third`: what each is over."""
    hu = np.empty((7, len(second)))
    m00, m10, m01, m20, m11, m02, m30, m21, m12, m03 = moments
    for i in range(len(second)):
        y, x = m10[i] / m00[i], m01[i] / m00[i]
        by2, by3 = second[i], third[i]
        nu20 = (m20[i] - y * m10[i]) * pixel / by2
        nu11 = (m11[i] - y * m01[i]) * pixel / by2
        nu02 = (m02[i] - x * m01[i]) * pixel / by2
        nu30 = (m30[i] - 3 * y * m20[i] + 2 * y**2 * m10[i]) * pixel / by3
        nu21 = (m21[i] - 2 * y * m11[i] - x * m20[i] + 2 * y**2 * m01[i]) * pixel / by3
        nu12 = (m12[i] - 2 * x * m11[i] - y * m02[i] + 2 * x**2 * m10[i]) * pixel / by3
        nu03 = (m03[i] - 3 * x * m02[i] + 2 * x**2 * m01[i]) * pixel / by3
        a, b = nu30 + nu12, nu21 + nu03
        c, d = nu30 - 3 * nu12, 3 * nu21 - nu03
        e, f = nu20 - nu02, nu11
        hu[0, i] = nu20 + nu02
        hu[1, i] = e**2 + 4 * f**2
        hu[2, i] = c**2 + d**2
        hu[3, i] = a**2 + b**2
        hu[4, i] = c * a * (a**2 - 3 * b**2) + d * b * (3 * a**2 - b**2)
        hu[5, i] = e * (a**2 - b**2) + 4 * f * a * b
        hu[6, i] = d * a * (a**2 - 3 * b**2) - c * b * (3 * a**2 - b**2)
    return hu


def _levels(tally: Tally, spacing: tuple[float, float]) -> Columns:
    counts, pixels, total = tally.counts, tally.shape[:, 0], tally.grey[:, 0]
    mean, std = total / pixels, np.sqrt(counts["second"])
    low, high = counts["minimum"].astype(float), counts["maximum"].astype(float)
    span = high - low
    flat = span == 0
    safe = np.where(flat, 1.0, std)
    steps = counts["steps"] / np.maximum(counts["step_count"], 1)
    return {
        "darkness": (pixels - total / WHITE) * spacing[0] * spacing[1],
        "intensity_mean": mean,
        "intensity_std": std,
        "intensity_min": low,
        "intensity_max": high,
        "intensity_range": span,
        "intensity_median": counts["median"],
        "intensity_mode": counts["mode"].astype(float),
        "intensity_q25": counts["q25"].astype(float),
        "intensity_q50": counts["q50"].astype(float),
        "intensity_q75": counts["q75"].astype(float),
        "intensity_skewness": np.where(flat, 0, counts["third"] / safe**3),
        "intensity_kurtosis": np.where(flat, 0, counts["fourth"] / safe**4 - 3),
        "intensity_sum": total,
        "intensity_cv": 100 * std / np.maximum(mean, 1 / 256),
        "intensity_sr": 100 * std / np.where(flat, 1.0, span),
        "intensity_cumulative_slope": _cumulative_slope(low, high, mean, counts["second"]),
        "intensity_mean_position": (mean - low) / np.where(flat, 1.0, span),
        "gradient_mean": steps / spacing[1],
    }


def _cumulative_slope(
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    mean: NDArray[np.float64],
    variance: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Slope of the cumulative histogram: that of the line of least squares through it.

    Its points are the shares of pixels at or below a level, from the level before the lowest (none)
    to the highest (all). Their sums follow from the moments of the levels: a pixel of level g is
    in the shares of g, g + 1, ... up to the highest.
    """
    points = high - low + 2
    middle = (high + low - 1) / 2
    shares = high + 1 - mean
    moment = (high * (high + 1) - (variance + mean**2 - mean)) / 2
    slope: NDArray[np.float64] = (moment - middle * shares) * 12 / (points * (points**2 - 1))
    return slope
