"""Raw runs of a PlanktoScope, as they are simulated."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import campaigns
from seston.errors import SestonError
from seston.features import FEATURES
from seston.inspection import inspect
from seston.readers import recognise
from seston.simulate.instruments import simulators
from seston.simulate.match import match


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scope")
    campaign = campaigns.simulate(folder, "planktoscope", seed=4)
    with campaigns.one_worker() as client:
        objects, profiles = campaigns.run(campaign, client)
    return folder / "files", objects, profiles


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """One acquisition of three small pictures."""
    folder = tmp_path_factory.mktemp("run") / "img" / "2021-11-09" / "s1" / "a1"
    files = tmp_path_factory.mktemp("simulated") / "files"
    simulators()["planktoscope"](files, "tiny", 2, 1)
    source = next((files / "img").rglob("metadata.json")).parent
    folder.mkdir(parents=True)
    for file in [source / "metadata.json", *sorted(source.glob("*.jpg"))[:3]]:
        shutil.copy(file, folder)
    return folder


def changed(run: Path, **values: object) -> Path:
    """Change the metadata; None takes a name away."""
    path = run / "metadata.json"
    told = json.loads(path.read_text()) | values
    path.write_text(json.dumps({k: v for k, v in told.items() if v is not None}))
    return run


@pytest.fixture
def copy(run, tmp_path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "2021-11-09" / "s1" / "a1"))


def test_every_thing_is_found_at_its_place_and_as_large_as_it_is(found):
    files, objects, _ = found
    truth = pd.read_csv(files / "truth" / "objects.csv")
    path = objects["frame_path"].to_numpy().astype(object)
    first = objects["frame_first_line"].to_numpy()
    start = truth["file"].map(dict(zip(path, first, strict=True))).to_numpy()
    top, left = truth["top"].to_numpy() + start, truth["left"].to_numpy()
    side = np.sqrt(truth["area_px"].to_numpy())
    frame = objects["frame"].to_numpy()
    box = [objects[n].to_numpy() for n in ("top", "left", "bottom", "right")]
    lines = first[frame]
    boxes = np.column_stack([box[0] + lines, box[1], box[2] + lines, box[3]])
    matches = match(boxes, np.column_stack([top, left, top + side, left + side]), least=0.05)
    assert matches.recall() == 1
    assert matches.precision() == 1
    area = objects["features"].to_numpy()[:, list(FEATURES).index("area")]
    ratio = matches.ratios(area / 0.00075**2, truth["area_px"])
    assert 0.95 < np.median(ratio) < 1.1
    assert (np.abs(ratio - 1) < 0.3).all()


def test_the_truth_lies_in_the_interval(found):
    files, objects, profiles = found
    assert campaigns.inside_the_interval(objects, profiles, files / "truth").mean() >= 0.9


def test_samples_places_and_times_are_those_of_the_metadata_not_of_the_clock(found):
    files, objects, profiles = found
    water = pd.read_csv(files / "truth" / "water.csv")
    assert profiles["sample"].to_numpy().tolist() == water["sample"].tolist()
    np.testing.assert_allclose(
        profiles["imaged_volume"].sum("depth"), water["volume_m3"], rtol=1e-5
    )
    times = np.unique(objects["frame_time"].to_numpy())
    np.testing.assert_array_equal(times, water["time"].to_numpy("datetime64[ns]"))


def test_same_seed_same_bytes(tmp_path):
    for name in ("a", "b"):
        simulators()["planktoscope"](tmp_path / name, "tiny", 3, 1)
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.*"))
    assert all((tmp_path / "a" / p).read_bytes() == (tmp_path / "b" / p).read_bytes()
               for p in files if (tmp_path / "a" / p).is_file())  # fmt: skip


@pytest.mark.parametrize("up", range(4))
def test_it_is_recognised_from_the_pictures_up_to_the_top(run, up):
    assert recognise(run.parents[up - 1] if up else run)[0] == "planktoscope"


def test_numbers_as_texts_give_the_volume_of_a_frame(copy, open_reader):
    changed(copy, acq_imaged_volume="1.9147", acq_nb_frame="700", sample_total_volume="346913",
            sample_concentrated_sample_volume="300", sample_dilution_factor=None)  # fmt: skip
    frames = open_reader(copy, "planktoscope").frames()
    one = 300 / 1.9147 / 346.913  # m-3, of an object in a whole run
    np.testing.assert_allclose(1 / (frames["imaged_volume"] * 700), one)
    assert one == pytest.approx(0.45165, abs=1e-5)
    assert set(frames["problem"]) == {""}
    assert set(frames["volume_source"]) == {"header"}


def test_a_small_total_volume_is_taken_as_litres_and_that_is_said(copy, open_reader):
    frames = open_reader(changed(copy, sample_total_volume="20"), "planktoscope").frames()
    assert frames["problem"].str.contains("taken as litres").all()


@pytest.mark.parametrize("pixel", [None, "1", "", "nonsense"])
def test_a_pixel_that_was_never_calibrated_is_assumed_and_said(copy, open_reader, pixel):
    changed(copy, description={"process_pixel": pixel})
    frames = open_reader(copy, "planktoscope").frames()
    assert set(frames["pixel_width"]) == {0.00075}
    assert frames["problem"].str.contains("a pixel of 0.75 um is assumed").all()
    frames = open_reader(copy, "planktoscope", pixel_width_mm=0.001).frames()
    assert set(frames["pixel_width"]) == {0.001}
    assert set(frames["problem"]) == {""}


def test_without_metadata_frames_are_counted_and_say_why_there_is_no_volume(copy, open_reader):
    (copy / "metadata.json").write_text("{")
    frames = open_reader(copy, "planktoscope").frames()
    assert frames["imaged_volume"].isna().all()
    assert (frames["usable"] == 1).all()
    assert frames["problem"].str.contains("metadata.json: is no JSON").all()
    assert str(frames["time"].iloc[0])[:10] == "2021-11-09"


def test_a_picture_that_is_damaged_is_in_neither_count_nor_volume(copy, open_reader):
    broken = sorted(copy.glob("*.jpg"))[1]
    broken.write_bytes(broken.read_bytes()[:10])
    frames = open_reader(copy, "planktoscope").frames()
    assert frames["usable"].tolist() == [1, 0, 1]
    assert frames["problem"].iloc[1].startswith("the picture is damaged")


def test_pictures_are_read_as_luminance(copy, open_reader):
    reader = open_reader(copy, "planktoscope")
    picture = next(reader.read(reader.files()[0].as_posix(), [0]))
    assert picture.ndim == 2
    assert 170 < np.median(picture) < 195


VALUES = st.one_of(
    st.sampled_from(["", "NA", "1,5", "-1", "0", "1e400", "inf", "nan", "20211399", "2021-11-09",
                     "181", "-95", "5°12 30", "\x00", "9" * 400]),
    st.integers(-(10**20), 10**20), st.floats(), st.none(), st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(["value", "sample_id", "x"]), st.text(max_size=3), max_size=2),
)  # fmt: skip
NAMES = st.sampled_from([
    "sample_id", "sample_total_volume", "sample_concentrated_sample_volume", "acq_nb_frame",
    "sample_dilution_factor", "acq_imaged_volume", "process_pixel", "object_lat", "object_lon",
    "object_date", "object_time", "object_depth_min", "object_depth_max", "description",
])  # fmt: skip


@settings(max_examples=30, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_whatever_the_metadata_say_the_answer_is_a_list_or_our_error(run, copy, open_reader, told):
    shutil.copy(run / "metadata.json", copy)
    changed(copy, **told)
    try:
        frames = open_reader(copy, "planktoscope").frames()
    except SestonError:
        return
    assert len(frames) == 3
    assert not (frames["imaged_volume"] <= 0).any()
    assert not (frames["latitude"].abs() > 90).any()
    assert not (frames["longitude"].abs() > 180).any()


@settings(max_examples=25, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(st.data())
def test_damaged_files_give_a_result_or_our_error(copy, open_reader, data):
    file = data.draw(st.sampled_from(sorted(copy.iterdir())))
    kept = file.read_bytes()
    content = bytearray(kept[: data.draw(st.integers(0, len(kept)))])
    for place in data.draw(st.lists(st.integers(0, max(len(content) - 1, 0)), max_size=8)):
        if content:
            content[place] ^= 0xFF
    file.write_bytes(content)
    reader = open_reader(copy, "planktoscope")
    try:
        for path in reader.frames()["path"]:
            next(reader.read(path, [0]))
        inspect(copy, "planktoscope")
    except SestonError:
        pass
    finally:
        file.write_bytes(kept)


def test_inspect_counts_and_is_quick(run):
    said = inspect(run)
    assert (said["instrument"], said["frames"], said["samples"]) == ("planktoscope", 3, 1)
