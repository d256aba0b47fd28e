"""What a simulated tow is: how it is towed, seen by the camera, written to files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class TowSettings:
    """One undulating tow of a line-scan camera across a front.

    The defaults are those of a light tow; `tiny`, `demo` and `full` give whole sets.

    Parameters
    ----------
    start : str
        UTC of the first record of the log, ISO 8601.
    latitude, longitude : float, degrees
        Where the tow starts.
    heading_deg : float, degrees
        Its course, clockwise from north.
    casts : int
        Ways down or up; the first goes down.
    shallow_m, deep_m : float, m
        Depths between which the vehicle undulates.
    cast_duration_s : float, s
        Time of one way down or up.
    speed_m_s, speed_variation : float
        Mean speed through the water, m/s, and the share by which it swings.
    line_rate_hz : float
        Lines per second.
    width : int
        Pixels in a line.
    pixel_width_mm, depth_of_field_mm : float, mm
        Size of a pixel along the line; depth of the imaged slab.
    frame_lines, frames_per_file, files_per_burst : int
        Lines in a frame, frames in a file, consecutive files without a gap between them.
    burst_spacing_m : float or None, m
        Depth between two bursts, the first at half of it; None scans without a break.
    plankton_factor, detritus_factor : float
        Factors on the natural concentrations.
    blurred_share : float
        Share of the objects that lie out of focus.
    log_interval_s : float, s
        Time between two records of the log.
    codec : {"rawvideo", "ffv1", "png", "tiff"}
        Lossless codec of the AVI files; or pictures, a file for each frame.
    """

    start: str = "2013-07-24T18:20:00"
    latitude: float = 43.40
    longitude: float = 7.42
    heading_deg: float = 140.0
    casts: int = 6
    shallow_m: float = 0.5
    deep_m: float = 60.0
    cast_duration_s: float = 600.0
    speed_m_s: float = 2.0
    speed_variation: float = 0.08
    line_rate_hz: float = 28_000.0
    width: int = 2048
    pixel_width_mm: float = 105.0 / 2048.0
    depth_of_field_mm: float = 500.0
    frame_lines: int = 2048
    frames_per_file: int = 1
    files_per_burst: int = 2
    burst_spacing_m: float | None = 5.0
    plankton_factor: float = 5.0
    detritus_factor: float = 0.25
    blurred_share: float = 0.15
    log_interval_s: float = 0.5
    codec: Literal["rawvideo", "ffv1", "png", "tiff"] = "rawvideo"

    def __post_init__(self) -> None:
        if min(self.casts, self.width, self.frame_lines) < 1:
            raise ValueError("a tow has at least one cast, one column and one line")
        if min(self.frames_per_file, self.files_per_burst) < 1:
            raise ValueError("a burst has at least one file, and a file one frame")
        if self.suffix != ".avi" and self.frames_per_file > 1:
            raise ValueError("a picture holds one frame: frames_per_file is 1")
        if not 0 <= self.shallow_m < self.deep_m:
            raise ValueError("shallow_m must be at least 0 and above deep_m")
        if not 0 <= self.speed_variation < 1:
            raise ValueError("speed_variation is a share below 1")

    @classmethod
    def demo(cls) -> TowSettings:
        """Six casts of 60 m at dusk, 0.6 Gpx: every 5 m of every cast is sampled."""
        return cls()

    @classmethod
    def tiny(cls) -> TowSettings:
        """Two bursts of four short frames, for tests."""
        return cls(
            casts=1,
            deep_m=20.0,
            cast_duration_s=60.0,
            frame_lines=512,
            frames_per_file=2,
            burst_spacing_m=10.0,
        )

    @classmethod
    def full(cls) -> TowSettings:
        """Natural concentrations, no break in the scan: 4 casts of 100 m, 92 GB of frames."""
        return cls(
            casts=4,
            deep_m=100.0,
            cast_duration_s=400.0,
            frames_per_file=10,
            burst_spacing_m=None,
            plankton_factor=1.0,
            detritus_factor=1.0,
        )

    @property
    def duration_s(self) -> float:
        """Time of the whole tow, s."""
        return self.casts * self.cast_duration_s

    @property
    def suffix(self) -> str:
        """Ending of the names of the files of frames."""
        return f".{self.codec}" if self.codec in {"png", "tiff"} else ".avi"

    @property
    def file_lines(self) -> int:
        """Lines in a file."""
        return self.frame_lines * self.frames_per_file

    def volume_m3(self, speed_m_s: float) -> float:
        """Water imaged in a frame at a speed: width x way x depth of field, m3."""
        way_m = self.frame_lines / self.line_rate_hz * speed_m_s
        return self.width * self.pixel_width_mm * 1e-3 * way_m * self.depth_of_field_mm * 1e-3
