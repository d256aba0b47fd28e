"""PlanktoScope: raw pictures of a flow-through microscope, with their metadata.

Small things of the shapes of the simulated sea, twenty times smaller, none over another. Dirt on
the glass stays where it is; the board's clock says 2019; numbers are texts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from seston.atomic import new_folder
from seston.simulate.instruments.registry import Row, simulator
from seston.simulate.samples import Individual, Water, expected, populate, portray, write_truth

_FRAME = 0x5C0
_PIXEL_MM = 0.00075
_SHRINK = 20.0
#: Side of the part of a frame in which one thing at most lies, pixels.
_CELL = 300
_KINDS = ("acantharian", "diatom_chain", "trichodesmium", "pteropod", "copepod")
#: Samples, frames of each, and cells down and across a frame.
_SIZES = {"tiny": (2, 14, (2, 3)), "demo": (3, 40, (4, 6)), "full": (12, 700, (10, 13))}
#: Water of a frame as deep as the flow cell, mL, of a frame of one cell.
_ML_PER_CELL = 2.7e-3 / 130
_CONCENTRATED_ML, _DILUTION, _TOTAL_L = 250.0, 2.0, 8000.0
#: Things that are wanted in a cell.
_FULLNESS = 0.25
_LIGHT = 190.0
_TINT_BGR = np.array([0.93, 1.0, 1.04])  # luminance of the sum stays that of the picture
_BT601_BGR = np.array([0.114, 0.587, 0.299])


@simulator("planktoscope")
def write(folder: Path, size: str, seed: int, workers: int) -> Row:  # noqa: ARG001 - none needed
    """Write runs below ``img``, and the truth."""
    count, frames, cells = _SIZES[size]
    cells_of_run = frames * cells[0] * cells[1]
    waters = [_water(n, cells_of_run) for n in range(count)]
    scale = _scale(waters[0], cells_of_run)
    seen = populate(waters, _KINDS, seed, scale=scale, longest_mm=_longest_mm())
    with new_folder(folder) as draft:
        truth: dict[str, list[object]] = {
            "file": [], "top": [], "left": [], "area_px": [], "cut": []}  # fmt: skip
        for number, water in enumerate(waters):
            own = [i for i in seen if i.water == number][:cells_of_run]
            _write_run(draft / "img", number, water, own, frames, cells, seed, truth)
        kept = sum(min(sum(i.water == n for i in seen), cells_of_run) for n in range(count))
        if kept != len(seen):
            raise ValueError("more things than a run has room for")
        write_truth(draft / "truth", waters, seen, _KINDS, scale, **truth)
    return {"path": "img"}


def _longest_mm() -> float:
    """Length of the largest thing that fits a cell with its margins."""
    return (_CELL - 60) * _PIXEL_MM * _SHRINK


def _water(number: int, cells: int) -> Water:
    """Give the sea water that all frames of a run stand for."""
    share = cells * _ML_PER_CELL / (_CONCENTRATED_ML * _DILUTION)
    return Water(
        sample=f"2021-11-09_{number + 9:02d}:00/F50",
        time=np.datetime64("2021-11-09T09:00", "ns") + np.timedelta64(number, "h"),
        latitude=43.4 + 0.05 * number,
        longitude=-5.2,
        depth_min=0.0,
        depth_max=10.0,
        volume_m3=_TOTAL_L * 1e-3 * share,
    )


def _scale(water: Water, cells: int) -> float:
    """Give the factor on natural concentrations that fills the cells as much as is wanted."""
    natural = float(expected(water, _KINDS).sum()) * water.volume_m3
    return _FULLNESS * cells / natural


def _write_run(
    img: Path,
    number: int,
    water: Water,
    own: Sequence[Individual],
    frames: int,
    cells: tuple[int, int],
    seed: int,
    truth: dict[str, list[object]],
) -> None:
    rng = np.random.default_rng([seed, _FRAME, number])
    name = f"acq{number + 1}"
    place = Path("2021-11-09", f"sample{number + 1}", name)
    folder = img / place
    folder.mkdir(parents=True)
    (folder / "metadata.json").write_text(_metadata(water, name, frames, cells), "utf-8")
    (folder / "done.txt").write_text("", "utf-8")
    glass = _glass(cells, np.random.default_rng([seed, _FRAME]))
    attenuation = np.ones((frames, *glass.shape), np.float32)
    where = rng.permutation(frames * cells[0] * cells[1])[: len(own)]
    for individual, cell in zip(own, where, strict=True):
        frame, row, column = np.unravel_index(cell, (frames, *cells))
        file = (place / _file(number, int(frame))).as_posix()
        _draw(individual, attenuation[frame], int(row), int(column), file, rng, truth)
    for frame in range(frames):
        _write_picture(folder / _file(number, frame), glass * attenuation[frame], rng)


def _draw(
    individual: Individual,
    frame: NDArray[np.float32],
    row: int,
    column: int,
    file: str,
    rng: np.random.Generator,
    truth: dict[str, list[object]],
) -> None:
    """Draw a thing somewhere in its cell, and note where."""
    portrait = portray(individual, _PIXEL_MM, shrink=_SHRINK)
    lines = np.any(portrait.mask, axis=1).nonzero()[0]
    columns = np.any(portrait.mask, axis=0).nonzero()[0]
    box = np.s_[lines[0] : lines[-1] + 1, columns[0] : columns[-1] + 1]
    mask = portrait.mask[box][: _CELL - 20, : _CELL - 20]
    dark = portrait.dark[box][: _CELL - 20, : _CELL - 20] / np.float32(240)
    room = _CELL - 20 - np.array(mask.shape)
    top, left = (int(rng.integers(r + 1)) + 10 for r in room)
    top, left = top + row * _CELL, left + column * _CELL
    part = frame[top : top + mask.shape[0], left : left + mask.shape[1]]
    np.copyto(part, dark, where=mask)
    cut = portrait.mask[box].shape != mask.shape
    for key, value in (("file", file), ("top", top), ("left", left),
                       ("area_px", int(mask.sum())), ("cut", int(cut))):  # fmt: skip
        truth[key].append(value)


def _file(number: int, frame: int) -> str:
    second = 3 * frame
    clock = f"10_{30 + second // 60 % 30:02d}_{second % 60:02d}"
    return f"{clock}_{(number * 7919 + frame) % 10**6:06d}.jpg"


def _glass(cells: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Light of the empty cell: brighter in the middle, with dirt."""
    shape = (cells[0] * _CELL, cells[1] * _CELL)
    y, x = np.ogrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    light = _LIGHT * (1 - 0.08 * (x**2 + y**2))
    for _ in range(6):
        centre = (int(rng.integers(shape[1])), int(rng.integers(shape[0])))
        spot = np.zeros(shape, np.float32)
        cv2.circle(spot, centre, int(rng.integers(6, 20)), 1.0, -1)
        light = light * (1 - 0.5 * spot)
    return np.asarray(light, np.float32)


