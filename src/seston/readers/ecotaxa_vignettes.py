"""Pictures of an EcoTaxa bundle: read, cleaned of what was drawn under them, turned dark.

What a picture is, its own border tells: dark around a raw picture of a UVP, whose objects are
bright, light around all others. Raw ones are turned, so that objects are dark in every bundle.
EcoTaxa makes a turned picture with a scale bar of a raw one by ``compute_vignette.txt`` (whose
settings stand in the table as ``process_invert``, ``process_footerheight_px``): such a footer is cut
off. ZooProcess draws a scale bar too, under a border of a fifth of the object's box on each side.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.errors import InputError
from seston.frame import UInt8Array
from seston.readers import pictures
from seston.readers.archive import Shelf, joined
from seston.readers.columns import numbers
from seston.readers.ecotaxa_sheet import areas_px

Picture = tuple[UInt8Array | None, NDArray[np.bool_] | None]

#: Larger pictures of one object are refused, bytes and pixels.
_MOST_BYTES, _MOST_PIXELS = 1 << 27, 1 << 26
#: The border of ZooProcess's pictures, as a share of the box, and its footers, pixels.
_BORDER, _FOOTERS = 0.4, range(8, 61)
#: A picture whose area is further than this from the table's was not what was measured.
_UNLIKE = 1.3


def read(shelf: Shelf, folder: str, rows: pd.DataFrame, frame: pd.Series[Any]) -> Iterator[Picture]:
    """Give the picture and the mask of each object; None where there is none, or none to be read.

    Parameters
    ----------
    shelf : Shelf
        Where the pictures lie.
    folder : str
        From which their names are meant.
    rows : DataFrame
        Objects of one frame.
    frame : Series
        What they share.
    """
    _, solid = areas_px(rows)
    nothing = np.full(len(rows), np.nan)
    wide, tall = (rows.get(f"object_{n}", nothing) for n in ("width", "height"))
    for name, area, box in zip(rows["image"], solid, zip(tall, wide, strict=True), strict=True):
        picture = _picture(shelf, folder, str(name)) if name else None
        yield (None, None) if picture is None else _cleaned(picture, frame, area, box)


def _picture(shelf: Shelf, folder: str, name: str) -> UInt8Array | None:
    path = joined(folder, name)
    try:
        if path is None or not shelf.holds(path):
            return None
        data = shelf.read(path, _MOST_BYTES)
        return pictures.decode_picture(data, f"{shelf.where}/{path}", _MOST_PIXELS)
    except InputError:
        return None


def _cleaned(
    picture: UInt8Array, frame: pd.Series[Any], area: float, box: tuple[float, float]
) -> Picture:
    raw = _level_of_border(picture) < 128
    if raw:
        picture = np.asarray(255 - picture, np.uint8)
    else:
        picture = picture[: len(picture) - _footer(picture, frame, box)]
    mask = _mask(picture, frame, raw)
    if mask is None or np.isnan(area):
        return picture, mask
    found = np.count_nonzero(mask)
    if not area / _UNLIKE <= found <= area * _UNLIKE:
        mask = np.zeros_like(mask)
    return picture, mask


def _level_of_border(picture: UInt8Array) -> float:
    """Median of the border, without the lower one, where a scale bar can be."""
    return float(np.median(np.concatenate([picture[0], picture[:, 0], picture[:, -1]])))


def _footer(picture: UInt8Array, frame: pd.Series[Any], box: tuple[float, float]) -> int:
    """Lines under the picture where a scale bar is drawn."""
    told = _number(frame, "process_footerheight_px")
    if 0 < told < len(picture) / 2 and _says_yes(frame, "process_invert"):
        return int(told)
    tall, wide = box
    if not (tall > 0 and wide > 0) or abs(picture.shape[1] - wide * (1 + _BORDER)) > 2:
        return 0
    lines = len(picture) - round(tall * (1 + _BORDER))
    if lines not in _FOOTERS:
        return 0
    light = _level_of_border(picture) - 16
    return lines if (picture[-lines] > light).mean() > 0.9 else 0


def _mask(picture: UInt8Array, frame: pd.Series[Any], raw: bool) -> NDArray[np.bool_] | None:
    """Give the largest 8-connected piece beyond the threshold that the table tells."""
    limit = _limit(frame, raw)
    if limit is None:
        return None
    inside = np.asarray(picture <= limit, np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    if count < 2:
        return inside.astype(bool)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])), bool)


def _limit(frame: pd.Series[Any], raw: bool) -> int | None:
    """Give the lightest level of an object in a picture that is dark on light.

    ZooProcess: pixels up to the threshold. UVP: brighter than it, where the gamma is 1.
    """
    if raw or _says_yes(frame, "process_invert"):
        level = _number(frame, "acq_threshold")
        gamma = _number(frame, "process_gamma")
        plain = raw or np.isnan(gamma) or gamma == 1
        return 254 - int(level) if 0 < level < 254 and plain else None
    for name in ("process_particle_threshold", "process_upper"):
        level = _number(frame, name)
        if 0 < level < 255:
            return int(level)
    return None


def _number(frame: pd.Series[Any], name: str) -> float:
    return float(numbers(pd.Series([str(frame.get(name, ""))]))[0])


def _says_yes(frame: pd.Series[Any], name: str) -> bool:
    return str(frame.get(name, "")).strip().lower() in ("y", "yes", "1", "true")
