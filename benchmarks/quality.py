"""How well objects are found: masks held against the truth of simulated frames.

    python benchmarks/quality.py [--quick]

Two casts through all depths, with the detritus of nature and four times its plankton (so that few
frames hold enough of it). An organism counts if the scan's border does not cut it and its mask has
the least diameter that is kept. Beside seston stands what a person writes first: each column over
its mean, the same threshold, scikit-image's label, the same least size.

- recall: organisms matched one to one by a found mask with an overlap (intersection over union)
  of at least 0.5;
- pieces: found objects that lie in an organism more than in anything else, per organism seen;
- precision: found objects that match anything true; spurious: those that touch nothing true;
- share of organisms: matched organisms among found objects, with the plankton of nature.

The last line is a JSON object of ratios.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
from collections.abc import Callable
from dataclasses import dataclass

for _name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from skimage.measure import label

from seston.config import Segmentation
from seston.image.correct import light_scan
from seston.image.segment import mask_runs, select
from seston.simulate import KINDS, TowSettings
from seston.simulate.match import assign
from seston.simulate.scene import Scene, pixel_height, take
from seston.simulate.tow import Tow

SETTINGS = Segmentation.model_validate({})
TOW = TowSettings(
    casts=2, frame_lines=10240, files_per_burst=1, burst_spacing_m=5.0, plankton_factor=4.0,
    detritus_factor=1.0,
)  # fmt: skip
SEED = 5
LEAST = 0.5
#: Bodies that a threshold breaks; large from the diameter where the search for faint ones begins.
GELATINOUS = ("ctenophore", "hydromedusa", "siphonophore", "radiolarian_colony", "doliolid")
LARGE_MM = SETTINGS.faint_min_esd_mm
#: Recall and precision that others measured, on other data and by other rules: no comparison.
PUBLISHED = {
    "ISIIS, threshold": (0.973, 0.009),
    "ISIIS, threshold + CNN": (0.918, 0.163),
}

Labels = np.ndarray


def by_seston(frame: np.ndarray, height: float) -> Labels:
    """Label image of seston's objects."""
    lit = light_scan(frame, 0, SETTINGS, slice(0, len(frame)))
    runs = mask_runs(lit, SETTINGS, height, TOW.pixel_width_mm)
    found = select(lit, runs, slice(0, len(frame)), SETTINGS, height, TOW.pixel_width_mm)
    labels = np.zeros(frame.shape, np.int32)
    owner = np.repeat(np.arange(1, len(found.table) + 1), np.diff(found.starts))
    for (line, start, stop), number in zip(found.runs, owner, strict=True):
        labels[line, start:stop] = number
    return labels


def by_threshold(frame: np.ndarray, height: float) -> Labels:
    """Label image of a plain threshold."""
    grey = frame / frame.mean(axis=0, dtype=np.float32)
    labels = label(grey < SETTINGS.threshold, connectivity=2)
    sizes = np.bincount(labels.ravel())
    diameter = 2 * np.sqrt(sizes * height * TOW.pixel_width_mm / np.pi)
    kept = diameter >= SETTINGS.min_esd_mm
    kept[0] = False
    return np.where(kept, np.cumsum(kept), 0)[labels]


@dataclass
class Held:
    """Found masks of one way held against the true ones, over all frames.

    Parameters
    ----------
    true : list of DataFrame
        A row for each true object: kind, diameter, whether it is whole and alone; its overlap with
        its match (0 without one) and the number of its pieces.
    found : int
        Found objects.
    matched, spurious : int
        Those that match something, and those that touch nothing.
    """

    true: list[pd.DataFrame]
    found: int = 0
    matched: int = 0
    spurious: int = 0

    def add(self, labels: Labels, scene: Scene, height: float) -> None:
        """Take in one frame."""
        shared, overlaps = overlap(labels, scene)
        matches = assign(overlaps, LEAST)
        table = describe(scene, height)
        table["overlap"] = 0.0
        table.loc[matches.true, "overlap"] = matches.overlap
        owner = np.asarray(shared.tocsr().argmax(axis=1)).ravel()[matches.touched]
        table["pieces"] = np.bincount(owner, minlength=len(table))
        self.true.append(table)
        self.found += matches.n_found
        self.matched += len(matches.found)
        self.spurious += int((~matches.touched).sum())


def overlap(labels: Labels, scene: Scene) -> tuple[coo_array, coo_array]:
    """Pixels that found and true masks share, and their intersection over union (found, true)."""
    sizes = np.bincount(labels.ravel())
    rows, columns, counts, unions = [], [], [], []
    for number, seen in enumerate(scene.seen):
        stamp = seen.stamp
        height, width = stamp.mask.shape
        up = max(0, -stamp.top)
        part = labels[max(0, stamp.top) : stamp.top + height, stamp.left : stamp.left + width]
        inside = part[stamp.mask[up : up + len(part)]]
        which, count = np.unique(inside[inside > 0], return_counts=True)
        rows += list(which - 1)
        columns += [number] * len(which)
        counts += list(count)
        unions += list(sizes[which] + stamp.mask.sum() - count)
    shape = (len(sizes) - 1, len(scene.seen))
    shared = np.array(counts, float)
    return (
        coo_array((shared, (rows, columns)), shape=shape),
        coo_array((shared / np.array(unions), (rows, columns)), shape=shape),
    )


