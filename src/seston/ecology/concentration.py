"""How many, how much, and how sure: numbers per volume of water.

The functions take bare arrays, in the units that they name, and labelled ones, whose units are
checked and converted.
"""

from __future__ import annotations

from typing import Any, overload

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from seston.units import ANY, with_units

Float = NDArray[np.float64]


def _as_float(values: ArrayLike | xr.DataArray) -> Any:  # noqa: ANN401
    if isinstance(values, xr.DataArray):
        return values.astype(np.float64)
    return np.asarray(values, np.float64)


@overload
def concentration(amount: xr.DataArray, imaged_volume: xr.DataArray) -> xr.DataArray: ...
@overload
def concentration(amount: ArrayLike, imaged_volume: ArrayLike) -> Float: ...
@with_units(amount=ANY, imaged_volume="m3", returns="{amount} m-3")
def concentration(
    amount: ArrayLike | xr.DataArray, imaged_volume: ArrayLike | xr.DataArray
) -> Float | xr.DataArray:
    """Divide an amount by the volume of water in which it was seen.

    A bin that was imaged and held none is 0; a bin that was not imaged is NaN.

    Parameters
    ----------
    amount : array or DataArray
        Objects, mm3 or mg in each bin.
    imaged_volume : array or DataArray, m3
        Water imaged in each bin, 0 where none was; of a shape that fits `amount`'s.

    Returns
    -------
    array or DataArray, per m3

    Raises
    ------
    UnitError
        A DataArray has no unit, or the volume one that does not convert to m3.

    Examples
    --------
    >>> concentration([3, 0, 0], [0.06, 0.06, 0.0]).tolist()
    [50.0, 0.0, nan]
    """
    water: Any = xr.apply_ufunc(_nan_where_none, _as_float(imaged_volume))
    quotient: Float | xr.DataArray = _as_float(amount) / water
    return quotient


def _nan_where_none(volume: Float) -> Float:
    return np.where(volume > 0, volume, np.nan)


@overload
def poisson_interval(
    count: xr.DataArray, confidence: float = ...
) -> tuple[xr.DataArray, xr.DataArray]: ...
@overload
def poisson_interval(count: ArrayLike, confidence: float = ...) -> tuple[Float, Float]: ...
@with_units(count="1", returns="1")
def poisson_interval(
    count: ArrayLike | xr.DataArray, confidence: float = 0.95
) -> tuple[Float | xr.DataArray, Float | xr.DataArray]:
    """Give exact confidence limits of the mean of a Poisson count.

    Lower: chi2.ppf(a/2, 2n) / 2; upper: chi2.ppf(1 - a/2, 2n + 2) / 2, with a = 1 - confidence.
    Patchiness makes the true interval wider.

    Parameters
    ----------
    count : array or DataArray of integers
    confidence : float

    Returns
    -------
    tuple of arrays or DataArrays
        Lower and upper limit; the lower limit of no count is 0.

    References
    ----------
    Garwood, F. (1936). Fiducial limits for the Poisson distribution. Biometrika 28, 437-442.

    Examples
    --------
    >>> lower, upper = poisson_interval([0, 10])
    >>> lower.round(3).tolist(), upper.round(3).tolist()
    ([0.0, 4.795], [3.689, 18.39])
    """
    limits: tuple[Any, Any] = xr.apply_ufunc(
        _garwood, _as_float(count), kwargs={"tail": (1 - confidence) / 2}, output_core_dims=[[], []]
    )
    return limits


def _garwood(count: Float, tail: float) -> tuple[Float, Float]:
    """Limits of each count; equal counts, of which there are many, are reckoned once.

    chi2.ppf(p, 2 k) / 2 is the inverse of the regularised lower incomplete gamma function of k.
    """
    from scipy.special import gammaincinv

    n, place = np.unique(count, return_inverse=True)
    lower = np.where(n > 0, gammaincinv(np.maximum(n, 1), tail), np.where(n == 0, 0.0, np.nan))
    upper = gammaincinv(n + 1, 1 - tail)
    place = place.reshape(np.shape(count))
    return np.asarray(lower[place], np.float64), np.asarray(upper[place], np.float64)


def subsampled_interval(
    individuals: ArrayLike, squares: ArrayLike, largest: ArrayLike, confidence: float = 0.95
) -> tuple[Float, Float]:
    """Give confidence limits of a number of individuals of which subsamples were counted.

    Objects stand for different numbers of individuals where fractions of a sample were divided
    differently: the number is a sum of Poisson counts, each times its factor. With S1 and S2 the
    sums of the factors of what was counted and of their squares, and f the largest factor of any
    fraction, whether something was counted in it or not, the limits are
    S2 / (2 S1) chi2.ppf(a/2, 2 S1^2 / S2) and
    (S2 + f^2) / (2 (S1 + f)) chi2.ppf(1 - a/2, 2 (S1 + f)^2 / (S2 + f^2)), with
    a = 1 - confidence: one individual more may have been missed where it counts most. Where all
    factors are equal the limits are exact (`poisson_interval`), else they hold the truth at least
    as often as they say.

    Parameters
    ----------
    individuals, squares : array
        S1 and S2; 0 where nothing was counted.
    largest : array
        The largest factor of the fractions that were looked at.
    confidence : float

    Returns
    -------
    tuple of arrays
        Lower and upper limit.

    References
    ----------
    Fay, M.P. and Feuer, E.J. (1997). Confidence intervals for directly standardized rates: a
    method based on the gamma distribution. Statistics in Medicine 16, 791-801.

    Examples
    --------
    >>> lower, upper = subsampled_interval([160.0, 0.0], [10 * 16.0**2, 0.0], 16.0)
    >>> lower.round(2).tolist(), upper.round(2).tolist()
    ([76.73, 0.0], [294.25, 59.02])
    """
    one, two, most = np.broadcast_arrays(
        np.asarray(individuals, np.float64), np.asarray(squares, np.float64),
        np.asarray(largest, np.float64),
    )  # fmt: skip
    scale = np.divide(two, one, out=np.ones_like(one), where=one > 0)
    wider = (two + most**2) / (one + most)
    lower, _ = poisson_interval(np.where(one > 0, one / scale, 0.0), confidence)
    _, upper = poisson_interval((one + most) / wider - 1, confidence)
    return lower * scale, upper * wider


@overload
def equivalent_spherical_volume(area: xr.DataArray) -> xr.DataArray: ...
@overload
def equivalent_spherical_volume(area: ArrayLike) -> Float: ...
@with_units(area="mm2", returns="mm3")
def equivalent_spherical_volume(area: ArrayLike | xr.DataArray) -> Float | xr.DataArray:
    """Volume of the sphere whose shadow has the area of the object's.

    V = pi/6 * ESD^3 with ESD = 2 * sqrt(A / pi).

    Parameters
    ----------
    area : array or DataArray, mm2

    Returns
    -------
    array or DataArray, mm3

    Examples
    --------
    >>> round(float(equivalent_spherical_volume(2.601)), 4)
    3.1555
    """
    diameter = 2 * np.sqrt(_as_float(area) / np.pi)
    volume: Float | xr.DataArray = np.pi / 6 * diameter**3
    return volume
