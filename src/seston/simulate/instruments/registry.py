"""The register of simulators: who can write files of which instrument."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

#: How much is simulated: tiny for tests, demo to look at, full at the size of a real campaign.
SIZES = ("tiny", "demo", "full")
#: Columns of campaigns.csv that make the files a deployment; paths are relative to the folder.
Row = dict[str, str]
#: Writes files into an empty folder: `(folder, size, seed, workers)`; same seed, same bytes.
Simulator = Callable[[Path, str, int, int], Row]

_SIMULATORS: dict[str, Simulator] = {}


def simulator(name: str) -> Callable[[Simulator], Simulator]:
    """Register a simulator under the name of its instrument."""

    def add(write: Simulator) -> Simulator:
        if name in _SIMULATORS:
            raise KeyError(f"two simulators are named {name!r}")
        _SIMULATORS[name] = write
        return write

    return add


def simulators() -> dict[str, Simulator]:
    """All simulators by the name of their instrument, in the order of names."""
    import seston.simulate.instruments as room

    for module in pkgutil.iter_modules(room.__path__):
        import_module(f"{room.__name__}.{module.name}")
    return dict(sorted(_SIMULATORS.items()))
