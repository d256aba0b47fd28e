"""What every instrument's reader does, and the register that finds one by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd

from seston.config import Deployment, Ingest, Instrument
from seston.ecology.particles import Calibration, Ecopart
from seston.errors import InputError
from seston.frame import UInt8Array, Vignette
from seston.readers import logs
from seston.readers.environment import as_dataset
from seston.readers.piece import Piece

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What `seston instruments` tells of a reader.

    Parameters
    ----------
    files : str
        The files that it reads, in words.
    volume : str
        How the imaged volume is known.
    tested : {"real", "simulated"}
        Whether files of a real instrument are among the tests.
    """

    files: str
    volume: str
    tested: Literal["real", "simulated"]


class Reader(ABC):
    """The files of one deployment, as its instrument left them.

    A reader holds paths and settings only, so that it travels to workers.

    Parameters
    ----------
    deployment : Deployment
        A row of campaigns.csv.
    instrument : Instrument
        Its optics and segmentation.
    ingest : Ingest
        Tolerances.
    """

    name: ClassVar[str]
    about: ClassVar[About]
    #: What comes out of the files: whole frames, vignettes, and counts of particles by size.
    yields: ClassVar[str]
    #: True where any folder of pictures will do: such a reader is the last guess.
    plain: ClassVar[bool] = False
    #: False where tables beside the frames are none of CTD and navigation: those of features.
    logs_beside: ClassVar[bool] = True

    def __init__(self, deployment: Deployment, instrument: Instrument, ingest: Ingest) -> None:
        self.deployment = deployment
        self.optics = instrument.optics
        self.cast = instrument.cast
        self.ingest = ingest

    @classmethod
    @abstractmethod
    def can_open(cls, path: Path) -> bool:
        """Say whether a folder looks like this instrument's."""

    @abstractmethod
    def files(self) -> list[Path]:
        """Give the files of frames, in the order of time, relative to the deployment's folder.

        Names alone are looked at: a plan opens no file.

        Raises
        ------
        InputError
            The folder cannot be listed.
        """

    @abstractmethod
    def frames(self) -> pd.DataFrame:
        """List all frames in the order of `files`: the columns of `variables.FRAMES`.

        A file that cannot be read is a frame that is not usable, with its problem.

        Raises
        ------
        ClockError
            Files contradict each other in time.
        InputError
            No file is there, or nothing tells the time of any.
        ConfigError
            The optics are not known.
        """

    def environment_files(self) -> list[Path]:
        """Give the files that the environment is read from; none where there are none."""
        return self.log_files()

    def log_files(self) -> list[Path]:
        """Give the files of CTD and navigation whose formats are known whoever wrote them (`logs`).

        Those that campaigns.csv names: a file as it is, of a folder those that are recognised.
        Where it names none and `logs_beside`, those that lie beside the frames.
        """
        place = self.deployment.environment
        if place is None and self.logs_beside:
            path = self.deployment.path
            place = path.parent if path.is_file() else path
        return [] if place is None else logs.find(place)

    def own_records(self) -> tuple[list[pd.DataFrame], list[str]]:
        """Give what the instrument's own files tell of the environment, and what is wrong in them.

        Returns
        -------
        tables : list of DataFrame
            As in `environment.join`.
        problems : list of str
        """
        return [], []

    def environment(self) -> xr.Dataset:
        """Read CTD and navigation: variables of the registry's environment by time.

        Raises
        ------
        InputError
            A file cannot be used.
        """
        return as_dataset(*self.records())

    def records(self) -> tuple[pd.DataFrame, list[str]]:
        """Read CTD and navigation as a table, and say what is wrong: see `environment.join`.

        Raises
        ------
        InputError
            A file cannot be used.
        """
        tables, problems = self.own_records()
        files, place = self.log_files(), self.deployment.environment
        if place is not None and not (files or tables):
            problems = [*problems, f"no file of CTD or navigation is recognised in {place}"]
        return logs.read(files, tables, problems)

    def other_files(self) -> list[Path]:
        """Give files that the results depend on beside these: what changes in them is done again.

        Tables of vignettes, lists of particles, headers.
        """
        return []


