"""Annotated frames in COCO's format of instances: JSON beside pictures, read and written.

Masks are polygons, or runs of pixels down the columns: a list of counts, or COCO's packed text of
them. What is wrong in a file is told with the number of the annotation.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
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
from seston.learn.semantic.coco_file import Annotation, Picture, read_file
from seston.learn.semantic.judge import SIZE_CURE, is_kept
from seston.learn.semantic.masks import decode_box, encode_mask

#: Name of the JSON file that `write_coco` writes.
ANNOTATIONS = "instances.json"


@dataclass(frozen=True)
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

    @cached_property
    def identity(self) -> str:
        """What the frames are: equal text, equal frames. All pictures are read for it, once.

        Raises
        ------
        InputError
            A picture cannot be read.
        """
        digest = hashlib.sha256(f"{self.segmentation.light} {self.pixel_size_mm}".encode())
        for picture in self.pictures:
            content = hashlib.sha256(_bytes(picture)).hexdigest()
            digest.update(f"\n{picture.name} {content}".encode())
        return f"{self.path.name}, sha256 {self.sha256}, frames {digest.hexdigest()[:16]}"

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
            there = f"There are: {', '.join(self.taxa)}." if self.taxa else more
            raise InputError("no wanted object is annotated", where=self.path, cure=there)
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
    file = read_file(path, images or path.parent)
    as_they_are = Segmentation.model_validate({"background": "none"})
    return CocoFrames(
        path=path,
        sha256=file.sha256,
        taxa=tuple(sorted({one.taxon for p in file.pictures for one in p.annotations})),
        pictures=file.pictures,
        segmentation=as_they_are if segmentation is None or file.even_light else segmentation,
        seed=seed,
        pixel_size_mm=pixel_size_mm,
    )


def _bytes(picture: Picture) -> bytes:
    try:
        return picture.path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=picture.path) from None


def _pixels(picture: Picture) -> UInt8Array:
    content = np.frombuffer(_bytes(picture), np.uint8)
    try:
        # As it is: what OpenCV makes of deeper pixels by itself is black where 12 bits are used.
        grey = cv2.imdecode(content, cv2.IMREAD_ANYDEPTH) if len(content) else None
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
        Appears whole, or not at all; must not exist, or be empty.
    frames : iterable of AnnotatedFrame
        A name with slashes in it stands in folders.

    Raises
    ------
    InputError
        Two frames have one name, or one leads out of the folder.
    StoreError
        Something lies in the folder.
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
