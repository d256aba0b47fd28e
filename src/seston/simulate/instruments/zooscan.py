"""ZooScan projects: scans, backgrounds and tables; and what ZooProcess makes of them.

See `seston.readers.zooscan`. Both are one project; only one of them holds ``_work``.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from seston.atomic import new_folder
from seston.simulate.instruments.registry import Row, simulator
from seston.simulate.net_trays import FRACTIONS, Tray, hauls, lay_out, write_trays_truth
from seston.simulate.samples import Water

DPI = 2400
PIXEL_MM = 25.4 / DPI
PROJECT = "Zooscan_simulated_sn001"
#: Pixels on the left and above that show the frame of the tray, and how bright it is.
FRAME, _FRAME_LEVEL = 40, 90
_WIDTH = {"tiny": 1200, "demo": 4000, "full": 14200}
_TRAY, _SLOPE, _NOISE = 222.0, 14.0, 1.0
#: 0.946 of the background, where the preset's threshold lies; 12 levels below a tray of 222.
_LIMIT = 228
_BELOW = 12
_SAMPLES = (
    "sampleid;ship;scientificprog;stationid;date;latitude;longitude;depth;ctdref;otherref;townb;"
    "towtype;nettype;netmesh;netsurf;zmax;zmin;vol;sample_comment;vol_qc;depth_qc;sample_qc;"
    "barcode;latitude_end;longitude_end;net_duration;ship_speed_knots;cable_length;cable_angle;"
    "cable_speed;nb_jar"
)
_SCANS = (
    "scanid;sampleid;scanop;fracid;fracmin;fracsup;fracnb;observation;code;submethod;cellpart;"
    "replicates;volini;volprec"
)
_COLUMNS = (
    "!Item;Label;Area;Mean;StdDev;Mode;Min;Max;X;Y;XM;YM;Perim.;BX;BY;Width;Height;Major;Minor;"
    "Angle;Circ.;Feret;IntDen;Median;Skew;Kurt;%Area;XStart;YStart;Area_exc;Tag"
)
_PID = """PID
[Image]
Scanning_date= {scanned}
Scanning_area= large

[Info]
ImageType=  Zooscan
Resolution=  2400

[Sample]
SampleId= {sample}
Date= {date}
Latitude= {latitude}
Longitude= {longitude}
Zmax= {zmax:g}
Zmin= {zmin:g}
Vol= {volume:g}

[Fraction]
FracId= {fraction}

[Subsample]
SubPart= {factor:g}
SubMethod= motoda

[Image_Process]
Corrected_width=  {width}
Corrected_heigth=  {height}

[Particules_Process]
Resolution=  2400
Threshold=  243
PixSize=   0.0106
MinSize=  0.3
MaxSize=  100
Analysed_Objects=  {objects}

