"""The readers by the names of their instruments: registered, found by name, or by their files."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Literal, TypeVar

from seston.config import Deployment, Ingest, Instrument
from seston.errors import ConfigError
from seston.readers.reader import About, Reader

R = TypeVar("R", bound=type[Reader])

_READERS: dict[str, type[Reader]] = {}


def register(
    name: str, *, files: str, volume: str, tested: Literal["real", "simulated"]
) -> Callable[[R], R]:
    """Register a reader under the name of its instrument, as in campaigns.csv.

    The other parameters are those of `About`.
    """

    def add(reader: R) -> R:
        if name in _READERS:
            raise KeyError(f"two readers are named {name!r}")
        reader.name = name
        reader.about = About(files=files, volume=volume, tested=tested)
        _READERS[name] = reader
        return reader

    return add


def readers() -> dict[str, type[Reader]]:
    """All readers, by the name of their instrument, in the order of names.

    Those of this room, and those that other packages name under the entry point
    ``seston.readers``.
    """
    import seston.readers as room

    for module in pkgutil.iter_modules(room.__path__):
        import_module(f"{room.__name__}.{module.name}")
    for entry in entry_points(group=room.__name__):
        entry.load()
    return dict(sorted(_READERS.items()))


def recognise(path: Path) -> list[str]:
    """Name the instruments whose files seem to lie in a folder, the surest first.

    A folder of plain pictures is the last guess: many instruments leave pictures too.
    """
    able = [name for name, reader in readers().items() if reader.can_open(path)]
    return sorted(able, key=lambda name: _READERS[name].plain)


def instruments() -> list[str]:
    """Names of the instruments that can be read."""
    return list(readers())


def reader_of(instrument: str) -> type[Reader] | None:
    """Give the reader of an instrument by its name; None where there is none.

    Only the module of its name is loaded, unless the reader is elsewhere.
    """
    if instrument not in _READERS:
        with suppress(ModuleNotFoundError):
            import_module(f"seston.readers.{instrument.replace('-', '_')}")
    return _READERS.get(instrument) or readers().get(instrument)


def check_instrument(name: str, where: str) -> None:
    """Refuse the name of an instrument that there is not.

    Parameters
    ----------
    name : str
    where : str
        Key of the configuration in which it stands, for the message.

    Raises
    ------
    ConfigError
        No reader has this name.
    """
    if reader_of(name) is None:
        raise ConfigError(
            f"there is no instrument {name!r}",
            where=where,
            cure=f"There are: {', '.join(instruments())}.",
        )


def open_deployment(deployment: Deployment, instrument: Instrument, ingest: Ingest) -> Reader:
    """Give the reader of a deployment.

    Raises
    ------
    ConfigError
        No reader has the name of its instrument.
    """
    reader = reader_of(deployment.instrument)
    if reader is None:
        raise ConfigError(
            f"unknown instrument {deployment.instrument!r} of deployment {deployment.deployment!r}",
            where="campaigns.csv",
            cure=f"There are: {', '.join(instruments())}.",
        )
    return reader(deployment, instrument, ingest)
