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
    individuals: ArrayLike, squares: ArrayLike, confidence: float = 0.95
) -> tuple[Float, Float]:
    """Give confidence limits of a number of individuals of which subsamples were counted.

    Objects stand for different numbers of individuals where fractions of a sample were divided
    differently. The sum of their factors has the mean and the variance of a scaled Poisson count:
    n = S1^2 / S2 of scale S2 / S1, with S1 and S2 the sums of the factors and of their squares.
    Where all factors are equal, n is the count and the limits are exact (`poisson_interval`); an
    empty bin is taken to be of factor 1.

    Parameters
    ----------
    individuals, squares : array
        Sums of the factors, and of their squares.
    confidence : float

    Returns
    -------
    tuple of arrays
        Lower and upper limit.

    References
    ----------
    Bohm, G. and Zech, G. (2014). Statistics of weighted Poisson events and its applications.
    Nucl. Instrum. Methods A 748, 1-6.

    Examples
    --------
    >>> lower, upper = subsampled_interval([160.0], [10 * 16.0**2])
    >>> lower.round(2).tolist(), upper.round(2).tolist()
    ([76.72], [294.25])
    """
    first, second = np.asarray(individuals, np.float64), np.asarray(squares, np.float64)
    some = first > 0
    scale = np.divide(second, first, out=np.ones_like(first), where=some)
    lower, upper = poisson_interval(np.where(some, first / scale, 0.0), confidence)
    return lower * scale, upper * scale


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
