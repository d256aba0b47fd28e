"""How a classifier learned, epoch by epoch."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from seston.plot.style import BLUE, GREEN, GREY, VERMILION, styled


@styled
def training(epochs: pd.DataFrame, *, figure: Figure | None = None) -> Axes:
    """Draw losses, and accuracies on the validation part, by epoch.

    Parameters
    ----------
    epochs : DataFrame
        One row an epoch: epoch, loss, validation_loss, validation_loss_calibrated,
        validation_accuracy and validation_balanced_accuracy (NaN where there is no validation
        part).
    figure : Figure, optional
        Where to draw; else a new one.

    Returns
    -------
    Axes
        Of the losses; those of the accuracies are beside it.
    """
    figure = Figure(figsize=(7.5, 3.2), layout="constrained") if figure is None else figure
    losses, accuracies = (figure.add_subplot(1, 2, i) for i in (1, 2))
    _lines(
        losses,
        epochs,
        {
            "loss": ("learned from", BLUE),
            "validation_loss": ("validation", VERMILION),
            "validation_loss_calibrated": ("validation, calibrated", GREEN),
        },
    )
    _lines(
        accuracies,
        epochs,
        {
            "validation_accuracy": ("accuracy", BLUE),
            "validation_balanced_accuracy": ("balanced accuracy", GREEN),
        },
    )
    losses.set(title="Loss", ylabel="Weighted cross-entropy")
    accuracies.set(title="Validation part", ylabel="Share named rightly", ylim=(0, 1))
    return losses


def _lines(ax: Axes, epochs: pd.DataFrame, columns: dict[str, tuple[str, str]]) -> None:
    for name, (label, colour) in columns.items():
        if epochs[name].notna().any():
            ax.plot(epochs["epoch"], epochs[name], marker="o", ms=3, color=colour, label=label)
    losses = epochs["validation_loss_calibrated"]
    if losses.notna().any():
        best = epochs["epoch"].iloc[int(np.nanargmin(losses))]
        ax.axvline(best, color=GREY, lw=0.8, ls=":", label="epoch that was kept")
    ax.set_xlabel("Epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if ax.lines:
        ax.legend()
