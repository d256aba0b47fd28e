"""A measurement of a CytoSense as Cyz2Json writes it: what it tells besides the pictures.

Particles are counted by laser; only of some is there time for an image, often of chosen sets. So
each image stands for as many particles of its set as there are for each image of it.

Memory: that of `json_spans`, and some 100 bytes for each image.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.errors import InputError
from seston.readers import json_spans
from seston.readers.json_spans import Span, Spans

#: Larger images are refused, pixels: the camera's have 2.3 million.
MAX_PIXELS = 1 << 25
_ARRAYS = frozenset({"particles", "images"})
#: No camera of these instruments has a longer side, pixels.
_LONGEST = 1 << 14
_UL_PER_M3 = 1e9
_UM_PER_MM = 1e3

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Picture:
    """An image: where it lies, of which particle, and where it was cut out.

    Parameters
    ----------
    span : (int, int)
        Its bytes in the file.
    particle : int
        Identifier of its particle; -1 where it has none.
    top, left, height, width : int
        Box in the camera's image, pixels; zeros where it was not cropped.
    problem : str
        Why it cannot be used; empty where it can.
    """

    span: Span
    particle: int
    top: int = 0
    left: int = 0
    height: int = 0
    width: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """What a file tells.

    Parameters
    ----------
    start : datetime64[ns]
        UTC.
    pixel_mm : float, mm
        NaN where it is not told.
    volume : float, m3
        Water in which the particles in the file were; NaN where it is not told.
    particles : int
        In the file, with and without an image.
    pictures : sequence of Picture
    weights : array (picture), float64
        Particles that each image stands for.
    notes : sequence of str
        What a person should know.
    """

    start: np.datetime64
    pixel_mm: float
    volume: float
    particles: int
    pictures: Sequence[Picture]
    weights: Float
    notes: Sequence[str]


def read(path: Path) -> Measurement:
    """Read all but the pictures.

    Raises
    ------
    InputError
        The file is not one of Cyz2Json, is cut, or tells no time.
    """
    spans = json_spans.find(path, _ARRAYS)
    instrument = _mapping(spans, "instrument", path)
    notes: list[str] = []
    results = _inner(instrument, "measurementResults")
    pictures = _pictures(spans, path)
    particles = _count(spans, results)
    weights = _Weights(path, spans, pictures, particles, notes).all()
    return Measurement(
        start=_start(results.get("start"), path, notes),
        pixel_mm=_pixel(instrument) / _UM_PER_MM,
        volume=_volume(results, particles, notes) / _UL_PER_M3,
        particles=particles,
        pictures=pictures,
        weights=weights,
        notes=notes,
    )


def image_bytes(path: Path, span: Span) -> bytes:
    """Read the picture of an image.

    Raises
    ------
    InputError
        It is not there, or not in base64.
    """
    image = json_spans.load(path, span)
    text = image.get("base64") if isinstance(image, dict) else None
    if not isinstance(text, str) or not text:
        raise InputError("the image holds no picture", where=path)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(f"the picture is not in base64: {error}", where=path) from None


def _mapping(spans: Spans, key: str, path: Path) -> Mapping[str, Any]:
    if key not in spans.outer:
        raise InputError(f"has no `{key}`: not a file of Cyz2Json", where=path)
    value = json_spans.load(path, spans.outer[key])
    return value if isinstance(value, dict) else {}


def _inner(value: object, *keys: str) -> Mapping[str, Any]:
    """Go into nested objects; nothing where one is not there."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def number(value: object) -> float:
    """Give a number, or a text that is one; NaN for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return np.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return np.nan


def _positive(value: object) -> float:
    told = number(value)
    return told if 0 < told < np.inf else np.nan


def _start(told: object, path: Path, notes: list[str]) -> np.datetime64:
    try:
        time = pd.Timestamp(str(told)) if told else pd.NaT
    except (ValueError, OverflowError):
        time = pd.NaT
    if not isinstance(time, pd.Timestamp):
        raise InputError(f"`start` of the measurement is no time: {str(told)[:40]!r}", where=path)
    if time.tzinfo is None:
        notes.append("the start names no time zone: taken as UTC (clock_offset_s can mend it)")
        time = time.tz_localize("UTC")
    try:
        return np.datetime64(time.tz_convert("UTC").tz_localize(None).as_unit("ns"))
    except (ValueError, OverflowError):
        raise InputError(
            f"`start` of the measurement is out of range: {told}", where=path
        ) from None


def _pixel(instrument: Mapping[str, Any]) -> float:
    """Side of a pixel, um; the settings lie one or two levels deep."""
    outer = _inner(instrument, "measurementSettings", "CytoSettings")
    for settings in (_inner(outer, "CytoSettings"), outer, instrument):
        told = _positive(_inner(settings, "iif").get("ImageScaleMuPerPixelP"))
        if np.isfinite(told):
            return told
    return np.nan


def _volume(results: Mapping[str, Any], particles: int, notes: list[str]) -> float:
    """Water that the particles in the file were in, ul.

    `analysedVolume` is `pumpedVolume` times the share of the triggers that were kept in the file
    (CyzFile API): that of the particles whose number is known here.
    """
    pumped, analysed = (_positive(results.get(f"{name}Volume")) for name in ("pumped", "analysed"))
    if particles and np.isfinite(analysed):
        if analysed > pumped * 1.001:
            notes.append(f"analysed {analysed:.4g} ul of {pumped:.4g} ul pumped: the pumped taken")
            return pumped
        return analysed
    return pumped


def _count(spans: Spans, results: Mapping[str, Any]) -> int:
    if "particles" in spans.outer:
        return len(spans.elements["particles"])
    told = _positive(results.get("particlesInFileCount", results.get("particleCount")))
    return int(told) if np.isfinite(told) and told < 2**53 else 0


def _pictures(spans: Spans, path: Path) -> list[Picture]:
    pictures, seen = [], set[int]()
    for start, stop in spans.elements["images"].tolist():
        try:
            picture = _picture(json_spans.load(path, (start, stop)), (start, stop))
        except InputError as error:
            picture = Picture((start, stop), -1, problem=error.what)
        if picture.particle in seen:
            picture = Picture(picture.span, -1, problem="a second image of one particle")
        seen |= {picture.particle} - {-1}
        pictures.append(picture)
    return pictures


def _picture(image: Mapping[str, Any], span: Span) -> Picture:
    particle = number(image.get("particleId"))
    if not (particle == np.rint(particle) and abs(particle) < 2**53):
        return Picture(span, -1, problem="the image names no particle")
    if not image.get("base64"):
        return Picture(span, int(particle), problem="the image holds no picture")
    rectangle = image.get("cropRectangle")
    if rectangle is None:
        return Picture(span, int(particle))
    told = {k.lower(): v for k, v in rectangle.items()} if isinstance(rectangle, dict) else {}
    box = [number(told.get(key)) for key in ("y", "x", "height", "width")]
    if not all(0 <= side <= _LONGEST and side == int(side) for side in box):
        return Picture(span, int(particle), problem="`cropRectangle` cannot be")
    top, left, height, width = map(int, box)
    return Picture(span, int(particle), top, left, height, width)


@dataclass(slots=True)
class _Weights:
    """How many particles each image stands for."""

    path: Path
    spans: Spans
    pictures: Sequence[Picture]
    particles: int
    notes: list[str] = field(default_factory=list)

    def all(self) -> Float:
        """Give the weight of each image.

        An image of a particle in several sets was taken for the set that images most of its
        particles: it stands for the fewest.
        """
        if not self.pictures:
            return np.empty(0)
        counts = self._sets()
        regions = self._regions() if len(counts) > 1 else None
        if regions is None:
            return np.full(len(self.pictures), self._overall(counts))
        members, of_picture = regions
        imaged = _tally(of_picture)
        ratio = {name: imaged[name] / members[name] for name in imaged if members[name] > 0}
        self._compare({name: counts[name] for name in imaged if name in counts}, imaged)
        most = [max(ratio[name] for name in names) for names in of_picture]
        return np.maximum(1 / np.array(most), 1.0)

    def _overall(self, counts: Mapping[str, tuple[float, float]]) -> float:
        """Weight where all images are of one set, or nothing tells of which they are."""
        images = len(self.pictures)
        if len(counts) == 1:
            self._compare(counts, dict.fromkeys(counts, images))
            ((count, _),) = counts.values()
        else:
            count = self.particles
            self.notes.append(self._fair(bool(counts)) if count > images else "")
        if not count >= images:
            self.notes.append(f"{count:g} particles are told, but {images} images are there")
        self.notes[:] = [note for note in self.notes if note]
        return max(count / images, 1.0)

    def _fair(self, sets: bool) -> str:
        why = "particles do not say of which set they are" if sets else "no set_information"
        return (f"{why}: the {len(self.pictures):,} images are taken for a fair sample of all "
                f"{self.particles:,} particles")  # fmt: skip

    def _compare(self, told: Mapping[str, tuple[float, float]], there: Mapping[str, float]) -> None:
        for name, (_, images) in told.items():
            if np.isfinite(images) and images != there[name]:
                self.notes.append(f"set {name!r} tells {images:g} images, {there[name]} are there")

    def _sets(self) -> dict[str, tuple[float, float]]:
        """Particles and images of each set, as `set_information` tells them."""
        if "set_information" not in self.spans.outer:
            return {}
        told = json_spans.load(self.path, self.spans.outer["set_information"])
        rows = told.get("statistics") if isinstance(told, dict) else told
        if not isinstance(rows, list):
            return {}
        named = {str(row.get("name", "")): row for row in rows if isinstance(row, dict)}
        counts = {name: (_positive(r.get("count")), number(r.get("images")))
                  for name, r in named.items()}  # fmt: skip
        return {name: pair for name, pair in counts.items() if np.isfinite(pair[0])}

    def _regions(self) -> tuple[dict[str, int], list[tuple[str, ...]]] | None:
        """Members of each set, and the sets of each image; None where particles do not tell."""
        members: dict[str, int] = {}
        sets_of: dict[int, tuple[str, ...]] = {}
        wanted = {p.particle for p in self.pictures}
        told = False
        for span in self.spans.elements["particles"].tolist():
            particle, regions = _region(self.path, (span[0], span[1]))
            told |= regions is not None
            names = tuple(regions or ()) or ("",)  # in none: the rest
            for name in names:
                members[name] = members.get(name, 0) + 1
            if particle in wanted:
                sets_of[particle] = names
        of_picture = [sets_of.get(p.particle, ("",)) for p in self.pictures]
        for names in of_picture:  # an image of a particle that is not in the file
            members.setdefault(names[0], 1)
        return (members, of_picture) if told else None


def _region(path: Path, span: Span) -> tuple[int, list[str] | None]:
    """Give identifier and sets of a particle; pulse shapes that come later are not decoded."""
    text = json_spans.read(path, span)
    head, shapes, _ = text.partition(b'"pulseShapes"')
    particle: Any = None
    if shapes:
        try:
            particle = json_spans.decode(head.rstrip(b", \t\r\n") + b"}", path)
        except InputError:
            particle = None
    if particle is None or "region" not in particle:
        particle = json_spans.decode(text, path)
    told, regions = number(particle.get("particleId")), particle.get("region")
    names = [regions] if isinstance(regions, str) else regions
    identifier = int(told) if np.isfinite(told) else -2
    return identifier, [str(name) for name in names] if isinstance(names, list) else None


def _tally(of_picture: Iterable[Sequence[str]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for names in of_picture:
        for name in names:
            found[name] = found.get(name, 0) + 1
    return found
