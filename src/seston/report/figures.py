"""The figures of the report, in chapters. Each is a picture inside the page, with words for it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seston import plot
from seston.report import samples
from seston.report.facts import WATER

if TYPE_CHECKING:
    from seston.report import Making

_TAXA_SHOWN = 6
_MOSAICS = 12
#: Water that taxa are drawn over, a picture each.
_UNDER = ("fluorescence", "chlorophyll", "oxygen")

_TOGETHER = "All profiles together, objects over water, beside the mean of the water."
_OF_COUNTS = ("The band is the 95 % interval of the count; animals live in patches: more is not "
              "known.")  # fmt: skip
_OF_ADJUSTED = (
    "Dashed: what the model named. Line: how many there were by the errors that the model made on "
    "pictures it did not learn from; where the two differ, names were missed, or given to others. "
    "The band joins the error of counting and that of the model (docs/quantification.md); one that "
    "leaves the picture goes on."
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure in the page.

    Parameters
    ----------
    source : str
        The picture itself, as a data URI.
    alt : str
        What it shows, for those who do not see it.
    caption : str
        How to read it; may be empty.
    """

    source: str
    alt: str
    caption: str = ""


def chapters(
    profiles: xr.Dataset, objects: Path, frames: pd.DataFrame, taxa: pd.DataFrame, making: Making
) -> dict[str, list[Picture]]:
    """Draw all figures that the data allow, by the title of their chapter."""
    drawn = {
        "Where the plankton was": _sections(profiles, taxa),
        "Vertical distribution": _verticals(profiles, taxa),
        "What it looks like": _mosaics(objects, taxa, list(profiles["taxon"].to_numpy())),
        "Size spectrum": _spectrum(objects, frames),
        "How well the model names": _confusion(making),
        "Quality of the pictures": [picture(
            plot.quality(frames), "Objects and background over time, positions, and lost frames",
            "Lines are medians, bands the middle 90 % of the frames.",
        )],
    }  # fmt: skip
    return {title: pictures for title, pictures in drawn.items() if pictures}


def picture(figure: Figure, alt: str, caption: str = "") -> Picture:
    """Put a figure into the page."""
    data = base64.b64encode(plot.to_png(figure, dpi=110)).decode()
    return Picture(f"data:image/png;base64,{data}", alt, caption)


def figure_of(ax: Axes) -> Figure:
    """Give the figure that axes stand in."""
    figure = ax.get_figure(root=True)
    assert figure is not None  # the plot room makes one for each new Axes
    return figure


def _main(taxa: pd.DataFrame) -> list[str]:
    """Give the taxa to draw: the commonest of the plankton, or of all where none is plankton."""
    there = taxa[taxa["count"] > 0]
    plankton = there[there["plankton"]]
    chosen = plankton if len(plankton) else there
    return [str(name) for name in chosen["name"].head(_TAXA_SHOWN)]


def _sections(profiles: xr.Dataset, taxa: pd.DataFrame) -> list[Picture]:
    names = _main(taxa)
    if not names or not profiles.sizes["depth"] or profiles.sizes["profile"] < 2:
        return []
    told = [name for name in _UNDER if plot.has_values(profiles, name)]
    over: list[str | None] = [*told] or [None]
    caption = ("Circles: concentration, by area. A dot is water that was imaged and held none; "
               "hatched water was not imaged.")  # fmt: skip
    return [
        picture(
            plot.sections(profiles, names, name),
            f"Sections of {', '.join(names)} over {name or 'depth'}",
            caption,
        )
        for name in over
    ]


def _verticals(profiles: xr.Dataset, taxa: pd.DataFrame) -> list[Picture]:
    if not profiles.sizes["depth"]:
        return []
    drawn = []
    names = _main(taxa)
    if names:
        figure, alt = plot.profile_grid(profiles, names), f"Vertical profiles of {', '.join(names)}"
        if plot.is_adjusted(profiles):
            alt, caption = f"{alt}, as named and adjusted", _of_adjusted(taxa, names)
        else:
            caption = _OF_COUNTS
        drawn.append(picture(figure, alt, f"{_TOGETHER} {caption}"))
    water = [name for name in WATER if plot.has_values(profiles, name)]
    if water and not names:
        figure = figure_of(plot.water_profile(profiles, water))
        drawn.append(picture(figure, f"Vertical profiles of {', '.join(water)}"))
    return drawn


def _of_adjusted(taxa: pd.DataFrame, names: list[str]) -> str:
    """Say what the adjusted numbers are, and of which taxa that are drawn there are none."""
    missing = taxa.loc[taxa["name"].isin(names) & taxa["adjusted"].isna(), "name"]
    if missing.empty:
        return _OF_ADJUSTED
    return f"{_OF_ADJUSTED} Not adjusted, as these errors are not known: {', '.join(missing)}."


def _mosaics(objects: Path, taxa: pd.DataFrame, labels: list[Any]) -> list[Picture]:
    there = [str(name) for name in taxa.loc[taxa["count"] > 0, "name"].head(_MOSAICS)]
    return [
        picture(
            figure_of(plot.mosaic(chosen.vignettes, chosen.pixel_height, chosen.pixel_width,
                                title=f"{chosen.taxon}: {chosen.how}")),
            f"{len(chosen.vignettes)} vignettes of {chosen.taxon}, {chosen.how}",
        )
        for chosen in samples.draw(objects, there, [str(label) for label in labels])
    ]  # fmt: skip


def _spectrum(objects: Path, frames: pd.DataFrame) -> list[Picture]:
    volume = float(frames.loc[frames["usable"] == 1, "volume"].sum())
    edges, values = samples.spectrum(objects, volume)
    if not len(values) or not volume > 0 or not np.isfinite(values).any():
        return []
    figure = figure_of(plot.size_spectrum(edges, {"all objects": values}))
    return [picture(figure, "Normalised biovolume size spectrum of all objects",
                     "Each object a sphere of the area that it shows.")]  # fmt: skip


def _confusion(making: Making) -> list[Picture]:
    if not making.metrics or "confusion" not in making.metrics:
        return []
    figure = figure_of(plot.confusion(making.metrics["confusion"], making.taxa))
    return [picture(figure, "Confusion matrix of the model",
                     "Pictures that the model did not learn from: rows are true, columns "
                     "predicted.")]  # fmt: skip
