"""The list of frames of a deployment: which water each imaged, and what follows on what.

All frames of a deployment lie on one long tape of lines. `first_line` is the place of a frame on
it, `scan` the continuous stretch that it belongs to: an object can go on in the next frame of its
scan, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.config import Ingest, Optics
from seston.errors import ClockError, ConfigError
from seston.variables import FRAMES

Times = NDArray[np.datetime64]
Float = NDArray[np.float64]
#: Mean speed through the water from one time to another, m/s; NaN where it is not known.
SpeedBetween = Callable[[Times, Times], Float]

#: An object is named by 12 bits of its deployment, 36 of its first line and 16 of its column: so
#: many deployments of a campaign, lines of a tape, and pixels of a line.
DEPLOYMENTS, LINES, COLUMNS = 1 << 12, 1 << 36, 1 << 16
#: The length of a pixel follows the speed in steps of this many seconds of a scan.
SPEED_STEP_S = 2.0
#: A line-scan camera slower than this draws the same water again and again.
SLOWEST_M_S = 0.1
_MM3_PER_M3 = 1e9


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of frames as it was found.

    Parameters
    ----------
    path : str
        Relative to the deployment's folder.
    time : datetime64[ns]
        UTC of its first line; NaT where nothing tells it.
    height, width : int
        Size of each frame, pixels; 0 where the file cannot be read.
    complete : int
        Frames that the file holds.
    missing : int
        Frames that its header promises beside these.
    problem : str
        Why no frame of the file is usable; empty where they are.
    interval_s : float, s
        Time from one frame of a still camera to the next; 0 where nothing tells it.
    times : tuple of datetime64[ns]
        UTC of each frame, missing ones too, where they are told one by one.
    remark : str
        What is doubtful of frames that are usable all the same.
    """

    path: str
    time: np.datetime64
    height: int = 0
    width: int = 0
    complete: int = 1
    missing: int = 0
    problem: str = ""
    interval_s: float = 0.0
    times: tuple[np.datetime64, ...] = ()
    remark: str = ""

    @property
    def count(self) -> int:
        """Frames that the file holds or promises; one where it cannot be read."""
        return max(1, self.complete + self.missing)


@dataclass(slots=True)
class _Columns:
    path: list[str] = field(default_factory=list)
    index_in_file: list[int] = field(default_factory=list)
    height: list[int] = field(default_factory=list)
    width: list[int] = field(default_factory=list)
    time: list[np.datetime64] = field(default_factory=list)
    problem: list[str] = field(default_factory=list)
    remark: list[str] = field(default_factory=list)
    lasting: list[float] = field(default_factory=list)


#: What a column holds where a reader does not tell it; texts are empty, numbers NaN.
_UNTOLD = {"subsample_factor": 1.0, "vignettes": -1, "scan": 0, "index_in_file": 0, "usable": 1}


def with_dtypes(frames: pd.DataFrame) -> pd.DataFrame:
    """Give every column of a list of frames the dtype that the registry says.

    Columns that are not there are filled: with 1 for the subsample factor, -1 for the number of
    vignettes, nothing or NaN for the others.
    """
    frames = frames.reindex(columns=list(FRAMES))
    for name, variable in FRAMES.items():
        values = frames[name]
        if values.isna().any():
            missing: Any = _UNTOLD.get(name, "" if variable.dtype == "str" else np.nan)
            values = values.where(values.notna(), missing)
        if variable.dtype.startswith("datetime64"):
            values = pd.to_datetime(values, format="ISO8601")
        dtype: Any = "object" if variable.dtype == "str" else variable.dtype
        frames[name] = values.astype(dtype)
    return frames


def list_line_scan(
    files: Sequence[Listed], deployment: str, optics: Optics, ingest: Ingest, speed: SpeedBetween
) -> pd.DataFrame:
    """List the frames of a line-scan camera.

    Parameters
    ----------
    files : sequence of Listed
        In the order of time.
    deployment : str
        Its name.
    optics : Optics
        With ``pixel_width_mm`` and ``line_rate_hz``; ``pixel_height_mm`` overrides the speed, and
        ``speed_m_s`` is used where the log tells none.
    ingest : Ingest
        Tolerances, and what to do with files that overlap in time.
    speed : callable
        Mean speed from one time to another, m/s.

    Returns
    -------
    DataFrame
        The columns of `variables.FRAMES`.

    Raises
    ------
    ClockError
        A file starts before the one before it ends, and `on_overlap` is ``error``.
    ConfigError
        The line rate or the width of a pixel is not known.
    """
    interval = 1 / required(optics, "line_rate_hz", deployment)
    frames = _expand(files, interval)
    _drop_overlaps(frames, ingest)
    frames["line_interval"] = interval
    frames["scan"] = _scans(frames, interval, ingest.gap_tolerance_s)
    frames["pixel_width"] = required(optics, "pixel_width_mm", deployment)
    _add_pixel_height(frames, interval, optics, speed)
    return finish(frames, deployment, _slab_volume(frames, optics))


