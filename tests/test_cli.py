"""What a person meets at the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def _seston(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from seston.cli import main; main()", *arguments],
        capture_output=True, text=True, cwd=cwd, check=False,
        env=os.environ | {"COLUMNS": "120", "NO_COLOR": "1"},
    )  # fmt: skip


def test_help_tells_the_whole_way_without_heavy_imports() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from seston.cli import app;"
        "out = CliRunner().invoke(app, ['--help']).output;"
        "heavy = {'numpy', 'pandas', 'xarray', 'zarr', 'dask', 'torch', 'pydantic', 'numba'};"
        "print(out); print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "HEAVY []" in done.stdout
    for step in ("ingest", "segment", "train", "classify", "gather", "profile", "report"):
        assert f"seston {step}" in done.stdout


def test_every_command_has_help() -> None:
    for command in (
        ["segment"],
        ["simulate"],
        ["inspect"],
        ["instruments"],
        ["export", "netcdf"],
        ["schema"],
        ["evaluate"],
        ["plan"],
        ["calibrate"],
    ):
        assert _seston(*command, "--help").returncode == 0


def test_an_error_is_told_in_words_not_in_a_traceback(tmp_path: Path) -> None:
    done = _seston("ingest", "demo", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("ConfigError: config/config.yaml: no such file")
    assert "Traceback" not in done.stderr


def test_an_unknown_campaign_is_told_with_those_there_are() -> None:
    done = _seston("ingest", "nowhere")
    assert done.returncode == 2
    assert "no campaign 'nowhere'; there are: demo" in done.stderr


def test_the_version_is_told() -> None:
    assert _seston("--version").stdout.startswith("seston 0.")
