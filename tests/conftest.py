"""What all tests share."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# No test measures engines into the cache of whoever runs the tests.
os.environ.setdefault("SESTON_CACHE", tempfile.mkdtemp(prefix="seston-tests-"))

# No test asserts a time: a busy machine is no fault of the code.
settings.register_profile("seston", deadline=None)
settings.load_profile("seston")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Give the path of a piece of real data, or skip where the data are absent."""
    folder = Path(os.environ.get("SESTON_DATA", ROOT.parent / "shared" / "data"))

    def find(name: str) -> Path:
        path = folder / name
        if not path.exists():
            pytest.skip(f"real data {name} is absent: set SESTON_DATA to the folder that has it")
        return path

    return find
