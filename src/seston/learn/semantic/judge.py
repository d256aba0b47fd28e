"""Held against what is known: objects that were found and named, and objects that are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from seston.config import Segmentation
from seston.errors import InputError
from seston.frame import AnnotatedFrame, Instance
from seston.image.regions import LIKELY, Look, Named, find_regions

Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]

#: Intersection over union of the boxes from which a found object is the true one.
LEAST_OVERLAP = 0.2
SIZE_CURE = (
    "Give it: `pixel_height_mm` and `pixel_width_mm` of each image of the COCO file, or "
    "`pixel_size_mm` (--pixel-size-mm), or an instrument whose optics tell both."
)


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
        """Threshold of the greatest harmonic mean of recall and precision.

        Where nothing that was found is right none is better than another, and it is `LIKELY`:
        what makes a cell part of an object.

        Raises
        ------
        ValueError
            There is no true object: nothing tells a good threshold from a bad one.
        """
        if not len(self.missed) and not (self.true >= 0).any():
            raise ValueError("no threshold can be chosen without a true object")
        thresholds, recall, precision = self.curve()
        if not recall.any():
            return LIKELY
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
    settings: Segmentation,
    progress: Callable[[], None] = lambda: None,
) -> Verdict:
    """Let a network look at frames that it has not learned from.

    True objects outside the sizes that segmentation keeps, and found ones that match them, do
    not count.

    Parameters
    ----------
    frames : iterable of AnnotatedFrame
    taxa : sequence of str
        Those that are wanted, in the order of the network's shares.
    look : callable
    settings : Segmentation
        As objects will be found by the network; the light of the frames is even already.
    progress : callable
        Called after each frame.

    Raises
    ------
    InputError
        The size of the pixels of a frame is not known.
    """
    parts = []
    for frame in frames:
        parts.append(_judged(frame, taxa, find_in(frame, look, settings), settings))
        progress()
    scores, true, missed = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Verdict(scores, true, missed)


def find_in(frame: AnnotatedFrame, look: Look, settings: Segmentation) -> Named:
    """Find the objects of an annotated frame, whatever their scores; see `judge`."""
    height, width = pixel_size(frame)
    return find_regions(
        frame.pixels,
        look=look,
        least_score=0.0,
        owned=slice(0, len(frame.pixels)),
        settings=settings.model_copy(update={"background": "none", "polarity": "dark"}),
        pixel_height=height,
        pixel_width=width,
        names=("area",),
    )


def pixel_size(frame: AnnotatedFrame) -> tuple[float, float]:
    """Give the height and width of a frame's pixels, mm.

    Raises
    ------
    InputError
        They are not known.
    """
    if frame.pixel_height is None or frame.pixel_width is None:
        raise InputError("the size of its pixels is not known", where=frame.name, cure=SIZE_CURE)
    return frame.pixel_height, frame.pixel_width


def is_kept(area: int, size: tuple[float, float], settings: Segmentation) -> bool:
    """Say whether segmentation keeps an object of so many pixels of this height and width, mm."""
    diameter = 2 * np.sqrt(area * size[0] * size[1] / np.pi)
    return bool(settings.min_esd_mm <= diameter <= settings.max_esd_mm)


def count_true(
    frames: Iterable[AnnotatedFrame], taxa: Sequence[str], settings: Segmentation
) -> int:
    """Count the true objects of frames that `judge` holds a network against."""
    return sum(
        is_kept(int(one.mask.sum()), pixel_size(frame), settings)
        for frame in frames
        for one in frame.instances
        if one.taxon in taxa
    )


def _judged(
    frame: AnnotatedFrame, taxa: Sequence[str], named: Named, settings: Segmentation
) -> tuple[Float32Array, IntArray, IntArray]:
    wanted = [one for one in frame.instances if one.taxon in taxa]
    o = named.objects
    boxes = np.column_stack([o.top, o.left, o.bottom, o.right])
    found, true = match_boxes(boxes, np.array([box_of(one) for one in wanted]).reshape(-1, 4))
    taxon = np.array([taxa.index(one.taxon) for one in wanted], np.int64)
    size = pixel_size(frame)
    counts = np.array([is_kept(int(one.mask.sum()), size, settings) for one in wanted], bool)
    of_found = np.full(len(o), -1, np.int64)
    of_found[found] = np.where(counts[true], taxon[true], -2)
    free = np.ones(len(wanted), bool)
    free[true] = False
    judged = of_found > -2
    return named.scores[judged], of_found[judged], taxon[free & counts]


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
