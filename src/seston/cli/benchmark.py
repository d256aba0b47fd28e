"""The command that asks how deep is enough."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seston.cli.app import app
from seston.cli.options import LEARNING


@app.command(rich_help_panel=LEARNING)
def benchmark(
    grid: Annotated[
        str, typer.Argument(help="quick (a laptop), full (a GPU), or a YAML file.")
    ] = "quick",
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH", help="Where a learning set lies; once for each."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("results/benchmark"),
    cell: Annotated[
        list[str] | None,
        typer.Option(help="Run this cell only; once for each.", show_default=False),
    ] = None,
    hourly_price: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Of this machine: the tables tell what a million images cost.",
            show_default=False,
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="The grid `quick`.")] = False,
    list_cells: Annotated[bool, typer.Option("--list", help="Name the cells, run none.")] = False,
) -> None:
    """How deep is enough? Compare networks and heads on learning sets, each with three seeds.

    What was run is not run again. On many nodes: snakemake -s workflow/benchmark.smk.
    """
    from seston.stages import benchmark as stage

    chosen = stage.grid_of("quick" if quick else grid, data or [], hourly_price)
    if list_cells:
        print("\n".join(c.name for c in chosen.cells()))
        return
    cells = [chosen.cell(name) for name in cell] if cell else chosen.cells()
    stage.benchmark(chosen, out, cells)
    if not cell:
        print(stage.write_tables(chosen, out))