def _write_picture(path: Path, light: NDArray[np.float32], rng: np.random.Generator) -> None:
    noisy = light + rng.normal(0, 1.5, light.shape)
    tint = _TINT_BGR / float(_TINT_BGR @ _BT601_BGR)
    colours = np.clip(np.rint(noisy[..., None] * tint), 0, 255).astype(np.uint8)
    done, data = cv2.imencode(".jpg", colours, [cv2.IMWRITE_JPEG_QUALITY, 95])
    if not done:
        raise OSError(f"{path} cannot be written")
    path.write_bytes(data.tobytes())


def _metadata(water: Water, name: str, frames: int, cells: tuple[int, int]) -> str:
    day = str(water.time.astype("datetime64[s]"))
    told: dict[str, object] = {
        "sample_project": "simulated", "sample_id": water.sample, "sample_ship": "simulated",
        "sample_sampling_gear": "net", "sample_total_volume": f"{_TOTAL_L:g}",
        "sample_concentrated_sample_volume": f"{_CONCENTRATED_ML:g}",
        "sample_dilution_factor": f"{_DILUTION:g}", "acq_id": name,
        "acq_instrument": "PlanktoScope v2.5", "acq_nb_frame": frames,
        "acq_imaged_volume": f"{frames * cells[0] * cells[1] * _ML_PER_CELL:.8f}",
        "acq_minimum_mesh": "50", "acq_maximum_mesh": "200",
        "acq_local_datetime": "2019-02-14T10:30:00",
        "object_date": day[:10].replace("-", ""), "object_time": day[11:].replace(":", ""),
        "object_lat": f"{water.latitude:.4f}", "object_lon": f"{water.longitude:.4f}",
        "object_depth_min": water.depth_min, "object_depth_max": water.depth_max,
    }  # fmt: skip
    described = {"process_pixel": f"{_PIXEL_MM * 1e3:g}", "acq_camera": "HQ Camera"}
    return json.dumps({**told, "description": described}, indent=1) + "\n"
