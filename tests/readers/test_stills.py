"""Pictures and videos of a camera of whole frames, and the table beside them."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import shared
from seston.config import Ingest
from seston.errors import ClockError, ConfigError, InputError, SestonError
from seston.simulate.isiis import write_avi


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


# ------------------------------------------------------------------------------------- videos
OPTICS = {"pixel_width_mm": 0.1, "imaged_volume_l": 1}
KINDS = {"raw.avi": ("rawvideo", "avi"), "ffv1.mkv": ("ffv1", "matroska"),
         "h264.mp4": ("libx264", "mp4"), "h264.mov": ("libx264", "mov"),
         "h264.avi": ("libx264", "avi")}  # fmt: skip


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    """Thirty noisy frames with a bright square that moves on by a pixel in each."""
    frames = np.random.default_rng(1).integers(0, 60, (30, 48, 64), np.uint8)
    for number, frame in enumerate(frames):
        frame[10:26, number : number + 16] = 200
    return frames


@pytest.fixture(scope="module")
def pristine_films(drawn, tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    for name, (codec, container) in KINDS.items():
        write_film(folder / name, drawn, codec, container)
    return folder


def write_film(path, frames, codec, container, rate=10):
    if codec != "libx264":
        write_avi(path, frames, codec=codec, container=container, rate=rate)
        return
    moov = {"movflags": "faststart"} if container in ("mp4", "mov") else {}
    with av.open(str(path), "w", format=container, options=moov) as file:
        stream = file.add_stream(codec, rate=rate, options={"g": "8", "bf": "2", "crf": "12"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for pixels in frames:
            picture = av.VideoFrame.from_ndarray(pixels, format="gray")
            file.mux(stream.encode(picture.reformat(format="yuv420p")))
        file.mux(stream.encode())


@pytest.fixture
def films(pristine_films, tmp_path):
    """Copies to damage."""
    return Path(shutil.copytree(pristine_films, tmp_path / "films"))


def only(films, name):
    for path in films.iterdir():
        if path.name != name:
            path.unlink()
    return films


def left_edge(frame: np.ndarray) -> int:
    return int(np.flatnonzero(frame[18] > 110)[0])


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("wanted", [[0, 1, 2], [29], [1, 5, 9], [12, 3, 4, 25], [7, 7]])
def test_each_frame_of_a_video_is_the_one_asked_for(pristine_films, open_reader, name, wanted):
    reader = open_reader(pristine_films, "stills", **OPTICS)
    assert [left_edge(frame) for frame in reader.read(name, wanted)] == wanted


@pytest.mark.parametrize("name", KINDS)
def test_a_row_for_a_video_tells_its_start_and_the_file_how_frames_follow(films, open_reader, name):
    (only(films, name) / "t.csv").write_text(f"file,time\n{name},2024-01-01T00:00:00Z\n")
    frames = open_reader(films, "stills", **OPTICS).frames()
    after = frames["time"] - pd.Timestamp("2024-01-01")
    np.testing.assert_allclose(after.dt.total_seconds(), np.arange(30) / 10)
    assert frames["index_in_file"].tolist() == list(range(30))
    assert (frames["usable"] == 1).all()
    assert set(frames["problem"]) == {"the time between frames is that of the file, 0.1 s"}
    told = open_reader(films, "stills", frame_interval_s=0.04, **OPTICS).frames()
    np.testing.assert_allclose(np.diff(told["time"]) / np.timedelta64(1, "ms"), 40)
    assert set(told["problem"]) == {""}


def test_rows_for_frames_tell_each_its_time_and_place(films, open_reader):
    rows = [f"raw.avi,{n},2024-01-01T00:00:{n:02d}.5Z,{n},43.1,7.2" for n in range(30) if n != 4]
    text = "file,frame,time,depth_m,lat,lon\n" + "\n".join(rows) + "\n"
    (only(films, "raw.avi") / "t.csv").write_text(text)
    reader = open_reader(films, "stills", clock_offset_s=1, **OPTICS)
    frames = reader.frames()
    seconds = (frames["time"] - pd.Timestamp("2024-01-01")).dt.total_seconds().to_numpy()
    np.testing.assert_allclose(np.delete(seconds, 4), np.delete(np.arange(30) + 1.5, 4))
    assert np.isnan(seconds[4])  # kept, without a time
    assert (frames["usable"] == 1).all()
    assert len(reader.environment()["depth"]) == 29


def test_the_column_of_numbers_has_several_names_and_pictures_need_none(pictures, open_reader):
    """What stands beside the name of a picture may count all pictures of a cruise."""
    text = TABLE.replace("file,", "image,frame_number,").replace(".png,", ".png,7001,")
    (pictures / "positions.csv").write_text(text)
    frames = open_reader(pictures, "stills", **OPTICS).frames()
    assert frames["time"].notna().all()
    assert len(frames) == 3


def test_frames_numbered_from_one_are_refused(films, open_reader):
    rows = [f"raw.avi,{n},2024-01-01T00:00:{n:02d}Z" for n in range(1, 31)]
    (only(films, "raw.avi") / "t.csv").write_text("file,frame,time\n" + "\n".join(rows) + "\n")
    with pytest.raises(InputError, match="tells of frame 30, and the video holds 30"):
        open_reader(films, "stills", **OPTICS).frames()


def test_a_frame_or_a_video_that_stands_twice_is_refused(films, open_reader):
    table = only(films, "raw.avi") / "t.csv"
    table.write_text("file,frame,time\n" + "raw.avi,3,2024-01-01T00:00:00Z\n" * 2)
    with pytest.raises(InputError, match=r"frame 3 of the video 'raw.avi' stands in 2 rows"):
        open_reader(films, "stills", **OPTICS).frames()
    table.write_text("file,time\n" + "raw.avi,2024-01-01T00:00:00Z\n" * 2)
    with pytest.raises(InputError, match=r"the video 'raw.avi' stands in 2 rows"):
        open_reader(films, "stills", **OPTICS).frames()


def test_videos_that_overlap_in_time_are_refused_or_left_out(films, open_reader):
    (films / "t.csv").write_text(
        "file,time\nh264.avi,2024-01-01T00:00:04Z\nh264.mov,2024-01-01T00:00:08Z\n"
        "ffv1.mkv,2024-01-01T00:00:06Z\nraw.avi,2024-01-01T00:00:00Z\n"
    )
    with pytest.raises(ClockError, match=r"ffv1.mkv: starts 1 s before the file before it ends"):
        open_reader(films, "stills", **OPTICS).frames()
    frames = open_reader(films, "stills", Ingest(on_overlap="drop_later"), **OPTICS).frames()
    usable = frames.groupby("path", sort=False)["usable"].sum()
    assert usable.to_dict() == {"ffv1.mkv": 0, "h264.avi": 30, "h264.mov": 30, "h264.mp4": 30,
                                "raw.avi": 30}  # fmt: skip


def test_times_of_videos_are_counted_from_a_start(films, open_reader):
    (films / "h264.mov").unlink()
    frames = open_reader(films, "stills", start="2024-01-01", **OPTICS).frames()
    after = (frames["time"] - pd.Timestamp("2024-01-01")).dt.total_seconds()
    np.testing.assert_allclose(after, np.arange(120) / 10)


@pytest.mark.parametrize("name", ["raw.avi", "ffv1.mkv", "h264.mp4", "h264.avi"])
def test_frames_that_a_cut_video_lacks_are_counted(films, open_reader, name):
    path = only(films, name) / name
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 7 // 10])
    frames = open_reader(films, "stills", **OPTICS).frames()
    assert len(frames) == 30
    assert 8 < frames["usable"].sum() < 30
    lost = frames.loc[frames["usable"] == 0, "problem"]
    assert lost.str.match("missing: the file holds .* of the 30 frames").all()


def test_frames_that_the_table_tells_and_the_video_lacks_are_counted(films, open_reader):
    rows = [f"raw.avi,{n},2024-01-01T00:00:{n:02d}Z" for n in range(40)]
    (only(films, "raw.avi") / "t.csv").write_text("file,frame,time\n" + "\n".join(rows) + "\n")
    frames = open_reader(films, "stills", **OPTICS).frames()
    assert frames["usable"].tolist() == [1] * 30 + [0] * 10


def test_a_video_that_is_none_is_one_frame_that_cannot_be_used(films, open_reader):
    (only(films, "h264.mp4") / "h264.mp4").write_bytes(b"no video at all" * 99)
    frames = open_reader(films, "stills", **OPTICS).frames()
    assert frames["usable"].tolist() == [0]
    assert "not a video that can be read" in frames["problem"][0]


def test_a_header_that_promises_millions_of_frames_is_not_believed(films, open_reader):
    path = only(films, "raw.avi") / "raw.avi"
    data = bytearray(path.read_bytes())
    for at in (data.index(b"avih") + 8 + 16, data.index(b"strh") + 8 + 32):
        data[at : at + 4] = (2**31).to_bytes(4, "little")
    path.write_bytes(data)
    frames = open_reader(films, "stills", **OPTICS).frames()
    assert len(frames) <= 30 + 4096
    assert frames["usable"].sum() == 30


def test_a_video_that_claims_huge_frames_is_refused_before_it_takes_memory(films, open_reader):
    path = only(films, "raw.avi") / "raw.avi"
    data = bytearray(path.read_bytes())
    at = data.index(b"strf") + 8 + 4
    data[at : at + 8] = (100_000).to_bytes(4, "little") * 2
    path.write_bytes(data)
    frames = open_reader(films, "stills", **OPTICS).frames()
    assert "claims a size of 100000 x 100000" in frames["problem"][0]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_damage_brings_anything_but_an_error_in_words(pristine_films, open_reader, data):
    name = data.draw(st.sampled_from([*KINDS, "t.csv"]))
    film = name if name in KINDS else "ffv1.mkv"
    table = "file,frame,time,depth_m\n" + "".join(
        f"{film},{n},2024-01-01T00:00:{n:02d}Z,{n}\n" for n in range(30)
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shutil.copyfile(pristine_films / film, folder / film)
        (folder / "t.csv").write_text(table)
        content = bytearray((folder / name).read_bytes())
        at = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            content[at] ^= data.draw(st.integers(1, 255))
        else:
            del content[at : at + data.draw(st.integers(1, 4000))]
        (folder / name).write_bytes(content or b"x")
        reader = open_reader(folder, "stills", Ingest(on_overlap="drop_later"), **OPTICS)
        try:
            listed = reader.frames()
            reader.environment()
            usable = listed.loc[listed["usable"] == 1, "index_in_file"].tolist()
            for frame in reader.read(film, usable):
                assert frame.dtype == np.uint8
                assert frame.ndim == 2
        except SestonError:
            pass
