"""EcoTaxa: an import bundle as ZooProcess writes it, of net hauls under a flatbed scanner.

Each haul was sieved: its large animals are one acquisition, its small ones another, divided more
often. With the habits of real bundles: a row of types, latin-1, a position as degrees and minutes
and one in decimals, times without their zeros, names with ``/`` and ``:``, a scale bar under each
picture, a second picture of some objects, and an ``esd`` that is 2 area / pi.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from seston.atomic import new_folder
from seston.simulate.instruments.registry import Row, simulator
from seston.simulate.kinds import LABELS
from seston.simulate.samples import Individual, Water, populate, portray, write_truth

_ZOOSCAN = 0xEC0
_PIXEL_MM = 0.0106
_THRESHOLD = 243
_SCAN_WIDTH = 14_000
_FOOTER = 31
_LARGE = ("chaetognath", "shrimp", "hydromedusa")
_SMALL = ("copepod", "appendicularian", "pteropod", "acantharian", "doliolid")
_KINDS = (*_SMALL, *_LARGE)
#: Hauls, and a factor on the natural concentrations.
_SIZES = {"tiny": (2, 0.1), "demo": (6, 0.25), "full": (60, 1.0)}


@dataclass(frozen=True, slots=True)
class _Fraction:
    haul: int
    name: str
    kinds: tuple[str, ...]
    part: int
    meshes: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    """An object as ZooProcess cut it out, and its row."""

    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_]


@simulator("ecotaxa")
def write(folder: Path, size: str, seed: int, workers: int) -> Row:  # noqa: ARG001 - none needed
    """Write a bundle: a folder with a table and pictures for each acquisition, and the truth."""
    hauls, scale = _SIZES[size]
    with new_folder(folder) as draft:
        waters: list[Water] = []
        seen: list[Individual] = []
        truth: dict[str, list[object]] = {"source_id": [], "area_px": [], "top": [], "left": []}
        for fraction in _fractions(hauls):
            water = _water(fraction)
            own = populate([water], fraction.kinds, seed + 1000 * len(waters), scale=scale)
            own = [Individual(len(waters), i.kind, i.size_mm, i.seed) for i in own]
            _write_acquisition(draft / "bundle", fraction, water, own, truth)
            waters.append(water)
            seen += own
        write_truth(draft / "truth", waters, seen, _KINDS, scale, **truth)
    return {"path": "bundle"}


def _fractions(hauls: int) -> list[_Fraction]:
    return [
        fraction
        for haul in range(hauls)
        for fraction in (
            _Fraction(haul, "d1", _LARGE, 4, (1000, 999_999)),
            _Fraction(haul, "d2", _SMALL, 32, (200, 1000)),
        )
    ]


def _filtered_m3(haul: int) -> float:
    return 40.0 + 5 * (haul % 4)


def _water(fraction: _Fraction) -> Water:
    """Give the water of a haul; of its volume the share that was looked at."""
    haul = fraction.haul
    start = np.datetime64("2021-06-15T00:05:00", "ns")
    return Water(
        sample=f"15/06/2021_{haul:02d}:05_wp2",
        time=start + np.timedelta64(haul % 24, "h") + np.timedelta64(haul // 24, "D"),
        latitude=43.4 + 0.025 * (haul % 20),
        longitude=-7.5,
        depth_min=0.0,
        depth_max=100.0,
        volume_m3=_filtered_m3(haul) / fraction.part,
    )


def _write_acquisition(
    bundle: Path,
    fraction: _Fraction,
    water: Water,
    own: Sequence[Individual],
    truth: dict[str, list[object]],
) -> None:
    name = f"haul{fraction.haul:02d}_{fraction.name}"
    folder = bundle / name
    folder.mkdir(parents=True)
    rows: list[dict[str, object]] = []
    top, left, tallest = 40, 40, 0
    for number, individual in enumerate(own, start=1):
        picture = _picture(individual)
        height, width = picture.mask.shape
        if left + width + 40 > _SCAN_WIDTH:
            top, left, tallest = top + tallest + 40, 40, 0
        row = _row(picture, top, left) | _shared(fraction, water, name)
        row["object_id"] = f"{name}_{number}"
        row["object_annotation_category"] = LABELS[individual.kind]
        row["object_annotation_status"] = "validated" if number % 2 else "predicted"
        rows += _pictured(folder, row, picture, number)
        for key, value in (("source_id", row["object_id"]), ("area_px", int(picture.mask.sum())),
                           ("top", top), ("left", left)):  # fmt: skip
            truth[key].append(value)
        left, tallest = left + width + 40, max(tallest, height)
    _write_table(folder / f"ecotaxa_{name}.tsv", rows or [_shared(fraction, water, name)], rows)


def _pictured(
    folder: Path, row: dict[str, object], picture: _Picture, number: int
) -> list[dict[str, object]]:
    """Write the picture of an object, and of some a second one; give a row for each."""
    found = []
    for rank in range(2 if number % 7 == 3 else 1):
        file = f"{row['object_id']}{'_again' * rank}.png"
        done, data = cv2.imencode(".png", picture.pixels)
        if not done:
            raise OSError(f"{file} cannot be written")
        (folder / file).write_bytes(data.tobytes())
        found.append({"img_file_name": file, "img_rank": rank, **row})
    return found


def _picture(individual: Individual) -> _Picture:
    """Draw an object on white, a fifth of its box around it, and a scale bar below."""
    portrait = portray(individual, _PIXEL_MM)
    mask = _largest(portrait.mask)
    lines, columns = np.any(mask, axis=1).nonzero()[0], np.any(mask, axis=0).nonzero()[0]
    box = np.s_[lines[0] : lines[-1] + 1, columns[0] : columns[-1] + 1]
    mask, dark = mask[box], portrait.dark[box].astype(np.int16) + 15
    level = np.where(mask, np.minimum(dark, _THRESHOLD), 255)
    high, wide = round(mask.shape[0] * 1.4), round(mask.shape[1] * 1.4)
    pixels = np.full((high + _FOOTER, wide), 255, np.uint8)
    top, left = (high - mask.shape[0]) // 2, (wide - mask.shape[1]) // 2
    pixels[top : top + mask.shape[0], left : left + mask.shape[1]] = level
    pixels[high + 20 : high + 23, 8 : 8 + round(1 / _PIXEL_MM)] = 0
    return _Picture(pixels, mask)


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return np.asarray(labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA])), bool)


def _filled(mask: NDArray[np.bool_]) -> int:
    """Count the pixels of an object and of its holes."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    canvas = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(canvas, outlines, -1, 1, cv2.FILLED)
    return int(canvas.sum())


