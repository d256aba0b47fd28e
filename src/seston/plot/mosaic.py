"""Mosaics of vignettes at one scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from seston.plot.cells import FloatArray
from seston.plot.style import INK, plain, styled

WATER = 240
UInt8Array = NDArray[np.uint8]


@styled
def mosaic(
    vignettes: Sequence[UInt8Array],
    pixel_height: ArrayLike,
    pixel_width: ArrayLike,
    *,
    title: str = "",
    unit: str = "mm",
    columns_px: int = 680,
    rows_px: int = 250,
    ax: Axes | None = None,
) -> Axes:
    """Draw vignettes side by side at one scale, with a bar of that scale.

    Pixels that are not square are drawn as they were in the water. The scale is chosen from
    the vignettes; those that find no room are left out (`arrange` says which).

    Parameters
    ----------
    vignettes : sequence of array (height, width), uint8
        Grey levels, background at 240.
    pixel_height, pixel_width : float or array (vignette,), mm
        Size of a pixel across the lines and along a line.
    title : str
        Said above the mosaic.
    unit : str
        Of the sizes of pixels, where they are not known in mm.
    columns_px, rows_px : int
        Most pixels of the mosaic.
    ax : Axes, optional
        Where to draw; else a new figure of the mosaic's own size.

    Returns
    -------
    Axes
        Its data coordinates are millimetres, or the unit.
    """
    heights, widths = (_each(size, len(vignettes)) for size in (pixel_height, pixel_width))
    sizes = np.array(
        [
            (v.shape[0] * h, v.shape[1] * w)
            for v, h, w in zip(vignettes, heights, widths, strict=True)
        ]
    ).reshape(-1, 2)
    scale = px_per_mm(sizes, columns_px, rows_px)
    pixels = np.maximum(1, np.rint(sizes * scale)).astype(int)
    places, used = arrange(pixels, columns_px, rows_px)
    canvas = np.full((max(used, 24), columns_px), WATER, np.uint8)
    for (top, left), vignette, (high, wide) in zip(places, vignettes, pixels, strict=True):
        if top >= 0:
            canvas[top : top + high, left : left + wide] = _resized(vignette, high, wide)
    if ax is None:
        high = canvas.shape[0] / 100 + 0.52
        figure = Figure(figsize=(columns_px / 100, high))
        ax = figure.add_axes((0, 0.24 / high, 1, canvas.shape[0] / 100 / high))
    _show(ax, canvas, scale, title, unit)
    return ax


def px_per_mm(sizes: FloatArray, columns_px: int, rows_px: int) -> float:
    """Scale at which most objects (height, width; mm) are seen and most of them fit."""
    if not len(sizes):
        return 20.0
    usual = float(np.percentile(sizes.max(axis=1), 75))
    crowded = np.sqrt(columns_px * rows_px / float((sizes.prod(axis=1) + 1e-9).sum()) * 0.6)
    return float(min(84 / usual, crowded, 0.9 * columns_px / usual))


def arrange(
    pixels: NDArray[np.int64], columns_px: int, rows_px: int, gap: int = 5
) -> tuple[list[tuple[int, int]], int]:
    """Put boxes (height, width) on shelves, in their order.

    Returns
    -------
    places : list of (top, left)
        (-1, -1) for a box that found no room.
    used : int
        Rows of pixels used.
    """
    places: list[tuple[int, int]] = []
    top, left, shelf = gap, gap, 0
    for high, wide in pixels:
        if left + wide + gap > columns_px and shelf:
            top, left, shelf = top + shelf + gap, gap, 0
        if wide + 2 * gap > columns_px or top + high + gap > rows_px:
            places.append((-1, -1))
            continue
        places.append((top, left))
        left, shelf = left + int(wide) + gap, max(shelf, int(high))
    return places, top + shelf + gap


def _each(size: ArrayLike, n: int) -> FloatArray:
    return np.broadcast_to(np.asarray(size, float), (n,))


def _resized(vignette: UInt8Array, high: int, wide: int) -> UInt8Array:
    import cv2

    shrinks = high < vignette.shape[0]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(np.ascontiguousarray(vignette), (wide, high), interpolation=how))


def _show(ax: Axes, canvas: UInt8Array, scale: float, title: str, unit: str) -> None:
    high, wide = canvas.shape[0] / scale, canvas.shape[1] / scale
    ax.imshow(
        canvas, cmap="gray", vmin=0, vmax=255, extent=(0, wide, high, 0), interpolation="nearest"
    )
    ax.set_axis_off()
    if title:
        ax.set_title(plain(title), fontsize=9)
    length = _round_length(wide * 0.16)
    below = high + 9 / scale
    ax.plot([0, length], [below, below], color=INK, lw=2.2, clip_on=False, solid_capstyle="butt")
    ax.text(length + 5 / scale, below, f"{length:g} {unit}", va="center", fontsize=8, clip_on=False)
    ax.set(xlim=(0, wide), ylim=(high, 0))


def _round_length(longest: float) -> float:
    steps = [float(f"{m}e{e}") for e in range(-4, 4) for m in (1, 2, 5)]
    return max([s for s in steps if s <= longest], default=steps[0])
