"""What a training leaves behind: the weights, the card, and the curves of its epochs."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Sequence
from dataclasses import asdict, fields
from importlib.metadata import version
from typing import Any

import cv2
import numpy as np

from seston import config
from seston.learn import preprocess
from seston.learn.card import Card
from seston.learn.heads import effective_prior, taxon_weights
from seston.learn.heads.prototypes import PrototypesHead
from seston.learn.judging.appraise import appraise
from seston.learn.judging.calibration import prior
from seston.learn.sets.learning_set import LearningSet
from seston.learn.sets.splits import TEST, TRAIN, VALIDATION
from seston.learn.training.loop import Epoch, best_of
from seston.learn.training.trained import SIZE_IMPORTANCE, Trained
from seston.taxonomy import Taxon

log = logging.getLogger(__name__)

LIBRARIES = ("seston", "torch", "timm", "scikit-learn", "numpy")


def weights(trained: Trained) -> bytes:
    """Give the weights of backbone and head as the bytes of a safetensors file."""
    import safetensors.torch
    import torch

    state = {} if trained.backbone is None else trained.backbone.module.state_dict()
    tensors = {f"backbone.{k}": v for k, v in state.items()}
    tensors |= {f"head.{k}": torch.from_numpy(v) for k, v in trained.head.arrays.items()}
    own = trained.familiar.arrays
    tensors |= {f"familiar.{k}": torch.from_numpy(v) for k, v in own.items()}
    content: bytes = safetensors.torch.save({k: v.cpu().contiguous() for k, v in tensors.items()})
    return content


def curves(history: Sequence[Epoch]) -> str:
    """Give the epochs as CSV, one row each."""
    held = io.StringIO()
    writer = csv.DictWriter(held, [f.name for f in fields(Epoch)], lineterminator="\n")
    writer.writeheader()
    for epoch in history:
        writer.writerow({k: f"{v:.6g}" for k, v in asdict(epoch).items()})
    return held.getvalue()


def card_of(
    pictures: LearningSet,
    settings: config.Training,
    trained: Trained,
    weights_sha256: str,
    held_out_sha256: str,
) -> Card:
    """Write the card of a training."""
    return Card(
        taxa=pictures.taxa,
        backbone=_backbone(settings, trained),
        preprocessing=_preprocessing(pictures, settings, trained),
        head={
            "kind": trained.head.kind,
            **trained.head.settings,
            "class_weight_power": settings.class_weight_power,
            "size_importance": SIZE_IMPORTANCE,
        },
        training=_training(pictures, settings, trained),
        metrics=_metrics(pictures, settings, trained),
        calibration=trained.calibration.facts(),
        versions={**{name: version(name) for name in LIBRARIES}, "opencv": cv2.__version__},
        weights_sha256=weights_sha256,
        held_out_sha256=held_out_sha256,
    )


def _backbone(settings: config.Training, trained: Trained) -> dict[str, Any]:
    if trained.backbone is None:
        return {"name": None, "weights": None, "sha256": None, "n_features": 0}
    packaged = settings.weights if settings.weights in {"package", "timm"} else "file"
    return {
        "name": trained.backbone.name,
        "weights": packaged,
        "sha256": trained.weights_sha256,
        "n_features": trained.backbone.n_features,
        "fine_tuned": settings.tunes,
    }


def _preprocessing(
    pictures: LearningSet, settings: config.Training, trained: Trained
) -> dict[str, Any]:
    backbone = trained.backbone
    return {
        "inputs": settings.inputs,
        "image_size": settings.image_size,
        "mean": 0.0 if backbone is None else backbone.mean,
        "std": 1.0 if backbone is None else backbone.std,
        "background": preprocess.BACKGROUND,
        "object_level": preprocess.OBJECT_LEVEL,
        "size_inputs": [] if backbone is None else list(preprocess.SIZE_INPUTS),
        "size_unit": "pixel" if pictures.pixel_sizes_mm is None else "mm",
        "measured": list(trained.measured),
        "polarity": pictures.asked_polarity,
        "crop_bottom": pictures.crop_bottom,
    }


def _training(pictures: LearningSet, settings: config.Training, trained: Trained) -> dict[str, Any]:
    def by_taxon(part: int) -> dict[str, int]:
        found = pictures.labels[trained.parts == part]
        counts = np.bincount(found, minlength=len(pictures.taxa))
        return dict(zip(pictures.taxa, counts.tolist(), strict=True))

    sizes = pictures.pixel_sizes_mm
    return {
        "learning_set": pictures.name,
        "sha256": pictures.sha256,
        "seed": settings.seed,
        "pixel_size_mm": None if sizes is None else np.median(sizes, axis=0).tolist(),
        "effective_prior": _prior(pictures, settings, trained),
        "taxonomy": _taxonomy(pictures),
        "learned_from": by_taxon(TRAIN),
        "validation": by_taxon(VALIDATION),
        "test": by_taxon(TEST),
        "skipped": len(pictures.skipped),
        "contradictions": len(pictures.contradictions),
        **_epochs(settings, trained.history),
    }


def _taxonomy(pictures: LearningSet) -> dict[str, dict[str, Any]]:
    """Give what the table of taxa tells of each taxon; nothing where there was no table."""
    known = ((taxon, pictures.taxonomy.get(taxon)) for taxon in pictures.taxa)
    return {
        taxon: {
            "aphia_id": found.aphia_id,
            "lineage": list(found.lineage),
            "plankton": found.plankton,
            "group": found.group,
        }
        for taxon, found in known
        if found is not None
    }


def _epochs(settings: config.Training, history: Sequence[Epoch]) -> dict[str, Any]:
    if not history:
        return {"epochs": 0}
    kept = ("learning_rate", "batch_size", "augment")
    return {
        "epochs": len(history) - 1,
        "best_epoch": best_of(history),
        **settings.model_dump(include=set(kept)),
    }


def _prior(pictures: LearningSet, settings: config.Training, trained: Trained) -> list[float]:
    """Give the shares of taxa that the scores answer to: a prototype is one, however many."""
    n = len(pictures.taxa)
    if shifted := prior(trained.calibration, trained.held_out):
        return shifted
    if isinstance(trained.head, PrototypesHead):
        return [1 / n] * n
    learned = pictures.labels[trained.parts == TRAIN]
    own = taxon_weights(learned, n, settings.class_weight_power)
    shares: list[float] = effective_prior(learned, own).tolist()
    return shares


def _metrics(pictures: LearningSet, settings: config.Training, trained: Trained) -> dict[str, Any]:
    """Measure on what was held out; of plankton and groups only where somebody told of them."""
    known = [pictures.taxonomy.get(name, Taxon(name)) for name in pictures.taxa]
    kinds: dict[str, Any] = {}
    if _all_told(pictures.name, known):
        kinds["plankton"] = [taxon.plankton for taxon in known]
    if any(taxon.group != taxon.name for taxon in known):
        kinds["groups"] = [taxon.group for taxon in known]
    return appraise(trained.held_out, pictures.taxa, seed=settings.seed, **kinds)


def _all_told(name: str, known: Sequence[Taxon]) -> bool:
    """Say whether it is told of every taxon if it is plankton; some alone would mislead."""
    untold = [taxon.name for taxon in known if taxon.plankton is None]
    if untold and len(untold) < len(known):
        log.warning(
            "%s: nothing is measured of the plankton: nobody tells of %d of %d taxa whether they "
            "are: %s%s",
            name, len(untold), len(known), ", ".join(untold[:5]), ", ..." * (len(untold) > 5),
        )  # fmt: skip
    return not untold
