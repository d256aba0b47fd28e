"""Real data that some tests use where it is there: `$SESTON_DATA`, or ../shared/data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(os.environ.get("SESTON_DATA", ROOT.parent / "shared" / "data"))


def data(name: str) -> Path:
    """Give a folder or file of the real data, or skip the test."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"real data is not there: {path} (set SESTON_DATA)")
    return path
