"""IFCB: bins of both generations from a pier, in which small things live.

The first bin is of the first generation, and its long things are cut into two overlapping ROIs.
The header of the third claims ten times the time that its rows tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seston.atomic import new_folder
from seston.simulate.instruments.registry import Row, simulator
from seston.simulate.samples import (
    Individual,
    Portrait,
    Water,
    populate,
    portray,
    write_truth,
)

_KINDS = ("diatom_chain", "acantharian", "trichodesmium", "radiolarian_colony")
#: Bins, triggers in each, and factor on the natural concentrations of things 100 times larger.
_SIZES = {"tiny": (8, 60, 4e4), "demo": (24, 600, 4e5), "full": (72, 6000, 4e6)}
_PIXEL_MM, _SHRINK, _LONGEST_MM = 1 / 3400, 100.0, 6.0
_CAMERA = (1034, 1380)
_LEVEL, _NOISE = 205.0, 1.2
_ML_PER_S, _RUN_S, _INHIBIT_S, _GRAB_S = 0.25 / 60, 1200.0, 0.0993, 0.05
_PAUSE_S, _FASTEST_S = 0.1, 0.073
_START, _EVERY = np.datetime64("2013-07-25T10:00", "ns"), np.timedelta64(25, "m")
_PLACE = {"latitude": "43.4", "longitude": "7.5", "depth_m": "4"}
_SPLIT_PX = 60
_FORMAT = (
    "trigger#, ADC_time, PMTA, PMTB, PMTC, PMTD, peakA, peakB, peakC, peakD, time of flight, "
    "grabtimestart, grabtimeend, ROIx, ROIy, ROIwidth, ROIheight,start_byte, comparator_out, "
    "STartPoint, SignalLength, status, runTime, inhibitTime"
)


@dataclass(frozen=True, slots=True, eq=False)
class _Roi:
    """A region of interest: its trigger, its place in the camera's image, its pixels."""

    trigger: int
    top: int
    left: int
    pixels: NDArray[np.uint8]


@simulator("ifcb")
def write(folder: Path, size: str, seed: int, workers: int) -> Row:
    """Write bins and truth; the bytes do not depend on the number of workers."""
    bins, triggers, scale = _SIZES[size]
    waters = [_water(number, triggers) for number in range(bins)]
    seen = populate(waters, _KINDS, seed, scale=scale, longest_mm=_LONGEST_MM)
    parts = [[one for one in seen if one.water == number] for number in range(bins)]
    with new_folder(folder) as draft:
        (draft / "bins").mkdir()
        make = partial(_write_bin, draft / "bins", triggers, seed)
        told = _map(make, range(bins), parts, workers)
        columns = zip(*(one for part in told for one in part), strict=True)
        found = dict(zip(("source_id", "top", "left", "area_px"), columns, strict=True))
        write_truth(draft / "truth", waters, seen, _KINDS, scale, **found)
    return {"path": "bins", **_PLACE}


_Told = tuple[str, int, int, int]


def _map(
    make: Callable[[int, Sequence[Individual]], list[_Told]],
    numbers: Sequence[int],
    parts: Sequence[Sequence[Individual]],
    workers: int,
) -> list[list[_Told]]:
    if workers <= 1:
        return list(map(make, numbers, parts))
    with ProcessPoolExecutor(min(workers, len(numbers)), get_context("spawn")) as pool:
        return list(pool.map(make, numbers, parts))


def _water(number: int, triggers: int) -> Water:
    start = _START + number * _EVERY
    if number == 0:
        looked = _RUN_S - (triggers - 1) * _PAUSE_S - _FASTEST_S
    else:
        # The rows end with the last trigger, the header with the syringe.
        ran = _times(triggers)[-1] + _GRAB_S if number == 2 else _RUN_S
        looked = ran - triggers * _INHIBIT_S
    return Water(
        sample=_sample(number), time=start, latitude=43.4, longitude=7.5, depth_min=2.0,
        depth_max=6.0, volume_m3=looked * _ML_PER_S * 1e-6,
    )  # fmt: skip


def _sample(number: int) -> str:
    start = (_START + number * _EVERY).astype("datetime64[s]")
    date, clock = str(start).replace(":", "").split("T")
    if number:
        return f"D{date.replace('-', '')}T{clock}_IFCB013"
    day = int((start.astype("datetime64[D]") - np.datetime64(date[:4])).astype(int)) + 1
    return f"IFCB1_{date[:4]}_{day:03d}_{clock}"


def _times(triggers: int) -> NDArray[np.float64]:
    """Give the times of triggers, s; the last is shortly before the syringe is empty."""
    return np.linspace(8.0, _RUN_S - 4.0, triggers)


def _cut(
    own: Sequence[Individual], number: int, triggers: int, rng: np.random.Generator
) -> tuple[list[_Roi], list[_Told]]:
    """Give the ROIs of a bin in the order of triggers, and where each individual is."""
    order = rng.permutation(triggers - 1)  # the last trigger finds nothing
    # Now and then a trigger finds two; not where ROIs that overlap would be stitched.
    shared = [1 if number and i % 9 == 8 else 0 for i in range(len(own))]
    places = [int(order[(i - two) % len(order)]) for i, two in enumerate(shared)]
    rois: list[_Roi] = []
    told: dict[int, _Told] = {}
    for i in map(int, np.argsort(places, kind="stable")):
        portrait = portray(own[i], _PIXEL_MM, shrink=_SHRINK)
        pixels = _expose(portrait, rng)
        top, left = (int(rng.integers(side - length)) for side, length in
                     zip(_CAMERA, pixels.shape, strict=True))  # fmt: skip
        # A ROI's number is that of its row, and triggers without any have rows too.
        row = places[i] + 1 + len(rois) - len({roi.trigger for roi in rois} - {places[i]})
        name = f"{_sample(number)}_{row:05d}"
        told[i] = (name, top, left, int(portrait.mask.sum()))
        rois += _rois(places[i], top, left, pixels, portrait, split=number == 0)
    return rois, [told[i] for i in range(len(own))]


