"""What a person checks before trusting a campaign: frames, light, objects, positions."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from seston.plot.style import BLUE, GREEN, GREY, VERMILION, plain, styled

_BINS = 300


@styled
def quality(frames: pd.DataFrame, *, width: float = 9.4) -> Figure:
    """Draw objects per frame and background over time, frames lost by reason, and positions.

    Parameters
    ----------
    frames : DataFrame
        One row per frame: the frame variables of an objects dataset without ``frame_``:
        time, usable, problem, background, object_count, latitude, longitude. Of many frames,
        medians and 5 to 95 % ranges of spans of time are drawn.

    Returns
    -------
    Figure
        Four panels.
    """
    figure = Figure(figsize=(width, 5.6), layout="constrained")
    (objects, where), (light, lost) = figure.subplots(2, 2, width_ratios=(1.7, 1))
    usable = frames[frames["usable"] == 1]
    _over_time(objects, usable, "object_count", "Objects in a frame", BLUE)
    _over_time(light, usable, "background", "Background (grey level)", GREEN)
    light.set_ylim(0, 255)
    objects.set_ylim(bottom=0)
    _positions(where, frames)
    _lost(lost, frames)
    return figure


def reasons(frames: pd.DataFrame) -> pd.Series:
    """Count frames that are not usable, by their problem, the commonest first."""
    lost = frames.loc[frames["usable"] != 1, "problem"].astype(str)
    named = lost.mask(lost == "", "not said").rename("problem")
    counts = named.value_counts(sort=False).sort_index()
    return counts.sort_values(ascending=False, kind="stable")


def binned(time: pd.Series, values: pd.Series, bins: int = _BINS) -> pd.DataFrame:
    """Median and 5 to 95 % range of values in spans of time; few values stay as they are.

    Returns
    -------
    DataFrame
        Columns time, low, median, high.
    """
    known = time.notna() & values.notna()
    time, values = time[known], values[known].astype(float)
    if len(values) <= bins:
        together = pd.DataFrame({"time": time, "low": values, "median": values, "high": values})
        return together.sort_values("time", kind="stable")
    span = max(1, int((time.max() - time.min()).value))
    since = (time - time.min()).to_numpy().astype("timedelta64[ns]").astype(np.int64)
    groups = values.groupby((since / span * bins).astype(int).clip(max=bins - 1))
    shares = {"low": 0.05, "median": 0.5, "high": 0.95}
    table = pd.DataFrame({name: groups.quantile(share) for name, share in shares.items()})
    middle = (table.index.to_numpy() + 0.5) / bins * span
    table.insert(0, "time", time.min() + pd.to_timedelta(middle))
    return table


def _over_time(ax: Axes, frames: pd.DataFrame, column: str, label: str, colour: str) -> None:
    ax.set_ylabel(label)
    table = binned(frames["time"], frames[column])
    if table.empty:
        _nothing(ax, "no frame with a time")
        return
    time = table["time"].to_numpy()
    if (table["high"] > table["low"]).any():
        ax.fill_between(time, table["low"], table["high"], color=colour, alpha=0.22, lw=0)
    few = len(table) < 80
    ax.plot(time, table["median"], color=colour, lw=1.2, marker="o" if few else "", ms=2.5)
    locator = AutoDateLocator(minticks=3, maxticks=7)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    ax.set_xlabel("Time (UTC)")
    ax.grid(axis="y", color="#e3e6ea", lw=0.6)


def _positions(ax: Axes, frames: pd.DataFrame) -> None:
    known = frames.dropna(subset=["latitude", "longitude"])
    ax.set(xlabel="Longitude (°E)", ylabel="Latitude (°N)")
    if known.empty:
        _nothing(ax, "no position is known")
        return
    step = max(1, len(known) // 2000)
    shown = known.iloc[::step]
    ax.plot(shown["longitude"], shown["latitude"], ".", ms=3, color=BLUE, mew=0)
    first = known.iloc[0]
    ax.plot(first["longitude"], first["latitude"], "^", ms=7, color=VERMILION, label="first frame")
    ax.ticklabel_format(useOffset=False)
    ax.set_aspect(1 / np.cos(np.radians(float(known["latitude"].mean()))), adjustable="datalim")
    ax.locator_params(nbins=4)
    ax.legend()


def _lost(ax: Axes, frames: pd.DataFrame) -> None:
    counts = reasons(frames).head(8)[::-1]
    if counts.empty:
        _nothing(ax, f"all {len(frames):,} frames were used")
        return
    names = [plain(str(n)) if len(str(n)) <= 32 else plain(str(n)[:31] + "…") for n in counts.index]
    bars = ax.barh(range(len(counts)), counts.to_numpy(), color=VERMILION, height=0.6)
    ax.bar_label(bars, fmt="{:,.0f}", padding=3, fontsize=8)
    ax.set_yticks(range(len(counts)), names)
    ax.set_ylim(-0.6, max(2.6, len(counts) - 0.4))
    ax.margins(x=0.15)
    ax.set_xlabel(f"Frames not used, of {len(frames):,}")


def _nothing(ax: Axes, words: str) -> None:
    ax.text(0.5, 0.5, words, transform=ax.transAxes, ha="center", va="center", color=GREY)
    ax.set(xticks=[], yticks=[])
