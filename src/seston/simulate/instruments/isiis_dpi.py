"""ISIIS by Bellamare with area cameras: videos of one second, and the logs of its sensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from seston.atomic import new_folder
from seston.simulate import area_tow
from seston.simulate.instruments.registry import Row, simulator
from seston.simulate.isiis import write_avi

_RATE_HZ = 20.5
_START = "2021-07-01T10:15:00"
_EPOCH = np.datetime64("1904-01-01", "ns")


@simulator("isiis-dpi")
def write(folder: Path, size: str, seed: int, workers: int) -> Row:  # noqa: ARG001 - none needed
    """Write videos, VIPF_LOGS and the truth."""
    count = area_tow.FRAMES[size]
    after = area_tow.times_of(count, _RATE_HZ)
    names = [_name(after[number // area_tow.BURST * area_tow.BURST]) for number in range(count)]
    with new_folder(folder) as draft:
        tow = area_tow.tow(size, seed, _RATE_HZ, _START, draft / "truth", names)
        frames = draft / "frames"
        frames.mkdir()
        for first in range(0, count, area_tow.BURST):
            film = tow.pixels[first : first + area_tow.BURST]
            write_avi(frames / names[first], film, rate=20)
        _write_logs(draft / "frames" / "VIPF_LOGS", area_tow.log(size, _RATE_HZ, _START))
    return {
        "path": "frames",
        "pixel_width_mm": f"{area_tow.PIXEL_MM:g}",
        "depth_of_field_mm": f"{area_tow.DEPTH_OF_FIELD_MM:g}",
    }


def _name(after: np.timedelta64) -> str:
    """Name of a video: its UTC to the millisecond."""
    stamp = str(np.datetime64(_START, "ms") + after.astype("timedelta64[ms]"))
    return f"dpi-Camera-{stamp.replace('T', '-').replace(':', '-')}.avi"


def _write_logs(folder: Path, log: pd.DataFrame) -> None:
    seconds = (log["time"].to_numpy() - _EPOCH) / np.timedelta64(1, "s")
    time = [f"{value:.3f}" for value in seconds]
    counts = np.rint(log["chlorophyll"] / 0.0121 + 49)
    _write(folder / "CTD 1 Publisher" / "ctd.csv", {
        "Time": time, "Temperature": _text(log["temperature"]), "Conductivity": "4.5",
        "Pressure": _text(log["pressure"]), "Depth": _text(log["depth"]),
        "Salinity": _text(log["salinity"]), "Sound.Velocity": "1510.0",
    })  # fmt: skip
    _write(folder / "CTD 2 Publisher" / "ctd.csv", {
        "Time": time, "Temperature": _text(log["temperature"] + 0.5), "Conductivity": "4.5",
        "Pressure": _text(log["pressure"]), "Depth": _text(log["depth"] + 0.5),
        "Salinity": _text(log["salinity"]), "Sound.Velocity": "1510.0",
    })  # fmt: skip
    _write(folder / "Fluorometer 1 Publisher" / "fluorometer.csv", {
        "Time": time, "Chl.wave": "695", "Chl": [f"{c:.0f}" for c in counts],
        "FDOM.wave": "460", "FDOM": "60",
    })  # fmt: skip
    _write(folder / "AD1216 Publisher" / "ad.csv", {
        "Time": time, "Oxygen": "2.1", "PAR": "0.4", "pH": "1.2", "REDOX": "0.1"})  # fmt: skip
    _write(folder / "GPS Publisher" / "gps.csv", {
        "Time": time, "Latitude": _angle(log["latitude"]), "N/S": "N",
        "Longitude": _angle(log["longitude"].abs()), "E/W": "W",
    })  # fmt: skip


def _text(values: pd.Series[float]) -> list[str]:
    return [f"{value:.4f}" for value in values]


def _angle(degrees: pd.Series[float]) -> list[str]:
    """Degrees and minutes as NMEA writes them: ddmm.mmmm."""
    whole = np.floor(degrees)
    return [f"{d:.0f}{m:07.4f}" for d, m in zip(whole, (degrees - whole) * 60, strict=True)]


def _write(path: Path, columns: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True)
    pd.DataFrame(dict(columns)).to_csv(path, index=False, lineterminator="\n")
