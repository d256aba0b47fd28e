"""Backgrounds of a ZooScan: scans of the empty tray, and the one that belongs to a scan.

As ZooProcess does (its macro Zooscan_1asep): the last background before the scan, the part of it
that the scan shows (right and below), smoothed by the mean over a disc of 3 pixels, and brought
to the scan's resolution.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seston.errors import InputError
from seston.frame import UInt8Array
from seston.readers import pictures
from seston.readers.zooprocess import time_of

FOLDER = "Zooscan_back"
_NAME = re.compile(
    r"^(?P<time>\d{8}_\d{4})_back(?:ground)?_(?P<area>large|narrow)_(?P<kind>manual|1|2)\.tif$",
    re.IGNORECASE,
)
#: The frame of the tray is darker than this share of the background's middle level.
_FRAME = 0.75
#: It may lie so many pixels of the background elsewhere in the scan.
_SHIFT = 4
_DISC = np.array([[abs(x) + abs(y) <= 4 for x in range(-3, 4)] for y in range(-3, 4)], np.float32)


@dataclass(frozen=True, slots=True)
class Background:
    """A scan of the empty tray.

    Parameters
    ----------
    time : datetime64[ns]
        When it was scanned.
    area : str
        ``large`` or ``narrow``.
    files : tuple of Path
        The combined picture, or the two that it would be the mean of.
    """

    time: np.datetime64
    area: str
    files: tuple[Path, ...]


def list_backgrounds(project: Path) -> list[Background]:
    """List the backgrounds of a project that can be used, in the order of time."""
    found: dict[tuple[str, str], dict[str, Path]] = {}
    folder = project / FOLDER
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if match := _NAME.match(path.name):
            key = match["time"], match["area"].lower()
            found.setdefault(key, {})[match["kind"].lower()] = path
    backgrounds = []
    for (time, area), files in sorted(found.items()):
        at = time_of(time)
        chosen = (files["manual"],) if "manual" in files else (*files.values(),)
        if not np.isnat(at) and ("manual" in files or len(files) == 2):
            backgrounds.append(Background(at, area, chosen))
    return backgrounds


def latest(
    backgrounds: Sequence[Background], before: np.datetime64, area: str
) -> Background | None:
    """Choose the last background before a scan, of the same area.

    Parameters
    ----------
    backgrounds : sequence of Background
        In the order of time.
    before : datetime64
        When the scan was made; NaT takes the last of all.
    area : str
        ``large`` or ``narrow``; empty where nothing tells it.
    """
    able = [b for b in backgrounds if area in ("", b.area)]
    if not np.isnat(before):
        able = [b for b in able if b.time <= before]
    return able[-1] if able else None


def fitted(background: Background, shape: tuple[int, int], resolution: float) -> UInt8Array:
    """Bring a background to a scan.

    Parameters
    ----------
    background : Background
    shape : tuple of int
        Height and width of the scan, pixels.
    resolution : float
        Of the scan, dots per inch.

    Returns
    -------
    array (y, x), uint8
        Of `shape`; 0 where the frame of the tray is.

    Raises
    ------
    InputError
        A picture cannot be read, or shows less than the scan.
    """
    picture = _combined([pictures.read_picture(path) for path in background.files])
    own = pictures.read_resolution(background.files[0])
    ratio = resolution / own if own else max(np.divide(shape, picture.shape))
    height, width = round(shape[0] / ratio), round(shape[1] / ratio)
    if min(height, width) < 1 or height > 1.02 * len(picture) or width > 1.02 * picture.shape[1]:
        raise InputError(
            f"the background shows {len(picture)} x {picture.shape[1]} pixels, the scan would need "
            f"{height} x {width} of it",
            where=background.files[0],
        )
    part = picture[max(0, len(picture) - height) :, max(0, picture.shape[1] - width) :]
    return _smoothed(part, shape)


def _smoothed(part: UInt8Array, shape: tuple[int, int]) -> UInt8Array:
    """Smooth a background, bring it to a shape, and take the frame of the tray out."""
    import cv2

    smooth = cv2.filter2D(part, -1, _DISC / _DISC.sum(), borderType=cv2.BORDER_REPLICATE)
    frame = (smooth < _FRAME * np.median(smooth[::8, ::8])).astype(np.uint8)
    frame = cv2.dilate(frame, np.ones((2 * _SHIFT + 1, 2 * _SHIFT + 1), np.uint8))
    whole = cv2.resize(smooth, shape[::-1], interpolation=cv2.INTER_LINEAR)
    whole[cv2.resize(frame, shape[::-1], interpolation=cv2.INTER_NEAREST) > 0] = 0
    return np.asarray(whole, np.uint8)


def _combined(found: list[UInt8Array]) -> UInt8Array:
    """Mean of two scans of the tray, halves up, as ZooProcess adds them."""
    if len(found) == 1:
        return found[0]
    first, second = found
    if first.shape != second.shape:
        raise InputError(f"the two scans of the tray are {first.shape} and {second.shape}")
    halves = [(half >> 1) + (half & 1) for half in found]
    return np.minimum(halves[0].astype(np.uint16) + halves[1], 255).astype(np.uint8)
