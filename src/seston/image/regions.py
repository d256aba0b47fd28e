"""Objects that a network finds and names at once: from its cells to masks, features and scores.

The network looks at tiles of corrected lines, each with a margin around it, and gives shares of
taxa for cells of 4 x 4 pixels. Tiles lie on a grid of the deployment's lines, so that a scan gives
the same objects however it is split. Cells where something wanted is likelier than not make
regions, 8-connected across the edges of tiles: one region, one object. Its pixels are those below
`threshold` in the region and the cells next to it, and what hangs together with them for the most
part; where there is none, or few in a large faint body, the region itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from seston.config import Segmentation
from seston.features import CHEAP
from seston.frame import UInt8Array
from seston.image.correct import Lit
from seston.image.find import light_of, measured
from seston.image.kernels import AREA, BOTTOM, COLUMN, LEFT, RIGHT, RUNS, TOP
from seston.image.objects import Objects
from seston.image.segment import ENOUGH_FINE, MARGIN, TILE, Found, darker_than, longest
from seston.image.tally import corrected_box

Float32Array = NDArray[np.float32]
#: Shares of taxa, array (taxon, y / CELL, x / CELL), of grey levels (y, x), in even light.
Look = Callable[[UInt8Array], Float32Array]

#: Side of a cell, pixels.
CELL = 4
#: Sides of what the network looks at are multiples of this, and so are TILE and MARGIN, pixels.
STRIDE = 64
#: A cell belongs to a region where the taxa that are wanted have at least this share.
LIKELY = 0.5
#: Cells around a region in which pixels that hang together with it are looked for.
AROUND = 8


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Cells in which something that is wanted is likely to lie.

    Parameters
    ----------
    labels : array (cell row, cell), int32
        Region of each cell, counted from 1 by first cell; 0 elsewhere.
    offset : int
        Lines of row 0 of the cells that lie before the first of the lines.
    boxes : array (region, 4), int64
        First row and cell, row and cell after the last.
    shares : array (region, taxon), float32
        Mean over the cells of each region.
    """

    labels: NDArray[np.int32]
    offset: int
    boxes: NDArray[np.int64]
    shares: Float32Array


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """Objects, and what the network says they are.

    Parameters
    ----------
    objects : Objects
    scores : array (object, taxon), float32
        What a row lacks to 1 is the share of what is not wanted.
    doubtful : int
        Regions that begin in the owned lines and whose shares add up to less than wanted.
    """

    objects: Objects
    scores: Float32Array
    doubtful: int


def find_regions(
    lines: UInt8Array,
    *,
    look: Look,
    least_score: float,
    owned: slice,
    settings: Segmentation,
    pixel_height: float,
    pixel_width: float,
    background: UInt8Array | None = None,
    names: Sequence[str] = CHEAP,
    first_line: int = 0,
) -> Named:
    """Find, name and measure the objects whose first pixel lies in the owned lines.

    Parameters
    ----------
    look : callable
        The network.
    least_score : float
        Regions whose shares of all taxa add up to less are left out.
    lines, owned, settings, pixel_height, pixel_width, background, names, first_line
        As in `seston.image.find_objects`.
    """
    lit = light_of(lines, background, settings, first_line, owned)
    evidence = gather_evidence(lit, look)
    found, which, doubtful = _select(lit, evidence, owned, settings, pixel_height, pixel_width,
                                     least_score)  # fmt: skip
    objects = measured(lit, found, pixel_height, pixel_width, names, first_line)
    return Named(objects, evidence.shares[which], doubtful)


def gather_evidence(lit: Lit, look: Look) -> Evidence:
    """Let the network look at all tiles, and join its cells to regions."""
    height, width = lit.pixels.shape
    offset = lit.first_line % CELL
    shape = (-(-(offset + height) // CELL), -(-width // CELL))
    likely = np.zeros(shape, np.uint8)
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64], Float32Array]] = []
    for top, left, shares in _tiles(lit, look):
        rows, columns = np.nonzero(shares.sum(axis=0) >= LIKELY)
        likely[top + rows, left + columns] = 1
        parts.append((top + rows, left + columns, shares[:, rows, columns].T))
    joined = cv2.connectedComponentsWithStats(likely, connectivity=8)
    labels, table = np.asarray(joined[1], np.int32), np.asarray(joined[2], np.int64)
    rows, columns = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    shares = np.concatenate([part[2] for part in parts])
    owner = (labels[rows, columns] - 1).astype(np.int64)
    total = np.zeros((len(table) - 1, shares.shape[1]))
    np.add.at(total, owner, shares)
    return _in_order(labels, offset, table[1:], (total / table[1:, 4:]).astype(np.float32))


