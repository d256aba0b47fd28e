"""Train: make a classifier, of the configuration or by hand, and draw how it learned."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from seston.atomic import check_apart, check_replaceable, named, new_file
from seston.cluster import available_cores
from seston.config import Config, LearningPictures, Training, explain
from seston.errors import ConfigError

if TYPE_CHECKING:
    from seston.learn import Card

log = logging.getLogger(__name__)

FIGURE = "training.png"


def train(config: Config, *, resume: bool = True) -> None:
    """Train the classifier of a configuration from its learning set, and write it.

    Raises
    ------
    ConfigError
        The configuration names no learning set.
    InputError
        The learning set is missing, or is none.
    """
    settings = config.classification
    if settings is None or settings.learning_set is None:
        raise ConfigError(
            "has no key `classification.learning_set`",
            where="config.yaml",
            cure="Name the folder that holds one folder of pictures per taxon.",
        )
    train_on(
        settings.learning_set, settings.model, settings.training,
        taxonomy=config.taxonomy, pictures=settings.pictures, resume=resume,
    )  # fmt: skip


def settings_of(given: Mapping[str, Any]) -> Training:
    """Give the settings of a training from what a person asked for; the rest is as by default.

    Raises
    ------
    ConfigError
        There is no such setting or value.
    """
    try:
        return Training(**given)
    except ValidationError as error:
        raise explain(error, "seston train") from None


def train_on(
    learning_set: Path,
    model: Path,
    settings: Training,
    *,
    taxonomy: Path | None = None,
    pictures: LearningPictures | None = None,
    resume: bool = True,
) -> Card:
    """Train a classifier from a learning set of any kind, write it, and draw its curves.

    Parameters
    ----------
    learning_set : Path
        See `seston.stages.learning_set.open_learning_set`.
    model : Path
        Folder of the model; replaced whole, or not at all. It may hold nothing but a model.
    settings : Training
    taxonomy : Path, optional
        Table of taxa.
    pictures : LearningPictures, optional
        How the pictures are seen.
    resume : bool
        Go on where a killed training of the same model stood.

    Returns
    -------
    Card

    Raises
    ------
    InputError
        The learning set is missing, or is none.
    StoreError
        Other things lie in the folder of the model, or it is not apart from the learning set.
    """
    from seston import learn
    from seston.learn.card import FILES
    from seston.stages.learning_set import open_learning_set

    check_apart(model, learning_set)
    check_replaceable(model, named(*FILES))  # now: to open many pictures takes minutes
    learn.use_threads(available_cores())
    seen = (pictures or LearningPictures()).model_dump()
    found = open_learning_set(learning_set, taxonomy=taxonomy, **seen)
    card = learn.train(found, model, settings, resume=resume)
    draw_curves(model)
    _tell(card)
    return card


def _tell(card: Card) -> None:
    if not card.metrics:
        log.info("train: %d taxa, too few pictures to hold any out", len(card.taxa))
        return
    log.info(
        "train: %d taxa, accuracy %.3f, balanced %.3f on the vignettes held out",
        len(card.taxa), card.metrics["accuracy"], card.metrics["balanced_accuracy"],
    )  # fmt: skip


def draw_curves(model: Path) -> None:
    """Draw the epochs of a model beside it; nothing where it has none."""
    import pandas as pd

    from seston import plot
    from seston.learn.training.train import CURVES

    table = model / CURVES
    if not table.exists():
        return
    figure = plot.training(pd.read_csv(table)).get_figure(root=True)
    if figure is not None:
        with new_file(model / FIGURE) as draft:
            draft.write_bytes(plot.to_png(figure))
