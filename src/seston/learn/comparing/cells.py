"""One cell of a grid: train, measure, write what was found. What is there is not done again."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seston.atomic import new_file
from seston.config import Training
from seston.errors import StoreError
from seston.learn import preprocess
from seston.learn._torch import device
from seston.learn.comparing.energy import energy
from seston.learn.comparing.grid import MEASURED, Cell, Data, Grid
from seston.learn.heads import HEADS, Lesson, taxon_weights
from seston.learn.judging import metrics
from seston.learn.judging.held_out import load_held_out
from seston.learn.model import load_model
from seston.learn.networks import backbones
from seston.learn.networks.extractor import Extractor
from seston.learn.networks.measured import Measurer
from seston.learn.sets.learning_set import LearningSet
from seston.learn.sets.splits import TEST, TRAIN, VALIDATION, split
from seston.learn.training.train import train
from seston.progress import progress

Float32Array = NDArray[np.float32]
Int64Array = NDArray[np.int64]

CHUNK = 256
TIMED = 512
"""Vignettes that the speed of a model is measured on."""

WARMING = 8
"""Vignettes that are looked at before the clock runs: what is compiled is compiled by then."""

WEIGHT_POWER = 0.25
"""Of the weights of taxa, as Panaiotis et al. (2026) have it; see `taxon_weights`."""


@dataclass(frozen=True)
class Looked:
    """What a network gave for a learning set.

    Parameters
    ----------
    features : array (n, n_features), float32
    images_per_s : float
        Vignettes per second while it looked, resizing with them; of the measuring of features
        where there is no network.
    joules_per_image : float
        Energy that it took; NaN where that is not known.
    parameters : int
        Numbers that the network holds.
    """

    features: Float32Array
    images_per_s: float
    joules_per_image: float
    parameters: int


def run_cell(grid: Grid, cell: Cell, pictures: LearningSet, out: Path) -> dict[str, Any]:
    """Train and test one cell, and write ``out/cells/NAME.json``.

    Parameters
    ----------
    grid : Grid
    cell : Cell
    pictures : LearningSet
        The data set of the cell, as `trimmed` gives it.
    out : Path
        Folder of the grid's results; features that several cells need are kept in it.

    Returns
    -------
    dict
        What the file says.
    """
    scores, truth, cost = (_tuned if cell.epochs else _frozen)(grid, cell, pictures, out)
    facts = {
        **grid.settings(cell),
        "learning_set_sha256": pictures.sha256,
        "n_vignettes": len(pictures.labels),
        "n_taxa": len(pictures.taxa),
        "n_test": len(truth),
        "metrics": _metrics(scores, truth, _plankton(pictures.taxa, grid.data[cell.data])),
        **cost,
    }
    with new_file(path_of(out, cell)) as draft:
        draft.write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    return facts


def path_of(out: Path, cell: Cell) -> Path:
    """Give the file of a cell."""
    return out / "cells" / f"{cell.name}.json"


def read_cell(grid: Grid, cell: Cell, out: Path, learning_set: str = "") -> dict[str, Any] | None:
    """Read what was found in a cell.

    Parameters
    ----------
    grid : Grid
    cell : Cell
    out : Path
    learning_set : str
        Hash of the vignettes that it must have been run on; any if empty.

    Returns
    -------
    dict or None
        None if it was not run yet, or with other settings, or on other vignettes.

    Raises
    ------
    StoreError
        The file is damaged.
    """
    path, wanted = path_of(out, cell), grid.settings(cell)
    if not path.exists():
        return None
    try:
        facts: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if facts["cell"] != wanted["cell"]:
            raise ValueError
        own = facts["learning_set_sha256"]
    except (ValueError, KeyError, TypeError, OSError):
        raise StoreError(
            "is not what this cell wrote", where=path, cure="Delete it and run again."
        ) from None
    same = all(facts.get(part) == value for part, value in wanted.items())
    return facts if same and own == (learning_set or own) else None


def trimmed(pictures: LearningSet, data: Data) -> LearningSet:
    """Leave at most so many vignettes of each class, the same ones each time."""
    if data.at_most is None:
        return pictures
    order = sorted(range(len(pictures.labels)), key=lambda row: pictures.digests[row])
    seen: dict[int, int] = {}
    kept = []
    for row in order:
        label = int(pictures.labels[row])
        seen[label] = seen.get(label, 0) + 1
        if seen[label] <= data.at_most:
            kept.append(row)
    return pictures.rows(sorted(kept))


def _frozen(
    grid: Grid, cell: Cell, pictures: LearningSet, out: Path
) -> tuple[Float32Array, Int64Array, dict[str, Any]]:
    """Fit a head to what a network gives as it comes."""
    looked = look(grid, cell, pictures, out)
    parts = split(pictures, cell.seed)
    begin = time.perf_counter()
    head = HEADS[cell.head].fit(_lesson(looked.features, pictures, parts, cell.seed))
    fitted = time.perf_counter()
    scores = head.predict_proba(looked.features[parts == TEST])
    scored = time.perf_counter()
    own = len(scores) / max(scored - fitted, 1e-9)
    return scores, pictures.labels[parts == TEST], {
        "parameters": looked.parameters + sum(a.size for a in head.arrays.values()),
        "images_per_s": 1 / (1 / looked.images_per_s + 1 / own),
        "joules_per_image": _known(looked.joules_per_image),
        "training_s": fitted - begin + len(pictures.labels) / looked.images_per_s,
        "device": str(device()),
    }  # fmt: skip


def _tuned(
    grid: Grid, cell: Cell, pictures: LearningSet, out: Path
) -> tuple[Float32Array, Int64Array, dict[str, Any]]:
    """Train network and head together, as `seston train` does."""
    network, folder = grid.network(cell.network), out / "models" / cell.name
    settings = Training(
        backbone=network.backbone, weights=network.weights, image_size=network.image_size,
        head=cell.head, epochs=cell.epochs, seed=cell.seed, class_weight_power=WEIGHT_POWER,
    )  # fmt: skip
    begin = time.perf_counter()
    card = train(pictures, folder, settings)
    trained = time.perf_counter()
    tested, model = load_held_out(folder, card).test, load_model(folder)
    some = slice(TIMED)
    sizes = preprocess.pixel_sizes(len(pictures.labels), pictures.pixel_sizes_mm)
    speed, joules = _timed(
        lambda: model.predict(pictures.vignettes[some], sizes[some]), min(TIMED, len(sizes))
    )
    size = sum(
        p.numel() for p in backbones.build(network.backbone, network.image_size).module.parameters()
    )
    return tested.scores, tested.labels, {
        "parameters": size + sum(a.size for a in model.head.arrays.values()),
        "images_per_s": speed,
        "joules_per_image": _known(joules),
        "training_s": trained - begin,
        "device": str(device()),
    }  # fmt: skip


def look(grid: Grid, cell: Cell, pictures: LearningSet, out: Path) -> Looked:
    """Give the features of a data set by the network of a cell; kept for the other cells."""
    told = json.dumps([pictures.sha256, grid.settings(cell)["network"]])
    own = hashlib.sha256(told.encode()).hexdigest()[:12]
    path = out / "features" / f"{cell.data}-{cell.network}-{own}.npz"
    if not path.exists():
        looked = _look(grid, cell, pictures)
        with new_file(path) as draft, draft.open("wb") as file:
            np.savez(file, **asdict(looked))
    try:
        with np.load(path, allow_pickle=False) as kept:
            joules = float(kept["joules_per_image"]) if "joules_per_image" in kept else np.nan
            costs = float(kept["images_per_s"]), joules, int(kept["parameters"])
            return Looked(kept["features"], *costs)
    except (OSError, ValueError, KeyError):
        raise StoreError(
            "the features are damaged", where=path, cure="Delete it and run again."
        ) from None


def _look(grid: Grid, cell: Cell, pictures: LearningSet) -> Looked:
    extractor, parameters = _extractor(grid, cell)
    total = len(pictures.labels)
    sizes = preprocess.pixel_sizes(total, pictures.pixel_sizes_mm)
    found = []
    extractor.features(pictures.vignettes[:WARMING], sizes[:WARMING])
    begin = time.perf_counter()
    with progress(f"{cell.data}, {cell.network}", total, "vignettes") as shown, energy() as spent:
        for start in range(0, total, CHUNK):
            rows = slice(start, start + CHUNK)
            found.append(extractor.features(pictures.vignettes[rows], sizes[rows]))
            shown.advance(len(found[-1]))
    speed = total / (time.perf_counter() - begin)
    return Looked(np.concatenate(found), speed, spent.joules / total, parameters)


def _extractor(grid: Grid, cell: Cell) -> tuple[Extractor | Measurer, int]:
    if cell.network == MEASURED:
        return Measurer(), 0
    network = grid.network(cell.network)
    backbone, _ = backbones.pretrained(network.backbone, network.weights, network.image_size)
    parameters = sum(p.numel() for p in backbone.module.parameters())
    return Extractor(backbone, network.image_size, device()), parameters


def _lesson(
    features: Float32Array, pictures: LearningSet, parts: NDArray[np.uint8], seed: int
) -> Lesson:
    learned, chosen = parts == TRAIN, parts == VALIDATION
    labels = pictures.labels
    return Lesson(
        features=features[learned],
        labels=labels[learned],
        taxon_weights=taxon_weights(labels[learned], len(pictures.taxa), WEIGHT_POWER),
        importance=np.ones(features.shape[1], np.float32),
        validation_features=features[chosen],
        validation_labels=labels[chosen],
        seed=seed,
    )


def _timed(run: Callable[[], object], n: int) -> tuple[float, float]:
    """Give things done per second, and joules for each, of a second run: the first warms up."""
    run()
    begin = time.perf_counter()
    with energy() as spent:
        run()
    return n / (time.perf_counter() - begin), spent.joules / n


def _known(value: float) -> float | None:
    """Give a number as JSON has it, in which there is no NaN."""
    return None if np.isnan(value) else value


def _plankton(taxa: tuple[str, ...], data: Data) -> NDArray[np.bool_]:
    def alive(taxon: str) -> bool:
        return not any(fnmatch.fnmatchcase(taxon, pattern) for pattern in data.not_plankton)

    return np.array([alive(taxon) for taxon in taxa])


def _metrics(
    scores: Float32Array, truth: Int64Array, plankton: NDArray[np.bool_]
) -> dict[str, float]:
    n_taxa = scores.shape[1]
    found = metrics.report(metrics.confusion_matrix(truth, scores.argmax(axis=1), n_taxa))
    precision, recall = found.over(plankton, weighted=True)
    return {
        "accuracy": found.accuracy,
        "balanced_accuracy": found.balanced_accuracy,
        "f1_macro": found.f1_macro,
        "plankton_precision_weighted": precision,
        "plankton_recall_weighted": recall,
        "log_loss": metrics.log_loss(scores, truth),
    }
