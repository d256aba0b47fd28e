"""Held against what is known: objects that were found and named, and objects that are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from seston.config import Segmentation
from seston.frame import AnnotatedFrame, Instance
from seston.image.regions import Look, Named, find_regions

Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]

#: Intersection over union of the boxes from which a found object is the true one.
LEAST_OVERLAP = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """Found objects and true ones of many frames.

    Parameters
    ----------
    scores : array (found, taxon), float32
    true : array (found), int64
        Taxon of the true object that a found one matches; -1 where it matches none.
    missed : array (true), int64
        Taxa of the true objects that nothing matches.
    """

    scores: Float32Array
    true: IntArray
    missed: IntArray

    @property
    def sums(self) -> NDArray[np.float64]:
        """Share of all taxa that are wanted, of each found object."""
        return np.asarray(self.scores.sum(axis=1, dtype=np.float64))

    def curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Give every threshold on the share of all taxa, from high to low, recall and precision.

        An object counts as right where it matches a true one of any taxon that is wanted.
        """
        order = np.argsort(-self.sums, kind="stable")
        right = np.cumsum(self.true[order] >= 0)
        total = max(int((self.true >= 0).sum()) + len(self.missed), 1)
        return self.sums[order], right / total, right / np.arange(1, len(order) + 1)

    def best_threshold(self) -> float:
        """Threshold of the greatest harmonic mean of recall and precision."""
        thresholds, recall, precision = self.curve()
        if not len(thresholds):
            return 0.0
        f1 = 2 * recall * precision / np.maximum(recall + precision, 1e-12)
        return float(thresholds[int(np.argmax(f1))])

    def metrics(self, threshold: float, taxa: Sequence[str]) -> dict[str, Any]:
        """Recall and precision at a threshold: of all that is wanted, and of each taxon.

        Of all, an object is right where it matches anything that is wanted; of a taxon, where it
        matches one of that taxon.
        """
        kept = self.sums >= threshold
        named = np.where(kept, self.scores.argmax(axis=1), -1)
        there = np.concatenate([self.true[self.true >= 0], self.missed])
        right = int((kept & (self.true >= 0)).sum())
        return {
            "threshold": float(threshold),
            "recall": right / max(len(there), 1),
            "precision": right / max(int(kept.sum()), 1),
            "objects": len(there),
            "per_class": {
                taxon: _of_taxon(named == k, self.true == k, int((there == k).sum()))
                for k, taxon in enumerate(taxa)
            },
        }


def _of_taxon(
    named: NDArray[np.bool_], true: NDArray[np.bool_], support: int
) -> dict[str, float | int]:
    right = int((named & true).sum())
    recall, precision = right / max(support, 1), right / max(int(named.sum()), 1)
    f1 = 2 * recall * precision / max(recall + precision, 1e-12)
    return {"precision": precision, "recall": recall, "f1": f1, "support": support}


def judge(
    frames: Iterable[AnnotatedFrame],
    taxa: Sequence[str],
    look: Look,
    progress: Callable[[], None] = lambda: None,
) -> Verdict:
    """Let a network look at frames that it has not learned from.

    True objects below the least size that segmentation keeps, and found ones that match them,
    do not count.
    """
    parts = []
    for frame in frames:
        parts.append(_judged(frame, taxa, find_in(frame, look)))
        progress()
    scores, true, missed = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Verdict(scores, true, missed)


def find_in(frame: AnnotatedFrame, look: Look) -> Named:
    """Find the objects of an annotated frame, whatever their scores."""
    return find_regions(
        frame.pixels,
        look=look,
        least_score=0.0,
        owned=slice(0, len(frame.pixels)),
        settings=Segmentation.model_validate({"background": "none"}),
        pixel_height=frame.pixel_height or _UNKNOWN_MM,
        pixel_width=frame.pixel_width or _UNKNOWN_MM,
        names=("area",),
    )


#: Stands for the size of a pixel that nothing tells: that of the ISIIS.
_UNKNOWN_MM = 0.0513


def _judged(
    frame: AnnotatedFrame, taxa: Sequence[str], named: Named
) -> tuple[Float32Array, IntArray, IntArray]:
    wanted = [one for one in frame.instances if one.taxon in taxa]
    o = named.objects
    boxes = np.column_stack([o.top, o.left, o.bottom, o.right])
    found, true = match_boxes(boxes, np.array([box_of(one) for one in wanted]).reshape(-1, 4))
    taxon = np.array([taxa.index(one.taxon) for one in wanted], np.int64)
    counts = np.array([_diameter(one, frame) for one in wanted]) >= _least_diameter()
    of_found = np.full(len(o), -1, np.int64)
    of_found[found] = np.where(counts[true], taxon[true], -2)
    free = np.ones(len(wanted), bool)
    free[true] = False
    judged = of_found > -2
    return named.scores[judged], of_found[judged], taxon[free & counts]


def _least_diameter() -> float:
    return float(Segmentation.model_validate({}).min_esd_mm)


def _diameter(one: Instance, frame: AnnotatedFrame) -> float:
    pixel = (frame.pixel_height or _UNKNOWN_MM) * (frame.pixel_width or _UNKNOWN_MM)
    return float(2 * np.sqrt(one.mask.sum() * pixel / np.pi))


def box_of(one: Instance) -> tuple[int, int, int, int]:
    """Give the box of an instance's pixels: top, left, bottom, right."""
    rows, columns = np.nonzero(one.mask)
    return (
        one.top + int(rows.min()),
        one.left + int(columns.min()),
        one.top + int(rows.max()) + 1,
        one.left + int(columns.max()) + 1,
    )


def match_boxes(found: IntArray, true: IntArray) -> tuple[IntArray, IntArray]:
    """Pair boxes (n, 4: top, left, bottom, right) one to one, for the greatest sum of overlaps.

    Returns
    -------
    array (pair), array (pair)
        Rows of the found and of the true; pairs that overlap by less than `LEAST_OVERLAP` (as
        intersection over union) are none.
    """
    high = np.minimum(found[:, None, 2:], true[None, :, 2:])
    sides = np.maximum(high - np.maximum(found[:, None, :2], true[None, :, :2]), 0)
    shared = sides.prod(axis=2)
    area = [(b[:, 2:] - b[:, :2]).prod(axis=1) for b in (found, true)]
    overlap = shared / np.maximum(area[0][:, None] + area[1][None] - shared, 1)
    overlap[overlap < LEAST_OVERLAP] = 0
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    paired = overlap[rows, columns] > 0
    return rows[paired], columns[paired]
