"""What the sea, the disk and the clock do to a campaign: told and counted, never a wrong number."""

from __future__ import annotations

import html
import logging
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from distributed import Client

import tiny
from seston.campaign import Campaign
from seston.cluster import connect
from seston.errors import AccessError, ClockError, ConfigError, InputError, StoreError
from seston.simulate.faults import FAULTS, frame_files, log_file

#: Frames of the tiny tow: two bursts of two files of two frames. The log lasts 60 s.
FRAMES = 8
FIRST_BURST = {"start": 0.2, "stop": 0.3}  # of the log


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with connect(cores=2) as client:
        yield client


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.simulate(tmp_path_factory.mktemp("sea") / "tow")


@dataclass(frozen=True)
class Outcome:
    """What a campaign came to."""

    campaign: Campaign
    objects: xr.Dataset
    profiles: xr.Dataset
    page: str

    @property
    def problems(self) -> list[str]:
        return [str(p) for p in self.objects["frame_problem"].to_numpy() if p]

    @property
    def usable(self) -> np.ndarray:
        return self.objects["frame_usable"].to_numpy() == 1


def outcome(campaign: Campaign) -> Outcome:
    page = (campaign.folder / "report.html").read_text("utf-8")
    words = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))
    datasets = (xr.open_zarr(p, chunks=None).load() for p in (campaign.objects, campaign.profiles))
    found = Outcome(campaign, *datasets, words)
    check_that_counts_and_volumes_speak_of_the_same_water(found)
    return found


def check_that_counts_and_volumes_speak_of_the_same_water(found: Outcome) -> None:
    """Every object is counted once, all water of usable frames too, and no other water."""
    profiles, objects = found.profiles, found.objects
    counted = profiles["count"].sum() + profiles["unpositioned_count"].sum()
    assert int(counted) == objects.sizes["object"] == int(objects["frame_object_count"].sum())
    volume = profiles["imaged_volume"].sum() + profiles["unpositioned_volume"].sum()
    np.testing.assert_allclose(volume, objects["frame_volume"][found.usable].sum(), rtol=1e-12)
    assert not objects["frame_object_count"][~found.usable].any()
    of_objects = np.isnan(objects["depth"].to_numpy())
    assert int(of_objects.sum()) == int(profiles["unpositioned_count"].sum())


@pytest.fixture
def sail(simulated: Path, tmp_path: Path, client: Client) -> Callable[..., Outcome]:
    """Damage a tow, and take it the whole way."""

    def go(*damages: Callable[[Path], object], on_overlap: str = "error") -> Outcome:
        config = tiny.prepare(tmp_path, simulated, on_overlap)
        for damage in damages:
            damage(tmp_path / "tow")
        campaign = tiny.ingest(config)
        tiny.segment(campaign, client)
        tiny.finish(campaign, client)
        return outcome(campaign)

    return go


