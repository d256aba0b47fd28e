"""Train a model: look at a learning set, fit the head or the whole, measure what was held out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seston import config
from seston.atomic import check_apart, named, new_folder
from seston.errors import ConfigError
from seston.learn import preprocess
from seston.learn._torch import device as best_device
from seston.learn.card import CARD, FILES, WEIGHTS, Card
from seston.learn.heads import HEADS, NEURAL_HEADS, Head, Lesson, LinearHead, taxon_weights
from seston.learn.judging.calibration import calibrate
from seston.learn.judging.familiar import Familiar
from seston.learn.judging.held_out import HELD_OUT, HeldOut
from seston.learn.networks import backbones
from seston.learn.networks.extractor import Extractor
from seston.learn.networks.measured import Joined, Measurer
from seston.learn.sets.duplicates import CONFLICTS, duplicates
from seston.learn.sets.learning_set import LearningSet
from seston.learn.sets.sources import read_learning_set
from seston.learn.sets.splits import SPLIT, TRAIN, VALIDATION, samples_of, split, split_table
from seston.learn.training.checkpoint import checkpoint_of
from seston.learn.training.pace import usual_rate
from seston.learn.training.trained import SIZE_IMPORTANCE, Trained
from seston.progress import progress

if TYPE_CHECKING:
    import torch

    from seston.learn.training.loop import Epoch, Tell

Float32Array = NDArray[np.float32]

LEAST_SPREAD = 0.25
CHUNK = 256
CURVES = "training.csv"


def train(
    learning_set: LearningSet | Path,
    model: Path,
    settings: config.Training,
    *,
    device: str | None = None,
    resume: bool = True,
) -> Card:
    """Train a classifier and write it.

    First the head is fitted to the features of the network as it comes. With `fine_tune` the
    whole then learns from there; the epoch that is best on the validation part is kept. The
    test part is only measured on. The same learning set, settings, libraries and machine give
    the same bytes on a CPU, also where the training was killed in between and run again.

    Parameters
    ----------
    learning_set : LearningSet or Path
        Sorted vignettes, or a folder with a folder of pictures for each taxon.
    model : Path
        Folder of the model; replaced whole, or not at all. It may hold nothing but a model.
    settings : config.Training
    device : str, optional
        See `device`.
    resume : bool
        Go on where a killed training of the same model stood.

    Returns
    -------
    Card

    Raises
    ------
    InputError
        The learning set is missing or is none.
    ModelError
        The weights of the backbone are missing or wrong.
    StoreError
        Other things lie in the folder of the model, or it is not apart from the learning set.
    SpaceError
        The disk is full.
    """
    from seston.learn.training.record import card_of, curves, weights

    model = Path(model)
    if isinstance(learning_set, Path):
        check_apart(model, learning_set)
    with new_folder(model, named(*FILES)) as draft:
        pictures = _opened(learning_set)
        trainer = _Trainer(pictures, settings, best_device(device), model, resume)
        trained = trainer.train()
        files = {WEIGHTS: weights(trained), HELD_OUT: trained.held_out.content()}
        hashes = [hashlib.sha256(content).hexdigest() for content in files.values()]
        card = card_of(pictures, trainer.settings, trained, *hashes)
        files[CARD] = card.text().encode()
        files[SPLIT] = split_table(pictures, trained.parts).encode()
        if (same := duplicates(pictures)).conflicts:
            files[CONFLICTS] = same.table.encode()
        if trained.history:
            files[CURVES] = curves(trained.history).encode()
        for name, content in files.items():
            (draft / name).write_bytes(content)
    trainer.checkpoint.remove()
    return card


def _opened(learning_set: LearningSet | Path) -> LearningSet:
    if isinstance(learning_set, LearningSet):
        return learning_set
    return read_learning_set(learning_set)


class _Trainer:
    """One training: what it is given, and the steps of it."""

    def __init__(
        self,
        pictures: LearningSet,
        settings: config.Training,
        device: torch.device,
        model: Path,
        resume: bool,
    ) -> None:
        self._pictures, self._device = pictures, device
        self._parts = split(pictures, settings.seed)
        learned = pictures.labels[self._parts == TRAIN]
        self.settings = _with_a_rate(settings, len(learned))
        power = settings.class_weight_power
        self._weights = taxon_weights(learned, len(pictures.taxa), power)
        self._measured = _measured(settings)
        self._backbone, self._weights_sha256 = self._pretrained()
        self.checkpoint = checkpoint_of(model, self._identity())
        if not resume:
            self.checkpoint.remove()

    def train(self) -> Trained:
        """Fit the head, or tune the whole; score what was held out."""
        backbone = self._backbone
        history: list[Epoch] = []
        head: Head | None = None
        if backbone is not None and self.settings.tunes:
            backbone, head, history = self._tuned(backbone)
        features = self._features(self._extractor(backbone), "train")
        if head is None or not self._is_whole(head):
            head = HEADS[self.settings.head].fit(self._lesson(features, backbone))
        familiar = self._familiar(features)
        scored = self._held_out(head, features, familiar)
        calibration, held_out = calibrate(scored, self.settings.seed)
        return Trained(
            backbone=backbone,
            weights_sha256=self._weights_sha256,
            measured=self._measured,
            head=head,
            parts=self._parts,
            held_out=held_out,
            calibration=calibration,
            familiar=familiar,
            history=tuple(history),
        )

    def _identity(self) -> str:
        """Hash of all that the result depends on, so that no other training is taken up."""
        told = self.settings.model_dump(mode="json", exclude={"patience", "tensorboard"})
        libraries = [version(name) for name in ("seston", "torch", "timm")]
        data = [self._pictures.sha256, self._parts.tolist(), self._weights_sha256]
        facts = [data, told, libraries, self._device.type]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def _pretrained(self) -> tuple[backbones.Backbone | None, str]:
        if self.settings.inputs == "measured":
            return None, ""
        settings = self.settings
        return backbones.pretrained(settings.backbone, settings.weights, settings.image_size)

    def _extractor(self, backbone: backbones.Backbone | None) -> Joined:
        network = None
        if backbone is not None:
            settings = self.settings
            network = Extractor(backbone, settings.image_size, self._device, settings.batch_size)
        return Joined(network, Measurer(self._measured))

    def _features(self, extractor: Extractor | Joined, title: str) -> Float32Array:
        vignettes = self._pictures.vignettes
        sizes = preprocess.pixel_sizes(len(vignettes), self._pictures.pixel_sizes_mm)
        found = []
        with progress(title, len(vignettes), "vignettes", of="vignettes") as shown:
            for start in range(0, len(vignettes), CHUNK):
                rows = slice(start, start + CHUNK)
                found.append(extractor.features(vignettes[rows], sizes[rows]))
                shown.advance(len(found[-1]), len(found[-1]))
        return np.concatenate(found)

    def _lesson(self, features: Float32Array, backbone: backbones.Backbone | None) -> Lesson:
        labels, parts = self._pictures.labels, self._parts
        return Lesson(
            features=features[parts == TRAIN],
            labels=labels[parts == TRAIN],
            taxon_weights=self._weights,
            importance=_importance(features.shape[1], backbone),
            validation_features=features[parts == VALIDATION],
            validation_labels=labels[parts == VALIDATION],
            seed=self.settings.seed,
        )

    # ------------------------------------------------------------- fine-tuning
    def _tuned(self, backbone: backbones.Backbone) -> tuple[backbones.Backbone, Head, list[Epoch]]:
        """Train backbone and head together, from the head that fits the backbone as it comes."""
        from seston.learn.training import loop
        from seston.learn.training.finetune import fine_tune, pictures_of

        labels, parts = self._pictures.labels, self._parts
        task = loop.Task(
            labels, np.flatnonzero(parts == TRAIN), np.flatnonzero(parts == VALIDATION),
            self._weights,
        )  # fmt: skip
        extractor = Extractor(
            backbone, self.settings.image_size, self._device, self.settings.batch_size
        )
        lesson = replace(
            self._lesson(self._features(extractor, "train, first look"), backbone),
            least_spread=LEAST_SPREAD,
        )
        first = NEURAL_HEADS.get(self.settings.head, LinearHead).fit(lesson)
        material = pictures_of(self._pictures, backbone, self.settings, self._device)
        with _tensorboard(self.settings.tensorboard) as tell:
            return fine_tune(
                backbone, first, material, task, self.settings,
                checkpoint=self.checkpoint, tell=tell,
            )  # fmt: skip

    def _is_whole(self, head: Head) -> bool:
        """Say whether the head of the fine-tuning is the one that is wanted."""
        return head.kind == self.settings.head and not self._measured

    def _familiar(self, features: Float32Array) -> Familiar:
        learned = self._parts == TRAIN
        others = features[self._parts == VALIDATION]
        return Familiar.fit(features[learned], self._pictures.labels[learned], others)

    def _held_out(self, head: Head, features: Float32Array, familiar: Familiar) -> HeldOut:
        rows = np.flatnonzero(self._parts != TRAIN)
        groups = samples_of(self._pictures.groups, len(self._parts))
        scores = head.predict_proba(features[rows])
        far = familiar.distance(features[rows])
        return HeldOut(scores, self._pictures.labels[rows], groups[rows], self._parts[rows], far)


def _with_a_rate(settings: config.Training, n_learned: int) -> config.Training:
    """Settle the rate of learning, where none was asked for."""
    if settings.learning_rate is not None:
        return settings
    steps = settings.epochs * -(-n_learned // settings.batch_size)
    return settings.model_copy(update={"learning_rate": usual_rate(steps)})


def _measured(settings: config.Training) -> tuple[str, ...]:
    """Name the measured features that the head is told."""
    return () if settings.inputs == "deep" else settings.measured_features or Measurer().names


def _importance(n_features: int, backbone: backbones.Backbone | None) -> Float32Array:
    """Size inputs count for more; they come right after the features of the network."""
    importance = np.ones(n_features, np.float32)
    if backbone is not None:
        first = backbone.n_features
        importance[first : first + len(preprocess.SIZE_INPUTS)] = SIZE_IMPORTANCE
    return importance


@contextmanager
def _tensorboard(folder: Path | None) -> Iterator[Tell | None]:
    """Give what writes epochs for TensorBoard, where that is wanted."""
    if folder is None:
        yield None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError:
        raise ConfigError(
            "the package tensorboard is not installed",
            where="classification.training.tensorboard",
            cure="pip install tensorboard, or leave the key out.",
        ) from None
    with SummaryWriter(str(folder)) as writer:

        def tell(epoch: Epoch) -> None:
            for name, value in asdict(epoch).items():
                if name != "epoch":
                    writer.add_scalar(name, value, epoch.epoch)
            writer.flush()

        yield tell
