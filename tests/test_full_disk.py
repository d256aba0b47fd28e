"""A disk that is really full is told in one line, and costs nothing but a second run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tiny

OWN_SPACE = ("unshare", "--map-root-user", "--mount")
STAGES = ("ingest", "segment", "gather", "profile", "report", "export", "simulate", "learning_set")


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small-disk")
    tiny.prepare(folder, tiny.simulate(folder / "simulated"))
    return folder


@pytest.fixture(scope="module")
def found(campaign: Path) -> dict[str, Any]:
    """What was said and left while the disk was full; see small_disk."""
    mount = "mkdir d && mount -t tmpfs -o size=1m none d"
    try:
        allowed = subprocess.run([*OWN_SPACE, "sh", "-c", mount], cwd=campaign, check=False)
    except FileNotFoundError:
        pytest.skip("this system has no unshare: a small disk cannot be mounted")
    if allowed.returncode:
        pytest.skip("a small disk may not be mounted here")
    script = Path(__file__).with_name("small_disk.py")
    done = subprocess.run(
        [*OWN_SPACE, sys.executable, str(script), str(campaign)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk_is_said_with_its_place_and_leaves_no_file(
    stage: str, found: dict[str, Any]
) -> None:
    assert found[stage]
    for attempt in found[stage]:
        assert attempt["said"].startswith("SpaceError: /")
        assert ": no space is left on the disk" in attempt["said"]
        assert "draft" not in attempt["said"]
        assert attempt["left"] == []


def test_with_space_the_same_bytes_come_as_if_it_had_never_been_full(
    found: dict[str, Any], campaign: Path
) -> None:
    from seston.cluster import connect

    with connect(cores=2) as client:
        loaded = tiny.ingest(campaign / "config.yaml")
        tiny.segment(loaded, client)
        tiny.finish(loaded, client)
    assert tiny.content(campaign / "results") == found["content"]


def test_the_command_ends_with_one_message_and_no_traceback(found: dict[str, Any]) -> None:
    done = found["command"]
    assert done["code"] == 2
    errors = [line for line in done["said"].splitlines() if "Error" in line]
    assert len(errors) == 1
    assert errors[0].startswith("SpaceError: ")
    assert "Traceback" not in done["said"]
