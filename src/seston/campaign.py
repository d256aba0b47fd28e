"""A campaign: its deployments, its shards, and where its results lie.

A shard is a number of consecutive files of one deployment, and a block a number of consecutive
shards. Both follow from the names of the files alone, so that a plan needs no file to be opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from seston import config as cfg
from seston.deployments import load_deployments
from seston.errors import ConfigError
from seston.readers import ParticleReader, Reader, instruments, open_deployment, reader_of

Part = TypeVar("Part")


@dataclass(frozen=True)
class Shard:
    """Consecutive files of one deployment: what is written, and lost, as a whole.

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
class Block:
    """Consecutive shards of one deployment: the work of one job.

    Parameters
    ----------
    name : str
        ``<deployment>-b<number>``, unique in the campaign.
    shards : tuple of Shard
        In the order of time; at least one.
    """

    name: str
    shards: tuple[Shard, ...]

    @property
    def deployment(self) -> cfg.Deployment:
        """The deployment that the shards belong to."""
        return self.shards[0].deployment


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

    def block_record(self, block: str, step: str) -> Path:
        """Where it stands that a step is done with all shards of a block."""
        return self.folder / "blocks" / block / f"{step}.json"

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
    def filters(self) -> tuple[Path, ...]:
        """Folders of the filters that leave out objects before they are stored."""
        segmentations = (self.instrument(d).segmentation for d in self.deployments)
        return tuple(dict.fromkeys(s.filter for s in segmentations if s.filter))

    @property
    def classification(self) -> cfg.Classification | None:
        """How objects are named after they are found; None where nothing does, or has by then."""
        return None if self.finds_by_network else self.config.classification

    @property
    def finds_by_network(self) -> bool:
        """Whether a network finds the objects, and names them at once."""
        segmentations = (self.instrument(d).segmentation for d in self.deployments)
        return any(s.method == "semantic" for s in segmentations)

    def chooser(self, deployment: cfg.Deployment) -> Path | None:
        """Folder of the network or the filter that chooses the objects; None where all are kept."""
        settings = self.instrument(deployment).segmentation
        return settings.model or settings.filter

    def chooser_hash(self, deployment: cfg.Deployment) -> str:
        """Hash of the network or the filter as it is now; empty where all objects are kept.

        Raises
        ------
        ModelError
            It is missing or damaged.
        """
        from seston.learn.card import load_card

        chooser = self.chooser(deployment)
        return "" if chooser is None else load_card(chooser).hash

    def reader(self, deployment: cfg.Deployment) -> Reader:
        """Open the files of a deployment; once, for that lists its folder."""
        name = deployment.deployment
        if name not in self._readers:
            settings = self.instrument(deployment), self.config.ingest
            self._readers[name] = open_deployment(deployment, *settings)
        return self._readers[name]

    @cached_property
    def _readers(self) -> dict[str, Reader]:
        return {}

    def deployment_index(self, name: str) -> int:
        """Position of a deployment in the campaign: the upper bits of its object ids."""
        return [d.deployment for d in self.deployments].index(name)

    @cached_property
    def shards(self) -> tuple[Shard, ...]:
        """All shards, in the order of the deployments and of time."""
        return tuple(s for d in self.deployments for s in self._cut(d))

    def _cut(self, deployment: cfg.Deployment) -> Iterable[Shard]:
        files = self.reader(deployment).files()
        size = self.config.ingest.files_per_shard
        for number, start in enumerate(range(0, len(files), size)):
            name = f"{deployment.deployment}-{number:04d}"
            yield Shard(name, deployment, tuple(files[start : start + size]))

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """All blocks, in the order of the deployments and of time."""
        return tuple(b for d in self.deployments for b in self._blocks_of(d))

    def _blocks_of(self, deployment: cfg.Deployment) -> Iterable[Block]:
        shards = self.shards_of(deployment)
        size = self.config.ingest.shards_per_block
        for number, start in enumerate(range(0, len(shards), size)):
            name = f"{deployment.deployment}-b{number:03d}"
            yield Block(name, tuple(shards[start : start + size]))

    def shards_of(self, deployment: cfg.Deployment) -> list[Shard]:
        """Shards of one deployment, in the order of time."""
        return self._by_deployment[deployment.deployment]

    @cached_property
    def _by_deployment(self) -> dict[str, list[Shard]]:
        found: dict[str, list[Shard]] = {d.deployment: [] for d in self.deployments}
        for shard in self.shards:
            found[shard.deployment.deployment].append(shard)
        return found

    @cached_property
    def _shards_by_name(self) -> dict[str, Shard]:
        return {shard.name: shard for shard in self.shards}

    @cached_property
    def _blocks_by_name(self) -> dict[str, Block]:
        return {block.name: block for block in self.blocks}

    def shard(self, name: str) -> Shard:
        """Find a shard by its name.

        Raises
        ------
        ConfigError
            The campaign has no such shard.
        """
        return _found(self._shards_by_name, name, "shard", self)

    def block(self, name: str) -> Block:
        """Find a block by its name.

        Raises
        ------
        ConfigError
            The campaign has no such block.
        """
        return _found(self._blocks_by_name, name, "block", self)

    def part(self, name: str) -> Block | Shard:
        """Find a block, or a shard, by its name.

        Raises
        ------
        ConfigError
            The campaign has neither.
        """
        shard = self._shards_by_name.get(name)
        return shard if shard is not None else self.block(name)

    def shards_beside(self, shard: Shard) -> list[Shard]:
        """Give the shard and its neighbours in the deployment: objects cross the seams."""
        shards = self.shards_of(shard.deployment)
        here = int(shard.name.rpartition("-")[2])
        return shards[max(0, here - 1) : here + 2]


def _found(named: Mapping[str, Part], name: str, kind: str, campaign: Campaign) -> Part:
    if name in named:
        return named[name]
    raise ConfigError(
        f"campaign {campaign.name!r} has no {kind} {name!r}",
        where=campaign.config.campaigns,
        cure=f"It has {', '.join(list(named)[:5])} …",
    )


def frames_file(manifest: Path, shard: str) -> Path:
    """Where the frames of a shard are listed in a manifest."""
    return manifest / "frames" / f"{shard}.csv"


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
