"""LOKI: vertical hauls, their vignettes, telemetry and logs, as `readers.loki` describes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gsw
import numpy as np
from PIL import Image

from seston.atomic import new_folder
from seston.frame import UInt8Array
from seston.simulate.instruments.registry import Row, simulator
from seston.simulate.samples import Individual, Water, populate, portray, write_truth

_KINDS = ("copepod", "acantharian", "pteropod", "appendicularian", "trichodesmium", "fecal_pellet")
_PIXEL_MM = 0.03
_FRAME_L = 0.2  # water in one picture
_RATE_HZ = 20
_SPEED_M_S = 0.5
_BIN_M = 5.0
_SIDE = 2048
_CELL = 256  # vignettes of a picture lie in cells of their own
_LATITUDE, _LONGITUDE = 43.45, 7.80
_FIELDS = {1: "LOKI_SIM", 2: "", 5: _LONGITUDE, 6: _LATITUDE}


@dataclass(frozen=True, slots=True)
class _Haul:
    name: str
    start: np.datetime64
    deepest_m: float

    @property
    def seconds(self) -> int:
        return round(self.deepest_m / _SPEED_M_S)

    def depth(self, second: float) -> float:
        return self.deepest_m - _SPEED_M_S * second


@simulator("loki")
def write(folder: Path, size: str, seed: int, workers: int) -> Row:  # noqa: ARG001 - one is enough
    """Write hauls and truth."""
    number, deepest = {"tiny": (2, 20.0), "demo": (4, 60.0), "full": (12, 500.0)}[size]
    begin = np.datetime64("2023-09-03T11:22:33", "ns")
    hauls = [
        _Haul(f"{i + 1:04d}_SIM-{i + 1}", begin + np.timedelta64(i, "h"), deepest)
        for i in range(number)
    ]
    waters = [water for haul in hauls for water in _waters(haul)]
    seen = populate(waters, _KINDS, seed, longest_mm=5.0)
    with new_folder(folder) as draft:
        placed = [_write_haul(draft / "hauls", i, haul, waters, seen, seed)
                  for i, haul in enumerate(hauls)]  # fmt: skip
        told = {key: value for one in placed for key, value in one.items()}
        rows = [told[i] for i in range(len(seen))]
        write_truth(
            draft / "truth", waters, seen, _KINDS,
            source_id=[r[0] for r in rows], area_px=[r[1] for r in rows],
            top=[r[2] for r in rows], left=[r[3] for r in rows],
        )  # fmt: skip
    return {"path": "hauls", "pixel_width_mm": str(_PIXEL_MM), "imaged_volume_l": str(_FRAME_L)}


def _waters(haul: _Haul) -> list[Water]:
    """Cut the way up in bins of depth, the deepest first."""
    lasts = round(_BIN_M / _SPEED_M_S)
    return [
        Water(
            sample=haul.name,
            time=haul.start + np.timedelta64(begin, "s"),
            latitude=_LATITUDE,
            longitude=_LONGITUDE,
            depth_min=haul.depth(begin) - _BIN_M,
            depth_max=haul.depth(begin),
            volume_m3=lasts * _RATE_HZ * _FRAME_L * 1e-3,
        )
        for begin in range(0, haul.seconds, lasts)
    ]


def _write_haul(
    folder: Path,
    number: int,
    haul: _Haul,
    waters: Sequence[Water],
    seen: Sequence[Individual],
    seed: int,
) -> dict[int, tuple[str, int, int, int]]:
    """Write a haul; give name, area and place of each of its individuals."""
    place = folder / haul.name
    for name in ("Pictures", "Telemetrie", "Log"):
        (place / name).mkdir(parents=True)
    _write_logs(place, haul)
    rng = np.random.default_rng([seed, number])
    mine = [i for i, one in enumerate(seen) if waters[one.water].sample == haul.name]
    lasts = round(_BIN_M / _SPEED_M_S)
    taken: set[tuple[int, int]] = set()
    told = {}
    for i in mine:
        bin_number = round((haul.deepest_m - waters[seen[i].water].depth_max) / _BIN_M)
        frame, cell = _free(rng, bin_number * lasts * _RATE_HZ, lasts * _RATE_HZ, taken)
        told[i] = _write_vignette(place / "Pictures", haul, frame, cell, i, seen[i], rng)
    return told


def _free(
    rng: np.random.Generator, first: int, count: int, taken: set[tuple[int, int]]
) -> tuple[int, int]:
    """Draw a picture, and a cell of it in which nothing lies yet."""
    while True:
        spot = first + int(rng.integers(count)), int(rng.integers((_SIDE // _CELL) ** 2))
        if spot not in taken:
            taken.add(spot)
            return spot


def _write_vignette(
    folder: Path,
    haul: _Haul,
    frame: int,
    cell: int,
    number: int,
    individual: Individual,
    rng: np.random.Generator,
) -> tuple[str, int, int, int]:
    portrait = portray(individual, _PIXEL_MM)
    noise = rng.normal(6.0, 1.5, portrait.bright.shape)
    pixels: UInt8Array = np.clip(portrait.bright + noise, 0, 255).astype(np.uint8)
    top, left = (_CELL * part + int(rng.integers(20)) for part in divmod(cell, _SIDE // _CELL))
    milliseconds = round((frame + 0.5) * 1000 / _RATE_HZ)
    time = haul.start + np.timedelta64(milliseconds, "ms")
    day, clock = _stamp(time)
    part = folder / f"{day} {clock[:4]}"
    part.mkdir(exist_ok=True)
    name = f"{day} {clock}  {milliseconds % 1000:03d}  {number:06d} {left:04d} {top:04d}"
    Image.fromarray(pixels).save(part / f"{name}.bmp")
    return name, int(portrait.mask.sum()), top, left


def _stamp(time: np.datetime64) -> tuple[str, str]:
    text = str(time.astype("datetime64[s]")).replace("-", "").replace(":", "")
    return text[:8], text[9:15]


def _write_logs(place: Path, haul: _Haul) -> None:
    day, clock = _stamp(haul.start)
    log = {
        1: f"{day[6:]}.{day[4:6]}.{day[:4]}", 2: f"{clock[:2]}:{clock[2:4]}:{clock[4:]}",
        8: "SIM", 9: "Süd", 11: haul.name, 12: "Müller", 13: "Schiff", 17: 1, 18: _LONGITUDE,
        19: _LATITUDE,
    }  # fmt: skip
    (place / "Log" / "LOKI_1.log").write_bytes(_lines(log).encode("cp1252"))
    for second in range(haul.seconds + 1):
        depth = haul.depth(second)
        values = _FIELDS | {
            10: 10 * gsw.p_from_z(-depth, _LATITUDE), 11: 24 - 0.1 * depth, 20: 7.2, 21: 98.0,
            32: 38.0 + 0.002 * depth, 40: 0.4, 231: second * _RATE_HZ, 232: float(_RATE_HZ),
        }  # fmt: skip
        name = " ".join(_stamp(haul.start + np.timedelta64(second, "s")))
        (place / "Telemetrie" / f"{name}.tmd").write_bytes(_lines(values).encode())


def _lines(values: dict[int, object]) -> str:
    """Write ``number;value``, with decimal commas."""
    texts = {k: f"{v:.4f}".replace(".", ",") if isinstance(v, float) else str(v)
             for k, v in values.items()}  # fmt: skip
    return "".join(f"{key};{text}\r\n" for key, text in texts.items())
