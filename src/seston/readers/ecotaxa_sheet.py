"""One table of EcoTaxa as frames and objects: what belongs together, and where each object lay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import pi
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.readers import ecotaxa_cells as cells
from seston.readers.ecotaxa_cells import Float
from seston.readers.ecotaxa_table import SHARED, Table

#: Objects further right or down than this have no place that can be meant, pixels.
_RIGHTMOST, _LOWEST = 1 << 16, 1 << 20
_MOST_LINES = (1 << 31) - 1
_COORDINATES = (("latitude", "object_lat", 90.0), ("longitude", "object_lon", 180.0))
#: A board whose clock was never set says a day before that of the sample.
_EARLY_DAYS = 2

#: Our name of a feature, its power of a pixel, and the column that holds the same in pixels.
#: ZooProcess: `esd`, `circex`, `centroids`, and every column that is rounded before it is divided,
#: are not what their names say; `major` and `minor` are scaled to the area.
_ZOOPROCESS: Mapping[str, tuple[int, str]] = MappingProxyType({
    "width": (1, "object_width"),
    "height": (1, "object_height"),
    "perimeter_traced": (1, "object_perim."),
    "area_convex": (2, "object_convarea"),
    "intensity_mean": (0, "object_mean"),
    "intensity_min": (0, "object_min"),
    "intensity_max": (0, "object_max"),
    "intensity_range": (0, "object_range"),
    "intensity_mode": (0, "object_mode"),
    "intensity_skewness": (0, "object_skew"),
    "intensity_kurtosis": (0, "object_kurt"),
    "intensity_sum": (0, "object_intden"),
})  # fmt: skip
#: The PlanktoScope's segmenter writes features of scikit-image, some under ZooProcess's names.
_SCIKIT_IMAGE: Mapping[str, tuple[int, str]] = MappingProxyType({
    "width": (1, "object_width"),
    "height": (1, "object_height"),
    "area_bbox": (2, "object_bounding_box_area"),
    "axis_major_length": (1, "object_major"),
    "axis_minor_length": (1, "object_minor"),
    "perimeter": (1, "object_perim."),
    "area_convex": (2, "object_convex_area"),
    "eccentricity": (0, "object_eccentricity"),
    "extent": (0, "object_extent"),
    "solidity": (0, "object_solidity"),
    "centroid_local-0": (1, "object_local_centroid_row"),
    "centroid_local-1": (1, "object_local_centroid_col"),
})  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A table, its objects and its frames.

    Parameters
    ----------
    folder : str
        Where the table lies, from which the names of its pictures are meant.
    objects : DataFrame
        A row for each object: frame, top, left, tall, wide, object_id, image, label, status, above
        (the category's hierarchy) and the
        columns of numbers; ordered by frame.
    starts : array (frame + 1)
        First row of each frame.
    frames : DataFrame
        A row for each frame: time, latitude, longitude, depth_min, depth_max, height, width,
        pixel_mm, problem, and the shared columns.
    problems : list of str
        What was wrong with the table as a whole.
    """

    folder: str
    objects: pd.DataFrame
    starts: NDArray[np.int64]
    frames: pd.DataFrame
    problems: list[str]


def make_sheet(table: Table, folder: str) -> Sheet:
    """Group the rows of a table: one object a row, and frames of what shares place and time."""
    rows = _one_row_each(table.rows)
    time = cells.times(rows)
    number, first = _frames(rows, time)
    order = np.argsort(number, kind="stable")
    frames = _frame_table(rows.iloc[first].reset_index(drop=True), time[first])
    objects = _object_table(rows, number)
    _place(objects, frames)
    objects = objects.iloc[order].reset_index(drop=True)
    starts = np.searchsorted(number[order], np.arange(len(first) + 1))
    frames["vignettes"] = np.diff(starts)
    return Sheet(folder, objects, starts, frames, [*table.problems, *_clocks(frames)])


