"""The way of the vehicle: depth, speed and position at each moment, and when the camera runs."""

from __future__ import annotations

from dataclasses import dataclass

import gsw
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from seston.simulate.ocean import Ocean, daylight, sun_elevation
from seston.simulate.settings import TowSettings

FloatArray = NDArray[np.float64]
_SHARP = 0.995  # how sharply the vehicle turns: 1 is a triangle
_EARTH_KM = 6371.0


@dataclass(frozen=True, slots=True)
class File:
    """One file of consecutive frames.

    Parameters
    ----------
    index : int
        Number of the file in the tow.
    scan : int
        Number of the continuous scan that it belongs to.
    start_s : float, s
        Time of its first line since the start of the tow.
    first_line : int
        Lines of the tow in earlier files.
    scan_start, scan_stop : int
        First line of its scan, and the line after the last.
    """

    index: int
    scan: int
    start_s: float
    first_line: int
    scan_start: int
    scan_stop: int


@dataclass(frozen=True, slots=True)
class Tow:
    """Kinematics of a tow; all times are seconds since its start."""

    settings: TowSettings

    def depth(self, t: ArrayLike) -> FloatArray:
        """Depth, m: a wave of straight ways with rounded turns."""
        s = self.settings
        phase = np.pi * np.asarray(t, float) / s.cast_duration_s
        wave = np.arcsin(_SHARP * np.cos(phase)) / np.arcsin(_SHARP)
        return np.asarray((s.shallow_m + s.deep_m) / 2 - (s.deep_m - s.shallow_m) / 2 * wave)

    def time_at(self, cast: int, depth: float) -> float:
        """Time at which a cast passes a depth, s.

        Raises
        ------
        ValueError
            The cast does not reach that depth.
        """
        s = self.settings
        if not s.shallow_m <= depth <= s.deep_m:
            raise ValueError(f"the tow does not pass {depth} m")
        wave = ((s.shallow_m + s.deep_m) / 2 - depth) / ((s.deep_m - s.shallow_m) / 2)
        cosine = np.sin(np.arcsin(_SHARP) * wave) / _SHARP
        way = float(np.arccos(np.clip(cosine, -1, 1)) / np.pi)
        return (cast + (way if cast % 2 == 0 else 1 - way)) * s.cast_duration_s

    def speed(self, t: ArrayLike) -> FloatArray:
        """Speed through the water, m/s: two slow swings, as of swell and of the winch."""
        s = self.settings
        t = np.asarray(t, float)
        swing = 0.6 * np.sin(2 * np.pi * t / 47.0) + 0.4 * np.sin(2 * np.pi * t / 173.0 + 1.0)
        return np.asarray(s.speed_m_s * (1 + s.speed_variation * swing))

    def distance_km(self, t: ArrayLike) -> FloatArray:
        """Way along the track, km: the integral of the speed."""
        s = self.settings
        t = np.asarray(t, float)
        first, second = 47.0 / (2 * np.pi), 173.0 / (2 * np.pi)
        swing = 0.6 * first * (1 - np.cos(t / first))
        swing = swing + 0.4 * second * (np.cos(1.0) - np.cos(t / second + 1.0))
        return np.asarray(s.speed_m_s * (t + s.speed_variation * swing) * 1e-3)

    def position(self, t: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Latitude and longitude, degrees, on a plane tangent at the start."""
        s = self.settings
        way = np.rad2deg(self.distance_km(t) / _EARTH_KM)
        heading = np.deg2rad(s.heading_deg)
        latitude = s.latitude + way * np.cos(heading)
        longitude = s.longitude + way * np.sin(heading) / np.cos(np.deg2rad(s.latitude))
        return np.asarray(latitude), np.asarray(longitude)

    def time(self, t: ArrayLike) -> NDArray[np.datetime64]:
        """UTC."""
        step = np.rint(np.asarray(t, float) * 1e9).astype("timedelta64[ns]")
        return np.asarray(np.datetime64(self.settings.start, "ns") + step)

    def daylight(self, t: ArrayLike) -> FloatArray:
        """1 by day, 0 by night."""
        latitude, longitude = self.position(t)
        return daylight(sun_elevation(self.time(t), latitude, longitude))

    def ocean(self) -> Ocean:
        """Make the water that the tow crosses."""
        return Ocean.across(float(self.distance_km(self.settings.duration_s)))

    def files(self) -> list[File]:
        """When each file starts, in order of time."""
        files: list[File] = []
        for scan, (start, count) in enumerate(self._scans()):
            files += self._scan_files(scan, start, count, len(files))
        return files

    def _scan_files(self, scan: int, start: float, count: int, before: int) -> list[File]:
        lines = self.settings.file_lines
        span = lines / self.settings.line_rate_hz
        first, stop = before * lines, (before + count) * lines
        return [
            File(before + k, scan, start + k * span, first + k * lines, first, stop)
            for k in range(count)
        ]

    def _scans(self) -> list[tuple[float, int]]:
        """Start, s, and number of files of each continuous scan. Starts are whole milliseconds."""
        s = self.settings
        span = s.file_lines / s.line_rate_hz
        if s.burst_spacing_m is None:
            return [(0.0, max(1, int(s.duration_s / span)))]
        depths = np.arange(s.burst_spacing_m / 2, s.deep_m, s.burst_spacing_m)
        middles = sorted(
            self.time_at(cast, float(d))
            for cast in range(s.casts)
            for d in depths
            if d > s.shallow_m
        )
        starts = [max(0.0, round(t - s.files_per_burst * span / 2, 3)) for t in middles]
        return [(start, s.files_per_burst) for start in starts]

    def log(self, seed: int) -> pd.DataFrame:
        """Make the records of the CTD and the navigation, with the noise of their sensors.

        Returns
        -------
        DataFrame
            time, pressure (dbar), depth (m), temperature, salinity, fluorescence (V), oxygen
            (ml/l), irradiance, latitude, longitude, speed and vertical_speed (m/s), pitch (deg).
        """
        s = self.settings
        t = np.arange(0.0, s.duration_s + s.log_interval_s, s.log_interval_s)
        rng = np.random.default_rng([seed, 0xC7D])
        truth = self.environment(t)
        noise = {name: rng.normal(0.0, sigma, t.size) for name, sigma in _NOISE.items()}
        table = pd.DataFrame({k: v + noise.get(k, 0.0) for k, v in truth.items()})
        table.insert(0, "time", self.time(t))
        table["pressure"] = gsw.p_from_z(-table["depth"], table["latitude"])
        table["vertical_speed"] = -np.gradient(truth["depth"], t)
        table["pitch"] = np.rad2deg(np.arctan2(table["vertical_speed"], table["speed"]))
        return table

    def environment(self, t: ArrayLike) -> dict[str, FloatArray]:
        """Tell what the water and the vehicle are like at each time, without noise."""
        t = np.asarray(t, float)
        x, z, ocean = self.distance_km(t), self.depth(t), self.ocean()
        latitude, longitude = self.position(t)
        elevation = sun_elevation(self.time(t), latitude, longitude)
        return {
            "latitude": latitude,
            "longitude": longitude,
            "depth": z,
            "temperature": ocean.temperature(x, z),
            "salinity": ocean.salinity(x, z),
            "fluorescence": ocean.fluorescence(x, z),
            "oxygen": ocean.oxygen(x, z),
            "irradiance": ocean.irradiance(z, elevation),
            "speed": self.speed(t),
        }


_NOISE = {
    "depth": 0.01,
    "temperature": 0.01,
    "salinity": 0.004,
    "fluorescence": 0.006,
    "oxygen": 0.01,
    "speed": 0.005,
}
