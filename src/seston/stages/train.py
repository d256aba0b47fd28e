"""Train: make the classifier that the configuration names."""

from __future__ import annotations

import logging
import os

from seston.config import Config
from seston.errors import ConfigError
from seston.progress import progress

log = logging.getLogger(__name__)


def train(config: Config) -> None:
    """Train the classifier of a configuration from its learning set, and write it.

    Raises
    ------
    ConfigError
        The configuration names no learning set.
    InputError
        The learning set is missing, or is none.
    """
    from seston import learn

    settings = config.classification
    if settings is None or settings.learning_set is None:
        raise ConfigError(
            "has no key `classification.learning_set`",
            where="config.yaml",
            cure="Name the folder that holds one folder of pictures per taxon.",
        )
    learn.use_threads(len(os.sched_getaffinity(0)))
    with progress("train", 0, "vignettes") as shown:

        def tell(done: int, total: int) -> None:
            shown.total = total
            shown.advance(done - shown.done)

        card = learn.train(settings.learning_set, settings.model, settings.training, progress=tell)
    log.info(
        "train: %d taxa, accuracy %.3f, balanced %.3f on the vignettes held out",
        len(card.taxa), card.metrics["accuracy"], card.metrics["balanced_accuracy"],
    )  # fmt: skip
