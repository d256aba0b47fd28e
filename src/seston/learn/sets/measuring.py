"""Measured features of vignettes, for classifiers that look at numbers instead of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seston import image
from seston.config import Segmentation
from seston.config.learning import MEASURED_FEATURES
from seston.frame import Vignette

UInt8Array = NDArray[np.uint8]
Float32Array = NDArray[np.float32]

NAMES: Final = MEASURED_FEATURES
"""What is measured by default: size, shape and grey levels, in the units of `seston.features`."""

#: Some invariants of tiny objects leave the range of float32; what learns needs their order only.
LARGEST: Final = 1e30

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
