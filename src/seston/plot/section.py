"""Sections: a taxon as circles over the colours of the water."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from seston.plot.cells import Along, Cells, along, depth_edges, pool
from seston.plot.style import GREY, INK, PALE, axis_label, new_axes, plain, pretty_units, styled

_LARGEST = 150.0  # points squared: a circle about as wide as a column of a small panel
#: Colour map, and the part of it that leaves dark circles visible.
_COLOURS = {
    "fluorescence": ("algae", 0.0, 0.72),
    "chlorophyll": ("algae", 0.0, 0.72),
    "oxygen": ("ice", 0.5, 1.0),
    "temperature": ("thermal", 0.25, 1.0),
    "conservative_temperature": ("thermal", 0.25, 1.0),
    "salinity": ("haline", 0.25, 1.0),
    "absolute_salinity": ("haline", 0.25, 1.0),
    "irradiance": ("solar", 0.3, 1.0),
}


def colours(variable: str) -> Colormap:
    """Give the colour map of a property of the water, light enough for dark circles on it."""
    cmocean = _cmocean()
    name, low, high = _COLOURS.get(variable, ("dense", 0.0, 0.7))
    return ListedColormap(cmocean.cm.cmap_d[name](np.linspace(low, high, 256)))


def _cmocean() -> Any:  # noqa: ANN401 (a module)
    """Import cmocean without the warnings that its 4.0 draws from matplotlib 3.11."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mpl.MatplotlibDeprecationWarning)
        return importlib.import_module("cmocean")


@styled
def section(
    profiles: xr.Dataset,
    taxon: str,
    over: str | None = "fluorescence",
    *,
    x: Along = "auto",
    ax: Axes | None = None,
    max_rows: int = 40,
    max_columns: int = 60,
    colorbar: bool = True,
) -> Axes:
    """Draw where a taxon was: circles of area by concentration, over the colours of the water.

    A dot is a cell that was imaged and held none; a hatched cell was not imaged. Bins are
    pooled (objects over volume) until no more than `max_rows` and `max_columns` cells are left.

    Parameters
    ----------
    profiles : Dataset
        A profiles dataset.
    taxon : str
        A label of its ``taxon`` coordinate.
    over : str, optional
        Variable of the colours; None, or one without values, leaves the water white.
    x : {"auto", "distance", "time", "profile"}
        Horizontal axis. ``auto`` takes the distance, else the time, else the number.
    ax : Axes, optional
        Where to draw; else a new figure.
    max_rows, max_columns : int
        Most cells in depth and along the section.
    colorbar : bool
        Draw the bar of the colours.

    Returns
    -------
    Axes

    Raises
    ------
    KeyError
        The dataset has no such taxon.
    """
    alone = ax is None
    ax = new_axes(ax, (7.4, 3.9))
    name, places = along(profiles, x)
    cells = pool(profiles, taxon, places, max_rows=max_rows, max_columns=max_columns)
    mesh = _water(ax, profiles, over, places)
    if mesh is not None and colorbar and ax.figure is not None:
        _colorbar(ax.get_figure(root=True), mesh, profiles, over, [ax])  # type: ignore[arg-type]
    if cells.count.size:
        _not_imaged(ax, pool(profiles, taxon, places, max_rows=1 << 30, max_columns=1 << 30))
        _animals(ax, cells)
    else:
        ax.text(0.5, 0.5, "no bin was imaged", transform=ax.transAxes, ha="center", color=GREY)
    _frame(ax, profiles, taxon, name, cells)
    if alone:
        ax.get_figure(root=True).legend(handles=_keys(), loc="outside lower center", ncols=3)  # type: ignore[union-attr]
    return ax


