"""Campaigns whose files are there, and what a person meets at the command line."""

from __future__ import annotations

import json
import re

import pytest

from campaigns import simulate, write_campaign
from scale_page import PAGE, SHOWN, plan, renewed
from seston.errors import ConfigError, InputError
from seston.forecast.sampled import cruise_of
from seston.simulate import TowSettings


@pytest.fixture(scope="module")
def tow(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("tow"), "isiis")


def test_a_tow_is_as_long_as_its_lines_and_as_large_as_its_files(tow):
    found, settings = cruise_of(tow, {}), TowSettings.tiny()
    files = list((tow.deployments[0].path).rglob("*.avi"))
    pixels = len(files) * settings.file_lines * settings.width
    assert found.pixels == pytest.approx(pixels)
    assert found.frames == pytest.approx(len(files) * settings.frames_per_file)
    assert found.raw_bytes == sum(f.stat().st_size for f in files)
    assert found.hours == pytest.approx(pixels / settings.width / 28_000 / 3600)
    assert found.objects.middle == pytest.approx(6944 * found.hours * 3600, rel=1e-3)
    assert (found.shards, found.compressed) == (len(tow.shards), False)
    assert "headers of" in found.sources


def test_few_headers_tell_of_many_files(tow, tmp_path):
    """Forty copies of a file: five headers are read, and all of their bytes are counted."""
    first = min(tow.deployments[0].path.rglob("*.avi"))
    (tmp_path / "frames").mkdir()
    for i in range(40):
        (tmp_path / "frames" / f"201307241820{i:02d}.000.avi").write_bytes(first.read_bytes())
    many = cruise_of(write_campaign(tmp_path, "isiis", {"path": "frames"}), {})
    assert "40 files and headers of" in many.sources
    assert many.frames == pytest.approx(40 * TowSettings.tiny().frames_per_file)
    (tmp_path / "frames" / "20130724182000.000.avi").write_bytes(b"")
    spoilt = cruise_of(write_campaign(tmp_path, "isiis", {"path": "frames"}), {})
    assert spoilt.frames == pytest.approx(39 * TowSettings.tiny().frames_per_file)


def test_vignettes_are_counted_from_tables(tmp_path):
    campaign = simulate(tmp_path, "uvp5")
    found = cruise_of(campaign, {})
    listed = campaign.reader(campaign.deployments[0]).frames()
    assert found.yields == "vignettes"
    assert found.objects.middle == listed["vignettes"].sum() > 0


def test_a_folder_of_broken_files_is_told(tmp_path):
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "20130724182000.000.avi").write_bytes(b"RIFF")
    campaign = write_campaign(tmp_path, "isiis", {"path": "frames"})
    with pytest.raises(InputError, match="none of 1 files.*\n.*seston inspect"):
        cruise_of(campaign, {})


def test_the_command_plans_the_campaigns_of_a_configuration(tow):
    config = str(tow.config.campaigns.parent / "config.yaml")
    said = json.loads(plan("--config", config, "--rates", "shipped", "--json"))
    assert said["cruise"] == "trial"
    assert said["values"]["shards"]["middle"] == len(tow.shards)
    assert said["values"]["core_h"]["unit"] == "core-h"
    assert said["values"]["core_h"]["low"] < said["values"]["core_h"]["high"]
    assert said["rates"]["source"] == "shipped"


def test_what_cannot_be_planned_is_told_with_its_cure(tow):
    config = str(tow.config.campaigns.parent / "config.yaml")
    for arguments, what in (
        (["--hours", "3"], "of a cruise to come"),
        (["--instrument", "isiis", "--hours", "3", "--lines-per-s", "9"], "go together"),
        (["--instrument", "isiis", "--hours", "3", "--times", "many"], "--times"),
        (["--instrument", "isiis", "--hours", "3", "--shard-minutes", "0"], "shard_minutes"),
        (["--config", config, "--campaign", "none"], "no campaign 'none'"),
    ):
        with pytest.raises(ConfigError, match=re.escape(what)):
            plan(*arguments)


def test_lines_are_told_in_the_place_of_frames():
    arguments = ("--instrument", "isiis", "--hours", "1", "--rates", "shipped", "--json")
    usual, fast = (
        json.loads(plan(*arguments, *more))
        for more in ((), ("--lines-per-s", "56000", "--line-pixels", "2048"))
    )
    pixels = [said["values"]["pixels"]["middle"] for said in (usual, fast)]
    assert pixels[1] == pytest.approx(2 * pixels[0])


def test_the_page_on_scale_shows_what_the_command_prints():
    page = PAGE.read_text("utf-8")
    assert len(SHOWN.findall(page)) >= 5
    assert all("--rates shipped" in arguments for arguments, _ in SHOWN.findall(page))
    assert page == renewed(page), "run: python tests/scale_page.py"
