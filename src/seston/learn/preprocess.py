"""From ragged vignettes to what a network takes: squares of one size, and the size they lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from seston.errors import InputError

UInt8Array = NDArray[np.uint8]
Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]

BACKGROUND = 240
"""Grey level of the water in a vignette: objects are darker."""

OBJECT_LEVEL = 220
"""A pixel darker than this counts as object: 0.92 of the background."""

SIZE_INPUTS = ("log_height", "log_width", "log_equivalent_diameter")

Polarity = Literal["auto", "dark", "bright"]

FOOTER: Final = 31
"""Lines of the footer that EcoTaxa draws under a vignette of a UVP6 (``footerheight_px``)."""

_BAR_LEFT, _BAR_UP, _SHORTEST_BAR = 9, 4, 10
"""First column of EcoTaxa's scale bar, its line from below, and the least that is believed."""
_BLANK_ABOVE = 10
"""Lines of the footer above its text."""
_NEAR, _FAR = 24, 128
"""Grey levels that JPEG can move a plain ground by, and that a bar is from it at least."""


def pixel_sizes(n_vignettes: int, pixel_size_mm: ArrayLike | None) -> Float64Array:
    """Give the height and width of a pixel of each vignette, 1 where not told.

    Parameters
    ----------
    n_vignettes : int
        How many vignettes there are.
    pixel_size_mm : array (2,) or (n_vignettes, 2), mm, optional
        Height (across the lines) and width (along a line) of a pixel, of all or of each.

    Returns
    -------
    array (n_vignettes, 2)

    Raises
    ------
    InputError
        The shape is another, or a size is not a positive number.
    """
    if pixel_size_mm is None:
        return np.ones((n_vignettes, 2))
    given = np.asarray(pixel_size_mm, np.float64)
    if given.shape not in {(2,), (n_vignettes, 2)}:
        raise InputError(
            f"pixel sizes have the shape {given.shape} for {n_vignettes} vignettes",
            cure="Give height and width of a pixel, for all vignettes or for each.",
        )
    if not (np.isfinite(given).all() and (given > 0).all()):
        raise InputError("a pixel size is not a positive number", cure="Give sizes in mm.")
    return np.broadcast_to(given, (n_vignettes, 2))


def check_vignettes(vignettes: Sequence[UInt8Array]) -> None:
    """Refuse what is not a grey picture.

    Raises
    ------
    InputError
        A vignette is not an array (y, x) of uint8, or has no pixel.
    """
    for i, vignette in enumerate(vignettes):
        shape, dtype = np.shape(vignette), getattr(vignette, "dtype", None)
        if dtype != np.uint8 or len(shape) != 2 or 0 in shape:
            raise InputError(
                f"vignette {i} is not a grey picture: shape {shape}, type {dtype}",
                cure="Vignettes are arrays (y, x) of uint8 with at least one pixel.",
            )


