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
from seston.learn.heads import INVERSE_PENALTY, LinearHead
from seston.learn.learning_set import LearningSet, read_learning_set, split
from seston.learn.model import Extractor

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
    held_out: BoolArray
    metrics: dict[str, Any]


def train(
    learning_set: Path,
    model: Path,
    settings: config.Classification,
    *,
    device: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Card:
    """Train a classifier and write it.

    The network is used as it comes; a linear head is fitted to its features and to the sizes
    of the objects. A fifth of the pictures of each taxon is held out for the metrics. The same
    learning set, settings, libraries and machine give the same bytes.

    Parameters
    ----------
    learning_set : Path
        Folder with a folder of pictures for each taxon.
    model : Path
        Folder of the model; replaced whole, or not at all.
    settings : config.Classification
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
        content = _weights(trained)
        card = _card(pictures, settings, trained, hashlib.sha256(content).hexdigest())
        (draft / WEIGHTS).write_bytes(content)
        (draft / CARD).write_text(card.text(), "utf-8")
    return card


def _train(
    pictures: LearningSet,
    settings: config.Classification,
    device: str | None,
    progress: Callable[[int, int], None] | None,
) -> _Trained:
    held_out = split(pictures, settings.seed)
    backbone, sha256 = backbones.pretrained(settings.backbone, settings.weights)
    extractor = Extractor(backbone, settings.image_size, best_device(device), settings.batch_size)
    features = _features(extractor, pictures, progress)
    head = LinearHead.fit(
        features[~held_out],
        pictures.labels[~held_out],
        importance=_importance(backbone.n_features),
        class_weight=CLASS_WEIGHT,
    )
    scores, truth = head.scores(features[held_out]), pictures.labels[held_out]
    return _Trained(backbone, sha256, head, held_out, _metrics(scores, truth, pictures.taxa))


def _features(
    extractor: Extractor, pictures: LearningSet, progress: Callable[[int, int], None] | None
) -> Float32Array:
    total = len(pictures.vignettes)
    sizes = preprocess.pixel_sizes(total, pictures.pixel_size_mm)
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


def _metrics(
    scores: Float32Array, truth: NDArray[np.int64], taxa: tuple[str, ...]
) -> dict[str, Any]:
    """Measure on what was held out; empty where nothing could be."""
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
    pictures: LearningSet, settings: config.Classification, trained: _Trained, sha256: str
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
            "size_unit": "mm" if pictures.pixel_size_mm else "pixel",
        },
        head={
            "kind": "linear",
            "inverse_penalty": INVERSE_PENALTY,
            "class_weight": CLASS_WEIGHT,
            "size_importance": SIZE_IMPORTANCE,
        },
        training=_training(pictures, settings.seed, trained.held_out),
        metrics=trained.metrics,
        versions={**{name: version(name) for name in LIBRARIES}, "opencv": cv2.__version__},
        weights_sha256=sha256,
    )


def _training(pictures: LearningSet, seed: int, held_out: BoolArray) -> dict[str, Any]:
    def by_taxon(chosen: BoolArray) -> dict[str, int]:
        counts = np.bincount(pictures.labels[chosen], minlength=len(pictures.taxa))
        return dict(zip(pictures.taxa, counts.tolist(), strict=True))

    size = pictures.pixel_size_mm
    return {
        "learning_set": pictures.name,
        "sha256": pictures.sha256,
        "seed": seed,
        "pixel_size_mm": None if size is None else list(size),
        "learned_from": by_taxon(~held_out),
        "held_out": by_taxon(held_out),
        "skipped": len(pictures.skipped),
        "contradictions": len(pictures.contradictions),
    }