def _expose(portrait: Portrait, rng: np.random.Generator) -> NDArray[np.uint8]:
    light = portrait.dark * (_LEVEL / 240) + rng.normal(0, _NOISE, portrait.dark.shape)
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)


def _rois(
    trigger: int,
    top: int,
    left: int,
    pixels: NDArray[np.uint8],
    portrait: Portrait,
    *,
    split: bool,
) -> list[_Roi]:
    """Give one ROI, or two that overlap, the second no higher than what it shows."""
    width = pixels.shape[1]
    if not split or width < _SPLIT_PX:
        return [_Roi(trigger, top, left, pixels)]
    middle = width // 2
    shown = np.flatnonzero(portrait.mask[:, middle - 6 :].any(axis=1))
    low, high = (shown[0] - 3, shown[-1] + 4) if len(shown) else (0, len(pixels))
    low, high = max(int(low), 0), min(int(high), len(pixels))
    return [
        _Roi(trigger, top, left, pixels[:, : middle + 6]),
        _Roi(trigger, top + low, left + middle - 6, pixels[low:high, middle - 6 :]),
    ]


def _write_bin(
    folder: Path, triggers: int, seed: int, number: int, own: Sequence[Individual]
) -> list[_Told]:
    """Write the three files of a bin; say where each individual is."""
    rng = np.random.default_rng([seed, 0x1FCB, number])
    rois, told = _cut(own, number, triggers, rng)
    name = _sample(number)
    lead = b"\0" if number == 0 else b""
    content = b"".join([lead, *(roi.pixels.tobytes() for roi in rois)])
    (folder / f"{name}.roi").write_bytes(content)
    starts = len(lead) + np.cumsum([0, *(roi.pixels.size for roi in rois)])
    by_trigger: list[list[tuple[int, int, int, int, int]]] = [[] for _ in range(triggers)]
    for roi, start in zip(rois, starts, strict=False):
        height, width = roi.pixels.shape
        by_trigger[roi.trigger].append((roi.left, roi.top, width, height, int(start)))
    lines = _first_rows(by_trigger, rng) if number == 0 else _second_rows(by_trigger, rng)
    (folder / f"{name}.adc").write_text("".join(f"{line}\n" for line in lines))
    header = _first_header() if number == 0 else _second_header(number, triggers, len(rois))
    (folder / f"{name}.hdr").write_text(header)
    return told


_Boxes = Sequence[Sequence[tuple[int, int, int, int, int]]]


def _first_rows(by_trigger: _Boxes, rng: np.random.Generator) -> list[str]:
    # The last frame is grabbed when the syringe is empty: its time is that of running.
    grabbed = np.append(_times(len(by_trigger))[:-1], _RUN_S)
    ready = np.append(0.0, grabbed[:-1] + _PAUSE_S)
    lines = []
    for i, found in enumerate(by_trigger):
        light = ",".join(f"{v:.7f}" for v in rng.normal(0, 1, 5))
        for box in found or [(-11, -11, 0, 0, 0)]:
            place = ",".join(map(str, box))
            lines.append(f"{i + 1},{grabbed[i] + 0.05:.7f},{light},{ready[i]:.7f},"
                         f"{grabbed[i]:.7f},{place},-.01,")  # fmt: skip
    return lines


def _second_rows(by_trigger: _Boxes, rng: np.random.Generator) -> list[str]:
    lines = []
    for i, (time, found) in enumerate(zip(_times(len(by_trigger)), by_trigger, strict=True)):
        light = ",".join(f"{v:.5f}" for v in abs(rng.normal(0, 1, 8)))
        for box in found or [(0, 0, 0, 0, 0)]:
            place = ",".join(map(str, box))
            lines.append(
                f"{i + 1},{time:.6f},{light},-999.00000,{time:.6f},{time + 0.047:.6f},{place},"
                f"-999.000000,0,0,0,{time + _GRAB_S:.6f},{(i + 1) * _INHIBIT_S:.6f}"
            )
    return lines


def _first_header() -> str:
    return (
        '"Imaging FlowCytobot Acquisition Software version 1.0; October 2005"\n"simulated"\n'
        '"simulated"\n"SyringeStatus =  0"\n"Temp Humidity BinarizeThresh PMT1hv(ssc) '
        'PMT2hv(chl) BlobSizeThresh"\n" 11.5"," 32.2"," 30"," .675"," .6"," 10"\n'
    )


def _second_header(number: int, triggers: int, rois: int) -> str:
    ran = _RUN_S * 10 if number == 2 else _RUN_S
    pairs = {
        "softwareVersion": "simulated",
        "imagerID": "13\t",
        "triggerCount": triggers,
        "roiCount": rois,
        "SyringeSampleVolume": "5.000000\t",
        "runTime": f"{ran:.6f}\t",
        "inhibitTime": f"{triggers * _INHIBIT_S:.6f}\t",
        "temperature": "35.270397\t",
        "humidity": "2.486850\t",
        "ADCFileFormat": _FORMAT,
    }
    return "".join(f"{key}: {value}\n" for key, value in pairs.items())
