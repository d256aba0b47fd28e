"""Size spectra: how living volume is spread over sizes."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

Float = NDArray[np.float64]


def normalised_biovolume_spectrum(diameter: Float, imaged_volume: float) -> xr.Dataset:
    """Give the normalised biovolume size spectrum of objects.

    NBSS_k = sum of v_i in class k / (imaged volume * width of the class), with classes whose
    limits double in volume (2^(1/3) in diameter).

    Parameters
    ----------
    diameter : array (object), mm
        Equivalent spherical diameters.
    imaged_volume : float, m3

    Returns
    -------
    Dataset (size_class)
        diameter_mid (mm), volume_mid (mm3, geometric), count, nbss (mm3 mm-3 m-3); from the
        smallest class with an object to the largest; empty classes between are 0.

    References
    ----------
    Platt, T. and Denman, K. (1977). Helgoländer wiss. Meeresunters. 30, 575-581.
    """
    sizes = np.asarray(diameter, np.float64)
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    volumes = np.pi / 6 * sizes**3
    exponents = np.floor(np.log2(volumes)).astype(int)
    first, last = (exponents.min(), exponents.max()) if len(sizes) else (0, -1)
    limits = np.exp2(np.arange(first, last + 2, dtype=np.float64))
    classes = exponents - first
    length = max(0, last - first + 1)
    count = np.bincount(classes, minlength=length)
    total = np.bincount(classes, weights=volumes, minlength=length)
    middle = np.sqrt(limits[:-1] * limits[1:])
    per_water = imaged_volume if imaged_volume > 0 else np.nan
    nbss = total / (per_water * np.diff(limits))
    return xr.Dataset(
        {
            "count": ("size_class", count, {"units": "1"}),
            "nbss": ("size_class", nbss, {"units": "mm3 mm-3 m-3"}),
        },
        coords={
            "diameter_mid": ("size_class", np.cbrt(6 * middle / np.pi), {"units": "mm"}),
            "volume_mid": ("size_class", middle, {"units": "mm3"}),
        },
    )