def border_median(vignette: UInt8Array) -> int:
    """Give the median level of the border of a vignette: its background.

    Parameters
    ----------
    vignette : array (y, x), uint8
        With at least one pixel.
    """
    border = np.concatenate((vignette[0], vignette[-1], vignette[:, 0], vignette[:, -1]))
    border.sort()
    return int(border[len(border) // 2])


def is_blank(vignette: UInt8Array) -> bool:
    """Say whether a vignette shows nothing: it has no pixel, or all have one level."""
    if vignette.size == 0:
        return True
    first, middle = vignette[0, 0], vignette[len(vignette) // 2, vignette.shape[1] // 2]
    return bool(first == middle and (vignette == first).all())


def footer_lines(vignette: UInt8Array) -> int:
    """Count the lines at the bottom of a vignette in which EcoTaxa drew a scale bar.

    Parameters
    ----------
    vignette : array (y, x), uint8

    Returns
    -------
    int
        `FOOTER`, or 0 where there is none.

    Notes
    -----
    EcoTaxa (``VignetteMaker`` of its server) puts 31 lines of one level below the picture: 254
    under a turned one, 0 under a raw one. In the fourth line from below, from the tenth column on,
    is the bar, in the colour of the text, with a tick at each end that reaches two lines down. A
    footer of another height is cut by `crop_bottom` of `open_learning_set`.
    """
    if vignette.shape[0] <= FOOTER or vignette.shape[1] < _BAR_LEFT + _SHORTEST_BAR:
        return 0
    if abs(int(vignette[-_BAR_UP, _BAR_LEFT]) - int(vignette[-1, 0])) < _FAR - _NEAR:
        return 0  # most pictures have none: this is known at once
    footer = vignette[-FOOTER:].astype(np.int16)
    ground = int(np.median(footer[-3:]))
    plain = np.concatenate((footer[:_BLANK_ABOVE].ravel(), footer[-1]))
    bar = np.abs(footer[-_BAR_UP] - ground) >= _FAR
    drawn = bar[_BAR_LEFT : _BAR_LEFT + _SHORTEST_BAR].all() and not bar[: _BAR_LEFT - 1].any()
    return FOOTER if drawn and (np.abs(plain - ground) <= _NEAR).all() else 0


def are_bright(levels: ArrayLike) -> bool:
    """Say whether objects are brighter than their background, by the borders of many vignettes.

    Parameters
    ----------
    levels : array (n,)
        Median level of the border of each vignette: see `border_median`. The majority decides: of
        a single vignette, the border can be the object itself.
    """
    found = np.asarray(levels)
    return bool(np.count_nonzero(found < 128) * 2 > len(found))


def squares(vignettes: Sequence[UInt8Array], side: int, sizes: Float64Array) -> UInt8Array:
    """Fit each vignette into a square, keeping its true proportions.

    Parameters
    ----------
    vignettes : sequence of array (y, x), uint8
    side : int
        Side of the squares, pixels.
    sizes : array (n, 2)
        Height and width of the pixels of each vignette; only their ratio matters here.

    Returns
    -------
    array (n, side, side), uint8
        The vignette in the middle, with the median of its border around it.
    """
    out = np.empty((len(vignettes), side, side), np.uint8)
    for square, vignette, (height, width) in zip(out, vignettes, sizes.tolist(), strict=True):
        _fit(vignette, height / width, square)
    return out


def _fit(vignette: UInt8Array, ratio: float, square: UInt8Array) -> None:
    height, width = vignette.shape
    side = len(square)
    scale = side / max(height * ratio, width)
    rows = min(side, max(1, round(height * ratio * scale)))
    columns = min(side, max(1, round(width * scale)))
    # "Area" is a true mean only where pixels get fewer; where they get more it makes blocks.
    way = cv2.INTER_AREA if rows <= height and columns <= width else cv2.INTER_LINEAR
    top, left = (side - rows) // 2, (side - columns) // 2
    square[:] = border_median(vignette)
    square[top : top + rows, left : left + columns] = cv2.resize(
        vignette, (columns, rows), interpolation=way
    )


def size_inputs(vignettes: Sequence[UInt8Array], sizes: Float64Array) -> Float32Array:
    """Tell how large each object is, which squares of one size no longer show.

    Parameters
    ----------
    vignettes : sequence of array (y, x), uint8
        Dark objects on a background of level 240.
    sizes : array (n, 2)
        Height and width of the pixels of each vignette, in mm or in pixels.

    Returns
    -------
    array (n, 3), float32
        Natural logarithms of the height, the width and the diameter of a disc of the same area
        as the object's dark pixels, in the unit of `sizes`.
    """
    shapes = np.array([v.shape for v in vignettes], np.float64).reshape(-1, 2)
    dark = np.array([np.count_nonzero(v < OBJECT_LEVEL) for v in vignettes], np.float64)
    area = np.maximum(dark, 1) * sizes.prod(axis=1)
    diameter = 2 * np.sqrt(area / np.pi)
    lengths = np.column_stack((shapes * sizes, diameter))
    return np.asarray(np.log(lengths), np.float32)
