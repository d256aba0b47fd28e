"""One page on a campaign, for people: figures, numbers, quality, and how it was made.

The page holds all it needs; it opens without a network, and equal data give equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from seston.report import facts, figures
from seston.report.page import template

__all__ = ["Making", "write_report"]


@dataclass(frozen=True, slots=True)
class Making:
    """How the datasets of a campaign were made.

    Parameters
    ----------
    settings : str
        The configuration, as text.
    software : mapping of str to str
        Versions by name.
    metrics : mapping or None
        Of the model, on pictures it did not learn from (see `learn.Card`).
    taxa : tuple of str
        Taxa of the model, in the order of its confusion matrix.
    """

    settings: str
    software: Mapping[str, str]
    metrics: Mapping[str, Any] | None = None
    taxa: tuple[str, ...] = ()


_NOT_SAID = dict.fromkeys(
    ("campaign", "title", "summary", "institution", "license", "source", "config_sha256",
     "model_sha256", "quantification"), "",
)  # fmt: skip


def write_report(path: Path, profiles: xr.Dataset, objects: Path, making: Making) -> None:
    """Write the report of a campaign as one HTML file.

    Parameters
    ----------
    path : Path
        Written straight: the caller makes it atomic.
    profiles : Dataset (profile, depth, taxon)
        The profiles dataset of the campaign.
    objects : Path
        Its objects dataset. Read in pieces: memory does not grow with the number of objects.
    making : Making
        How both were made.

    Raises
    ------
    StoreError
        The objects dataset is missing or damaged.
    """
    profiles = profiles.load()
    frames = facts.frames(objects)
    table = facts.taxa(profiles)
    page = template("report.html").render(
        about=_NOT_SAID | profiles.attrs,
        summary=facts.summary(profiles, frames),
        notices=facts.notices(profiles, frames, named=bool(making.taxa)),
        taxa=table,
        chapters=figures.chapters(profiles, objects, frames, table, making),
        lost=facts.lost(frames, objects),
        metrics=facts.scores(making.metrics),
        making=making,
    )
    path.write_text(page, "utf-8", newline="\n")
