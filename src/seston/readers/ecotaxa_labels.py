"""What people sorted in EcoTaxa: the pictures of a bundle with their categories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from seston.frame import Vignette
from seston.readers.archive import Shelf
from seston.readers.ecotaxa import EcoTaxa, read_sheets
from seston.readers.ecotaxa_cells import status
from seston.readers.ecotaxa_sheet import Sheet
from seston.readers.ecotaxa_vignettes import read_frames

#: Frames whose rows are looked up together; their pictures are read one by one.
_FRAMES = 256


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
    lineage : tuple of str
        Categories of EcoTaxa from the root ("living" or "not-living") to its own; empty where the
        table does not tell them.
    """

    vignette: Vignette
    sample: str
    pixel_mm: float
    lineage: tuple[str, ...] = ()


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
    held = np.flatnonzero(np.diff(sheet.starts)).tolist()
    for few in (held[i : i + _FRAMES] for i in range(0, len(held), _FRAMES)):
        samples = frames["sample_id"].iloc[few].astype(str)
        every = zip(few, samples, frames["pixel_mm"].iloc[few], strict=True)
        read = read_frames(shelf, sheet, few, np.nan)
        for (number, sample, pixel), found in zip(every, read, strict=True):
            rows = sheet.objects["above"].iloc[sheet.starts[number] : sheet.starts[number + 1]]
            for vignette, above in zip(found, rows, strict=True):
                yield Sorted(vignette, sample, float(pixel), _levels(str(above)))


@lru_cache(maxsize=4096)
def _levels(hierarchy: str) -> tuple[str, ...]:
    return tuple(level.strip() for level in hierarchy.split(">") if level.strip())
