"""Put organisms in the water, and take the picture: pixels and truth of one file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from seston.simulate.kinds import KINDS, Kind
from seston.simulate.light import Light, add_noise
from seston.simulate.settings import TowSettings
from seston.simulate.sketch import Stamp, stamp
from seston.simulate.tow import File, Tow

UInt8Array = NDArray[np.uint8]
_PLACES, _OBJECT, _NOISE = 0xB10, 0x0B1, 0x015E  # streams of random numbers


@dataclass(frozen=True, slots=True)
class Place:
    """An object that is in the water, before it is drawn.

    Parameters
    ----------
    kind : int
        Index into `KINDS`.
    file, frame : int
        File of the tow and frame in it where its middle lies.
    line : float
        Line of its middle, in the tow.
    column : float
        Column of its middle.
    size_mm : float
        Length that it is drawn at, mm.
    blur_mm : float
        Radius of its disc of confusion, mm; 0 in focus.
    seed : int
        Seed of its shape and pose.
    """

    kind: int
    file: int
    frame: int
    line: float
    column: float
    size_mm: float
    blur_mm: float
    seed: int


@dataclass(frozen=True, slots=True)
class Seen:
    """An object as the camera sees it: its place, and its stamp cut to the scan.

    Parameters
    ----------
    stamp : Stamp
        `top` is a line of the tow.
    cut : bool
        Whether a border of the scan cuts it.
    """

    place: Place
    stamp: Stamp
    cut: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """One file: its pixels (line, column) and the objects whose middle lies in it."""

    pixels: UInt8Array
    seen: list[Seen]
    overlapped: list[float]


@lru_cache(maxsize=4)
def light_of(seed: int, width: int) -> Light:
    """Light of the tow of a seed."""
    return Light.draw(seed, width)


def factor(settings: TowSettings, kind: Kind) -> float:
    """Factor of a tow on the natural concentration of a kind."""
    return settings.plankton_factor if kind.plankton else settings.detritus_factor


def expected(tow: Tow, t: float) -> NDArray[np.float64]:
    """Give the expected concentration of each kind at a time of the tow, array (kind), m-3."""
    ocean, x, z = tow.ocean(), tow.distance_km(t), tow.depth(t)
    day = tow.daylight(t)
    natural = [kind.habitat.concentration(ocean, x, z, day) for kind in KINDS]
    return np.array(
        [float(c) * factor(tow.settings, k) for c, k in zip(natural, KINDS, strict=True)]
    )


def frame_middle(settings: TowSettings, file: File, frame: int) -> float:
    """Time of the middle of a frame, s."""
    return file.start_s + (frame + 0.5) * settings.frame_lines / settings.line_rate_hz


def places(tow: Tow, file: File, seed: int) -> list[Place]:
    """Objects whose middle lies in a file: Poisson draws of concentration x volume per frame."""
    s = tow.settings
    rng = np.random.default_rng([seed, _PLACES, file.index])
    found: list[Place] = []
    for frame in range(s.frames_per_file):
        t = frame_middle(s, file, frame)
        mean = expected(tow, t) * s.volume_m3(float(tow.speed(t)))
        first = file.first_line + frame * s.frame_lines
        for kind, count in enumerate(rng.poisson(mean)):
            found += [_place(rng, s, kind, file.index, frame, first) for _ in range(int(count))]
    return found


def _place(
    rng: np.random.Generator, s: TowSettings, kind: int, file: int, frame: int, first: int
) -> Place:
    blurred = rng.random() < s.blurred_share
    return Place(
        kind=kind,
        file=file,
        frame=frame,
        line=first + rng.random() * s.frame_lines,
        column=rng.random() * s.width,
        size_mm=KINDS[kind].size(rng),
        blur_mm=rng.uniform(0.08, 0.40) if blurred else 0.0,
        seed=int(rng.integers(1 << 62)),
    )


def see(place: Place, tow: Tow, file: File) -> Seen | None:
    """Draw an object, and cut it to its scan; None where nothing of it is left."""
    s = tow.settings
    rng = np.random.default_rng([place.seed, _OBJECT])
    height = pixel_height(tow, frame_middle(s, file, place.frame))
    drawn = stamp(
        KINDS[place.kind].draw(rng, place.size_mm),
        (place.column + 0.5) * s.pixel_width_mm,
        (place.line - file.scan_start + 0.5) * height,
        pixel_width=s.pixel_width_mm,
        pixel_height=height,
        blur_mm=place.blur_mm,
        rng=rng,
    )
    return _cut(place, drawn, file, s.width)


def pixel_height(tow: Tow, t: float) -> float:
    """Way of the vehicle from one line to the next, mm."""
    return float(tow.speed(t)) / tow.settings.line_rate_hz * 1e3


def _cut(place: Place, drawn: Stamp, file: File, width: int) -> Seen | None:
    rows, columns = drawn.mask.shape
    top = drawn.top + file.scan_start
    up, down = max(0, file.scan_start - top), min(rows, file.scan_stop - top)
    left, right = max(0, -drawn.left), min(columns, width - drawn.left)
    if up >= down or left >= right:
        return None
    inside = (slice(up, down), slice(left, right))
    mask = drawn.mask[inside]
    if not mask.any():
        return None
    kept = Stamp(drawn.attenuation[inside], mask, top + up, drawn.left + left, drawn.silhouette_mm2)
    return Seen(place, kept, bool(mask.sum() < drawn.mask.sum()))


def _reach(place: Place, height_mm: float) -> float:
    """Lines by which an object can extend from its middle, with room to spare."""
    return (0.8 * place.size_mm + 2 * place.blur_mm + 0.5) / height_mm


def _visitors(tow: Tow, files: list[File], file: File, seed: int) -> list[Seen]:
    """Objects of the neighbours in the scan that may reach into a file."""
    found: list[Seen] = []
    stop = file.first_line + tow.settings.file_lines
    for other in files:
        if other.scan != file.scan or abs(other.index - file.index) != 1:
            continue
        height = pixel_height(tow, other.start_s) * (1 - tow.settings.speed_variation)
        for place in places(tow, other, seed):
            gap = place.line - stop if other.index > file.index else file.first_line - place.line
            if gap <= _reach(place, height):
                seen = see(place, tow, other)
                found += [seen] if seen else []
    return found


def take(tow: Tow, files: list[File], file: File, seed: int) -> Scene:
    """Take the picture of one file: it depends on the seed and the file alone.

    Parameters
    ----------
    files : list of File
        All files of the tow, for objects that reach in from a neighbour.
    """
    s = tow.settings
    drawn = (see(place, tow, file) for place in places(tow, file, seed))
    own = [seen for seen in drawn if seen is not None]
    present = own + _visitors(tow, files, file, seed)
    grey = light_of(seed, s.width).lines(file.start_s, s.file_lines, 1 / s.line_rate_hz)
    crowd = np.zeros(grey.shape, np.uint8)
    for seen in present:
        _shade(grey, crowd, seen.stamp, file.first_line)
    add_noise(grey, np.random.default_rng([seed, _NOISE, file.index]))
    pixels = np.clip(np.rint(grey, out=grey), 0, 255, out=grey).astype(np.uint8)
    return Scene(pixels, own, [_overlap(crowd, o.stamp, file.first_line) for o in own])


def _window(seen: Stamp, first: int, lines: int) -> tuple[slice, slice, slice]:
    """Lines of the stamp inside the file; the same lines, and its columns, in the file."""
    up = max(0, first - seen.top)
    down = min(len(seen.mask), first + lines - seen.top)
    at = seen.top - first
    down = max(up, down)
    columns = slice(seen.left, seen.left + seen.mask.shape[1])
    return slice(up, down), slice(at + up, at + down), columns


def _shade(grey: NDArray[np.float32], crowd: UInt8Array, seen: Stamp, first: int) -> None:
    part, rows, columns = _window(seen, first, len(grey))
    grey[rows, columns] *= 1 - seen.attenuation[part]
    crowd[rows, columns] += seen.mask[part]


def _overlap(crowd: UInt8Array, seen: Stamp, first: int) -> float:
    """Share of an object's pixels (those in this file) that others cover as well."""
    part, rows, columns = _window(seen, first, len(crowd))
    mask = seen.mask[part]
    return float((crowd[rows, columns][mask] > 1).mean()) if mask.any() else 0.0
