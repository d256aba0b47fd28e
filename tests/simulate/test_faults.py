"""Each fault does what its name says, and only that."""

from __future__ import annotations

import shutil

import av
import pandas as pd
import pytest

from seston.simulate.faults import FAULTS, frame_files, log_file


@pytest.fixture
def campaign(tiny, tmp_path):
    return shutil.copytree(tiny, tmp_path / "tow")


def log_table(folder):
    return pd.read_csv(log_file(folder), sep="\t", skiprows=10, encoding="latin-1", dtype=str)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_touches_one_file_and_leaves_the_others(name, campaign, tiny):
    FAULTS[name](campaign)

    def content(folder):
        files = [p for p in folder.rglob("*") if p.is_file()]
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}

    before, after = content(tiny), content(campaign)
    changed = {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)}
    assert len(changed) == (2 if name == "clock_backwards" else 1)


@pytest.mark.parametrize("name", ["empty_file", "garbled_file"])
def test_a_file_without_frames_cannot_be_opened(name, campaign):
    path = FAULTS[name](campaign)
    with pytest.raises(av.error.FFmpegError):
        av.open(str(path))


def test_a_truncated_file_has_fewer_whole_frames(campaign, tiny):
    path = FAULTS["truncated_file"](campaign)
    assert 0 < path.stat().st_size < (tiny / "frames" / path.name).stat().st_size


def test_a_clock_that_runs_backwards_makes_two_files_claim_the_same_moment(campaign):
    before = [p.name for p in frame_files(campaign)]
    path = FAULTS["clock_backwards"](campaign)
    assert path.name not in before
    assert before[0] < path.name < before[1]


def test_depth_and_position_are_lost_in_the_middle_of_the_log(campaign):
    FAULTS["nan_depth"](campaign)
    FAULTS["gps_dropout"](campaign)
    table = log_table(campaign)
    assert 0.15 < table["Depth (m)"].isna().mean() < 0.25
    assert 0.15 < (table["Lat (decimals)"] == "No GPS Data").mean() < 0.25
    assert table["Temp (C)"].notna().all()


def test_a_campaign_without_files_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"frames/\*\.avi"):
        frame_files(tmp_path)
    with pytest.raises(FileNotFoundError, match="ISIIS"):
        log_file(tmp_path)
