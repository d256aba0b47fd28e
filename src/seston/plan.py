"""What the workflow asks before it runs: which campaigns, which shards, and what they hang on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

import seston
from seston import config as cfg
from seston.campaign import Campaign, load_campaigns
from seston.deployments import check_paths
from seston.errors import ConfigError

DEFAULT = Path("config/config.yaml")


@dataclass(frozen=True)
class Plan:
    """A configuration that was checked, and the fingerprints that decide what is done again.

    Parameters
    ----------
    path : Path
        The configuration.
    config : Config
        Its content.
    campaigns : dict of Campaign
        By name.
    """

    path: Path
    config: cfg.Config
    campaigns: dict[str, Campaign]

    @property
    def simulated(self) -> list[str]:
        """Campaigns that the workflow simulates."""
        return [name for name in self.campaigns if name in self.config.simulate.campaigns]

    @cached_property
    def model(self) -> str | None:
        """Folder of the model; None where objects are not named."""
        settings = self.config.classification
        return settings.model.as_posix() if settings else None

    @property
    def network(self) -> str | None:
        """Folder of the network that the workflow trains to find and name objects at once."""
        return self.config.semantic.model.as_posix() if self.config.semantic else None

    @property
    def network_inputs(self) -> list[str]:
        """What the network is trained from: annotations, a network to begin from, or nothing."""
        settings = self.config.semantic
        inputs = (settings.annotations, settings.initial) if settings else ()
        return [path.as_posix() for path in inputs if path]

    def network_depends_on(self) -> str:
        """Fingerprint of the settings of the network's training."""
        return cfg.fingerprint(seston.__version__, self.config.semantic)

    def network_of(self, campaign: str, shard: str) -> list[str]:
        """Folder of the network that finds the objects of a shard, if one does."""
        loaded = self.campaigns[campaign]
        model = loaded.instrument(loaded.shard(shard).deployment).segmentation.model
        return [model.as_posix()] if model else []

    def classifier_of(self, campaign: str) -> list[str]:
        """Folder of the model that names the objects of a campaign, unless a network has."""
        return [self.model] if self.model and self.campaigns[campaign].classification else []

    @property
    def learning_set(self) -> str | None:
        """Folder of the learning set, where the workflow trains the model."""
        settings = self.config.classification
        return settings.learning_set.as_posix() if settings and settings.learning_set else None

    @property
    def taxonomy(self) -> list[str]:
        """The table of taxa, if there is one."""
        return [self.config.taxonomy.as_posix()] if self.config.taxonomy else []

    @property
    def gpus(self) -> int:
        """Graphics processors of a job that trains or classifies."""
        return self.config.classification.gpus if self.config.classification else 0

    def simulation(self, campaign: str) -> str:
        """Options of the command that simulates a campaign."""
        settings = self.config.simulate.campaigns[campaign]
        return (
            f"--instrument {settings.instrument} --preset {settings.preset} --seed {settings.seed}"
        )

    @property
    def learning_set_options(self) -> str:
        """Options of the command that draws the learning set."""
        settings = self.config.simulate.learning_set
        return f"--per-class {settings.per_class} --seed {settings.seed}" if settings else ""

    def ready(self, campaign: str) -> bool:
        """Say whether the files of a campaign are there, or are still to be simulated."""
        return all(d.path.exists() for d in self.campaigns[campaign].deployments)

    def shards(self, campaign: str) -> list[str]:
        """Names of the shards of a campaign."""
        return [shard.name for shard in self.campaigns[campaign].shards]

    def stores(self, campaign: str, name: str) -> list[str]:
        """Name the stores of one kind of all shards; of scores only where objects are named."""
        if name == "scores.zarr" and not self.campaigns[campaign].names_objects:
            return []
        folder = self.campaigns[campaign].shard_folder
        return [(folder(shard) / name).as_posix() for shard in self.shards(campaign)]

    # What a step hangs on besides its input files. Equal text: nothing to do.
    def manifest_depends_on(self, campaign: str) -> str:
        """Fingerprint of settings and source files of the manifest."""
        return self.campaigns[campaign].ingest_fingerprint() if self.ready(campaign) else ""

    def objects_depend_on(self, campaign: str, shard: str) -> str:
        """Fingerprint of settings and source files of one shard's objects."""
        return self.campaigns[campaign].segmentation_fingerprint(shard)

    def is_segmented(self, campaign: str, shard: str) -> bool:
        """Say whether the objects of a shard were made from the present settings and files."""
        try:
            noted = self.campaigns[campaign].fingerprint_file(shard).read_text("ascii")
        except (OSError, UnicodeDecodeError):
            return False
        return noted == self.objects_depend_on(campaign, shard)

    def model_depends_on(self) -> str:
        """Fingerprint of the settings of the training, and of the taxa that labels stand for."""
        settings, taxonomy = self.config.classification, self.config.taxonomy
        taxa = taxonomy.read_text("utf-8", "replace") if taxonomy and taxonomy.exists() else ""
        return cfg.fingerprint(seston.__version__, settings.training if settings else None, taxa)

    def scores_depend_on(self) -> str:
        """Fingerprint of the settings of the scores. The engine is none: labels are the same."""
        settings = self.config.classification
        told = (settings.keep_embedding, settings.unknown_false_alarm) if settings else None
        return cfg.fingerprint(str(told))

    def gather_depends_on(self, campaign: str) -> str:
        """Fingerprint of the settings of the gather."""
        config, rows = self.config, self.campaigns[campaign].deployments
        despike, named = config.profiles.despike, self.campaigns[campaign].classification
        naming = str((named.target_precision, named.unknown_false_alarm) if named else None)
        return cfg.fingerprint(
            seston.__version__, config.ingest, config.publication, str(despike), naming, *rows
        )

    def particles(self, wanted: str | None = None) -> list[str]:
        """Name the particles datasets that there will be, of one campaign or of all."""
        return [
            campaign.particles.as_posix()
            for campaign in self.campaigns.values()
            if wanted in (None, campaign.name) and campaign.counts_particles
        ]

    def particles_depend_on(self, campaign: str) -> str:
        """Fingerprint of settings and source files of the particles."""
        own = cfg.fingerprint(self.config.particles, self.config.publication)
        return f"{own} {self.manifest_depends_on(campaign)}"

    def profiles_depend_on(self, campaign: str) -> str:
        """Fingerprint of the settings of the profiles."""
        rows = self.campaigns[campaign].deployments
        settings = self.campaigns[campaign].classification
        method = settings.quantification if settings else None
        return cfg.fingerprint(
            seston.__version__, self.config.profiles, self.config.publication, method, *rows
        )


