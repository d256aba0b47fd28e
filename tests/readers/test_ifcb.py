"""Bins of an Imaging FlowCytobot: real, simulated, and damaged."""

from __future__ import annotations

import csv
import io
import shutil
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import campaigns
from seston import image, inspection
from seston.config import Config, instrument
from seston.errors import InputError, SestonError
from seston.features import FEATURES
from seston.readers import ifcb_volume, recognise
from seston.readers.ifcb_bin import parse_name, read_rows
from seston.simulate.instruments import simulators

REAL = "IFCB5_2012_028_081515"
SECOND = "D20130526T095207_IFCB013"
HEADER = (
    "runTime: {run}\t\ninhibitTime: {inhibit}\t\nADCFileFormat: trigger#, ADC_time, PMTA, PMTB, "
    "PMTC, PMTD, peakA, peakB, peakC, peakD, time of flight, grabtimestart, grabtimeend, ROIx, "
    "ROIy, ROIwidth, ROIheight,start_byte, comparator_out, STartPoint, SignalLength, status, "
    "runTime, inhibitTime\n"
)


def row(trigger, at, box=(0, 0, 0, 0, 0), run=None, inhibit=None) -> str:
    """A row of the second generation."""
    light = ",".join(["0.1"] * 8)
    run, inhibit = (
        (at + 0.05 if run is None else run),
        (trigger * 0.1 if inhibit is None else inhibit),
    )
    return (f"{trigger},{at},{light},-999,{at},{at},{','.join(map(str, box))},-999,0,0,0,"
            f"{run:.6f},{inhibit:.6f}\n")  # fmt: skip


def write_bin(folder: Path, rows: list[str], run="1200", inhibit="0.3", roi=b"", name=SECOND):
    (folder / f"{name}.adc").write_text("".join(rows))
    (folder / f"{name}.hdr").write_text(HEADER.format(run=run, inhibit=inhibit))
    (folder / f"{name}.roi").write_bytes(roi)
    return f"{name}.adc"


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("ifcb") / "files"
    simulators()["ifcb"](folder, "tiny", 1, 1)
    return folder


# ------------------------------------------------------------------------------- the real bin


@pytest.fixture
def real(shared_data, open_reader):
    return open_reader(shared_data("raw/ifcb"), "ifcb")


def test_the_size_of_a_pixel_is_warned_of_unless_campaigns_csv_tells_it(shared_data, open_reader):
    warned = open_reader(shared_data("raw/ifcb"), "ifcb").frames()
    assert "do not tell the size of a pixel" in warned["problem"].iloc[0]
    assert (warned["usable"] == 1).all()
    told = open_reader(shared_data("raw/ifcb"), "ifcb", pixel_width_mm=1 / 2770).frames()
    assert set(told["problem"]) == {""}
    assert told["pixel_height"].iloc[0] == pytest.approx(0.000361, abs=1e-6)


def test_the_real_bin_has_six_rois_of_which_two_are_one_object(real):
    frames = real.frames()
    assert len(frames) == 6, "triggers: ROIs 3 and 4 are of one"
    assert frames["vignettes"].tolist() == [1, 1, 1, 1, 1, 0]
    assert set(frames["sample"]) == {REAL}
    found = [v for held in real.vignettes(f"{REAL}.adc", range(6)) for v in held]
    assert [v.source_id[-2:] for v in found] == ["01", "02", "03", "05", "06"]
    assert [(v.top, v.left, v.height, v.width) for v in found] == [
        (673, 202, 45, 96), (290, 252, 137, 238), (432, 210, 86, 263), (357, 160, 45, 105),
        (632, 218, 45, 197)]  # fmt: skip


