"""ISIIS by Bellamare with area cameras (DPI): videos, and a folder of logs for each sensor.

Videos are named by the UTC of their first frame (``prefix-Camera-2019-07-25-10-15-00.avi``) and run
at 20.5 frames a second. Sensors write CSV in ``VIPF_LOGS/CTD 1 Publisher`` and so on, see
`logs.vipf`.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from seston.readers import video
from seston.readers.area_camera import AreaCamera
from seston.readers.logs import vipf
from seston.readers.names import time_in
from seston.readers.registry import register

_NAME = re.compile(r"[^-]+-[^-]+-(?=(?:19|20)\d\d(?:-\d\d){5}(?!\d))")


@register(
    "isiis-dpi",
    files="videos named prefix-Camera-YYYY-MM-DD-HH-MM-SS, and VIPF_LOGS",
    volume="`imaged_volume_l`, or area of the frame x `depth_of_field_mm`, of campaigns.csv",
    tested="simulated",
)
class IsiisDpi(AreaCamera):
    """One deployment."""

    rate_hz = 20.5

    @classmethod
    def can_open(cls, path: Path) -> bool:
        """Look for the folder of logs, or for videos of such names."""
        if not path.is_dir():
            return False
        return any(
            p.name == "VIPF_LOGS" or (p.suffix.lower() in video.SUFFIXES and _NAME.match(p.name))
            for p in path.rglob("*")
        )

    @classmethod
    def time_of(cls, path: Path) -> np.datetime64:
        """Read the time after prefix and camera; see `AreaCamera.time_of`."""
        match = _NAME.match(path.name)
        named = time_in(path.stem[match.end() :]) if match else None
        return np.datetime64("NaT", "ns") if named is None else named.time

    def log_files(self) -> list[Path]:
        """Give the logs of the sensors, and what else is recognised; see `Reader.log_files`.

        Of two sensors of a kind the first is taken: one would repeat the other.
        """
        place = self.deployment.environment or self.deployment.path
        if place.is_file():
            return super().log_files()
        return [*vipf.first_of_each(sorted(place.rglob("* Publisher/*.csv"))), *super().log_files()]
