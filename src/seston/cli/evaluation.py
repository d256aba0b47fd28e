"""How well a classifier does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seston.cli.app import app
from seston.cli.options import LEARNING, CropBottom, PixelSize, SeenPolarity, Statuses, told


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
    polarity: SeenPolarity = None,
    crop_bottom: CropBottom = None,
    pixel_size_mm: PixelSize = None,
    statuses: Statuses = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for evaluation.html and evaluation.json.", show_default=False),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:  # fmt: skip
    """Measure a classifier: metrics with intervals, thresholds, unknowns, worst confusions."""
    from seston.errors import ConfigError
    from seston.stages.evaluate import as_json, as_text
    from seston.stages.evaluate import evaluate as run

    seen = told(
        polarity=polarity, crop_bottom=crop_bottom, pixel_size_mm=pixel_size_mm, statuses=statuses
    )
    if seen and images is None:
        raise ConfigError("these options are for pictures", cure="Give --images too.")
    found = run(model, images, out, taxonomy, seen)
    print(as_json(found) if json else as_text(found))
    if out is not None and not json:
        print(f"The page is {out / 'evaluation.html'}")
