"""Plankton among a hundred times as much detritus: three ways to find and name it.

    python benchmarks/semantic.py [--quick] [--network FOLDER] [--ways demo filter semantic]

Simulated ISIIS frames of 10240 lines through all depths, at the concentrations of nature: some
2,500 objects a frame, 1 % of them plankton. Held against the truth:

- threshold + CNN: all that is dark is found, then named by the demo's learning set and head;
- threshold, filter, CNN: the same objects, of which a filter (`seston train-filter`) leaves out
  what is surely detritus; the rest is named by a classifier that learned from what the filter
  lets through (`seston learning-set --frames N --filter F`, `seston train --inputs both`);
- semantic: a network looks at frames and gives only plankton (`seston train-semantic`).

A true organism counts if the scan's border does not cut it and its mask has the least diameter
that is kept. It is found by the object whose box overlaps its own by at least 0.2 (intersection
over union, one to one), whatever else lies there. Each way gives each object a share of plankton,
and thresholds on it trade recall for precision; the operating point is the highest threshold with
a recall of 0.95 (of the greatest F1, where no threshold reaches that) in frames of another tow: it
is chosen there, and tried here. Beside it stands what the workflow makes of the same objects
without such a threshold: a classifier gives each object the name of its best score, a network has
the least score of its card.
Costs are processor time of one thread, without drawing the frames.

The last line is a JSON object.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np
import pandas as pd

from seston import learn
from seston.config import Config, FilterTraining, Segmentation, SemanticTraining, Training
from seston.image import Objects, find_objects
from seston.image.regions import find_regions
from seston.learn.filtering import load_filter
from seston.learn.semantic import load_semantic, train_semantic
from seston.simulate import KINDS, LABELS, TowSettings, match, write_learning_set
from seston.simulate.annotated import SimulatedFrames
from seston.simulate.scene import pixel_height, take
from seston.simulate.tow import Tow
from seston.stages.filter_training import train_filter, write_passed

SETTINGS = Segmentation.model_validate({})
TOW = dataclasses.replace(
    TowSettings.full(), frame_lines=10240, frames_per_file=1, files_per_burst=1,
    burst_spacing_m=20.0,
)  # fmt: skip
SEED, SEED_CHOOSING, SEED_FILTER, SEED_HARD, SEED_NATURAL = 5, 904, 901, 903, 902
PLANKTON = tuple(kind.label for kind in KINDS if kind.plankton)
WAYS = ("demo", "filter", "semantic")
WANTED_RECALL = 0.95
#: Seconds in which the camera takes a frame.
ACQUISITION_S = TOW.frame_lines / TOW.line_rate_hz
PUBLISHED = {"ISIIS, threshold": (0.973, 0.009), "ISIIS, threshold + CNN": (0.918, 0.163)}


@dataclass
class Scene:
    """A frame, and the organisms in it: boxes, taxa, and whether they count."""

    pixels: np.ndarray
    height_mm: float
    boxes: np.ndarray
    taxa: np.ndarray
    counts: np.ndarray


def scenes(count: int, seed: int):
    """Draw frames evenly through the casts, one at a time."""
    tow = Tow(TOW)
    files = tow.files()
    for file in [files[i] for i in np.linspace(0, len(files) - 1, count).round().astype(int)]:
        scene = take(tow, files, file, seed)
        height = pixel_height(tow, file.start_s)
        seen = [s for s in scene.seen if KINDS[s.place.kind].plankton]
        boxes, diameters = [], []
        for s in seen:
            rows, columns = np.nonzero(s.stamp.mask)
            top, left = s.stamp.top - file.first_line, s.stamp.left
            boxes.append((top + rows.min(), left + columns.min(),
                          top + rows.max() + 1, left + columns.max() + 1))  # fmt: skip
            diameters.append(2 * np.sqrt(len(rows) * height * TOW.pixel_width_mm / np.pi))
        counts = [not s.cut and d >= SETTINGS.min_esd_mm
                  for s, d in zip(seen, diameters, strict=True)]  # fmt: skip
        yield Scene(scene.pixels, height, np.array(boxes).reshape(-1, 4),
                    np.array([PLANKTON.index(LABELS[s.place.kind]) for s in seen], int),
                    np.array(counts, bool))  # fmt: skip


# ---------------------------------------------------------------------------------------- ways
#: Gives boxes (n, 4) and shares of the plankton's taxa (n, 14) of the objects of a frame, and
#: which of them (n,) the workflow names as plankton.
Way = Callable[[Scene], tuple[np.ndarray, np.ndarray, np.ndarray]]


def boxes_of(objects: Objects) -> np.ndarray:
    return np.column_stack([objects.top, objects.left, objects.bottom, objects.right])


def vignettes_of(objects: Objects, rows) -> list[np.ndarray]:
    return [objects.vignette(int(i)) for i in rows]


def by_threshold(scene: Scene) -> Objects:
    return find_objects(
        scene.pixels, owned=slice(0, len(scene.pixels)), settings=SETTINGS,
        pixel_height=scene.height_mm, pixel_width=TOW.pixel_width_mm,
    )  # fmt: skip


def demo_way(folder: Path, per_class: int) -> Way:
    """Threshold, then the classifier of the demo."""
    write_learning_set(folder / "set", 2, per_class=per_class)
    learn.train(folder / "set", folder / "model", Training(fine_tune=False, image_size=96))
    model = learn.load_model(folder / "model")
    columns = [model.taxa.index(taxon) for taxon in PLANKTON]

    def way(scene: Scene):
        objects = by_threshold(scene)
        scores = model.predict(
            vignettes_of(objects, range(len(objects))), (scene.height_mm, TOW.pixel_width_mm)
        )
        named = np.isin(scores.argmax(axis=1), columns)
        return boxes_of(objects), scores[:, columns], named

    return way


def filtered_way(folder: Path, frames: int) -> Way:
    """Threshold, a filter on measured features, then a classifier with hard negatives."""
    begin = time.process_time()
    settings = FilterTraining(model=folder / "filter", frames=frames, seed=SEED_FILTER)
    train_filter(Config(filter=settings))
    passing = Segmentation.model_validate({"filter": settings.model})
    write_passed(folder / "hard", passing, frames=frames, seed=SEED_HARD)
    training = Training(fine_tune=False, image_size=96, inputs="both")
    learn.train(folder / "hard", folder / "hard-model", training)
    chosen, model = load_filter(settings.model), learn.load_model(folder / "hard-model")
    told = chosen.card.metrics
    print(f"filter and classifier learned in {time.process_time() - begin:.0f} s; of {frames} "
          f"frames, the filter lets {told['recall']:.2%} of the plankton and "
          f"{told['passed_others']:.1%} of the detritus through; the classifier learned from "
          f"{sum(model.card.training['learned_from'].values())} vignettes")  # fmt: skip
    columns = {taxon: model.taxa.index(taxon) for taxon in PLANKTON if taxon in model.taxa}

    def way(scene: Scene):
        objects = by_threshold(scene)
        rows = np.flatnonzero(chosen.passes(objects.features, objects.names))
        size = (scene.height_mm, TOW.pixel_width_mm)
        scores, named = np.zeros((len(rows), len(PLANKTON))), np.zeros(len(rows), bool)
        if len(rows):
            known = model.predict(vignettes_of(objects, rows), size)
            named = np.isin(known.argmax(axis=1), list(columns.values()))
            for taxon, column in columns.items():  # of few frames, not all taxa are among them
                scores[:, PLANKTON.index(taxon)] = known[:, column]
        return boxes_of(objects)[rows], scores, named

    return way


def semantic_way(folder: Path) -> Way:
    """Let the network look, and nothing else."""
    model = load_semantic(folder)
    order = [model.taxa.index(taxon) for taxon in PLANKTON]

    def way(scene: Scene):
        named = find_regions(
            scene.pixels, look=model.look, least_score=0.0, owned=slice(0, len(scene.pixels)),
            settings=SETTINGS, pixel_height=scene.height_mm, pixel_width=TOW.pixel_width_mm,
        )  # fmt: skip
        scores = named.scores[:, order]
        return boxes_of(named.objects), scores, scores.sum(axis=1) >= model.least_score

    return way


# --------------------------------------------------------------------------------------- judge
@dataclass
class Held:
    """Found objects of one way held against the true ones, over all frames."""

    scores: list[np.ndarray] = dataclasses.field(default_factory=list)
    named: list[np.ndarray] = dataclasses.field(default_factory=list)
    true: list[np.ndarray] = dataclasses.field(default_factory=list)
    missed: list[np.ndarray] = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    frames: int = 0

    def add(self, way: Way, scene: Scene) -> None:
        begin = time.process_time()
        boxes, scores, named = way(scene)
        self.seconds += time.process_time() - begin
        self.frames += 1
        pairs = match(boxes, scene.boxes)
        owner, found = pairs.true_of(), pairs.found_of()
        # What matches an organism that does not count is neither right nor wrong.
        judged = np.append(scene.counts, True)[owner]
        self.scores.append(scores[judged])
        self.named.append(named[judged])
        self.true.append(np.append(scene.taxa, -1)[owner][judged])
        self.missed.append(scene.taxa[(found < 0) & scene.counts])

    def falling(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Shares of plankton from the highest on, with recall and precision down to each."""
        scores, true, missed = (np.concatenate(a) for a in (self.scores, self.true, self.missed))
        share = scores.sum(axis=1)
        order = np.argsort(-share, kind="stable")
        right = np.cumsum(true[order] >= 0)
        total = int((true >= 0).sum()) + len(missed)
        return share[order], right / total, right / np.arange(1, len(order) + 1)

    def threshold(self) -> float:
        """Choose the operating point."""
        share, recall, precision = self.falling()
        if recall[-1] >= WANTED_RECALL:
            return float(share[np.searchsorted(recall, WANTED_RECALL)])
        f1 = 2 * recall * precision / np.maximum(recall + precision, 1e-9)
        return float(share[f1.argmax()])

    def table(self, threshold: float) -> tuple[dict[str, float], pd.DataFrame]:
        """Figures at the operating point: of all plankton, and of each taxon."""
        parts = (self.scores, self.named, self.true, self.missed)
        scores, plankton, true, missed = (np.concatenate(part) for part in parts)
        _, recall, precision = self.falling()
        at80 = np.flatnonzero(precision >= 0.8)
        kept, best = scores.sum(axis=1) >= threshold, scores.argmax(axis=1)
        there = np.concatenate([true[true >= 0], missed])
        rows = {taxon: _of(kept & (best == k), true == k, (there == k).sum())
                for k, taxon in enumerate(PLANKTON)}  # fmt: skip
        right, cost = kept & (true >= 0), self.seconds / self.frames
        chosen, as_named = (_of(some, true >= 0, len(there)) for some in (kept, plankton))
        return {
            "organisms": len(there),
            "found": len(scores),
            "recall": chosen["recall"],
            "precision": chosen["precision"],
            "named_rightly": float((best == true)[right].mean()),
            "recall_as_named": as_named["recall"],
            "precision_as_named": as_named["precision"],
            "largest_recall": recall[-1],
            "recall_at_precision_0.8": recall[at80[-1]] if len(at80) else 0.0,
            "seconds_per_frame": cost,
            "x_acquisition": cost / ACQUISITION_S,
        }, pd.DataFrame(rows).T