[Data]
"""


@simulator("zooscan")
def write(folder: Path, size: str, seed: int, workers: int) -> Row:  # noqa: ARG001
    """Write a project of scans that nobody has processed, and the truth."""
    return _write(folder, size, seed, finished=False)


@simulator("zooscan-work")
def write_finished(folder: Path, size: str, seed: int, workers: int) -> Row:  # noqa: ARG001
    """Write a project whose scans ZooProcess has finished, and the truth."""
    return _write(folder, size, seed, finished=True)


def _write(folder: Path, size: str, seed: int, *, finished: bool) -> Row:
    water = hauls(size)
    trays = lay_out(water, seed, pixel_mm=PIXEL_MM, width=_WIDTH[size], limit=_LIMIT)
    names = [f"{water[tray.haul].sample}_{tray.fraction}_1" for tray in trays]
    with new_folder(folder) as draft:
        project = draft / PROJECT
        for part in ("Zooscan_meta", "Zooscan_back", "Zooscan_config", "Zooscan_scan/_raw"):
            (project / part).mkdir(parents=True)
        _write_tables(project, water, trays, names)
        tallest = max(len(tray.pixels) for tray in trays)
        if not finished:
            _write_backgrounds(project / "Zooscan_back", tallest, _WIDTH[size], seed)
        for number, (tray, name) in enumerate(zip(trays, names, strict=True)):
            rng = np.random.default_rng([seed, number])
            if finished:
                _write_work(project / "Zooscan_scan/_work" / name, tray, water[tray.haul])
            else:
                _write_scan(project / "Zooscan_scan", name, tray, tallest, rng)
        write_trays_truth(draft / "truth", water, trays, names)
    return {"path": PROJECT}


# -------------------------------------------------------------------------------------- scans
def _tray_level(height: int, width: int) -> NDArray[np.float64]:
    """Level of the empty tray: it falls off to the left; dark where its frame is."""
    level = np.tile(_TRAY - _SLOPE * np.linspace(1, 0, width) ** 2, (height, 1))
    level[:FRAME] = level[:, :FRAME] = _FRAME_LEVEL
    return level


def _noisy(level: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.uint8]:
    return np.clip(np.rint(level + rng.normal(0, _NOISE, level.shape)), 0, 255).astype(np.uint8)


def _write_scan(
    folder: Path, name: str, tray: Tray, tallest: int, rng: np.random.Generator
) -> None:
    height, width = tray.pixels.shape
    # A lower scan shows the lower part of the tray that the background shows whole.
    level = _tray_level(tallest, width)[tallest - height :]
    _write_tif(folder / f"{name}.tif", _noisy(level * tray.pixels / 240, rng), DPI)
    log = "PID\n[Image]\nScanning_date= 20210701_1015\nScanning_area= large\n"
    (folder / "_raw" / f"{name}_log.txt").write_text(log, "utf-8", newline="\n")


def _write_backgrounds(folder: Path, height: int, width: int, seed: int) -> None:
    """Write the tray at half the resolution: with dirt before, right, and darker after."""
    level = _tray_level(height, width)[::2, ::2]
    dirty, dark = level.copy(), level * 0.9
    dirty[height // 8 : height // 4, width // 8 : width // 4] *= 0.8
    days = {"20210630_0900": dirty, "20210701_0900": level, "20210702_0900": dark}
    for number, (day, one) in enumerate(days.items()):
        rng = np.random.default_rng([seed, 1000 + number])
        name = f"{day}_background_large_manual.tif"
        _write_tif(folder / name, _noisy(one, rng), DPI // 2)


def _write_tif(path: Path, pixels: NDArray[np.uint8], dpi: int) -> None:
    tifffile.imwrite(
        path, pixels, resolution=(dpi, dpi), resolutionunit="INCH", metadata=None, software=False
    )


# -------------------------------------------------------------------------------------- tables
def written(degrees: float) -> str:
    """Write degrees as ``DD.MMmm``."""
    whole, minutes = divmod(round(abs(degrees) * 6000), 6000)
    return f"{'-' if degrees < 0 else ''}{whole}.{minutes:04d}"


def _date(time: np.datetime64) -> str:
    text = str(np.datetime_as_string(time, "m"))
    return text.replace("-", "").replace("T", "-").replace(":", "")


def _write_tables(project: Path, water: list[Water], trays: list[Tray], names: list[str]) -> None:
    samples = [
        f"{w.sample};vessel;sim;1;{_date(w.time)};{written(w.latitude)};{written(-w.longitude)};"
        f"99999;none;none;1;1;wp2;200;0.25;{w.depth_max:g};{w.depth_min:g};{w.volume_m3:g};no;1;1;"
        "1111;none;99999;99999;10;0;9999;99999;0;1"
        for w in water
    ]
    scans = [
        f"{name};{water[t.haul].sample};nobody;{t.fraction};200;999999;{t.factor:g};no;1;motoda;1;"
        "1;1;1"
        for t, name in zip(trays, names, strict=True)
    ]
    for file, header, rows in (
        ("zooscan_sample_header_table.csv", _SAMPLES, samples),
        ("zooscan_scan_header_table.csv", _SCANS, scans),
    ):
        text = "\n".join([header, *rows]) + "\n"
        (project / "Zooscan_meta" / file).write_text(text, "utf-8", newline="\n")
    config = "method= neutral\nresolution= 2400\nupper= 243\nminsizeesd_mm= 0.3\n"
    path = project / "Zooscan_config" / "process_install_both_config.txt"
    path.write_text(config, "utf-8", newline="\n")


# ------------------------------------------------------------------------------ finished work
def _write_work(folder: Path, tray: Tray, water: Water) -> None:
    """Write the .pid and the vignettes of a scan."""
    folder.mkdir(parents=True)
    name = folder.name
    rows = []
    height, width = tray.pixels.shape
    for item, (top, left, tall, wide) in enumerate(tray.boxes.tolist(), start=1):
        # Less the background, and turned, as ZooProcess does: the tray is white.
        crop = 255 - np.rint((240 - tray.pixels[top : top + tall, left : left + wide].astype(float))
                             * _TRAY / 240)  # fmt: skip
        mask = crop <= 255 - _BELOW
        picture = np.where(mask, crop, 255).astype(np.uint8)
        done, data = cv2.imencode(".jpg", _with_bar(picture), [cv2.IMWRITE_JPEG_QUALITY, 100])
        if not done:
            raise OSError(f"cannot write a vignette of {name}")
        (folder / f"{name}_{item}.jpg").write_bytes(data.tobytes())
        rows.append(_row(item, name, mask, crop, top, left))
    header = _PID.format(
        scanned="20210701_1015", sample=water.sample, date=_date(water.time),
        latitude=written(water.latitude), longitude=written(-water.longitude),
        zmax=water.depth_max, zmin=water.depth_min, volume=water.volume_m3,
        fraction=tray.fraction, factor=FRACTIONS[tray.fraction][1], width=width, height=height,
        objects=len(rows),
    )  # fmt: skip
    text = header + "\n".join([_COLUMNS, *rows]) + "\n"
    (folder / f"{name}_dat1.pid").write_text(text, "utf-8", newline="\n")


def _with_bar(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Add a fifth on each side, and below the bar that tells the scale."""
    height, width = picture.shape
    bar = round(1 / PIXEL_MM)
    whole = np.full((round(1.4 * height + 31), round(max(1.4 * width, bar + 20))), 255, np.uint8)
    top, left = (whole.shape[0] - 31 - height) // 2, (whole.shape[1] - width) // 2
    whole[top : top + height, left : left + width] = picture
    whole[-6:-4, 9 : 10 + bar] = 85
    return whole


def _row(
    item: int, name: str, mask: NDArray[np.bool_], crop: NDArray[np.float64], top: int, left: int
) -> str:
    """Give the row of an object; what only a drawing could tell is 0."""
    area, (tall, wide) = int(mask.sum()), mask.shape
    lines, columns = np.nonzero(mask)
    grey = crop[mask]
    start = int(columns[lines == 0].min())
    cells = {
        "!Item": item, "Label": name, "Area": area, "Mean": round(float(grey.mean()), 2),
        "Min": int(grey.min()), "Max": int(grey.max()), "X": round(columns.mean() + 0.5, 2),
        "Y": round(lines.mean() + 0.5, 2), "BX": left, "BY": top, "Width": wide, "Height": tall,
        "Major": round(4 * float(columns.std()), 1), "Minor": round(4 * float(lines.std()), 1),
        "Area_exc": area, "XStart": left + start, "YStart": top, "Tag": 1,
    }  # fmt: skip
    return ";".join(str(cells.get(column, 0)) for column in _COLUMNS.split(";"))
