"""Reliability: how often a model is right, by how sure it says it is."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from seston.plot.style import BLUE, GREY, PALE, VERMILION, new_axes, styled

_Z = 1.959964


@styled
def reliability(
    confidence: ArrayLike, right: ArrayLike, count: ArrayLike, *, ax: Axes | None = None
) -> Axes:
    """Draw the share that is named rightly against the score, by bins of the score.

    Each point has Wilson's 95 % interval. On the line, scores mean what they say; below it the
    model is too sure. Bars tell how many objects a bin holds.

    Parameters
    ----------
    confidence, right, count : array (bin,)
        Mean best score, share named rightly, and number of objects, of each bin; bins part 0
        to 1 evenly, and empty ones are left out.
    ax : Axes, optional
        Where to draw; else a new figure.

    Returns
    -------
    Axes
    """
    sure, share, n = (np.asarray(a, np.float64) for a in (confidence, right, count))
    ax = new_axes(ax, (5.4, 4.2))
    edges = np.linspace(0, 1, len(n) + 1)
    bars = ax.twinx()
    bars.bar(edges[:-1], n, 1 / len(n), align="edge", color=PALE, edgecolor="white")
    bars.set(ylim=(0, 3 * max(1.0, n.max(initial=0))), ylabel="Objects (bars)")
    ax.set_zorder(bars.get_zorder() + 1)
    ax.patch.set_visible(False)
    bars.spines[:].set_visible(False)
    bars.tick_params(length=0, labelcolor=GREY)
    ax.plot([0, 1], [0, 1], color=GREY, lw=0.8, ls="--")
    there = n > 0
    low, high = _wilson(share[there], n[there])
    ax.vlines(sure[there], low, high, color=BLUE, lw=1.2)
    ax.plot(sure[there], share[there], color=BLUE, marker="o", ms=4, lw=1)
    too_sure = there & (share < sure) & _apart(sure, share, n)
    ax.plot(sure[too_sure], share[too_sure], color=VERMILION, marker="o", ms=4, ls="")
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="Score of the name", ylabel="Named rightly (points)")
    return ax


def _wilson(share: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return middle - half, middle + half


def _apart(sure: np.ndarray, share: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Tell where the interval does not hold the score."""
    _, high = _wilson(share, np.maximum(n, 1))
    return high < sure
