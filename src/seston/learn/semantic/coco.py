"""Annotated frames in COCO's format of instances: JSON beside pictures, read and written.

Masks are polygons, or runs of pixels down the columns: a list of counts, or COCO's packed text of
them. What is wrong in a file is told with the number of the annotation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from seston.atomic import new_folder
from seston.config import Segmentation
from seston.errors import InputError
from seston.frame import AnnotatedFrame, Instance, UInt8Array
from seston.image import corrected_lines
from seston.learn.semantic.masks import decode_mask, encode_mask

#: Name of the JSON file that `write_coco` writes.
ANNOTATIONS = "instances.json"
#: Pixels of the largest picture that is read.
MOST_PIXELS = 1 << 29
_CURE = "Export the annotations again, as COCO instances."


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a COCO file and its annotations, not decoded yet.

    Parameters
    ----------
    path : Path
    height, width : int
    pixel_size_mm : tuple of float or None
        Height and width of a pixel, where the file tells it (as `write_coco` does).
    annotations : tuple of (int, str, object)
        Number, taxon, and segmentation as it is in the file.
    """

    path: Path
    height: int
    width: int
    pixel_size_mm: tuple[float, float] | None
    annotations: tuple[tuple[int, str, Any], ...]


@dataclass(frozen=True, slots=True)
class CocoFrames:
    """Frames of a COCO file, in an order of their own for each time through.

    Parameters
    ----------
    path : Path
        The JSON file.
    sha256 : str
        Of its bytes.
    taxa : tuple of str
        Categories that have an annotation, in alphabetical order.
    pictures : tuple of Picture
        By the name of their file.
    segmentation : Segmentation
        How the light of the frames is evened out.
    seed : int
    pixel_size_mm : tuple of float or None
        Height and width of a pixel, where the file does not tell it.
    """

    path: Path
    sha256: str
    taxa: tuple[str, ...]
    pictures: tuple[Picture, ...]
    segmentation: Segmentation
    seed: int = 0
    pixel_size_mm: tuple[float, float] | None = None

    @property
    def identity(self) -> str:
        """What the frames are: equal text, equal frames."""
        names = ",".join(one.path.name for one in self.pictures)
        digest = hashlib.sha256(names.encode()).hexdigest()
        return f"{self.path.name}, sha256 {self.sha256}, frames {digest[:16]}"

    def frame(self, number: int) -> AnnotatedFrame:
        """Give a frame; after as many as there are, all come again in another order."""
        turn, place = divmod(number, len(self.pictures))
        order = np.random.default_rng([self.seed, turn]).permutation(len(self.pictures))
        return self._frame(self.pictures[int(order[place])])

    def __iter__(self) -> Iterator[AnnotatedFrame]:
        """Give each frame once."""
        return map(self._frame, self.pictures)

    def split(self, most: int) -> tuple[CocoFrames, CocoFrames]:
        """Part the frames: those to learn from, and a fifth, at most so many, to be held out.

        Raises
        ------
        InputError
            There is only one frame.
        """
        if len(self.pictures) < 2:
            raise InputError(
                "holds one frame: none can be held out",
                where=self.path,
                cure="Annotate more frames.",
            )
        count = min(most, max(1, len(self.pictures) // 5))
        order = np.random.default_rng([self.seed, 0x5EED]).permutation(len(self.pictures))
        parts = (order[count:], order[:count])
        learn, held = (tuple(self.pictures[i] for i in sorted(part)) for part in parts)
        return replace(self, pictures=learn), replace(self, pictures=held)

    def _frame(self, picture: Picture) -> AnnotatedFrame:
        pixels = _pixels(picture)
        size = picture.pixel_size_mm or self.pixel_size_mm or (None, None)
        found = (_instance(picture, self.path, *one) for one in picture.annotations)
        return AnnotatedFrame(
            name=picture.path.name,
            pixels=corrected_lines(pixels, self.segmentation),
            instances=tuple(one for one in found if one is not None),
            pixel_height=size[0],
            pixel_width=size[1],
        )


def read_coco(
    path: Path,
    *,
    images: Path | None = None,
    segmentation: Segmentation | None = None,
    pixel_size_mm: tuple[float, float] | None = None,
    seed: int = 0,
) -> CocoFrames:
    """Read annotated frames.

    Parameters
    ----------
    path : Path
        COCO instances, JSON.
    images : Path, optional
        Folder of the pictures; that of `path` by default.
    segmentation : Segmentation, optional
        Polarity and background, by which the light of the frames is evened out; by default, and
        where the file says that `write_coco` made it, the frames are taken as they are.
    pixel_size_mm : tuple of float, mm, optional
        Height and width of a pixel, where the file does not tell it.
    seed : int
        Of the order of the frames.

    Raises
    ------
    InputError
        The file, an image, a category or an annotation in it is wrong; the message names it.
    """
    path = Path(path)
    content, facts = _json(path)
    info = facts.get("info")
    even = segmentation is None or (isinstance(info, dict) and info.get("seston_even_light"))
    none = Segmentation.model_validate({"background": "none"})
    names = _by_id(facts, "categories", path, lambda row: str(_text(row, "name")))
    pictures = _by_id(facts, "images", path, lambda row: _picture(row, images or path.parent))
    if not pictures:
        raise InputError("lists no image", where=path, cure=_CURE)
    of_image = _annotations(facts, path, names, set(pictures))
    full = [replace(p, annotations=tuple(of_image.get(i, ()))) for i, p in pictures.items()]
    return CocoFrames(
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        taxa=tuple(sorted({taxon for p in full for _, taxon, _ in p.annotations})),
        pictures=tuple(sorted(full, key=lambda p: p.path.name)),
        segmentation=none if even or segmentation is None else segmentation,
        seed=seed,
        pixel_size_mm=pixel_size_mm,
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
    sides = [row.get(f"pixel_{side}_mm") for side in ("height", "width")]
    told = [s for s in sides if isinstance(s, int | float) and 0 < s < 1e3]
    size = (float(told[0]), float(told[1])) if len(told) == 2 else None
    return Picture(folder / name, height, width, size, ())


def _annotations(
    facts: dict[str, Any], path: Path, names: dict[int, str], images: set[int]
) -> dict[int, list[tuple[int, str, Any]]]:
    found: dict[int, list[tuple[int, str, Any]]] = {}
    seen: set[int] = set()
    for name, row in _rows(facts, "annotations", path):
        try:
            number = _whole(row, "id")
            image, category = _whole(row, "image_id"), _whole(row, "category_id")
            if number in seen:
                raise ValueError(f"its id {number} stands twice")
            if image not in images or category not in names:
                raise ValueError(f"its image {image} or category {category} is not in the file")
            if row.get("iscrowd") and not isinstance(row.get("segmentation"), dict):
                raise ValueError("is a crowd: an object of its own is wanted")
        except ValueError as error:
            raise InputError(f"{name}: {error}", where=path, cure=_CURE) from None
        seen.add(number)
        found.setdefault(image, []).append((number, names[category], row.get("segmentation")))
    return found


def _pixels(picture: Picture) -> UInt8Array:
    try:
        content = np.frombuffer(picture.path.read_bytes(), np.uint8)
        grey = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE) if len(content) else None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=picture.path) from None
    except cv2.error:
        grey = None
    if grey is None:
        raise InputError("is no picture", where=picture.path, cure="Export it again.")
    if grey.shape != (picture.height, picture.width):
        raise InputError(
            f"is {grey.shape[0]} x {grey.shape[1]} pixels, and the annotations say "
            f"{picture.height} x {picture.width}",
            where=picture.path,
            cure="Give the pictures that were annotated.",
        )
    return np.asarray(grey, np.uint8)


def _instance(
    picture: Picture, path: Path, number: int, taxon: str, segmentation: object
) -> Instance | None:
    """Decode an annotation; None where it holds no pixel of the picture."""
    try:
        mask = decode_mask(segmentation, picture.height, picture.width)
    except ValueError as error:
        raise InputError(f"annotation {number}: {error}", where=path, cure=_CURE) from None
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    top, left = int(rows[0]), int(columns[0])
    inside = mask[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1].copy()
    return Instance(taxon, top, left, inside)


def write_coco(folder: Path, frames: Iterable[AnnotatedFrame]) -> None:
    """Write annotated frames: a PNG for each, and `instances.json`.

    Parameters
    ----------
    folder : Path
        Appears whole, or not at all; must not exist, or be empty.
    frames : iterable of AnnotatedFrame

    Raises
    ------
    StoreError
        Something lies in the folder.
    """
    facts: dict[str, Any] = {"images": [], "annotations": [], "categories": []}
    numbers: dict[str, int] = {}
    with new_folder(Path(folder)) as draft:
        for image, frame in enumerate(frames, start=1):
            name = f"{frame.name}.png"
            (draft / name).write_bytes(cv2.imencode(".png", frame.pixels)[1].tobytes())
            facts["images"].append(_image_row(image, name, frame))
            for one in frame.instances:
                category = numbers.setdefault(one.taxon, len(numbers) + 1)
                row = _annotation_row(one, frame.pixels.shape)
                number = len(facts["annotations"]) + 1
                facts["annotations"].append(
                    {"id": number, "image_id": image, "category_id": category, **row}
                )
        facts["categories"] = [{"id": n, "name": taxon} for taxon, n in numbers.items()]
        facts["info"] = {"description": "annotated frames", "seston_even_light": True}
        (draft / ANNOTATIONS).write_text(json.dumps(facts) + "\n", "utf-8")


def _image_row(image: int, name: str, frame: AnnotatedFrame) -> dict[str, Any]:
    height, width = frame.pixels.shape
    row = {"id": image, "file_name": name, "height": height, "width": width}
    if frame.pixel_height is None or frame.pixel_width is None:
        return row
    sizes = {"pixel_height_mm": frame.pixel_height, "pixel_width_mm": frame.pixel_width}
    return row | sizes


def _annotation_row(one: Instance, shape: tuple[int, ...]) -> dict[str, Any]:
    whole = np.zeros(shape, bool)
    height, width = one.mask.shape
    whole[one.top : one.top + height, one.left : one.left + width] = one.mask
    return {
        "segmentation": encode_mask(whole),
        "bbox": [one.left, one.top, width, height],
        "area": int(one.mask.sum()),
        "iscrowd": 0,
    }
