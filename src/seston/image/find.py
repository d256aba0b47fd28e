"""The door of the room: from lines of pixels to measured objects."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

from seston.config import Segmentation
from seston.features import CHEAP, SETS, groups_of
from seston.frame import UInt8Array
from seston.image import kernels, whoi
from seston.image.correct import Lit, light_of_corrected, light_scan, light_still
from seston.image.costly import measure_costly
from seston.image.kernels import BLOCK, BOTTOM, CELL, COLUMN, LEFT, RIGHT, TOP
from seston.image.measure import measure
from seston.image.objects import Objects
from seston.image.segment import MARGIN, TILE, Found, longest, mask_runs, select
from seston.image.tally import corrected_box, cut, tally
from seston.image.uvp6 import measure_uvp6

#: Objects that are measured at a time: no power of two, or all columns of a block would claim the
#: same lines of the cache.
AT_A_TIME = 4000


def halo(settings: Segmentation, pixel_height: float) -> int:
    """Lines needed before and after the owned ones for a result that no split changes.

    Parameters
    ----------
    settings : Segmentation
        Of the instrument.
    pixel_height : float, mm
        Length of a pixel across the lines.

    Notes
    -----
    An object ends at most `max_length_mm` after its first line; a faint object that touches it
    there may be as long again; and their background needs half its window, in whole blocks. A
    network looks at whole tiles and their margins. For a still camera a frame is a world of its
    own: 0.
    """
    if settings.background != "running_mean":
        return 0
    length = 2 * (longest(settings, pixel_height) + 2 * CELL)
    if settings.method == "semantic":
        length = longest(settings, pixel_height) + TILE + 2 * MARGIN
    window = BLOCK * (settings.background_lines // (2 * BLOCK) + 1)
    return BLOCK * ceil((length + window) / BLOCK)


def find_objects(
    lines: UInt8Array,
    *,
    owned: slice,
    settings: Segmentation,
    pixel_height: float,
    pixel_width: float,
    background: UInt8Array | None = None,
    names: Sequence[str] = CHEAP,
    first_line: int = 0,
) -> Objects:
    """Find and measure the objects whose first pixel lies in the owned lines.

    Parameters
    ----------
    lines : array (line, column), uint8
        Consecutive lines of one scan, or one frame of a still camera.
    owned : slice
        Rows of `lines` in which an object must begin (topmost, then leftmost pixel) to be ours.
    settings : Segmentation
        How objects are found.
    pixel_height, pixel_width : float, mm
        Size of a pixel across lines and along a line.
    background : array (line, column), uint8, optional
        Median of the frames around, or the picture that came with the frame; needed where
        settings.background is ``neighbours`` or ``given``. Nothing is found where it is 0.
    names : sequence of str
        Features to measure.
    first_line : int
        Line of ``lines[0]`` in the deployment.

    Returns
    -------
    Objects
        The same however a scan is split, if `lines` holds `halo` lines around the owned ones
        (fewer only at the ends of the scan).

    Raises
    ------
    ValueError
        `background` is missing or has another shape than `lines`.
    """
    lit = light_of(lines, background, settings, first_line, owned)
    runs = mask_runs(lit, settings, pixel_height, pixel_width)
    found = select(lit, runs, owned, settings, pixel_height, pixel_width)
    return measured(lit, found, pixel_height, pixel_width, names, first_line)


def measured(
    lit: Lit,
    found: Found,
    pixel_height: float,
    pixel_width: float,
    names: Sequence[str],
    first_line: int,
) -> Objects:
    """Measure objects that were found, and cut their vignettes."""
    features, vignettes, offsets = features_of(lit, found, pixel_height, pixel_width, names)
    table = found.table
    return Objects(
        line=table[:, TOP] + first_line,
        column=table[:, COLUMN].copy(),
        top=table[:, TOP] + first_line,
        left=table[:, LEFT].copy(),
        bottom=table[:, BOTTOM] + first_line,
        right=table[:, RIGHT].copy(),
        names=tuple(names),
        features=features,
        vignette_bytes=vignettes,
        vignette_offsets=offsets,
        too_small=found.too_small,
        too_large=found.too_large,
        too_long=found.too_long,
        background_level=lit.background_level(),
        saturated=lit.saturated(),
    )


def corrected_lines(lines: UInt8Array, settings: Segmentation) -> UInt8Array:
    """Even out the light of a scan of its own: objects dark, the background at level 240.

    Parameters
    ----------
    lines : array (line, column), uint8
        Consecutive lines of one scan, or one frame of a still camera.
    settings : Segmentation
        A background that must be given from outside is taken from the frame itself. What is
        looked at of it stands in its `light`: networks that learn from such frames hang on it.

    Returns
    -------
    array (line, column), uint8
    """
    if settings.background in ("neighbours", "given"):
        settings = settings.model_copy(update={"background": "level"})
    lit = light_of(lines, None, settings, 0, slice(0, len(lines)))
    return corrected_box(lit, 0, len(lines), 0, lines.shape[1])


def features_of(
    lit: Lit, found: Found, pixel_height: float, pixel_width: float, names: Sequence[str]
) -> tuple[NDArray[np.float32], UInt8Array, NDArray[np.int64]]:
    """Measure objects that were found, some at a time: what they need stays in the cache.

    Returns
    -------
    array (object, feature), float32
        In the order of `names`.
    array (byte), uint8
        Their vignettes.
    array (object + 1), int64
        First byte of each vignette, and the end.
    """
    n, groups = len(found.table), groups_of(names)
    vignettes, offsets = cut(lit, found.table)
    features = np.empty((n, len(names)), np.float32)
    for first in range(0, n, AT_A_TIME):
        last = min(n, first + AT_A_TIME)
        few, places = found.part(first, last), offsets[first : last + 1]
        sums = tally(few, vignettes, places)
        columns = measure(few.table, sums, pixel_height, pixel_width)
        if "costly" in groups:
            columns |= measure_costly(few, sums, columns, pixel_height, pixel_width)
        if "uvp6" in groups:
            columns |= measure_uvp6(few, vignettes, places)
        if "whoi" in groups:
            columns |= whoi.measure_found(few)
        kernels.turn(_in_order(columns, names, last - first), features[first:last])
    return features, vignettes, offsets


def _checked(
    lines: UInt8Array, background: UInt8Array | None, settings: Segmentation
) -> UInt8Array:
    if settings.background in ("neighbours", "given") and background is None:
        raise ValueError(f"settings.background is {settings.background!r}, and there is none")
    if background is not None and background.shape != lines.shape:
        raise ValueError(f"lines are {lines.shape}, their background is {background.shape}")
    return np.ascontiguousarray(lines, dtype=np.uint8)


def light_of(
    lines: UInt8Array,
    background: UInt8Array | None,
    settings: Segmentation,
    first_line: int,
    owned: slice,
) -> Lit:
    """Tell the light that falls on lines; parameters as in `find_objects`."""
    lines = _checked(lines, background, settings)
    if settings.background == "running_mean":
        return light_scan(lines, first_line, settings, owned)
    if settings.background == "none":
        return light_of_corrected(lines, settings).of_frame(lines, owned)
    return light_still(lines, background, settings).of_frame(lines, owned)


def _in_order(
    columns: dict[str, NDArray[np.float64]], names: Sequence[str], n: int
) -> NDArray[np.float32]:
    block = np.empty((len(names), n), np.float32)
    for row, name in zip(block, names, strict=True):
        row[:] = columns[name]
    return block


def warm_up() -> None:
    """Compile the kernels, once for a machine."""
    y, x = np.mgrid[:64, :64]
    disc = np.where(np.hypot(y - 30, x - 30) < 20, 210, 240).astype(np.uint8)
    disc[25:30, 25:30] = 100
    for background in ("running_mean", "level"):
        for polarity in ("dark", "bright"):
            changed = Segmentation.model_validate(
                {"background": background, "polarity": polarity, "faint_min_esd_mm": 1.0}
            )
            find_objects(
                disc if polarity == "dark" else 255 - disc,
                owned=slice(0, 64),
                settings=changed,
                pixel_height=0.1,
                pixel_width=0.1,
                names=(*SETS["all"], *SETS["uvp6"]),
            )
