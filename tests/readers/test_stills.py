"""Pictures of a still camera, and the table beside them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

import shared
from seston.errors import ConfigError, InputError


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in (1, 2, 10):
        cv2.imwrite(str(folder / f"frame_{number}.png"), np.full((40, 60), number, np.uint8))
    return folder


TABLE = """file,time,depth_m,lat,lon
frame_10.png,2024-01-01T00:00:02Z,12,43.1,7.2
frame_1.png,2024-01-01T00:00:00Z,10,43.1,7.2
frame_2.png,2024-01-01T00:00:01Z,11,43.1,7.2
"""


def test_a_table_tells_the_time_of_each_picture_in_any_order(pictures, open_reader):
    (pictures / "positions.csv").write_text(TABLE)
    reader = open_reader(pictures, "stills", pixel_width_mm=0.05, imaged_volume_l=1.2)
    frames = reader.frames()
    assert frames["path"].tolist() == ["frame_1.png", "frame_2.png", "frame_10.png"]
    assert frames["time"].is_monotonic_increasing
    assert frames["scan"].tolist() == [0, 1, 2]
    assert frames["first_line"].tolist() == [0, 40, 80]
    np.testing.assert_allclose(frames["imaged_volume"], 1.2e-3)
    np.testing.assert_allclose(reader.environment()["depth"], [10, 11, 12])
    assert next(iter(reader.read("frame_10.png", [0])))[0, 0] == 10


def test_volume_follows_from_the_depth_of_field(pictures, open_reader):
    frames = open_reader(pictures, "stills", pixel_width_mm=0.5, depth_of_field_mm=100).frames()
    np.testing.assert_allclose(frames["imaged_volume"], 40 * 60 * 0.25 * 100 * 1e-9)


def test_without_a_volume_frames_stay_usable_and_say_so(pictures, open_reader):
    frames = open_reader(pictures, "stills", pixel_width_mm=0.5).frames()
    assert frames["imaged_volume"].isna().all()
    assert (frames["usable"] == 1).all()
    assert set(frames["problem"]) == {"the imaged volume is not known"}


def test_without_the_size_of_a_pixel_nothing_can_be_measured(pictures, open_reader):
    with pytest.raises(ConfigError, match="`pixel_width_mm` of deployment 'd' is not known"):
        open_reader(pictures, "stills").frames()


def test_times_are_counted_from_a_start_or_read_from_names(pictures, open_reader):
    row = {"pixel_width_mm": 0.5, "start": "2024-01-01", "frame_interval_s": 0.5}
    frames = open_reader(pictures, "stills", **row).frames()
    assert (np.diff(frames["time"]) == np.timedelta64(500, "ms")).all()
    for path in list(pictures.iterdir()):
        number = int(path.stem.split("_")[1])
        path.rename(pictures / f"cam_20240305T1012{number:02d}.250.png")
    named = open_reader(pictures, "stills", pixel_width_mm=0.5, clock_offset_s=-2).frames()
    assert named["time"].iloc[0].isoformat() == "2024-03-05T10:11:59.250000"


def test_a_picture_that_stands_twice_is_refused(pictures, open_reader):
    (pictures / "positions.csv").write_text(TABLE + "frame_2.png,2024-01-01T00:00:09Z,11,43,7\n")
    with pytest.raises(InputError, match=r"'frame_2.png' stands in 2 rows"):
        open_reader(pictures, "stills", pixel_width_mm=0.05).frames()


@pytest.mark.parametrize("damage", ["empty", "text", "cut"])
def test_a_damaged_picture_is_counted_and_the_others_are_read(pictures, open_reader, damage):
    path = pictures / "frame_2.png"
    data = path.read_bytes()
    path.write_bytes({"empty": b"", "text": b"not a picture" * 9, "cut": data[:20]}[damage])
    frames = open_reader(pictures, "stills", pixel_width_mm=0.05, imaged_volume_l=1).frames()
    assert frames["usable"].tolist() == [1, 0, 1]
    assert frames["problem"][1]


def test_a_picture_cut_in_its_pixels_is_an_error_that_names_it(pictures, open_reader):
    rng = np.random.default_rng(0)
    path = pictures / "frame_2.png"
    cv2.imwrite(str(path), rng.integers(0, 255, (200, 200), np.uint8))
    path.write_bytes(path.read_bytes()[:-9000])
    reader = open_reader(pictures, "stills", pixel_width_mm=0.05)
    with pytest.raises(InputError, match=r"frame_2.png: the picture is damaged"):
        list(reader.read("frame_2.png", [0]))


def test_sixteen_bits_are_refused_rather_than_cut_to_eight(pictures, open_reader):
    cv2.imwrite(str(pictures / "frame_2.png"), np.full((9, 9), 4000, np.uint16))
    frames = open_reader(pictures, "stills", pixel_width_mm=0.05, imaged_volume_l=1).frames()
    assert frames["problem"][1] == "more than 8 bits a pixel"


def test_a_picture_that_claims_a_huge_size_is_refused_before_it_takes_memory(pictures, open_reader):
    path = pictures / "frame_2.png"
    data = bytearray(path.read_bytes())
    data[16:24] = (100_000).to_bytes(4, "big") * 2
    import zlib

    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    path.write_bytes(data)
    frames = open_reader(pictures, "stills", pixel_width_mm=0.05, imaged_volume_l=1).frames()
    assert "claims a size of 100000 x 100000" in frames["problem"][1]


def test_the_real_dark_field_frames_are_listed_in_order(open_reader):
    folder = shared.data("raw/darkfield_video")
    row = {"start": "2024-01-01", "frame_interval_s": 0.05, "pixel_width_mm": 0.01}
    frames = open_reader(folder, "stills", **row).frames()
    assert frames["path"].tolist() == [f"frame_{i}.png" for i in range(1, 6)]
    assert set(zip(frames["height"], frames["width"], strict=True)) == {(2048, 2448)}
