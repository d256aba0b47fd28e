"""Some objects of very many: vignettes to look at, and the size spectrum of all, in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from seston.ecology import normalised_biovolume_spectrum
from seston.frame import UInt8Array
from seston.store import open_group, read_column, read_feature, read_vignettes

#: Vignettes are chosen among the objects of so many stretches of so many rows.
_STRETCHES, _ROWS = 64, 1024
_PER_MOSAIC = 40
_SIZES_AT_ONCE = 1 << 20
_SEED = 20130725


@dataclass(frozen=True, slots=True)
class Sample:
    """Vignettes of one taxon, and how they were chosen."""

    taxon: str
    how: str
    vignettes: list[UInt8Array]
    pixel_height: NDArray[np.float64]
    pixel_width: NDArray[np.float64]


def draw(objects: Path, taxa: list[str], labels: list[str]) -> Iterator[Sample]:
    """Draw vignettes of each taxon: those that the model is surest of, and any.

    Parameters
    ----------
    objects : Path
        The objects dataset.
    taxa : list of str
        Of which to draw.
    labels : list of str
        Taxa in the order of the scores; where there are no scores, the only one is of all.
    """
    group = open_group(objects)
    rows = _candidates(group["object_id"].shape[0])  # type: ignore[union-attr]
    if not len(rows):
        return
    rng = np.random.default_rng(_SEED)
    predicted = _of_rows(group, "predicted_taxon", rows)
    scored = "scores" in group
    for taxon in taxa:
        own = rows[predicted == labels.index(taxon)] if scored else rows
        if not len(own):
            continue
        if scored:
            score = _of_rows(group, "scores", own)[:, labels.index(taxon)]
            best = own[np.argsort(-score, kind="stable")[:_PER_MOSAIC]]
            yield _sample(group, taxon, "highest scores", best)
        some = rng.choice(own, min(_PER_MOSAIC, len(own)), replace=False)
        yield _sample(group, taxon, "at random", some)


def _candidates(count: int) -> NDArray[np.int64]:
    """Rows to choose from: all of few, stretches at random of many."""
    if count <= _STRETCHES * _ROWS:
        return np.arange(count)
    rng = np.random.default_rng(_SEED)
    starts = np.sort(rng.choice(count // _ROWS, _STRETCHES, replace=False)) * _ROWS
    rows: NDArray[np.int64] = (starts[:, None] + np.arange(_ROWS)).ravel()
    return rows


def _of_rows(group: zarr.Group, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
    """Read a column at rows, stretch by stretch."""
    breaks = np.flatnonzero(np.diff(rows // _ROWS)) + 1
    parts = []
    for part in np.split(rows, breaks):
        first = int(part.min())
        values = read_column(group, name, slice(first, int(part.max()) + 1))
        parts.append(values[part - first])
    return np.concatenate(parts)


def _sample(group: zarr.Group, taxon: str, how: str, rows: NDArray[np.int64]) -> Sample:
    frame = np.array([read_column(group, "frame", slice(r, r + 1))[0] for r in rows.tolist()])
    return Sample(
        taxon=taxon,
        how=how,
        vignettes=read_vignettes(group, rows.tolist()),
        pixel_height=read_column(group, "frame_pixel_height")[frame],
        pixel_width=read_column(group, "frame_pixel_width")[frame],
    )


def spectrum(objects: Path, volume: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the normalised biovolume size spectrum of all objects, in pieces.

    Returns
    -------
    edges : array (class + 1), mm3
        Powers of two.
    values : array (class), mm3 mm-3 m-3
        The classes are the same in every piece, so the spectra of pieces add.
    """
    group = open_group(objects)
    total: dict[int, float] = {}
    count = int(group["object_id"].shape[0])  # type: ignore[union-attr]
    for start in range(0, count, _SIZES_AT_ONCE):
        rows = slice(start, min(count, start + _SIZES_AT_ONCE))
        sizes = read_feature(group, "equivalent_diameter_area", rows)
        piece = normalised_biovolume_spectrum(sizes.astype(np.float64), volume)
        exponents = np.floor(np.log2(piece["volume_mid"].to_numpy())).astype(int)
        for exponent, value in zip(exponents.tolist(), piece["nbss"].to_numpy(), strict=True):
            total[exponent] = total.get(exponent, 0.0) + float(value)
    if not total:
        return np.empty(0), np.empty(0)
    classes = range(min(total), max(total) + 1)
    edges = np.exp2(np.arange(classes.start, classes.stop + 1, dtype=np.float64))
    return edges, np.array([total.get(exponent, 0.0) for exponent in classes])
