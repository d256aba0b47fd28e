"""The door of the room: from lines of pixels to measured objects."""

from __future__ import annotations

from math import ceil

from seston.config import Segmentation
from seston.frame import UInt8Array
from seston.image.objects import Objects

#: Lines of a block whose mean is one step of the background, aligned on lines of the deployment.
BLOCK = 512


def halo(settings: Segmentation, pixel_height: float) -> int:
    """Lines needed before and after the owned ones for a result that no split changes.

    Parameters
    ----------
    settings : Segmentation
        Of the instrument.
    pixel_height : float, mm
        Length of a pixel across the lines.
    """
    length = ceil(settings.max_length_mm / pixel_height)
    window = settings.background_lines if settings.background == "running_mean" else 0
    return BLOCK * ceil((length + window + BLOCK) / BLOCK)


def find_objects(
    lines: UInt8Array,
    *,
    owned: slice,
    settings: Segmentation,
    pixel_height: float,
    pixel_width: float,
    background: UInt8Array | None = None,
    costly: bool = False,
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
        Median of the frames around; needed where settings.background is ``neighbours``.
    costly : bool
        Measure the costly features too.
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
    raise RuntimeError("under construction")


def warm_up() -> None:
    """Compile the kernels, once for a machine."""
