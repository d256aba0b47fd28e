"""What the report says in words and numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from seston.ecology import poisson_interval
from seston.plot import is_adjusted, pool_adjusted, reasons
from seston.store import damage_explained, open_dataset
from seston.variables import OBJECTS

_FRAME = "frame_"
#: What is drawn and told of the water, in this order.
WATER = ("temperature", "salinity", "fluorescence", "chlorophyll", "oxygen")


def frames(objects: Path) -> pd.DataFrame:
    """Read the frame variables of an objects dataset, without their prefix: one row a frame."""
    with open_dataset(objects) as dataset, damage_explained(objects):
        names = [n for n, v in OBJECTS.items() if v.dims == ("frame",) and n in dataset]
        return pd.DataFrame({n.removeprefix(_FRAME): dataset[n].to_numpy() for n in names})


def taxa(profiles: xr.Dataset) -> pd.DataFrame:
    """Summarise each taxon over all water that was imaged, the most numerous first.

    Returns
    -------
    DataFrame
        name, scientific, plankton, count, concentration, lower, upper (m-3: objects over water,
        and the exact Poisson interval), adjusted, adjusted_lower, adjusted_upper (m-3: mended for
        the classifier's errors), biovolume (mm3 m-3), carbon (mg m-3). NaN where the volume, the
        errors or the carbon are not known.
    """
    water = profiles["imaged_volume"]
    volume = float(water.sum()) if profiles.sizes["depth"] else 0.0
    share = water / volume if volume > 0 else water * np.nan
    binned = profiles["count"].sum(("profile", "depth")).to_numpy().astype(float)
    loose = profiles["unpositioned_count"].sum("profile").to_numpy()
    lower, upper = poisson_interval(binned)
    table = pd.DataFrame(
        {
            "name": [str(t) for t in profiles["taxon"].to_numpy()],
            "scientific": _text(profiles, "biological_taxon_name"),
            "plankton": profiles["plankton"].to_numpy() == 1,
            "count": (binned + loose).astype(int),
            "concentration": binned / volume if volume > 0 else np.nan,
            "lower": lower / volume if volume > 0 else np.nan,
            "upper": upper / volume if volume > 0 else np.nan,
            **_adjusted(profiles),
            "biovolume": _over_water(profiles["biovolume"], share),
            "carbon": _over_water(profiles["carbon"], share),
        }
    )
    return table.sort_values(["count", "name"], ascending=[False, True], ignore_index=True)


def _adjusted(profiles: xr.Dataset) -> dict[str, NDArray[np.float64]]:
    """Give the adjusted concentration of each taxon over all water, with its limits."""
    names = ("adjusted", "adjusted_lower", "adjusted_upper")
    found = np.full((profiles.sizes["taxon"], 3), np.nan)
    if is_adjusted(profiles):
        for row, taxon in enumerate(profiles["taxon"].to_numpy()):
            one = pool_adjusted(profiles, taxon, max_rows=1)
            found[row] = one.value[0], one.lower[0], one.upper[0]
    return dict(zip(names, found.T, strict=True))


def _text(profiles: xr.Dataset, name: str) -> list[str]:
    if name not in profiles:
        return [""] * profiles.sizes["taxon"]
    return [str(value) for value in profiles[name].to_numpy()]


def _over_water(values: xr.DataArray, share: xr.DataArray) -> NDArray[np.float64]:
    """Mean over all water, each bin by its share; NaN where no bin has a value."""
    mean = (values * share).sum(("profile", "depth"), min_count=1)
    return np.asarray(mean.to_numpy(), np.float64)


def summary(profiles: xr.Dataset, frames: pd.DataFrame) -> dict[str, str]:
    """Say the size of the campaign: each fact with its value in words."""
    usable = frames[frames["usable"] == 1]
    objects = int(frames["object_count"].sum())
    said = {
        "Deployments": ", ".join(sorted(set(frames["deployment"].astype(str)))),
        "Time (UTC)": _span(frames["time"], _time),
        "Latitude": _span(frames["latitude"], lambda v: f"{v:.4f}°"),
        "Longitude": _span(frames["longitude"], lambda v: f"{v:.4f}°"),
        "Depth": _span(frames["depth"], lambda v: f"{v:.1f} m"),
        "Frames": f"{len(frames):,}, of which {len(usable):,} usable",
        "Scan": _scan(frames),
        "Water imaged": _litres(float(usable["volume"].sum(skipna=True)), usable),
        "Objects": _objects(objects, int(frames["left_out_count"].sum())),
    }
    plankton = profiles["count"].where(profiles["plankton"] == 1).sum()
    loose = profiles["unpositioned_count"].where(profiles["plankton"] == 1).sum()
    if profiles.sizes["taxon"] > 1 and objects:
        found = objects + int(frames["left_out_count"].sum())
        said["Living plankton"] = f"{float(plankton + loose) / found:.1%} of the objects"
    said["Profiles"] = f"{profiles.sizes['profile']:,} of {profiles.sizes['depth']:,} depth bins"
    return said


def _objects(kept: int, left_out: int) -> str:
    if not left_out:
        return f"{kept:,}"
    return f"{kept:,} of {kept + left_out:,}: the filter left out the others"


def _span(values: pd.Series[Any], words: Callable[[Any], str]) -> str:
    known = values.dropna()
    if known.empty:
        return "not known"
    first, last = words(known.min()), words(known.max())
    return first if first == last else f"{first} to {last}"


def _time(value: pd.Timestamp) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S}"


def _scan(frames: pd.DataFrame) -> str:
    """Say how continuous the scan was: gaps are water that went by unseen."""
    lines = frames[(frames["line_interval"] > 0) & frames["time"].notna()]
    if lines.empty:
        return "single frames"
    end = lines["time"] + pd.to_timedelta(lines["height"] * lines["line_interval"], unit="s")
    spans = [lines["deployment"], lines["scan"]]
    begins, ends = lines["time"].groupby(spans).min(), end.groupby(spans).max()
    unseen = begins.groupby(level=0).shift(-1) - ends
    gaps = unseen[unseen > pd.Timedelta(0)].dt.total_seconds()
    stretches = "1 stretch" if len(begins) == 1 else f"{len(begins):,} stretches"
    return f"{stretches} without a gap, {gaps.sum():,.1f} s between them"


def _litres(volume: float, usable: pd.DataFrame) -> str:
    unknown = int(usable["volume"].isna().sum())
    if unknown == len(usable):
        return "not known"
    words = f"{volume:,.3g} m³"
    return f"{words}; not known of {unknown:,} frames" if unknown else words


def notices(profiles: xr.Dataset, frames: pd.DataFrame, *, named: bool) -> list[str]:
    """Say what is missing, and what that means for the numbers."""
    usable = frames[frames["usable"] == 1]
    said = []
    if not any(name in profiles and bool(np.isfinite(profiles[name]).any()) for name in WATER):
        said.append("No CTD: temperature, salinity, fluorescence and oxygen are not known.")
    deep = int(usable["depth"].isna().sum())
    if deep:
        said.append(f"{deep:,} of {len(usable):,} usable frames have no depth: their objects and "
                    "their water are counted apart, in no bin.")  # fmt: skip
    placed = int(usable[["latitude", "longitude"]].isna().any(axis=1).sum())
    if placed:
        said.append(f"{placed:,} of {len(usable):,} usable frames have no position.")
    unknown = int(usable["volume"].isna().sum())
    if unknown:
        said.append(f"The imaged volume of {unknown:,} frames is not known: objects are counted, "
                    "but have no concentration there.")  # fmt: skip
    if profiles.attrs.get("log_problems"):
        said.append(f"Of the logs, this was left out: {profiles.attrs['log_problems']}.")
    if not named:
        said.append("No model: objects were found and measured, and all are of one taxon, object.")
    how, _, why = str(profiles.attrs.get("quantification", "")).partition(": ")
    if how == "none" and why:
        said.append(f"No concentration is adjusted for the errors of naming: {why}.")
    left_out = int(frames["left_out_count"].sum())
    if left_out:
        said.append(f"{left_out:,} objects were left out by a filter before they were stored: "
                    "numbers of detritus, and size spectra of all objects, are of what it let "
                    "through.")  # fmt: skip
    if not frames["object_count"].sum():
        said.append("Not one object was found.")
    return said


def lost(frames: pd.DataFrame, objects: Path) -> dict[str, int]:
    """Count what is not in the numbers: frames by reason, objects by size limit."""
    with open_dataset(objects) as dataset:
        attributes = dataset.attrs
    counted = {f"frames: {reason}": int(n) for reason, n in reasons(frames).items()}
    noted = frames.loc[(frames["usable"] == 1) & (frames["problem"] != ""), "problem"]
    kept = noted.astype(str).value_counts().sort_index()
    counted |= {f"frames kept, but: {reason}": int(n) for reason, n in kept.items()}
    for name, words in (
        ("dropped_too_small", "objects smaller than the smallest kept"),
        ("dropped_too_large", "objects larger than the largest kept"),
        ("dropped_too_long", "things longer than the longest kept"),
        ("dropped_by_filter", "objects that the filter took for no plankton and left out"),
        ("unnamed_unknown", "objects without a name: like nothing that the model learned"),
        ("unnamed_below_threshold", "objects without a name: their score is too low"),
    ):
        if name in attributes:
            counted[words] = int(attributes[name])
    return counted


def scores(metrics: Mapping[str, Any] | None) -> dict[str, str]:
    """Say how well the model did on pictures it did not learn from."""
    if not metrics:
        return {}
    names = {
        "accuracy": "Accuracy",
        "balanced_accuracy": "Mean recall of the taxa",
        "f1_macro": "Mean F1 of the taxa",
        "calibration_error": "Calibration error",
    }
    return {words: f"{float(metrics[key]):.3f}" for key, words in names.items() if key in metrics}