def describe(scene: Scene, height: float) -> pd.DataFrame:
    """Give a row for each true object."""
    kinds = [KINDS[seen.place.kind] for seen in scene.seen]
    area = np.array([seen.stamp.mask.sum() for seen in scene.seen]) * height * TOW.pixel_width_mm
    return pd.DataFrame({
        "kind": [kind.label for kind in kinds],
        "organism": [kind.plankton for kind in kinds],
        "diameter": 2 * np.sqrt(area / np.pi),
        "whole": [not seen.cut for seen in scene.seen],
        "sharp": [seen.place.blur_mm == 0 for seen in scene.seen],
        "alone": np.array(scene.overlapped) == 0,
    })  # fmt: skip


def figures(held: Held) -> dict[str, float]:
    """Ratios of one way."""
    true = pd.concat(held.true, ignore_index=True)
    true = true[true["whole"] & (true["diameter"] >= SETTINGS.min_esd_mm)]
    organisms = true[true["organism"]]
    jellies = organisms[organisms["kind"].isin(GELATINOUS) & (organisms["diameter"] >= LARGE_MM)]
    hit = organisms["overlap"] > 0
    natural = hit.sum() / TOW.plankton_factor
    return {
        "organisms_recall": hit.mean(),
        "organisms_recall_alone": hit[organisms["alone"]].mean(),
        "organisms_overlap": organisms["overlap"][hit].median(),
        "pieces_per_organism": organisms["pieces"][organisms["pieces"] > 0].mean(),
        "jellies_recall": (jellies["overlap"] > 0).mean(),
        "jellies_overlap": jellies["overlap"][jellies["overlap"] > 0].median(),
        "pieces_per_jelly": jellies["pieces"][jellies["pieces"] > 0].mean(),
        "precision": held.matched / held.found,
        "spurious": held.spurious / held.found,
        "share_of_organisms": natural / (held.found - hit.sum() + natural),
        "organisms": len(organisms),
        "jellies": len(jellies),
    }


def by_kind(held: Held) -> pd.DataFrame:
    """Recall, overlap and pieces of each kind of organism."""
    true = pd.concat(held.true, ignore_index=True)
    rows = true[true["whole"] & true["organism"] & (true["diameter"] >= SETTINGS.min_esd_mm)]
    groups = rows.groupby("kind")
    return pd.DataFrame({
        "n": groups.size(),
        "recall": groups["overlap"].agg(lambda o: (o > 0).mean()),
        "overlap": groups["overlap"].agg(lambda o: o[o > 0].median()),
        "pieces": groups["pieces"].agg(lambda p: p[p > 0].mean()),
    })  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a quarter of the frames, shorter")
    quick = parser.parse_args().quick
    settings = dataclasses.replace(TOW, frame_lines=4096) if quick else TOW
    tow = Tow(settings)
    files = tow.files()[:: 4 if quick else 1]
    ways: dict[str, Callable[[np.ndarray, float], Labels]] = {
        "seston": by_seston,
        "threshold, scikit-image": by_threshold,
    }
    held = {name: Held([]) for name in ways}
    for file in files:
        scene = take(tow, tow.files(), file, SEED)
        # Lines of the stamps are those of the tow: each file is a scan of its own here.
        seen = [_in_file(s, file.first_line) for s in scene.seen]
        scene = dataclasses.replace(scene, seen=seen)
        height = pixel_height(tow, file.start_s)
        for name, way in ways.items():
            held[name].add(way(scene.pixels, height), scene, height)
    show(held, len(files), settings.frame_lines)


def _in_file(seen, first_line: int):
    stamp = dataclasses.replace(seen.stamp, top=seen.stamp.top - first_line)
    return dataclasses.replace(seen, stamp=stamp)


def show(held: dict[str, Held], files: int, lines: int) -> None:
    """Print the table and the line of ratios."""
    ratios = {name: figures(each) for name, each in held.items()}
    ours = ratios["seston"]
    print(f"{files} frames of {lines} x {TOW.width} px, {ours['organisms']} organisms, "
          f"{ours['jellies']} of them large and gelatinous")  # fmt: skip
    print(f"{'':26}" + "".join(f"{name:>26}" for name in held))
    for name in ours:
        print(f"{name:26}" + "".join(f"{ratios[way][name]:>26.4g}" for way in held))
    print("\nseston, by kind")
    print(by_kind(held["seston"]).round(3).to_string())
    print("\npublished, on other data and by other rules (recall, precision of organisms):")
    for name, (recall, precision) in PUBLISHED.items():
        print(f"  {name:24}{recall:>7.1%}{precision:>8.1%}")
    plain = ratios["threshold, scikit-image"]
    print(json.dumps(
        {name: round(float(value), 4) for name, value in ours.items()}
        | {f"threshold_{name}": round(float(plain[name]), 4)
           for name in ("organisms_recall", "pieces_per_organism", "jellies_recall", "precision")}
    ))  # fmt: skip


if __name__ == "__main__":
    main()