def _one_row_each(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the first picture of each object: an object with several has several rows."""
    if "img_file_name" not in rows or "object_id" not in rows:
        return rows
    keys = [name for name in ("sample_id", "acq_id", "object_id") if name in rows]
    pictured = rows["img_file_name"] != ""
    return rows[~(rows.duplicated(keys) & pictured)].reset_index(drop=True)


def _frames(
    rows: pd.DataFrame, time: NDArray[np.datetime64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the frame of each row, counted in the order of time, and the first row of each."""
    same = ("sample_id", "acq_id", "object_lat", "object_lon")
    keys = pd.DataFrame({name: rows[name].cat.codes for name in same if name in rows})
    keys["time"] = time.astype(np.int64)
    for name in ("object_depth_min", "object_depth_max"):
        if name in rows:
            keys[name] = rows[name].fillna(np.inf)
    found = keys.groupby(list(keys), sort=False).ngroup().to_numpy()
    first = np.unique(found, return_index=True)[1]
    stamps = time[first].astype(np.int64)
    late = np.where(np.isnat(time[first]), np.iinfo(np.int64).max, stamps)
    order = np.argsort(late, kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[found], first[order]


def _frame_table(frames: pd.DataFrame, time: NDArray[np.datetime64]) -> pd.DataFrame:
    """Keep what rows of a frame share, in our units, with what is wrong in it."""
    found = frames[[name for name in SHARED if name in frames]].copy()
    for name in ("sample_id", "acq_id"):
        if name not in found:
            found[name] = pd.Categorical([""] * len(found))
    found["problem"] = np.where(np.isnat(time), "no date that can be read", "").astype(object)
    for name, column, limit in _COORDINATES:
        found[name], wrong = _coordinate(found, column, limit)
        for row in np.flatnonzero(wrong):
            text = str(found[column].iloc[row])
            said = f"{name} {text!r} cannot be read, or is out of range"
            found.loc[found.index[int(row)], "problem"] = said
    found["time"] = time
    for name, end in (("depth_min", np.fmin), ("depth_max", np.fmax)):
        found[name] = end(_column(frames, "object_depth_min"), _column(frames, "object_depth_max"))
    found["pixel_mm"] = cells.pixel_mm(found)
    return found


def _column(table: pd.DataFrame, name: str) -> Float:
    """Give a column of numbers, NaN where the table has none of this name."""
    return np.array(table.get(name, np.full(len(table), np.nan)), np.float64)


def _coordinate(frames: pd.DataFrame, column: str, limit: float) -> tuple[Float, NDArray[np.bool_]]:
    """Read a latitude or longitude, and say where one is written that is none."""
    if column not in frames:
        return np.full(len(frames), np.nan), np.zeros(len(frames), bool)
    values = cells.each(frames[column], partial(cells.degrees, limit=limit))
    return values, np.isnan(values) & (frames[column].astype(str) != "").to_numpy()


def _object_table(rows: pd.DataFrame, number: NDArray[np.int64]) -> pd.DataFrame:
    """Keep what each object has for itself."""
    kept = [name for name in rows if name not in SHARED]
    objects = rows[kept].copy()
    objects["frame"] = number
    for name, column in (("label", "category"), ("status", "status"), ("above", "hierarchy")):
        told = rows.get(f"object_annotation_{column}")
        text = pd.Categorical([""] * len(rows)) if told is None else told
        objects[name] = text
    objects["image"] = objects.pop("img_file_name") if "img_file_name" in objects else ""
    return objects


def _place(objects: pd.DataFrame, frames: pd.DataFrame) -> None:
    """Say where each object lay in its frame, and how large that is.

    The place is the box that the table tells (``bx``, ``by``). Where objects of one frame share a
    place, as those of several pictures of an acquisition can, each further one is laid on a sheet
    of its own, below the last: so that no two objects have one place.
    """
    top = _whole(_column(objects, "object_by"), _LOWEST)
    left = _whole(_column(objects, "object_bx"), _RIGHTMOST)
    tall = np.maximum(_whole(_column(objects, "object_height"), _LOWEST), 1)
    wide = np.maximum(_whole(_column(objects, "object_width"), _RIGHTMOST), 1)
    objects["tall"], objects["wide"] = tall, wide
    frame = objects["frame"].to_numpy()
    by = pd.DataFrame({"frame": frame, "top": top, "left": left})
    plane = by.groupby(["frame", "top", "left"], sort=False).cumcount().to_numpy()
    size = pd.DataFrame(
        {"frame": frame, "bottom": top + tall, "right": left + wide, "plane": plane}
    )
    largest = size.groupby("frame").max()
    height = largest["bottom"] * (largest["plane"] + 1)
    listed = (height > _MOST_LINES).to_numpy()
    step = largest["bottom"].to_numpy()
    rank = by.groupby("frame").cumcount().to_numpy()
    objects["top"] = np.where(listed[frame], rank, top + plane * step[frame])
    objects["left"] = np.where(listed[frame], 0, left)
    count = by.groupby("frame").size().to_numpy()
    frames["height"] = np.where(listed, count, height)
    frames["width"] = largest["right"].to_numpy()


def _whole(found: Float, limit: int) -> NDArray[np.int64]:
    """Give pixels as whole numbers; 0 where they are none, or not in a frame."""
    good = (found >= 0) & (found < limit)
    return np.where(good, found, 0).astype(np.int64)


def _clocks(frames: pd.DataFrame) -> list[str]:
    """Say where a board's clock was behind the day of the sample; the latter is trusted."""
    early: set[str] = set()
    for name in ("acq_local_datetime", "process_datetime"):
        if name in frames:
            days = cells.each(frames[name], cells.day)
            sampled = frames["time"].to_numpy("datetime64[D]").astype(np.int64)
            bad = (days < sampled - _EARLY_DAYS) & frames["time"].notna().to_numpy()
            early |= {str(text)[:10] for text in frames.loc[bad, name].unique()}
    if not early:
        return []
    return [f"the instrument's clock says {min(early)}, before the sample: object_date is trusted"]


def sizes(objects: pd.DataFrame, pixel_mm: Float) -> list[dict[str, float]]:
    """Give the features of objects that a table tells, by our names and in mm.

    Parameters
    ----------
    objects : DataFrame
        Rows of a sheet's objects.
    pixel_mm : array (object), float64, mm

    Notes
    -----
    The diameter is that of the area: ``esd`` of ZooProcess is not what it says (2 area / pi), and
    is never used. UVP5, UVP6 and ZooProcess of other scanners put the area of the holes in
    ``area_exc``, which of a ZooScan is the area without them: a table whose ``area_exc`` are mostly
    below half of the area is of the former.
    """
    columns = dict(_areas(objects, pixel_mm))
    scikit = "object_convex_area" in objects or "object_equivalent_diameter" in objects
    for name, (power, column) in (_SCIKIT_IMAGE if scikit else _ZOOPROCESS).items():
        if column in objects:
            columns[name] = objects[column].to_numpy(np.float64) * pixel_mm**power
    if {"object_major", "object_minor"} <= set(objects):
        minor = objects["object_minor"].to_numpy(np.float64)
        ratio = objects["object_major"].to_numpy(np.float64) / np.where(minor > 0, minor, np.nan)
        columns["elongation"] = np.where(ratio >= 1, ratio, np.nan)
    names = list(columns)
    table = np.column_stack(list(columns.values())) if columns else np.empty((len(objects), 0))
    good = np.isfinite(table) & (np.abs(table) < 1e30)
    return [
        {names[j]: float(row[j]) for j in np.flatnonzero(fine)}
        for row, fine in zip(table, good, strict=True)
    ]


def _areas(objects: pd.DataFrame, pixel_mm: Float) -> dict[str, Float]:
    filled, solid = areas_px(objects)
    found = {"area": solid * pixel_mm**2}
    found["equivalent_diameter_area"] = 2 * np.sqrt(found["area"] / pi)
    if "object_area" in objects and "object_area_exc" in objects:
        found["area_filled"] = filled * pixel_mm**2
        found["hole_percentage"] = 100 * (1 - solid / filled)
    return found


def areas_px(objects: pd.DataFrame) -> tuple[Float, Float]:
    """Give the area of objects with and without their holes, pixels; NaN where it is not told."""
    filled = _column(objects, "object_area")
    filled[~(filled >= 1)] = np.nan
    if "object_area_exc" not in objects:
        return filled, filled
    told = _column(objects, "object_area_exc")
    if "holes" in objects and bool(objects["holes"].iloc[0]):
        told = filled - told
    solid: Float = np.where((told >= 1) & ~(told > filled), told, filled)
    whole: Float = np.where(np.isnan(filled), solid, filled)
    return whole, solid


def mark_holes(objects: pd.DataFrame) -> None:
    """Say in a column ``holes`` whether ``area_exc`` of a table is the area of the holes."""
    if {"object_area", "object_area_exc"} <= set(objects):
        share = objects["object_area_exc"] / objects["object_area"].where(
            objects["object_area"] > 0
        )
        objects["holes"] = bool(share.median() < 0.5)