def _of(named: np.ndarray, true: np.ndarray, support: int) -> dict[str, float]:
    right = int((named & true).sum())
    return {"n": support, "recall": right / max(support, 1),
            "precision": right / max(int(named.sum()), 1)}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few frames, hardly any training")
    parser.add_argument("--network", type=Path, default=Path("results/semantic"),
                        help="its folder; trained where it is not there")  # fmt: skip
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    arguments = parser.parse_args()
    quick = arguments.quick
    learn.use_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        ways = make_ways(Path(folder), arguments.network, arguments.ways, quick)
        count = 2 if quick else arguments.frames
        others, held = (judged(ways, count, seed) for seed in (SEED_CHOOSING, SEED))
    show({name: (each, others[name].threshold()) for name, each in held.items()})


def judged(ways: dict[str, Way], count: int, seed: int) -> dict[str, Held]:
    """Let all ways look at the same frames."""
    held = {name: Held() for name in ways}
    for scene in scenes(count, seed):
        for name, way in ways.items():
            held[name].add(way, scene)
    return held


def make_ways(folder: Path, network: Path, wanted: Sequence[str], quick: bool) -> dict[str, Way]:
    """Make the ways that are wanted, by their names."""
    makers: dict[str, Callable[[], Way]] = {
        "threshold + CNN": lambda: demo_way(folder, 12 if quick else 120),
        "threshold, filter, CNN": lambda: filtered_way(folder, 6 if quick else 48),
        "semantic": lambda: trained_way(folder, network, quick),
    }
    return {name: make() for (name, make), key in zip(makers.items(), WAYS, strict=True)
            if key in wanted}  # fmt: skip


