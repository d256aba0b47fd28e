"""Confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from seston.plot.style import GREY, INK, new_axes, plain, styled

_WITH_NUMBERS = 25  # classes up to which a number fits into each cell


@styled
def confusion(matrix: ArrayLike, labels: Sequence[str], *, ax: Axes | None = None) -> Axes:
    """Draw which taxa are taken for which: shares of each true taxon, with their counts.

    Parameters
    ----------
    matrix : array (true, predicted)
        Counts of objects.
    labels : sequence of str
        Names of the taxa, in the order of the matrix.
    ax : Axes, optional
        Where to draw; else a new figure.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        The matrix is not square or has not as many rows as there are labels.
    """
    counts = np.asarray(matrix)
    if counts.shape != (len(labels), len(labels)):
        raise ValueError(f"a matrix of {counts.shape} does not fit {len(labels)} labels")
    many = len(labels) > _WITH_NUMBERS
    side = 2.2 + 0.13 * len(labels) if many else min(9.0, 2.2 + 0.38 * len(labels))
    ax = new_axes(ax, (side + 0.6, side))
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    image = ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    names = [plain(str(label)) for label in labels]
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="Predicted", ylabel="True")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0, labelsize=6 if many else 8)
    if not many:
        _numbers(ax, counts, share)
    figure = ax.get_figure(root=True)
    if figure is not None:
        bar = figure.colorbar(image, ax=ax, shrink=0.6, label="Share of the true taxon")
        bar.outline.set_visible(False)
    return ax


def _numbers(ax: Axes, counts: np.ndarray, share: np.ndarray) -> None:
    size = 8 if len(counts) <= 14 else 6
    for row, column in np.argwhere(counts > 0):
        dark = share[row, column] > 0.55
        colour = "white" if dark else (INK if row == column else GREY)
        ax.text(
            column, row, f"{counts[row, column]:g}", ha="center", va="center", fontsize=size,
            color=colour,
        )  # fmt: skip
