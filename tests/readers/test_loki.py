"""LOKI: simulated hauls of known truth, and damaged ones. No real files could be had."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import campaigns
from seston.errors import ConfigError, InputError, SestonError
from seston.features import FEATURES
from seston.inspection import inspect
from seston.readers import recognise
from seston.readers.loki_logs import read_log, read_telemetry
from seston.simulate.instruments import simulators

ROW = {"pixel_width_mm": 0.03, "imaged_volume_l": 0.2}


@pytest.fixture(scope="module")
def hauls(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loki") / "files"
    simulators()["loki"](folder, "tiny", 3, 1)
    return folder / "hauls"


@pytest.fixture
def haul(tmp_path):
    """A haul of four vignettes in three pictures, with five seconds of telemetry."""
    folder = tmp_path / "haul"
    for name in ("Pictures/1122", "Telemetrie", "Log"):
        (folder / name).mkdir(parents=True)
    for stem in (
        "20130903 112233  100  000001 0456 0789",
        "20130903 112233  100  000002 0956 1789",
        "20130903 112234  500  000003 0456 0789",
        "20130903 112237  000  000004 0001 0002",
    ):
        picture = np.full((20, 30), 5, np.uint8)
        picture[5:15, 5:25] = 180
        Image.fromarray(picture).save(folder / "Pictures" / "1122" / f"{stem}.bmp")
    for second in range(5):
        (folder / "Telemetrie" / f"20130903 11223{3 + second}.tmd").write_bytes(
            f"1;LOKI\n5;7,5\n6;-43,25\n10;{1000 - 5 * second},5\n11;12,3\n20;8,0\n32;38,1\n"
            f"40;0,4\n232;10,0\n".encode()
        )
    (folder / "Log" / "LOKI_1.log").write_bytes("9;Süd 3\n11;2\n18;7,0\n19;43,0\n".encode("cp1252"))
    return folder


def test_vignettes_of_one_moment_are_one_frame(haul, open_reader):
    reader = open_reader(haul, "loki", **ROW)
    frames = reader.frames()
    seen = frames[frames["vignettes"] > 0]
    assert seen["vignettes"].tolist() == [2, 1, 1]
    assert seen["time"].iloc[0].isoformat() == "2013-09-03T11:22:33.100000"
    found = list(reader.vignettes("Pictures/1122", seen["index_in_file"]))
    assert [(v.top, v.left) for v in found[0]] == [(789, 456), (1789, 956)]
    assert found[2][0].source_id == "20130903 112237  000  000004 0001 0002"
    assert found[2][0].pixels.shape == (20, 30)
    assert set(frames["sample"]) == {"Süd 3_2"}


def test_pictures_without_vignettes_are_counted_by_the_rate(haul, open_reader):
    reader = open_reader(haul, "loki", **ROW)
    frames = reader.frames()
    # From 33.1 s to 37.0 s at ten pictures a second: 39, and the last one.
    assert len(frames) == 40
    assert frames["time"].is_monotonic_increasing
    assert np.diff(frames["time"]).max() < np.timedelta64(200, "ms")
    np.testing.assert_allclose(frames["imaged_volume"].sum(), 40 * 0.2e-3)
    assert all(of == [] for of in reader.vignettes("Pictures/1122", range(3, 40)))
    assert (frames["problem"] == "").all()
    assert (np.diff(frames["first_line"]) > 0).all()


def test_without_a_rate_only_pictures_with_vignettes_count_and_that_is_said(haul, open_reader):
    for file in (haul / "Telemetrie").iterdir():
        file.write_text(file.read_text().replace("232;10,0", ""))
    frames = open_reader(haul, "loki", **ROW).frames()
    assert len(frames) == 3
    assert (frames["usable"] == 1).all()
    assert "pictures in which nothing was cut are not counted" in frames["problem"][0]


def test_across_a_silence_of_the_telemetry_no_pictures_are_counted(haul, open_reader):
    for second in (4, 5, 6, 7):
        (haul / "Telemetrie" / f"20130903 11223{second}.tmd").unlink()
    late = haul / "Pictures" / "1122" / "20130903 122237  000  000004 0001 0002.bmp"
    shutil.copy(next((haul / "Pictures" / "1122").iterdir()), late)
    frames = open_reader(haul, "loki", **ROW).frames()
    assert 10 <= len(frames) < 120


def test_volume_and_pixel_are_asked_for(haul, open_reader):
    frames = open_reader(haul, "loki", pixel_width_mm=0.03).frames()
    assert "fill `imaged_volume_l`" in frames["problem"][0]
    assert frames["imaged_volume"].isna().all()
    with pytest.raises(ConfigError, match="pixel_width_mm"):
        open_reader(haul, "loki").frames()


def test_telemetry_becomes_our_units_and_names_its_haul(haul, open_reader):
    sea = open_reader(haul, "loki", **ROW).environment()
    np.testing.assert_allclose(sea["pressure"], [100.05 - 0.5 * i for i in range(5)])
    assert sea["depth"][0] == pytest.approx(99.3, abs=0.3)
    assert float(sea["latitude"][0]) == -43.25
    assert float(sea["oxygen"][0]) == pytest.approx(8.0 / 31.9988 * 1e6 / 1028.9, rel=1e-3)
    assert set(sea["sample"].to_numpy()) == {"Süd 3_2"}
    assert "no unit of fluorescence" in sea.attrs["problems"]


def test_older_telemetry_is_read_and_the_newer_stands(tmp_path):
    fields = [""] * 27
    fields[5], fields[19], fields[20], fields[25] = "38.2", "500.5", "11.0", "43.5"
    fields[26] = "7.5"
    for name in ("20130903 112233.dat", "20130903 112234.dat"):
        (tmp_path / name).write_text("\t".join(fields) + "\nanother line\n")
    (tmp_path / "20130903 112234.tmd").write_text("10;700,0\n")
    (tmp_path / "notes.dat").write_text("x")
    records, problems = read_telemetry(list(tmp_path.iterdir()))
    np.testing.assert_allclose(records["pressure"], [50.05, 70.0])
    assert records["salinity"].tolist()[0] == 38.2
    assert problems == ["1 files of telemetry cannot be read"]


@pytest.mark.parametrize("place", ["5;187,0\n6;43,0\n", "5;7,0\n6;-91\n", "5;0,0\n6;0,0\n"])
def test_a_position_that_cannot_be_is_left_out(haul, open_reader, place):
    for file in (haul / "Telemetrie").iterdir():
        file.write_text(place + "10;700,0\n")
    reader = open_reader(haul, "loki", **ROW)
    assert "latitude" not in reader.environment()
    frames = reader.frames()  # the fixed position of the log stands in
    assert set(frames["latitude"]) == {43.0}
    assert set(frames["longitude"]) == {7.0}


def test_a_log_that_cannot_be_read_tells_nothing(tmp_path):
    (tmp_path / "LOKI.log").write_bytes(b"\xff\xfe\0;;;\n18;abc\n19;43")
    log = read_log([tmp_path / "LOKI.log"])
    assert np.isnan(log.latitude)
    assert log.station == ""


def test_odd_names_and_vignettes_at_one_place_are_counted(haul, open_reader):
    folder = haul / "Pictures" / "1122"
    good = next(folder.iterdir())
    for name in ("thumbs.png", "20139903 112233  100  000001 0456 0789.bmp",
                 "20130903 112233  100  000009 0456 0789.bmp",
                 "20130903 112233  100  000010 99999 0789.bmp"):  # fmt: skip
        shutil.copy(good, folder / name)
    frames = open_reader(haul, "loki", **ROW).frames()
    assert frames["vignettes"].sum() == 4
    assert frames["problem"][0] == (
        "3 pictures left out: their names tell no time and place; "
        "1 vignettes lie where another one does: counted once"
    )


def test_a_damaged_picture_is_an_error_that_names_it(haul, open_reader):
    folder = haul / "Pictures" / "1122"
    name = "20130903 112234  500  000003 0456 0789.bmp"
    (folder / name).write_bytes((folder / name).read_bytes()[:60])
    with pytest.raises(InputError, match="000003 0456 0789"):
        list(open_reader(haul, "loki", **ROW).vignettes("Pictures/1122", [0, 1, 2]))


def test_inspect_names_the_hauls(hauls):
    said = inspect(hauls)
    assert recognise(hauls)[0] == "loki"
    assert (said["instrument"], said["samples"]) == ("loki", 2)
    truth = pd.read_csv(hauls.parent / "truth" / "objects.csv")
    assert said["objects"] == len(truth)
    assert said["depth_range"] == pytest.approx([0, 20], abs=0.1)
    assert {"depth", "temperature", "salinity", "oxygen"} <= set(said["environment"])


def test_same_seed_same_bytes(tmp_path):
    for name in "ab":
        simulators()["loki"](tmp_path / name, "tiny", 7, 1)
    files = [p for p in (tmp_path / "a").rglob("*") if p.is_file()]
    assert len(files) > 300
    for file in files:
        twin = tmp_path / "b" / file.relative_to(tmp_path / "a")
        assert file.read_bytes() == twin.read_bytes()


# ----------------------------------------------------------------------------- from end to end


def _end_to_end(folder, client, seed):
    row = simulators()["loki"](folder / "files", "tiny", seed, 1)
    campaign = campaigns.write_campaign(folder, "loki", {**row, "path": f"files/{row['path']}"})
    return folder / "files" / "truth", *campaigns.run(campaign, client)


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    with campaigns.one_worker() as client:
        return [_end_to_end(tmp_path_factory.mktemp("loki"), client, s) for s in (1, 2, 3)]


@pytest.fixture(scope="module")
def found(trials):
    return trials[0]


def test_the_truth_lies_in_the_interval(trials):
    # Of the 8 pieces of one campaign all would have to hold it, which chance allows two times in
    # three: three campaigns are looked at together.
    held = [
        campaigns.inside_the_interval(objects, profiles, truth)
        for truth, objects, profiles in trials
    ]
    assert np.concatenate(held).size == 24
    assert np.concatenate(held).mean() >= 0.9


def test_the_water_of_each_bin_is_that_of_its_pictures(found):
    _, _, profiles = found
    volume = profiles["imaged_volume"].to_numpy()
    # At the ends of a haul the water before the first and after the last vignette is lost.
    np.testing.assert_allclose(volume[:, 1:-1], 200 * 0.2e-3, rtol=0.01)
    np.testing.assert_allclose(volume, 200 * 0.2e-3, rtol=0.08)
    assert np.isfinite(profiles["temperature"].to_numpy()).all()


def test_all_objects_are_found_at_their_place_with_their_area(found):
    truth, objects, _ = found
    placed = pd.read_csv(truth / "objects.csv").set_index("source_id")
    water = pd.read_csv(truth / "water.csv").set_index("water")
    table = pd.DataFrame({name: objects[name] for name in ("source_id", "top", "left", "depth")})
    table["area"] = objects["features"].to_numpy()[:, list(FEATURES).index("area")]
    table = table.set_index("source_id")
    assert sorted(table.index) == sorted(placed.index)
    table = table.reindex(placed.index)
    assert (table[["top", "left"]] == placed[["top", "left"]]).all(axis=None)
    of = water.loc[placed["water"]]
    assert (table["depth"].to_numpy() > of["depth_min"].to_numpy() - 0.05).all()
    assert (table["depth"].to_numpy() < of["depth_max"].to_numpy() + 0.05).all()
    area = table["area"] / (0.03**2 * placed["area_px"])
    assert 0.85 < area.median() < 1.15


# ----------------------------------------------------------------------------- hostile files


def _mutate(data: bytes, draw) -> bytes:
    kind = draw(st.sampled_from(["cut", "flip", "drop", "point", "encode", "sign"]))
    if kind == "cut":
        return data[: draw(st.integers(0, len(data)))]
    if kind == "flip":
        damaged = bytearray(data)
        for i in draw(st.lists(st.integers(0, len(data) - 1), min_size=1, max_size=40)):
            damaged[i] = draw(st.integers(0, 255))
        return bytes(damaged)
    if kind == "encode":
        return data.decode("latin-1").encode(draw(st.sampled_from(["utf-16", "utf-8-sig"])))
    if kind == "point":
        return data.replace(b",", b".").replace(b";", b",")
    if kind == "sign":
        return data.replace(b";", b";-").replace(b"5;-7", b"5;-7000")
    lines = data.split(b"\n")
    gone = draw(st.sets(st.integers(0, len(lines) - 1)))
    return b"\n".join(line for i, line in enumerate(lines) if i not in gone)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_damaged_haul_gives_an_error_of_ours_or_a_result(haul, open_reader, tmp_path, data):
    folder = tmp_path / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(haul, folder)
    victim = data.draw(st.sampled_from(sorted(p for p in folder.rglob("*") if p.is_file())))
    if data.draw(st.booleans()):
        victim.write_bytes(_mutate(victim.read_bytes(), data.draw))
    else:
        letters = st.text("0123456789 .-_x", min_size=1, max_size=45)
        victim.rename(victim.with_name(f"a{data.draw(letters)}{victim.suffix}"))
    recognise(folder)
    inspect(folder, "loki")
    with suppress(SestonError):
        _read_all(open_reader(folder, "loki", **ROW))


def _read_all(reader) -> None:
    assert reader.environment() is not None
    for path, frames in reader.frames().groupby("path"):
        for index in frames.loc[frames["vignettes"] > 0, "index_in_file"]:
            with suppress(SestonError):
                next(iter(reader.vignettes(str(path), [index])))


def test_an_empty_haul_is_said(tmp_path, open_reader):
    for name in ("Pictures", "Telemetrie"):
        (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="holds no frames"):
        open_reader(Path(tmp_path), "loki", **ROW).frames()
