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
HELD_OUT = 0.2


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
    pixel_size_mm : tuple of float, optional
        Height and width of a pixel.
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
    pixel_size_mm: tuple[float, float] | None
    skipped: tuple[str, ...]
    sha256: str

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
    vignettes, labels, digests, skipped = [], [], [], []
    for label, taxon in enumerate(taxa):
        for path in _pictures(folder / taxon):
            vignette = _read(path)
            if vignette is None:
                skipped.append(path.relative_to(folder).as_posix())
                continue
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
        pixel_size_mm=pixel_size,
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


def split(learning_set: LearningSet, seed: int, share: float = HELD_OUT) -> NDArray[np.bool_]:
    """Choose what is held out for the test: True there.

    Each taxon gives the same share. A draw depends on the picture and the seed only: adding
    pictures moves few others. Equal pictures are never parted, even if their taxa differ;
    a taxon with one picture only, or one with equal ones only, is all learned from.

    Parameters
    ----------
    learning_set : LearningSet
    seed : int
    share : float

    Returns
    -------
    array (n,), bool
    """
    labels = learning_set.labels
    own: dict[str, int] = {}
    for digest, label in zip(learning_set.digests, labels.tolist(), strict=True):
        own.setdefault(digest, label)
    held_out: set[str] = set()
    for label in range(len(learning_set.taxa)):
        mine = sorted((d for d, i in own.items() if i == label), key=lambda d: _draw(d, seed))
        held_out.update(mine[: min(max(1, round(share * len(mine))), len(mine) - 1)])
    chosen = np.array([digest in held_out for digest in learning_set.digests])
    _check_all_learned(learning_set, chosen)
    return chosen


def _draw(digest: str, seed: int) -> str:
    return hashlib.sha256(f"{seed} {digest}".encode()).hexdigest()


def _check_all_learned(learning_set: LearningSet, held_out: NDArray[np.bool_]) -> None:
    learned = set(learning_set.labels[~held_out].tolist())
    lost = [taxon for i, taxon in enumerate(learning_set.taxa) if i not in learned]
    if lost:
        raise InputError(
            f"all pictures of {lost[0]} stand in other taxa too",
            where=learning_set.name,
            cure="Give each picture one taxon.",
        )