def open_plan(files: Sequence[Path | str] = (), overrides: Mapping[str, Any] | None = None) -> Plan:
    """Read and check a configuration, as Snakemake was given it.

    Parameters
    ----------
    files : sequence of Path
        What was given as ``--configfile``; config/config.yaml if none.
    overrides : mapping
        What Snakemake made of ``--configfile`` and ``--config``.

    Raises
    ------
    ConfigError
        A key, value or path is wrong, or there is more than one file.
    """
    path = _only(files)
    _refuse_overrides(path, overrides or {})
    campaigns = load_campaigns(path)
    config = cfg.load_config(path)
    for campaign in campaigns.values():
        if campaign.name not in config.simulate.campaigns:
            check_paths(list(campaign.deployments), config.campaigns)
            _ = (
                campaign.shards
            )  # lists the files: Snakemake would tell what is wrong by a traceback
    _check_model(config, path)
    _check_networks(config, campaigns, path)
    _check_taxonomy(config, path)
    _check_simulations(config, campaigns, path)
    return Plan(path, config, campaigns)


def _only(files: Sequence[Path | str]) -> Path:
    if len(files) > 1:
        raise ConfigError(
            f"{len(files)} configurations were given",
            where=", ".join(map(str, files)),
            cure="Give one --configfile: every number then says where it is from.",
        )
    return Path(files[0]) if files else DEFAULT


def _refuse_overrides(path: Path, overrides: Mapping[str, Any]) -> None:
    """Refuse keys from the command line: the commands of the rules would not see them."""
    if not overrides or not path.exists():
        return
    said = yaml.safe_load(path.read_text("utf-8")) or {}
    changed = [key for key, value in overrides.items() if said.get(key) != value]
    if changed:
        raise ConfigError(
            f"`{changed[0]}` was given with --config",
            where=path,
            cure="Write it into a configuration of your own, and give that as --configfile.",
        )


def _check_model(config: cfg.Config, path: Path) -> None:
    settings = config.classification
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


def _check_networks(config: cfg.Config, campaigns: Mapping[str, Campaign], path: Path) -> None:
    """Refuse a network, or annotations to train it from, that is not there."""
    trained = config.semantic
    for campaign in campaigns.values():
        for deployment in campaign.deployments:
            model = campaign.instrument(deployment).segmentation.model
            if model and not model.exists() and not (trained and trained.model == model):
                raise ConfigError(
                    f"`instruments.{deployment.instrument}.segmentation.model` does not exist: "
                    f"{model}",
                    where=path,
                    cure="Give a network's folder, or train it: see `semantic`.",
                )
    for key in ("annotations", "initial"):
        needed = getattr(trained, key, None)
        if needed and not needed.exists():
            raise ConfigError(f"`semantic.{key}` does not exist: {needed}", where=path)


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
