"""Trying each step on a machine: what is found makes sense, whatever the machine."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from seston.calibration import disk, steps, trial
from seston.calibration.machine import machine, versions
from seston.config import Segmentation
from seston.forecast.rates import OPTIONAL, RATES, find_rates, rates_file
from seston.image import find_objects


def test_reading_is_timed_and_what_was_written_is_gone(tmp_path):
    found = disk.try_disk(tmp_path, tries=2, size=1 << 23)
    assert min(found.read + found.write) > 0
    assert "8 MB" in found.note
    assert not list(tmp_path.iterdir())


def test_a_file_that_was_just_written_and_not_forgotten_is_in_memory(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(os.urandom(1 << 22))
    share = disk._in_memory(path)
    if share is None:
        pytest.skip("this file system does not tell what is in memory")
    assert share > 0.9


@pytest.mark.parametrize(
    ("cached", "said"),
    [([0.0, 0.01], "none of which"), ([0.0, 0.5], "50% of one"), ([None], "does not tell")],
)
def test_it_is_said_where_the_page_cache_was_measured(cached, said):
    assert said in disk._note(cached, 1 << 20)


def test_time_is_parted_into_pixels_and_objects():
    """1 ns a pixel, 1 us an object, and a tenth of a second whatever the shard holds."""
    found = steps.shares(
        [
            steps.Segmented(pixels, objects, [1e-9 * pixels + 1e-6 * objects + 0.1])
            for pixels, objects in ((1e8, 1e4), (4e8, 4e4), (1e8, 5e5))
        ]
    )
    assert found["segment"] == pytest.approx([1000.0])
    assert found["find"] == pytest.approx([1e6])
    assert found["shard"] == pytest.approx([0.1])


def test_times_that_cannot_be_are_left_out():
    runs = [
        steps.Segmented(10**8, 10**4, [9.0, 0.21]),
        steps.Segmented(4 * 10**8, 4 * 10**4, [0.1, 0.54]),
        steps.Segmented(10**8, 5 * 10**5, [1.0, 0.7]),
    ]
    assert len(steps.shares(runs)["segment"]) == 1


def test_specks_are_objects_that_are_kept():
    pool = np.full((1, trial.LINES, trial.WIDTH), 200, np.uint8)
    found = find_objects(
        trial.with_specks(pool)[0],
        owned=slice(0, trial.LINES),
        settings=Segmentation(),
        pixel_height=2000 / 28_000,
        pixel_width=105 / 2048,
    )
    assert len(found.line) > 0.6 * trial.SPECKS  # the others touch each other


def test_the_machine_is_told_without_its_name():
    told = str(machine()) + str(versions())
    assert os.uname().nodename not in told
    assert "seston" in versions()


@pytest.mark.slow
def test_a_machine_is_calibrated_and_its_plan_says_so(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from seston.cli import app

    monkeypatch.setenv("SESTON_RATES", str(tmp_path / "rates.json"))
    done = CliRunner().invoke(app, ["calibrate", "--folder", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert str(rates_file()) in done.output
    rates = find_rates()
    assert set(RATES) - OPTIONAL <= set(rates.values)
    assert [p.name for p in Path(tmp_path).iterdir()] == ["rates.json"]
    planned = CliRunner().invoke(app, ["plan", "--instrument", "isiis", "--hours", "6"])
    assert "Run `seston calibrate`" not in planned.output
