"""Examples from frames in which all plankton is known: what is found there, held against it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from seston.config import Segmentation
from seston.errors import InputError
from seston.frame import AnnotatedFrame
from seston.image import Objects, find_objects
from seston.learn.filtering.examples import Examples
from seston.learn.semantic.judge import SIZE_CURE, box_of, match_boxes
from seston.learn.sets.measuring import NAMES


def find_in_frame(frame: AnnotatedFrame, settings: Segmentation) -> Objects:
    """Find and measure the objects of a frame in even light.

    Raises
    ------
    InputError
        The size of its pixels is not known.
    """
    if frame.pixel_height is None or frame.pixel_width is None:
        raise InputError(
            "the size of its pixels is not known",
            where=frame.name,
            cure=SIZE_CURE,
        )
    return find_objects(
        frame.pixels,
        owned=slice(0, len(frame.pixels)),
        settings=settings,
        pixel_height=frame.pixel_height,
        pixel_width=frame.pixel_width,
        names=NAMES,
    )


def examples_of_frames(
    frames: Iterable[AnnotatedFrame],
    taxa: Sequence[str],
    plankton: Sequence[bool],
    settings: Segmentation,
    origin: str,
    progress: Callable[[], None] = lambda: None,
) -> Examples:
    """Find objects in annotated frames; what matches no annotation is not to pass.

    Parameters
    ----------
    frames : iterable of AnnotatedFrame
        With all their plankton annotated.
    taxa, plankton : sequences
        Taxa of the annotations, and which are to pass.
    settings : Segmentation
        How objects are found; the light is even already.
    origin : str
        See `Examples`.
    progress : callable
        Called after each frame.

    Raises
    ------
    InputError
        The size of the pixels of a frame is not known.
    """
    even = settings.model_copy(update={"background": "none", "polarity": "dark"})
    features: list[NDArray[np.float32]] = []
    taxon: list[NDArray[np.int64]] = []
    sizes: list[tuple[float, float]] = []
    for frame in frames:
        found = find_in_frame(frame, even)
        features.append(found.features)
        taxon.append(_taxon_of(found, frame, taxa))
        sizes.append((frame.pixel_height or np.nan, frame.pixel_width or np.nan))
        progress()
    counts = [len(one) for one in taxon]
    height, width = np.median(sizes, axis=0).tolist()
    return Examples(
        features=np.concatenate(features),
        names=NAMES,
        taxa=tuple(taxa),
        plankton=np.asarray(plankton, bool),
        taxon=np.concatenate(taxon),
        group=np.repeat(np.arange(len(counts)), counts),
        pixel_size_mm=(height, width),
        origin=origin,
    )


def _taxon_of(found: Objects, frame: AnnotatedFrame, taxa: Sequence[str]) -> NDArray[np.int64]:
    """Taxon of each found object, -1 where it matches no annotation."""
    boxes = np.column_stack([found.top, found.left, found.bottom, found.right])
    true = np.array([box_of(one) for one in frame.instances], np.int64).reshape(-1, 4)
    rows, matched = match_boxes(boxes, true)
    known = np.array([taxa.index(one.taxon) for one in frame.instances], np.int64)
    taxon = np.full(len(found), -1, np.int64)
    taxon[rows] = known[matched]
    return taxon
