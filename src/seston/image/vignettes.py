"""Measure objects that an instrument cut out itself: the same features, from its vignettes.

Vignettes are laid one below the other on a canvas, with an empty line between, so that the same
compiled kernels measure them as measure the objects of whole frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seston.config import Segmentation
from seston.features import CHEAP, FEATURES
from seston.frame import UInt8Array, Vignette
from seston.image import kernels, whoi
from seston.image.correct import Lit, turn
from seston.image.find import features_of
from seston.image.kernels import AREA, BLOCK, RUNS, WHITE
from seston.image.segment import Found, darker_than

#: Vignettes on one canvas, and pixels of one canvas, at most (a single one may be larger).
_MOST, _PIXELS = 512, 1 << 24


@dataclass(frozen=True, eq=False)
class Measured:
    """Features and corrected pixels of vignettes.

    Parameters
    ----------
    features : array (vignette, feature), float32
        In the order of the names that were asked for; NaN where the vignette has no pixel that
        belongs to an object (the WHOI features excepted, whose package looks for itself).
    pixels : array (byte), uint8
        Corrected grey levels of the whole vignettes, one after the other.
    """

    features: NDArray[np.float32]
    pixels: UInt8Array


def measure_vignettes(
    vignettes: Sequence[Vignette],
    *,
    settings: Segmentation,
    pixel_height: float,
    pixel_width: float,
    names: Sequence[str] = CHEAP,
) -> Measured:
    """Measure the object of each vignette.

    Its pixels are those of its mask where it has one; else those darker than the threshold
    (brighter, where objects are bright), of which `settings.pieces` keeps all or the largest
    8-connected piece.

    Parameters
    ----------
    vignettes : sequence of Vignette
        Each with pixels.
    settings : Segmentation
        Polarity, background (``none``, or the level of each vignette's border), threshold and
        pieces; size limits are not looked at.
    pixel_height, pixel_width : float, mm
        Size of a pixel.
    names : sequence of str
        Features to measure. Those of WHOI are measured on the vignette as it is in the file,
        dark on light, and its mask where it has one; all others on corrected levels.
    """
    features = np.full((len(vignettes), len(names)), np.nan, np.float32)
    own = [i for i, name in enumerate(names) if FEATURES[name].group != "whoi"]
    chosen = [names[i] for i in own]
    grey = [corrected_vignette(v.pixels, settings) for v in vignettes if v.pixels is not None]
    if len(grey) != len(vignettes):
        raise ValueError("a vignette has no pixels")
    for rows in _canvases(grey):
        canvas = _Canvas(grey[rows], vignettes[rows], settings)
        found, which = canvas.objects(settings)
        if len(which):
            lit = canvas.lit()
            values, *_ = features_of(lit, found, pixel_height, pixel_width, chosen)
            features[np.ix_(which + rows.start, own)] = values
    if len(own) < len(names):
        _add_whoi(features, names, vignettes, settings)
    return Measured(features, np.concatenate([g.ravel() for g in grey] or [np.empty(0, np.uint8)]))


def _add_whoi(
    features: NDArray[np.float32],
    names: Sequence[str],
    vignettes: Sequence[Vignette],
    settings: Segmentation,
) -> None:
    pictures = [turn(v.pixels, settings) for v in vignettes if v.pixels is not None]
    values = whoi.measure_whoi(pictures, [v.mask for v in vignettes])
    for i, name in enumerate(names):
        if name in whoi.NAMES:
            features[:, i] = values[:, whoi.NAMES.index(name)]


def corrected_vignette(pixels: UInt8Array, settings: Segmentation) -> UInt8Array:
    """Turn a vignette's objects dark, and bring its border's median to the level of the water.

    Parameters
    ----------
    pixels : array (y, x), uint8
        As in the file.
    settings : Segmentation
        With the background ``none`` levels are only turned, not stretched.

    Returns
    -------
    array (y, x), uint8
    """
    turned = turn(pixels, settings)
    if settings.background == "none":
        return turned
    border = np.concatenate([turned[0], turned[-1], turned[1:-1, 0], turned[1:-1, -1]])
    scale = np.float32(WHITE / max(float(np.median(border)), 1.0))
    level = np.floor(turned * scale + np.float32(0.5))
    return np.asarray(np.minimum(level, 255), np.uint8)


def _canvases(grey: Sequence[UInt8Array]) -> Iterator[slice]:
    """Cut vignettes into ranges that fit one canvas each."""
    start, lines, width = 0, 0, 0
    for i, one in enumerate(grey):
        lines, width = lines + len(one) + 1, max(width, one.shape[1])
        if i > start and (i - start >= _MOST or lines * width > _PIXELS):
            yield slice(start, i)
            start, lines, width = i, len(one) + 1, one.shape[1]
    if start < len(grey):
        yield slice(start, len(grey))


class _Canvas:
    """Vignettes one below the other, and the mask of their objects."""

    def __init__(
        self, grey: Sequence[UInt8Array], vignettes: Sequence[Vignette], settings: Segmentation
    ) -> None:
        heights = np.array([len(one) + 1 for one in grey])
        self._first = np.concatenate([[0], np.cumsum(heights)])
        shape = (int(self._first[-1]), max(one.shape[1] for one in grey))
        self._pixels = np.full(shape, 255, np.uint8)
        self._outside = np.ones(shape, np.uint8)
        limit = darker_than(settings)
        for first, one, vignette in zip(self._first, grey, vignettes, strict=False):
            place = np.s_[first : first + len(one), : one.shape[1]]
            self._pixels[place] = one
            mask = one < limit if vignette.mask is None else vignette.mask
            self._outside[place] = ~mask

    def lit(self) -> Lit:
        """Pixels that need no correction any more."""
        blocks = -(-len(self._pixels) // BLOCK)
        level = np.full((blocks, self._pixels.shape[1]), float(WHITE))
        return Lit(self._pixels, 0, np.uint8(0), np.empty((0, 0), np.uint16), level)

    def objects(self, settings: Segmentation) -> tuple[Found, NDArray[np.int64]]:
        """One object for each vignette that has any, and the number of its vignette."""
        blocks = len(self._outside) // BLOCK + 1
        inside = np.ones((blocks, self._outside.shape[1]), np.uint8)
        edges, ptr = kernels.find_runs(self._outside, 0, np.uint8(0), inside)
        line = np.repeat(np.arange(len(ptr) - 1), np.diff(ptr))
        owner = np.searchsorted(self._first, line, side="right") - 1
        given = settings.pieces == "all"
        parent = _first_of(owner) if given else kernels.join_runs(edges, ptr)
        which, table = kernels.tabulate(edges, ptr, parent)
        of = owner[np.unique(which, return_index=True)[1]]
        chosen = np.lexsort((-table[:, AREA], of))
        chosen = chosen[np.concatenate([[True], np.diff(of[chosen]) > 0])] if len(of) else chosen
        place = np.full(len(table), -1, np.int64)
        place[chosen] = np.arange(len(chosen))
        starts = np.concatenate([[0], np.cumsum(table[chosen, RUNS])])
        runs = kernels.gather_runs(edges, ptr, which, place, starts)
        return Found(table[chosen], runs, starts, 0, 0, 0), of[chosen]


def _first_of(owner: NDArray[np.int64]) -> NDArray[np.int32]:
    """Give each run the first run of its vignette."""
    _, first, back = np.unique(owner, return_index=True, return_inverse=True)
    return np.asarray(first[back], np.int32)
