"""Area cameras: Bellamare's videos and folders of logs, the Stingray's pictures, a laboratory's."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import campaigns
from seston.config import Ingest
from seston.ecology import poisson_interval
from seston.errors import ClockError, InputError, SestonError
from seston.inspection import inspect
from seston.readers import recognise
from seston.readers.logs import read_environment
from seston.simulate.instruments import simulators
from seston.simulate.isiis import write_avi

NAMES = ("isiis-dpi", "stingray", "stills")
OPTICS = {"pixel_width_mm": 0.1, "depth_of_field_mm": 100}


@pytest.fixture(scope="session")
def pristine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("area")
    for name in NAMES:
        simulators()[name](folder / name, "tiny", 7, 1)
    return folder


@pytest.fixture
def tows(pristine, tmp_path):
    """Copies to damage."""
    return Path(shutil.copytree(pristine, tmp_path / "tows"))


def row(folder: Path, name: str) -> dict[str, object]:
    sensors = {"environment": folder / "stingray/sensors"} if name == "stingray" else {}
    return OPTICS | sensors


# -------------------------------------------------------------------------------------- frames
def test_frames_of_a_video_follow_each_other_at_the_rate_of_the_camera(pristine, open_reader):
    frames = open_reader(pristine / "isiis-dpi/frames", "isiis-dpi", **OPTICS).frames()
    assert len(frames) == 48
    assert frames["path"].nunique() == 4
    assert (frames["usable"] == 1).all()
    since = (frames["time"] - frames["time"].iloc[0]).dt.total_seconds()
    burst, number = np.divmod(np.arange(48), 12)
    np.testing.assert_allclose(since, burst * 10 + number / 20.5, atol=1e-3)
    assert frames["time"].iloc[0].isoformat() == "2021-07-01T10:15:00"
    assert frames["line_interval"].eq(0).all()
    assert frames["scan"].tolist() == list(range(48))
    np.testing.assert_allclose(frames["imaged_volume"], 44 * 55 * 100 * 1e-9)


def test_the_rate_can_be_told(pristine, open_reader):
    reader = open_reader(
        pristine / "isiis-dpi/frames", "isiis-dpi", frame_interval_s=0.04, **OPTICS
    )
    first = reader.frames().iloc[:12]
    assert np.allclose(np.diff(first["time"]) / np.timedelta64(1, "ms"), 40)


def test_pictures_take_their_time_from_behind_the_serial_number(pristine, open_reader):
    frames = open_reader(pristine / "stingray/frames", "stingray", **OPTICS).frames()
    assert len(frames) == 48
    assert frames["time"].is_monotonic_increasing
    assert frames["time"].iloc[1].isoformat() == "2021-07-01T10:15:00.066000"
    assert (frames["usable"] == 1).all()


def test_videos_of_a_stingray_end_their_names_with_the_time(tmp_path, open_reader):
    pixels = np.full((3, 40, 60), 200, np.uint8)
    write_avi(tmp_path / "Basler_a2A2840-14gmBAS-20210801T101500.250Z.avi", pixels)
    frames = open_reader(tmp_path, "stingray", **OPTICS).frames()
    assert frames["time"].iloc[0].isoformat() == "2021-08-01T10:15:00.250000"
    assert np.allclose(np.diff(frames["time"]) / np.timedelta64(1, "s"), 1 / 15, atol=1e-6)


def test_videos_that_overlap_are_refused_or_left_out(tows, open_reader):
    folder = tows / "isiis-dpi/frames"
    films = sorted(folder.glob("*.avi"))
    films[1].rename(folder / "dpi-Camera-2021-07-01-10-15-00.300.avi")
    with pytest.raises(ClockError, match="starts 0.2"):
        open_reader(folder, "isiis-dpi", **OPTICS).frames()
    frames = open_reader(folder, "isiis-dpi", Ingest(on_overlap="drop_later"), **OPTICS).frames()
    assert frames.groupby("path", sort=False)["usable"].sum().tolist() == [12, 0, 12, 12]


def test_a_name_without_a_time_is_a_frame_that_cannot_be_used(tows, open_reader):
    folder = tows / "stingray/frames"
    next(iter(sorted(folder.iterdir()))).rename(folder / "trailer.tiff")
    frames = open_reader(folder, "stingray", **OPTICS).frames()
    assert frames["usable"].tolist() == [1] * 47 + [0]
    assert frames["problem"].iloc[-1] == "its name tells no time"


def test_frames_that_a_header_promises_and_the_file_has_not_are_counted(tows, open_reader):
    film = sorted((tows / "isiis-dpi/frames").glob("*.avi"))[-1]
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    frames = open_reader(tows / "isiis-dpi/frames", "isiis-dpi", **OPTICS).frames()
    assert len(frames) == 48
    assert 40 <= frames["usable"].sum() <= 42


def test_the_size_of_a_pixel_must_be_told(pristine, open_reader):
    with pytest.raises(SestonError, match="`pixel_width_mm` of deployment"):
        open_reader(pristine / "stingray/frames", "stingray").frames()


# ------------------------------------------------------------------------------------- sensors
def test_folders_of_publishers_become_one_environment(pristine, open_reader):
    reader = open_reader(pristine / "isiis-dpi/frames", "isiis-dpi", **OPTICS)
    found = reader.environment()
    publishers = {p.parent.name.removesuffix(" Publisher") for p in reader.environment_files()}
    assert publishers == {"CTD 1", "Fluorometer 1", "AD1216", "GPS"}
    seconds = (found["time"] - np.datetime64("2021-07-01T10:15:00")) / np.timedelta64(1, "s")
    np.testing.assert_allclose(found["depth"], 11 + 0.5 * seconds, atol=1e-3)  # the first CTD
    np.testing.assert_allclose(found["latitude"], 43.4, atol=1e-6)
    np.testing.assert_allclose(found["longitude"], -7.3, atol=1e-6)
    np.testing.assert_allclose(found["chlorophyll"], 0.5 + 0.01 * found["depth"], atol=0.007)
    assert "oxygen" not in found
    assert "AD1216 Publisher/ad.csv: not used: its columns tell no units" in found.attrs["problems"]


def test_a_position_without_a_hemisphere_is_said(tows, open_reader):
    gps = tows / "isiis-dpi/frames/VIPF_LOGS/GPS Publisher/gps.csv"
    pd.read_csv(gps)[["Time", "Latitude", "Longitude"]].to_csv(gps, index=False)
    found = open_reader(tows / "isiis-dpi/frames", "isiis-dpi", **OPTICS).environment()
    np.testing.assert_allclose(found["longitude"], 7.3, atol=1e-6)
    assert "no hemisphere is told: longitude is taken as E" in found.attrs["problems"]


def test_the_csv_of_a_stingray_is_timed_by_the_event_and_calibrated(pristine, open_reader):
    found = open_reader(pristine / "stingray/frames", "stingray",
                        environment=pristine / "stingray/sensors").environment()  # fmt: skip
    seconds = (found["time"] - np.datetime64("2021-07-01T10:15:00")) / np.timedelta64(1, "s")
    np.testing.assert_allclose(found["depth"], 11 + 0.5 * seconds, atol=1e-3)
    np.testing.assert_allclose(found["chlorophyll"], 0.5 + 0.01 * found["depth"], atol=0.004)
    np.testing.assert_allclose(found["oxygen"], (230 - found["depth"]) / 1.026, rtol=3e-3)
    np.testing.assert_allclose(found["longitude"], -7.3)


def test_the_columns_of_a_stingray_are_known_by_their_order_where_no_line_names_them(
    pristine, tmp_path
):
    log = next((pristine / "stingray/sensors").iterdir())
    lines = log.read_text().splitlines()
    unnamed = tmp_path / log.name
    unnamed.write_text("\n".join(["x"] * 5 + lines[5:]))
    assert read_environment([unnamed]).identical(read_environment([log]))


# --------------------------------------------------------------------------------- recognition
@pytest.mark.parametrize("name", NAMES)
def test_inspect_names_the_instrument_and_counts(pristine, name):
    folder = pristine / name / "frames"
    assert recognise(folder)[0] == name
    found = inspect(folder)
    assert found["instrument"] == name
    assert found["frames"] == 48
    assert not any("could also be" in p["what"] for p in found["problems"])


# ---------------------------------------------------------------------------------- end to end
@pytest.mark.parametrize("name", NAMES)
def test_what_was_placed_is_found_in_its_place_and_the_truth_lies_in_the_interval(tmp_path, name):
    campaign = campaigns.simulate(tmp_path, name, seed=3, profiles={
        "bin_size_m": campaigns.BIN_M, "split": "deployment"})  # fmt: skip
    with campaigns.one_worker() as client:
        objects, profiles = campaigns.run(campaign, client)
    truth = pd.read_csv(tmp_path / "files/truth/objects.csv")
    path = objects["frame_path"].to_numpy()[objects["frame"].to_numpy()]
    found = pd.DataFrame({"file": path, "top": objects["top"], "left": objects["left"],
                          "area": objects["features"].sel(feature="area")})  # fmt: skip
    paired = _pair(truth.query("area_px > 30"), found)
    assert paired["area"].notna().mean() > 0.97
    ratio = paired["area"] / (paired["area_px"] * 0.1**2)
    assert 0.9 < ratio.median() < 1.1
    water = pd.read_csv(tmp_path / "files/truth/water.csv")
    counts = profiles["count"].isel(profile=0).sum("taxon").to_numpy()
    low, high = poisson_interval(counts.astype(float))
    expected = pd.read_csv(tmp_path / "files/truth/concentrations.csv")
    mean = (expected.groupby("water")["expected_m3"].sum() * water["volume_m3"]).groupby(
        water["depth_min"] // campaigns.BIN_M
    ).sum()  # fmt: skip
    inside = [low[int(i)] <= value <= high[int(i)] for i, value in mean.items()]
    assert np.mean(inside) >= 0.9
    volume = profiles["imaged_volume"].sum().item()
    assert volume == pytest.approx(water["volume_m3"].sum())
    deep = profiles.isel(profile=0, depth=2)
    if name != "stills":  # it has no fluorometer
        assert 0.55 < float(deep["chlorophyll"]) < 0.65
    assert float(deep["temperature"]) > 0


def _pair(truth: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Give each individual the area of the object within five pixels of it, in the same file."""
    areas = []
    for one in truth.itertuples():
        near = found[found["file"] == one.file]
        off = np.maximum((near["top"] - one.top).abs(), (near["left"] - one.left).abs())
        close = near[off <= 5]
        areas.append(close["area"].max() if len(close) else np.nan)
    return truth.assign(area=areas)


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    for name in NAMES:
        for copy in ("a", "b"):
            simulators()[name](tmp_path / copy / name, "tiny", 4, 1)
    one, other = (sorted(p for p in (tmp_path / c).rglob("*") if p.is_file()) for c in "ab")
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in other]


