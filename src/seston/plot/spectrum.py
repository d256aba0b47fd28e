"""Size spectra."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from seston.plot.style import BLUE, GREEN, ORANGE, PURPLE, VERMILION, new_axes, plain, styled

_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE)
_MARKERS = "osD^v"


@styled
def size_spectrum(
    edges: ArrayLike, spectra: Mapping[str, ArrayLike], *, ax: Axes | None = None
) -> Axes:
    """Draw normalised biovolume size spectra on logarithmic axes.

    Parameters
    ----------
    edges : array (class + 1,), mm3
        Edges of the size classes in volume of one object.
    spectra : mapping of name to array (class,), m-3
        Biovolume per volume of water and width of the class (mm3 mm-3 m-3). Classes without
        objects (0 or NaN) are left out: a logarithm has no place for them.
    ax : Axes, optional
        Where to draw; else a new figure.

    Returns
    -------
    Axes
    """
    ax = new_axes(ax, (6.0, 3.8))
    edges = np.asarray(edges, float)
    middle = np.sqrt(edges[:-1] * edges[1:])
    for number, (name, values) in enumerate(spectra.items()):
        values = np.asarray(values, float)
        shown = values > 0
        ax.plot(
            middle[shown], values[shown], color=_COLOURS[number % 5], lw=1.2, ms=4,
            marker=_MARKERS[number % 5], label=plain(name),
        )  # fmt: skip
    ax.set(xscale="log", yscale="log", xlabel="Volume of one object (mm³)")
    ax.set_ylabel("Normalised biovolume (mm³ mm⁻³ m⁻³)")
    ax.grid(color="#e3e6ea", lw=0.6)
    if spectra:
        ax.legend()
    top = ax.secondary_xaxis("top", functions=(_diameter, _volume))  # type: ignore[arg-type]
    top.set_xlabel("Equivalent spherical diameter (mm)")
    return ax


def _diameter(volume: NDArray[Any]) -> NDArray[Any]:
    diameter: NDArray[Any] = np.cbrt(6 * np.maximum(volume, 0) / np.pi)
    return diameter


def _volume(diameter: NDArray[Any]) -> NDArray[Any]:
    volume: NDArray[Any] = np.power(diameter, 3) * np.float64(np.pi / 6)
    return volume
