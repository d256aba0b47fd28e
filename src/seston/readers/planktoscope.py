"""PlanktoScope: raw runs, ``img/<date>/<sample>/<acquisition>/HH_MM_SS_ffffff.jpg``.

Each acquisition has a ``metadata.json``, whose names are those of EcoTaxa (``sample_``, ``acq_``,
``object_``, ``process_``); numbers are often texts, and some versions put part of it under
``description``. The board has no clock of its own: pictures can say 2019 whatever the day. Place
and time are those of the sample (``object_lat``, ``object_lon``, ``object_date``, ``object_time``),
and pictures are in the order of their names.

The camera sees drops of a sample that was concentrated: the sea water that a frame stands for is
``acq_imaged_volume`` / ``acq_nb_frame`` x ``sample_total_volume`` /
(``sample_concentrated_sample_volume`` x ``sample_dilution_factor``); see `ecotaxa_water` for the
units. Acquisitions of one sample are
taken as repeats: meshes that differ between them are said, not reckoned with.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seston.errors import InputError
from seston.frame import UInt8Array
from seston.readers import ecotaxa_cells as cells
from seston.readers import pictures
from seston.readers.columns import numbers
from seston.readers.ecotaxa_water import LITRES, MOST_M3
from seston.readers.listing import finish
from seston.readers.names import natural
from seston.readers.reader import FrameReader, files_below, none_found
from seston.readers.registry import register

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
_NAME = re.compile(r"\d{1,2}_\d{2}_\d{2}_\d{1,6}$")
_METADATA = "metadata.json"
_MOST_BYTES = 1 << 22
_AT_A_TIME = 8
_PREFIXES = ("sample_", "acq_", "object_", "process_")
_DEEPEST = 4
#: Folders that are looked at to recognise a run.
_LOOKED_AT = 500
_M3_PER_ML, _M3_PER_L = 1e-6, 1e-3
_UNCALIBRATED = ("process_pixel is missing or 1: a pixel of {:g} um is assumed; "
                 "pixel_width_mm of campaigns.csv can tell it")  # fmt: skip


@register(
    "planktoscope",
    files="img/<date>/<sample>/<acquisition>/HH_MM_SS_ffffff.jpg with metadata.json",
    volume="acq_imaged_volume / acq_nb_frame, as sea water by sample_total_volume, "
    "sample_concentrated_sample_volume and sample_dilution_factor",
    tested="simulated",
)
class PlanktoScope(FrameReader):
    """Raw pictures of one or more acquisitions."""

    logs_beside = False

    @classmethod
    def can_open(cls, path: Path) -> bool:
        """Look for a metadata.json beside pictures that are named by a time of day."""
        try:
            return any(_is_run(folder) for folder in _folders(path))
        except OSError:
            return False

    def files(self) -> list[Path]:
        """Give the pictures, acquisition by acquisition."""
        below = files_below(self.deployment.path, _SUFFIXES)
        own = [path for path in below if _NAME.match(path.stem)]
        return sorted(own, key=lambda p: (natural(p.parent.as_posix()), natural(p.name)))

    def frames(self) -> pd.DataFrame:
        """List all frames; see `Reader.frames`."""
        files = self.files()
        if not files:
            raise none_found(self.deployment.path, _SUFFIXES)
        frames = pd.DataFrame({"path": [f.as_posix() for f in files]})
        frames["folder"] = [f.parent.as_posix() for f in files]
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            sizes = list(pool.map(self._look_into, files))
        frames[["height", "width", "trouble"]] = pd.DataFrame(sizes)
        runs = self._runs(frames.groupby("folder", sort=False).size().to_dict())
        told = pd.DataFrame([run.row() for run in runs.values()], index=pd.Index(runs))
        frames = frames.join(told, on="folder")
        return self._finished(frames)

    def read(self, path: str, indices: Sequence[int]) -> Iterator[UInt8Array]:
        """Decode one picture, of colours the luminance; see `FrameReader.read`."""
        for _ in indices:
            yield pictures.read_picture(self.deployment.path / path)

    def _look_into(self, path: Path) -> tuple[int, int, str]:
        try:
            size = pictures.read_header(self.deployment.path / path)
        except InputError as error:
            return 0, 0, error.what
        return size.height, size.width, ""

    def _runs(self, counts: Mapping[Any, int]) -> dict[str, Run]:
        """Read the metadata of each folder of pictures."""
        fallback = self.optics.pixel_width_mm or np.nan
        sure = self.deployment.pixel_width_mm is not None
        runs = {
            str(folder): _run(self.deployment.path / folder, count, fallback, sure)
            for folder, count in counts.items()
        }
        if not any(run.total > MOST_M3 for run in runs.values()):
            for run in runs.values():
                run.problems += [LITRES] * bool(np.isfinite(run.volume))
        meshes: dict[str, set[str]] = {}
        for run in runs.values():
            meshes.setdefault(run.sample, set()).add(run.meshes)
        for run in runs.values():
            run.problems += ["acquisitions of the sample have different meshes"] * (
                len(meshes[run.sample]) > 1
            )
        return runs

    def _finished(self, frames: pd.DataFrame) -> pd.DataFrame:
        broken = frames["trouble"] != ""
        frames["usable"] = (~broken).astype(np.int8)
        problem = frames["problem"].where(~broken, frames["trouble"])
        frames["index_in_file"], frames["line_interval"] = 0, 0.0
        frames["scan"] = np.arange(len(frames))
        frames["first_line"] = frames["height"].cumsum() - frames["height"]
        offset = pd.Timedelta(round(self.deployment.clock_offset_s * 1e9), "ns")
        frames["time"] = frames["time"].astype("datetime64[ns]") + offset
        volume, source = frames.pop("volume"), "header"
        if self.optics.imaged_volume_l is not None and volume.isna().all():
            volume, source = volume.fillna(self.optics.imaged_volume_l * _M3_PER_L), "config"
            problem = problem.where(broken, "")
        done = finish(frames, self.deployment.deployment, volume, source)
        done["problem"] = problem.where(problem != "", done["problem"])
        return done


@dataclass(slots=True, kw_only=True)
class Run:
    """What the metadata of an acquisition tell.

    Parameters
    ----------
    sample : str
    time : datetime64[ns]
        UTC of the sample.
    latitude, longitude : float, degrees
    depth_min, depth_max : float, m
    pixel_mm : float, mm
    total : float
        ``sample_total_volume`` as it is written.
    volume : float, m3
        Sea water that one frame stands for.
    meshes : str
        Sizes that the sample was sieved to.
    problems : list of str
    """

    sample: str
    time: np.datetime64
    latitude: float
    longitude: float
    depth_min: float
    depth_max: float
    pixel_mm: float
    total: float
    volume: float
    meshes: str
    problems: list[str]

    def row(self) -> dict[str, object]:
        """Give it as columns of a list of frames."""
        same = ("sample", "time", "latitude", "longitude", "depth_min", "depth_max", "volume")
        return {name: getattr(self, name) for name in same} | {
            "pixel_height": self.pixel_mm,
            "pixel_width": self.pixel_mm,
            "problem": "; ".join(self.problems),
        }


def _run(folder: Path, files: int, fallback_mm: float, sure: bool) -> Run:
    """Read the metadata of an acquisition of so many pictures."""
    problems: list[str] = []
    try:
        told = _metadata(folder / _METADATA)
    except InputError as error:
        told, problems = {}, [f"{_METADATA}: {error.what}"]
    number = {name: _number(text) for name, text in told.items()}
    pixel = number.get("process_pixel", np.nan) * 1e-3
    if not 1e-5 < pixel < 0.1 or pixel == 1e-3:
        pixel = fallback_mm
        problems += [] if sure else [_UNCALIBRATED.format(fallback_mm * 1e3)]
    volume, why = _sea_water(number, files)
    time = _time(told, folder, problems)
    place = [cells.degrees(told.get(f"object_{n}", ""), m) for n, m in (("lat", 90), ("lon", 180))]
    problems += ["no position that can be read"] * bool(np.isnan(place).any()) + [why] * bool(why)
    low, high = sorted(number.get(f"object_depth_{n}", np.nan) for n in ("min", "max"))
    return Run(
        sample=told.get("sample_id", "") or folder.parent.name,
        time=time, latitude=place[0], longitude=place[1], depth_min=low, depth_max=high,
        pixel_mm=pixel, total=number.get("sample_total_volume", np.nan), volume=volume,
        meshes=f"{told.get('acq_minimum_mesh', '')}-{told.get('acq_maximum_mesh', '')}",
        problems=problems,
    )  # fmt: skip


def _sea_water(number: Mapping[str, float], files: int) -> tuple[float, str]:
    """Give the sea water of a frame, m3, or why it is not known.

    Pictures that were deleted after the run were imaged all the same: the number of frames is that
    of the metadata, unless there are more pictures.
    """
    said = {"acq_imaged_volume": 0.0, "sample_total_volume": 0.0,
            "sample_concentrated_sample_volume": 0.0}  # fmt: skip
    for name in said:
        value = number.get(name, np.nan)
        if not value > 0:
            return np.nan, f"{name} is not told"
        said[name] = value
    dilution = number.get("sample_dilution_factor", np.nan)
    drawn = said["sample_concentrated_sample_volume"] * (dilution if dilution > 0 else 1.0)
    count = number.get("acq_nb_frame", np.nan)
    share = said["acq_imaged_volume"] / (max(count, files)) / drawn
    return said["sample_total_volume"] * _M3_PER_L * share, ""


def _time(told: Mapping[str, str], folder: Path, problems: list[str]) -> np.datetime64:
    """Give the time of the sample; without its date, the day that a folder is named after."""
    text, dated = told.get("object_date", ""), cells.day(told.get("object_date", ""))
    if np.isnan(dated):
        named = [day for part in folder.parts[::-1] if not np.isnan(day := cells.day(part))]
        if not named:
            problems.append(f"object_date {text!r} is no date")
            return np.datetime64("NaT", "ns")
        problems.append("object_date is no date: the folder's is taken, by the board's clock")
        dated = named[0]
    second = cells.clock(told.get("object_time", ""))
    whole = int(dated) * 86_400 + (0 if np.isnan(second) else int(second))
    return np.datetime64(whole * 1_000_000_000, "ns")


def _metadata(path: Path) -> dict[str, str]:
    """Read metadata as texts by name, from whatever depth they are nested at.

    Raises
    ------
    InputError
        There is none, or it is no JSON of a PlanktoScope.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError("is larger than 4 MB", where=path)
        loaded = json.loads(path.read_bytes().decode("utf-8-sig", "replace"))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"is no JSON: {error}", where=path) from None
    found: dict[str, str] = {}
    _flatten(loaded, found, 0)
    if not found:
        raise InputError("tells nothing of a sample", where=path)
    return found


