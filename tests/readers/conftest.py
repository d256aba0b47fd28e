"""A tiny tow with its files, and readers of any folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from seston.config import Config, Deployment, Ingest, instrument
from seston.readers import Reader, open_deployment
from seston.simulate import TowSettings, write_isiis

Open = Callable[..., Reader]


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readers") / "tow"
    write_isiis(folder, TowSettings.tiny(), 5)
    return folder


@pytest.fixture
def tow(pristine: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(pristine, tmp_path / "tow"))


@pytest.fixture(scope="session")
def open_reader() -> Open:
    """Open a folder as an instrument; other keywords are columns of campaigns.csv."""

    def open_(path: Path, name: str = "isiis", ingest: Ingest | None = None, **row: object):
        deployment = Deployment.model_validate(
            {"campaign": "c", "deployment": "d", "instrument": name, "path": path, **row}
        )
        settings = instrument(Config(), name)
        settings = settings.model_copy(update={"optics": deployment.optics(settings.optics)})
        return open_deployment(deployment, settings, ingest or Ingest())

    return open_
