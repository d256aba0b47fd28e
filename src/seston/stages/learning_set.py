"""One door to learning sets: folders, tables, EcoTaxa's bundles, and the labels of campaigns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from numpy.typing import NDArray

from seston.config import LearningPictures, checked
from seston.errors import InputError, StoreError
from seston.learn.card import load_card
from seston.learn.preprocess import Polarity
from seston.learn.sets.collect import collect
from seston.learn.sets.examples import (
    NOT_VALIDATED,
    UNLABELLED,
    WITHOUT_PICTURE,
    Example,
    LeftOut,
)
from seston.learn.sets.learning_set import LearningSet
from seston.learn.sets.sources import read_learning_set
from seston.learn.sets.tables import is_table
from seston.readers.ecotaxa_labels import is_ecotaxa, read_sorted
from seston.store import check_whole, open_group, read_column, read_vignettes
from seston.store.arrays import ROWS_PER_CHUNK
from seston.store.objects import read_labels
from seston.taxonomy import Taxonomy, read_taxonomy

#: Of EcoTaxa's words, those that a person stands for.
VALIDATED = ("validated",)
_OBJECTS = "objects.zarr"


def open_learning_set(
    path: Path,
    *,
    taxonomy: Path | Taxonomy | None = None,
    polarity: Polarity = "auto",
    crop_bottom: int | Literal["auto"] = "auto",
    pixel_size_mm: tuple[float, float] | None = None,
    images: Path | None = None,
    statuses: Collection[str] = VALIDATED,
) -> LearningSet:
    """Open a learning set, whatever it is.

    Parameters
    ----------
    path : Path
        A folder with a folder of pictures for each class (`seston.learn.sets.folders`); a CSV or
        TSV of pictures (`seston.learn.sets.tables`); a bundle of EcoTaxa, folder or zip; or the
        results of a campaign: its folder, or ``objects.zarr`` in it, whose validated objects count.
    taxonomy : Path or Taxonomy, optional
        Table of taxa, see `seston.taxonomy.read_taxonomy`; without it each label is a taxon.
    polarity : {"auto", "dark", "bright"}
        Of objects in pictures, where the source does not tell it; ``auto``: as the borders of the
        majority have it. EcoTaxa's pictures and those of campaigns are known.
    crop_bottom : int or "auto"
        Lines cut off below each picture; ``auto``: EcoTaxa's footer, where there is one.
    pixel_size_mm : (height, width), mm, optional
        Of a pixel, where the source tells none.
    images : Path, optional
        Folder from which the paths of a table are meant; that of the table by default.
    statuses : collection of str
        Which of EcoTaxa's rows count: validated, predicted, dubious.

    Returns
    -------
    LearningSet
        In groups where the source tells them: samples of EcoTaxa, frames of a campaign, `group`
        of a table.

    Raises
    ------
    InputError
        It is none of these, is damaged, or has fewer than two taxa.
    StoreError
        The objects of a campaign are damaged.
    ConfigError
        The table of taxa is wrong.
    """
    path = Path(path)
    known = taxonomy if isinstance(taxonomy, Taxonomy) else read_taxonomy(taxonomy)
    objects = objects_of(path)
    if objects is None and not _is_ecotaxa(path):
        return read_learning_set(
            path, taxonomy=known, polarity=polarity, crop_bottom=crop_bottom,
            pixel_size_mm=pixel_size_mm, images=images,
        )  # fmt: skip
    left_out = LeftOut()
    if objects is None:
        return collect(
            path, _of_ecotaxa(path, statuses, left_out), left_out, taxonomy=known,
            crop_bottom=crop_bottom, pixel_size_mm=pixel_size_mm,
        )  # fmt: skip
    examples = _of_objects(objects, left_out)
    found = collect(
        objects.parent, examples, left_out, taxonomy=known, crop_bottom=0,
        pixel_size_mm=pixel_size_mm,
    )  # fmt: skip
    return replace(found, crop_bottom="auto")  # of pictures nothing was asked


def seen_as(model: Path, told: Mapping[str, Any]) -> LearningPictures:
    """Say how pictures are to be seen by a model: as is told, else as those that it learned from.

    Parameters
    ----------
    model : Path
    told : mapping
        Some keys of `LearningPictures`, with what a person gave for them.

    Raises
    ------
    ModelError
        The card of the model is missing or damaged.
    ConfigError
        A value is wrong.
    """
    learned = load_card(model).preprocessing
    known = {name: learned[name] for name in ("polarity", "crop_bottom") if name in learned}
    return checked(LearningPictures, **(known | dict(told)))


def _is_ecotaxa(path: Path) -> bool:
    if path.is_file() and is_table(path):
        return False
    return path.suffix.lower() == ".zip" or is_ecotaxa(path)


# ---------------------------------------------------------------------------------------- EcoTaxa
def _of_ecotaxa(path: Path, statuses: Collection[str], left_out: LeftOut) -> Iterator[Example]:
    others: Counter[str] = Counter()
    for found in read_sorted(path, statuses, others):
        vignette = found.vignette
        if vignette.pixels is None:
            left_out.reasons[WITHOUT_PICTURE] += 1
            continue
        known = np.isfinite(found.pixel_mm)
        yield Example(
            vignette.label, vignette.pixels, vignette.source_id, found.sample,
            pixel_size_mm=(found.pixel_mm, found.pixel_mm) if known else None,
            bright=False, lineage=found.lineage[:-1],
        )  # fmt: skip
    for word, reason in (("", UNLABELLED), ("other", NOT_VALIDATED)):
        n = sum(k for status, k in others.items() if bool(status) == bool(word))
        if n:
            left_out.reasons[reason] += n


# ------------------------------------------------------------------------------------- a campaign
def objects_of(path: Path) -> Path | None:
    """Give the objects dataset that a path is or holds; None where it is and holds none.

    Raises
    ------
    InputError
        It is a store of something else.
    """
    for one in (path, path / _OBJECTS):
        if one.suffix == ".zarr" and (one / "zarr.json").exists():
            return one
    if path.suffix == ".zarr":
        raise InputError(
            "is no objects dataset", where=path, cure="Give objects.zarr of a campaign's results."
        )
    return None


def _of_objects(path: Path, left_out: LeftOut) -> Iterator[Example]:
    group = open_group(path)
    check_whole(path)
    if "validated_taxon" not in group or "taxon" not in group:
        raise StoreError(
            "has no taxa that somebody validated",
            where=path,
            cure="Give the objects.zarr that the gather stage wrote, of objects with labels.",
        )
    taxa = read_labels(group, "taxon")
    frames = _Frames(group)
    validated = read_column(group, "validated_taxon")
    for start in np.unique(np.flatnonzero(validated >= 0) // ROWS_PER_CHUNK) * ROWS_PER_CHUNK:
        rows = slice(int(start), min(int(start) + ROWS_PER_CHUNK, len(validated)))
        yield from _of_range(group, rows, validated[rows], taxa, frames, left_out)
    unlooked = int(np.count_nonzero(validated < 0))
    if unlooked:
        left_out.reasons[NOT_VALIDATED] += unlooked


class _Frames:
    """Name and pixel size of each frame."""

    def __init__(self, group: zarr.Group) -> None:
        self.name = read_column(group, "frame_id").astype(object)
        sides = [read_column(group, f"frame_pixel_{side}") for side in ("height", "width")]
        self.pixel_mm: NDArray[np.float64] = np.stack(sides, axis=1)


def _of_range(
    group: zarr.Group,
    rows: slice,
    validated: NDArray[np.int16],
    taxa: list[str],
    frames: _Frames,
    left_out: LeftOut,
) -> Iterator[Example]:
    frame = read_column(group, "frame", rows)
    ids = read_column(group, "object_id", rows)
    vignettes = read_vignettes(group, rows)
    for i in np.flatnonzero(validated >= 0):
        if not vignettes[i].size:
            left_out.reasons[WITHOUT_PICTURE] += 1
            continue
        height, width = frames.pixel_mm[frame[i]].tolist()
        yield Example(
            taxa[validated[i]], vignettes[i], f"object {ids[i]}", str(frames.name[frame[i]]),
            pixel_size_mm=(height, width) if height > 0 and width > 0 else None,
            bright=False,
        )  # fmt: skip
