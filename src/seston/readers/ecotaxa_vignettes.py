"""Pictures of an EcoTaxa bundle: read, cleaned of what was drawn under them, turned dark.

What a picture is, its own border tells: dark around a raw picture of a UVP, whose objects are
bright, light around all others. Raw ones are turned, so that objects are dark in every bundle.
EcoTaxa makes a turned picture with a scale bar of a raw one by ``compute_vignette.txt``, whose
settings stand in the table (``process_invert``, ``process_footerheight_px``): such a footer is cut
off. ZooProcess draws a scale bar too, under a border of a fifth of the object's box on each side.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.errors import InputError
from seston.frame import UInt8Array, Vignette
from seston.readers.archive import Shelf, joined
from seston.readers.ecotaxa_cells import Float, number, status
from seston.readers.ecotaxa_sheet import Sheet, areas_px, sizes

log = logging.getLogger(__name__)

Picture = tuple[UInt8Array | None, NDArray[np.bool_] | None]

#: Larger pictures of one object are refused.
_MOST_PIXELS = 1 << 26
#: The border of ZooProcess's pictures, as a share of the box, and its footers, pixels.
_BORDER, _FOOTERS = 0.4, range(8, 61)
#: A picture whose area is further than this from the table's was not what was measured.
_UNLIKE = 1.3


@dataclass(frozen=True, slots=True)
class Look:
    """How the pictures of a frame were made, as the table tells it; NaN where it does not.

    Parameters
    ----------
    above : float
        Objects of a UVP are brighter than this in the raw picture.
    upto : float
        Objects under a scanner are of this level or darker.
    gamma : float
        Of the turned picture that EcoTaxa makes.
    turned : bool
        Whether EcoTaxa turned it.
    footer : float
        Lines that EcoTaxa drew below.
    """

    above: float
    upto: float
    gamma: float
    turned: bool
    footer: float


def _looks(frames: pd.DataFrame) -> list[Look]:
    nothing = np.full(len(frames), np.nan)

    def told(name: str) -> Float:
        return number(frames[name]) if name in frames else nothing

    threshold, upper = told("process_particle_threshold"), told("process_upper")
    upto = np.where(np.isnan(threshold), upper, threshold)
    says = frames.get("process_invert", pd.Series("", frames.index)).astype(str).str.lower()
    columns = told("acq_threshold"), upto, told("process_gamma"), told("process_footerheight_px")
    return [
        Look(float(above), float(most), float(gamma), yes, float(footer))
        for above, most, gamma, footer, yes in zip(*columns, says.isin(_YES), strict=True)
    ]


_YES = ("y", "yes", "1", "true")


def read_frames(
    shelf: Shelf, sheet: Sheet, numbers: Sequence[int], pixel_mm: float
) -> Iterator[list[Vignette]]:
    """Give the objects of some frames of a sheet, frame by frame.

    Parameters
    ----------
    shelf : Shelf
        Where the pictures lie.
    sheet : Sheet
    numbers : sequence of int
        Frames, from 0.
    pixel_mm : float, mm
        Size of a pixel where the table does not tell it.
    """
    ends = [(int(sheet.starts[n]), int(sheet.starts[n + 1])) for n in numbers]
    rows = sheet.objects.iloc[np.concatenate([np.arange(*pair) for pair in ends])]
    frame = sheet.frames["pixel_mm"].to_numpy(np.float64)[rows["frame"]]
    measured = sizes(rows, np.where(np.isnan(frame), pixel_mm, frame))
    _, solid = areas_px(rows)
    nothing = np.full(len(rows), np.nan)
    tall, wide = (rows.get(f"object_{n}", nothing) for n in ("height", "width"))
    every = zip(rows.itertuples(index=False), measured, solid, tall, wide, strict=True)
    for look, (first, last) in zip(_looks(sheet.frames.iloc[list(numbers)]), ends, strict=True):
        found = []
        for row, features, area, *box in islice(every, last - first):
            image = _picture(shelf, sheet.folder, str(row.image)) if row.image else None
            picture, mask = (None, None) if image is None else _cleaned(image, look, area, box)
            found.append(_vignette(row, features, picture, mask))
        yield found


def _vignette(
    row: Any,  # noqa: ANN401 - a row of `DataFrame.itertuples`
    features: dict[str, float],
    picture: UInt8Array | None,
    mask: NDArray[np.bool_] | None,
) -> Vignette:
    height, width = (row.tall, row.wide) if picture is None else picture.shape
    label = str(row.label)
    return Vignette(
        top=int(row.top),
        left=int(row.left),
        height=int(height),
        width=int(width),
        pixels=picture,
        mask=mask,
        measured=features,
        source_id=str(row.object_id),
        label=label,
        status=status(str(row.status)) if label else "",
    )


def _picture(shelf: Shelf, folder: str, name: str) -> UInt8Array | None:
    path = joined(folder, name)
    try:
        if path is None or not shelf.holds(path):
            return None
        return shelf.picture(path, _MOST_PIXELS)
    except InputError as error:
        log.warning("%s (the table measures it)", error)
        return None


def _cleaned(picture: UInt8Array, look: Look, area: float, box: Sequence[float]) -> Picture:
    raw = _level_of_border(picture) < 128
    if raw:
        picture = np.asarray(255 - picture, np.uint8)
    else:
        picture = picture[: len(picture) - _footer(picture, look, box)]
    mask = _mask(picture, look, raw)
    if mask is None or np.isnan(area):
        return picture, mask
    found = np.count_nonzero(mask)
    if not area / _UNLIKE <= found <= area * _UNLIKE:
        mask = np.zeros_like(mask)
    return picture, mask


def _level_of_border(picture: UInt8Array) -> float:
    """Median of the border, without the lower one, where a scale bar can be."""
    return float(np.median(np.concatenate([picture[0], picture[:, 0], picture[:, -1]])))


def _footer(picture: UInt8Array, look: Look, box: Sequence[float]) -> int:
    """Lines under the picture where a scale bar is drawn."""
    if look.turned and 0 < look.footer < len(picture) / 2:
        return int(look.footer)
    tall, wide = box
    if not (tall > 0 and wide > 0) or abs(picture.shape[1] - wide * (1 + _BORDER)) > 2:
        return 0
    lines = len(picture) - round(tall * (1 + _BORDER))
    if lines not in _FOOTERS:
        return 0
    light = _level_of_border(picture) - 16
    return lines if (picture[-lines] > light).mean() > 0.9 else 0


def _mask(picture: UInt8Array, look: Look, raw: bool) -> NDArray[np.bool_] | None:
    """Give the largest 8-connected piece beyond the threshold that the table tells."""
    import cv2

    limit = _limit(look, raw)
    if limit is None:
        return None
    inside = np.asarray(picture <= limit, np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    if count < 2:
        return inside.astype(bool)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])), bool)


def _limit(look: Look, raw: bool) -> int | None:
    """Give the lightest level of an object in a picture that is dark on light.

    ZooProcess: pixels up to the threshold. UVP: brighter than it, where the gamma is 1.
    """
    if raw or look.turned:
        plain = raw or np.isnan(look.gamma) or look.gamma == 1
        return 254 - int(look.above) if 0 < look.above < 254 and plain else None
    return int(look.upto) if 0 < look.upto < 255 else None