def _in_order(
    labels: NDArray[np.int32], offset: int, table: NDArray[np.int64], shares: Float32Array
) -> Evidence:
    left, top, wide, high = table[:, :4].T
    return Evidence(labels, offset, np.column_stack([top, left, top + high, left + wide]), shares)


def _tiles(lit: Lit, look: Look) -> Iterator[tuple[int, int, Float32Array]]:
    """Yield first row and cell, and the shares of the cells, of each tile."""
    height, width = lit.pixels.shape
    offset = lit.first_line % CELL
    begin = -(lit.first_line % TILE)
    for top in range(begin, height, TILE):
        rows = (max(top, -offset), min(top + TILE, height))
        for left in range(0, width, TILE):
            columns = (left, min(left + TILE, width))
            shares = _look_around(lit, look, rows, columns)
            yield (rows[0] + offset) // CELL, left // CELL, shares


def _look_around(
    lit: Lit, look: Look, rows: tuple[int, int], columns: tuple[int, int]
) -> Float32Array:
    """Look at a tile and its margin; background stands for what lies outside."""
    height, width = lit.pixels.shape
    top, bottom = _aligned(rows, lit.first_line, height)
    left, right = _aligned(columns, 0, width)
    grey = np.full((bottom - top, right - left), 240, np.uint8)
    inside = max(top, 0), min(bottom, height), left, min(right, width)
    grey[inside[0] - top : inside[1] - top, : inside[3] - left] = corrected_box(lit, *inside)
    shares = look(grey)
    first, last = (rows[0] - top) // CELL, -((top - rows[1]) // CELL)
    before, after = (columns[0] - left) // CELL, -((left - columns[1]) // CELL)
    return shares[:, first:last, before:after]


def _aligned(span: tuple[int, int], first: int, stop: int) -> tuple[int, int]:
    """Widen a span by the margin, as far as there are pixels, to multiples of STRIDE."""
    begin, end = max(span[0] - MARGIN, 0) + first, min(span[1] + MARGIN, stop) + first
    return begin // STRIDE * STRIDE - first, -(-end // STRIDE) * STRIDE - first


def _select(
    lit: Lit,
    evidence: Evidence,
    owned: slice,
    settings: Segmentation,
    pixel_height: float,
    pixel_width: float,
    least_score: float,
) -> tuple[Found, NDArray[np.int64], int]:
    """Objects that begin in the owned rows and are inside the limits, and their regions."""
    limit = darker_than(settings)
    large = np.pi / 4 * settings.faint_min_esd_mm**2 / (pixel_height * pixel_width)
    sure = evidence.shares.sum(axis=1) >= least_score
    kept: list[tuple[NDArray[np.int64], NDArray[np.int32], int]] = []
    left_out = np.zeros(4, np.int64)
    for region in _near(evidence, owned):
        runs = _mask_runs(lit, evidence, region, limit, large)
        row = _row(runs)
        if not owned.start <= row[TOP] < owned.stop:
            continue
        why = _unfit(row, settings, pixel_height, pixel_width) if sure[region] else 3
        if why is None:
            kept.append((row, runs, region))
        else:
            left_out[why] += 1
    kept.sort(key=lambda one: (one[0][TOP], one[0][COLUMN]))
    small, large, long, doubtful = (int(count) for count in left_out)
    table = np.array([row for row, _, _ in kept], np.int64).reshape(-1, 7)
    runs = np.concatenate([np.empty((0, 3), np.int32), *(r for _, r, _ in kept)])
    starts = np.cumsum([0, *(len(r) for _, r, _ in kept)]).astype(np.int64)
    which = np.array([region for _, _, region in kept], np.int64)
    return Found(table, runs, starts, small, large, long), which, doubtful


def _near(evidence: Evidence, owned: slice) -> NDArray[np.int64]:
    """Regions whose object may begin in the owned rows."""
    top, bottom = (CELL * evidence.boxes[:, k] - evidence.offset for k in (0, 2))
    room = CELL * AROUND
    return np.flatnonzero((top - room < owned.stop) & (bottom + room > owned.start))


