"""Stingray: ISIIS with area cameras, as WHOI's vehicle of this name carries it.

Frames are pictures named by camera, serial number, UTC and a counter
(``Basler_avA2300-25gm__21634305__20190901_101500123_7.tiff``), or videos whose names end with the
UTC (``…-20210801T101500.123Z.avi``). The vehicle's program writes a CSV of all sensors, see
`logs.greensea`.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from seston.readers.area_camera import AreaCamera
from seston.readers.films import SUFFIXES
from seston.readers.names import time_in
from seston.readers.registry import register

_PICTURE = re.compile(r"Basler_[^_]+__\d+__(?P<time>\d{8}_\d{9})(?:_\d+)?$")
_FILM = re.compile(r"(?:^|.*-)(?P<time>\d{8}T\d{6}\.\d+)Z$")


@register(
    "stingray",
    files="pictures named Basler_…__YYYYMMDD_HHMMSSmmm_n, and …_BELLAMARE_CSV_DATA.csv",
    volume="`imaged_volume_l`, or area of the frame x `depth_of_field_mm`, of campaigns.csv",
    tested="simulated",
)
class Stingray(AreaCamera):
    """One deployment."""

    rate_hz = 15.0

    @classmethod
    def can_open(cls, path: Path) -> bool:
        """Look for frames of such names, or for the vehicle's CSV."""
        if not path.is_dir():
            return False
        return any(
            "_BELLAMARE_CSV_DATA" in p.name
            or (p.suffix.lower() in SUFFIXES and _PICTURE.match(p.stem))
            for p in path.rglob("*")
        )

    @classmethod
    def time_of(cls, path: Path) -> np.datetime64:
        """Read the time behind the serial number; see `AreaCamera.time_of`."""
        match = _PICTURE.match(path.stem) or _FILM.match(path.stem)
        named = time_in(match["time"]) if match else None
        return np.datetime64("NaT", "ns") if named is None else named.time
