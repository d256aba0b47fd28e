"""A file of COCO instances: what it says of pictures and the objects in them, checked.

What is wrong is told with the place in the file, or the number of the annotation.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seston.errors import InputError
from seston.learn.semantic.masks import decode_box

log = logging.getLogger(__name__)

#: Pixels of the largest picture that is read.
MOST_PIXELS = 1 << 29
_CURE = "Export the annotations again, as COCO instances."
_MASKS = (
    "Annotate masks, as polygons or runs: a box does not tell which pixels are the object's. "
    "Export them as COCO instances."
)


@dataclass(frozen=True, slots=True)
class Annotation:
    """An object of a picture, not decoded yet.

    Parameters
    ----------
    number : int
        Its id in the file.
    taxon : str
    segmentation : object
        As it is in the file; it has been looked at.
    area : int
        Pixels of it in the picture.
    """

    number: int
    taxon: str
    segmentation: Any
    area: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a COCO file and its annotations, not decoded yet.

    Parameters
    ----------
    name : str
        Of its file in the folder of the pictures, with the folders between, without its suffix.
    path : Path
    height, width : int
    pixel_size_mm : tuple of float or None
        Height and width of a pixel, where the file tells it (as `write_coco` does).
    annotations : tuple of Annotation
    """

    name: str
    path: Path
    height: int
    width: int
    pixel_size_mm: tuple[float, float] | None
    annotations: tuple[Annotation, ...]

    @property
    def file(self) -> str:
        """Name of its file, with the folders between and its suffix: for messages."""
        return f"{self.name}{self.path.suffix}"


@dataclass(frozen=True, slots=True)
class CocoFile:
    """What a file of COCO instances says.

    Parameters
    ----------
    sha256 : str
        Of its bytes.
    even_light : bool
        Whether `write_coco` made it: the light of its frames is even already.
    pictures : tuple of Picture
        By their paths; without those that have a crowd.
    """

    sha256: str
    even_light: bool
    pictures: tuple[Picture, ...]


def read_file(path: Path, folder: Path) -> CocoFile:
    """Read a file, look at every annotation in it, and see that its pictures are there.

    Frames with a crowd are left out, and told; annotations without a pixel in their picture do
    not count.

    Parameters
    ----------
    path : Path
        COCO instances, JSON.
    folder : Path
        Of the pictures.

    Raises
    ------
    InputError
        The file, an image, a category or an annotation in it is wrong, or a picture is not there.
    """
    content, facts = _json(path)
    info = facts.get("info")
    names = _by_id(facts, "categories", path, lambda row: _text(row, "name").strip())
    pictures = _by_id(facts, "images", path, lambda row: _picture(row, folder))
    if not pictures:
        raise InputError("lists no image", where=path, cure=_CURE)
    full = _annotated(facts, path, names, pictures)
    _check_there(full, folder)
    return CocoFile(
        sha256=hashlib.sha256(content).hexdigest(),
        even_light=isinstance(info, dict) and bool(info.get("seston_even_light")),
        pictures=tuple(sorted(full, key=lambda one: str(one.path))),
    )


def _json(path: Path) -> tuple[bytes, dict[str, Any]]:
    try:
        content = path.read_bytes()
        facts = json.loads(content)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from None
    except (ValueError, RecursionError):
        raise InputError("is not JSON", where=path, cure=_CURE) from None
    if not isinstance(facts, dict):
        raise InputError("is not a JSON object", where=path, cure=_CURE)
    return content, facts


