"""The command line: one command for each step of the workflow, and those of people.

Heavy libraries are imported inside the commands, so that help comes at once.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated

import typer

from seston import __version__

GUIDE = """
From pictures of plankton to numbers, maps and answers.

The whole way is one command, run where the Snakefile is: [bold]snakemake[/bold]
(on a cluster: [bold]snakemake --profile slurm[/bold]; first look: [bold]snakemake -n[/bold]).
It reads config/config.yaml and config/campaigns.csv, and for each campaign runs these steps,
each of which you can also run by hand:

  1. [bold]seston ingest demo[/bold]              list frames, read CTD and navigation
  2. [bold]seston segment demo tow-b000[/bold]    find and measure the objects of a block
  3. [bold]seston train[/bold]                    make a classifier from a learning set
  4. [bold]seston classify demo tow-b000[/bold]   score the objects of a block
  5. [bold]seston gather demo[/bold]              join all shards: results/demo/objects.zarr
  6. [bold]seston profile demo[/bold]             concentrations: results/demo/profiles.zarr
     [bold]seston particles demo[/bold]           particles by size: results/demo/particles.zarr
  7. [bold]seston report demo[/bold]              figures on one page: results/demo/report.html

Before: [bold]seston instruments[/bold] lists what can be read, and
[bold]seston inspect FOLDER[/bold] says what lies in a folder;
[bold]seston plan[/bold] says what a campaign will take, sailed or not.
Meanwhile: [bold]seston status --watch[/bold] says how far it is.
Then: xarray.open_zarr("results/demo/profiles.zarr"), or notebooks/01-open-a-campaign.ipynb.
"""

app = typer.Typer(
    help=GUIDE,
    rich_markup_mode="rich",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(value: bool) -> None:
    if value:
        print(f"seston {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("seston").setLevel(level)


def main() -> None:
    """Run the command line; an error that a person can mend is told without a traceback."""
    from seston.errors import SestonError

    try:
        app()
    except SestonError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if error.filename is None:
            raise
        print(f"{type(error).__name__}: {error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(2)
