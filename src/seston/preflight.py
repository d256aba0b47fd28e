"""What must be there before anything runs: refused in one line, not hours later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from seston import config as cfg
from seston.atomic import check_apart, check_replaceable, named
from seston.campaign import Campaign
from seston.deployments import check_paths
from seston.errors import ConfigError


def check_all(config: cfg.Config, campaigns: Mapping[str, Campaign], path: Path) -> None:
    """Refuse a configuration that names what is not there, and is not made by the workflow.

    Raises
    ------
    ConfigError
        A folder, a model, or what to train one from, does not exist.
    StoreError
        A folder that the workflow would write, and so empty first, holds other things.
    InputError
        A folder of files cannot be listed.
    """
    for campaign in campaigns.values():
        if campaign.name not in config.simulate.campaigns:
            check_paths(list(campaign.deployments), config.campaigns)
            _ = campaign.shards  # lists the files: Snakemake would tell what is wrong at length
    _check_model(config, campaigns, path)
    _check_written(config)
    _check_networks(config, campaigns, path)
    _check_taxonomy(config, path)
    _check_simulations(config, campaigns, path)


def _check_model(config: cfg.Config, campaigns: Mapping[str, Campaign], path: Path) -> None:
    """Refuse a classifier that is not there, if the objects of any campaign are named by it."""
    settings = next((c.classification for c in campaigns.values() if c.classification), None)
    if settings is None:
        return
    if settings.learning_set is None and not settings.model.exists():
        raise ConfigError(
            f"`classification.model` does not exist: {settings.model}",
            where=path,
            cure="Give a model's folder, or a `learning_set` from which to train it.",
        )
    learning_set = settings.learning_set
    if learning_set and not learning_set.exists() and not config.simulate.learning_set:
        raise ConfigError(
            f"`classification.learning_set` does not exist: {learning_set}", where=path
        )


def _check_written(config: cfg.Config) -> None:
    """Refuse to train into a folder of other things: Snakemake empties it, and asks nobody."""
    from seston.learn.card import FILES

    settings = config.classification
    if settings and settings.learning_set:
        check_apart(settings.model, settings.learning_set)
        check_replaceable(settings.model, named(*FILES))
        if config.simulate.learning_set and not _is_simulated(settings.learning_set):
            check_replaceable(settings.learning_set)
    for training in (config.filter, config.semantic):
        if training:
            check_replaceable(training.model, named(*FILES))


def _is_simulated(learning_set: Path) -> bool:
    """Say whether the pictures of a learning set were drawn by us, as its facts tell."""
    try:
        facts = json.loads((learning_set / "learning_set.json").read_text("utf-8"))
        return str(facts["origin"]).startswith("seston.simulate")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _check_networks(config: cfg.Config, campaigns: Mapping[str, Campaign], path: Path) -> None:
    """Refuse a network, a filter, or what to train it from, that is not there."""
    keys = {"model": ("network", "semantic"), "filter": ("filter", "filter")}
    for campaign in campaigns.values():
        for deployment in campaign.deployments:
            for key, (what, training) in keys.items():
                model = getattr(campaign.instrument(deployment).segmentation, key)
                trained = getattr(config, training)
                if model and not model.exists() and not (trained and trained.model == model):
                    raise ConfigError(
                        f"`instruments.{deployment.instrument}.segmentation.{key}` does not exist: "
                        f"{model}",
                        where=path,
                        cure=f"Give a {what}'s folder, or train it: see `{training}`.",
                    )
    for training, keys_of in (("semantic", ("annotations", "initial")),
                              ("filter", ("objects", "annotations"))):  # fmt: skip
        for key in keys_of:
            needed = getattr(getattr(config, training), key, None)
            if needed and not needed.exists():
                raise ConfigError(f"`{training}.{key}` does not exist: {needed}", where=path)


def _check_taxonomy(config: cfg.Config, path: Path) -> None:
    if config.taxonomy and not config.taxonomy.exists():
        raise ConfigError(f"`taxonomy` does not exist: {config.taxonomy}", where=path)


def _check_simulations(config: cfg.Config, campaigns: Mapping[str, Campaign], path: Path) -> None:
    for name in config.simulate.campaigns:
        if name not in campaigns:
            raise ConfigError(
                f"`simulate.campaigns.{name}`: there is no such campaign",
                where=path,
                cure=f"Add its deployment to {config.campaigns}.",
            )
