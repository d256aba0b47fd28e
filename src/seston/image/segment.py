"""Where objects are: two passes over lit lines, joined into components of runs.

1. Fine: pixels below `threshold`. A component of them, 8-connected, is an object where one of its
   pixels is below `seed_threshold`.
2. Faint: cells of 8 x 8 pixels whose mean is below `faint_threshold`, 8-connected. A component of
   cells is a large faint object where its equivalent diameter is at least `faint_min_esd_mm`, it
   is not longer than `max_length_mm`, and less than half of its pixels are in the fine mask. (A
   half is above the percolation threshold of 8-neighbourhoods, 0.41: then the fine pixels hang
   together, and their outline is the better one.)

The mask is the union of both: fine pixels that touch a large faint object belong to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, pi

import numpy as np
from numpy.typing import NDArray

from seston.config import Segmentation
from seston.image import coarse, kernels
from seston.image.correct import Lit
from seston.image.kernels import AREA, BOTTOM, CELL, TOP, WHITE

#: Side of a tile that a network looks at, and of the margin around it, pixels: see `regions`.
TILE, MARGIN = 2048, 256
#: Share of a faint component's pixels in the fine mask from which the fine mask is enough.
ENOUGH_FINE = 0.5


@dataclass(frozen=True, eq=False)
class Runs:
    """Runs of foreground pixels, line by line: see `seston.image.kernels`.

    Parameters
    ----------
    edges : array (2 * run), int32
        First column of each run and column after its last.
    ptr : array (line + 1), int64
        First run of each line.
    faint : array (run), bool, or None
        Runs that hold pixels of a large faint object; None if there are none.
    """

    edges: NDArray[np.int32]
    ptr: NDArray[np.int64]
    faint: NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False)
class Found:
    """Objects inside the size limits, and what was left out.

    Parameters
    ----------
    table : array (object, 7), int64
        See `seston.image.kernels.tabulate`; rows from the first of the lines.
    runs : array (run, 3), int32
        Row, first column and column after the last, object by object.
    starts : array (object + 1), int64
        First run of each object.
    too_small, too_large, too_long : int
        Things that were left out.
    """

    table: NDArray[np.int64]
    runs: NDArray[np.int32]
    starts: NDArray[np.int64]
    too_small: int
    too_large: int
    too_long: int

    def part(self, first: int, last: int) -> Found:
        """Give some of the objects; the runs stay as they are."""
        return replace(self, table=self.table[first:last], starts=self.starts[first : last + 1])


def darker_than(settings: Segmentation, *, seed: bool = False) -> int:
    """Give the corrected level below which a pixel can belong to an object, or be its seed.

    `threshold_level` stands in place of both shares; bright objects have been turned dark.
    """
    if settings.threshold_level is None:
        return ceil((settings.seed_threshold if seed else settings.threshold) * WHITE)
    bright = settings.polarity == "bright"
    return 255 - settings.threshold_level if bright else settings.threshold_level


def longest(settings: Segmentation, pixel_height: float) -> int:
    """Lines of the longest thing that is an object."""
    return int(settings.max_length_mm / pixel_height * (1 + 1e-12))


def mask_runs(lit: Lit, settings: Segmentation, pixel_height: float, pixel_width: float) -> Runs:
    """Give the runs of the whole mask: fine pixels and large faint objects."""
    limit = lit.limits(darker_than(settings))
    fine = Runs(*kernels.find_runs(lit.pixels, lit.first_line, lit.flip, limit))
    if settings.faint_threshold is None:
        return fine
    cells = _cell_runs(lit, settings.faint_threshold)
    parent = kernels.join_runs(cells.edges, cells.ptr)
    which, table = kernels.tabulate(cells.edges, cells.ptr, parent)
    diameter = 2 * CELL * np.sqrt(table[:, AREA] * pixel_height * pixel_width / pi)
    length = CELL * (table[:, BOTTOM] - table[:, TOP])
    large = diameter >= settings.faint_min_esd_mm
    large &= length <= longest(settings, pixel_height)
    if not large.any():
        return fine
    offset = lit.first_line % CELL
    inside = coarse.count_fine(fine.edges, fine.ptr, cells.edges, cells.ptr, which, large, offset)
    faint = large & (inside < ENOUGH_FINE * CELL**2 * table[:, AREA])
    if not faint.any():
        return fine
    width = lit.pixels.shape[1]
    return Runs(
        *coarse.merge_runs(
            fine.edges, fine.ptr, cells.edges, cells.ptr, faint[which], offset, width
        )
    )


def _cell_runs(lit: Lit, share: float) -> Runs:
    faint = lit.faint_cells(share)
    limit = np.ones((len(faint) // kernels.BLOCK + 1, faint.shape[1]), np.uint8)
    return Runs(*kernels.find_runs(faint, 0, np.uint8(0), limit))


def select(
    lit: Lit,
    runs: Runs,
    owned: slice,
    settings: Segmentation,
    pixel_height: float,
    pixel_width: float,
) -> Found:
    """Objects that begin in the owned rows and are inside the size limits."""
    parent = kernels.join_runs(runs.edges, runs.ptr)
    which, table = kernels.tabulate(runs.edges, runs.ptr, parent)
    ours = (table[:, TOP] >= owned.start) & (table[:, TOP] < owned.stop)
    seeded = ~ours  # those of others need no look
    if runs.faint is not None:
        seeded[which[runs.faint]] = True
    limit = lit.limits(darker_than(settings, seed=True))
    kernels.mark_seeded(
        lit.pixels, lit.first_line, lit.flip, limit, runs.edges, runs.ptr, which, seeded
    )
    place, starts, left_out = kernels.choose(
        table,
        ours & seeded,
        longest(settings, pixel_height),
        pixel_height * pixel_width,
        settings.min_esd_mm,
        settings.max_esd_mm,
    )
    gathered = kernels.gather_runs(runs.edges, runs.ptr, which, place, starts)
    small, large, long = (int(count) for count in left_out)
    return Found(table[place >= 0], gathered, starts, small, large, long)
