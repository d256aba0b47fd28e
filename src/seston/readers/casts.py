"""What the profilers have in common: casts of many small images, most of them without an object.

A reader of these tells its casts, the images of each, the particles counted in them and the
objects cut out of them; frames, vignettes, particles and environment follow here.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.ecology.particles import Calibration, Ecopart
from seston.errors import InputError
from seston.frame import UInt8Array, Vignette
from seston.readers import ctd
from seston.readers.listing import finish
from seston.readers.reader import ParticleReader, ParticleSample, VignetteReader

Pieces = Iterator[pd.DataFrame]
NEVER = np.datetime64("NaT", "ns")
#: A cast without pictures imaged no water for objects.
NO_OBJECTS = "no objects were recorded in this cast: its water counts for particles only"
#: Columns of a table of images.
IMAGES = ("path", "index_in_file", "time", "depth", "images", "usable", "problem", "ecopart")
_WIDEST = 1 << 15


@dataclass(frozen=True, eq=False, kw_only=True)
class Cast:
    """What the names and headers of a cast's files tell.

    Parameters
    ----------
    sample : str
        Its name.
    path : str
        The file that lists its images, relative to the deployment's folder.
    kind : {"depth", "time"}
    time : datetime64[ns]
    latitude, longitude : float, degrees
        NaN where not known.
    calibration : Calibration
        With a volume of NaN where nothing tells it.
    pixel_mm : float, mm
    height, width : int
        Of an image, pixels.
    first, last : int or None
        Numbers of the first and the last image that count.
    ctd : Path or None
    problem : str
        What is wrong with the whole cast; empty where nothing is.
    paths : sequence of str
        All files that list its images, where there are several.
    """

    sample: str
    path: str
    kind: Literal["depth", "time"] = "depth"
    time: np.datetime64 = NEVER
    latitude: float = float("nan")
    longitude: float = float("nan")
    calibration: Calibration
    pixel_mm: float
    height: int
    width: int
    first: int | None = None
    last: int | None = None
    ctd: Path | None = None
    ecopart: Ecopart = "image"
    integration_s: float = 1.0
    problem: str = ""
    paths: Sequence[str] = ()
    told: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, kw_only=True)
class Cut:
    """An object that was cut out of an image of a cast, before its picture is read.

    Parameters
    ----------
    row : int
        Row of its image in the table of images.
    picture : str
        Name of its picture; empty where only a table tells of it.
    top, left : int or None
        Place of its bounding box in the image, pixels, where the files tell it.
    """

    row: int
    name: str
    picture: str = ""
    label: str = ""
    status: str = ""
    top: int | None = None
    left: int | None = None
    height: int = 1
    width: int = 1
    measured: Mapping[str, float] = field(default_factory=dict)


class CastReader(VignetteReader, ParticleReader):
    """A profiler: particles of every image, and vignettes of some."""

    yields = "vignettes, particles"
    logs_beside = False

    @abstractmethod
    def casts(self) -> list[Cast]:
        """Give the casts of the deployment, in the order of time."""

    @abstractmethod
    def images(self, cast: Cast) -> pd.DataFrame:
        """List the images of a cast: the columns `IMAGES`, by number of the row."""

    @abstractmethod
    def counts(self, cast: Cast, images: pd.DataFrame) -> Pieces:
        """Give the particles of a cast piece by piece; see `ParticleSample`."""

    @abstractmethod
    def cuts(self, cast: Cast, images: pd.DataFrame) -> tuple[list[Cut] | None, pd.DataFrame]:
        """Give the objects of a cast, and its images.

        None in place of objects where nothing says which there were. The images are those given,
        followed by more without water where objects lie in none of them.
        """

    @abstractmethod
    def pictures(self, cast: Cast, names: Sequence[str]) -> Iterator[UInt8Array]:
        """Read pictures of objects, in the order of `names`."""

    def files(self) -> list[Path]:
        """Give the files that list images, cast by cast."""
        named = (p for cast in self.casts() for p in cast.paths or [cast.path])
        return [Path(p) for p in dict.fromkeys(named)]

    def frames(self) -> pd.DataFrame:
        """List all images; see `Reader.frames`."""
        tables = [self._frames_of(cast, i) for i, cast in enumerate(self.casts())]
        if not tables or not sum(map(len, tables)):
            raise InputError("holds no images of a cast", where=self.deployment.path)
        frames = pd.concat(tables, ignore_index=True)
        frames["first_line"] = frames["height"].cumsum() - frames["height"]
        frames["scan"] = np.arange(len(frames))
        frames["line_interval"] = 0.0
        volume = frames.pop("water")
        return finish(frames, self.deployment.deployment, volume, "header")

    def _frames_of(self, cast: Cast, number: int) -> pd.DataFrame:
        try:
            images = self.images(cast)
            cuts, images = self.cuts(cast, images)
        except InputError as error:
            return self._unreadable(cast, number, error.what)
        frames = images[["path", "index_in_file", "time", "usable", "problem"]].copy()
        litres = images["images"].to_numpy(np.float64) * cast.calibration.image_volume_l
        frames["water"] = litres * 1e-3
        frames["vignettes"] = np.bincount([c.row for c in cuts or []], minlength=len(images))
        if cuts is None:
            frames["water"] = 0.0
            frames.loc[frames["problem"] == "", "problem"] = NO_OBJECTS
        frames["depth_min"] = frames["depth_max"] = images["depth"]
        return self._describe(frames, cast)

    def _unreadable(self, cast: Cast, number: int, problem: str) -> pd.DataFrame:
        frames = pd.DataFrame({
            "path": [cast.path], "index_in_file": number, "time": pd.Series([cast.time]),
            "usable": 0, "problem": problem, "water": np.nan, "vignettes": 0,
            "depth_min": np.nan, "depth_max": np.nan,
        })  # fmt: skip
        return self._describe(frames, cast)

    def _describe(self, frames: pd.DataFrame, cast: Cast) -> pd.DataFrame:
        frames["sample"] = cast.sample
        frames["height"], frames["width"] = cast.height, cast.width
        frames["pixel_height"] = frames["pixel_width"] = cast.pixel_mm
        frames["latitude"], frames["longitude"] = cast.latitude, cast.longitude
        offset = pd.Timedelta(self.deployment.clock_offset_s, unit="s")
        frames["time"] = frames["time"].astype("datetime64[ns]") + offset
        if cast.problem:
            frames.loc[frames["problem"] == "", "problem"] = cast.problem
        return frames

    def vignettes(self, path: str, indices: Sequence[int]) -> Iterator[list[Vignette]]:
        """Read the vignettes of images of one cast; see `VignetteReader.vignettes`."""
        cast = next((c for c in self.casts() if c.path == path), None) or self._holding(path)
        cuts_of, images = self.cuts(cast, self.images(cast))
        by_row: dict[int, list[Cut]] = {}
        for cut in cuts_of or []:
            by_row.setdefault(cut.row, []).append(cut)
        mine = images["path"] == path
        row_of = dict(zip(images.loc[mine, "index_in_file"], images.index[mine], strict=True))
        wanted = [by_row.get(int(row_of.get(index, -1)), []) for index in indices]
        # One after the other out of one archive, that is opened once.
        pixels = self.pictures(cast, [c.picture for cuts in wanted for c in cuts if c.picture])
        for cuts in wanted:
            yield place([as_vignette(c, next(pixels, None) if c.picture else None) for c in cuts],
                        [c.top is not None and c.left is not None for c in cuts])  # fmt: skip

    def _holding(self, path: str) -> Cast:
        for cast in self.casts():
            if path in cast.paths:
                return cast
        raise InputError("no cast has this file", where=path)

    def particles(self) -> Iterator[ParticleSample]:
        """Read the particles cast by cast; see `ParticleReader.particles`."""
        for cast in self.casts():
            try:
                images = self.images(cast)
            except InputError:  # the list of frames says why
                continue
            offset = pd.Timedelta(self.deployment.clock_offset_s, unit="s")
            images["time"] = images["time"] + offset
            yield ParticleSample(
                sample=cast.sample, kind=cast.kind, time=cast.time, latitude=cast.latitude,
                longitude=cast.longitude, calibration=cast.calibration, pixel_mm=cast.pixel_mm,
                images=images, counts=partial(self.counts, cast, images), ecopart=cast.ecopart,
                integration_s=cast.integration_s, ctd=partial(self._ctd, cast), told=cast.told,
            )  # fmt: skip

    def _ctd(self, cast: Cast) -> pd.DataFrame | None:
        if cast.ctd is None:
            return None
        table = ctd.read_ctd(cast.ctd)
        table.insert(0, "depth", ctd.scale_depth(table))
        return table

    def environment_files(self) -> list[Path]:
        """Give the CTD tables of the casts, and what campaigns.csv names."""
        own = [cast.ctd for cast in self.casts() if cast.ctd is not None]
        return [*own, *self.log_files()]

    def own_records(self) -> tuple[list[pd.DataFrame], list[str]]:
        """Read the CTD of every cast; see `Reader.own_records`."""
        tables: list[pd.DataFrame] = []
        problems: list[str] = []
        for cast in self.casts():
            if cast.ctd is None:
                continue
            records, found = ctd.as_environment(
                ctd.read_ctd(cast.ctd), cast.sample, cast.time, cast.latitude, cast.longitude
            )
            tables.append(records)
            problems += found
        return tables, problems


def as_vignette(cut: Cut, pixels: UInt8Array | None) -> Vignette:
    """Make the vignette of an object; a picture is centred on the object's bounding box."""
    height, width = (cut.height, cut.width) if pixels is None else pixels.shape
    top, left = cut.top or 0, cut.left or 0
    return Vignette(
        top=max(0, top - (height - cut.height) // 2) if cut.top is not None else 0,
        left=max(0, left - (width - cut.width) // 2) if cut.left is not None else 0,
        height=height, width=width, pixels=pixels, measured=dict(cut.measured),
        source_id=cut.name, label=cut.label, status=cut.status,
    )  # fmt: skip


def place(vignettes: Sequence[Vignette], placed: Sequence[bool]) -> list[Vignette]:
    """Give vignettes of one image places of their own: those without one lie side by side."""
    from dataclasses import replace

    taken: set[tuple[int, int]] = set()
    found, top, left = [], 0, 0
    for one, known in zip(vignettes, placed, strict=True):
        here = (one.top, one.left)
        if not known or here in taken:
            while (top, left) in taken:
                left += 1
            here = (top, left)
            top, left = (top, left + one.width) if left + one.width < _WIDEST else (top + 1, 0)
        taken.add(here)
        found.append(replace(one, top=here[0], left=here[1]))
    return found


def select(
    images: pd.DataFrame, number: NDArray[np.int64], cast: Cast, *, descent: bool
) -> pd.DataFrame:
    """Mark the images that do not count: out of the cast's range, or on the way up.

    Parameters
    ----------
    images : DataFrame
        The columns `IMAGES`.
    number : array
        Number of each image, in the order of time.
    cast : Cast
    descent : bool
        Leave out images that are shallower than one before.
    """
    if cast.first is not None:
        spoil(images, number < cast.first, "before the first image of the cast")
    last = cast.last
    depth = images["depth"].to_numpy(np.float64)
    able = (images["usable"] == 1).to_numpy()
    if last is None and descent and np.isfinite(depth[able]).any():
        last = int(number[np.nanargmax(np.where(able, depth, -np.inf))])  # the deepest ends it
    if last is not None:
        spoil(images, number > last, "after the last image of the cast")
    if cast.kind == "depth":
        spoil(images, ~np.isfinite(depth), "tells no depth")
    if descent and cast.kind == "depth":
        use = (images["usable"] == 1).to_numpy()
        deepest = np.maximum.accumulate(np.where(use, depth, -np.inf)) if len(depth) else depth
        spoil(images, use & (depth < deepest), "on the way up: shallower than an image before")
    return images


def spoil(images: pd.DataFrame, rows: NDArray[np.bool_], problem: str) -> None:
    """Mark rows as not usable; the first reason stands."""
    new = rows & (images["problem"] == "").to_numpy()
    images.loc[new, "problem"] = problem
    images.loc[rows, "usable"] = 0
