"""Learning sets in folders: one for each class, named after it, maybe in folders of folders."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seston.errors import InputError
from seston.learn.sets.decode import PICTURES, is_deep, read_pictures
from seston.learn.sets.examples import LEVEL, TOO_DEEP, UNREADABLE, Example, LeftOut
from seston.learn.sets.parts import PARTS, UNTOLD

FACTS = "learning_set.json"
#: Folders in folders are followed no deeper.
_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class ClassFolder:
    """A folder of pictures of one label.

    Parameters
    ----------
    path : Path
    below : str
        Its path below the learning set.
    label : str
        That path without the folder of its part.
    part : int
        See `seston.learn.sets.parts`.
    """

    path: Path
    below: str
    label: str
    part: int


def class_folders(folder: Path) -> list[ClassFolder]:
    """Find the folders of classes: those that hold pictures, or no other folder.

    Where all folders of the first level are named after parts (``train``, ``valid`` or ``val``,
    ``test``), their classes are one level deeper.

    Raises
    ------
    InputError
        The folder cannot be read.
    """
    top = _inner(folder)
    split = bool(top) and all(path.name.lower() in PARTS for path in top)
    found = []
    for first in top:
        part = PARTS[first.name.lower()] if split else UNTOLD
        base = first if split else folder
        below = _inner(first) if split else [first]
        for path in (p for start in below for p in _leaves(start, 0)):
            label = path.relative_to(base).as_posix().replace("/", LEVEL)
            found.append(ClassFolder(path, path.relative_to(folder).as_posix(), label, part))
    return found


def _leaves(folder: Path, depth: int) -> Iterator[Path]:
    inner = _inner(folder) if depth < _DEEPEST else []
    if not inner or any(True for _ in _pictures(folder)):
        yield folder
    for path in inner:
        yield from _leaves(path, depth + 1)


def _inner(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [e.name for e in entries if e.is_dir(follow_symlinks=True)]
    except OSError as error:
        raise InputError(
            f"the learning set cannot be read: {error.strerror}",
            where=folder,
            cure="Give a folder with one folder a taxon, or what else docs/learning-sets.md tells.",
        ) from None
    return [folder / name for name in sorted(names) if not name.startswith(".")]


def _pictures(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
    for name in names:
        if os.path.splitext(name)[1].lower() in PICTURES:  # noqa: PTH122 - ten times a Path's
            yield folder / name


def read_folder(folder: Path, left_out: LeftOut) -> Iterator[Example]:
    """Give the vignettes of folders of classes.

    ``learning_set.json`` in the folder may tell ``pixel_height_mm`` and ``pixel_width_mm``, and
    ``polarity``: "dark" or "bright" objects.

    Raises
    ------
    InputError
        The folder has fewer than two classes, one has no readable picture, or
        learning_set.json is wrong.
    """
    classes = class_folders(folder)
    if len({one.label for one in classes}) < 2:
        raise InputError(
            f"a learning set needs two taxa or more, here is {len(classes)}",
            where=folder,
            cure="Put the pictures of each taxon into a folder of its own, named after it.",
        )
    size, bright = read_facts(folder / FACTS)
    items = (
        (path, (one, f"{one.below}/{path.name}")) for one in classes for path in _pictures(one.path)
    )
    seen: set[str] = set()
    for (one, origin), vignette in read_pictures(items):
        if vignette is None:
            left_out.damaged(origin, TOO_DEEP if is_deep(folder / origin) else UNREADABLE)
            continue
        seen.add(one.label)
        yield Example(one.label, vignette, origin, "", one.part, size, bright)
    _check_every_class(folder, classes, seen, left_out)


def read_facts(path: Path) -> tuple[tuple[float, float] | None, bool | None]:
    """Read what ``learning_set.json`` tells: pixel size (height, width; mm) and bright objects.

    Raises
    ------
    InputError
        It is wrong.
    """
    if not path.exists():
        return None, None
    try:
        facts: Any = json.loads(path.read_text("utf-8"))
        polarity = facts.get("polarity")
        sizes = [facts.get(f"pixel_{side}_mm") for side in ("height", "width")]
        told = [float(size) for size in sizes if size is not None]
    except (ValueError, TypeError, AttributeError, OSError, RecursionError):
        raise InputError(
            "is not a JSON object of pixel sizes", where=path, cure="Mend or remove it."
        ) from None
    known = polarity in (None, "dark", "bright")
    if not known or len(told) == 1 or not all(_positive(s) for s in told):
        raise InputError(
            "needs both pixel_height_mm and pixel_width_mm, positive, or neither, and a polarity "
            "of dark or bright, or none",
            where=path,
            cure="Mend or remove it.",
        )
    bright = None if polarity is None else polarity == "bright"
    return (told[0], told[1]) if told else None, bright


def _positive(size: float) -> bool:
    return bool(np.isfinite(size)) and size > 0


def _check_every_class(
    folder: Path, classes: list[ClassFolder], seen: set[str], left_out: LeftOut
) -> None:
    empty = sorted({one.label for one in classes} - seen)
    if empty:
        told = f"; left out: {left_out.told()}" if left_out.reasons else ""
        deep = left_out.reasons[TOO_DEEP] > 0
        raise InputError(
            f"no readable PNG or JPEG in {', '.join(empty)}{told}",
            where=folder,
            cure="Convert all pictures to 8 bits, with one scale for all."
            if deep
            else "Add pictures to the folder of this taxon, or remove it.",
        )
