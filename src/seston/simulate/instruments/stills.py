"""A camera of a laboratory: pictures, videos of two kinds, and one CSV that tells of each frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.atomic import new_folder
from seston.simulate import area_tow
from seston.simulate.instruments.registry import Row, simulator
from seston.simulate.isiis import write_avi, write_picture

_RATE_HZ = 10.0
_START = "2021-07-01T10:15:00"
_SENSORS = {
    "depth": "depth_m", "latitude": "latitude", "longitude": "longitude",
    "temperature": "temperature_degC", "salinity": "salinity",
}  # fmt: skip


@simulator("stills")
def write(folder: Path, size: str, seed: int, workers: int) -> Row:  # noqa: ARG001 - none needed
    """Write the first burst as pictures and the others as videos, the CSV and the truth."""
    count = area_tow.FRAMES[size]
    places = [_place(number) for number in range(count)]
    with new_folder(folder) as draft:
        names = [name for name, _ in places]
        tow = area_tow.tow(size, seed, _RATE_HZ, _START, draft / "truth", names, even=True)
        frames = draft / "frames"
        frames.mkdir()
        for first in range(0, count, area_tow.BURST):
            _write_burst(frames, names, 255 - tow.pixels, first)  # a dark field
        table = pd.DataFrame(places, columns=["file", "frame"]).join(_sensors(size, tow.times))
        table.to_csv(frames / "frames.csv", index=False, lineterminator="\n")
    return {
        "path": "frames",
        "pixel_width_mm": f"{area_tow.PIXEL_MM:g}",
        "depth_of_field_mm": f"{area_tow.DEPTH_OF_FIELD_MM:g}",
    }


def _place(number: int) -> tuple[str, int]:
    """File of a frame, and its number in the file."""
    burst, index = divmod(number, area_tow.BURST)
    if not burst:
        return f"burst-{burst}-{index}.png", 0
    return f"burst-{burst}.{'avi' if burst % 2 else 'mkv'}", index


def _write_burst(folder: Path, names: list[str], pixels: NDArray[np.uint8], first: int) -> None:
    own = range(first, first + area_tow.BURST)
    path = folder / names[first]
    if path.suffix == ".png":
        for number in own:
            write_picture(folder / names[number], pixels[number])
    elif path.suffix == ".avi":
        write_avi(path, pixels[own], rate=round(_RATE_HZ))
    else:
        write_avi(path, pixels[own], codec="ffv1", container="matroska", rate=round(_RATE_HZ))


def _sensors(size: str, times: NDArray[np.datetime64]) -> pd.DataFrame:
    """Give what the CSV tells at the time of each frame."""
    log = area_tow.log(size, _RATE_HZ, _START)
    then = log["time"].to_numpy("datetime64[ns]").astype(np.int64)
    now = times.astype("datetime64[ns]").astype(np.int64)
    told = {c: np.interp(now, then, log[name]).round(6) for name, c in _SENSORS.items()}
    stamps = [f"{time}Z" for time in times.astype("datetime64[ms]")]
    return pd.DataFrame({"time": stamps, **told})
