"""Write a simulated tow as ISIIS leaves one: AVI files, the log of the vehicle, and the truth."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.atomic import new_folder
from seston.simulate import truth
from seston.simulate.scene import take
from seston.simulate.settings import TowSettings
from seston.simulate.tow import Tow

logger = logging.getLogger(__name__)

_COLUMNS = {
    "Pressure (dbar)": ("pressure", 1.0, 3),
    "Depth (m)": ("depth", 1.0, 3),
    "Horizontal Vel in water (mm/s)": ("speed", 1000.0, 1),
    "Vertical Vel (mm/s)": ("vertical_speed", 1000.0, 1),
    "Pitch (deg)": ("pitch", 1.0, 2),
    "Temp (C)": ("temperature", 1.0, 4),
    "Salinity (PPT)": ("salinity", 1.0, 4),
    "Fluoro (volts)": ("fluorescence", 1.0, 4),
    "Oxygen (ml/l)": ("oxygen", 1.0, 4),
    "Irrandiance (UE/cm)": ("irradiance", 1e-4, 6),
    "Lat (decimals)": ("latitude", 1.0, 6),
    "Long (decimals)": ("longitude", 1.0, 6),
}


def write_isiis(folder: Path, settings: TowSettings, seed: int, *, workers: int = 1) -> None:
    """Simulate a tow and write its files, its log and its truth.

    The bytes depend on the settings and the seed alone, not on the number of workers. The folder
    appears whole or not at all.

    Parameters
    ----------
    folder : Path
        Gets frames/ (AVI or pictures), environment/ISIISYYYYMMDDHHMM.txt and truth/; must not
        exist, or be empty.
    settings : TowSettings
        The tow.
    seed : int
        Seed of everything that is drawn.
    workers : int
        Processes.

    Raises
    ------
    StoreError
        The folder is there and is not empty.
    """
    tow = Tow(settings)
    with new_folder(Path(folder)) as draft:
        for name in ("frames", "environment", "truth/masks"):
            (draft / name).mkdir(parents=True)
        write_log(draft / "environment" / log_name(settings), tow, seed)
        _write_truth(draft / "truth", tow, seed, _write_files(draft, tow, seed, workers))
    logger.info("simulated %d files in %s", len(tow.files()), folder)


def _write_files(
    draft: Path, tow: Tow, seed: int, workers: int
) -> list[tuple[pd.DataFrame, list[truth.Runs]]]:
    """Write all AVI files; give the rows and masks of the objects of each."""
    write = partial(_write_file, draft / "frames", tow, seed)
    indices = range(len(tow.files()))
    if workers <= 1:
        return [write(i) for i in indices]
    with ProcessPoolExecutor(min(workers, len(indices)), mp_context=get_context("spawn")) as pool:
        return list(pool.map(write, indices, chunksize=4))


def _write_file(
    folder: Path, tow: Tow, seed: int, index: int
) -> tuple[pd.DataFrame, list[truth.Runs]]:
    files = tow.files()
    file = files[index]
    scene = take(tow, files, file, seed)
    path = folder / truth.file_name(tow, file)
    if path.suffix == ".avi":
        frames = scene.pixels.reshape(tow.settings.frames_per_file, tow.settings.frame_lines, -1)
        write_avi(path, frames, codec=tow.settings.codec)
    else:
        write_picture(path, scene.pixels)
    return truth.object_rows(tow, file, scene)


def _write_truth(
    folder: Path, tow: Tow, seed: int, parts: list[tuple[pd.DataFrame, list[truth.Runs]]]
) -> None:
    files = tow.files()
    frames = truth.frame_rows(tow, files)
    objects = pd.concat([rows for rows, _ in parts if len(rows)], ignore_index=True)
    before = np.cumsum([0, *(len(rows) for rows, _ in parts)])
    for file, (rows, masks), first in zip(files, parts, before, strict=False):
        name = Path(truth.file_name(tow, file)).stem
        own = np.arange(first, first + len(rows))
        truth.write_masks(folder / "masks" / f"{name}.npz", own, masks)
    objects.insert(0, "file", frames["file"].to_numpy()[objects["frame"]])
    objects.insert(1, "index_in_file", frames["index_in_file"].to_numpy()[objects["frame"]])
    _write_csv(folder / "objects.csv", objects, index_label="object")
    _write_csv(folder / "frames.csv", frames)
    _write_csv(folder / "concentrations.csv", truth.concentration_rows(tow, frames, objects))
    _write_csv(folder / "taxonomy.csv", truth.taxonomy())
    truth.write_settings(folder / "tow.json", tow.settings, seed)


def _write_csv(path: Path, table: pd.DataFrame, index_label: str | None = None) -> None:
    table.to_csv(
        path,
        index=index_label is not None,
        index_label=index_label,
        lineterminator="\n",
        date_format="%Y-%m-%dT%H:%M:%S.%f",
        float_format="%.10g",
    )


def write_avi(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    *,
    codec: str = "rawvideo",
    container: str = "avi",
    rate: int = 14,
) -> None:
    """Write grey frames (y, x) of one shape as a video without loss.

    Parameters
    ----------
    codec : {"rawvideo", "ffv1"}
    container : {"avi", "matroska"}
    rate : int
        Frames per second that a player shows; it tells nothing of the camera.
    """
    with av.open(os.fspath(path), "w", format=container, options={"fflags": "+bitexact"}) as file:
        stream: Any = None  # PyAV types any stream as video, audio or subtitles
        for pixels in frames:
            if stream is None:
                stream = file.add_stream(codec, rate=rate)
                stream.height, stream.width = pixels.shape
                stream.pix_fmt = "gray"
                stream.codec_context.flags |= av.codec.context.Flags.bitexact
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="gray")
            file.mux(stream.encode(frame))
        if stream is not None:
            file.mux(stream.encode())


def write_picture(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write a grey picture (y, x) in the format that its name ends with.

    Raises
    ------
    OSError
        It cannot be written. (OpenCV would only return False.)
    """
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())


def log_name(settings: TowSettings) -> str:
    """Name of the log: ISIIS and the minute of its start."""
    return "ISIIS" + settings.start[:16].translate(str.maketrans("", "", "-T:")) + ".txt"


def write_log(path: Path, tow: Tow, seed: int) -> None:
    """Write the log of CTD and navigation: latin-1, 10 lines of header, columns, tabs."""
    table = tow.log(seed)
    lines = [*_log_header(tow.settings), "\t".join(["Time", *_COLUMNS])]
    clock = table["time"].dt.strftime("%H:%M:%S.%f").str[:-4]
    values = [
        (table[name] * scale).map(f"{{:.{digits}f}}".format)
        for name, scale, digits in _COLUMNS.values()
    ]
    lines += ["\t".join(row) for row in zip(clock, *values, strict=True)]
    path.write_text("\r\n".join(lines) + "\r\n", "latin-1", newline="")


def _log_header(settings: TowSettings) -> list[str]:
    """Ten lines; the second holds the date as MM/DD/YY in its characters 7 to 14."""
    year, month, day = settings.start[:10].split("-")
    return [
        "ISIIS data log",
        f"Date: {month}/{day}/{year[2:]}",
        f"Start: {settings.start[11:19]} UTC",
        "Vehicle: simulated",
        f"Line rate (Hz): {settings.line_rate_hz:g}",
        f"Field of view (mm): {settings.width * settings.pixel_width_mm:g}",
        f"Depth of field (mm): {settings.depth_of_field_mm:g}",
        "Position: GPS of the ship, WGS 84",
        "Units: degr\xe9s, m, dbar, \xb0C, volts, ml/l",
        "",
    ]
