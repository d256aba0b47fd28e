"""A campaign: its deployments, its shards, and where its results lie.

A shard is a number of consecutive files of one deployment. It follows from the names of the
files alone, so that a plan needs no file to be opened.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import seston
from seston import config as cfg
from seston.deployments import load_deployments
from seston.errors import ConfigError
from seston.features import names_of
from seston.readers import ParticleReader, Reader, instruments, open_deployment, reader_of


@dataclass(frozen=True)
class Shard:
    """Consecutive files of one deployment: the unit of work, and of loss.

    Parameters
    ----------
    name : str
        ``<deployment>-<number>``, unique in the campaign.
    deployment : Deployment
        The deployment that the files belong to.
    files : tuple of Path
        In the order of time, relative to the deployment's folder.
    """

    name: str
    deployment: cfg.Deployment
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Campaign:
    """All deployments of one campaign, and the folder of its results."""

    name: str
    config: cfg.Config
    deployments: tuple[cfg.Deployment, ...]

    @property
    def folder(self) -> Path:
        """Where everything of this campaign is written."""
        return self.config.results / self.name

    @property
    def manifest(self) -> Path:
        """Frames of each shard (CSV) and environment of each deployment (Zarr)."""
        return self.folder / "manifest"

    def shard_folder(self, shard: str) -> Path:
        """Where the stores of one shard lie."""
        return self.folder / "shards" / shard

    def fingerprint_file(self, shard: str) -> Path:
        """Where the fingerprint of a shard's objects is noted, once they are there."""
        return self.shard_folder(shard) / "objects.fingerprint"

    @property
    def objects(self) -> Path:
        """The objects dataset."""
        return self.folder / "objects.zarr"

    @property
    def profiles(self) -> Path:
        """The profiles dataset."""
        return self.folder / "profiles.zarr"

    @property
    def particles(self) -> Path:
        """The particles dataset, of instruments that count them."""
        return self.folder / "particles.zarr"

    @property
    def counts_particles(self) -> bool:
        """Whether the instrument of any deployment counts particles."""
        return any(isinstance(self.reader(d), ParticleReader) for d in self.deployments)

    def instrument(self, deployment: cfg.Deployment) -> cfg.Instrument:
        """Optics and segmentation of a deployment: preset, config, then its own columns."""
        preset = cfg.instrument(self.config, deployment.instrument)
        return preset.model_copy(update={"optics": deployment.optics(preset.optics)})

    @property
    def names_objects(self) -> bool:
        """Whether a model names the objects: a classifier, or the network that found them."""
        return bool(self.models)

    @property
    def models(self) -> tuple[Path, ...]:
        """Folders of the models that name the objects."""
        if self.classification:
            return (self.classification.model,)
        segmentations = (self.instrument(d).segmentation for d in self.deployments)
        return tuple(dict.fromkeys(s.model for s in segmentations if s.model))

    @property
    def classification(self) -> cfg.Classification | None:
        """How objects are named after they are found; None where nothing does, or has by then."""
        segmentations = (self.instrument(d).segmentation for d in self.deployments)
        found_named = any(s.method == "semantic" for s in segmentations)
        return None if found_named else self.config.classification

    def network_stamp(self, deployment: cfg.Deployment) -> str:
        """Fingerprint of the network that finds the objects; empty where a threshold does.

        Of one that the workflow trains: of the settings of its training, for it need not be there.
        """
        from seston.learn.semantic import load_semantic_card

        model, trained = self.instrument(deployment).segmentation.model, self.config.semantic
        if model is None:
            return ""
        if trained and trained.model == model:
            return cfg.fingerprint(trained)
        return load_semantic_card(model).hash

    def reader(self, deployment: cfg.Deployment) -> Reader:
        """Open the files of a deployment."""
        return open_deployment(deployment, self.instrument(deployment), self.config.ingest)

    def deployment_index(self, name: str) -> int:
        """Position of a deployment in the campaign: the upper bits of its object ids."""
        return [d.deployment for d in self.deployments].index(name)

    @cached_property
    def shards(self) -> tuple[Shard, ...]:
        """All shards, in the order of the deployments and of time."""
        return tuple(s for d in self.deployments for s in self._shards_of(d))

    def _shards_of(self, deployment: cfg.Deployment) -> Iterable[Shard]:
        files = self.reader(deployment).files()
        size = self.config.ingest.files_per_shard
        for number, start in enumerate(range(0, len(files), size)):
            name = f"{deployment.deployment}-{number:04d}"
            yield Shard(name, deployment, tuple(files[start : start + size]))

    def shard(self, name: str) -> Shard:
        """Find a shard by its name.

        Raises
        ------
        ConfigError
            The campaign has no such shard.
        """
        for shard in self.shards:
            if shard.name == name:
                return shard
        raise ConfigError(
            f"campaign {self.name!r} has no shard {name!r}",
            where=self.config.campaigns,
            cure=f"It has {', '.join(s.name for s in self.shards[:5])} …",
        )

    def segmentation_fingerprint(self, name: str) -> str:
        """Hash of all that the objects of a shard depend on: settings, code and files.

        The neighbours' files count too, because objects cross the seams.
        """
        shard = self.shard(name)
        names = [s.name for s in self.shards if s.deployment == shard.deployment]
        here = names.index(name)
        around = [self.shard(n) for n in names[max(0, here - 1) : here + 2]]
        return cfg.fingerprint(
            seston.__version__,
            self.instrument(shard.deployment),
            shard.deployment,
            self.network_stamp(shard.deployment),
            self.config.ingest,
            ",".join(names_of(self.config.features)),
            self.deployment_index(shard.deployment.deployment),
            *_stamps(shard.deployment.path / f for s in around for f in s.files),
            *_stamps(self.reader(shard.deployment).environment_files()),
            *_stamps(self.reader(shard.deployment).other_files()),
        )

    def ingest_fingerprint(self) -> str:
        """Hash of all that the manifest depends on."""
        files = (s.deployment.path / f for s in self.shards for f in s.files)
        return cfg.fingerprint(
            seston.__version__,
            self.config.ingest,
            *self.deployments,
            *(self.instrument(d).optics for d in self.deployments),
            *_stamps(files),
            *_stamps(e for d in self.deployments for e in self.reader(d).environment_files()),
            *_stamps(o for d in self.deployments for o in self.reader(d).other_files()),
        )


