"""How well a classifier does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seston.cli.app import app
from seston.cli.options import LEARNING


@app.command(rich_help_panel=LEARNING)
def evaluate(
    model: Annotated[Path, typer.Option(help="Folder of the model.")],
    images: Annotated[
        Path | None,
        typer.Option(help="Labelled vignettes it did not learn from, or its own learning set "
                     "for pictures on the page; absent: what was held out.", show_default=False),
    ] = None,
    taxonomy: Annotated[
        Path | None,
        typer.Option(help="Table of taxa, by label of the images.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for evaluation.html and evaluation.json.", show_default=False),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:  # fmt: skip
    """Measure a classifier: metrics with intervals, thresholds, unknowns, worst confusions."""
    from seston.stages.evaluate import as_json, as_text
    from seston.stages.evaluate import evaluate as run

    found = run(model, images, out, taxonomy)
    print(as_json(found) if json else as_text(found))
    if out is not None and not json:
        print(f"The page is {out / 'evaluation.html'}")
