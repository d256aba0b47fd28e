"""What the workflow asks before it runs: which campaigns, which shards, and what they hang on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from seston import config as cfg
from seston import records
from seston.budget import Work
from seston.campaign import Block, Campaign, Shard, frames_file, load_campaigns
from seston.errors import ConfigError, ModelError
from seston.keys import Keys, code_of, filter_key, network_key
from seston.preflight import check_all
from seston.store import read_key

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
        """Folder of the classifier; None where there is none."""
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
        """Key of the network's training: of its settings, and of all that it learns from."""
        return network_key(self.config)

    def network_of(self, campaign: str, block: str) -> list[str]:
        """Folder of the network that finds the objects of a block, or of its filter, if any."""
        loaded = self.campaigns[campaign]
        settings = loaded.instrument(loaded.block(block).deployment).segmentation
        return [model.as_posix() for model in (settings.model, settings.filter) if model]

    @property
    def filter(self) -> str | None:
        """Folder of the filter that the workflow trains."""
        return self.config.filter.model.as_posix() if self.config.filter else None

    @property
    def filter_inputs(self) -> list[str]:
        """What the filter is trained from: objects or annotations, or nothing."""
        settings = self.config.filter
        inputs = (settings.objects, settings.annotations) if settings else ()
        return [path.as_posix() for path in (*inputs, self.config.taxonomy) if settings and path]

    def filter_depends_on(self) -> str:
        """Key of the filter's training: of its settings, and of all that it learns from."""
        return filter_key(self.config)

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
        """Graphics processors of a job that trains a classifier or classifies."""
        return self.config.classification.gpus if self.config.classification else 0

    @property
    def network_gpus(self) -> int:
        """Graphics processors of a job that trains a network, or finds objects by it."""
        return self.config.semantic.gpus if self.config.semantic else 0

    def gpus_of(self, campaign: str, step: str) -> int:
        """Graphics processors of a job of a step of a campaign."""
        by_network = self.campaigns[campaign].finds_by_network
        wanted = {
            "segment": self.network_gpus if by_network else 0,
            "classify": 0 if by_network else self.gpus,  # scores are only handed on
        }
        return wanted.get(step, 0)

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
        if settings and settings.frames:
            passed = f" --filter {self.filter}" if self.filter else ""
            return f"--frames {settings.frames} --seed {settings.seed}{passed}"
        return f"--per-class {settings.per_class} --seed {settings.seed}" if settings else ""

    @property
    def learning_set_inputs(self) -> list[str]:
        """What the learning set that is drawn needs: the filter, where it is of whole frames."""
        settings = self.config.simulate.learning_set
        return [self.filter] if self.filter and settings and settings.frames else []

    def ready(self, campaign: str) -> bool:
        """Say whether the files of a campaign are there, or are still to be simulated."""
        return all(d.path.exists() for d in self.campaigns[campaign].deployments)

    def records(self, campaign: str, step: str) -> list[str]:
        """Name the records of a step of all blocks; none of a step that there is not."""
        loaded = self.campaigns[campaign]
        if step == "classify" and not loaded.names_objects:
            return []
        return [loaded.block_record(block.name, step).as_posix() for block in loaded.blocks]

    # How large the work of a job is. Read where a job is about to begin: before, what it is made of
    # may not be there.
    def work_of(self, campaign: str, block: str) -> Work:
        """Size of a block: the objects that were found in it; before, the pixels of its files.

        A raw file has a byte a pixel. Of a compressed film the manifest tells the pixels.
        """
        shards = self.campaigns[campaign].block(block).shards
        pixels = sum(self._pixels(campaign, shard) for shard in shards)
        return Work(pixels=pixels, objects=self.objects_in(campaign, block))

    def whole_work(self, campaign: str) -> Work:
        """Size of a campaign: its frames, and the objects that were found in them."""
        loaded = self.campaigns[campaign]
        done = [loaded.block_record(block.name, "segment") for block in self._blocks(campaign)]
        return Work(
            objects=sum(records.counted(record, "objects") for record in done),
            frames=sum(records.counted(record, "frames") for record in done),
        )

    def objects_in(self, campaign: str, block: str) -> float:
        """Objects that were found in a block; 0 where it is not segmented."""
        return records.counted(self.campaigns[campaign].block_record(block, "segment"), "objects")

    def method_of(self, campaign: str, block: str) -> str:
        """Say how the objects of a block are found: by a threshold, or by a network."""
        loaded = self.campaigns[campaign]
        return loaded.instrument(loaded.block(block).deployment).segmentation.method

    def _pixels(self, campaign: str, shard: Shard) -> float:
        listed = _pixels_listed(frames_file(self.campaigns[campaign].manifest, shard.name))
        return listed or float(self.keys(campaign).bytes_of(shard))

    # What a step hangs on besides its input files. Equal text: nothing to do. Each has in it what
    # the steps before hang on: the order of files in time tells nothing where clocks differ.
    def keys(self, campaign: str) -> Keys:
        """Give the keys of a campaign; its files are looked at once."""
        if campaign not in self._keys:
            self._keys[campaign] = Keys(self.campaigns[campaign])
        return self._keys[campaign]

    @cached_property
    def _keys(self) -> dict[str, Keys]:
        return {}

    def manifest_depends_on(self, campaign: str) -> str:
        """Key of the manifest."""
        return self.keys(campaign).manifest if self.ready(campaign) else ""

    def objects_depend_on(self, campaign: str, block: str) -> str:
        """Key of the objects of a block: of the training of its network, not of the network."""
        return self.keys(campaign).block(self.campaigns[campaign].block(block))

    def is_segmented(self, campaign: str, block: str) -> bool:
        """Say whether the objects of a block were made from the present settings and files.

        And by the network that is there now; never by one that is still to be trained.
        """
        loaded, keys = self.campaigns[campaign], self.keys(campaign)
        try:
            return all(
                read_key(loaded.shard_folder(shard.name) / "objects.zarr") == keys.objects(shard)
                for shard in loaded.block(block).shards
            )
        except ModelError:
            return False

    def forget_what_is_lost(self) -> list[str]:
        """Remove the records of blocks of which a shard's store is gone; give their names.

        A record whose shards are not there is not true, and the workflow looks at records only.
        """
        lost = []
        for campaign in self.campaigns.values():
            for record in sorted(campaign.folder.glob("blocks/*/*.json")):
                if not records.holds(campaign, record):
                    record.unlink(missing_ok=True)
                    lost.append(record.as_posix())
        return lost

    def model_depends_on(self) -> str:
        """Key of the training: its settings, and the taxa that labels stand for."""
        settings, taxonomy = self.config.classification, self.config.taxonomy
        taxa = taxonomy.read_text("utf-8", "replace") if taxonomy and taxonomy.exists() else ""
        asked = (settings.training, settings.pictures) if settings else ()
        return cfg.fingerprint(code_of("train"), *asked, taxa)

    def scores_depend_on(self, campaign: str, block: str) -> str:
        """Key of the scores of a block; a network that names objects is in that of the objects."""
        objects = self.objects_depend_on(campaign, block)
        model = self._model_key if self.campaigns[campaign].classification else ""
        return self.keys(campaign).scores(objects, model)

    @cached_property
    def _model_key(self) -> str:
        """What tells the classifier from others before it is there, where one is trained."""
        if self.model is None:
            return ""
        if self.learning_set:
            return self.model_depends_on()
        from seston.learn.card import load_card

        return load_card(Path(self.model)).hash

    def gather_depends_on(self, campaign: str) -> str:
        """Key of the objects of a campaign."""
        if not self.ready(campaign):
            return self._gather_key(campaign)
        if campaign not in self._gathered:
            self._gathered[campaign] = self._gather_key(campaign)
        return self._gathered[campaign]

    @cached_property
    def _gathered(self) -> dict[str, str]:
        return {}

    def _gather_key(self, campaign: str) -> str:
        config, named = self.config, self.campaigns[campaign].classification
        naming = str((named.target_precision, named.unknown_false_alarm) if named else None)
        return cfg.fingerprint(
            code_of("gather"),
            config.publication,
            str(config.profiles.despike),
            naming,
            self.manifest_depends_on(campaign),
            *(self.scores_depend_on(campaign, block.name) for block in self._blocks(campaign)),
        )

    def _blocks(self, campaign: str) -> tuple[Block, ...]:
        return self.campaigns[campaign].blocks if self.ready(campaign) else ()

    def particles(self, wanted: str | None = None) -> list[str]:
        """Name the particles datasets that there will be, of one campaign or of all."""
        return [
            campaign.particles.as_posix()
            for campaign in self.campaigns.values()
            if wanted in (None, campaign.name) and campaign.counts_particles
        ]

    def particles_depend_on(self, campaign: str) -> str:
        """Fingerprint of settings and source files of the particles."""
        own = cfg.fingerprint(code_of("particles"), self.config.particles, self.config.publication)
        return f"{own} {self.manifest_depends_on(campaign)}"

    def profiles_depend_on(self, campaign: str) -> str:
        """Key of the profiles."""
        settings = self.campaigns[campaign].classification
        return cfg.fingerprint(
            code_of("profile"),
            self.config.profiles,
            self.config.publication,
            settings.quantification if settings else None,
            self.gather_depends_on(campaign),
        )

    def report_depends_on(self, campaign: str) -> str:
        """Key of the report: of the numbers in it, and of how they are drawn."""
        return cfg.fingerprint(code_of("report"), self.profiles_depend_on(campaign))


def _pixels_listed(frames: Path) -> float:
    """Sum the pixels of the frames in a list; 0 where there is none yet."""
    try:
        sizes = pd.read_csv(frames, usecols=["height", "width"])
    except (OSError, ValueError):
        return 0.0
    return float((sizes["height"] * sizes["width"]).sum())


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
    check_all(config, campaigns, path)
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