def test_pixels_of_the_real_bin_are_those_that_its_makers_software_reads(real):
    found = {v.source_id[-1]: v.pixels for held in real.vignettes(f"{REAL}.adc", range(6))
             for v in held}  # fmt: skip
    assert found["1"][:2, :5].tolist() == [[208, 207, 206, 206, 207], [206, 206, 206, 207, 206]]
    assert found["3"][23:27, 177:180].tolist() == [
        [205, 204, 205], [202, 203, 206], [205, 206, 205], [204, 202, 205]]  # fmt: skip
    # What no ROI of the stitched object covers has the level of the water beside it.
    assert found["3"][23:25, 180:183].tolist() == [[203, 203, 203]] * 2
    corners = {k: [int(p[y, x]) for y in (0, -1) for x in (0, -1)] for k, p in found.items()}
    assert corners == {
        "1": [208, 204, 205, 205], "2": [205, 199, 203, 197], "3": [210, 203, 207, 203],
        "5": [210, 209, 212, 209], "6": [212, 206, 209, 208]}  # fmt: skip


def test_the_volume_of_the_real_bin_comes_from_its_rows_for_its_header_tells_none(real):
    # 1.251953 s to the last frame, less 5 pauses of 0.073 s and once more 0.073: 0.813953 s.
    frames = real.frames()
    looked = 1.251953 - 5 * 0.073 - 0.073
    assert frames["imaged_volume"].sum() == pytest.approx(looked * 0.25 / 60 * 1e-6, rel=1e-9)
    assert frames["imaged_volume"].sum() == pytest.approx(0.003391470833e-6, rel=1e-9)
    assert frames["imaged_volume"].nunique() == 1, "all triggers looked at the same share"
    assert set(frames["volume_source"]) == {"rows"}
    header = ifcb_volume.of_header({"temp": "11"})
    assert np.isnan(header)


def test_times_of_the_real_bin_are_its_start_and_the_grab_of_the_frame(real):
    times = real.frames()["time"]
    assert times.iloc[0] == pd.Timestamp("2012-01-28T08:15:15.2597656")
    assert times.iloc[-1] == pd.Timestamp("2012-01-28T08:15:16.251953")


def test_areas_of_the_real_bin_are_near_those_of_the_makers_software(real, shared_data):
    """The preset thresholds where the makers' software looks for edges: within 35 %."""
    golden = pd.read_csv(shared_data("raw/ifcb/golden") / f"{REAL}_features_v4.csv")
    found = [v for held in real.vignettes(f"{REAL}.adc", range(6)) for v in held]
    measured = image.measure_vignettes(
        found, settings=instrument(Config(), "ifcb").segmentation, pixel_height=1, pixel_width=1
    )
    area = measured.features[:, list(FEATURES).index("area")]
    ratio = area / golden["summedArea"].to_numpy()
    assert (np.abs(ratio - 1) < 0.35).all(), ratio
    assert abs(np.median(ratio) - 1) < 0.2


def test_the_makers_masks_have_the_shape_of_our_vignettes(real, shared_data):
    with zipfile.ZipFile(shared_data("raw/ifcb/golden") / f"{REAL}_blobs_v4.zip") as blobs:
        shapes = {name[-7:-4]: Image.open(io.BytesIO(blobs.read(name))).size[::-1]
                  for name in blobs.namelist()}  # fmt: skip
    found = [v for held in real.vignettes(f"{REAL}.adc", range(6)) for v in held]
    assert {v.source_id[-3:]: (v.height, v.width) for v in found} == shapes


def test_inspect_names_the_real_bin_and_warns_of_the_size_of_pixels(shared_data):
    began = time.perf_counter()
    said = inspection.inspect(shared_data("raw/ifcb"))
    assert time.perf_counter() - began < 2
    assert (said["instrument"], said["samples"], said["frames"], said["objects"]) == (
        "ifcb", 1, 6, 5)  # fmt: skip
    assert said["imaged_volume_m3"][REAL] == pytest.approx(3.391470833e-9, rel=1e-6)
    assert said["volume_source"] == "rows"
    assert "pixel_width_mm" in said["problems"][0]["what"]
    json_able = inspection.as_json(said)
    assert "NaN" not in json_able


# ------------------------------------------------------------------------------------- names


