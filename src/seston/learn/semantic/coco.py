"""Annotated frames in COCO's format of instances: JSON beside pictures, read and written.

Masks are polygons, or runs of pixels down the columns: a list of counts, or COCO's packed text of
them. What is wrong in a file is told with the number of the annotation.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from seston.atomic import new_folder
from seston.config import FilterTraining, Instrument, Segmentation, SemanticTraining
from seston.errors import InputError
from seston.frame import AnnotatedFrame, Instance, UInt8Array
from seston.image import corrected_lines
from seston.learn.card import LIKE_SIZE
from seston.learn.semantic.judge import SIZE_CURE, is_kept
from seston.learn.semantic.masks import decode_box, encode_mask

log = logging.getLogger(__name__)

#: Name of the JSON file that `write_coco` writes.
ANNOTATIONS = "instances.json"
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
        By their names.
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
        names = ",".join(one.name for one in self.pictures)
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

    def split(
        self, most: int, taxa: Sequence[str] = (), settings: Segmentation | None = None
    ) -> tuple[CocoFrames, CocoFrames]:
        """Part the frames: those to learn from, and a fifth, at most so many, to be held out.

        A fifth of the frames with a wanted object is held out, and a fifth of those without: a
        network is measured by what it finds, and by what it finds where nothing is. The only
        frame of a taxon is learned from.

        Parameters
        ----------
        most : int
            Frames that are held out, at most.
        taxa : sequence of str
            Those that are wanted; empty: all.
        settings : Segmentation, optional
            Only objects of the sizes that it keeps count; any if absent.

        Raises
        ------
        InputError
            No frame that has an object which counts can be held out.
        """
        wanted = [_taxa_of(one, taxa or self.taxa) for one in self.pictures]
        able = [self._can_measure(one, taxa or self.taxa, settings) for one in self.pictures]
        self._check_enough(sum(map(bool, wanted)), sum(able), settings)
        order = np.random.default_rng([self.seed, 0x5EED]).permutation(len(self.pictures)).tolist()
        total = min(most, max(1, len(order) // 5))
        count = max(1, round(total * sum(able) / len(order)))
        held = _spared([i for i in order if able[i]], wanted, count)
        if not held:
            raise InputError(
                "each frame has the only objects of a taxon: none can be held out",
                where=self.path,
                cure="Annotate more frames, or name fewer taxa in `semantic.taxa`.",
            )
        held += [i for i in order if not wanted[i]][: total - count]
        parts = (set(order) - set(held), held)
        learn, out = (tuple(self.pictures[i] for i in sorted(part)) for part in parts)
        return replace(self, pictures=learn), replace(self, pictures=out)

    def _can_measure(
        self, picture: Picture, taxa: Sequence[str], settings: Segmentation | None
    ) -> bool:
        """Say whether a picture has a wanted object of a size that is kept."""
        size = self._size(picture)
        areas = [one.area for one in picture.annotations if one.taxon in taxa]
        if settings is None or size is None:
            return bool(areas)
        return any(is_kept(area, size, settings) for area in areas)

    def _check_enough(self, wanted: int, able: int, settings: Segmentation | None) -> None:
        """Refuse too few frames with a wanted object, or with one of a size that is kept."""
        more = "Annotate all that is wanted, in more frames."
        if not wanted:
            raise InputError("no wanted object is annotated", where=self.path, cure=more)
        if len(self.pictures) < 2 or wanted < 2:
            what = (
                "holds one frame" if len(self.pictures) < 2 else "has wanted objects in one frame"
            )
            raise InputError(f"{what}: none can be held out", where=self.path, cure=more)
        if settings is not None and not able:
            raise InputError(
                f"no annotated object has an equivalent diameter of {settings.min_esd_mm:g} to "
                f"{settings.max_esd_mm:g} mm: nothing can be measured",
                where=self.path,
                cure="Set `min_esd_mm` and `max_esd_mm` of the instrument's `segmentation` to the "
                "sizes that are wanted, and see whether the size of the pixels is right.",
            )

    def _size(self, picture: Picture) -> tuple[float, float] | None:
        return picture.pixel_size_mm or self.pixel_size_mm

    def check_pixel_sizes(self) -> None:
        """Refuse frames whose pixels have no known size, or another than those of the others.

        Raises
        ------
        InputError
            The size of one is not known, or differs by more than a quarter from the middle one.
        """
        sizes = [self._size(picture) for picture in self.pictures]
        known = [size for size in sizes if size is not None]
        if len(known) < len(sizes):
            name = self.pictures[sizes.index(None)].file
            what = f"the size of the pixels of {name} is not known"
            raise InputError(what, where=self.path, cure=SIZE_CURE)
        middle = np.median(known, axis=0)
        for picture, size in zip(self.pictures, known, strict=True):
            ratio = size / middle
            if not ((ratio >= 1 / LIKE_SIZE) & (ratio <= LIKE_SIZE)).all():
                raise InputError(
                    f"the pixels of {picture.file} are of {size[0]:g} x {size[1]:g} mm, the "
                    f"middle ones of all frames of {middle[0]:g} x {middle[1]:g} mm",
                    where=self.path,
                    cure="A model knows one size of pixels: give frames of one instrument at a "
                    "time, and correct `pixel_height_mm` and `pixel_width_mm` if they are wrong.",
                )

    def _frame(self, picture: Picture) -> AnnotatedFrame:
        pixels = _pixels(picture)
        size = self._size(picture) or (None, None)
        return AnnotatedFrame(
            name=picture.name,
            pixels=corrected_lines(pixels, self.segmentation),
            instances=tuple(_instance(picture, one) for one in picture.annotations),
            pixel_height=size[0],
            pixel_width=size[1],
        )


def _taxa_of(picture: Picture, taxa: Sequence[str]) -> set[str]:
    return {one.taxon for one in picture.annotations} & set(taxa)


def _spared(order: list[int], taxa: list[set[str]], most: int) -> list[int]:
    """Choose frames, at most so many, without any of which each taxon is left in another."""
    left = Counter(taxon for of_frame in taxa for taxon in of_frame)
    chosen: list[int] = []
    for number in order:
        if len(chosen) < most and all(left[taxon] > 1 for taxon in taxa[number]):
            chosen.append(number)
            left.subtract(taxa[number])
    return chosen


def open_annotated(
    settings: SemanticTraining | FilterTraining, instrument: Instrument
) -> CocoFrames:
    """Open the annotated frames that a training names.

    Raises
    ------
    InputError
        As `read_coco`; or the size of their pixels is not known, or not one.
    """
    optics = instrument.optics
    size = (optics.pixel_height_mm, optics.pixel_width_mm)
    frames = read_coco(
        settings.annotations or Path(),
        images=settings.images,
        segmentation=instrument.segmentation,
        pixel_size_mm=settings.pixel_size_mm
        or ((size[0], size[1]) if size[0] and size[1] else None),
        seed=settings.seed,
    )
    frames.check_pixel_sizes()
    return frames


def read_coco(
    path: Path,
    *,
    images: Path | None = None,
    segmentation: Segmentation | None = None,
    pixel_size_mm: tuple[float, float] | None = None,
    seed: int = 0,
) -> CocoFrames:
    """Read annotated frames.

    Frames with a crowd are left out, and told: organisms that are not annotated one by one would
    be learned as background. Annotations without a pixel in their picture do not count.

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
        The file, an image, a category or an annotation in it is wrong, or a picture is not there;
        the message names it.
    """
    path = Path(path)
    content, facts = _json(path)
    info = facts.get("info")
    even = segmentation is None or (isinstance(info, dict) and info.get("seston_even_light"))
    none = Segmentation.model_validate({"background": "none"})
    names = _by_id(facts, "categories", path, lambda row: _text(row, "name").strip())
    pictures = _by_id(facts, "images", path, lambda row: _picture(row, images or path.parent))
    if not pictures:
        raise InputError("lists no image", where=path, cure=_CURE)
    full = _annotated(facts, path, names, pictures)
    _check_there(full, images or path.parent)
    return CocoFrames(
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        taxa=tuple(sorted({one.taxon for p in full for one in p.annotations})),
        pictures=tuple(sorted(full, key=lambda p: str(p.path))),
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


def _pixels(picture: Picture) -> UInt8Array:
    try:
        content = np.frombuffer(picture.path.read_bytes(), np.uint8)
        # As it is: what OpenCV makes of deeper pixels by itself is black where 12 bits are used.
        grey = cv2.imdecode(content, cv2.IMREAD_ANYDEPTH) if len(content) else None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=picture.path) from None
    except cv2.error:
        grey = None
    if grey is None:
        raise InputError("is no picture", where=picture.path, cure="Export it again.")
    if grey.dtype != np.uint8:
        raise InputError(
            "has more than 8 bits a pixel",
            where=picture.path,
            cure="Convert all pictures to 8 bits with one scale, so that grey levels stay "
            "comparable.",
        )
    if grey.shape != (picture.height, picture.width):
        raise InputError(
            f"is {grey.shape[0]} x {grey.shape[1]} pixels, and the annotations say "
            f"{picture.height} x {picture.width}",
            where=picture.path,
            cure="Give the pictures that were annotated.",
        )
    return np.asarray(grey, np.uint8)


def _instance(picture: Picture, one: Annotation) -> Instance:
    return Instance(one.taxon, *decode_box(one.segmentation, picture.height, picture.width))


def write_coco(folder: Path, frames: Iterable[AnnotatedFrame]) -> None:
    """Write annotated frames: a PNG for each, and `instances.json`.

    Parameters
    ----------
    folder : Path
        Replaced whole, or not at all.
    frames : iterable of AnnotatedFrame
        A name with slashes in it stands in folders.

    Raises
    ------
    InputError
        Two frames have one name, or one leads out of the folder.
    """
    facts: dict[str, Any] = {"images": [], "annotations": [], "categories": []}
    numbers: dict[str, int] = {}
    with new_folder(Path(folder)) as draft:
        for image, frame in enumerate(frames, start=1):
            name = f"{frame.name}.png"
            file = _new_file(draft, name)
            file.write_bytes(cv2.imencode(".png", frame.pixels)[1].tobytes())
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


def _new_file(folder: Path, name: str) -> Path:
    """Give the path of a picture to be written, in folders that are there."""
    cure = "Give each frame a name of its own, and a relative one."
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise InputError("leads out of the folder of the frames", where=name, cure=cure)
    path = folder / name
    if path.exists():
        raise InputError("two frames have this name", where=name, cure=cure)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


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
