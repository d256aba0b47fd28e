"""Learning sets and classifiers: make them, look at them, use them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seston.cli.app import app
from seston.cli.options import CONFIG, LEARNING, ConfigPath


@app.command(rich_help_panel=LEARNING)
def train(config: ConfigPath = CONFIG) -> None:
    """Train the classifier that the configuration names, from its learning set."""
    from seston.config import load_config
    from seston.stages.train import train as run

    run(load_config(config))


@app.command("learning-set", rich_help_panel=LEARNING)
def learning_set(
    folder: Annotated[Path, typer.Argument(help="Where one folder per taxon is written.")],
    per_class: Annotated[int, typer.Option(min=8, help="Vignettes of each taxon.")] = 120,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 2,
) -> None:
    """Draw a learning set: vignettes of every simulated taxon."""
    from seston.simulate import write_learning_set

    write_learning_set(folder, seed, per_class=per_class)


@app.command("train-semantic", rich_help_panel=LEARNING)
def train_semantic(
    config: ConfigPath = CONFIG,
    model: Annotated[
        Path | None,
        typer.Option(help="Folder to write, without a configuration.", show_default=False),
    ] = None,
    annotations: Annotated[
        Path | None,
        typer.Option(help="COCO instances; simulated frames if absent.", show_default=False),
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of the frames, if not beside.", show_default=False)
    ] = None,
    instrument: Annotated[str, typer.Option(help="Tells light and size of pixels.")] = "isiis",
    initial: Annotated[
        Path | None, typer.Option(help="A network to begin from.", show_default=False)
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the training.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same network.")] = 0,
) -> None:
    """Train a network that finds and names objects at once, from annotated or simulated frames."""
    from seston.config import Config, SemanticTraining, load_config
    from seston.stages.semantic import train_semantic as run

    if model is None:
        run(load_config(config))
        return
    settings = SemanticTraining(
        model=model, annotations=annotations, images=images, instrument=instrument,
        initial=initial, steps=steps, seed=seed,
    )  # fmt: skip
    run(Config(semantic=settings))


@app.command("annotated-frames", rich_help_panel=LEARNING)
def annotated_frames(
    folder: Annotated[Path, typer.Argument(help="Gets a PNG for each frame, instances.json.")],
    count: Annotated[int, typer.Option(min=1, help="Frames of 4096 lines.")] = 10,
    plankton: Annotated[int, typer.Option(min=1, help="Organisms in a frame.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 0,
) -> None:
    """Draw annotated frames as COCO instances: what `train-semantic --annotations` takes."""
    from seston.learn.semantic.coco import write_coco
    from seston.simulate.annotated import SimulatedFrames

    write_coco(folder, SimulatedFrames(seed, plankton).frames(0, count))
