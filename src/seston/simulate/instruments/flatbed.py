"""Flatbed scans of net samples, as ZooImage keeps them: see `seston.readers.flatbed`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from seston.atomic import new_folder
from seston.simulate.instruments.registry import Row, simulator
from seston.simulate.net_trays import FILTERED_M3, Tray, hauls, lay_out, write_trays_truth
from seston.simulate.samples import Water

PIXEL_MM = 0.04233  # 600 dots an inch
_WIDTH = {"tiny": 700, "demo": 1400, "full": 2800}
_LIGHT, _NOISE = 250, 1.0
#: 0.92 of the background, where the preset's threshold lies.
_LIMIT = 221
_ZIM = """ZI1
[Image]
Author=seston
Hardware=simulated
ImageType=reflect_8bits_grey_600dpi

[Fraction]
Code={code}
Min=-1
Max=-1

[Subsample]
SubPart={part:.10g}
SubMethod=volumetry
CellPart=1.00
Replicates=1
VolIni={volume:g}
VolPrec=

[Calibration]
PixelSize={pixel}
PixelUnit=mm
MinSize=0.3
MaxSize=10
"""
_SAMPLES = ("Label", "Code", "Date", "Time", "Latitude", "Longitude", "GearType", "DepthMin",
            "DepthMax", "SampVol", "Note")  # fmt: skip
_CODES = {"d1": "A", "d2": "B"}


@simulator("flatbed")
def write(folder: Path, size: str, seed: int, workers: int) -> Row:  # noqa: ARG001
    """Write scans, their .zim, the table of samples and the truth."""
    water = [replace(one, sample=_label(one)) for one in hauls(size)]
    trays = lay_out(water, seed, pixel_mm=PIXEL_MM, width=_WIDTH[size], limit=_LIMIT)
    names = [f"{water[tray.haul].sample}+{_CODES[tray.fraction]}" for tray in trays]
    with new_folder(folder) as draft:
        scans = draft / "scans"
        scans.mkdir()
        for number, (tray, name) in enumerate(zip(trays, names, strict=True)):
            _write_scan(scans / name, tray, np.random.default_rng([seed, number]))
        (scans / "Description.zis").write_text(_zis(water), "utf-8", newline="\n")
        write_trays_truth(draft / "truth", water, trays, names)
    return {"path": "scans"}


def _label(water: Water) -> str:
    """Give the label of a sample: series, date and name."""
    return f"SIM.{np.datetime_as_string(water.time, 'D')}.{water.sample}"


def _write_scan(stem: Path, tray: Tray, rng: np.random.Generator) -> None:
    light = tray.pixels * (_LIGHT / 240) + rng.normal(0, _NOISE, tray.pixels.shape)
    pixels = np.clip(np.rint(light), 0, 255).astype(np.uint8)
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])
    if not done:
        raise OSError(f"cannot write {stem}.jpg")
    stem.with_name(f"{stem.name}.jpg").write_bytes(data.tobytes())
    text = _ZIM.format(code=_CODES[tray.fraction], part=1 / tray.factor, volume=FILTERED_M3,
                       pixel=PIXEL_MM)  # fmt: skip
    stem.with_name(f"{stem.name}.zim").write_text(text, "utf-8", newline="\r\n")


def _zis(water: list[Water]) -> str:
    rows = ["\t".join(_SAMPLES)]
    for one in water:
        day, hour = str(np.datetime_as_string(one.time, "m")).split("T")
        code = one.sample.rpartition(".")[2]
        cells = (one.sample, code, day, hour, f"{one.latitude:g}", f"{one.longitude:g}",
                 "Vertical Net", f"{one.depth_min:g}", f"{one.depth_max:g}", f"{one.volume_m3:g}",
                 "")  # fmt: skip
        rows.append("\t".join(cells))
    return "ZI1\n[Description]\nId=Sim\nName=Simulated\n\n[Samples]\n!" + "\n".join(rows) + "\n"
