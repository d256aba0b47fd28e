"""What people sorted in EcoTaxa: the pictures of a bundle with their categories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from seston.frame import Vignette
from seston.readers.archive import Shelf
from seston.readers.ecotaxa import EcoTaxa, read_sheets
from seston.readers.ecotaxa_cells import status
from seston.readers.ecotaxa_sheet import Sheet
from seston.readers.ecotaxa_vignettes import read_frames


@dataclass(frozen=True, slots=True, eq=False)
class Sorted:
    """A picture that somebody named.

    Parameters
    ----------
    vignette : Vignette
        Dark on light, without a scale bar; `pixels` is None where the picture is not there.
    sample : str
        Empty where the table names none.
    pixel_mm : float
        Size of a pixel, NaN where the table does not tell it.
    """

    vignette: Vignette
    sample: str
    pixel_mm: float


def is_ecotaxa(path: Path) -> bool:
    """Say whether a path is a bundle or an export of EcoTaxa."""
    return EcoTaxa.can_open(path)


def read_sorted(path: Path, statuses: Collection[str], others: Counter[str]) -> Iterator[Sorted]:
    """Give the objects of a bundle that have a category and one of some statuses.

    Parameters
    ----------
    path : Path
        Folder, zip or table: see `seston.readers.ecotaxa`.
    statuses : collection of str
        Among validated, predicted and dubious.
    others : Counter
        Gets the number of objects by their other statuses; those without a category under "".

    Raises
    ------
    InputError
        There is no table, or one is damaged.
    """
    for shelf, sheet in read_sheets(path):
        chosen, left = _choose(sheet, statuses)
        others.update(left)
        yield from _of_sheet(shelf, chosen)


def _choose(sheet: Sheet, statuses: Collection[str]) -> tuple[Sheet, Counter[str]]:
    """Keep the objects of some statuses."""
    objects = sheet.objects
    named = objects["label"].astype(str).to_numpy(str) != ""
    word = np.array([status(str(text)) for text in objects["status"].astype(str)], object)
    word[~named] = ""
    kept = np.isin(word.astype(str), list(statuses))
    rows = objects[kept].reset_index(drop=True)
    starts = np.searchsorted(rows["frame"].to_numpy(np.int64), np.arange(len(sheet.frames) + 1))
    left = Counter(word[~kept].tolist())
    return replace(sheet, objects=rows, starts=starts.astype(np.int64)), left


def _of_sheet(shelf: Shelf, sheet: Sheet) -> Iterator[Sorted]:
    frames = sheet.frames
    for number in np.flatnonzero(np.diff(sheet.starts)).tolist():
        sample = str(frames["sample_id"].iloc[number])
        pixel = float(frames["pixel_mm"].iloc[number])
        for vignettes in read_frames(shelf, sheet, [number], np.nan):
            yield from (Sorted(vignette, sample, pixel) for vignette in vignettes)
