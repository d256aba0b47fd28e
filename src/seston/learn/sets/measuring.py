"""Measured features of vignettes, for classifiers that look at numbers instead of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seston import image
from seston.config import Segmentation
from seston.features import SETS
from seston.frame import Vignette
from seston.learn.sets.collect import LARGEST
from seston.learn.sets.learning_set import LearningSet

UInt8Array = NDArray[np.uint8]
Float32Array = NDArray[np.float32]

#: Where the object lay, and how it was turned, is no matter of its taxon.
_OF_PLACE: Final = ("centroid_local", "centroid_weighted_local", "first_column", "orientation")
NAMES: Final = tuple(name for name in SETS["fast"] if not name.startswith(_OF_PLACE))
"""What is measured by default: size, shape and grey levels, in the units of `seston.features`."""

_SETTINGS: Final = Segmentation(
    polarity="dark", background="level", pieces="largest", faint_threshold=None
)


def measure(
    vignettes: Sequence[UInt8Array],
    sizes: NDArray[np.float64],
    names: Sequence[str] = NAMES,
) -> Float32Array:
    """Measure the object in each vignette.

    Its pixels are the largest 8-connected piece of those darker than 0.92 of the level of the
    border, as of vignettes that instruments cut (`seston.image.measure_vignettes`). Where there
    are none, the whole vignette counts as the object: whoever cut it saw something.

    Parameters
    ----------
    vignettes : sequence of array (y, x), uint8
        Dark objects on a light background.
    sizes : array (n, 2), mm
        Height and width of a pixel of each vignette (see `seston.learn.preprocess.pixel_sizes`);
        where it is not known, 1: then mm are pixels.
    names : sequence of str
        Features of `seston.features`.

    Returns
    -------
    array (n, n_names), float32
        In the units of `seston.features`. All are finite.

    Raises
    ------
    KeyError
        There is no such feature.
    """
    out = np.empty((len(vignettes), len(names)), np.float32)
    pairs, of = np.unique(np.round(sizes, 12), axis=0, return_inverse=True)
    for number, (height, width) in enumerate(pairs.tolist()):
        rows = np.flatnonzero(of.reshape(-1) == number)
        out[rows] = _measure([vignettes[int(i)] for i in rows], height, width, names)
    return out


def _measure(
    vignettes: Sequence[UInt8Array], height: float, width: float, names: Sequence[str]
) -> Float32Array:
    whole = [Vignette(0, 0, v.shape[0], v.shape[1], v) for v in vignettes]
    found = _features(whole, height, width, names)
    empty = np.flatnonzero(np.isnan(found).all(axis=1))
    if len(empty):
        masked = [replace(whole[i], mask=np.ones(vignettes[i].shape, bool)) for i in empty.tolist()]
        found[empty] = _features(masked, height, width, names)
    return np.nan_to_num(found, nan=0.0, posinf=LARGEST, neginf=-LARGEST)


def _features(
    vignettes: Sequence[Vignette], height: float, width: float, names: Sequence[str]
) -> Float32Array:
    measured = image.measure_vignettes(
        vignettes, settings=_SETTINGS, pixel_height=height, pixel_width=width, names=names
    )
    return measured.features


def measured_of(
    pictures: LearningSet, names: Sequence[str] | None = None
) -> tuple[tuple[str, ...], Float32Array]:
    """Give the measured features of a learning set: its source's own, or measured here.

    Parameters
    ----------
    pictures : LearningSet
    names : sequence of str, optional
        Features that are wanted; by default those of the source, where it brings any, else
        `NAMES`.

    Returns
    -------
    names : tuple of str
    values : array (n, n_names), float32
        The source's own where it brings all that are wanted, else all measured here: never some
        of both.
    """
    from seston.learn.preprocess import pixel_sizes

    own = pictures.measured_names
    wanted = tuple(names) if names is not None else own or NAMES
    if pictures.measured is not None and set(wanted) <= set(own):
        return wanted, pictures.measured[:, [own.index(name) for name in wanted]]
    sizes = pixel_sizes(len(pictures.vignettes), pictures.pixel_sizes_mm)
    return wanted, measure(pictures.vignettes, sizes, wanted)