@pytest.fixture(scope="module")
def whole(simulated: Path, client: Client, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The same tow, undamaged."""
    campaign = tiny.ingest(tiny.prepare(tmp_path_factory.mktemp("whole"), simulated))
    tiny.segment(campaign, client)
    tiny.finish(campaign, client)
    return outcome(campaign)


def test_a_whole_tow_has_no_problem(whole: Outcome) -> None:
    assert whole.problems == []
    assert whole.usable.sum() == FRAMES
    assert "2 stretches without a gap" in whole.page


# ------------------------------------------------------------------------------- files of frames
def test_the_frames_that_a_truncated_file_lost_are_counted_and_their_water_is_not(
    sail: Callable[..., Outcome], whole: Outcome
) -> None:
    found = sail(FAULTS["truncated_file"])
    problem = "missing: the file holds 1 of the 2 frames that its header promises"
    assert found.problems == [problem]
    assert found.usable.sum() == FRAMES - 1
    assert found.objects.sizes["object"] < whole.objects.sizes["object"]
    assert f"frames: {problem}" in found.page
    assert f"{FRAMES}, of which {FRAMES - 1} usable" in found.page


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ("empty_file", "the file is empty"),
        ("garbled_file", "not an AVI file with a video stream"),
    ],
)
def test_a_file_that_is_no_video_is_one_problem_and_the_campaign_goes_on(
    sail: Callable[..., Outcome], fault: str, problem: str
) -> None:
    found = sail(FAULTS[fault])
    assert found.problems == [problem]
    assert found.usable.sum() == FRAMES - 2
    assert f"frames: {problem}" in found.page


def test_a_shard_of_damaged_files_alone_is_empty_and_told(sail: Callable[..., Outcome]) -> None:
    found = sail(
        lambda tow: FAULTS["garbled_file"](tow, 0), lambda tow: FAULTS["empty_file"](tow, 1)
    )
    assert sorted(found.problems) == ["not an AVI file with a video stream", "the file is empty"]
    assert found.usable.sum() == FRAMES - 4
    assert found.objects.sizes["object"] > 0


def test_without_one_usable_frame_there_is_an_error_and_no_manifest(
    simulated: Path, tmp_path: Path
) -> None:
    config = tiny.prepare(tmp_path, simulated)
    for index in range(4):
        FAULTS["empty_file"](tmp_path / "tow", index)
    with pytest.raises(InputError, match="no frame of this campaign can be used"):
        tiny.ingest(config)
    assert tiny.content(tmp_path / "results").keys() <= {"tow"}


def test_a_file_that_is_damaged_after_it_was_listed_is_counted_too(
    simulated: Path, tmp_path: Path, client: Client
) -> None:
    campaign = tiny.ingest(tiny.prepare(tmp_path, simulated))
    FAULTS["truncated_file"](tmp_path / "tow", 1)
    FAULTS["garbled_file"](tmp_path / "tow", 2)
    tiny.segment(campaign, client)
    tiny.finish(campaign, client)
    found = outcome(campaign)
    assert len(found.problems) == 3
    assert found.usable.sum() == FRAMES - 3
    for problem in found.problems:
        assert problem in found.page


def test_a_file_that_cannot_be_reached_is_not_given_up_but_ends_the_stage(
    simulated: Path, tmp_path: Path, client: Client
) -> None:
    """Else a disk that was away for a moment would cost its frames for ever."""
    campaign = tiny.ingest(tiny.prepare(tmp_path, simulated))
    assert campaign.shards
    path = frame_files(tmp_path / "tow")[1]
    away = path.rename(tmp_path / "away")
    with pytest.raises(AccessError, match=f"{path.name}: cannot be read: No such file"):
        tiny.segment(campaign, client)
    assert not campaign.shard_folder("a-0000").joinpath("objects.zarr").exists()
    away.rename(path)
    tiny.segment(campaign, client)


def test_a_clock_that_runs_backwards_stops_the_ingest_with_file_time_and_cure(
    simulated: Path, tmp_path: Path
) -> None:
    config = tiny.prepare(tmp_path, simulated)
    path = FAULTS["clock_backwards"](tmp_path / "tow")
    with pytest.raises(ClockError, match="starts 0.00957 s before the file before it") as caught:
        tiny.ingest(config)
    assert str(caught.value).startswith(path.name)
    assert "ingest.on_overlap: drop_later" in str(caught.value)
    assert not (tmp_path / "results/tow/manifest").exists()


def test_the_later_of_two_files_that_overlap_is_left_out_where_the_config_says_so(
    sail: Callable[..., Outcome],
) -> None:
    found = sail(FAULTS["clock_backwards"], on_overlap="drop_later")
    assert len(found.problems) == 2
    assert found.usable.sum() == FRAMES - 2
    assert f"frames: {found.problems[0]}" in found.page


def test_water_that_went_by_unseen_is_told(sail: Callable[..., Outcome], whole: Outcome) -> None:
    found = sail(lambda tow: FAULTS["gap"](tow, 2))

    def unseen(page: str) -> float:
        return float(re.search(r"without a gap, ([\d.,]+) s between", page)[1])

    assert found.problems == []
    assert found.objects.sizes["frame"] == FRAMES - 2
    assert unseen(found.page) > unseen(whole.page)


# ----------------------------------------------------------------------------------- our own stores
def test_a_stage_names_the_store_that_lost_a_file_and_its_cure_gives_the_same_bytes(
    simulated: Path, tmp_path: Path, client: Client
) -> None:
    campaign = tiny.ingest(tiny.prepare(tmp_path, simulated))
    tiny.segment(campaign, client)
    tiny.finish(campaign, client)
    before = tiny.content(campaign.folder)
    shard = campaign.shard_folder("a-0001") / "objects.zarr"
    (shard / "left/c/0").unlink()
    with pytest.raises(StoreError, match="a-0001/objects.zarr: is damaged: "):
        tiny.finish(campaign, client)
    assert tiny.content(campaign.folder) == {
        name: content
        for name, content in before.items()
        if not name.endswith("0001/objects.zarr/left/c/0")
    } | {"shards/a-0001/objects.zarr/left/c": ""}
    shutil.rmtree(shard)
    tiny.segment(campaign, client)
    tiny.finish(campaign, client)
    assert tiny.content(campaign.folder) == before


def test_a_list_of_frames_that_is_damaged_is_named(
    simulated: Path, tmp_path: Path, client: Client
) -> None:
    campaign = tiny.ingest(tiny.prepare(tmp_path, simulated))
    path = campaign.manifest / "frames/a-0000.csv"
    for text in ("", "number,frame_id\n1,2,3,4\n", path.read_text().replace("512", "tall")):
        path.write_text(text)
        with pytest.raises(StoreError, match=r"a-0000.csv: is damaged .*\n.* seston ingest tow"):
            tiny.segment(campaign, client)


# ------------------------------------------------------------------------------------------ logs
def test_without_a_log_all_is_counted_apart_and_the_speed_is_said_to_be_assumed(
    sail: Callable[..., Outcome], whole: Outcome
) -> None:
    found = sail(FAULTS["missing_log"])
    assert found.usable.all()
    assert int(found.profiles["count"].sum()) == 0
    assert int(found.profiles["unpositioned_count"].sum()) == found.objects.sizes["object"] > 0
    (problem,) = set(found.problems)
    assert problem == (
        "the speed is not logged: taken as 2 m/s; no depth within 2 s; no position within 2 s"
    )
    volume = found.objects["frame_volume"].sum() / whole.objects["frame_volume"].sum()
    assert 0.9 < float(volume) < 1.1  # the speed swings by 8 %
    for words in ("No CTD", f"{FRAMES} of {FRAMES} usable frames have no depth", problem):
        assert words in found.page


def test_the_half_cell_at_the_end_of_a_log_is_told(
    sail: Callable[..., Outcome], whole: Outcome, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "seston"):
        found = sail(FAULTS["cut_log"])
    assert "the last row does not end" in caplog.text
    assert "the last row does not end" in found.page
    for name in ("depth", "latitude", "features"):
        np.testing.assert_array_equal(found.objects[name], whole.objects[name])


def test_objects_whose_depth_the_log_lost_are_in_no_bin_but_counted(
    sail: Callable[..., Outcome], whole: Outcome
) -> None:
    found = sail(lambda tow: FAULTS["nan_depth"](tow, **FIRST_BURST))
    assert found.problems == ["no depth within 2 s"] * 4
    assert found.objects.sizes["object"] == whole.objects.sizes["object"]
    first, second = found.profiles["unpositioned_count"].sum(), found.profiles["count"].sum()
    assert 0 < int(first) < found.objects.sizes["object"]
    assert int(first + second) == whole.objects.sizes["object"]
    in_bins, before = found.profiles["concentration"], whole.profiles["concentration"]
    np.testing.assert_array_equal(in_bins.isel(depth=-1), before.isel(depth=-1))
    assert np.isnan(in_bins.sel(depth=5, method="nearest")).all()  # not sampled: not 0
    assert f"4 of {FRAMES} usable frames have no depth" in found.page


def test_where_the_ship_has_no_position_depths_and_counts_stay(
    sail: Callable[..., Outcome], whole: Outcome
) -> None:
    found = sail(lambda tow: FAULTS["gps_dropout"](tow, **FIRST_BURST))
    assert found.problems == ["no position within 2 s"] * 4
    for name in ("count", "imaged_volume", "temperature"):
        np.testing.assert_array_equal(found.profiles[name], whole.profiles[name])
    assert f"4 of {FRAMES} usable frames have no position" in found.page


def test_a_wrong_path_of_the_log_is_an_error_and_not_a_tow_without_depth(
    simulated: Path, tmp_path: Path
) -> None:
    config = tiny.prepare(tmp_path, simulated)
    rows = tmp_path / "campaigns.csv"
    rows.write_text(rows.read_text().replace("tow/environment", "tow/enviroment"))
    with pytest.raises(ConfigError, match="`environment` of deployment 'a' does not exist"):
        tiny.ingest(config)


def test_a_log_of_nonsense_is_named(simulated: Path, tmp_path: Path) -> None:
    config = tiny.prepare(tmp_path, simulated)
    path = log_file(tmp_path / "tow")
    path.write_bytes(bytes(range(256)) * 40)
    with pytest.raises(InputError, match="no line of columns") as caught:
        tiny.ingest(config)
    assert path.name in str(caught.value)
