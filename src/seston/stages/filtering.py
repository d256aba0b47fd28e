"""Leave out what is no plankton before anything is stored: ask a filter of each object."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from seston.config import Segmentation
from seston.stages.found import Found

if TYPE_CHECKING:
    from seston.learn.filtering import Filter

log = logging.getLogger(__name__)


def filter_of(settings: Segmentation) -> Filter | None:
    """Give the filter of a segmentation; None where all objects are kept.

    Raises
    ------
    ModelError
        The filter is missing, damaged, or another model.
    """
    from seston.learn.filtering import load_filter_card

    if settings.filter is None:
        return None
    return _filter(settings.filter, load_filter_card(settings.filter).hash)


@lru_cache(maxsize=1)
def _filter(folder: Path, _: str) -> Filter:
    """Load a filter once, and again where it is another."""
    from seston.learn.filtering import load_filter

    return load_filter(folder)


def only_passing(
    work: Callable[..., Found], settings: Segmentation, names: Sequence[str], frames: pd.DataFrame
) -> Callable[..., Found]:
    """Give what a worker does with a task, and keep of it only what the filter lets through.

    Parameters
    ----------
    work : callable
        Finds and measures the objects of a task; given back as it is where there is no filter.
    settings : Segmentation
    names : sequence of str
        Features that are measured.
    frames : DataFrame
        Manifest of all that is to be done: the size of its pixels must be known to the filter.

    Raises
    ------
    ModelError
        The filter is missing, damaged, or another model; it asks for a feature that is not
        measured, or has learned from pixels of another size.
    """
    from seston.learn.filtering import check_features

    chosen = filter_of(settings)
    if chosen is None:
        return work
    check_features(chosen.card, names)
    usable = frames.loc[frames["usable"] == 1, ["pixel_height", "pixel_width"]].dropna()
    for height, width in usable.drop_duplicates().itertuples(index=False):
        chosen.card.check_pixel_size(float(height), float(width), "segmentation.filter")
    return partial(_pass, work=work, settings=settings, names=tuple(names))


def _pass(
    task: Any,  # noqa: ANN401
    *,
    work: Callable[..., Found],
    settings: Segmentation,
    names: tuple[str, ...],
) -> Found:
    found, chosen = work(task), filter_of(settings)
    assert chosen is not None
    return found.only(chosen.passes(found.columns["features"], names))
