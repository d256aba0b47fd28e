"""Score pictures or objects with a classifier, outside the workflow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seston.cli.app import app
from seston.cli.options import (
    LEARNING,
    Cores,
    CropBottom,
    Memory,
    PixelSize,
    Scheduler,
    SeenPolarity,
    told,
)


@app.command(rich_help_panel=LEARNING)
def predict(
    model: Annotated[Path, typer.Option(help="Folder of the classifier.")],
    out: Annotated[Path, typer.Option(help="The CSV to write.")],
    images: Annotated[
        Path | None,
        typer.Option(help="Folder of pictures, or CSV with a column `path`.", show_default=False),
    ] = None,
    objects: Annotated[
        Path | None, typer.Option(help="An objects.zarr instead.", show_default=False)
    ] = None,
    pixel_size_mm: PixelSize = None,
    polarity: SeenPolarity = None,
    crop_bottom: CropBottom = None,
    target_precision: Annotated[
        float | None,
        typer.Option(
            help="Give no taxon where the score does not promise this precision of it.",
            show_default=False,
        ),
    ] = None,
    unknown_false_alarm: Annotated[
        float | None,
        typer.Option(
            help="Give no taxon to what is like nothing in the learning set; this share of known "
            "taxa has none either (0.05 is usual).",
            show_default=False,
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="What computes, see docs/engines.md; auto: the fastest here.")
    ] = "auto",
    gpus: Annotated[int, typer.Option(min=0, help="Graphics processors; 0: the cores.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Vignettes at a time on a GPU.")] = 128,
    cores: Cores = None,
    memory: Memory = None,
    scheduler: Scheduler = None,
) -> None:
    """Score pictures or objects: a table of the taxon, its score and the score of each taxon."""
    from seston.cluster import connect
    from seston.config import Classification, checked
    from seston.errors import ConfigError
    from seston.stages import predict as stage
    from seston.stages.learning_set import seen_as

    if (images is None) == (objects is None):
        raise ConfigError("give either --images or --objects")
    settings = checked(
        Classification, model=model, engine=engine, gpus=gpus, batch_size=batch_size,
        target_precision=target_precision, unknown_false_alarm=unknown_false_alarm,
    )  # fmt: skip
    given = told(pixel_size_mm=pixel_size_mm, polarity=polarity, crop_bottom=crop_bottom)
    seen = seen_as(model, given)
    how = stage.Pictures(seen.pixel_size_mm, seen.polarity, seen.crop_bottom)
    with connect(cores, memory, scheduler, gpus=gpus) as client:
        if images is not None:
            done = stage.predict_pictures(settings, images, out, client, how)
        elif objects is not None:
            done = stage.predict_objects(settings, objects, out, client)
    print(
        f"{done.rows:,} rows in {out}" + f", {done.unreadable:,} unreadable" * bool(done.unreadable)
    )
