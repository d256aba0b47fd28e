"""What a reader makes of an ISIIS's files, whole and damaged."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

import shared
from seston.config import Ingest
from seston.errors import ClockError, ConfigError, InputError
from seston.simulate import read_truth
from seston.simulate.faults import FAULTS
from seston.variables import ENVIRONMENT, FRAMES


def test_frames_are_listed_with_the_registrys_columns_in_the_order_of_time(tow, open_reader):
    frames = open_reader(tow / "frames", environment=tow / "environment").frames()
    assert list(frames.columns) == list(FRAMES)
    assert frames["time"].is_monotonic_increasing
    assert frames["frame_id"].is_unique
    assert (frames["usable"] == 1).all()
    assert (frames["problem"] == "").all()
    assert frames["first_line"].tolist() == (512 * np.arange(len(frames))).tolist()


def test_frames_agree_with_the_truth(tow, open_reader):
    frames = open_reader(tow / "frames", environment=tow / "environment").frames()
    truth = read_truth(tow).frames
    assert frames["path"].tolist() == truth["file"].tolist()
    late = frames["time"].to_numpy() - truth["time"].to_numpy("datetime64[ns]")
    assert np.abs(late / np.timedelta64(1, "ms")).max() < 1  # names tell milliseconds
    np.testing.assert_allclose(frames["imaged_volume"], truth["volume_m3"], rtol=0.03)
    np.testing.assert_allclose(frames["imaged_volume"].sum(), truth["volume_m3"].sum(), rtol=0.01)


def test_a_scan_ends_where_the_tow_moved_on_unseen(tow, open_reader):
    frames = open_reader(tow / "frames").frames()
    truth = read_truth(tow).frames
    assert frames["scan"].tolist() == truth["scan"].tolist()


def test_pixels_are_those_that_were_written(tow, open_reader):
    from seston.readers import video

    reader = open_reader(tow / "frames")
    path = reader.files()[0].as_posix()
    both = list(reader.read(path, [0, 1]))
    second = next(iter(reader.read(path, [1])))
    assert both[0].shape == (512, 2048)
    assert both[0].dtype == np.uint8
    np.testing.assert_array_equal(both[1], second)
    assert video.read_header(tow / "frames" / path).complete == 2


def test_the_log_comes_in_the_registrys_units(tow, open_reader):
    environment = open_reader(tow / "frames", environment=tow / "environment").environment()
    sensors = {name for name in ENVIRONMENT if f"{name}_flag" in ENVIRONMENT} - {"chlorophyll"}
    assert set(environment) == sensors | {f"{name}_flag" for name in sensors}
    for name in sensors:
        assert environment[name].attrs["units"] == ENVIRONMENT[name].attrs["units"]
    assert 100 < float(environment["oxygen"].mean()) < 400  # umol/kg; in ml/l it would be 2 to 9
    assert 1 < float(environment["speed"].mean()) < 4  # m/s; in the log mm/s
    assert np.all(np.diff(environment["time"]) > np.timedelta64(0))


def test_a_reader_travels_to_a_worker(tow, open_reader):
    reader = pickle.loads(pickle.dumps(open_reader(tow / "frames")))
    assert len(reader.files()) == 4


# --------------------------------------------------------------------------------- damaged files
def problems(frames: pd.DataFrame) -> list[str]:
    return frames.loc[frames["usable"] == 0, "problem"].tolist()


def test_a_truncated_file_gives_its_whole_frames_and_counts_the_others(tow, open_reader):
    FAULTS["truncated_file"](tow)
    frames = open_reader(tow / "frames").frames()
    assert len(frames) == 8
    assert problems(frames) == [
        "missing: the file holds 1 of the 2 frames that its header promises"
    ]
    bad = frames.index[frames["usable"] == 0][0]
    assert frames["first_line"][bad + 1] == frames["first_line"][bad] + 512


@pytest.mark.parametrize(
    ("fault", "said"), [("empty_file", "the file is empty"), ("garbled_file", "not an AVI")]
)
def test_a_file_that_cannot_be_read_is_one_frame_that_is_not_usable(tow, open_reader, fault, said):
    FAULTS[fault](tow)
    frames = open_reader(tow / "frames").frames()
    (problem,) = problems(frames)
    assert said in problem
    assert len(frames) == 7


def test_a_clock_that_runs_backwards_is_refused_with_file_time_and_cure(tow, open_reader):
    FAULTS["clock_backwards"](tow)
    with pytest.raises(ClockError, match=r"avi: starts 0.00957 s before the file before it ends"):
        open_reader(tow / "frames").frames()


def test_an_overlapping_file_is_left_out_where_the_config_says_so(tow, open_reader):
    FAULTS["clock_backwards"](tow)
    frames = open_reader(tow / "frames", ingest=Ingest(on_overlap="drop_later")).frames()
    assert len(problems(frames)) == 2
    assert (frames["usable"] == 1).sum() == 6


def test_a_missing_file_ends_a_scan(tow, open_reader):
    before = open_reader(tow / "frames").frames()["scan"].nunique()
    FAULTS["gap"](tow)
    frames = open_reader(tow / "frames").frames()
    assert len(frames) == 6
    assert frames["scan"].nunique() == before  # a burst of one file is a scan still


def test_without_a_log_frames_are_listed_and_the_environment_is_empty(tow, open_reader):
    FAULTS["missing_log"](tow)
    reader = open_reader(tow / "frames", environment=tow / "environment")
    assert reader.environment().sizes == {"time": 0}
    frames = reader.frames()
    np.testing.assert_allclose(frames["speed"], 2.0)  # of the instrument's preset
    assert (frames["usable"] == 1).all()
    assert set(frames["problem"]) == {"the speed is not logged: taken as 2 m/s"}


def test_lost_depths_and_positions_are_nan_and_nothing_else_is(tow, open_reader):
    FAULTS["nan_depth"](tow)
    FAULTS["gps_dropout"](tow)
    environment = open_reader(tow / "frames", environment=tow / "environment").environment()
    for name in ("depth", "pressure", "latitude", "longitude"):
        assert 0.15 < float(environment[name].isnull().mean()) < 0.25
    assert not environment["temperature"].isnull().any()


def test_depth_is_taken_from_pressure_where_only_depth_is_lost(tow, open_reader):
    whole = open_reader(tow / "frames", environment=tow / "environment").environment()
    log = next((tow / "environment").iterdir())
    text = log.read_bytes().decode("latin-1").split("\r\n")
    column = text[10].split("\t").index("Depth (m)")
    rows = [line.split("\t") for line in text[11:] if line]
    for cells in rows:
        cells[column] = "NaN"
    log.write_bytes("\r\n".join([*text[:11], *map("\t".join, rows), ""]).encode("latin-1"))
    found = open_reader(tow / "frames", environment=tow / "environment").environment()
    np.testing.assert_allclose(found["depth"], whole["depth"], atol=0.05)


def test_the_last_row_of_a_log_that_was_cut_gives_no_half_number(tow, open_reader):
    whole = open_reader(tow / "frames", environment=tow / "environment").environment()
    FAULTS["cut_log"](tow)
    cut = open_reader(tow / "frames", environment=tow / "environment").environment()
    both = np.intersect1d(whole["time"], cut["time"])
    assert len(both) >= whole.sizes["time"] - 1
    for name in cut.filter_by_attrs(units=lambda unit: unit is not None):
        a, b = cut[name].sel(time=both).to_numpy(), whole[name].sel(time=both).to_numpy()
        there = ~np.isnan(a)
        np.testing.assert_array_equal(a[there], b[there])


def test_names_without_a_time_are_refused_or_counted(tow, open_reader):
    files = sorted((tow / "frames").glob("*.avi"))
    files[-1].rename(files[-1].with_name("trailer.avi"))
    frames = open_reader(tow / "frames").frames()
    assert problems(frames) == ["its name tells no time"] * 2
    for number, file in enumerate(files[:-1]):
        file.rename(file.with_name(f"part{number}.avi"))
    with pytest.raises(InputError, match="no name of a file tells a time"):
        open_reader(tow / "frames").frames()
    counted = open_reader(tow / "frames", start="2020-01-01T00:00:00Z").frames()
    assert counted["time"].iloc[0] == pd.Timestamp("2020-01-01")
    assert counted["scan"].nunique() == 1


def test_a_slow_camera_sees_the_same_water_again(tow, open_reader):
    frames = open_reader(tow / "frames", speed_m_s=0.01).frames()
    assert set(problems(frames)) == {"slower than 0.1 m/s: lines show the same water again"}


def test_a_folder_without_frames_is_told_with_what_was_looked_for(tmp_path, open_reader):
    with pytest.raises(InputError, match=r"holds no frames\n  Looked for: .*\.avi"):
        open_reader(tmp_path).frames()
    with pytest.raises(InputError, match="no such folder"):
        open_reader(tmp_path / "nowhere").files()


def test_an_unknown_instrument_is_told_with_those_there_are(tmp_path, open_reader):
    with pytest.raises(ConfigError, match=r"unknown instrument 'camera'.*\n.*isiis"):
        open_reader(tmp_path, name="camera")


def test_a_header_that_lies_about_the_number_of_frames_costs_little(tow, open_reader):
    path = sorted((tow / "frames").glob("*.avi"))[0]
    data = bytearray(path.read_bytes())
    at = data.index(b"avih") + 8 + 16
    data[at : at + 4] = (4_000_000_000).to_bytes(4, "little")
    path.write_bytes(data)
    frames = open_reader(tow / "frames", ingest=Ingest(on_overlap="drop_later")).frames()
    assert len(frames) < 5000


def test_the_real_frame_has_the_time_of_its_name_and_counter(open_reader):
    folder = shared.data("raw/isiis_cfe_mbari")
    frames = open_reader(folder).frames()
    assert len(frames) == 1
    assert (frames["height"][0], frames["width"][0]) == (2048, 2048)
    start = pd.Timestamp("2024-03-19T12:58:20.186")
    assert frames["time"][0] == start + pd.Timedelta(588 * 2048 / 28_000, "s").round("ns")
    assert np.isfinite(frames["imaged_volume"][0])
