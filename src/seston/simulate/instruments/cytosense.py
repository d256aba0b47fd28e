"""CytoSense: measurements of a mooring as Cyz2Json writes them, without real pulse shapes.

Images are taken of every particle of a rare set and of some of a common one, so that only weighted
images tell concentrations. The objects of the truth are the particles with an image, its expected
concentrations those of all.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seston.atomic import new_folder
from seston.simulate.instruments.registry import Row, simulator
from seston.simulate.kinds import LABELS
from seston.simulate.samples import Individual, Water, populate, portray, write_truth

_KINDS = ("diatom_chain", "acantharian", "trichodesmium", "fecal_pellet")
_COMMON = "fecal_pellet"
#: One in so many of the common set has an image.
_EVERY = 3
#: Measurements, and factor on the natural concentrations of things 40 times larger.
_SIZES = {"tiny": (6, 8e4), "demo": (12, 8e5), "full": (48, 8e6)}
_PIXEL_UM, _SHRINK, _LONGEST_MM = 0.66, 40.0, 6.0
_CAMERA = (1200, 1920)
_LEVEL, _NOISE, _MARGIN_PX = 150.0, 1.0, 10
_PUMPED_UL, _KEPT = 600.0, 0.8
_START, _STEP = np.datetime64("2022-05-01T06:00", "ns"), np.timedelta64(2, "h")
_PLACE = {"latitude": "43.4", "longitude": "7.5", "depth_m": "4"}


@simulator("cytosense")
def write(folder: Path, size: str, seed: int, workers: int) -> Row:  # noqa: ARG001 - quick enough
    """Write measurements and truth."""
    number, scale = _SIZES[size]
    waters = [_water(i) for i in range(number)]
    seen = populate(waters, _KINDS, seed, scale=scale, longest_mm=_LONGEST_MM)
    imaged: list[Individual] = []
    columns: dict[str, list[object]] = {"source_id": [], "top": [], "left": [], "area_px": [],
                                        "weight": []}  # fmt: skip
    with new_folder(folder) as draft:
        (draft / "json").mkdir()
        for i, water in enumerate(waters):
            own = [one for one in seen if one.water == i]
            rng = np.random.default_rng([seed, 0xC170, i])
            told, chosen, found = _measurement(water, own, rng)
            path = draft / "json" / f"{water.sample}.json"
            path.write_text(json.dumps(told, indent=1), encoding="utf-8-sig")
            imaged += chosen
            for name, values in found.items():
                columns[name] += values
        write_truth(draft / "truth", waters, imaged, _KINDS, scale, **columns)
    return {"path": "json", **_PLACE}


def _water(i: int) -> Water:
    start = _START + i * _STEP
    hour = str(start.astype("datetime64[m]"))[11:].replace(":", "h")
    return Water(
        sample=f"mooring {str(start)[:10]} {hour}", time=start, latitude=43.4, longitude=7.5,
        depth_min=2.0, depth_max=6.0, volume_m3=_PUMPED_UL * _KEPT * 1e-9,
    )  # fmt: skip


def _measurement(
    water: Water, own: Sequence[Individual], rng: np.random.Generator
) -> tuple[dict[str, Any], list[Individual], dict[str, list[object]]]:
    """Give the JSON of a measurement, who has an image, and where each of these is."""
    common = [LABELS[one.kind] == _COMMON for one in own]
    number = np.cumsum(common).tolist()
    has = [not c or n % _EVERY == 1 for c, n in zip(common, number, strict=True)]
    chosen = [replace(one) for one, yes in zip(own, has, strict=True) if yes]
    particles = [_particle(i, yes, ["common" if c else "rare"])
                 for i, (yes, c) in enumerate(zip(has, common, strict=True))]  # fmt: skip
    sets = [_set("default", particles), *(_set(name, particles) for name in ("rare", "common"))]
    weights = {s["name"]: s["count"] / max(s["images"], 1) for s in sets}
    found: dict[str, list[object]] = {"source_id": [], "top": [], "left": [], "area_px": [],
                                      "weight": []}  # fmt: skip
    images = []
    for i in np.flatnonzero(has).tolist():
        portrait = portray(own[i], _PIXEL_UM * 1e-3, shrink=_SHRINK)
        pixels = _expose(np.pad(portrait.dark, _MARGIN_PX, constant_values=240), rng)
        top, left = (int(rng.integers(side - length)) for side, length in
                     zip(_CAMERA, pixels.shape, strict=True))  # fmt: skip
        images.append(_image(i, top, left, pixels))
        row = (f"{water.sample}_{i}", top, left, int(portrait.mask.sum()),
               weights["common" if common[i] else "rare"])  # fmt: skip
        for name, value in zip(found, row, strict=True):
            found[name].append(value)
    told = {
        "filename": f"{water.sample}.cyz",
        "instrument": _instrument(water, len(own), len(images)),
        "set_information": {"definition": "<sets/>", "statistics": sets},
        "particles": particles,
        "images": images,
    }
    return told, chosen, found


def _particle(i: int, has_image: bool, region: list[str]) -> dict[str, Any]:
    shape = {"description": "FWS", "values": [0.0, 20.0, 40.0, 20.0, 0.0]}
    parameter = {"description": "FWS", "length": 12.5, "total": 80.0, "maximum": 40.0}
    return {"particleId": i, "hasImage": has_image, "region": region, "pulseShapes": [shape],
            "parameters": [parameter]}  # fmt: skip


def _set(name: str, particles: Sequence[dict[str, Any]]) -> dict[str, Any]:
    own = [p for p in particles if name == "default" or name in p["region"]]
    images = sum(p["hasImage"] for p in own)
    volume = _PUMPED_UL * _KEPT * images / len(own) if own and name != "default" else "NaN"
    return {"name": name, "count": len(own), "images": images, "imaged_volume": volume}


def _expose(dark: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    light = dark * (_LEVEL / 240) + rng.normal(0, _NOISE, dark.shape)
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)


def _image(particle: int, top: int, left: int, pixels: NDArray[np.uint8]) -> dict[str, Any]:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95)
    rectangle = {"X": left, "Y": top, "Width": pixels.shape[1], "Height": pixels.shape[0]}
    return {"particleId": particle, "base64": base64.b64encode(file.getvalue()).decode("ascii"),
            "cropRectangle": rectangle}  # fmt: skip


def _instrument(water: Water, particles: int, images: int) -> dict[str, Any]:
    return {
        "name": "simulated",
        "serialNumber": "CS-0000-00",
        "measurementSettings": {
            "CytoSettings": {"CytoSettings": {"iif": {"ImageScaleMuPerPixelP": _PIXEL_UM}}}
        },
        "measurementResults": {
            "start": f"{str(water.time)[:19]}+00:00",
            "duration": 600.0,
            "particleCount": round(particles / _KEPT),
            "particlesInFileCount": particles,
            "pictureCount": images,
            "pumpedVolume": _PUMPED_UL,
            "analysedVolume": _PUMPED_UL * _KEPT,
        },
    }
