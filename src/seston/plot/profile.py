"""Vertical profiles of a taxon, with the interval that its counts allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seston.ecology import poisson_interval
from seston.plot.cells import (
    Adjusted,
    Cells,
    depth_edges,
    is_adjusted,
    pool_adjusted,
    pool_profile,
)
from seston.plot.section import has_values
from seston.plot.style import (
    BLUE,
    GREY,
    ORANGE,
    axis_label,
    new_axes,
    plain,
    styled,
    with_units,
)

_WATER = {
    "temperature": "#D55E00",
    "salinity": "#0072B2",
    "fluorescence": "#009E73",
    "chlorophyll": "#009E73",
    "oxygen": "#CC79A7",
}

#: A band is drawn as far as so many times the largest number of its taxon.
_SIGHT = 5


@styled
def profile(
    profiles: xr.Dataset, taxon: str, *, ax: Axes | None = None, max_rows: int = 40
) -> Axes:
    """Draw concentration against depth over all profiles given, with its 95 % interval.

    Each depth pools objects over volume. The band is the exact Poisson interval of the count
    (Garwood, 1936): a lower bound of what is not known, since animals live in patches. Where
    the volume is not known, objects are drawn instead and there is no band.

    Where the dataset has numbers mended for the classifier's errors, those are drawn with their
    limits (`pool_adjusted`), and what was named is a dashed line without a band.

    Parameters
    ----------
    profiles : Dataset
        A profiles dataset; select some profiles first to draw only those.
    taxon : str
        A label of its ``taxon`` coordinate.
    ax : Axes, optional
        Where to draw; else a new figure.
    max_rows : int
        Most depths to draw; bins are pooled until no more are left.

    Returns
    -------
    Axes
    """
    ax = new_axes(ax, (3.2, 4.0))
    _draw(ax, profiles, taxon, max_rows)
    if drawn := _with_names(ax):
        ax.legend(handles=drawn, loc="lower right", fontsize=7)
    return ax


def _draw(ax: Axes, profiles: xr.Dataset, taxon: str, max_rows: int) -> None:
    cells = pool_profile(profiles, taxon, max_rows=max_rows)
    if cells.volume_known and is_adjusted(profiles):
        _adjusted(ax, cells, pool_adjusted(profiles, taxon, max_rows=max_rows))
    elif cells.volume_known:
        _concentration(ax, cells)
    else:
        _steps(ax, np.where(cells.sampled[0], cells.count[0], np.nan), cells)
        ax.set_xlabel("Objects (volume not known)")
    ax.set_ylabel("Depth (m)")
    ax.set_ylim(float(cells.edges[-1]) if len(cells.edges) > 1 else 1.0, 0.0)
    ax.set_xlim(left=0)
    ax.set_title(plain(str(taxon)))


@styled
def profile_grid(profiles: xr.Dataset, taxa: Sequence[str], *, width: float = 9.4) -> Figure:
    """Draw profiles of several taxa side by side, the water's properties first."""
    water = [name for name in _WATER if has_values(profiles, name)]
    panels = len(taxa) + bool(water)
    columns = min(4, max(1, panels))
    rows = max(1, -(-panels // columns))
    figure = Figure(figsize=(width * columns / 4, 3.3 * rows), layout="constrained")
    grid = list(figure.subplots(rows, columns, sharey=True, squeeze=False).flat)
    if water:
        water_profile(profiles, water, ax=grid[0])
    for ax, taxon in zip(grid[bool(water) :], taxa, strict=False):
        _draw(ax, profiles, taxon, 30)
        ax.label_outer(remove_inner_ticks=False)
        ax.xaxis.set_tick_params(labelbottom=True)
        ax.set_xlabel(ax.get_xlabel() or with_units("Concentration", "m-3"))
    for ax in grid[panels:]:
        ax.remove()
    named = [_with_names(ax) for ax in grid[bool(water) : panels]]
    if drawn := max(named, key=len, default=[]):
        figure.legend(handles=drawn, loc="outside lower center", ncols=len(drawn))
    return figure


@styled
def water_profile(profiles: xr.Dataset, names: Sequence[str], *, ax: Axes | None = None) -> Axes:
    """Draw mean properties of the water against depth, each scaled from its least to its most."""
    ax = new_axes(ax, (3.2, 4.0))
    middle = (depth_edges(profiles)[:-1] + depth_edges(profiles)[1:]) / 2
    for name in names:
        mean = profiles[name].mean("profile", skipna=True).to_numpy()
        low, high = np.nanmin(mean), np.nanmax(mean)
        share = (mean - low) / (high - low) if high > low else mean * 0
        label = f"{axis_label(profiles[name])}\n{low:.3g} to {high:.3g}"
        ax.plot(share, middle, color=_WATER.get(name, GREY), lw=1.5, label=label)
    ax.set(xlim=(-0.05, 1.05), xticks=[0, 1], xticklabels=["least", "most"], ylabel="Depth (m)")
    ax.set_ylim(float(depth_edges(profiles)[-1]), 0)
    ax.set_title("water")
    ax.legend(loc="lower right", fontsize=6.5, labelspacing=0.8, handlelength=1.2)
    return ax


def _concentration(ax: Axes, cells: Cells) -> None:
    water = np.where(cells.volume[0] > 0, cells.volume[0], np.nan)
    lower, upper = (limit / water for limit in poisson_interval(cells.count[0]))
    _steps(ax, cells.concentration[0], cells)
    _band(ax, lower, upper, cells, gid="interval")
    ax.set_xlabel(with_units("Concentration", "m-3"))


def _adjusted(ax: Axes, cells: Cells, adjusted: Adjusted) -> None:
    """Draw mended numbers over what was named; or say that there are none of this taxon."""
    _steps(ax, cells.concentration[0], cells, color=ORANGE, lw=1.0, ls="--", label="as named")
    if adjusted.known:
        _steps(ax, adjusted.value, cells, gid="adjusted", label="adjusted for errors of naming")
        _band(ax, adjusted.lower, adjusted.upper, cells,
              gid="adjusted-interval", label="95 % limits of the adjusted")  # fmt: skip
        _keep_lines_in_sight(ax, cells, adjusted)
    else:
        ax.set_title("not adjusted", loc="right", fontsize=8, fontweight="normal", color=GREY)
    ax.set_xlabel(with_units("Concentration", "m-3"))


def _keep_lines_in_sight(ax: Axes, cells: Cells, adjusted: Adjusted) -> None:
    """Cut the axis where a band is so wide that nobody would see the lines."""
    most = _SIGHT * max(np.nanmax(cells.concentration[0]), np.nanmax(adjusted.value))
    if 0 < most < np.nanmax(adjusted.upper):
        ax.set_xlim(right=most)


def _with_names(ax: Axes) -> list[Artist]:
    """Give what a legend would name; nothing where the numbers are not adjusted."""
    return list(ax.get_legend_handles_labels()[0])


def _band(ax: Axes, lower: np.ndarray, upper: np.ndarray, cells: Cells, **how: Any) -> None:  # noqa: ANN401 - matplotlib's
    low, high = (np.repeat(side, 2) for side in (lower, upper))
    ax.fill_betweenx(_corners(cells), low, high, color=BLUE, alpha=0.22, lw=0, **how)


def _steps(ax: Axes, values: np.ndarray, cells: Cells, **how: Any) -> None:  # noqa: ANN401 - matplotlib's
    style: dict[str, Any] = {"color": BLUE, "lw": 1.4, "gid": "mean"} | how
    ax.plot(np.repeat(values, 2), _corners(cells), **style)


def _corners(cells: Cells) -> np.ndarray:
    return np.stack([cells.edges[:-1], cells.edges[1:]], axis=1).ravel()
