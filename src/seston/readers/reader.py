"""What every instrument's reader does, and the register that finds one by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, TypeVar

import pandas as pd
import xarray as xr

from seston.config import Deployment, Ingest, Instrument
from seston.errors import ConfigError, InputError
from seston.frame import UInt8Array

R = TypeVar("R", bound="type[Reader]")
_READERS: dict[str, type[Reader]] = {}


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

    def __init__(self, deployment: Deployment, instrument: Instrument, ingest: Ingest) -> None:
        self.deployment = deployment
        self.optics = instrument.optics
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

    @abstractmethod
    def read(self, path: str, indices: Sequence[int]) -> Iterator[UInt8Array]:
        """Decode frames (y, x) of one file, in the order of `indices`.

        Raises
        ------
        InputError
            A frame cannot be read: it is left out and counted.
        AccessError
            The file cannot be reached: the stage ends.
        """

    @abstractmethod
    def environment_files(self) -> list[Path]:
        """Give the files of CTD and navigation; none where there are none."""

    @abstractmethod
    def environment(self) -> xr.Dataset:
        """Read CTD and navigation: variables of the registry's environment by time.

        Raises
        ------
        InputError
            A file cannot be used.
        """


def register(name: str) -> Callable[[R], R]:
    """Register a reader under the name of its instrument, as in campaigns.csv."""

    def add(reader: R) -> R:
        if name in _READERS:
            raise KeyError(f"two readers are named {name!r}")
        _READERS[name] = reader
        return reader

    return add


def instruments() -> list[str]:
    """Names of the instruments that can be read."""
    return sorted(_READERS)


def open_deployment(deployment: Deployment, instrument: Instrument, ingest: Ingest) -> Reader:
    """Give the reader of a deployment.

    Raises
    ------
    ConfigError
        No reader has the name of its instrument.
    """
    if deployment.instrument not in _READERS:
        raise ConfigError(
            f"unknown instrument {deployment.instrument!r} of deployment {deployment.deployment!r}",
            where="campaigns.csv",
            cure=f"There are: {', '.join(instruments())}.",
        )
    return _READERS[deployment.instrument](deployment, instrument, ingest)


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