# -------------------------------------------------------------------------------------- damage
@pytest.mark.parametrize("name", NAMES)
def test_no_damage_brings_anything_but_an_error_in_words(tows, open_reader, name):
    folder = tows / name
    logs = sorted([*(folder / "frames").rglob("*.csv"), *folder.glob("sensors/*.csv")])
    frames = sorted((folder / "frames").glob("*.*"))[:2]
    whole = {path: path.read_bytes() for path in [*logs, *frames]}

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def check(data):
        path = data.draw(st.sampled_from(list(whole)))
        content = bytearray(whole[path])
        at = data.draw(st.integers(0, min(len(content) - 1, 4000)))
        match data.draw(st.sampled_from(["flip", "cut", "drop", "comma", "sign", "quote", "wide"])):
            case "flip":
                content[at] ^= data.draw(st.integers(1, 255))
            case "cut":
                del content[max(1, at) :]
            case "drop":
                del content[at : at + data.draw(st.integers(1, 300))]
            case "comma":
                content = bytearray(content.replace(b".", b","))
            case "sign":
                content = bytearray(content.replace(b",7", b",-777").replace(b",4", b",-4"))
            case "quote":
                content[at:at] = b'"'
            case "wide":
                content = bytearray(content[:9000].decode("latin-1").encode("utf-16"))
        path.write_bytes(content or b"x")
        reader = open_reader(folder / "frames", name, Ingest(on_overlap="drop_later"),
                             **row(tows, name))  # fmt: skip
        try:
            reader.environment()
            listed = reader.frames()
            for one in listed.loc[listed["usable"] == 1].head(3).itertuples():
                list(reader.read(one.path, [one.index_in_file]))
            inspect(folder / "frames", name)
        except SestonError:
            pass
        finally:
            path.write_bytes(whole[path])

    check()


def test_sixteen_bits_are_refused(tmp_path, open_reader):
    cv2.imwrite(
        str(tmp_path / "Basler_avA2300-25gm__1__20210701_101500000_0.tiff"),
        np.full((9, 9), 4000, np.uint16),
    )
    frames = open_reader(tmp_path, "stingray", **OPTICS).frames()
    assert frames["problem"].tolist() == ["more than 8 bits a pixel"]


def test_an_empty_folder_is_said(tmp_path, open_reader):
    with pytest.raises(InputError, match="holds no frames"):
        open_reader(tmp_path, "isiis-dpi", **OPTICS).frames()
