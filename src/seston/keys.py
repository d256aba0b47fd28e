"""What decides that something is done again: a key of all that a result is made of.

Each key is a short hash of settings, source files, code and the keys of what the step before made.
Equal keys, equal results. No clock of a machine counts but that of the source files: on a cluster
those of nodes and of the file system differ.
"""

from __future__ import annotations

import hashlib
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
        "stages/gather.py", "stages/pieces.py", "stages/naming.py", "stages/positions.py",
        "stages/fractions.py",
        "stages/manifest.py", "stages/provenance.py",
    ),
    "particles": ("readers", "ecology", "store", "stages/particles.py", "stages/provenance.py"),
    "profile": (
        "ecology", "store", "learn/counting", "learn/judging", "learn/card.py",
        "learn/card_parts.py",
        "readers/listing.py", "variables.py", "taxonomy.py", "stages/profile.py",
        "stages/quantify.py", "stages/named.py", "stages/naming.py", "stages/cells.py",
        "stages/positions.py", "stages/manifest.py", "stages/provenance.py",
    ),
    "report": ("report", "plot", "store", "stages/report.py"),
    "train": (
        "learn", "store", "features.py", "taxonomy.py", "readers/ecotaxa_labels.py",
        "stages/train.py", "stages/learning_set.py",
    ),
    "train_filter": (
        "learn", "image", "simulate", "frame.py", "store", "taxonomy.py", "stages/filtering.py",
        "stages/found.py", "stages/learning_set.py", "stages/filter_training.py", "features.py",
        "readers/ecotaxa_labels.py",
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


class Keys:
    """The keys of one campaign. Each file is looked at once, and each key worked out once."""

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._files: dict[str, _Files] = {}
        self._common: dict[str, str] = {}
        self._objects: dict[str, str] = {}

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
        """Key of the objects of a shard; neighbours' files count, for objects cross the seams."""
        if shard.name not in self._objects:
            around = self._campaign.shards_beside(shard)
            self._objects[shard.name] = cfg.fingerprint(
                self._common_of(shard.deployment),
                shard.name,
                *(self._files_of(one).key for one in around),
            )
        return self._objects[shard.name]

    def block(self, block: Block) -> str:
        """Key of the objects of all shards of a block."""
        return cfg.fingerprint(*(self.objects(shard) for shard in block.shards))

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
    def _common_of(self, deployment: Deployment) -> str:
        """Give what all shards of a deployment have in common; worked out once."""
        campaign, name = self._campaign, deployment.deployment
        if name not in self._common:
            self._common[name] = cfg.fingerprint(
                code_of("ingest"),
                code_of("segment"),
                campaign.instrument(deployment),
                deployment,
                campaign.network_stamp(deployment),
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
