"""One tiny tow for all tests of the simulator."""

from __future__ import annotations

from pathlib import Path

import pytest

from seston.simulate import TowSettings, Truth, read_truth, write_isiis


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("simulate") / "tiny"
    write_isiis(folder, TowSettings.tiny(), 1)
    return folder


@pytest.fixture(scope="session")
def truth(tiny) -> Truth:
    return read_truth(tiny)