@styled
def sections(
    profiles: xr.Dataset,
    taxa: Sequence[str],
    over: str | None = "fluorescence",
    *,
    x: Along = "auto",
    width: float = 9.4,
) -> Figure:
    """Draw sections of several taxa in two columns that share axes and the bar of colours."""
    rows = max(1, -(-len(taxa) // 2))
    figure = Figure(figsize=(width, 0.6 + 2.45 * rows), layout="constrained")
    grid = figure.subplots(rows, 2, sharex=True, sharey=True, squeeze=False)
    for ax, taxon in zip(grid.flat, taxa, strict=False):
        section(profiles, taxon, over, x=x, ax=ax, max_rows=25, max_columns=40, colorbar=False)
        ax.label_outer()
    for ax in list(grid.flat)[len(taxa) :]:
        ax.remove()
    for ax in list(grid.flat)[max(0, len(taxa) - 2) : len(taxa)]:
        ax.xaxis.set_tick_params(labelbottom=True)
        ax.set_xlabel(_x_label(profiles, along(profiles, x)[0]))
    shown = list(grid.flat)[: len(taxa)]
    meshes = [c for ax in shown for c in ax.collections if isinstance(c, QuadMesh)]
    if meshes:
        _colorbar(figure, meshes[0], profiles, over, shown)
    figure.legend(handles=_keys(), loc="outside lower center", ncols=3)
    return figure


def has_values(profiles: xr.Dataset, variable: str | None) -> bool:
    """Tell whether a variable is there with at least one value."""
    there = variable is not None and variable in profiles.variables
    return there and bool(np.isfinite(profiles[variable].to_numpy()).any())


def _water(
    ax: Axes, profiles: xr.Dataset, over: str | None, places: NDArray[Any]
) -> QuadMesh | None:
    if over is None or not has_values(profiles, over):
        return None
    numbers = _numbers(places)
    order = np.flatnonzero(np.isfinite(numbers))
    order = order[np.argsort(numbers[order], kind="stable")]
    field = profiles[over].transpose("profile", "depth").to_numpy()[order]
    if not np.isfinite(field).any():
        return None
    edges, column = column_edges(numbers[order])
    shown = np.where((column >= 0)[:, None], field[column], np.nan)
    low, high = np.nanpercentile(field, [1, 99])
    high = high if high > low else low + 1e-6
    return ax.pcolormesh(
        edges, depth_edges(profiles), np.ma.masked_invalid(shown.T), cmap=colours(over),
        vmin=low, vmax=high, rasterized=True, zorder=1,
    )  # fmt: skip


def column_edges(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Edges of columns around points, with empty columns (-1) where points are far apart.

    A column reaches half-way to its neighbour, but no further than the usual step.

    Returns
    -------
    edges : array (column + 1,)
    column : array (column,)
        Which point each column belongs to, -1 for none.
    """
    if len(x) == 1:
        return np.array([x[0] - 0.5, x[0] + 0.5]), np.zeros(1, np.int64)
    steps = np.diff(x)
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else 1.0
    edges, column = [x[0] - usual / 2], []
    for point, step in enumerate(steps):
        column.append(point)
        edges.append(x[point] + min(step / 2, usual))
        if step > 2 * usual:
            column.append(-1)
            edges.append(x[point + 1] - usual)
    return np.array([*edges, x[-1] + usual / 2]), np.array([*column, len(x) - 1])


def _not_imaged(ax: Axes, cells: Cells) -> None:
    edges, column = column_edges(_numbers(cells.x))
    boxes = [
        [(edges[i], top), (edges[i + 1], top), (edges[i + 1], bottom), (edges[i], bottom)]
        for i, point in enumerate(column)
        for top, bottom in _runs(cells, int(point))
    ]
    ax.add_collection(
        PolyCollection(
            boxes,
            facecolor=PALE,
            edgecolor="#aab0b8",
            hatch="/////",
            linewidth=0,
            zorder=2,
            gid="not-imaged",
        )
    )


def _runs(cells: Cells, column: int) -> list[tuple[float, float]]:
    """Spans of depth of one column that were not imaged."""
    missing = ~cells.sampled[column] if column >= 0 else np.ones(len(cells.depth), bool)
    change = np.flatnonzero(np.diff(np.concatenate([[0], missing.astype(int), [0]])))
    return [
        (float(cells.edges[a]), float(cells.edges[b]))
        for a, b in zip(change[::2], change[1::2], strict=True)
    ]


def _animals(ax: Axes, cells: Cells) -> None:
    values, units = (cells.concentration, "m-3") if cells.volume_known else (cells.count, None)
    x, depth = np.meshgrid(_numbers(cells.x), cells.depth, indexing="ij")
    none = cells.sampled & (cells.count == 0)
    ax.scatter(
        x[none], depth[none], s=2.2, color=INK, alpha=0.55, linewidths=0, zorder=3, gid="none"
    )
    some = cells.sampled & (values > 0)
    largest = float(values[some].max()) if some.any() else 1.0
    order = np.argsort(-values[some], kind="stable")  # small ones on top
    sizes = _LARGEST * values[some] / largest
    ax.scatter(
        x[some][order], depth[some][order], s=sizes[order], facecolor=INK, edgecolor="white",
        linewidths=0.5, alpha=0.82, zorder=4, gid="animals",
    )  # fmt: skip
    if some.any():
        _size_legend(ax, largest, units)


def _size_legend(ax: Axes, largest: float, units: str | None) -> None:
    handles = [_circle(_LARGEST * value / largest, f"{value:,g}") for value in nice_sizes(largest)]
    unit = pretty_units(units) or "objects"
    handles.append(Line2D([], [], linestyle="none", label=unit))
    ax.legend(
        handles=handles, loc="lower right", bbox_to_anchor=(1.01, 0.985), ncols=len(handles),
        handletextpad=0.1, columnspacing=0.7, borderpad=0, borderaxespad=0.25,
    )  # fmt: skip


def nice_sizes(largest: float) -> list[float]:
    """Two or three round values up to the largest, for a legend.

    >>> nice_sizes(930.0), nice_sizes(4.2)
    ([50.0, 200.0, 500.0], [0.2, 1.0, 2.0])
    """
    steps = [m * 10.0**e for e in range(-9, 13) for m in (1, 2, 5)]
    below = [float(f"{s:.1g}") for s in steps if s <= largest]
    return [below[-4], below[-2], below[-1]] if len(below) >= 4 else [largest]


def _circle(area: float, label: str) -> Line2D:
    return Line2D(
        [], [], linestyle="none", marker="o", markersize=float(np.sqrt(area)), color=INK,
        markeredgecolor="white", markeredgewidth=0.5, alpha=0.82, label=label,
    )  # fmt: skip


def _keys() -> list[Any]:
    dot = Line2D([], [], linestyle="none", marker=".", markersize=3, color=INK)
    dot.set_label("imaged, none found")
    circle = _circle(36, "area shows the concentration")
    hatched = Patch(facecolor=PALE, edgecolor="#aab0b8", hatch="/////", linewidth=0)
    hatched.set_label("not imaged")
    return [circle, dot, hatched]


def _colorbar(
    figure: Figure, mesh: QuadMesh, profiles: xr.Dataset, over: str | None, axes: list[Axes]
) -> None:
    bar = figure.colorbar(
        mesh, ax=axes, pad=0.015, aspect=22 * min(3, 1 + len(axes) // 3), extend="both",
        shrink=0.95 if len(axes) == 1 else 0.6,
    )  # fmt: skip
    bar.set_label(axis_label(profiles[over]))
    bar.outline.set_visible(False)


def _frame(ax: Axes, profiles: xr.Dataset, taxon: str, name: str, cells: Cells) -> None:
    ax.set_title(plain(str(taxon)))
    if len(cells.edges) > 1 and len(cells.x):
        ax.set_ylim(float(cells.edges[-1]), float(cells.edges[0]))
        edges, _ = column_edges(_numbers(cells.x))
        ax.set_xlim(edges[0], edges[-1])
    else:
        ax.set_ylim(1, 0)
    ax.set_ylabel("Depth (m)")
    ax.set_xlabel(_x_label(profiles, name))
    if name == "time":
        locator = AutoDateLocator(minticks=3, maxticks=7)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def _x_label(profiles: xr.Dataset, name: str) -> str:
    if name == "distance":
        return axis_label(profiles["distance"]).replace(" from the first profile", "")
    return "Time (UTC)" if name == "time" else "Profile"


def _numbers(x: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(date2num(x) if x.dtype.kind == "M" else x, dtype=float)