def test_names_of_both_generations_are_understood_and_no_others():
    first, second = parse_name(REAL), parse_name(SECOND)
    assert (str(first.start), first.instrument, first.generation) == (
        "2012-01-28T08:15:15.000000000", 5, 1)  # fmt: skip
    assert (str(second.start), second.instrument, second.generation) == (
        "2013-05-26T09:52:07.000000000", 13, 2)  # fmt: skip
    wrong = ["IFCB5_2012_400_081515", "D20131526T095207_IFCB013", "HDR20130526095207"]
    wrong += ["D20130526T255207_IFCB013", f"{SECOND}_00001", "IFCB5_2012_028_081561"]
    assert not any(parse_name(name) for name in wrong)


def test_bins_in_folders_of_days_are_found_in_the_order_of_time(tmp_path, open_reader):
    for day, name in (("D20130602", "D20130602T000000_IFCB013"), ("D20130526", SECOND)):
        folder = tmp_path / day
        folder.mkdir()
        write_bin(folder, [row(1, 1.0), row(2, 2.0)], name=name)
    assert recognise(tmp_path) == ["ifcb"]
    assert [p.parent.name for p in open_reader(tmp_path, "ifcb").files()] == [
        "D20130526", "D20130602"]  # fmt: skip


def test_a_file_of_a_bin_can_be_named_in_place_of_its_folder(simulated, open_reader):
    path = sorted((simulated / "bins").glob("*.roi"))[0]
    reader = open_reader(path, "ifcb")
    assert len(set(reader.frames()["sample"])) == 1
    assert recognise(path) == ["ifcb"]


def test_a_bin_that_stands_twice_counts_once(tmp_path, open_reader):
    for copy in ("a", "b"):
        (tmp_path / copy).mkdir()
        write_bin(tmp_path / copy, [row(1, 1.0), row(2, 1199.0)])
    frames = open_reader(tmp_path, "ifcb").frames()
    assert frames["usable"].tolist() == [1, 1, 0, 0]
    assert set(frames["problem"][2:]) == {"the bin stands twice"}


# ------------------------------------------------------------------------------------ volumes


def test_the_rows_are_taken_where_the_header_tells_another_volume(tmp_path, open_reader):
    """Times of the bin that the makers' software tests with: 4.885070 ml, not 5.080841."""
    rows = [row(i, i * 10.0, inhibit=i * 0.0985) for i in range(1, 118)]
    rows.append(row(118, 1183.969, run=1184.037103, inhibit=11.620326))
    path = write_bin(tmp_path, rows, "1231.024861", "11.622980")
    frames = open_reader(tmp_path, "ifcb").frames()
    assert frames["imaged_volume"].sum() * 1e6 == pytest.approx(4.885070, abs=1e-6)
    assert set(frames["volume_source"]) == {"rows"}
    assert "the header tells a volume of 5.081 ml, the rows 4.885 ml" in frames["problem"].iloc[0]
    assert (frames["usable"] == 1).all()
    assert path == frames["path"].iloc[0]
    assert any("5.081" in p["what"] for p in inspection.inspect(tmp_path)["problems"])


@pytest.mark.parametrize(
    ("header", "rows", "volume", "source"),
    [(5.0, 4.96, 5.0, "header"), (5.0, 4.94, 4.94, "rows"), (5.0, np.nan, 5.0, "header"),
     (np.nan, 4.0, 4.0, "rows"), (np.nan, np.nan, np.nan, "")],
)  # fmt: skip
def test_header_and_rows_agree_within_a_twentieth_of_a_millilitre(header, rows, volume, source):
    chosen = ifcb_volume.choose(header, rows)
    np.testing.assert_equal(chosen[:2], (volume, source))
    assert bool(chosen[2]) == (source == "rows" and not np.isnan(header))


def test_a_run_of_1200_s_inhibited_for_240_is_4_ml():
    told = {"runtime": "1200", "inhibittime": "240"}
    assert ifcb_volume.of_header(told) == pytest.approx(4.0)


