"""A small campaign that never was: believable datasets with every registered variable.

`profiles` gives the profiles dataset in memory; `write_objects` writes an objects store.
Both are deterministic: equal arguments, equal values. They need no file and no picture.

>>> campaign = profiles()
>>> dict(campaign.sizes)
{'profile': 12, 'depth': 100, 'taxon': 8, 'bound': 2}
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gsw
import numpy as np
import xarray as xr
from scipy.stats import chi2

from seston.variables import OBJECTS, PROFILES

#: label, scientific name, LSID, plankton, carbon (mg mm-3), typical diameter (mm), peak (m-3),
#: depth of the peak (m), side of the front: -1 inshore, +1 offshore, 0 both
TAXA: tuple[tuple[str, str, str, int, float, float, float, float, int], ...] = (
    ("copepod", "Copepoda", "1080", 1, 0.0703, 1.1, 900.0, 30.0, 0),
    ("appendicularian", "Appendicularia", "17446", 1, 0.04766, 1.8, 320.0, 40.0, -1),
    ("chaetognath", "Chaetognatha", "2081", 1, 0.038934, 2.6, 40.0, 25.0, 0),
    ("siphonophore", "Siphonophorae", "1371", 1, 0.005, 4.5, 14.0, 60.0, 1),
    ("ctenophore", "Ctenophora", "1248", 1, 0.0015, 7.0, 5.0, 15.0, -1),
    ("fish_larva", "Actinopterygii", "10194", 1, 0.079, 2.2, 6.0, 20.0, -1),
    ("detritus", "", "", 0, np.nan, 0.7, 9000.0, 45.0, 0),
    ("never_seen", "Thaliacea", "137209", 1, 0.0087, 3.0, 0.0, 50.0, 0),
)
LABELS = tuple(row[0] for row in TAXA)
START = np.datetime64("2013-07-25T21:00:00", "ns")
_FRONT_KM = 11.0


def profiles(
    n_profiles: int = 12,
    n_depths: int = 100,
    *,
    seed: int = 20130725,
    environment: bool = True,
    positions: bool = True,
    volume: bool = True,
) -> xr.Dataset:
    """Make a profiles dataset: an undulating tow across a front at 11 km, bins of 1 m.

    Profiles end at different depths, and profile 4 has a gap from 30 to 36 m, so some bins
    are unsampled. The deep chlorophyll maximum lies at 40 m.

    Parameters
    ----------
    environment, positions, volume : bool
        False leaves the CTD's variables, the positions, or the imaged volume unknown (NaN).
    """
    rng = np.random.default_rng(seed)
    coords = _coordinates(n_profiles, n_depths, positions)
    distance = np.linspace(0.0, 24.0, n_profiles)
    z = coords["depth"]
    sampled = _sampled(n_profiles, z, rng)
    water = _water(distance, z, coords["latitude"], coords["longitude"])
    litres = np.where(sampled, rng.uniform(60, 140, sampled.shape), 0.0)
    values = _counts(distance, z, litres / 1000, rng)
    if not volume:
        values |= {k: np.full_like(v, np.nan) for k, v in values.items() if k != "count"}
        litres = np.where(sampled, np.nan, 0.0)
    for name, field in water.items():
        values[name] = np.where(sampled, field, np.nan) if environment else field * np.nan
    values["imaged_volume"] = litres / 1000
    values["unpositioned_count"] = rng.poisson(2, (n_profiles, len(TAXA)))
    values["unpositioned_volume"] = rng.uniform(0.02, 0.05, n_profiles)
    return _dataset(coords, values)


def _coordinates(n_profiles: int, n_depths: int, positions: bool) -> dict[str, Any]:
    number = np.arange(n_profiles)
    depth = np.arange(n_depths) + 0.5
    unknown = 1.0 if positions else np.nan
    share = np.linspace(0, 1, n_profiles)
    return {
        "deployment": np.full(n_profiles, "transect-4", dtype=object),
        "direction": np.where(number % 2, "up", "down").astype(object),
        "time": START + (number * 540 + 270) * np.timedelta64(1_000_000_000, "ns"),
        "latitude": (43.30 + 0.18 * share) * unknown,
        "longitude": (7.32 + 0.12 * share) * unknown,
        "distance": 24.0 * share * unknown,
        "depth": depth,
        "depth_bounds": np.stack([depth - 0.5, depth + 0.5], axis=1),
        "taxon": np.array(LABELS, dtype=object),
        "biological_taxon_name": np.array([row[1] for row in TAXA], dtype=object),
        "biological_taxon_lsid": np.array([_lsid(row[2]) for row in TAXA], dtype=object),
        "plankton": np.array([row[3] for row in TAXA]),
    }


def _lsid(number: str) -> str:
    return f"urn:lsid:marinespecies.org:taxname:{number}" if number else ""


def _sampled(n_profiles: int, z: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    deepest = z[-1] - rng.uniform(0, 0.12, n_profiles) * z[-1] if len(z) else np.zeros(n_profiles)
    sampled = (z[None, :] > 2) & (z[None, :] <= deepest[:, None])
    if n_profiles > 4:
        sampled[4] &= ~((z > 30) & (z < 36))
    return sampled


def _water(
    distance: np.ndarray, z: np.ndarray, latitude: np.ndarray, longitude: np.ndarray
) -> dict[str, np.ndarray]:
    x, z = distance[:, None], z[None, :]
    offshore = 1 / (1 + np.exp(-(x - _FRONT_KM) / 1.5))
    temperature = 13.4 + (9.5 + 0.8 * offshore) / (1 + np.exp((z - 22 + 6 * offshore) / 5))
    salinity = 37.9 + 0.45 * offshore + 0.002 * z
    bloom = 0.16 * (1 - 0.55 * offshore) * np.exp(-(((z - 40 - 8 * offshore) / 11) ** 2))
    oxygen = 232 + 14 * np.exp(-(((z - 34) / 14) ** 2)) - 0.42 * z - 6 * offshore
    latitude = np.nan_to_num(latitude, nan=43.0)[:, None]
    longitude = np.nan_to_num(longitude, nan=7.0)[:, None]
    pressure = np.broadcast_to(gsw.p_from_z(-z, latitude), temperature.shape)
    absolute = gsw.SA_from_SP(salinity, pressure, longitude, latitude)
    conservative = gsw.CT_from_t(absolute, temperature, pressure)
    solubility = gsw.O2sol(absolute, conservative, pressure, longitude, latitude)
    sigma0 = gsw.sigma0(absolute, conservative)
    return {
        "temperature": temperature,
        "salinity": salinity,
        "fluorescence": 0.03 + bloom,
        "oxygen": oxygen,
        "irradiance": 900 * np.exp(-0.06 * z) * np.ones_like(x),
        "absolute_salinity": absolute,
        "conservative_temperature": conservative,
        "sigma0": sigma0,
        "buoyancy_frequency_squared": _stratification(sigma0),
        "oxygen_solubility": solubility,
        "apparent_oxygen_utilization": solubility - oxygen,
        "spiciness0": gsw.spiciness0(absolute, conservative),
    }


def _stratification(sigma0: np.ndarray) -> np.ndarray:
    if sigma0.shape[1] < 2:
        return np.full_like(sigma0, np.nan)
    return 9.81 / 1026 * np.gradient(sigma0, axis=1)


def true_concentration(distance: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Concentration (profile, depth, taxon), m-3, from which the counts are drawn."""
    fields = []
    for *_, peak, depth, side in TAXA:
        vertical = np.exp(-(((z[None, :] - depth) / 14) ** 2))
        across = 1 / (1 + np.exp(-side * (distance[:, None] - _FRONT_KM) / 1.2))
        patches = 1 + 0.5 * np.sin(distance[:, None] / 1.7 + depth)
        fields.append(peak * vertical * across * patches)
    return np.stack(fields, axis=-1)


