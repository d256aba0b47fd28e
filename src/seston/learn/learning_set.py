"""Learning sets: a folder for each taxon, with its pictures."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from seston.errors import InputError

log = logging.getLogger(__name__)

PICTURES = frozenset({".png", ".jpg", ".jpeg"})
FACTS = "learning_set.json"


@dataclass(frozen=True, slots=True)
class LearningSet:
    """Sorted vignettes.

    Parameters
    ----------
    name : str
        Name of the folder.
    taxa : tuple of str
        Names of its folders, in alphabetical order.
    vignettes : tuple of array (y, x), uint8
        Dark objects on a light background.
    labels : array (n,), int64
        Taxon of each vignette, counted from 0.
    digests : tuple of str
        Hash of the pixels of each vignette: equal pictures, equal digests.
    pixel_sizes_mm : array (n, 2), float64, optional
        Height and width of a pixel of each vignette.
    groups : tuple of str, optional
        Sample or frame of each vignette: those of one group look alike and are not parted.
    parts : array (n,), uint8, optional
        A split that the source gives: see `seston.learn.splits`.
    origins : tuple of str
        File or object that each vignette comes from, as a person finds it.
    measured : array (n, n_measured), float32, optional
        Measured features of each object, in physical units.
    measured_names : tuple of str
        Names of those features.
    skipped : tuple of str
        Files that are no pictures or cannot be read.
    sha256 : str
        Hash of all pictures, their taxa and their pixel size; names of files have no part in it.
    """

    name: str
    taxa: tuple[str, ...]
    vignettes: tuple[NDArray[np.uint8], ...]
    labels: NDArray[np.int64]
    digests: tuple[str, ...]
    skipped: tuple[str, ...]
    sha256: str
    pixel_sizes_mm: NDArray[np.float64] | None = None
    groups: tuple[str, ...] | None = None
    parts: NDArray[np.uint8] | None = None
    origins: tuple[str, ...] = ()
    measured: NDArray[np.float32] | None = None
    measured_names: tuple[str, ...] = ()

    @property
    def contradictions(self) -> list[str]:
        """Digests of pictures that stand in more than one taxon."""
        taxa: dict[str, set[int]] = {}
        for digest, label in zip(self.digests, self.labels.tolist(), strict=True):
            taxa.setdefault(digest, set()).add(label)
        return sorted(digest for digest, found in taxa.items() if len(found) > 1)


def read_learning_set(folder: Path) -> LearningSet:
    """Read all pictures of a learning set.

    The folder may hold ``learning_set.json`` with ``pixel_height_mm`` and ``pixel_width_mm``,
    and with ``polarity``: "bright" where objects are brighter than the background.

    Raises
    ------
    InputError
        The folder is missing, has fewer than two taxa, a taxon has no readable picture, or
        learning_set.json is wrong.
    """
    taxa = _taxa(folder)
    pixel_size, bright = _facts(folder / FACTS)
    vignettes, labels, digests, skipped, origins = [], [], [], [], []
    for label, taxon in enumerate(taxa):
        for path in _pictures(folder / taxon):
            vignette = _read(path)
            name = path.relative_to(folder).as_posix()
            if vignette is None:
                skipped.append(name)
                continue
            origins.append(name)
            vignettes.append(255 - vignette if bright else vignette)
            labels.append(label)
            digests.append(_digest(vignettes[-1]))
    if skipped:
        log.warning("%s: %d files cannot be read, such as %s", folder, len(skipped), skipped[0])
    _check_every_taxon(folder, taxa, labels)
    return LearningSet(
        name=folder.name,
        taxa=taxa,
        vignettes=tuple(vignettes),
        labels=np.array(labels, np.int64),
        digests=tuple(digests),
        pixel_sizes_mm=None if pixel_size is None else np.tile(pixel_size, (len(labels), 1)),
        origins=tuple(origins),
        skipped=tuple(skipped),
        sha256=_hash(taxa, labels, digests, pixel_size),
    )


def _taxa(folder: Path) -> tuple[str, ...]:
    try:
        found = [p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")]
    except OSError as error:
        raise InputError(
            f"the learning set cannot be read: {error.strerror}",
            where=folder,
            cure="Set `classification.learning_set` to a folder with one folder a taxon.",
        ) from None
    if len(found) < 2:
        raise InputError(
            f"a learning set needs two taxa or more, here is {len(found)}",
            where=folder,
            cure="Put the pictures of each taxon into a folder of its own, named after it.",
        )
    return tuple(sorted(found))


def _facts(path: Path) -> tuple[tuple[float, float] | None, bool]:
    if not path.exists():
        return None, False
    try:
        facts: Any = json.loads(path.read_text("utf-8"))
        polarity = facts.get("polarity", "dark")
        sizes = [facts.get(f"pixel_{side}_mm") for side in ("height", "width")]
        told = [float(size) for size in sizes if size is not None]
    except (ValueError, TypeError, AttributeError, OSError):
        raise InputError(
            "is not a JSON object of pixel sizes", where=path, cure="Mend or remove it."
        ) from None
    if polarity not in {"dark", "bright"} or len(told) == 1 or not all(_positive(s) for s in told):
        raise InputError(
            "needs both pixel_height_mm and pixel_width_mm, positive, or neither, and a polarity "
            "of dark or bright, or none",
            where=path,
            cure="Mend or remove it.",
        )
    return (told[0], told[1]) if told else None, polarity == "bright"


def _positive(size: float) -> bool:
    return bool(np.isfinite(size)) and size > 0


def _pictures(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in PICTURES and not path.name.startswith("."):
            yield path


def _read(path: Path) -> NDArray[np.uint8] | None:
    try:
        content = np.frombuffer(path.read_bytes(), np.uint8)
        grey = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE)
    except (OSError, cv2.error):
        return None
    return None if grey is None else np.asarray(grey, np.uint8)


def _digest(vignette: NDArray[np.uint8]) -> str:
    return hashlib.sha256(f"{vignette.shape}".encode() + vignette.tobytes()).hexdigest()


def _check_every_taxon(folder: Path, taxa: tuple[str, ...], labels: list[int]) -> None:
    empty = [taxon for i, taxon in enumerate(taxa) if i not in set(labels)]
    if empty:
        raise InputError(
            f"no readable PNG or JPEG in {', '.join(empty)}",
            where=folder,
            cure="Add pictures to the folder of this taxon, or remove it.",
        )


def _hash(
    taxa: tuple[str, ...],
    labels: list[int],
    digests: list[str],
    pixel_size: tuple[float, float] | None,
) -> str:
    rows = sorted((taxa[i], digest) for i, digest in zip(labels, digests, strict=True))
    return hashlib.sha256(json.dumps([rows, pixel_size]).encode()).hexdigest()
