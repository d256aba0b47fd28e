"""Where the particles of a FlowCam run lie: collages with masks, single vignettes, raw images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.errors import InputError
from seston.frame import UInt8Array
from seston.readers import pictures

#: Place in its file of a vignette that fills it.
WHOLE = -1


def find_pictures(
    folder: Path, rows: pd.DataFrame, rate_hz: float
) -> tuple[pd.DataFrame, list[str]]:
    """Say for each particle in which file it lies and where.

    Parameters
    ----------
    folder : Path
        Of the run.
    rows : DataFrame
        As `flowcam_run.Particles` has them.
    rate_hz : float
        Source images a second, or NaN.

    Returns
    -------
    rows : DataFrame
        With ``file`` relative to the folder, empty where only the list tells of the particle;
        ``file_top`` and ``file_left``, `WHOLE` where the vignette fills the file.
    notes : list of str
        What a person should know.
    """
    there = _pictures_below(folder)
    rows = rows.copy()
    single = [there.get(name.lower(), "") for name in rows["source_id"]]
    raw = _raw(there, rows, rate_hz)
    in_collage = (rows["file"] != "") & (rows["file_top"] >= 0) & (rows["file_left"] >= 0)
    if in_collage.any() and any(Path(name).stem.lower() in there for name in rows["file"]):
        rows["file"] = [there.get(Path(name).stem.lower(), name) for name in rows["file"]]
        return rows, []
    if any(single):
        rows["file"], rows["file_top"], rows["file_left"] = single, WHOLE, WHOLE
        lost = np.array(single, object) == ""
        rows.loc[lost, "file"] = "the picture of " + rows.loc[lost, "source_id"]
        return rows, []
    if raw:
        rows["file"], rows["file_top"], rows["file_left"] = raw, rows["top"], rows["left"]
        return rows, []
    rows["file"] = ""
    kept = any(name.startswith("rawfile_") for name in there)
    why = "the raw images cannot be matched with the list" if kept else "no pictures are there"
    return rows, [f"{why}: sizes are those of the list"]


def _pictures_below(folder: Path) -> dict[str, str]:
    """Pictures in a run's folder and the folders in it, by their names in small letters."""
    found = [*folder.glob("*.*"), *folder.glob("*/*.*")]
    return {
        path.stem.lower(): path.relative_to(folder).as_posix()
        for path in sorted(found, reverse=True)
        if path.suffix.lower() in pictures.SUFFIXES
    }


def raw_numbers(seconds: NDArray[np.float64], rate_hz: float) -> tuple[NDArray[np.int64], int]:
    """Give the number of the raw image of each particle, by the time elapsed.

    Where raw images are kept their numbers are not those of the list. They follow from the time,
    less an image for every calibration: one before the first particle, and one in each pause that
    is about as long as that (a rule found by others; not tried on real files).

    Parameters
    ----------
    seconds : array (particle), s
        Time elapsed.
    rate_hz : float
        Source images a second.

    Returns
    -------
    numbers : array (particle), int64
    calibrations : int
        How many were seen.
    """
    times, back = np.unique(seconds, return_inverse=True)
    steps = np.rint(np.diff(times, prepend=0.0) * rate_hz).astype(np.int64)
    calibrated = steps > steps[0] - 2
    calibrated[0] = True
    numbers = np.maximum(np.cumsum(steps) - np.cumsum(calibrated), 0)
    return np.asarray(numbers[back], np.int64), int(calibrated.sum())


def _raw(there: Mapping[str, str], rows: pd.DataFrame, rate_hz: float) -> list[str]:
    """Find the raw image of each particle; none where their numbers are not sure."""
    seconds = rows["seconds"].to_numpy(float)
    if not len(rows) or not rate_hz > 0 or np.isnan(seconds).any():
        return []
    numbers, calibrations = raw_numbers(seconds, rate_hz)
    told = sum(name.startswith("cal_image_") for name in there)
    found = [there.get(f"rawfile_{number:06d}", "") for number in numbers]
    return found if all(found) and calibrations == (told or calibrations) else []


def without_picture(folder: Path, rows: pd.DataFrame) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Frames of which a particle is not in its picture, each with the reason."""
    for name, group in rows[rows["file"] != ""].groupby("file", sort=False):
        frames = group["frame"].to_numpy(np.int64)
        if not (folder / str(name)).is_file():
            yield f"{name} is missing, and the particles in it", frames
            continue
        if frames[0] == frames[-1]:  # one image: whatever is wrong is said when it is read
            continue
        try:
            size = pictures.read_header(folder / str(name))
        except InputError as error:
            yield f"{name}: {error.what}", frames
            continue
        below = group["file_top"] + group["height"] > size.height
        aside = group["file_left"] + group["width"] > size.width
        outside = ((below | aside) & (group["file_top"] != WHOLE)).to_numpy()
        if outside.any():
            yield f"{name}: a box lies outside the picture", frames[outside]


@lru_cache(maxsize=2)
def read_picture(
    path: Path,
    stamp: tuple[int, int],  # noqa: ARG001 - names a state
) -> tuple[UInt8Array, UInt8Array | None] | InputError:
    """Decode a picture and its mask, once for all particles in it; an error is kept too."""
    try:
        grey = pictures.read_picture(path)
        beside = path.with_name(f"{path.stem}_bin{path.suffix}")
        mask = pictures.read_picture(beside) if beside.is_file() else None
    except InputError as error:
        return error
    if mask is not None and mask.shape != grey.shape:
        return InputError("the mask has another size than its collage", where=beside)
    return grey, mask
