"""What decides that something is done again: a key of all that a result is made of.

Each key is a short hash of settings, source files, code and the keys of what the step before made.
Equal keys, equal results. No clock of a machine counts but that of the source files: on a cluster
those of nodes and of the file system differ.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from pathlib import Path

from seston import config as cfg
from seston.campaign import Block, Campaign, Shard
from seston.config import Deployment
from seston.errors import AccessError
from seston.features import names_of
from seston.learn.card import CARD

#: Rooms and files of the package that a step's results hang on. A change in any of them makes its
#: results be made again; a change elsewhere, as in a figure, does not.
CODE = {
    "ingest": (
        "readers", "store", "variables.py", "frame.py", "stages/ingest.py", "stages/manifest.py",
    ),
    "segment": (
        "image", "readers", "store", "learn/semantic", "variables.py", "features.py",
        "zooprocess.py", "frame.py", "stages/segment.py", "stages/windows.py",
        "stages/vignettes.py", "stages/found.py", "stages/manifest.py", "stages/semantic.py",
        "stages/poison.py", "stages/filtering.py", "learn/filtering", "learn/heads",
        "learn/card.py",
    ),
    "classify": ("learn", "store", "image/vignettes.py", "stages/classify.py"),
    "gather": (
        "store", "ecology", "learn/judging", "readers/listing.py", "variables.py", "taxonomy.py",
        "cells.py", "stages/gather.py", "stages/pieces.py", "stages/naming.py",
        "stages/positions.py", "stages/fractions.py",
        "stages/manifest.py", "stages/provenance.py",
    ),
    "particles": ("readers", "ecology", "store", "stages/particles.py", "stages/provenance.py"),
    "profile": (
        "ecology", "store", "learn/counting", "learn/judging", "learn/card.py",
        "learn/card_parts.py",
        "readers/listing.py", "variables.py", "taxonomy.py", "cells.py", "stages/profile.py",
        "stages/quantify.py", "stages/named.py", "stages/naming.py", "stages/cells.py",
        "stages/positions.py", "stages/manifest.py", "stages/provenance.py",
    ),
    "report": ("report", "plot", "store", "stages/report.py"),
    "train": (
        "learn", "store", "features.py", "taxonomy.py", "cells.py", "readers/ecotaxa_labels.py",
        "stages/train.py", "stages/learning_set.py",
    ),
    "train_filter": (
        "learn", "image", "simulate", "frame.py", "store", "taxonomy.py", "stages/filtering.py",
        "cells.py", "stages/found.py", "stages/learning_set.py", "stages/filter_training.py",
        "features.py", "readers/ecotaxa_labels.py",
    ),
    "train_semantic": ("learn", "image", "simulate", "frame.py", "stages/semantic.py"),
}  # fmt: skip


@cache
def code_of(step: str) -> str:
    """Hash of the code that a step's results hang on."""
    package = Path(str(resources.files("seston")))
    digest = hashlib.sha256()
    for room in CODE[step]:
        found = package / room
        files = sorted(found.rglob("*")) if found.is_dir() else [found]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(file.relative_to(package).as_posix().encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class _Files:
    """What the files of a shard are, in one short text, and how much they hold."""

    key: str
    bytes: int


# ------------------------------------------------------------------------------- of trainings
# What cannot be read adds nothing: the training tells what is wrong with it.
def network_key(config: cfg.Config) -> str:
    """Key of the training of the network that finds and names objects at once."""
    settings = config.semantic
    if settings is None:
        return ""
    instrument = cfg.instrument(config, settings.instrument)
    initial = _content(settings.initial / CARD) if settings.initial else ""
    return cfg.fingerprint(
        code_of("train_semantic"),
        settings.without_gpus(),
        # Its light is learned from; its sizes say which objects the network is measured on.
        instrument.segmentation.without_models(),
        initial,
        *(_annotated(config, settings, settings.annotations) if settings.annotations else []),
    )


def filter_key(config: cfg.Config) -> str:
    """Key of the training of the filter."""
    settings = config.filter
    if settings is None:
        return ""
    return cfg.fingerprint(
        code_of("train_filter"),
        settings,
        _content(config.taxonomy) if config.taxonomy else "",
        *_filter_learns_from(config, settings),
    )


def _filter_learns_from(config: cfg.Config, settings: cfg.FilterTraining) -> list[str]:
    """Tell the objects that a filter learns from, or how they are found in which frames."""
    if settings.objects:
        return _labelled(settings.objects)
    instrument = cfg.instrument(config, settings.instrument)
    found = cfg.fingerprint(instrument.segmentation.without_models())
    if settings.annotations is None:
        return [found]
    return [found, *_annotated(config, settings, settings.annotations)]


def _annotated(
    config: cfg.Config, settings: cfg.SemanticTraining | cfg.FilterTraining, annotations: Path
) -> list[str]:
    """Tell annotations, the pictures that they name, and the size of their pixels."""
    optics = cfg.instrument(config, settings.instrument).optics
    folder = settings.images or annotations.parent
    return [
        f"{optics.pixel_height_mm} {optics.pixel_width_mm}",
        _content(annotations),
        *(_stamp_if_there(folder / name) for name in _pictures_named(annotations)),
    ]


def _pictures_named(annotations: Path) -> list[str]:
    """Give the names of the pictures of a COCO file, as far as it can be read."""
    try:
        rows = json.loads(annotations.read_bytes())["images"]
        names = [row["file_name"] for row in rows]
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return []
    return [name for name in names if isinstance(name, str)]


def _labelled(path: Path) -> list[str]:
    """Tell the labels of a campaign's objects: these are written anew with what they belong to."""
    store = path if path.suffix == ".zarr" else path / "objects.zarr"
    arrays = (store / name for name in ("taxon", "validated_taxon", "predicted_taxon"))
    chunks = sorted(file for array in arrays for file in array.rglob("*") if file.is_file())
    return [_stamp_if_there(file) for file in (store / "zarr.json", *chunks)]


def _content(file: Path) -> str:
    """Hash of what is in a file; empty where it cannot be read."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""


def _stamp_if_there(file: Path) -> str:
    try:
        return _stamp(str(file))[0]
    except AccessError:
        return f"{file.name} is not there"


class Keys:
    """The keys of one campaign. Each file is looked at once, and each key worked out once."""

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._files: dict[str, _Files] = {}
        self._common: dict[str, str] = {}
        self._around: dict[str, str] = {}
        self._there: dict[str, str] = {}
        self._planned: dict[str, str] = {}

    # ---------------------------------------------------------------------------- of steps
    def frames(self, deployment: Deployment) -> str:
        """Key of the frames and of the environment of one deployment in the manifest."""
        campaign = self._campaign
        shards = campaign.shards_of(deployment)
        return cfg.fingerprint(
            code_of("ingest"),
            campaign.config.ingest.files_per_shard,
            self._reading(),
            deployment,
            campaign.instrument(deployment).optics,
            campaign.instrument(deployment).cast,
            *(self._files_of(shard).key for shard in shards),
            *self._beside(deployment),
        )

    @cached_property
    def manifest(self) -> str:
        """Key of the whole manifest."""
        return cfg.fingerprint(*(self.frames(one) for one in self._campaign.deployments))

    def objects(self, shard: Shard) -> str:
        """Key of the objects of a shard, as they are made now: with the network that is there.

        Raises
        ------
        ModelError
            The network or the filter that chooses them is missing or damaged.
        """
        name = shard.deployment.deployment
        if name not in self._there:
            self._there[name] = self._campaign.chooser_hash(shard.deployment)
        return cfg.fingerprint(self._around_of(shard), self._there[name])

    def block(self, block: Block) -> str:
        """Key of the objects of all shards of a block, before the network need be there.

        One that the workflow trains is told by its training. What a training makes is known only
        afterwards, so this is no key of a store.

        Raises
        ------
        ModelError
            A network or a filter that the workflow does not train is missing or damaged.
        """
        shards = (self._around_of(shard) for shard in block.shards)
        return cfg.fingerprint(self._planned_of(block.deployment), *shards)

    def scores(self, objects: str, model: str) -> str:
        """Key of the scores of a shard, or of many.

        Parameters
        ----------
        objects, model : str
            Key of the objects, and what tells the model from others. The engine is not in it:
            labels are the same.
        """
        settings = self._campaign.classification
        told = (settings.keep_embedding, settings.unknown_false_alarm) if settings else None
        return cfg.fingerprint(code_of("classify"), objects, model, str(told))

    def bytes_of(self, shard: Shard) -> int:
        """Give the size of a shard's files."""
        return self._files_of(shard).bytes

    # ---------------------------------------------------------------------------- of parts
    def _around_of(self, shard: Shard) -> str:
        """Give all but the network; neighbours' files count, for objects cross the seams."""
        if shard.name not in self._around:
            around = self._campaign.shards_beside(shard)
            self._around[shard.name] = cfg.fingerprint(
                self._common_of(shard.deployment),
                shard.name,
                *(self._files_of(one).key for one in around),
            )
        return self._around[shard.name]

    def _planned_of(self, deployment: Deployment) -> str:
        """Give what tells the network or the filter of a deployment before it is trained."""
        name = deployment.deployment
        if name not in self._planned:
            chooser = self._campaign.chooser(deployment)
            trained = self._trained.get(chooser) if chooser else None
            self._planned[name] = trained or self._campaign.chooser_hash(deployment)
        return self._planned[name]

    @cached_property
    def _trained(self) -> dict[Path, str]:
        """Keys of the trainings of the workflow, by the folder that is written."""
        config = self._campaign.config
        found = {}
        if config.filter:
            found[config.filter.model] = filter_key(config)
        if config.semantic:
            found[config.semantic.model] = network_key(config)
        return found

    def _common_of(self, deployment: Deployment) -> str:
        """Give what all shards of a deployment have in common; worked out once."""
        campaign, name = self._campaign, deployment.deployment
        if name not in self._common:
            self._common[name] = cfg.fingerprint(
                code_of("ingest"),
                code_of("segment"),
                campaign.instrument(deployment),
                deployment,
                self._reading(),
                ",".join(names_of(campaign.config.features)),
                campaign.deployment_index(name),
                *self._beside(deployment),
            )
        return self._common[name]

    def _reading(self) -> cfg.Ingest:
        """Give how files are read, whatever number of them makes a shard or a block."""
        default = cfg.Ingest()
        sizes = {name: getattr(default, name) for name in ("files_per_shard", "shards_per_block")}
        return self._campaign.config.ingest.model_copy(update=sizes)

    def _beside(self, deployment: Deployment) -> list[str]:
        """Stamps of a deployment's logs, and of other files that are no frames."""
        reader = self._campaign.reader(deployment)
        files = (*reader.environment_files(), *reader.other_files())
        return [_stamp(str(file))[0] for file in files]

    def _files_of(self, shard: Shard) -> _Files:
        if shard.name not in self._files:
            folder = str(shard.deployment.path)
            # A deployment that is one file (an export, a bundle) is its own shard: ".".
            names = map(str, shard.files)
            stamps = [_stamp(folder if n == "." else f"{folder}/{n}") for n in names]
            key = cfg.fingerprint(*(stamp for stamp, _ in stamps))
            self._files[shard.name] = _Files(key, sum(size for _, size in stamps))
        return self._files[shard.name]


def _stamp(file: str) -> tuple[str, int]:
    """Give name, size and time of change of a file, and the size alone, bytes."""
    try:
        stat = os.stat(file)  # noqa: PTH116, there are tens of thousands
    except OSError as error:
        raise AccessError(f"cannot be read: {error.strerror}", where=file) from None
    return f"{file.rpartition('/')[2]} {stat.st_size} {stat.st_mtime_ns}", stat.st_size