def _stamps(files: Iterable[Path]) -> list[str]:
    """Name, size and time of change of each file."""
    stamps = []
    for file in files:
        stat = file.stat()
        stamps.append(f"{file.name} {stat.st_size} {stat.st_mtime_ns}")
    return stamps


def load_campaigns(config_path: Path | str = "config/config.yaml") -> dict[str, Campaign]:
    """Read the configuration and give its campaigns by name.

    Raises
    ------
    ConfigError
        The configuration or the list of deployments is wrong.
    """
    config = cfg.load_config(config_path)
    by_name: dict[str, list[cfg.Deployment]] = {}
    deployments = load_deployments(config)
    _check_instruments(config, config_path, deployments)
    for deployment in deployments:
        by_name.setdefault(deployment.campaign, []).append(deployment)
    campaigns = {name: Campaign(name, config, tuple(rows)) for name, rows in by_name.items()}
    for campaign in campaigns.values():
        _check_named(campaign, config_path)
    return campaigns


def _check_named(campaign: Campaign, config_path: Path | str) -> None:
    """Refuse a campaign whose objects are found in two ways: their counts mean two things."""
    methods = {campaign.instrument(d).segmentation.method for d in campaign.deployments}
    if len(methods) > 1:
        raise ConfigError(
            f"some deployments of {campaign.name!r} have `segmentation.method: semantic`, others "
            "threshold",
            where=config_path,
            cure="Put them into two campaigns in campaigns.csv.",
        )


def _check_instruments(
    config: cfg.Config, config_path: Path | str, deployments: Iterable[cfg.Deployment]
) -> None:
    """Refuse a deployment of an instrument that there is not, or changes to one."""
    for name in config.instruments:
        if reader_of(name) is None:
            what = f"`instruments.{name}`: there is no such instrument"
            raise ConfigError(what, where=config_path, cure=_those_there_are())
    for one in deployments:
        if reader_of(one.instrument) is None:
            what = f"unknown instrument {one.instrument!r} of deployment {one.deployment!r}"
            raise ConfigError(what, where=config.campaigns, cure=_those_there_are())


def _those_there_are() -> str:
    return f"There are: {', '.join(instruments())}."


def load_campaign(config_path: Path | str, name: str) -> Campaign:
    """Give one campaign of a configuration.

    Raises
    ------
    ConfigError
        There is no campaign of this name.
    """
    campaigns = load_campaigns(config_path)
    if name not in campaigns:
        raise ConfigError(
            f"no campaign {name!r}; there are: {', '.join(campaigns) or 'none'}",
            where=config_path,
            cure="Add its deployments to campaigns.csv.",
        )
    return campaigns[name]