def _counts(
    distance: np.ndarray, z: np.ndarray, volume: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    count = rng.poisson(true_concentration(distance, z) * volume[..., None])
    water = np.where(volume > 0, volume, np.nan)[..., None]
    sphere = np.array([np.pi / 6 * row[5] ** 3 for row in TAXA])
    biovolume = count * sphere / water
    with np.errstate(invalid="ignore"):
        lower = np.nan_to_num(chi2.ppf(0.025, 2 * count) / 2)
    return {
        "count": count,
        "concentration": count / water,
        "concentration_lower": lower / water,
        "concentration_upper": chi2.ppf(0.975, 2 * count + 2) / 2 / water,
        "concentration_adjusted": 0.9 * count / water,
        "concentration_adjusted_lower": 0.8 * lower / water,
        "concentration_adjusted_upper": chi2.ppf(0.975, 2 * count + 2) / 2 / water,
        "biovolume": biovolume,
        "carbon": biovolume * np.array([row[4] for row in TAXA]),
    }


_COORDINATES = (
    "deployment",
    "direction",
    "time",
    "latitude",
    "longitude",
    "distance",
    "depth",
    "depth_bounds",
    "taxon",
    "biological_taxon_name",
    "biological_taxon_lsid",
    "plankton",
)


def _dataset(coords: dict[str, Any], values: dict[str, Any]) -> xr.Dataset:
    arrays = {}
    for name, field in (coords | values).items():
        variable = PROFILES[name]
        dtype = object if variable.dtype == "str" else variable.dtype
        arrays[name] = (variable.dims, np.asarray(field).astype(dtype), variable.attrs)
    attributes = {
        "Conventions": "CF-1.11, ACDD-1.3",
        "title": "A campaign that never was",
        "summary": "Synthetic profiles for tests.",
        "license": "CC-BY-4.0",
    }
    made = xr.Dataset(arrays, attrs=attributes)
    return made.set_coords([name for name in _COORDINATES if name in made])


# ------------------------------------------------------------------------- objects
_LINES, _WIDTH, _SIZE_MM = 2048, 2048, 0.051


def frames(n_frames: int = 40, *, positions: bool = True) -> dict[str, np.ndarray]:
    """Frame variables of an objects store, but for those that count its objects.

    Frame 3 is saturated and not usable; frames 7 and 8 have no position.
    """
    number = np.arange(n_frames)
    usable, problem = np.ones(n_frames, np.int8), np.full(n_frames, "", dtype=object)
    usable[number == 3], problem[number == 3] = 0, "saturated"
    lost = np.isin(number, (7, 8)) | (not positions)
    problem[lost & (usable == 1)] = "no position"
    unknown = np.where(lost, np.nan, 1.0)
    return {
        "frame_id": np.array([f"20130725210000.{i:03d}" for i in number], dtype=object),
        "frame_deployment": np.full(n_frames, "transect-4", dtype=object),
        "frame_path": np.array([f"20130725210000.{i:03d}.png" for i in number], dtype=object),
        "frame_index_in_file": np.zeros(n_frames, np.int32),
        "frame_height": np.full(n_frames, _LINES, np.int32),
        "frame_first_line": number * _LINES,
        "frame_scan": np.zeros(n_frames, np.int32),
        "frame_time": START + number * np.timedelta64(162_000_000_000, "ns"),
        "frame_line_interval": np.full(n_frames, 1 / 28000),
        "frame_pixel_height": np.full(n_frames, 2 / 28),
        "frame_pixel_width": np.full(n_frames, _SIZE_MM),
        "frame_volume": np.full(n_frames, 0.00768),
        "frame_usable": usable,
        "frame_problem": problem,
        "frame_depth": (50 - 45 * np.cos(number / 3)).astype(np.float32) * unknown.astype("f4"),
        "frame_latitude": (43.30 + 0.18 * number / max(1, n_frames)) * unknown,
        "frame_longitude": (7.32 + 0.12 * number / max(1, n_frames)) * unknown,
        "frame_background": (180 + 12 * np.sin(number / 5)).astype(np.float32),
    }


def write_objects(
    path: Path,
    n_objects: int = 400,
    *,
    n_frames: int = 40,
    seed: int = 20130725,
    named: bool = True,
    positions: bool = True,
    labels: tuple[str, ...] = LABELS,
) -> Path:
    """Write an objects store as the workflow leaves it, and give its path.

    Parameters
    ----------
    named : bool
        False: no model was there; every predicted taxon is -1 and there is no taxon.
    labels : tuple of str
        Names of the taxa, in the order of `TAXA`.
    """
    from seston.features import CHEAP
    from seston.store import new_objects

    rng = np.random.default_rng(seed)
    taxon, columns, pixels, table = _objects(n_objects, n_frames, positions, rng)
    with new_objects(path, CHEAP) as (draft, writer):
        writer.append(columns, pixels)
        writer.close(table, {"title": "A campaign that never was"})
        _write_rest(draft, columns, table, taxon, labels if named else (), rng)
    return path


def _objects(
    n: int, n_frames: int, positions: bool, rng: np.random.Generator
) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray, dict[str, np.ndarray]]:
    table = frames(n_frames, positions=positions)
    in_frame = rng.choice(np.flatnonzero(table["frame_usable"] == 1), n)
    share = np.array([row[6] for row in TAXA])
    share = np.sqrt(share) / np.sqrt(share).sum()  # rare ones too, so that tests see them
    taxon = rng.choice(len(TAXA), n, p=share)
    diameter = np.array([row[5] for row in TAXA])[taxon] * rng.lognormal(0, 0.3, n)
    top, left = rng.integers(0, _LINES - 200, n), rng.integers(0, _WIDTH - 200, n)
    line = in_frame.astype(np.int64) * _LINES + top
    object_id = line.astype(np.uint64) << np.uint64(16) | left.astype(np.uint64)
    order = np.argsort(object_id)
    taxon, diameter = taxon[order], diameter[order]
    drawn = [_drawing(t, d, rng) for t, d in zip(taxon, diameter, strict=True)]
    heights = np.array([d.shape[0] for d in drawn], np.int32)
    widths = np.array([d.shape[1] for d in drawn], np.int32)
    sizes = heights.astype(np.int64) * widths
    top, left, in_frame = top[order], left[order], in_frame[order].astype(np.int32)
    columns = {
        "object_id": object_id[order],
        "frame": in_frame,
        "top": top.astype(np.int32),
        "left": left.astype(np.int32),
        "bottom": (top + heights).astype(np.int32),
        "right": (left + widths).astype(np.int32),
        "time": table["frame_time"][in_frame] + top * np.timedelta64(35_714, "ns"),
        "features": _features(diameter, rng),
        "vignette_start": np.cumsum(sizes) - sizes,
    }
    pixels = np.concatenate([d.ravel() for d in drawn]) if drawn else np.zeros(0, np.uint8)
    counted = np.bincount(in_frame, minlength=n_frames)
    table["frame_object_start"] = (np.cumsum(counted) - counted).astype(np.int64)
    table["frame_object_count"] = counted.astype(np.int32)
    table["frame_left_out_count"] = np.zeros(n_frames, np.int32)
    return taxon, columns, pixels, table


