"""Score pictures or objects with a classifier, outside the workflow."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from seston.cli.app import app
from seston.cli.options import LEARNING, Cores, Memory, Scheduler


class Polarity(StrEnum):
    """How objects are beside their background."""

    auto = "auto"
    dark = "dark"
    bright = "bright"


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
    pixel_size_mm: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Height and width of a pixel of the pictures.", show_default=False),
    ] = None,
    polarity: Annotated[
        Polarity, typer.Option(help="Objects are dark or bright; auto: as most borders have it.")
    ] = Polarity.auto,
    crop_bottom: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Lines of a scale bar at the bottom of each picture; EcoTaxa's if absent.",
            show_default=False,
        ),
    ] = None,
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

    if (images is None) == (objects is None):
        raise ConfigError("give either --images or --objects")
    settings = checked(
        Classification, model=model, engine=engine, gpus=gpus, batch_size=batch_size,
        target_precision=target_precision, unknown_false_alarm=unknown_false_alarm,
    )  # fmt: skip
    how = stage.Pictures(
        pixel_size_mm, polarity.value, "auto" if crop_bottom is None else crop_bottom
    )
    with connect(cores, memory, scheduler, gpus=gpus) as client:
        if images is not None:
            done = stage.predict_pictures(settings, images, out, client, how)
        elif objects is not None:
            done = stage.predict_objects(settings, objects, out, client)
    print(
        f"{done.rows:,} rows in {out}" + f", {done.unreadable:,} unreadable" * bool(done.unreadable)
    )