def _flatten(part: object, found: dict[str, str], depth: int) -> None:
    """Collect names with our prefixes; what stands further up is taken."""
    if not isinstance(part, dict) or depth > _DEEPEST:
        return
    for name, value in part.items():
        if isinstance(value, dict) and "value" in value:
            value = value["value"]
        if str(name).startswith(_PREFIXES) and not isinstance(value, dict | list):
            found.setdefault(str(name), "" if value is None else str(value).strip())
    for value in part.values():
        _flatten(value, found, depth + 1)


def _number(text: str) -> float:
    return float(numbers(pd.Series([text]))[0])


def _folders(path: Path) -> Iterator[Path]:
    """Give a folder and those below it, level by level, until enough were seen."""
    level, seen = [path], 0
    for _ in range(_DEEPEST + 1):
        below: list[Path] = []
        for folder in level:
            seen += 1
            if seen > _LOOKED_AT or not folder.is_dir():
                continue
            yield folder
            if not (folder / _METADATA).exists():
                with os.scandir(folder) as entries:
                    below += [Path(e.path) for e in entries if e.is_dir() and e.name[0] != "."]
        level = sorted(below)


def _is_run(folder: Path) -> bool:
    if not (folder / _METADATA).is_file():
        return False
    with os.scandir(folder) as entries:
        names = (Path(e.name) for e, _ in zip(entries, range(200), strict=False))
        return any(n.suffix.lower() in _SUFFIXES and _NAME.match(n.stem) for n in names)
