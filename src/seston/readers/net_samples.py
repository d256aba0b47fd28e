"""Scans of net samples: fractions of one haul, whose water counts once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from seston.config import Deployment
from seston.readers.listing import finish

#: Fractions of one sample may tell volumes that differ by rounding alone.
_SAME_VOLUME = 0.01
_NEVER = np.datetime64("NaT", "ns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A scan of one fraction of a net sample, or of one part of it.

    Parameters
    ----------
    path : str
        Relative to the deployment's folder.
    sample : str
        Name of the haul; empty where nothing tells it.
    time : datetime64[ns]
        UTC, of the haul.
    latitude, longitude : float, degrees
        NaN where not known.
    depth_min, depth_max : float, m
        Limits of the haul; NaN where not known.
    filtered : float, m3
        Water that the net filtered; NaN where not known.
    factor : float
        Individuals in the sample for each one in the scan.
    pixel : float, mm
        Side of a pixel.
    height, width : int
        Pixels.
    vignettes : int
        Vignettes that were cut from it; -1 where they are not cut yet.
    problem : str
        Why the scan cannot be used; empty where it can.
    remark : str
        What else is to be said.
    """

    path: str
    sample: str = ""
    time: np.datetime64 = _NEVER
    latitude: float = np.nan
    longitude: float = np.nan
    depth_min: float = np.nan
    depth_max: float = np.nan
    filtered: float = np.nan
    factor: float = np.nan
    pixel: float = np.nan
    height: int = 0
    width: int = 0
    vignettes: int = -1
    problem: str = ""
    remark: str = ""


def list_scans(
    scans: Sequence[Scan], deployment: Deployment, lacking: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """List scans as frames.

    The water of a sample is that of its first scan, and of no other. A sample of which one scan
    cannot be used has none that can: what that fraction held is not known.

    Parameters
    ----------
    scans : sequence of Scan
        In the order of files.
    deployment : Deployment
        Its `imaged_volume_l` is the water filtered where the files do not tell it.
    lacking : mapping of str
        What is missing of a sample, by its name.

    Returns
    -------
    DataFrame
        The columns of `variables.FRAMES`.
    """
    scans = _spoilt(scans, lacking or {})
    heights = np.array([s.height for s in scans], np.int64)
    frames = pd.DataFrame({
        "path": [s.path for s in scans],
        "index_in_file": 0,
        "height": heights,
        "width": [s.width for s in scans],
        "scan": np.arange(len(scans)),
        "first_line": np.cumsum(heights) - heights,
        "time": np.array([s.time for s in scans], "datetime64[ns]"),
        "line_interval": 0.0,
        "pixel_height": [s.pixel for s in scans],
        "pixel_width": [s.pixel for s in scans],
        "subsample_factor": [s.factor for s in scans],
        "sample": [s.sample for s in scans],
        "latitude": [s.latitude for s in scans],
        "longitude": [s.longitude for s in scans],
        "depth_min": [s.depth_min for s in scans],
        "depth_max": [s.depth_max for s in scans],
        "vignettes": [s.vignettes for s in scans],
        "usable": [int(not s.problem) for s in scans],
        "problem": [s.problem or s.remark for s in scans],
    })  # fmt: skip
    told = pd.Series([s.filtered for s in scans], frames.index, dtype=float)
    water = told.groupby(frames["sample"], sort=False).transform("max")
    said = water.notna()
    if deployment.imaged_volume_l is not None:
        water = water.fillna(deployment.imaged_volume_l * 1e-3)
    first = ~frames["sample"].where(frames["usable"] == 1).duplicated()
    listed = finish(frames, deployment.deployment, water.where(first | water.isna(), 0.0), "header")
    listed.loc[(listed["volume_source"] == "header") & ~said, "volume_source"] = "config"
    unknown = (listed["usable"] == 1) & water.isna()
    listed.loc[unknown, "problem"] = (
        "the water filtered is not known: its files do not tell it, and `imaged_volume_l` of "
        "campaigns.csv is empty"
    )
    return listed


def _spoilt(scans: Sequence[Scan], lacking: Mapping[str, str]) -> list[Scan]:
    """Make a sample of which something is missing or contradicts itself unusable as a whole."""
    reasons = {sample: what for sample, what in lacking.items() if sample}
    for scan in scans:
        if scan.problem and scan.sample:
            what = f"{scan.path} of the same sample cannot be used: {scan.problem}"
            reasons.setdefault(scan.sample, what)
    for sample, volumes in _volumes(scans).items():
        if max(volumes) - min(volumes) > _SAME_VOLUME * max(volumes):
            reasons.setdefault(
                sample,
                "its fractions tell different volumes of water: "
                f"{min(volumes):g} and {max(volumes):g} m3",
            )
    return [s if s.problem else replace(s, problem=reasons.get(s.sample, "")) for s in scans]


def _volumes(scans: Sequence[Scan]) -> dict[str, list[float]]:
    volumes: dict[str, list[float]] = {}
    for scan in scans:
        if scan.sample and np.isfinite(scan.filtered):
            volumes.setdefault(scan.sample, []).append(scan.filtered)
    return volumes
