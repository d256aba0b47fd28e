"""Train a model: look at a learning set, fit the head, measure it on what was held out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from seston import config
from seston.atomic import new_folder
from seston.learn import backbones, metrics, preprocess
from seston.learn._torch import device as best_device
from seston.learn.card import CARD, WEIGHTS, Card
from seston.learn.heads import LinearHead
from seston.learn.heads.linear import INVERSE_PENALTY
from seston.learn.held_out import HELD_OUT, HeldOut
from seston.learn.learning_set import LearningSet, read_learning_set
from seston.learn.model import Extractor
from seston.learn.splits import TEST, TRAIN, VALIDATION, split

Float32Array = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

SIZE_IMPORTANCE = 10.0
"""Three size inputs stand beside a thousand of the network: without this they hardly count."""

CLASS_WEIGHT: Literal["balanced"] = "balanced"
CHUNK = 256
LIBRARIES = ("seston", "torch", "timm", "scikit-learn", "numpy")


@dataclass(frozen=True, slots=True)
class _Trained:
    backbone: backbones.Backbone
    weights_sha256: str
    head: LinearHead
    parts: NDArray[np.uint8]
    held_out: HeldOut


def train(
    learning_set: Path,
    model: Path,
    settings: config.Training,
    *,
    device: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Card:
    """Train a classifier and write it.

    The network is used as it comes; a linear head is fitted to its features and to the sizes
    of the objects. A part of the pictures of each taxon is held out for the metrics. The same
    learning set, settings, libraries and machine give the same bytes.

    Parameters
    ----------
    learning_set : Path
        Folder with a folder of pictures for each taxon.
    model : Path
        Folder of the model; replaced whole, or not at all.
    settings : config.Training
        Backbone, weights, image_size, batch_size and seed are read.
    device : str, optional
        See `device`.
    progress : callable, optional
        Called with the number of pictures looked at, and of all.

    Returns
    -------
    Card

    Raises
    ------
    InputError
        The learning set is missing or is none.
    ModelError
        The weights of the backbone are missing or wrong.
    SpaceError
        The disk is full.
    """
    with new_folder(Path(model)) as draft:
        pictures = read_learning_set(learning_set)
        trained = _train(pictures, settings, device, progress)
        files = {WEIGHTS: _weights(trained), HELD_OUT: trained.held_out.content()}
        hashes = [hashlib.sha256(content).hexdigest() for content in files.values()]
        card = _card(pictures, settings, trained, *hashes)
        for name, content in files.items():
            (draft / name).write_bytes(content)
        (draft / CARD).write_text(card.text(), "utf-8")
    return card


def _train(
    pictures: LearningSet,
    settings: config.Training,
    device: str | None,
    progress: Callable[[int, int], None] | None,
) -> _Trained:
    parts = split(pictures, settings.seed)
    backbone, sha256 = backbones.pretrained(settings.backbone, settings.weights)
    extractor = Extractor(backbone, settings.image_size, best_device(device), settings.batch_size)
    features = _features(extractor, pictures, progress)
    head = LinearHead.fit(
        features[parts == TRAIN],
        pictures.labels[parts == TRAIN],
        importance=_importance(backbone.n_features),
        class_weight=CLASS_WEIGHT,
    )
    return _Trained(backbone, sha256, head, parts, _held_out(pictures, parts, head, features))


def _held_out(
    pictures: LearningSet, parts: NDArray[np.uint8], head: LinearHead, features: Float32Array
) -> HeldOut:
    rows = np.flatnonzero(parts != TRAIN)
    groups = np.arange(len(parts)) if pictures.groups is None else _numbers(pictures.groups)
    scores = head.predict_proba(features[rows])
    return HeldOut(scores, pictures.labels[rows], groups[rows], parts[rows])


def _numbers(groups: tuple[str, ...]) -> NDArray[np.int64]:
    return np.unique(np.array(groups, dtype=object), return_inverse=True)[1].astype(np.int64)


def _features(
    extractor: Extractor, pictures: LearningSet, progress: Callable[[int, int], None] | None
) -> Float32Array:
    total = len(pictures.vignettes)
    sizes = preprocess.pixel_sizes(total, pictures.pixel_sizes_mm)
    parts = []
    for start in range(0, total, CHUNK):
        rows = slice(start, start + CHUNK)
        parts.append(extractor.features(pictures.vignettes[rows], sizes[rows]))
        if progress is not None:
            progress(min(rows.stop, total), total)
    return np.concatenate(parts)


def _importance(n_network: int) -> Float32Array:
    return np.repeat(
        np.array([1, SIZE_IMPORTANCE], np.float32), [n_network, len(preprocess.SIZE_INPUTS)]
    )


def _metrics(held_out: HeldOut, taxa: tuple[str, ...]) -> dict[str, Any]:
    """Measure on the test part, or where none could be spared, on all that was held out."""
    tested = held_out.test if held_out.test.labels.size else held_out
    scores, truth = tested.scores, tested.labels
    if len(truth) == 0:
        return {}
    confusion = metrics.confusion_matrix(truth, scores.argmax(axis=1), len(taxa))
    found = metrics.report(confusion)
    columns = zip(found.precision, found.recall, found.f1, found.support, strict=True)
    return {
        "accuracy": found.accuracy,
        "balanced_accuracy": found.balanced_accuracy,
        "f1_macro": found.f1_macro,
        "log_loss": metrics.log_loss(scores, truth),
        "calibration_error": metrics.calibration_error(scores, truth),
        "per_class": {
            taxon: {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
            for taxon, (p, r, f, n) in zip(taxa, columns, strict=True)
        },
        "confusion": confusion.tolist(),
    }


def _weights(trained: _Trained) -> bytes:
    import safetensors.torch
    import torch

    tensors = {f"backbone.{k}": v for k, v in trained.backbone.module.state_dict().items()}
    tensors |= {f"head.{k}": torch.from_numpy(v) for k, v in trained.head.arrays.items()}
    content: bytes = safetensors.torch.save({k: v.cpu().contiguous() for k, v in tensors.items()})
    return content


def _card(
    pictures: LearningSet, settings: config.Training, trained: _Trained, weights: str, held_out: str
) -> Card:
    backbone = trained.backbone
    packaged = settings.weights if settings.weights in {"package", "timm"} else "file"
    return Card(
        taxa=pictures.taxa,
        backbone={
            "name": backbone.name,
            "weights": packaged,
            "sha256": trained.weights_sha256,
            "n_features": backbone.n_features,
        },
        preprocessing={
            "image_size": settings.image_size,
            "mean": backbone.mean,
            "std": backbone.std,
            "background": preprocess.BACKGROUND,
            "object_level": preprocess.OBJECT_LEVEL,
            "size_inputs": list(preprocess.SIZE_INPUTS),
            "size_unit": "pixel" if pictures.pixel_sizes_mm is None else "mm",
        },
        head={
            "kind": "linear",
            "inverse_penalty": INVERSE_PENALTY,
            "class_weight": CLASS_WEIGHT,
            "size_importance": SIZE_IMPORTANCE,
        },
        training=_training(pictures, settings.seed, trained.parts),
        metrics=_metrics(trained.held_out, pictures.taxa),
        versions={**{name: version(name) for name in LIBRARIES}, "opencv": cv2.__version__},
        weights_sha256=weights,
        held_out_sha256=held_out,
    )


def _training(pictures: LearningSet, seed: int, parts: NDArray[np.uint8]) -> dict[str, Any]:
    def by_taxon(part: int) -> dict[str, int]:
        counts = np.bincount(pictures.labels[parts == part], minlength=len(pictures.taxa))
        return dict(zip(pictures.taxa, counts.tolist(), strict=True))

    sizes = pictures.pixel_sizes_mm
    return {
        "learning_set": pictures.name,
        "sha256": pictures.sha256,
        "seed": seed,
        "pixel_size_mm": None if sizes is None else np.median(sizes, axis=0).tolist(),
        "effective_prior": [1 / len(pictures.taxa)] * len(pictures.taxa),  # balanced weights
        "learned_from": by_taxon(TRAIN),
        "validation": by_taxon(VALIDATION),
        "test": by_taxon(TEST),
        "skipped": len(pictures.skipped),
        "contradictions": len(pictures.contradictions),
    }
