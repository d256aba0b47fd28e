"""Learning sets: vignettes with their taxa, and all that their sources tell of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seston.errors import InputError
from seston.learn.card_parts import is_plain
from seston.taxonomy import Taxon


@dataclass(frozen=True, slots=True)
class LearningSet:
    """Sorted vignettes.

    Parameters
    ----------
    name : str
        Name of the folder or file.
    taxa : tuple of str
        Names of its taxa, in alphabetical order.
    vignettes : sequence of array (y, x), uint8
        Dark objects on a light background.
    labels : array (n,), int64
        Taxon of each vignette, counted from 0.
    digests : tuple of str
        Hash of the pixels of each vignette: equal pictures, equal digests.
    skipped : tuple of str
        Files that should have been pictures and are not there, cannot be read, or show nothing.
    sha256 : str
        Hash of all pictures, their taxa, pixel sizes and given parts; names of files have no
        part in it.
    pixel_sizes_mm : array (n, 2), float64, optional
        Height and width of a pixel of each vignette; None unless all are known.
    groups : tuple of str, optional
        Sample or frame of each vignette: those of one group look alike and are not parted. Empty
        where none is told.
    parts : array (n,), uint8, optional
        A split that the source gives: see `seston.learn.sets.parts`.
    origins : tuple of str
        File or object that each vignette comes from, as a person finds it.
    taxonomy : mapping of Taxon
        What is known of each of `taxa`, by its name.
    polarity : str
        ``dark`` or ``bright``: of objects as they are in the files. (Here all are dark.)
    left_out : mapping of int
        How many things of the source are not in the set, by the reason.
    asked_polarity : {"auto", "dark", "bright"}
    crop_bottom : int or "auto"
        As the pictures were asked to be seen: others of the kind are to be seen so too.
    """

    name: str
    taxa: tuple[str, ...]
    vignettes: Sequence[NDArray[np.uint8]]
    labels: NDArray[np.int64]
    digests: tuple[str, ...]
    skipped: tuple[str, ...]
    sha256: str
    pixel_sizes_mm: NDArray[np.float64] | None = None
    groups: tuple[str, ...] | None = None
    parts: NDArray[np.uint8] | None = None
    origins: tuple[str, ...] = ()
    taxonomy: Mapping[str, Taxon] = field(default_factory=dict)
    polarity: Literal["dark", "bright"] = "dark"
    left_out: Mapping[str, int] = field(default_factory=dict)
    asked_polarity: Literal["auto", "dark", "bright"] = "auto"
    crop_bottom: int | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        """Refuse taxa that no card of a model may have, before anything is learned."""
        for taxon in self.taxa:
            if not is_plain(taxon):
                raise InputError(
                    f"the label {taxon!r} is empty or holds control characters",
                    where=self.name,
                    cure="Rename it; in a table, put each label on one line.",
                )

    @property
    def contradictions(self) -> list[str]:
        """Digests of pictures that stand in more than one taxon."""
        taxa: dict[str, set[int]] = {}
        for digest, label in zip(self.digests, self.labels.tolist(), strict=True):
            taxa.setdefault(digest, set()).add(label)
        return sorted(digest for digest, found in taxa.items() if len(found) > 1)

    def rows(self, chosen: Sequence[int]) -> LearningSet:
        """Give some of the vignettes; all taxa stay."""
        where = np.asarray(chosen, np.int64)

        def some(values: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(values[i] for i in chosen) if values else ()

        def part(values: NDArray[Any] | None) -> NDArray[Any] | None:
            return None if values is None else values[where]

        return replace(
            self,
            vignettes=[self.vignettes[i] for i in chosen],
            labels=self.labels[where],
            digests=some(self.digests),
            sha256=hashlib.sha256(f"{self.sha256} {list(chosen)}".encode()).hexdigest(),
            pixel_sizes_mm=part(self.pixel_sizes_mm),
            groups=None if self.groups is None else some(self.groups),
            parts=part(self.parts),
            origins=some(self.origins),
        )
