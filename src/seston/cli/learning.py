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