def list_stills(
    files: Sequence[Listed],
    deployment: str,
    optics: Optics,
    *,
    ingest: Ingest | None = None,
) -> pd.DataFrame:
    """List the frames of a camera that takes whole pictures.

    Parameters
    ----------
    files : sequence of Listed
        In the order of time.
    optics : Optics
        With ``pixel_width_mm``; ``pixel_height_mm`` is the same where it is absent. The volume is
        ``imaged_volume_l``, or the area of the picture times ``depth_of_field_mm``.
    ingest : Ingest, optional
        Given, a file may not start before the one before it ends, but for one frame's time.

    Returns
    -------
    DataFrame
        The columns of `variables.FRAMES`; each frame is a scan of its own.

    Raises
    ------
    ConfigError
        The size of a pixel is not known.
    ClockError
        A file starts before the one before it ends, and `on_overlap` is ``error``.
    """
    frames = _expand(files, 0.0)
    if ingest is not None:
        slack = max((f.interval_s for f in files), default=0.0) + ingest.gap_tolerance_s
        loose = ingest.model_copy(update={"gap_tolerance_s": slack})
        _drop_overlaps(frames, loose, by_time=True)
    frames["line_interval"] = 0.0
    frames["scan"] = np.arange(len(frames))
    frames["pixel_width"] = required(optics, "pixel_width_mm", deployment)
    frames["pixel_height"] = optics.pixel_height_mm or optics.pixel_width_mm
    frames["speed"] = np.nan
    volume = _slab_volume(frames, optics)
    if optics.imaged_volume_l is not None:
        volume = pd.Series(optics.imaged_volume_l * 1e-3, frames.index)
    return finish(frames, deployment, volume)


def required(optics: Optics, name: str, deployment: str) -> float:
    """Give a value of the optics that nothing can stand for.

    Raises
    ------
    ConfigError
        It is not known.
    """
    value: float | None = getattr(optics, name)
    if value is None:
        raise ConfigError(
            f"`{name}` of deployment {deployment!r} is not known",
            where="campaigns.csv",
            cure=f"Fill its column {name}, or set it for the instrument in config.yaml.",
        )
    return value


def _expand(files: Sequence[Listed], interval: float) -> pd.DataFrame:
    """One row for each frame, and for each that the header promises and the file has not."""
    columns = _Columns()
    for file in files:
        count = file.count
        lasting = file.interval_s or file.height * interval
        columns.path += [file.path] * count
        columns.index_in_file += range(count)
        columns.height += [file.height] * count
        columns.width += [file.width] * count
        columns.time += file.times or _following(file.time, lasting, count)
        columns.problem += _problems(file, count)
        columns.remark += [file.remark] * count
        columns.lasting += [lasting] * count
    frames = pd.DataFrame({name: getattr(columns, name) for name in columns.__slots__})
    frames["time"] = frames["time"].astype("datetime64[ns]")
    frames["usable"] = (frames["problem"] == "").astype(np.int8)
    frames["first_line"] = frames["height"].cumsum() - frames["height"]
    for remark in set(frames["remark"]) - {""}:
        _note(frames, (frames["remark"] == remark).to_numpy(), remark)
    return frames


def _following(first: np.datetime64, step_s: float, count: int) -> list[np.datetime64]:
    """Give times one after the other, to the nanosecond."""
    after = np.rint(np.arange(count) * step_s * 1e9).astype("timedelta64[ns]")
    return list(first + after)


def _problems(file: Listed, count: int) -> list[str]:
    if file.problem:
        return [file.problem] * count
    cut = f"missing: the file holds {file.complete} of the {count} frames that its header promises"
    return [""] * file.complete + [cut] * (count - file.complete)


def _spoil(frames: pd.DataFrame, rows: NDArray[np.bool_], problem: str) -> None:
    """Mark rows as not usable; the first reason stands."""
    new = rows & (frames["problem"] == "").to_numpy()
    frames.loc[new, "problem"] = problem
    frames.loc[rows, "usable"] = 0


def _note(frames: pd.DataFrame, rows: NDArray[np.bool_], note: str) -> None:
    """Say what is doubtful of rows that are usable all the same."""
    rows = rows & (frames["usable"] == 1).to_numpy()
    frames.loc[rows, "problem"] = [f"{p}; {note}" if p else note for p in frames["problem"][rows]]


def _drop_overlaps(frames: pd.DataFrame, ingest: Ingest, *, by_time: bool = False) -> None:
    """Refuse, or leave out, files that start before the one before them ends.

    The one before is that of the list, or the one that starts before it.
    """
    timed = frames[frames["time"].notna() & (frames["lasting"] > 0)]
    if by_time:
        timed = timed.sort_values("time", kind="stable")
    by_file = timed.groupby("path", sort=False)
    start, lasting = by_file["time"].first(), by_file["lasting"].sum()
    end = pd.Timestamp(0) if start.empty else start.iloc[0]
    for path in start.index:
        begins = start[path]
        if (end - begins).total_seconds() > ingest.gap_tolerance_s:
            _overlap(frames, str(path), (end - begins).total_seconds(), end, ingest)
            continue
        end = begins + pd.Timedelta(lasting[path], "s")


