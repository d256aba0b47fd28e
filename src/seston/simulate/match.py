"""Hold what was found against what is true: one-to-one matches by the overlap of masks or boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Pairs of found and true objects.

    Parameters
    ----------
    found, true : array (pair), int64
        Rows of the found and of the true objects.
    overlap : array (pair), float64
        Intersection over union of the pair.
    n_found, n_true : int
        How many there are of each.
    touched : array (found), bool
        Found objects that overlap any true one at all, matched or not.
    """

    found: IntArray
    true: IntArray
    overlap: FloatArray
    n_found: int
    n_true: int
    touched: NDArray[np.bool_]

    def true_of(self) -> IntArray:
        """Row of the true object of each found one, -1 where there is none."""
        rows = np.full(self.n_found, -1, np.int64)
        rows[self.found] = self.true
        return rows

    def found_of(self) -> IntArray:
        """Row of the found object of each true one, -1 where there is none."""
        rows = np.full(self.n_true, -1, np.int64)
        rows[self.true] = self.found
        return rows

    def recall(self, wanted: ArrayLike | None = None) -> float:
        """Share of the true objects (of those wanted, a mask) that were found."""
        hit = self.found_of() >= 0
        return float(hit[_every(wanted, self.n_true)].mean())

    def precision(self, wanted: ArrayLike | None = None) -> float:
        """Share of the found objects (of those wanted, a mask) that match a true one."""
        hit = self.true_of() >= 0
        return float(hit[_every(wanted, self.n_found)].mean())

    def spurious(self) -> float:
        """Share of the found objects that overlap nothing true."""
        return float((~self.touched).mean()) if self.n_found else 0.0

    def ratios(self, found_size: ArrayLike, true_size: ArrayLike) -> FloatArray:
        """Size of the found over that of the true, array (pair)."""
        return np.asarray(
            np.asarray(found_size, float)[self.found] / np.asarray(true_size, float)[self.true]
        )


def _every(wanted: ArrayLike | None, count: int) -> NDArray[np.bool_]:
    return np.ones(count, bool) if wanted is None else np.asarray(wanted, bool)


def box_overlaps(found: ArrayLike, true: ArrayLike) -> coo_array:
    """Intersection over union of boxes (n, 4: top, left, bottom, right; ends excluded).

    Returns
    -------
    sparse array (found, true)
        Only pairs that overlap are stored.
    """
    a, b = np.asarray(found, float).reshape(-1, 4), np.asarray(true, float).reshape(-1, 4)
    order = np.argsort(b[:, 0], kind="stable")
    longest = float((b[:, 2] - b[:, 0]).max()) if len(b) else 0.0
    begin = np.searchsorted(b[order, 0], a[:, 0] - longest)
    end = np.searchsorted(b[order, 0], a[:, 2])
    row = np.repeat(np.arange(len(a)), end - begin)
    column = np.concatenate([order[s:e] for s, e in zip(begin, end, strict=True)] or [order[:0]])
    high = np.minimum(a[row, 2:], b[column, 2:]) - np.maximum(a[row, :2], b[column, :2])
    shared = np.prod(np.maximum(high, 0), axis=1)
    whole = np.prod(a[row, 2:] - a[row, :2], axis=1) + np.prod(
        b[column, 2:] - b[column, :2], axis=1
    )
    keep = shared > 0
    values = (shared / np.maximum(whole - shared, 1e-9))[keep]
    return coo_array((values, (row[keep], column[keep])), shape=(len(a), len(b)))


def label_overlaps(found: NDArray[np.integer], true: NDArray[np.integer]) -> coo_array:
    """Intersection over union of the labels of two pictures; 0 is background.

    Returns
    -------
    sparse array (found label - 1, true label - 1)
    """
    a, b = np.asarray(found).ravel(), np.asarray(true).ravel()
    size_a, size_b = np.bincount(a), np.bincount(b)
    both = (a > 0) & (b > 0)
    pair, count = np.unique(np.column_stack([a[both], b[both]]), axis=0, return_counts=True)
    union = size_a[pair[:, 0]] + size_b[pair[:, 1]] - count
    shape = (len(size_a) - 1, len(size_b) - 1)
    return coo_array((count / union, (pair[:, 0] - 1, pair[:, 1] - 1)), shape=shape)


def assign(overlaps: coo_array, least: float = 0.2) -> Matches:
    """Pair found and true objects one to one, so that the sum of overlaps is the greatest.

    Parameters
    ----------
    overlaps : sparse array (found, true)
        Intersection over union of each pair that overlaps.
    least : float
        Pairs of a smaller overlap are no match.

    Notes
    -----
    Solved exactly (Hungarian method) in each group of objects that overlap.
    """
    n_found, n_true = overlaps.shape
    keep = overlaps.data >= least
    row, column, value = overlaps.row[keep], overlaps.col[keep], overlaps.data[keep]
    size = n_found + n_true
    graph = coo_array((np.ones(len(row)), (row, column + n_found)), shape=(size, size))
    _, group = connected_components(graph, directed=False)
    pairs = pd.DataFrame({"row": row, "column": column, "value": value, "group": group[row]})
    best = [_best(part) for _, part in pairs.groupby("group")]
    table = pd.concat(best) if best else pairs
    touched = np.zeros(n_found, bool)
    touched[overlaps.row] = True
    return Matches(
        found=table["row"].to_numpy(np.int64),
        true=table["column"].to_numpy(np.int64),
        overlap=table["value"].to_numpy(float),
        n_found=n_found,
        n_true=n_true,
        touched=touched,
    )


def _best(part: pd.DataFrame) -> pd.DataFrame:
    """Pairs of one group of overlapping objects that belong together."""
    if len(part) == 1:
        return part
    dense = part.pivot_table(index="row", columns="column", values="value", fill_value=0.0)
    rows, columns = linear_sum_assignment(dense.to_numpy(), maximize=True)
    chosen = set(zip(dense.index[rows], dense.columns[columns], strict=True))
    pairs = list(zip(part["row"], part["column"], strict=True))
    return part[[pair in chosen for pair in pairs]]


def match(found_boxes: ArrayLike, true_boxes: ArrayLike, least: float = 0.2) -> Matches:
    """Match boxes (n, 4: top, left, bottom, right) of found and of true objects.

    Lines may be those of the deployment, so that frames need no loop.
    """
    return assign(box_overlaps(found_boxes, true_boxes), least)


def true_boxes(objects: pd.DataFrame) -> FloatArray:
    """Boxes of objects.csv in lines of the tow: array (object, 4)."""
    start = objects["first_line"] - objects["top"]
    columns = [objects["top"] + start, objects["left"], objects["bottom"] + start, objects["right"]]
    return np.column_stack(columns).astype(float)