def _drawing(taxon: int, diameter: float, rng: np.random.Generator) -> np.ndarray:
    """A dark body whose slenderness and darkness go with the taxon, on water at 240."""
    slender = 1 + 0.7 * (taxon % 4)
    half_y = max(2.0, diameter / 2 / slender**0.5 / (2 / 28))
    half_x = max(2.0, diameter / 2 * slender**0.5 / _SIZE_MM)
    y = np.arange(-int(half_y) - 2, int(half_y) + 3)[:, None] / half_y
    x = np.arange(-int(half_x) - 2, int(half_x) + 3)[None, :] / half_x
    body = np.clip(1.3 - (x**2 + y**2), 0, 1) * (60 + 18 * taxon)
    return np.clip(240 - body + rng.normal(0, 4, body.shape), 0, 255).astype(np.uint8)


def _features(diameter: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    from seston.features import CHEAP

    columns = rng.lognormal(0, 0.4, (len(diameter), len(CHEAP)))
    known = {"equivalent_diameter_area": diameter, "area": np.pi / 4 * diameter**2}
    for place, name in enumerate(CHEAP):
        if name in known:
            columns[:, place] = known[name]
    return columns.astype(np.float32)


def _write_rest(
    draft: Path,
    columns: dict[str, np.ndarray],
    table: dict[str, np.ndarray],
    taxon: np.ndarray,
    labels: tuple[str, ...],
    rng: np.random.Generator,
) -> None:
    import zarr

    from seston.store.arrays import create, create_labels

    group = zarr.open_group(draft, mode="r+")
    if labels:
        create_labels(group, PROFILES["taxon"], list(labels))
    scores = rng.dirichlet(np.full(max(1, len(labels)), 0.2), len(taxon))
    if labels:
        scores[np.arange(len(taxon)), taxon] += 4
        scores /= scores.sum(axis=1, keepdims=True)
    frame = columns["frame"]
    rest = {
        "depth": table["frame_depth"][frame],
        "latitude": table["frame_latitude"][frame],
        "longitude": table["frame_longitude"][frame],
        "predicted_taxon": (taxon if labels else np.full(len(taxon), -1)).astype(np.int16),
        "validated_taxon": np.full(len(taxon), -1, np.int16),
    }
    if labels:
        rest["scores"] = scores.astype(np.float16)
    for name, values in rest.items():
        array = create(group, OBJECTS[name], values.shape)
        if len(values):
            array[:] = values
