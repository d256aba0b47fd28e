"""The 30 features of version 4 of WHOI's IFCB software, by the package planktofeatures.

The package is called, where it is installed, and not copied: it is LGPL-3. It is slow (15 to 400 ms
a picture): the phase congruency by which it finds blobs is made of 24 Fourier filters.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seston.errors import ConfigError
from seston.features import SETS
from seston.frame import UInt8Array
from seston.image.costly import draw
from seston.image.kernels import BOTTOM, LEFT, RIGHT, TOP
from seston.image.measure import Columns
from seston.image.outline import MARGIN
from seston.image.segment import Found

Mask = NDArray[np.bool_]
NAMES = SETS["whoi"]
#: What the package may raise on shapes that it does not foresee, such as a single pixel.
_FAILURES = (ArithmeticError, LookupError, ValueError, RuntimeError)


def check_installed() -> None:
    """Refuse to begin where the package is not installed.

    Raises
    ------
    ConfigError
        It is not.
    """
    if find_spec("planktofeatures") is None:
        raise ConfigError(
            "`features` has the set whoi, and the package planktofeatures is not installed",
            cure="pip install 'seston[whoi]', or leave whoi out.",
        )


def measure_whoi(
    pictures: Sequence[UInt8Array | None], masks: Sequence[Mask | None]
) -> NDArray[np.float64]:
    """Measure the WHOI features of pictures.

    Parameters
    ----------
    pictures : sequence of arrays (y, x), uint8
        Dark objects on light, as the instrument saw them; not needed where there is a mask.
    masks : sequence of arrays (y, x), bool
        Pixels of the blobs; None: the package finds them.

    Returns
    -------
    array (picture, 30), float64
        In the order of `NAMES`. A picture in which nothing is found has zeros, and NaN for the
        three ratios; NaN all over where the package fails.

    Raises
    ------
    ConfigError
        The package is not installed.
    """
    check_installed()
    from planktofeatures.whoi_v4.all import compute_features

    rows = [_measure(compute_features, *one) for one in zip(pictures, masks, strict=True)]
    return np.array(rows, np.float64).reshape(-1, len(NAMES))


def _measure(
    compute: Callable[..., Any], picture: UInt8Array | None, mask: Mask | None
) -> list[float]:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            _, pairs, _ = compute(mask if picture is None else picture, mask, None)
        except _FAILURES:
            return [np.nan] * len(NAMES)
    told = {f"whoi_{name}": float(value) for name, value in pairs}
    return [told[name] for name in NAMES]


def measure_found(found: Found) -> Columns:
    """Measure the WHOI features of objects that were found, by name: their pixels are the blob."""
    masks = [_mask(found, i) for i in range(len(found.table))]
    values = measure_whoi([None] * len(masks), masks)
    return dict(zip(NAMES, values.T, strict=True))


def _mask(found: Found, i: int) -> Mask:
    row = found.table[i]
    runs = found.runs[found.starts[i] : found.starts[i + 1]]
    canvas = draw(runs, row[TOP], row[LEFT], row[BOTTOM], row[RIGHT])
    return canvas[MARGIN:-MARGIN, MARGIN:-MARGIN].astype(bool)