def test_clocks_that_ran_on_from_the_bin_before_are_set_back(tmp_path):
    rows = [row(i, i * 10.0, run=i * 10 + 500.05, inhibit=40 + i * 0.1) for i in range(1, 101)]
    path = tmp_path / write_bin(tmp_path, rows)
    volume = ifcb_volume.of_rows(read_rows(path, {}, 2), parse_name(SECOND))
    assert volume == pytest.approx((1000 - 100 * 0.1) * 0.25 / 60, abs=2e-3)


def test_a_first_generation_bin_over_midnight_adds_a_day():
    rows = pd.DataFrame(
        {"trigger": [1, 2, 3], "open": [0.0, 10.1, -86379.9], "time": [10.0, 20.0, -86370.0]}
    )
    text = [f"{t:g},0,0,0,0,0,0,{o},{g},-1,-1,0,0,0,0," for t, o, g in rows.to_numpy()]
    path = Path("x.adc")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seston.readers.ifcb_bin._content", lambda *_: "\n".join(text).encode())
        read = read_rows(path, {}, 1)
    assert read.time.tolist() == [10, 20, 30]
    looked = 30 - 0.1 - 0.1 - 0.073
    assert ifcb_volume.of_rows(read, parse_name(REAL)) == pytest.approx(looked * 0.25 / 60)


def test_a_bin_without_triggers_has_one_frame_with_its_volume(tmp_path, open_reader):
    path = write_bin(tmp_path, [], "240.957534", "0")
    reader = open_reader(tmp_path, "ifcb")
    frames = reader.frames()
    assert frames["vignettes"].tolist() == [0]
    assert frames["usable"].tolist() == [1]
    assert frames["imaged_volume"].sum() * 1e6 == pytest.approx(240.957534 * 0.25 / 60)
    assert list(reader.vignettes(path, [0])) == [[]]


def test_without_a_volume_the_column_to_fill_is_named_and_then_used(tmp_path, open_reader):
    path = write_bin(tmp_path, [row(1, 1.0)])
    (tmp_path / path).with_suffix(".hdr").unlink()
    frames = open_reader(tmp_path, "ifcb").frames()
    assert "imaged_volume_l (of a bin) of campaigns.csv" in frames["problem"].iloc[0]
    told = open_reader(tmp_path, "ifcb", imaged_volume_l=0.005).frames()
    assert told["imaged_volume"].sum() == pytest.approx(5e-6)
    assert told["volume_source"].tolist() == ["config"]


def test_columns_are_found_by_the_names_in_the_header(tmp_path, open_reader):
    names = "trigger#,ROIheight,ROIwidth,ROIy,ROIx,start_byte,ADC_time,runTime,inhibitTime"
    rows = ["1,2,3,20,10,0,5.0,5.1,0.1\n", "2,0,0,0,0,6,1195.0,1195.1,0.2\n"]
    path = write_bin(tmp_path, rows, roi=bytes(range(6)))
    (tmp_path / path).with_suffix(".hdr").write_text(
        f"runTime: 1195.1\ninhibitTime: 0.2\nADCFileFormat: {names}\n"
    )
    (one,) = next(iter(open_reader(tmp_path, "ifcb").vignettes(path, [0])))
    assert (one.top, one.left) == (20, 10)
    assert one.pixels.tolist() == [[0, 1, 2], [3, 4, 5]]


# ------------------------------------------------------------------------------ end to end


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("campaign")
    campaign = campaigns.simulate(folder, "ifcb")
    with campaigns.one_worker() as client:
        yield (folder / "files" / "truth", *campaigns.run(campaign, client))


def test_the_truth_of_the_simulated_bins_lies_in_the_interval(ran):
    truth, objects, profiles = ran
    held = campaigns.inside_the_interval(objects, profiles, truth)
    assert len(held) == 8
    assert held.mean() >= 0.9
    water = pd.read_csv(truth / "water.csv").set_index("sample")["volume_m3"]
    volume = profiles["imaged_volume"].sum("depth").to_numpy()
    np.testing.assert_allclose(volume, water.loc[profiles["sample"].to_numpy()], rtol=2e-3)


