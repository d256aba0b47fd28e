"""Arguments and options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

STEPS, LEARNING, TOOLS = "Steps of the workflow", "Classifiers", "Tools"

CampaignName = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="As in campaigns.csv.")]
PartName = Annotated[
    str,
    typer.Argument(
        metavar="PART",
        help="A block, <deployment>-b<number>, of which what is whole stays; or a single shard, "
        "<deployment>-<number>, which is made anew.",
    ),
]
ConfigPath = Annotated[
    Path, typer.Option("--config", envvar="SESTON_CONFIG", help="The configuration.")
]
Cores = Annotated[
    int | None,
    typer.Option(min=1, help="Worker processes; all cores if absent.", show_default=False),
]
Memory = Annotated[
    int | None,
    typer.Option(min=1, help="Memory of the job, MB; no limit if absent.", show_default=False),
]
Minutes = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Time of the job from its start: it ends itself before, and keeps what is finished. "
        "What the batch system tells if absent.",
        show_default=False,
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--performance-report",
        envvar="SESTON_PERFORMANCE_REPORT",
        help="Keep Dask's performance report as this page; in a folder, one for each job.",
        show_default=False,
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(help="Address of a Dask scheduler that runs already.", show_default=False),
]


class Polarity(StrEnum):
    """How objects are beside their background."""

    auto = "auto"
    dark = "dark"
    bright = "bright"


SeenPolarity = Annotated[
    Polarity | None,
    typer.Option(
        "--polarity",
        help="Objects are dark or bright; auto: as most borders have it. What the model learned "
        "with if absent.",
        show_default=False,
    ),
]
CropBottom = Annotated[
    str | None,
    typer.Option(
        "--crop-bottom",
        metavar="LINES",
        help="Lines of a scale bar at the bottom of each picture; auto: EcoTaxa's. What the model "
        "learned with if absent.",
        show_default=False,
    ),
]
PixelSize = Annotated[
    tuple[float, float] | None,
    typer.Option(
        "--pixel-size-mm",
        metavar="HEIGHT WIDTH",
        help="Of a pixel, where the pictures do not tell it.",
        show_default=False,
    ),
]
Statuses = Annotated[
    list[str] | None,
    typer.Option(
        "--status",
        help="Of EcoTaxa's rows, which count: validated (if absent), predicted, dubious. Give it "
        "once for each.",
        show_default=False,
    ),
]


def told(**options: Any) -> dict[str, Any]:  # noqa: ANN401
    """Give the options that a person gave."""
    return {name: value for name, value in options.items() if value is not None and value != []}


CONFIG = Path("config/config.yaml")
