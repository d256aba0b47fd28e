"""What a model makes of taxa that it has never seen: measures compared by leaving taxa out.

    python benchmarks/unknowns.py [--quick] [--per-class N] [--rounds N] [--cache DIR] [FOLDER ...]

Each FOLDER holds one folder of vignettes a taxon; without any, a simulated learning set is drawn.
In each round a fifth of the taxa is left out, a linear head is fitted to features of a frozen
network, each measure's limit is chosen on validation vignettes for 5 % false alarms, and all
vignettes of the left-out taxa are looked at. Where there is more than one FOLDER, a head of all
taxa also sees those of the others. The last line is a JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from seston.learn import LearningSet, device, read_learning_set
from seston.learn.judging.unknown import FALSE_ALARM, leave_classes_out, undecidedness
from seston.learn.judging.unknown import Measure as Looking
from seston.learn.model import Extractor
from seston.learn.networks.backbones import pretrained
from seston.learn.preprocess import pixel_sizes
from seston.learn.sets.splits import TEST, TRAIN, VALIDATION, split
from seston.simulate import write_learning_set

SIDE, PENALTY, PRINCIPAL = 128, 0.03, 64


def features_of(pictures: LearningSet, cache: Path | None) -> np.ndarray:
    """Features of a frozen lite0, kept in a folder between runs where one is given."""
    path = cache and cache / f"{pictures.sha256}.npy"
    if path and path.exists():
        return np.load(path)
    backbone, _ = pretrained("tf_efficientnet_lite0", "package")
    extractor = Extractor(backbone, SIDE, device())
    sizes = pixel_sizes(len(pictures.vignettes), pictures.pixel_sizes_mm)
    found = extractor.features(pictures.vignettes, sizes)
    if path:
        np.save(path, found)
    return found


@dataclass(frozen=True)
class Material:
    name: str
    features: np.ndarray
    labels: np.ndarray
    parts: np.ndarray


def material(folder: Path, per_class: int, cache: Path | None) -> Material:
    pictures = read_learning_set(folder)
    rows = few(pictures.labels, per_class)
    features = features_of(pictures, cache)[rows]
    return Material(pictures.name, features, pictures.labels[rows], split(pictures, 0)[rows])


Measure = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def by_scores(measure: Callable[[np.ndarray], np.ndarray]) -> Measure:
    def look(learned: np.ndarray, taxa: np.ndarray, seen: np.ndarray) -> np.ndarray:
        return measure(fitted(learned, taxa).predict_proba(seen))

    return look


_heads: dict[bytes, LogisticRegression] = {}


def fitted(learned: np.ndarray, taxa: np.ndarray) -> LogisticRegression:
    """Fit the head once for all measures of a round."""
    key = taxa.tobytes()
    if key not in _heads:
        head = LogisticRegression(C=PENALTY, class_weight="balanced", max_iter=200)
        _heads[key] = head.fit(learned, taxa)
    return _heads[key]


def means_of(points: np.ndarray, taxa: np.ndarray) -> np.ndarray:
    return np.stack([points[taxa == k].mean(axis=0) for k in range(taxa.max() + 1)])


def nearest_prototype(learned: np.ndarray, taxa: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Angle to the nearest mean of a taxon."""
    means, points = (a / np.linalg.norm(a, axis=1, keepdims=True)
                     for a in (means_of(learned, taxa), seen))  # fmt: skip
    return -(points @ means.T).max(axis=1)


def mahalanobis(learned: np.ndarray, taxa: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Distance to the nearest mean, by the covariance within taxa (Lee et al. 2018)."""
    principal = PCA(min(PRINCIPAL, len(learned) // 4), random_state=0).fit(learned)
    learned, seen = principal.transform(learned), principal.transform(seen)
    means = means_of(learned, taxa)
    within = np.cov((learned - means[taxa]).T)
    white = np.linalg.cholesky(np.linalg.inv(within))
    apart = (seen @ white)[:, None] - (means @ white)[None]
    return (apart**2).sum(axis=2).min(axis=1)


MEASURES: dict[str, tuple[Measure, ...]] = {
    "entropy of the scores": (by_scores(undecidedness),),
    "best score": (by_scores(lambda scores: 1 - scores.max(axis=1)),),
    "nearest prototype": (nearest_prototype,),
    "Mahalanobis, 64 axes": (mahalanobis,),
    "entropy or prototype": (by_scores(undecidedness), nearest_prototype),
}


def looking(measures: tuple[Measure, ...], features: np.ndarray) -> Looking:
    def look(train: np.ndarray, taxa: np.ndarray, rows: np.ndarray) -> np.ndarray:
        scaler = StandardScaler().fit(features[train])
        learned, seen = scaler.transform(features[train]), scaler.transform(features[rows])
        return np.stack([measure(learned, taxa, seen) for measure in measures], axis=1)

    return look


def far_away(own: Material, others: list[Material]) -> dict[str, float]:
    """Share of the vignettes of other instruments that is called unknown, by measure."""
    features = np.concatenate([own.features, *(one.features for one in others)])
    new = len(own.labels)
    labels = np.concatenate((own.labels, np.full(len(features) - new, own.labels.max() + 1)))
    parts = np.concatenate((own.parts, np.full(len(features) - new, TEST)))
    return {
        name: strangers(looking(measures, features), labels, parts, new)
        for name, measures in MEASURES.items()
    }


def strangers(look: Looking, labels: np.ndarray, parts: np.ndarray, new: int) -> float:
    train, validation = (np.flatnonzero(parts == part) for part in (TRAIN, VALIDATION))
    rows = np.concatenate((validation, np.arange(new, len(labels))))
    found = look(train, labels[train], rows)
    usual, strange = found[: len(validation)], found[len(validation) :]
    limits = np.quantile(usual, 1 - FALSE_ALARM / found.shape[1], axis=0, method="higher")
    return float((strange > limits).any(axis=1).mean())


def few(labels: np.ndarray, per_class: int) -> np.ndarray:
    """Choose at most so many of each taxon."""
    rng = np.random.default_rng(0)
    rows = [rng.permutation(np.flatnonzero(labels == k))[:per_class] for k in np.unique(labels)]
    return np.sort(np.concatenate(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--quick", action="store_true", help="two rounds of few vignettes")
    parser.add_argument("--per-class", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cache", type=Path, help="where features are kept")
    given = parser.parse_args()
    rounds, per_class = (2, 30) if given.quick else (given.rounds, given.per_class)
    told: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folders = given.folders
        if not folders:
            write_learning_set(Path(scratch) / "simulated", 2, per_class=40)
            folders = [Path(scratch) / "simulated"]
        materials = [material(folder, per_class, given.cache) for folder in folders]
    for m in materials:
        print(f"{m.name}: {len(m.labels):,} vignettes of {m.labels.max() + 1} taxa, "
              f"{rounds} rounds")  # fmt: skip
        far = far_away(m, [o for o in materials if o is not m]) if len(materials) > 1 else {}
        print(f"  {'':24}{'found':>8}{'false alarm':>14}{'area':>8}{'other sets found':>20}")
        told[m.name] = {}
        for name, measures in MEASURES.items():
            one = leave_classes_out(looking(measures, m.features), m.labels, m.parts, rounds=rounds)
            told[m.name][name] = round(one.area, 3)
            other = f"{far[name]:>20.3f}" if far else ""
            print(f"  {name:24}{one.detected:>8.3f}{one.false_alarm:>14.3f}{one.area:>8.3f}{other}",
                  flush=True)  # fmt: skip
    print(json.dumps(told))


if __name__ == "__main__":
    main()
