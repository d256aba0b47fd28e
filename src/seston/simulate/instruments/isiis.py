"""ISIIS: an undulating tow, see `seston.simulate.isiis`."""

from __future__ import annotations

from pathlib import Path

from seston.simulate.instruments.registry import Row, simulator
from seston.simulate.isiis import write_isiis
from seston.simulate.settings import TowSettings


@simulator("isiis")
def write(folder: Path, size: str, seed: int, workers: int) -> Row:
    """Write a tow: frames, log and truth."""
    sizes = {"tiny": TowSettings.tiny, "demo": TowSettings.demo, "full": TowSettings.full}
    write_isiis(folder, sizes[size](), seed, workers=workers)
    return {"path": "frames", "environment": "environment"}
