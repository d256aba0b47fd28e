"""One cell of a grid: train, measure, write what was found. What is there is not done again."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import time
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seston.atomic import new_file
from seston.errors import StoreError
from seston.learn import backbones, metrics
from seston.learn._torch import device
from seston.learn.grid import MEASURED, Cell, Data, Grid, Network
from seston.learn.heads import HEADS, Head, Lesson, taxon_weights
from seston.learn.learning_set import LearningSet
from seston.learn.model import Extractor
from seston.learn.splits import TEST, TRAIN, VALIDATION, split

Float32Array = NDArray[np.float32]

CHUNK = 256


@dataclass(frozen=True)
class Looked:
    """What a network gave for a learning set.

    Parameters
    ----------
    features : array (n, n_features), float32
    images_per_s : float
        Vignettes per second while it looked, resizing with them; of the measuring of features
        where there is no network.
    parameters : int
        Numbers that the network holds.
    """

    features: Float32Array
    images_per_s: float
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
    parts = split(pictures, cell.seed, grid.shares)
    run = _tuned if cell.epochs else _frozen
    scores, cost = run(grid, cell, pictures, parts, out)
    test = parts == TEST
    facts = {
        "cell": asdict(cell),
        "learning_set_sha256": pictures.sha256,
        "n": {"train": int((parts == TRAIN).sum()), "test": int(test.sum())},
        "taxa": len(pictures.taxa),
        "metrics": _metrics(scores, pictures, test, grid.data[cell.data]),
        **cost,
    }
    with new_file(path_of(out, cell)) as draft:
        draft.write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    return facts


def path_of(out: Path, cell: Cell) -> Path:
    """Give the file of a cell."""
    return out / "cells" / f"{cell.name}.json"


def read_cell(out: Path, cell: Cell) -> dict[str, Any] | None:
    """Read what was found in a cell; None if it was not run yet.

    Raises
    ------
    StoreError
        The file is damaged.
    """
    path = path_of(out, cell)
    if not path.exists():
        return None
    try:
        facts: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if facts["cell"] != asdict(cell):
            raise ValueError
    except (ValueError, KeyError, TypeError, OSError):
        raise StoreError(
            "is not what this cell wrote", where=path, cure="Delete it and run again."
        ) from None
    return facts


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
    grid: Grid, cell: Cell, pictures: LearningSet, parts: NDArray[np.uint8], out: Path
) -> tuple[Float32Array, dict[str, Any]]:
    looked = look(grid, cell, pictures, out)
    begin = time.perf_counter()
    head = HEADS[cell.head].fit(_lesson(looked.features, pictures, parts, cell.seed))
    trained = time.perf_counter()
    scores = head.predict_proba(looked.features[parts == TEST])
    tested = time.perf_counter()
    own = len(scores) / max(tested - trained, 1e-9)
    both = 1 / (1 / looked.images_per_s + 1 / own)
    return scores, {
        "parameters": looked.parameters + _numbers(head),
        "images_per_s": both,
        "training_s": trained - begin + len(pictures.labels) / looked.images_per_s,
        "device": str(device()),
    }


def _lesson(
    features: Float32Array, pictures: LearningSet, parts: NDArray[np.uint8], seed: int
) -> Lesson:
    learned, chosen = parts == TRAIN, parts == VALIDATION
    labels = pictures.labels
    return Lesson(
        features=features[learned],
        labels=labels[learned],
        taxon_weights=taxon_weights(labels[learned], len(pictures.taxa), CLASS_WEIGHT_POWER),
        importance=np.ones(features.shape[1], np.float32),
        validation_features=features[chosen],
        validation_labels=labels[chosen],
        seed=seed,
    )


def _numbers(head: Head) -> int:
    return sum(array.size for array in head.arrays.values())
