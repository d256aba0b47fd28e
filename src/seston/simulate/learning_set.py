"""A learning set of simulated vignettes, cut by the same code that cuts the instrument's."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seston.atomic import new_folder
from seston.config import Segmentation
from seston.image import Objects, find_objects
from seston.simulate.isiis import write_picture
from seston.simulate.kinds import KINDS, LABELS
from seston.simulate.light import add_noise
from seston.simulate.match import match
from seston.simulate.scene import Place, Seen, light_of, pixel_height, see
from seston.simulate.settings import TowSettings
from seston.simulate.tow import File, Tow

_LEARN = 0x1EA4  # stream of random numbers
_MARGIN = 48  # pixels between two objects
_DRY = 12  # scenes in a row that add nothing, after which there is no hope
_AT_ONCE = 40  # objects of a taxon that a scene holds at most


def write_learning_set(
    folder: Path,
    seed: int,
    *,
    per_class: int = 120,
    settings: TowSettings | None = None,
    segmentation: Segmentation | None = None,
) -> None:
    """Draw scenes, find the objects in them, and sort their vignettes by what they truly are.

    Parameters
    ----------
    folder : Path
        Gets a folder for each taxon with PNG files, and learning_set.json with the pixel size; must
        not exist, or be empty.
    seed : int
        Other than the seed of a tow, it gives other individuals.
    per_class : int
        Vignettes of each taxon.
    settings : TowSettings, optional
        The camera, and the share out of focus; those of the demo by default.
    segmentation : Segmentation, optional
        How objects are found.

    Raises
    ------
    ValueError
        The segmentation misses a taxon, so that its vignettes cannot be had.
    """
    tow = Tow(settings or TowSettings.demo())
    have: Counter[str] = Counter()
    with new_folder(Path(folder)) as draft:
        for label in LABELS:
            (draft / label).mkdir()
        write_facts(draft / "learning_set.json", tow.settings, seed)
        scene = dry = 0
        while min(have[label] for label in LABELS) < per_class:
            before = have.total()
            for label, vignette in _scene(tow, seed, scene, have, per_class, segmentation):
                if have[label] < per_class:
                    write_picture(draft / label / f"{have[label]:05d}.png", vignette)
                    have[label] += 1
            scene, dry = scene + 1, 0 if have.total() > before else dry + 1
            if dry == _DRY:
                rare = min(LABELS, key=lambda label: have[label])
                raise ValueError(f"these settings find {have[rare]} of {per_class} {rare}")


def write_facts(path: Path, settings: TowSettings, seed: int) -> None:
    """Say of a learning set how large its pixels are and where it is from."""
    facts = {
        "pixel_height_mm": settings.speed_m_s / settings.line_rate_hz * 1e3,
        "pixel_width_mm": settings.pixel_width_mm,
        "polarity": "dark",
        "origin": f"seston.simulate, seed {seed}",
    }
    path.write_text(json.dumps(facts, indent=2) + "\n", "utf-8")


def _scene(
    tow: Tow,
    seed: int,
    number: int,
    have: Counter[str],
    per_class: int,
    segmentation: Segmentation | None,
) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield label and vignette of the objects found in one scene of the taxa that are wanting."""
    rng = np.random.default_rng([seed, _LEARN, number])
    s = tow.settings
    lines = 2 * s.width
    start = float(rng.uniform(0, s.duration_s))
    file = File(number, number, start, 0, 0, lines)
    wanting = [k for k in range(len(KINDS)) if have[LABELS[k]] < per_class]
    wanted = np.repeat(wanting, [min(_AT_ONCE, 3 * per_class) for _ in wanting])
    height = pixel_height(tow, start)
    places = _packed(rng, rng.permutation(wanted), s, height, lines)
    drawn = [seen for seen in (see(p, tow, file) for p in places) if seen is not None]
    found = _found(tow, seed, file, drawn, rng, segmentation or Segmentation.model_validate({}))
    boxes = np.column_stack([found.top, found.left, found.bottom, found.right])
    pairs = match(boxes, [_box(seen) for seen in drawn])
    for row, true in enumerate(pairs.true_of()):
        if true >= 0:
            yield LABELS[drawn[true].place.kind], found.vignette(row)


def _packed(
    rng: np.random.Generator, kinds: NDArray[np.int64], s: TowSettings, height: float, lines: int
) -> list[Place]:
    """Lay objects out in rows with room around each; what finds no room is left out."""
    places: list[Place] = []
    top, left, tallest = 0, 0, 0
    for kind in kinds:
        size = KINDS[kind].size(rng)
        blur = float(rng.uniform(0.08, 0.40)) if rng.random() < s.blurred_share else 0.0
        extent = 1.25 * size + 2 * blur
        wide = int(extent / s.pixel_width_mm) + _MARGIN
        tall = int(extent / height) + _MARGIN
        if left + wide > s.width:
            top, left, tallest = top + tallest, 0, 0
        if wide > s.width or top + tall > lines:
            continue
        middle = (top + tall / 2 + rng.random(), left + wide / 2 + rng.random())
        places.append(Place(int(kind), 0, 0, *middle, size, blur, int(rng.integers(1 << 62))))
        left, tallest = left + wide, max(tallest, tall)
    return places


def _found(
    tow: Tow,
    seed: int,
    file: File,
    drawn: list[Seen],
    rng: np.random.Generator,
    segmentation: Segmentation,
) -> Objects:
    """Take the picture of a scene, and find the objects in it as a campaign's are found."""
    s = tow.settings
    grey = light_of(seed, s.width).lines(file.start_s, file.scan_stop, 1 / s.line_rate_hz)
    for seen in drawn:
        rows, columns = seen.stamp.mask.shape
        top, left = seen.stamp.top, seen.stamp.left
        grey[top : top + rows, left : left + columns] *= 1 - seen.stamp.attenuation
    add_noise(grey, rng)
    return find_objects(
        np.clip(np.rint(grey), 0, 255).astype(np.uint8),
        owned=slice(0, file.scan_stop),
        settings=segmentation,
        pixel_height=pixel_height(tow, file.start_s),
        pixel_width=s.pixel_width_mm,
    )


def _box(seen: Seen) -> tuple[int, int, int, int]:
    """Bounding box of an object's mask: top, left, bottom, right."""
    rows, columns = np.nonzero(seen.stamp.mask)
    top, left = seen.stamp.top, seen.stamp.left
    return (
        top + int(rows.min()),
        left + int(columns.min()),
        top + int(rows.max()) + 1,
        left + int(columns.max()) + 1,
    )