class FrameReader(Reader):
    """An instrument that leaves whole frames: its objects are found here."""

    yields = "frames"

    @abstractmethod
    def read(self, path: str, indices: Sequence[int]) -> Iterator[UInt8Array]:
        """Decode frames (y, x) of one file, in the order of `indices`.

        Raises
        ------
        InputError
            A frame cannot be read: it is left out and counted.
        """

    def fill(self, path: str, pieces: Sequence[Piece]) -> Iterator[None]:
        """Read pieces of frames of one file, one with each step of the iterator.

        A reader that finds the bytes of lines in the file has a faster way than to decode frames.

        Raises
        ------
        InputError
            A frame cannot be read, or has another shape than was listed.
        """
        pictures = self.read(path, [piece.index for piece in pieces])
        for piece, picture in zip(pieces, pictures, strict=False):
            piece.take(picture, path)
            yield

    def background(self, path: str, index: int) -> UInt8Array | None:  # noqa: ARG002
        """Give the picture of a frame's background, where the files hold one (``given``).

        Returns
        -------
        array (y, x), uint8, or None
            Of the shape of the frame; 0 where nothing is to be looked for. None: there is none.

        Raises
        ------
        InputError
            It cannot be read.
        """
        return None


class VignetteReader(Reader):
    """An instrument, or its software, that has cut the objects out of the frames.

    The column ``vignettes`` of its `frames` tells how many each frame holds.
    """

    yields = "vignettes"

    @abstractmethod
    def vignettes(self, path: str, indices: Sequence[int]) -> Iterator[list[Vignette]]:
        """Read the vignettes of frames of one file: a list for each of `indices`, in order.

        A frame in which nothing was cut gives an empty list.

        Raises
        ------
        InputError
            The vignettes of a frame cannot be read.
        """


@dataclass(frozen=True, eq=False, kw_only=True)
class ParticleSample:
    """A cast or a time series whose particles were counted by size.

    Parameters
    ----------
    sample : str
        Its name, as in the column ``sample`` of the frames.
    kind : {"depth", "time"}
        A cast, whose images are put into bins of depth; or a time series.
    time : datetime64[ns]
        UTC of the sample, as its header tells; NaT where it does not.
    latitude, longitude : float, degrees
        NaN where not known.
    calibration : Calibration
        From pixels and images to diameters and litres.
    pixel_mm : float, mm
        Side of a pixel.
    images : DataFrame
        ``time`` (datetime64[ns]), ``depth`` (m), ``images`` (how many images a row stands for),
        ``usable`` (0: counts in neither particles nor water), ``ecopart`` (bool: EcoPart counts
        it).
    counts : callable
        Gives the particles in pieces that fit in memory: DataFrames with ``row`` (of `images`),
        ``number``, and ``area_px`` or ``size_class``. Can be called again.
    ecopart : {"metre", "image", "row"}
        How EcoPart counts images of such files, see docs/particles.md.
    integration_s : float, s
        Over which EcoPart joins images of a time series.
    ctd : callable
        Gives the records of the sample's CTD, None where it has none: columns by the names and
        units of its file, with ``depth`` (m, on the scale of the images) first.
    told : mapping of str
        What headers tell besides: ``raw_file``, ``cruise``, ``station``, ``ctd_file``,
        ``project``, ``instrument``.
    """

    sample: str
    kind: Literal["depth", "time"]
    time: np.datetime64
    latitude: float
    longitude: float
    calibration: Calibration
    pixel_mm: float
    images: pd.DataFrame
    counts: Callable[[], Iterator[pd.DataFrame]]
    ecopart: Ecopart = "image"
    integration_s: float = 1.0
    ctd: Callable[[], pd.DataFrame | None] = lambda: None
    told: Mapping[str, str] = field(default_factory=dict)


class ParticleReader(Reader):
    """An instrument that counts all particles by size, whether it keeps pictures of them or not.

    To be mixed with one of the readers above.
    """

    @abstractmethod
    def particles(self) -> Iterator[ParticleSample]:
        """Read the samples one by one.

        Raises
        ------
        InputError
            A file cannot be used.
        """


def files_below(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """List files of these suffixes in a folder and its subfolders, relative to it.

    Raises
    ------
    InputError
        The folder is not there or cannot be listed.
    """
    try:
        if not folder.is_dir():
            raise InputError(
                "no such folder", where=folder, cure="Correct `path` in campaigns.csv."
            )
        below = (p.relative_to(folder) for p in folder.rglob("*") if p.suffix.lower() in suffixes)
        return [p for p in below if not any(part.startswith(".") for part in p.parts)]
    except OSError as error:
        raise InputError(f"cannot be listed: {error.strerror}", where=folder) from None


def none_found(folder: Path, suffixes: frozenset[str]) -> InputError:
    """Give the error of a folder without frames."""
    return InputError(
        "holds no frames",
        where=folder,
        cure=f"Looked for: {', '.join(sorted(suffixes))}. Correct `path` in campaigns.csv.",
    )
