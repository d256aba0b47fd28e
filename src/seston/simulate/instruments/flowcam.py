"""FlowCam: runs of bottles in both layouts, as `readers.flowcam` describes them.

The first run has a list with collages and masks, the second one without masks whose volume is in
its context, the third an exported CSV with the raw images; and so on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seston.atomic import new_folder
from seston.frame import UInt8Array
from seston.simulate.instruments.registry import Row, simulator
from seston.simulate.samples import Individual, Water, populate, portray, write_truth

_KINDS = ("copepod", "acantharian", "trichodesmium", "diatom_chain", "fecal_pellet", "speck")
_UM = 1.813
_SHRINK = 40.0  # microscopic things of these shapes
_SCALE = 3e4  # they live as much closer together
_LONGEST_MM = 5.0
_FRINGE_PX = 4.5
_RATE_HZ = 4.0
_CALIBRATING = 12  # images before the first of a run whose raw images are kept
_HEIGHT, _WIDTH, _CELL = 480, 640, 120  # source image; its particles lie in cells of their own
_COLLAGE = (1920, 1200)
_DEPTH_M, _LATITUDE, _LONGITUDE = 22.5, 43.42, 7.85
#: Names and types of the fields of a list of version 017, in its order.
_FIELDS = """id image_x image_y image_w image_h src_x src_y src_image cal_image ppc camera cal_const
fringe_size sphere_count raw_sphere_volume raw_sphere_complement raw_sphere_unknown raw_area
raw_feret_max raw_feret_min raw_feret_mean raw_perimeter raw_convex_perimeter
raw_legendre_major raw_legendre_minor abd_area abd_diameter length width esd_diameter
fd_diameter perimeter convex_perimeter intensity sigma_intensity sum_intensity compactness
elongation roughness edge_gradient elapsed_time circle_fit symmetry circularity_hu
intensity_calimage raw_convex_hull_area raw_filled_area filled_area feret_max_angle
feret_min_angle avg_red avg_green avg_blue ch1_peak ch1_width ch1_area ch2_peak ch2_width
ch2_area ch3_peak ch3_width ch3_area timestamp collage_file image_id""".split()  # noqa: SIM905 - a list to read
_TYPES = dict.fromkeys(("id", *_FIELDS[1:11], "sphere_count"), "int32") | {
    "timestamp": "timestamp", "collage_file": "string", "image_id": "guid",
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Particle:
    """A particle as the software measured it, in its source image."""

    name: str
    frame: int
    top: int
    left: int
    pixels: UInt8Array
    mask: NDArray[np.bool_]

    @property
    def seconds(self) -> float:
        return self.frame / _RATE_HZ

    @property
    def diameter_um(self) -> float:
        """Diameter of the area, less the fringe."""
        whole = float(np.sqrt(4 / np.pi * self.mask.sum()))
        return max(whole - _FRINGE_PX, whole / 2) * _UM


@simulator("flowcam")
def write(folder: Path, size: str, seed: int, workers: int) -> Row:  # noqa: ARG001 - one is enough
    """Write runs and truth."""
    runs, images = {"tiny": (3, 60), "demo": (6, 700), "full": (12, 20_000)}[size]
    waters = [_water(i, images) for i in range(runs)]
    seen = populate(waters, _KINDS, seed, scale=_SCALE, longest_mm=_LONGEST_MM)
    with new_folder(folder) as draft:
        particles: list[_Particle] = []
        for number, water in enumerate(waters):
            mine = [one for one in seen if one.water == number]
            found = _particles(mine, images, np.random.default_rng([seed, number]))
            (draft / "runs" / water.sample).mkdir(parents=True)
            _LAYOUTS[number % 3](draft / "runs" / water.sample, water, found, images)
            particles += found
        write_truth(
            draft / "truth", waters, seen, _KINDS, _SCALE,
            source_id=[p.name for p in particles], area_px=[int(p.mask.sum()) for p in particles],
            frame=[p.frame for p in particles], top=[p.top for p in particles],
            left=[p.left for p in particles],
        )  # fmt: skip
    place = {"latitude": _LATITUDE, "longitude": _LONGITUDE, "depth_m": _DEPTH_M}
    return {"path": "runs"} | {key: str(value) for key, value in place.items()}


def _water(number: int, images: int) -> Water:
    return Water(
        sample=f"bottle-{number + 1}",
        time=np.datetime64("2023-06-01T08:00:00", "ns") + np.timedelta64(number, "h"),
        latitude=_LATITUDE,
        longitude=_LONGITUDE,
        depth_min=_DEPTH_M - 2.5,
        depth_max=_DEPTH_M + 2.5,
        volume_m3=images * 2e-9,  # 2 microlitres an image
    )


def _particles(
    individuals: Sequence[Individual], images: int, rng: np.random.Generator
) -> list[_Particle]:
    """Draw where each individual was seen, in the order of the images."""
    cells = (_HEIGHT // _CELL) * (_WIDTH // _CELL)
    spots = np.sort(rng.choice(images * cells, len(individuals), replace=False))
    found = []
    for number, (spot, individual) in enumerate(zip(spots, individuals, strict=True)):
        portrait = portray(individual, _UM * 1e-3, shrink=_SHRINK)
        dark, mask = portrait.dark[:_CELL, :_CELL], portrait.mask[:_CELL, :_CELL]
        noise = rng.normal(-75, 1.5, dark.shape)  # the light of a real run: about 165
        pixels = np.clip(dark + noise, 0, 255).astype(np.uint8)
        row, column = divmod(int(spot) % cells, _WIDTH // _CELL)
        name = f"{rng.integers(1 << 62):016X}-{number:06d}"
        frame = int(spot) // cells + 1
        found.append(_Particle(name, frame, row * _CELL, column * _CELL, pixels, mask))
    return found


def _with_masks(folder: Path, water: Water, particles: Sequence[_Particle], images: int) -> None:
    _write_list(folder, water, particles, masks=True)
    (folder / f"{water.sample}_run_summary.txt").write_text(
        f"Name: {water.sample}\n\nRun:\n\tMode:  AutoImage\n"
        f"\tFluid Volume Imaged: {water.volume_m3 * 1e6:.4f} ml\n"
        f"\tParticle Count: {len(particles)}\n\nImages:\n\tTotal:  {images}\n\tUsed:  {images}\n"
        f"\tFrame Rate:  {_RATE_HZ:.2f} fps\n\nDate/Time:\n\tStart:  {_clock(water, 0, ' ')[:19]}\n"
        f"\nEnvironment:\n\tSoftware: VisualSpreadsheet 4.10.8\n\tCalibration Factor: {_UM:.4f}\n"
    )


def _with_context(folder: Path, water: Water, particles: Sequence[_Particle], images: int) -> None:
    _write_list(folder, water, particles, masks=False)
    (folder / f"{water.sample}.ctx").write_text(
        f"[General]\nRunStartTime={_clock(water, 0, ' ')[:19]}\n[Fluid]\nCalibConstant={_UM}\n"
        f"TotalVolumeML={water.volume_m3 * 1e6:.6f}\n[CaptureStats]\nRawImageTotal={images}\n"
    )


def _as_csv(folder: Path, water: Water, particles: Sequence[_Particle], images: int) -> None:
    """Write an export of version 5, with the raw images; the first ones serve the calibration."""
    heads = ("Name", "Area (ABD) (µm²)", "Calibration Factor", "Capture X (px)", "Capture Y (px)",
             "Diameter (ABD) (µm)", "Elapsed Time (s)", "Image Height (px)", "Image Width (px)",
             "Source Image", "UUID")  # fmt: skip
    lines = [", ".join(f'"{head}"' for head in heads)]
    in_image: dict[int, list[_Particle]] = {}
    for p in particles:
        height, width = p.pixels.shape
        number = p.frame + _CALIBRATING
        in_image.setdefault(number - 1, []).append(p)
        values = (water.sample, f"{np.pi / 4 * p.diameter_um**2:.4f}", f"{_UM:.4f}",
                  f"{p.left}.00", f"{p.top}.00", f"{p.diameter_um:.4f}",
                  f"{number / _RATE_HZ:.4f}", f"{height}.00", f"{width}.00", number,
                  p.name)  # fmt: skip
        lines.append(", ".join(map(str, values)))
    (folder / f"{water.sample}.csv").write_bytes("\r\n".join(lines).encode("latin-1"))
    (folder / f"{water.sample}_summary.csv").write_text(
        f"Name, {water.sample}\nFluid Volume Imaged, {water.volume_m3 * 1e6:.4f} ml\n"
        f"Efficiency, 31.2 %\nTotal, {images + _CALIBRATING}\nUsed, {images}\n"
        f"Frame Rate, {_RATE_HZ:.2f} fps\nStart Time, {_clock(water, 0, ' ')[:19]}\n"
        f"Particle Count, {len(particles)}\n"
    )
    empty = np.full((_HEIGHT, _WIDTH), 165, np.uint8)
    _save(empty, folder / "cal_image_000001.tif")
    for number in range(images + _CALIBRATING):
        picture = empty.copy()
        for p in in_image.get(number, ()):
            height, width = p.pixels.shape
            picture[p.top : p.top + height, p.left : p.left + width] = p.pixels
        _save(picture, folder / f"rawfile_{number:06d}.tif")


_LAYOUTS = (_with_masks, _with_context, _as_csv)


def _write_list(folder: Path, water: Water, particles: Sequence[_Particle], *, masks: bool) -> None:
    head = ["017", f"num-fields|{len(_FIELDS)}"]
    head += [f"{name}|{_TYPES.get(name, 'double')}" for name in _FIELDS]
    rows: list[str] = []
    for number, packed in enumerate(_pack(particles), start=1):
        name = f"{water.sample}_{number:06d}.tif"
        collage = np.zeros((*_COLLAGE, 3), np.uint8)
        mask = np.zeros(_COLLAGE, np.uint8)
        for p, y, x in packed:
            place = np.s_[y : y + p.pixels.shape[0], x : x + p.pixels.shape[1]]
            collage[place] = p.pixels[..., None]
            mask[place] = p.mask * np.uint8(255)
            rows.append(_row(water, p, len(rows) + 1, y, x, name))
        _save(collage, folder / name)
        if masks:
            _save(mask, folder / f"{water.sample}_{number:06d}_bin.tif")
    (folder / f"{water.sample}.lst").write_text("\n".join([*head, *rows]) + "\n")


def _pack(particles: Sequence[_Particle]) -> list[list[tuple[_Particle, int, int]]]:
    """Lay vignettes in collages, line by line, two pixels apart."""
    collages: list[list[tuple[_Particle, int, int]]] = [[]]
    y = x = tall = 0
    for p in particles:
        height, width = p.pixels.shape
        if x + width > _COLLAGE[1]:
            y, x, tall = y + tall + 2, 0, 0
        if y + height > _COLLAGE[0]:
            collages.append([])
            y = x = tall = 0
        collages[-1].append((p, y, x))
        x, tall = x + width + 2, max(tall, height)
    return collages


def _row(water: Water, p: _Particle, number: int, y: int, x: int, collage: str) -> str:
    height, width = p.pixels.shape
    told = {
        "id": number, "image_x": x, "image_y": y, "image_w": width, "image_h": height,
        "src_x": p.left, "src_y": p.top, "src_image": p.frame, "cal_image": 1, "ppc": 1,
        "camera": 0, "cal_const": _UM, "fringe_size": _FRINGE_PX, "sphere_count": 0,
        "raw_area": float(p.mask.sum()), "abd_area": np.pi / 4 * p.diameter_um**2,
        "abd_diameter": p.diameter_um, "elapsed_time": p.seconds,
        "timestamp": _clock(water, p.seconds), "collage_file": collage, "image_id": p.name,
    }  # fmt: skip
    values = (told.get(name, 0.0) for name in _FIELDS)
    return "|".join(f"{v:.4f}" if isinstance(v, float) else str(v) for v in values)


def _clock(water: Water, seconds: float, between: str = "T") -> str:
    time = water.time + np.timedelta64(round(seconds * 1000), "ms")
    return str(time.astype("datetime64[ms]")).replace("T", between)


def _save(pixels: UInt8Array, path: Path) -> None:
    Image.fromarray(pixels).save(path, compression="tiff_lzw")
