"""Learning sets on disk that need no other room: folders of classes, and tables of pictures.

EcoTaxa's bundles and the objects of campaigns are opened by `seston.stages.learning_set`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from seston.errors import InputError
from seston.learn.preprocess import Polarity, are_bright, border_median
from seston.learn.sets.collect import collect
from seston.learn.sets.decode import read_pictures
from seston.learn.sets.examples import LeftOut
from seston.learn.sets.folders import read_folder
from seston.learn.sets.learning_set import LearningSet
from seston.learn.sets.tables import is_table, read_table
from seston.taxonomy import Taxonomy

#: Pictures whose borders are looked at.
_ENOUGH: Final = 256


def read_learning_set(
    path: Path,
    *,
    taxonomy: Taxonomy | None = None,
    polarity: Polarity = "auto",
    crop_bottom: int | Literal["auto"] = "auto",
    pixel_size_mm: tuple[float, float] | None = None,
    images: Path | None = None,
) -> LearningSet:
    """Read a learning set from a folder of class folders, or from a table of pictures.

    Parameters
    ----------
    path : Path
        See `read_folder` and `read_table`.
    taxonomy, polarity, crop_bottom, pixel_size_mm
        See `collect`.
    images : Path, optional
        Folder from which the paths of a table are meant.

    Raises
    ------
    InputError
        It is missing, is neither, has fewer than two taxa, or a taxon of a folder has no picture.
    """
    path, left_out = Path(path), LeftOut()
    if path.is_file() and not is_table(path):
        raise InputError(
            "is no table of pictures with the columns path and label",
            where=path,
            cure="docs/learning-sets.md tells what may be given.",
        )
    reading = read_table(path, left_out, images) if path.is_file() else read_folder(path, left_out)
    return collect(
        path, reading, left_out, taxonomy=taxonomy, polarity=polarity, crop_bottom=crop_bottom,
        pixel_size_mm=pixel_size_mm,
    )  # fmt: skip


def polarity_of(paths: Sequence[Path]) -> Literal["dark", "bright"]:
    """Say how the objects of some pictures are, by the borders of up to 256 of them.

    Parameters
    ----------
    paths : sequence of Path
        Pictures that nobody sorted, as a learning set's: of one kind.

    Returns
    -------
    str
        ``dark`` where none can be read.
    """
    some = paths[:: max(1, len(paths) // _ENOUGH)]
    found = [v for _, v in read_pictures((path, None) for path in some) if v is not None]
    return "bright" if are_bright([border_median(v) for v in found]) else "dark"