def _overlap(
    frames: pd.DataFrame, path: str, seconds: float, end: pd.Timestamp, ingest: Ingest
) -> None:
    what = f"starts {seconds:.3g} s before the file before it ends ({end:%H:%M:%S.%f})"
    if ingest.on_overlap == "error":
        raise ClockError(
            what,
            where=path,
            cure="Frames of both would claim the same water. Mend the names, or set "
            "`ingest.on_overlap: drop_later` to leave the later one out.",
        )
    _spoil(frames, (frames["path"] == path).to_numpy(), what)


def _scans(frames: pd.DataFrame, interval: float, tolerance_s: float) -> NDArray[np.int64]:
    """Count the continuous stretches: a gap in time or another width begins a new one."""
    lasting = pd.to_timedelta(frames["height"] * interval, unit="s")
    gap = (frames["time"] - (frames["time"] + lasting).shift()).dt.total_seconds()
    continues = (gap.abs() <= tolerance_s) & (frames["width"] == frames["width"].shift())
    return np.cumsum(~continues.to_numpy()) - 1


def _add_pixel_height(
    frames: pd.DataFrame, interval: float, optics: Optics, speed: SpeedBetween
) -> None:
    """Give each frame the way that the camera makes from line to line.

    The speed is the mean over steps of a scan, each of whole frames, so that one size holds for
    all pixels of an object unless it crosses a step.
    """
    step = _steps(frames)
    begin = frames.groupby(step)["time"].transform("first")
    last = frames["time"] + pd.to_timedelta(frames["height"] * interval, unit="s")
    end = last.groupby(step).transform("last")
    known = speed(begin.to_numpy("datetime64[ns]"), end.to_numpy("datetime64[ns]"))
    usual = np.nan if optics.speed_m_s is None else optics.speed_m_s
    speeds = np.where(np.isnan(known), usual, known)
    frames["speed"] = speeds
    if optics.pixel_height_mm is not None:
        frames["pixel_height"] = optics.pixel_height_mm
        return
    slow = ~(speeds >= SLOWEST_M_S)
    _spoil(frames, slow & np.isnan(speeds), "the speed is not known, so no pixel has a length")
    _spoil(frames, slow, f"slower than {SLOWEST_M_S:g} m/s: lines show the same water again")
    frames["pixel_height"] = np.where(slow, np.nan, speeds * interval * 1000)
    _note(frames, np.isnan(known), f"the speed is not logged: taken as {usual:g} m/s")


def _steps(frames: pd.DataFrame) -> NDArray[np.int64]:
    """Count the steps of constant speed: spans of `SPEED_STEP_S` from the start of each scan."""
    since = frames["time"] - frames.groupby("scan")["time"].transform("first")
    span = np.floor_divide(since.dt.total_seconds().fillna(0), SPEED_STEP_S).astype(np.int64)
    key = pd.DataFrame({"scan": frames["scan"], "span": span})
    return np.cumsum(key.ne(key.shift()).any(axis=1).to_numpy())


def _slab_volume(frames: pd.DataFrame, optics: Optics) -> pd.Series[float]:
    """Volume of a frame: its area times the depth of field, m3; NaN without one."""
    depth = np.nan if optics.depth_of_field_mm is None else optics.depth_of_field_mm
    width = frames["width"] * frames["pixel_width"]
    height = frames["height"] * frames["pixel_height"]
    return width * height * depth / _MM3_PER_M3


def finish(
    frames: pd.DataFrame, deployment: str, volume: pd.Series[float], source: str = "config"
) -> pd.DataFrame:
    """Give a list of frames its volumes, names and dtypes.

    Parameters
    ----------
    frames : DataFrame
        With ``path``, ``index_in_file``, ``usable`` and ``problem``, and what else is known.
    deployment : str
        Its name.
    volume : Series, m3
        Water imaged in each frame; NaN where nothing tells it, which becomes a problem of the
        frame.
    source : str
        What tells the volume: ``header``, ``rows`` or ``config``.

    Returns
    -------
    DataFrame
        The columns of `variables.FRAMES`.
    """
    frames["imaged_volume"] = volume
    frames["volume_source"] = np.where(volume.notna(), source, "")
    _note(frames, volume.isna().to_numpy(), "the imaged volume is not known")
    frames["deployment"] = deployment
    several = frames["path"].duplicated(keep=False)
    number = "#" + frames["index_in_file"].astype(str).str.zfill(4)
    frames["frame_id"] = f"{deployment}/" + frames["path"] + number.where(several, "")
    return with_dtypes(frames)
