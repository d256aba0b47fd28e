"""How far the workflow is."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from seston.cli.app import app
from seston.cli.options import CONFIG, TOOLS, ConfigPath

#: Puts the cursor into the corner and clears the screen.
_CLEAR = "\x1b[H\x1b[2J"


@app.command(rich_help_panel=TOOLS)
def status(
    config: ConfigPath = CONFIG,
    folder: Annotated[Path, typer.Option(help="Where snakemake runs.")] = Path(),
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Look again and again, until all is done.")
    ] = False,
    seconds: Annotated[float, typer.Option(min=1, help="Between two looks.")] = 10.0,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Say how far each campaign is: done, running, failed and why, speed, time left, disk, cost."""
    from seston.plan import open_plan
    from seston.status import as_json, as_text, status_of

    while True:
        found = status_of(open_plan([config]), folder)
        text = as_json(found) if json else as_text(found)
        print(f"{_CLEAR}{text}" if watch and not json else text, flush=True)
        if not watch or (found and all(one.is_done for one in found)):
            return
        time.sleep(seconds)