def _unfit(
    row: NDArray[np.int64], settings: Segmentation, pixel_height: float, pixel_width: float
) -> int | None:
    """Say which limit an object breaks: 0 too small, 1 too large, 2 too long."""
    diameter = 2 * np.sqrt(row[AREA] * pixel_height * pixel_width / np.pi)
    if row[BOTTOM] - row[TOP] > longest(settings, pixel_height):
        return 2
    if diameter < settings.min_esd_mm:
        return 0
    return 1 if diameter > settings.max_esd_mm else None


def _mask_runs(
    lit: Lit, evidence: Evidence, region: int, limit: int, large: float
) -> NDArray[np.int32]:
    """Give the runs (line, first column, column after the last) of a region's object."""
    rows, columns = evidence.labels.shape
    top, left, bottom, right = evidence.boxes[region]
    high, low = max(0, top - AROUND), min(rows, bottom + AROUND)
    near, far = max(0, left - AROUND), min(columns, right + AROUND)
    cells = evidence.labels[high:low, near:far]
    begin = CELL * high - evidence.offset
    first, last = max(0, begin), min(CELL * low - evidence.offset, len(lit.pixels))
    start, stop = CELL * near, min(CELL * far, lit.pixels.shape[1])
    grey = corrected_box(lit, first, last, start, stop)
    part = np.s_[first - begin : last - begin, : stop - start]
    own, close, other = (_pixels(c)[part] for c in _zones(cells, region + 1))
    mask = _mask(grey < limit, own, close, other, large)
    return _runs_of(mask, first, start)


def _zones(cells: NDArray[np.int32], number: int) -> tuple[UInt8Array, UInt8Array, UInt8Array]:
    """Cells of a region; these and the ones next to them; those of others and next to others.

    A free cell between two regions belongs to the later one: no pixel is given twice.
    """
    around = np.ones((3, 3), np.uint8)
    largest = cv2.dilate(cells.astype(np.float32), around)
    own = cells == number
    close = own | ((cells == 0) & (largest == number))
    other = cv2.dilate(((cells > 0) & ~own).astype(np.uint8), around)
    return own.astype(np.uint8), close.astype(np.uint8), other & ~own


def _pixels(cells: UInt8Array) -> NDArray[np.bool_]:
    return np.asarray(cells.repeat(CELL, axis=0).repeat(CELL, axis=1), bool)


def _mask(
    fine: NDArray[np.bool_],
    own: NDArray[np.bool_],
    close: NDArray[np.bool_],
    other: NDArray[np.bool_],
    large: float,
) -> NDArray[np.bool_]:
    """Pixels of an object: dark ones in or beside its region, or the region itself.

    The latter where nothing is dark, or little in a region of so many pixels as are large.
    """
    _, pieces = cv2.connectedComponents(fine.astype(np.uint8), connectivity=8)
    total = np.bincount(pieces.ravel())
    inside = np.bincount(pieces[close], minlength=len(total))
    shared = np.bincount(pieces[other], minlength=len(total)) > 0
    whole = (2 * inside >= total) & ~shared
    whole[0] = False
    mask = (fine & close) | whole[pieces]
    area, region = mask.sum(), own.sum()
    few = area == 0 or (region >= large and area < ENOUGH_FINE * region)
    return np.asarray(mask | own if few else mask)


def _runs_of(mask: NDArray[np.bool_], top: int, left: int) -> NDArray[np.int32]:
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    line, start = np.nonzero(edges == 1)
    stop = np.nonzero(edges == -1)[1]
    return np.column_stack([line + top, start + left, stop + left]).astype(np.int32)


def _row(runs: NDArray[np.int32]) -> NDArray[np.int64]:
    """Row of an object in a table like that of `seston.image.kernels.tabulate`."""
    row = np.empty(7, np.int64)
    row[TOP], row[COLUMN] = runs[0, :2]
    row[BOTTOM], row[LEFT], row[RIGHT] = runs[-1, 0] + 1, runs[:, 1].min(), runs[:, 2].max()
    row[AREA], row[RUNS] = (runs[:, 2] - runs[:, 1]).sum(), len(runs)
    return row
