"""From the examples of a source to a learning set: labels joined, pictures made alike."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from seston.errors import InputError
from seston.learn import preprocess
from seston.learn.preprocess import Polarity
from seston.learn.sets.examples import BLANK, DROPPED, LEVEL, UNLABELLED, Example, LeftOut
from seston.learn.sets.learning_set import LearningSet
from seston.learn.sets.parts import UNTOLD
from seston.learn.sets.ragged import Ragged, RaggedDraft
from seston.taxonomy import Taxon, Taxonomy, lives

log = logging.getLogger(__name__)

#: A set of which more than this share looks turned is told of.
_FEW_TURNED: Final = 0.02


def collect(
    source: Path,
    examples: Iterable[Example],
    left_out: LeftOut,
    *,
    taxonomy: Taxonomy | None = None,
    polarity: Polarity = "auto",
    crop_bottom: int | Literal["auto"] = "auto",
    pixel_size_mm: tuple[float, float] | None = None,
) -> LearningSet:
    """Make a learning set of the examples of a source.

    Parameters
    ----------
    source : Path
        Where they come from.
    examples : iterable of Example
    left_out : LeftOut
        What the source could not read; complete when `examples` is exhausted.
    taxonomy : Taxonomy, optional
        What labels stand for; without it each is a taxon.
    polarity : {"auto", "dark", "bright"}
        Of objects, where an example does not tell it. ``auto``: the borders of the majority.
    crop_bottom : int or "auto"
        Lines cut off below each vignette. ``auto``: the footer of EcoTaxa, where there is one.
    pixel_size_mm : (height, width), mm, optional
        Of a pixel, where an example does not tell it.

    Raises
    ------
    InputError
        There are fewer than two taxa.
    ConfigError
        No label is in the table of taxa.
    """
    draft = _Draft(taxonomy or Taxonomy(), crop_bottom, left_out, pixel_size_mm)
    for example in examples:
        draft.add(example)
    draft.check_table(source)
    if left_out.reasons:
        log.warning("%s: left out: %s", source, left_out.told())
    if len(set(draft.names)) < 2:
        raise InputError(
            f"a learning set needs two taxa or more, here is {len(set(draft.names))}"
            + (f"; left out: {left_out.told()}" if left_out.reasons else ""),
            where=source,
            cure="Put the pictures of each taxon into a folder of its own, named after it; "
            "docs/learning-sets.md tells what else may be given.",
        )
    return draft.finish(source, polarity)


class _Draft:
    """Examples so far."""

    def __init__(
        self,
        taxonomy: Taxonomy,
        crop_bottom: int | Literal["auto"],
        left_out: LeftOut,
        pixel_size_mm: tuple[float, float] | None,
    ) -> None:
        self._pixel_size_mm = pixel_size_mm
        self._taxonomy, self._crop_bottom, self._left_out = taxonomy, crop_bottom, left_out
        self._vignettes = RaggedDraft()
        self._borders: list[int] = []
        self._first: dict[str, tuple[tuple[str, ...], str]] = {}
        self.names: list[str] = []
        self.labels: set[str] = set()
        self._rows: list[tuple[str, str, int, tuple[float, float] | None, bool | None]] = []

    def add(self, example: Example) -> None:
        """Add an example, or say why not."""
        name = self._taxonomy.name_of(example.label) if example.label else ""
        self.labels.add(example.label)
        if not name:
            self._left_out.reasons[DROPPED if example.label else UNLABELLED] += 1
            return
        vignette = self._cropped(example.vignette)
        if preprocess.is_blank(vignette):
            self._left_out.damaged(example.origin, BLANK)
            return
        self._vignettes.append(vignette)
        self._borders.append(preprocess.border_median(vignette))
        *folders, own = example.label.split(LEVEL)
        self._first.setdefault(name, (example.lineage or tuple(folders), own))
        self.names.append(name)
        told = (example.origin, example.group, example.part)
        self._rows.append((*told, example.pixel_size_mm or self._pixel_size_mm, example.bright))

    def check_table(self, source: Path) -> None:
        """Refuse a table of taxa that tells nothing of these labels: it would do nothing."""
        self._taxonomy.check_used(self.labels - {""}, source)

    def _cropped(self, vignette: NDArray[np.uint8]) -> NDArray[np.uint8]:
        auto = self._crop_bottom == "auto"
        lines = preprocess.footer_lines(vignette) if auto else int(self._crop_bottom)
        return vignette[: max(len(vignette) - lines, 0)]

    def finish(self, source: Path, polarity: Polarity) -> LearningSet:
        """Turn what is bright, and put all together."""
        origins, groups, parts, sizes, bright = zip(*self._rows, strict=True)
        taxa = tuple(sorted(set(self.names)))
        number = {name: i for i, name in enumerate(taxa)}
        labels = np.array([number[name] for name in self.names], np.int64)
        turned = _turned(source, np.array(self._borders), bright, polarity)
        vignettes = Ragged(*self._vignettes.arrays())
        for i in np.flatnonzero(turned):
            np.subtract(255, vignettes[i], out=vignettes[i])
        pixel_sizes = _all_or_none(sizes)
        given = np.array(parts, np.uint8) if set(parts) != {UNTOLD} else None
        digests = digests_of(vignettes)
        return LearningSet(
            name=source.name,
            taxa=taxa,
            vignettes=vignettes,
            labels=labels,
            digests=digests,
            skipped=tuple(self._left_out.origins),
            sha256=_hash(self.names, digests, pixel_sizes, given),
            pixel_sizes_mm=pixel_sizes,
            groups=groups if any(groups) else None,
            parts=given,
            origins=origins,
            taxonomy={name: self._taxon(name) for name in taxa},
            polarity="bright" if turned.mean() > 0.5 else "dark",
            left_out=dict(self._left_out.reasons),
            asked_polarity=polarity,
            crop_bottom=self._crop_bottom,
        )

    def _taxon(self, name: str) -> Taxon:
        """Give what the table of taxa tells, and what it does not tell from the source."""
        found, (above, own) = self._taxonomy.taxon(name), self._first[name]
        plankton = found.plankton if found.plankton is not None else lives((*above, own))
        return replace(found, lineage=found.lineage or above, plankton=plankton)


def _turned(
    source: Path,
    borders: NDArray[np.int64],
    told: Sequence[bool | None],
    polarity: Polarity,
) -> NDArray[np.bool_]:
    """Say which vignettes have bright objects."""
    untold = np.array([one is None for one in told])
    bright = np.array([bool(one) for one in told])
    if polarity != "auto" or not untold.any():
        return np.where(untold, polarity == "bright", bright)
    all_bright = preprocess.are_bright(borders[untold])
    other = (borders[untold] < 128) != all_bright
    if other.mean() > _FEW_TURNED:
        log.warning(
            "%s: the borders of %d of %d vignettes are %s, unlike the others: are pictures of two "
            "kinds mixed? A table can tell the `polarity` of each",
            source, np.count_nonzero(other), len(other), "light" if all_bright else "dark",
        )  # fmt: skip
    return np.where(untold, all_bright, bright)


def _all_or_none(
    sizes: Sequence[tuple[float, float] | None],
) -> NDArray[np.float64] | None:
    told = [size for size in sizes if size is not None]
    return np.array(told, np.float64) if len(told) == len(sizes) else None


def digests_of(vignettes: Sequence[NDArray[np.uint8]]) -> tuple[str, ...]:
    """Give a hash of the shape and the pixels of each vignette."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        ranges = [slice(i, i + 4096) for i in range(0, len(vignettes), 4096)]
        parts = pool.map(lambda rows: [_digest(v) for v in vignettes[rows]], ranges)
        return tuple(digest for part in parts for digest in part)


def _digest(vignette: NDArray[np.uint8]) -> str:
    found = hashlib.sha256(f"{vignette.shape}".encode())
    found.update(np.ascontiguousarray(vignette).data)
    return found.hexdigest()


def _hash(
    names: Sequence[str],
    digests: Sequence[str],
    sizes: NDArray[np.float64] | None,
    parts: NDArray[np.uint8] | None,
) -> str:
    nothing: list[None] = [None] * len(names)
    told = [
        nothing if sizes is None else sizes.tolist(),
        nothing if parts is None else parts.tolist(),
    ]
    rows = sorted(json.dumps(row) for row in zip(names, digests, *told, strict=True))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()