def _rows(facts: dict[str, Any], key: str, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each row of a list and how to name it."""
    rows = facts.get(key)
    if not isinstance(rows, list):
        raise InputError(f"has no list `{key}`", where=path, cure=_CURE)
    for place, row in enumerate(rows):
        if not isinstance(row, dict):
            raise InputError(f"`{key}[{place}]` is not an object", where=path, cure=_CURE)
        yield f"`{key}[{place}]`", row


def _by_id(facts: dict[str, Any], key: str, path: Path, read: Any) -> dict[int, Any]:  # noqa: ANN401
    found: dict[int, Any] = {}
    for name, row in _rows(facts, key, path):
        try:
            number = _whole(row, "id")
            if number in found:
                raise ValueError(f"its id {number} stands twice")
            found[number] = read(row)
        except ValueError as error:
            raise InputError(f"{name}: {error}", where=path, cure=_CURE) from None
    return found


def _whole(row: dict[str, Any], key: str, least: int = 0) -> int:
    value = row.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 1 << 53:
        raise ValueError(f"`{key}` is not a whole number from {least} up")
    return value


def _text(row: dict[str, Any], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"`{key}` is empty or no text")
    return value


def _picture(row: dict[str, Any], folder: Path) -> Picture:
    name = Path(_text(row, "file_name"))
    if name.is_absolute() or ".." in name.parts:
        raise ValueError("`file_name` leads out of the folder of images")
    height, width = _whole(row, "height", 1), _whole(row, "width", 1)
    if height * width > MOST_PIXELS:
        raise ValueError(f"{height} x {width} pixels are too many")
    plain = name.with_suffix("").as_posix()
    return Picture(plain, folder / name, height, width, _pixel_size(row), ())


def _pixel_size(row: dict[str, Any]) -> tuple[float, float] | None:
    """Height and width of a pixel, mm; None where the row tells neither."""
    sides = [row.get(f"pixel_{side}_mm") for side in ("height", "width")]
    if sides == [None, None]:
        return None
    told = [
        float(side)
        for side in sides
        if isinstance(side, int | float) and not isinstance(side, bool) and 0 < side < 1e3
    ]
    if len(told) < 2:
        raise ValueError("`pixel_height_mm` and `pixel_width_mm` are not both a size in mm")
    return told[0], told[1]


def _annotated(
    facts: dict[str, Any], path: Path, names: dict[int, str], pictures: dict[int, Picture]
) -> list[Picture]:
    """Give the pictures with what is annotated in them, but for those with a crowd."""
    rows = list(_annotation_rows(facts, path, names, pictures))
    crowded = {image for _, image, row in rows if row.get("iscrowd")}
    clear = {image: p for image, p in pictures.items() if image not in crowded}
    if not clear:
        raise InputError(
            "has a crowd in every frame: its organisms are not annotated one by one",
            where=path,
            cure="Annotate each of them in some frames.",
        )
    if crowded:
        log.warning(
            "%s: %d of %d frames are left out, for they have crowds (the first: %s)",
            path, len(crowded), len(pictures), pictures[min(crowded)].file,
        )  # fmt: skip
    found: dict[int, list[Annotation]] = {image: [] for image in clear}
    for number, image, row in rows:
        if image in clear:
            taxon = names[row["category_id"]]
            found[image].append(_annotation(number, taxon, row, clear[image], path))
    _tell_outside([one for image in found for one in found[image] if not one.area], path)
    return [
        replace(one, annotations=tuple(a for a in found[image] if a.area))
        for image, one in clear.items()
    ]


def _check_there(pictures: list[Picture], folder: Path) -> None:
    """Refuse pictures that are missing, before any is learned from."""
    missing = [one.file for one in pictures if not one.path.is_file()]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(pictures)} pictures are not there, the first: {missing[0]}",
            where=folder,
            cure="Give the folder that `file_name` starts from: --images, or `images` in "
            "config.yaml.",
        )


def _tell_outside(annotations: list[Annotation], path: Path) -> None:
    if annotations:
        log.warning(
            "%s: %d annotations have no pixel in their pictures and do not count (the first: %d)",
            path, len(annotations), annotations[0].number,
        )  # fmt: skip


def _annotation_rows(
    facts: dict[str, Any], path: Path, names: dict[int, str], pictures: dict[int, Picture]
) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Yield each annotation, with its number and its image; what they name is there."""
    seen: set[int] = set()
    for name, row in _rows(facts, "annotations", path):
        try:
            number = _whole(row, "id")
            image, category = _whole(row, "image_id"), _whole(row, "category_id")
            if number in seen:
                raise ValueError(f"its id {number} stands twice")
            if image not in pictures or category not in names:
                raise ValueError(f"its image {image} or category {category} is not in the file")
        except ValueError as error:
            raise InputError(f"{name}: {error}", where=path, cure=_CURE) from None
        seen.add(number)
        yield number, image, row


def _annotation(
    number: int, taxon: str, row: dict[str, Any], picture: Picture, path: Path
) -> Annotation:
    """Look at an annotation: what is wrong with one is told before any is learned from."""
    segmentation = row.get("segmentation")
    try:
        _, _, mask = decode_box(segmentation, picture.height, picture.width)
    except ValueError as error:
        what = f"annotation {number} of {picture.file}: {error}"
        cure = _CURE if segmentation else _MASKS
        raise InputError(what, where=path, cure=cure) from None
    return Annotation(number, taxon, segmentation, int(mask.sum()))
