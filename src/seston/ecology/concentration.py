"""How many, how much, and how sure: numbers per volume of water."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]


def concentration(amount: ArrayLike, imaged_volume: ArrayLike) -> Float:
    """Divide an amount by the volume of water in which it was seen.

    A bin that was imaged and held none is 0; a bin that was not imaged is NaN.

    Parameters
    ----------
    amount : array
        Objects, mm3 or mg in each bin.
    imaged_volume : array, m3
        Water imaged in each bin, 0 where none was; of a shape that fits `amount`'s.

    Returns
    -------
    array, per m3
    """
    volume = np.asarray(imaged_volume, np.float64)
    return np.asarray(amount, np.float64) / np.where(volume > 0, volume, np.nan)


def poisson_interval(count: ArrayLike, confidence: float = 0.95) -> tuple[Float, Float]:
    """Give exact confidence limits of the mean of a Poisson count.

    Lower: chi2.ppf(a/2, 2n) / 2; upper: chi2.ppf(1 - a/2, 2n + 2) / 2, with a = 1 - confidence.
    Patchiness makes the true interval wider.

    Parameters
    ----------
    count : array of integers
    confidence : float

    Returns
    -------
    tuple of arrays
        Lower and upper limit; the lower limit of no count is 0.

    References
    ----------
    Garwood, F. (1936). Fiducial limits for the Poisson distribution. Biometrika 28, 437-442.
    """
    from scipy.stats import chi2

    n = np.asarray(count, np.float64)
    tail = (1 - confidence) / 2
    lower = np.where(n > 0, chi2.ppf(tail, 2 * np.maximum(n, 1)) / 2, 0.0)
    upper = np.asarray(chi2.ppf(1 - tail, 2 * n + 2), np.float64) / 2
    return lower, upper


def equivalent_spherical_volume(area: NDArray[np.floating[Any]]) -> Float:
    """Volume of the sphere whose shadow has the area of the object's.

    V = pi/6 * ESD^3 with ESD = 2 * sqrt(A / pi).

    Parameters
    ----------
    area : array, mm2

    Returns
    -------
    array, mm3
    """
    diameter = 2 * np.sqrt(np.asarray(area, np.float64) / np.pi)
    return np.pi / 6 * diameter**3