def _row(picture: _Picture, top: int, left: int) -> dict[str, object]:
    mask = picture.mask
    line, column = np.nonzero(mask)
    high, wide = mask.shape
    y, x = (len(picture.pixels) - _FOOTER - high) // 2, (picture.pixels.shape[1] - wide) // 2
    grey = picture.pixels[y : y + high, x : x + wide][mask]
    cover = np.cov(column, line, bias=True) if len(line) > 1 else np.eye(2)
    axes = 4 * np.sqrt(np.maximum(np.linalg.eigvalsh(cover), 1e-2))
    area = _filled(mask)
    return {
        "object_bx": left, "object_by": top, "object_width": wide, "object_height": high,
        "object_area": area, "object_area_exc": len(line), "object_esd": int(2 * area / np.pi),
        "object_major": round(float(axes[1]), 2), "object_minor": round(float(axes[0]), 2),
        "object_mean": round(float(grey.mean()), 2), "object_min": int(grey.min()),
        "object_max": int(grey.max()), "object_angle": 0,
    }  # fmt: skip


def _shared(fraction: _Fraction, water: Water, name: str) -> dict[str, object]:
    stamp = str(water.time.astype("datetime64[m]"))
    minutes = round(water.latitude * 60, 6)
    text = f"{int(minutes // 60)}\xb0{int(minutes % 60)} {round(minutes % 1 * 60)}"
    return {
        "object_lat": text if fraction.haul % 2 else round(water.latitude, 6),
        "object_lon": water.longitude,
        "object_date": stamp[:10].replace("-", ""),
        "object_time": str(int(stamp[11:].replace(":", ""))),
        "object_depth_min": water.depth_min, "object_depth_max": water.depth_max,
        "sample_id": water.sample, "sample_tot_vol": _filtered_m3(fraction.haul),
        "sample_comment": "filet \xe9chantillonneur 57\" de diam\xe8tre",
        "acq_id": name, "acq_instrument": "zooscan", "acq_sub_part": fraction.part,
        "acq_min_mesh": fraction.meshes[0], "acq_max_mesh": fraction.meshes[1],
        "process_id": f"zooprocess_{name}", "process_particle_pixel_size_mm": _PIXEL_MM,
        "process_particle_threshold": _THRESHOLD,
    }  # fmt: skip


_TEXTS = ("id", "name", "category", "status", "date", "comment", "instrument")


def _write_table(
    path: Path, header: Sequence[dict[str, object]], rows: Sequence[dict[str, object]]
) -> None:
    names = list(header[0]) if rows else ["object_id", *header[0]]
    types = ["[t]" if name.endswith(_TEXTS) else "[f]" for name in names]
    lines = ["\t".join(names), "\t".join(types)]
    lines += ["\t".join(str(row[name]) for name in names) for row in rows]
    path.write_bytes(("\n".join(lines) + "\n").encode("latin-1"))
