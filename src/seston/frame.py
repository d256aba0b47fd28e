"""Pixels as they come from outside: frames are bare arrays, vignettes know where they lay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

#: A frame, (y, x); y runs along time for a line-scan camera.
UInt8Array = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Vignette:
    """An object that the instrument or its software cut out, as a reader yields it.

    Parameters
    ----------
    top, left : int
        First line and column in the source frame, pixels.
    height, width : int
        Extent in the source frame, pixels.
    pixels : array (height, width), uint8, or None
        Grey levels as they are in the file; None where only a table tells of the object.
    mask : array (height, width), bool, or None
        Pixels of the object, where the instrument's files tell them.
    measured : mapping of float
        Features that the source tells, by our names and in our units: used where there are no
        pixels to measure.
    source_id : str
        Name that the source gave the object.
    label, status : str
        Taxon that the source gave it, and how: predicted, validated or dubious.
    """

    top: int
    left: int
    height: int
    width: int
    pixels: UInt8Array | None = None
    mask: NDArray[np.bool_] | None = None
    measured: Mapping[str, float] = field(default_factory=dict)
    source_id: str = ""
    label: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """One object of a frame whose taxon and pixels are known.

    Parameters
    ----------
    taxon : str
    top, left : int
        First line and column of the mask's box in the frame, pixels.
    mask : array (y, x), bool
        Pixels of the object in its box; inside the frame.
    """

    taxon: str
    top: int
    left: int
    mask: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedFrame:
    """A frame in even light, and every wanted object in it.

    Parameters
    ----------
    name : str
        Of its file, or what stands for it.
    pixels : array (y, x), uint8
        Dark objects on a background of level 240.
    instances : tuple of Instance
        All objects of the taxa that are wanted; what is not among them is background.
    pixel_height, pixel_width : float, mm, or None
        Size of a pixel, where it is known.
    """

    name: str
    pixels: UInt8Array
    instances: tuple[Instance, ...]
    pixel_height: float | None = None
    pixel_width: float | None = None