def test_all_simulated_objects_are_found_at_their_place_with_their_area(ran):
    truth, objects, _ = ran
    placed = pd.read_csv(truth / "objects.csv").set_index("source_id")
    names = [str(name) for name in objects["source_id"].to_numpy()]
    assert sorted(names) == sorted(placed.index)
    placed = placed.loc[names]
    assert (objects["top"].to_numpy() == placed["top"]).all()
    assert (objects["left"].to_numpy() == placed["left"]).all()
    area = objects["features"].to_numpy()[:, list(FEATURES).index("area")] * 3400**2
    ratio = area / placed["area_px"].to_numpy()
    assert abs(np.median(ratio) - 1) < 0.03
    assert (np.abs(ratio - 1) < 0.1).mean() > 0.95


def test_positions_are_joined_in_time_from_a_table(tmp_path, simulated, open_reader):
    reader = open_reader(simulated / "bins", "ifcb", environment=tmp_path / "pier.csv")
    (tmp_path / "pier.csv").write_text(
        "time,latitude,longitude,depth_m\n2013-07-25T10:00:00Z,43.4,7.5,4\n"
    )
    assert reader.environment()["depth"].to_numpy().tolist() == [4]


def test_the_same_seed_writes_the_same_bytes(tmp_path, simulated):
    simulators()["ifcb"](tmp_path / "again", "tiny", 1, 1)
    for path in simulated.rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(simulated)).read_bytes()


# --------------------------------------------------------------------------------- damage


def test_hostile_rois_are_left_out_one_by_one_and_take_no_memory(tmp_path, open_reader):
    boxes = [(5, 5, 2, 2, 0), (0, 0, 100_000, 100_000, 0), (9, 9, 2, 2, 10**9), (0, 0, 2, -2, 0),
             (-3, 4, 2, 2, 0), (7, 7, 8000, 8000, 0), ("1e300", 7, 2, 2, 0), (6, 6, 2, 2, 4),
             ("nan", 1, 2, 2, 0), (1.5, 1, 2, 2, 0)]  # fmt: skip
    rows = [row(i + 1, 100.0 * i + 1, box) for i, box in enumerate(boxes)]
    path = write_bin(tmp_path, rows, "901.05", "1.0", bytes(8))
    tracemalloc.start()
    reader = open_reader(tmp_path, "ifcb")
    frames = reader.frames()
    assert frames["usable"].tolist() == [1, 0, 0, 0, 0, 0, 0, 1, 0, 0]
    assert [v[0].top for v in reader.vignettes(path, [0, 7])] == [5, 6]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 24
    assert frames["problem"].iloc[1] == "ROI 2 has a place or size that cannot be"
    assert frames["problem"].iloc[2] == "ROI 3 lies beyond the end of the .roi file"
    assert frames["problem"].iloc[8] == "row 9 cannot be read"
    # Their water is in neither volume nor count.
    usable = frames[frames["usable"] == 1]
    share = usable["imaged_volume"].sum() / frames["imaged_volume"].sum()
    assert share == pytest.approx(0.2)


def test_where_the_roi_file_ends_the_empty_triggers_after_it_do_not_count(tmp_path, open_reader):
    rows = [row(1, 1, (5, 5, 2, 2, 0)), row(2, 2), row(3, 3, (5, 5, 2, 2, 4)), row(4, 1199)]
    write_bin(tmp_path, rows, roi=bytes(5))
    frames = open_reader(tmp_path, "ifcb").frames()
    assert frames["usable"].tolist() == [1, 1, 0, 0]
    assert frames["problem"].iloc[3] == "the .roi file ends before, with ROI 3"
    (tmp_path / f"{SECOND}.roi").unlink()
    gone = open_reader(tmp_path, "ifcb").frames()
    assert gone["usable"].sum() == 0
    assert "missing" in gone["problem"].iloc[1]


def test_two_rois_at_one_place_cannot_be_told_apart(tmp_path, open_reader):
    rows = [row(1, 1, (5, 5, 2, 2, 0)), row(1, 1, (5, 5, 2, 1, 0)), row(2, 1199)]
    write_bin(tmp_path, rows, roi=bytes(8))
    frames = open_reader(tmp_path, "ifcb").frames()
    assert frames["usable"].tolist() == [0, 1]


