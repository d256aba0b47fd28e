"""Stingray: TIFF named by camera and time, and the CSV of its vehicle."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from seston.atomic import new_folder
from seston.simulate import area_tow
from seston.simulate.instruments.registry import Row, simulator

_RATE_HZ = 15.0
_START = "2021-07-01T10:15:00"
_COLUMNS = (
    "UNIX_timestamp LCM_event_timestamp AANDERAA_AIR_SATURATION AANDERAA_O2_UM AANDERAA_TEMP_C "
    "ALTITUDE_M ALTITUDE_OK CTD_CONDUCTIVITY CTD_PRESSURE CTD_SALINITY CTD_SOUND_VELOCITY "
    "CTD_TEMPERATURE_DEG_C DEPTH_M FLUOROMETER_BACKSCATTER_RAW FLUOROMETER_CHLOROPHYLL_RAW "
    "FORWARD_VELOCITY_M_PER_S HEADING_DEG PITCH_DEG ROLL_DEG SEABIRD_PAR_ADC SEABIRD_PAR_VDC "
    "TS_GPS_EPOCH_TIME TS_LATITUDE_DEG TS_LONGITUDE_DEG VERTICAL_VELOCITY_M_PER_S count_publish "
    "sender_id"
)
_CAMERA = "Basler_avA2300-25gm__21634305"


@simulator("stingray")
def write(folder: Path, size: str, seed: int, workers: int) -> Row:  # noqa: ARG001 - none needed
    """Write pictures, the CSV of all sensors and the truth."""
    after = area_tow.times_of(area_tow.FRAMES[size], _RATE_HZ)
    names = [_name(time, number) for number, time in enumerate(after)]
    with new_folder(folder) as draft:
        tow = area_tow.tow(size, seed, _RATE_HZ, _START, draft / "truth", names)
        for name in ("frames", "sensors"):
            (draft / name).mkdir()
        for name, pixels in zip(names, tow.pixels, strict=True):
            if not cv2.imwrite(str(draft / "frames" / name), pixels):
                raise OSError(f"cannot write {name}")
        _write_log(draft / "sensors", area_tow.log(size, _RATE_HZ, _START))
    return {
        "path": "frames",
        "environment": "sensors",
        "pixel_width_mm": f"{area_tow.PIXEL_MM:g}",
        "depth_of_field_mm": f"{area_tow.DEPTH_OF_FIELD_MM:g}",
    }


def _name(after: np.timedelta64, number: int) -> str:
    stamp = str(np.datetime64(_START, "ms") + after.astype("timedelta64[ms]"))
    date, clock = stamp.translate(str.maketrans("", "", "-:.")).split("T")
    return f"{_CAMERA}__{date}_{clock}_{number}.tiff"


def _write_log(folder: Path, log: pd.DataFrame) -> None:
    """Write five lines of header, the last with the names, and rows."""
    epoch = (log["time"].to_numpy() - np.datetime64(0, "ns")) // np.timedelta64(1, "us")
    told = {
        "UNIX_timestamp": epoch + 400_000, "LCM_event_timestamp": epoch,
        "AANDERAA_O2_UM": log["oxygen"].round(3), "CTD_PRESSURE": log["pressure"].round(4),
        "CTD_SALINITY": log["salinity"].round(4),
        "CTD_TEMPERATURE_DEG_C": log["temperature"].round(4), "DEPTH_M": log["depth"].round(4),
        "FLUOROMETER_CHLOROPHYLL_RAW": (log["chlorophyll"] / 0.0073 + 48).round(0),
        "TS_LATITUDE_DEG": log["latitude"], "TS_LONGITUDE_DEG": log["longitude"],
    }  # fmt: skip
    table = pd.DataFrame({name: told.get(name, 0) for name in _COLUMNS.split()}, index=log.index)
    rows = table.to_csv(index=False, lineterminator="\n")
    head = "".join(f"# simulated sensors of a Stingray, line {i}\n" for i in range(1, 5))
    start = log["time"].iloc[0].strftime("%Y%m%d_%H%M%S")
    (folder / f"{start}_SIM_BELLAMARE_CSV_DATA.csv").write_text(head + rows, "utf-8", newline="")
