"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

STEPS, LEARNING, TOOLS = "Steps of the workflow", "Classifiers", "Tools"

CampaignName = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="As in campaigns.csv.")]
ShardName = Annotated[
    str, typer.Argument(metavar="SHARD", help="<deployment>-<number>, as in the manifest.")
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
Scheduler = Annotated[
    str | None,
    typer.Option(help="Address of a Dask scheduler that runs already.", show_default=False),
]
CONFIG = Path("config/config.yaml")