def trained_way(folder: Path, network: Path, quick: bool) -> Way:
    """Let the network look, trained first where it is not there."""
    if not network.exists() or quick:
        settings = SemanticTraining(model=network)
        if quick:
            settings = SemanticTraining(model=folder / "network", steps=30, widths=(8, 16, 32))
        natural = SimulatedFrames(SEED_NATURAL, plankton=None)
        count = 2 if quick else settings.validation
        begin = time.process_time()
        train_semantic(SimulatedFrames(0), natural.frames(0, count), settings)
        print(f"network trained in {time.process_time() - begin:.0f} s of processor time")
        network = settings.model
    return semantic_way(network)


def show(held: dict[str, tuple[Held, float]]) -> None:
    """Print the tables and the line of JSON."""
    tables = {name: each.table(threshold) for name, (each, threshold) in held.items()}
    one = next(iter(held.values()))[0]
    print(f"\n{one.frames} frames of {TOW.frame_lines} x {TOW.width} px, "
          f"{ACQUISITION_S:.3f} s of acquisition each")  # fmt: skip
    figures = pd.DataFrame({name: figures for name, (figures, _) in tables.items()})
    print(figures.round(3).to_string())
    print("\nby taxon, at the operating point (recall of the right name, precision of the name)")
    taxa = pd.concat({n: t[["recall", "precision"]] for n, (_, t) in tables.items()}, axis=1)
    taxa["n", ""] = next(iter(tables.values()))[1]["n"]
    print(taxa.round(2).to_string())
    print("\npublished, on other data and by other rules (recall, precision of organisms):")
    for name, (recall, precision) in PUBLISHED.items():
        print(f"  {name:24}{recall:>7.1%}{precision:>8.1%}")
    print(json.dumps({
        f"{name.replace(', ', '_').replace(' + ', '_')}_{key}": round(float(value), 4)
        for name, (row, _) in tables.items() for key, value in row.items()
    }))  # fmt: skip


if __name__ == "__main__":
    main()