@pytest.mark.parametrize("damage", ["no adc", "huge header", "a million rows", "empty header"])
def test_a_bin_that_cannot_be_used_is_counted(tmp_path, open_reader, damage):
    path = tmp_path / write_bin(tmp_path, [row(1, 1.0), row(2, 1199.0)])
    match damage:
        case "no adc":
            path.unlink()
        case "huge header":
            path.with_suffix(".hdr").write_bytes(b"a" * (1 << 21))
        case "a million rows":
            path.write_bytes(b"1\n" * (1 << 21))
        case "empty header":
            path.with_suffix(".hdr").write_bytes(b"")
    frames = open_reader(tmp_path, "ifcb").frames()
    assert (frames["problem"].iloc[0] != "") or damage == "empty header"
    assert frames["usable"].sum() == (2 if damage == "empty header" else 0)


def _swap(lines: list[bytes]) -> list[bytes]:
    cells = [line.split(b",") for line in lines]
    return [b",".join([*c[:12], *c[:11:-1]]) for c in cells]


@settings(max_examples=25, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(data=st.data())
def test_no_damage_lets_anything_but_a_named_error_escape(data, tmp_path, simulated, open_reader):
    shutil.rmtree(tmp_path)
    folder = tmp_path / "bins"
    folder.mkdir(parents=True)
    stems = sorted({p.stem for p in (simulated / "bins").iterdir()})
    stem = data.draw(st.sampled_from([stems[0], stems[-1]]))
    for path in (simulated / "bins").glob(f"{stem}.*"):
        shutil.copy(path, folder)
    path = folder / f"{stem}.{data.draw(st.sampled_from(['adc', 'adc', 'hdr', 'roi']))}"
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    match data.draw(st.sampled_from(["cut", "flip", "drop", "swap", "utf16", "comma", "none"])):
        case "cut":
            content = content[: data.draw(st.integers(0, len(content)))]
        case "flip":
            damaged = bytearray(content)
            for _ in range(data.draw(st.integers(1, 20))):
                damaged[data.draw(st.integers(0, len(content) - 1))] = data.draw(
                    st.integers(0, 255)
                )
            content = bytes(damaged)
        case "drop":
            content = b"".join(line for line in lines if data.draw(st.booleans()))
        case "swap":
            content = b"\n".join(_swap(content.splitlines()))
        case "utf16":
            content = content.decode("latin-1").encode("utf-16")
        case "comma":
            content = content.replace(b".", b",")
        case "none":
            path.unlink()
            content = b""
    if path.exists():
        path.write_bytes(content)
    inspection.inspect(folder, "ifcb")
    reader = open_reader(folder, "ifcb", longitude=-7.5)
    try:
        frames = reader.frames()
    except SestonError:
        return
    reader.environment()
    usable = frames[frames["usable"] == 1]
    if not len(usable):
        return
    found = list(reader.vignettes(str(frames["path"].iloc[0]), usable["index_in_file"].tolist()))
    assert [len(held) for held in found] == usable["vignettes"].tolist()
    for held in found:
        for one in held:
            assert one.pixels.shape == (one.height, one.width)


def test_a_trigger_that_is_not_there_is_an_error(simulated, open_reader):
    reader = open_reader(simulated / "bins", "ifcb")
    with pytest.raises(InputError, match="holds no trigger 999"):
        list(reader.vignettes(str(reader.files()[0]), [999]))


def test_a_table_of_the_track_with_longitudes_out_of_range_is_told(tmp_path, open_reader):
    write_bin(tmp_path, [row(1, 1.0), row(2, 1199.0)])
    table = [["time", "latitude", "longitude"], ["2013-05-26T09:52:07Z", "43", "720"]]
    with (tmp_path / "track.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    said = inspection.inspect(tmp_path)
    assert any("longitude outside" in p["what"] for p in said["problems"])
