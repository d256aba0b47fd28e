"""The water of a simulated tow: a front, a thermocline, a deep chlorophyll maximum, dusk.

Shapes and levels are those of the Ligurian Sea in summer, in round numbers; nothing here is a
model of it. Arguments broadcast: distance along the track (km), depth (m, positive down), time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def sun_elevation(time: ArrayLike, latitude: ArrayLike, longitude: ArrayLike) -> FloatArray:
    """Elevation of the sun above the horizon, degrees, to about 1 degree.

    Parameters
    ----------
    time : array of datetime64, UTC
    latitude, longitude : array, degrees

    Notes
    -----
    Declination by Cooper (1969), hour angle from UTC and longitude, without the equation of time.
    """
    moment = np.asarray(time, dtype="datetime64[s]")
    day = (moment - moment.astype("datetime64[Y]")) / np.timedelta64(1, "D")
    declination = np.deg2rad(23.45) * np.sin(2 * np.pi * (284 + day + 1) / 365)
    hour_angle = 2 * np.pi * (day % 1 - 0.5) + np.deg2rad(np.asarray(longitude, float))
    phi = np.deg2rad(np.asarray(latitude, float))
    sine = np.sin(phi) * np.sin(declination)
    sine = sine + np.cos(phi) * np.cos(declination) * np.cos(hour_angle)
    return np.asarray(np.rad2deg(np.arcsin(sine)))


def daylight(elevation: ArrayLike) -> FloatArray:
    """How much it is day for an animal: 1 by day, 0 by night, half when the sun sets."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.asarray(elevation, float) / 2.0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ocean:
    """Fields of the water along a track.

    Parameters
    ----------
    front_km : float
        Where the front meets the surface, km along the track.
    front_width_km : float
        Scale of the change across it.
    front_slope_km_m : float
        By how much the front moves along the track for each metre of depth.
    """

    front_km: float = 3.5
    front_width_km: float = 0.8
    front_slope_km_m: float = 0.015

    @classmethod
    def across(cls, track_km: float) -> Ocean:
        """Put the front of an ocean into the middle of a track of that length."""
        return cls(front_km=track_km / 2, front_width_km=max(track_km / 9, 1e-3))

    def side(self, x: ArrayLike, z: ArrayLike) -> FloatArray:
        """Side of the front: -1 before it (light, warm water), +1 behind (dense, cold)."""
        foot = self.front_km + self.front_slope_km_m * (np.asarray(z, float) - 30.0)
        return np.asarray(np.tanh((np.asarray(x, float) - foot) / self.front_width_km))

    def thermocline(self, x: ArrayLike) -> FloatArray:
        """Depth of the thermocline, m: it rises across the front, with internal waves on it."""
        waves = 1.5 * np.sin(2 * np.pi * np.asarray(x, float) / 1.7)
        return np.asarray(22.0 - 6.0 * self.side(x, 20.0) + waves)

    def chlorophyll_maximum(self, x: ArrayLike) -> FloatArray:
        """Depth of the deep chlorophyll maximum, m."""
        return self.thermocline(x) + 16.0

    def temperature(self, x: ArrayLike, z: ArrayLike) -> FloatArray:
        """Temperature in situ, degree Celsius."""
        warm = 24.0 - 1.5 * self.side(x, z)
        below = np.asarray(z, float) - self.thermocline(x)
        return np.asarray(13.4 + (warm - 13.4) / (1 + np.exp(below / 4.0)))

    def salinity(self, x: ArrayLike, z: ArrayLike) -> FloatArray:
        """Practical salinity: 38.25 in the middle of the front."""
        return 38.25 + 0.15 * self.side(x, z) + 0.001 * (np.asarray(z, float) - 30.0)

    def fluorescence(self, x: ArrayLike, z: ArrayLike) -> FloatArray:
        """Signal of the fluorometer, V: highest in the deep maximum, most so at the front."""
        gap = (np.asarray(z, float) - self.chlorophyll_maximum(x)) / 7.0
        return 0.05 + 0.35 * (1 + 0.6 * self.at_front(x, z)) * np.exp(-0.5 * gap**2)

    def oxygen(self, x: ArrayLike, z: ArrayLike) -> FloatArray:
        """Dissolved oxygen, ml/l: a maximum just above that of chlorophyll."""
        depth = np.asarray(z, float)
        gap = (depth - self.chlorophyll_maximum(x) + 8.0) / 10.0
        return 4.9 + 0.9 * np.exp(-0.5 * gap**2) - 0.006 * np.maximum(depth - 30.0, 0.0)

    def irradiance(self, z: ArrayLike, elevation: ArrayLike) -> FloatArray:
        """Light for photosynthesis, umol m-2 s-1, falling by 7 % a metre."""
        surface = 1800.0 * np.maximum(np.sin(np.deg2rad(np.asarray(elevation, float))), 0.001)
        return np.asarray(surface * np.exp(-0.07 * np.asarray(z, float)))

    def at_front(self, x: ArrayLike, z: ArrayLike) -> FloatArray:
        """1 in the middle of the front, 0 far from it."""
        return np.asarray(1.0 - self.side(x, z) ** 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habitat:
    """Where a taxon lives.

    Parameters
    ----------
    peak : float, m-3
        Concentration at its depth, away from the front.
    depth_m : float or {"chlorophyll", "thermocline"}
        Depth of the maximum by day, or the feature that it follows.
    night_m : float, optional, m
        Depth of the maximum by night, for taxa that migrate.
    spread_m : float, m
        Standard deviation of the depth around the maximum.
    floor : float
        Share of the peak that is found at every depth.
    side : float
        From -1 (only before the front) to 1 (only behind it).
    front : float
        By how many times the concentration grows in the front.
    """

    peak: float
    depth_m: float | str = 20.0
    night_m: float | None = None
    spread_m: float = 10.0
    floor: float = 0.05
    side: float = 0.0
    front: float = 0.0

    def depth(self, ocean: Ocean, x: ArrayLike, day: ArrayLike) -> FloatArray:
        """Depth of the maximum, m."""
        if self.depth_m == "chlorophyll":
            centre = ocean.chlorophyll_maximum(x)
        elif self.depth_m == "thermocline":
            centre = ocean.thermocline(x)
        else:
            centre = np.asarray(float(self.depth_m))
        if self.night_m is None:
            return centre
        return np.asarray(self.night_m + (centre - self.night_m) * np.asarray(day, float))

    def concentration(self, ocean: Ocean, x: ArrayLike, z: ArrayLike, day: ArrayLike) -> FloatArray:
        """Give the expected concentration, m-3, at a place, a depth and a share of day."""
        gap = (np.asarray(z, float) - self.depth(ocean, x, day)) / self.spread_m
        by_depth = self.floor + (1 - self.floor) * np.exp(-0.5 * gap**2)
        by_side = 1 + self.side * ocean.side(x, z)
        return np.asarray(self.peak * by_depth * by_side * (1 + self.front * ocean.at_front(x, z)))
