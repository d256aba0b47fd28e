"""ZooScan projects: scans with their backgrounds and tables, and finished work."""

from __future__ import annotations

import shutil
import struct

import cv2
import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import campaigns
import net_damage
import shared
from seston import inspection, readers
from seston.errors import InputError
from seston.features import FEATURES
from seston.readers import zooprocess
from seston.readers.zooscan import ZooScan
from seston.readers.zooscan_back import Background, fitted
from seston.simulate.instruments import simulators

PIXEL = 25.4 / 2400
FIRST = "sim_2021_st01_n1_d1_1"


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("zooscan")
    for name in ("zooscan", "zooscan-work"):
        simulators()[name](folder / name, "tiny", 4, 1)
    return folder


@pytest.fixture
def project(simulated, tmp_path):
    return net_damage.copy(simulated / "zooscan/Zooscan_simulated_sn001", tmp_path / "Zooscan_a")


@pytest.fixture
def work(simulated, tmp_path):
    source = simulated / "zooscan-work/Zooscan_simulated_sn001"
    return net_damage.copy(source, tmp_path / "Zooscan_b")


def samples(project):
    return project / "Zooscan_meta/zooscan_sample_header_table.csv"


def scans(project):
    return project / "Zooscan_meta/zooscan_scan_header_table.csv"


def changed(path, old, new, encoding="utf-8"):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding)


def replaced(path, pixels, **more):
    path.unlink()
    tifffile.imwrite(path, pixels, resolution=(2400, 2400), resolutionunit="INCH", **more)


# --------------------------------------------------------------------- what the tables tell
@pytest.mark.parametrize(
    ("written", "degrees"),
    [
        (47.5076, 47.846),
        (15.2622, 15.437),
        (-0.3, -0.5),
        (0.0, 0.0),
        (48.0, 48.0),
        (7.05, 7 + 1 / 12),
    ],
)
def test_minutes_stand_behind_the_point(written, degrees):
    assert zooprocess.degrees_of(written) == pytest.approx(degrees, abs=1e-6)


@given(st.integers(-179, 179), st.integers(0, 5999))
def test_every_position_is_written_and_read_alike(whole, hundredths):
    from seston.simulate.instruments.zooscan import written

    degrees = np.copysign(abs(whole) + hundredths / 6000, whole or 1)
    assert zooprocess.degrees_of(float(written(degrees))) == pytest.approx(degrees, abs=1e-9)


def test_a_pair_of_real_files_says_that_longitudes_are_positive_to_the_west():
    told = zooprocess.haul({"sampleid": "s", "latitude": "47.5076", "longitude": "15.2622",
                            "fracnb": "2", "date": "20230626-0828", "zmax": "1024",
                            "zmin": "793", "vol": "476"})  # fmt: skip
    assert (round(told.latitude, 6), round(told.longitude, 6)) == (47.846, -15.437)
    assert told.time == np.datetime64("2023-06-26T08:28")
    assert (told.depth_min, told.depth_max, told.filtered, told.factor) == (793, 1024, 476, 2)
    assert (told.problem, told.remark) == ("", "")


@pytest.mark.parametrize("missing", ["9999", "99999", "99999.0", "", "nan", "NA"])
def test_what_stands_for_the_unknown_is_not_a_number(missing):
    told = zooprocess.haul({"sampleid": "s", "fracnb": "1", "date": "20230626-0828",
                            "latitude": missing, "zmax": missing, "vol": missing})  # fmt: skip
    assert np.isnan([told.latitude, told.longitude, told.depth_max, told.filtered]).all()


def test_the_real_export_has_the_columns_of_a_pid_and_its_conventions():
    """Areas in pixels with the holes, and an `esd` that lacks its square root."""
    table = pd.read_csv(shared.data("ecotaxa/zooscan_tsv") / "import.tsv", sep="\t").iloc[1:]
    row = {name.removeprefix("object_"): str(value) for name, value in table.iloc[0].items()}
    found = zooprocess._measured({k: row.get(k, "") for k in [*row]}, PIXEL)
    assert found["area"] == pytest.approx(677 * PIXEL**2)
    assert found["area_filled"] == pytest.approx(710 * PIXEL**2)
    assert found["hole_percentage"] == pytest.approx(100 * (1 - 677 / 710), abs=0.01)
    assert found["equivalent_diameter_area"] == pytest.approx(29.36 * PIXEL, rel=1e-3)
    assert float(row["esd"]) == round(2 * 710 / np.pi)
    assert set(found) <= set(FEATURES)


# --------------------------------------------------------------------------------- the scans
@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("found")
    campaign = campaigns.simulate(folder, "zooscan", seed=2)
    with campaigns.one_worker() as client:
        return folder / "files/truth", *campaigns.run(campaign, client)


@pytest.fixture(scope="module")
def found_finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    campaign = campaigns.simulate(folder, "zooscan-work", seed=2)
    with campaigns.one_worker() as client:
        return folder / "files/truth", *campaigns.run(campaign, client)


@pytest.mark.parametrize("way", ["found", "found_finished"])
def test_the_truth_is_found_again_both_ways(way, request):
    truth, objects, profiles = request.getfixturevalue(way)
    assert campaigns.inside_the_interval(objects, profiles, truth).all()
    placed = pd.read_csv(truth / "objects.csv")
    assert objects.sizes["object"] == len(placed)
    area = objects["features"].to_numpy()[:, list(FEATURES).index("area")] / PIXEL**2
    path = objects["frame_path"].to_numpy()[objects["frame"].to_numpy()]
    for row in placed.itertuples():
        here = np.array([row.scan in p for p in path])
        here &= np.abs(objects["top"].to_numpy() - row.top) <= 2
        here &= np.abs(objects["left"].to_numpy() - row.left) <= 2
        assert here.sum() == 1
        assert area[here][0] == pytest.approx(row.area_px, rel=0.05)
    assert profiles["individuals"].sum() == pytest.approx(placed["factor"].sum())
    assert profiles["imaged_volume"].sum("depth").to_numpy().tolist() == [20, 20]
    assert objects["longitude"].to_numpy()[[0, -1]] == pytest.approx([7.52, -7.52])


def test_the_scans_of_both_fractions_share_their_water(project, open_reader):
    frames = open_reader(project, "zooscan").frames()
    assert frames["path"].tolist()[0] == f"Zooscan_scan/{FIRST}.tif"
    assert frames["sample"].tolist() == ["sim_2021_st01_n1"] * 2 + ["sim_2021_st02_n1"] * 2
    assert frames["imaged_volume"].tolist() == [20, 0, 20, 0]
    assert frames["subsample_factor"].tolist() == [64, 128, 64, 128]
    assert frames["pixel_width"].tolist() == pytest.approx([PIXEL] * 4)
    assert frames["problem"].tolist() == [""] * 4
    assert frames["first_line"].tolist() == [0, *np.cumsum(frames["height"])[:3]]
    assert (frames["volume_source"] == "header").all()


def test_the_background_is_the_last_one_before_the_scan(project, open_reader):
    reader = open_reader(project, "zooscan")
    path = f"Zooscan_scan/{FIRST}.tif"
    (scan,) = reader.read(path, [0])
    back = reader.background(path, 0)
    assert back.shape == scan.shape
    assert (back[:, :30] == 0).all()  # the frame of the tray
    tray = back > 0
    level = np.median(scan[tray] / back[tray])
    assert level == pytest.approx(1, abs=0.01)
    for name in ("20210701", "20210630"):
        next((project / "Zooscan_back").glob(f"{name}*")).unlink()
    assert reader.background(path, 0) is None  # the one after it does not count
    frames = reader.frames()
    assert frames["usable"].all()
    assert "no scan of the empty tray before it" in frames["problem"][0]


def test_a_background_of_two_scans_is_their_mean(tmp_path):
    files = tuple(tmp_path / f"{n}.tif" for n in (1, 2))
    for file, level in zip(files, (200, 221), strict=True):
        tifffile.imwrite(file, np.full((40, 60), level, np.uint8))
    both = Background(np.datetime64("2021-01-01"), "large", files)
    back = fitted(both, (80, 120), 2400)
    assert back.shape == (80, 120)
    assert set(np.unique(back)) == {100 + 111}
    with pytest.raises(InputError, match="the background shows 40 x 60 pixels"):
        tifffile.imwrite(files[0], np.full((40, 60), 9, np.uint8), resolution=(2400, 2400),
                         resolutionunit="INCH")  # fmt: skip
        fitted(both, (80, 120), 2400)


def test_a_scan_that_nobody_dated_takes_the_last_background_and_says_so(project, open_reader):
    shutil.rmtree(project / "Zooscan_scan/_raw")
    frames = open_reader(project, "zooscan").frames()
    assert "nothing tells when it was scanned: 20210702" in frames["problem"][0]
    assert frames["usable"].all()


def test_without_a_resolution_the_preset_is_taken_and_said(project, open_reader):
    path = project / f"Zooscan_scan/{FIRST}.tif"
    pixels = tifffile.imread(path)
    path.unlink()
    tifffile.imwrite(path, pixels)
    assert open_reader(project, "zooscan").frames()["problem"][0] == ""  # the config tells it
    (project / "Zooscan_config/process_install_both_config.txt").unlink()
    frame = open_reader(project, "zooscan").frames().iloc[0]
    assert frame["pixel_width"] == pytest.approx(PIXEL, rel=1e-4)
    assert "nothing tells its resolution" in frame["problem"]
    own = open_reader(project, "zooscan", pixel_width_mm=0.02).frames()
    assert (own["pixel_width"] == 0.02).all()


@pytest.mark.parametrize("damage", ["cut", "empty", "deep", "huge", "missing", "no row"])
def test_a_fraction_that_cannot_be_used_spoils_its_sample_and_no_other(
    project, open_reader, damage
):
    path = project / f"Zooscan_scan/{FIRST}.tif"
    data = path.read_bytes()
    if damage == "deep":
        replaced(path, np.full((90, 90), 40_000, np.uint16))
    elif damage == "no row":
        text = scans(project).read_text().splitlines()
        scans(project).write_text("\n".join(r for r in text if FIRST not in r))
    else:
        path.unlink()
        if damage != "missing":
            path.write_bytes(
                {"cut": data[: len(data) // 2], "empty": b"", "huge": huge(data)}[damage]
            )
    reader = open_reader(project, "zooscan")
    frames = reader.frames().set_index("path")
    others = frames[frames["sample"] == "sim_2021_st02_n1"]
    assert others["usable"].all()
    assert others["imaged_volume"].sum() == 20
    second = frames.loc[f"Zooscan_scan/{FIRST.replace('d1', 'd2')}.tif"]
    if damage == "no row":  # nobody knows that it is of this sample
        assert frames["usable"].tolist() == [0, 1, 1, 1]
        assert "neither the tables nor" in frames["problem"].iloc[0]
        return
    assert second["usable"] == 0
    assert FIRST in second["problem"]
    said = {"cut": "ends before its pixels", "empty": "is empty", "deep": "more than 8 bits",
            "huge": "claims a size of 100000 x 100000", "missing": "is missing"}  # fmt: skip
    assert said[damage] in second["problem"]


def huge(data: bytes) -> bytes:
    """Claim 100,000 x 100,000 pixels."""
    bad, (offset,) = bytearray(data), struct.unpack_from("<I", data, 4)
    for entry in range(struct.unpack_from("<H", data, offset)[0]):
        at = offset + 2 + 12 * entry
        if struct.unpack_from("<H", data, at)[0] in (256, 257):
            struct.pack_into("<HII", bad, at + 2, 4, 1, 100_000)
    return bytes(bad)


def test_a_background_that_claims_a_huge_size_is_not_read(project, open_reader):
    path = next((project / "Zooscan_back").glob("20210701*"))
    data = huge(path.read_bytes())
    path.unlink()
    path.write_bytes(data)
    frames = open_reader(project, "zooscan").frames()
    assert "claims a size of 100000" in frames["problem"][0]
    assert frames["usable"].all()  # their own level stands for it


def test_raw_scans_alone_are_refused_with_the_way_to_go(tmp_path, open_reader):
    raw = tmp_path / "Zooscan_scan/_raw"
    raw.mkdir(parents=True)
    tifffile.imwrite(raw / "a_raw_1.tif", np.zeros((9, 9), np.uint16))
    assert readers.recognise(tmp_path) == ["zooscan"]
    with pytest.raises(InputError, match=r"raw scans of 16 bits only\n  Let ZooProcess"):
        open_reader(tmp_path, "zooscan").frames()
    assert "16 bits only" in inspection.inspect(tmp_path)["problems"][-1]["what"]


# --------------------------------------------------------------------------------- the tables
@pytest.mark.parametrize("change", ["commas", "mark", "latin-1", "decimal commas"])
def test_tables_are_read_as_people_save_them(project, open_reader, change):
    for path in (samples(project), scans(project)):
        text = path.read_text("utf-8").replace("vessel", "Thétis")
        if change == "commas":
            text = text.replace(";", ",")
        if change == "decimal commas":
            text = text.replace(".", ",")
        coding = {"mark": "utf-8-sig", "latin-1": "latin-1"}.get(change, "utf-8")
        path.write_bytes(text.encode(coding))
    frames = open_reader(project, "zooscan").frames()
    assert frames["problem"].tolist() == [""] * 4
    assert frames["longitude"].tolist() == pytest.approx([7.52, 7.52, -7.52, -7.52])


def test_decimal_degrees_are_told_from_minutes_where_that_can_be(project, open_reader):
    changed(samples(project), ";43.2400;", ";43.9000;")
    frames = open_reader(project, "zooscan").frames()
    assert np.isnan(frames["latitude"][0])
    assert "latitude 43.9 is not within 90 degrees as DD.MMmm" in frames["problem"][0]
    assert frames["usable"].all()


def test_a_longitude_beyond_the_earth_is_left_out(project, open_reader):
    changed(samples(project), ";-7.3120;", ";-207.3120;")
    frames = open_reader(project, "zooscan").frames()
    assert np.isnan(frames["longitude"][0])
    assert "not within 180 degrees" in frames["problem"][0]


@pytest.mark.parametrize("part", ["0", "0.5", "-4", "", "99999", "one"])
def test_a_fraction_that_is_no_inverse_of_a_share_is_not_used(project, open_reader, part):
    changed(scans(project), "d1;200;999999;64;", f"d1;200;999999;{part};")
    frames = open_reader(project, "zooscan").frames()
    assert frames["usable"].tolist() == [0] * 4
    assert frames["problem"].str.contains("fracnb is").all()


def test_a_cell_too_many_is_said_and_its_sample_unknown(project, open_reader):
    changed(samples(project), "20;no;1;1", "20;no;a comment; with a mark;1;1")
    reader = open_reader(project, "zooscan")
    assert not reader.frames()["usable"].any()
    assert "line 2 has not as many cells as the header" in reader.environment().attrs["problems"]


def test_a_meta_file_stands_for_missing_tables(project, open_reader):
    shutil.rmtree(project / "Zooscan_meta")
    meta = ("SampleId= s1\nDate= 20210601-0830\nLatitude= 43.24\nLongitude= -7.3120\nZmax= 50\n"
            "Zmin= 0\nVol= 20\nFracnb= 64\n")  # fmt: skip
    (project / f"Zooscan_scan/_raw/{FIRST}_meta.txt").write_text(meta)
    frames = open_reader(project, "zooscan").frames()
    assert frames["usable"].tolist() == [1, 0, 0, 0]
    assert frames.loc[0, ["sample", "subsample_factor", "imaged_volume"]].tolist() == ["s1", 64, 20]


def test_an_unknown_volume_names_the_column_that_can_tell_it(project, open_reader):
    changed(samples(project), ";50;0;20;", ";50;0;99999;")
    frames = open_reader(project, "zooscan").frames()
    assert frames["problem"].str.contains("`imaged_volume_l` of campaigns.csv").all()
    assert frames["usable"].all()


# ------------------------------------------------------------------------------ finished work
def test_a_project_is_read_by_its_finished_work_only_where_that_is_complete(project, work):
    assert readers.recognise(project) == ["zooscan"]
    assert readers.recognise(work) == ["zooscan-work"]
    shutil.copytree(work / f"Zooscan_scan/_work/{FIRST}", project / f"Zooscan_scan/_work/{FIRST}")
    assert readers.recognise(project) == ["zooscan"]
    shutil.rmtree(project / "Zooscan_scan/_work")
    shutil.copytree(work / "Zooscan_scan/_work", project / "Zooscan_scan/_work")
    assert readers.recognise(project) == ["zooscan-work"]
    said = inspection.inspect(project)
    assert (said["samples"], said["frames"], said["problems"]) == (2, 4, [])
    assert said["objects"] == len(pd.concat(pids(work)))


def pids(work):
    return [
        pd.read_csv(path, sep=";", skiprows=path.read_text().splitlines().index("[Data]") + 1)
        for path in sorted(work.rglob("*.pid"))
    ]


def test_vignettes_are_cut_out_of_their_margin_and_lie_where_they_lay(work, open_reader):
    reader = open_reader(work, "zooscan-work")
    frame = reader.frames().iloc[0]
    (found,) = reader.vignettes(frame["path"], [0])
    table = pids(work)[0]
    assert frame["vignettes"] == len(found) == len(table)
    assert [v.top for v in found] == table["BY"].tolist()
    assert [v.left for v in found] == table["BX"].tolist()
    for vignette, area in zip(found, table["Area"], strict=True):
        assert vignette.pixels.shape == (vignette.height, vignette.width)
        assert np.count_nonzero(vignette.pixels < 244) == pytest.approx(area, rel=0.02)
    assert found[0].source_id == f"{FIRST}_1"


def test_without_pictures_the_table_tells_the_sizes(work, open_reader, tmp_path):
    pictures = sorted(work.rglob("*.jpg"))
    pictures[0].unlink()
    pictures[1].unlink()
    pictures[1].write_bytes(b"\xff\xd8not a picture")
    reader = open_reader(work, "zooscan-work")
    (found,) = reader.vignettes(reader.files()[0].as_posix(), [0])
    bare = [v for v in found if v.pixels is None]
    assert len(bare) == 2
    table = pids(work)[0].set_index("!Item")
    for vignette in bare:
        area = table.loc[int(vignette.source_id.rpartition("_")[2]), "Area"]
        assert vignette.measured["area"] == pytest.approx(area * PIXEL**2)


def test_a_picture_that_is_too_large_for_its_object_is_not_read(work, open_reader):
    path = work / f"Zooscan_scan/_work/{FIRST}/{FIRST}_1.jpg"
    path.unlink()
    cv2.imwrite(str(path), np.full((3000, 3000), 255, np.uint8))
    reader = open_reader(work, "zooscan-work")
    (found,) = reader.vignettes(reader.files()[0].as_posix(), [0])
    assert found[0].pixels is None
    assert found[0].measured["area"] > 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Analysed_Objects=  ", "Analysed_Objects=  9", "the file is cut"),
        ("[Data]", "[Date]", "has no table of objects"),
        (f"\n2;{FIRST};", f"\n2;{FIRST};;", "not as many cells as columns"),
        (f"\n2;{FIRST};", f"\n2;{FIRST};-", "has the area"),
        ("BX;BY;Width", "BX;Tag;Width", "has no table of objects"),
    ],
)
def test_a_pid_that_is_damaged_spoils_its_sample(work, open_reader, old, new, said):
    changed(work / f"Zooscan_scan/_work/{FIRST}/{FIRST}_dat1.pid", old, new)
    frames = open_reader(work, "zooscan-work").frames()
    assert frames["usable"].tolist() == [0, 0, 1, 1]
    assert said in frames["problem"][0]


def test_objects_that_begin_in_one_corner_keep_names_of_their_own(work, open_reader):
    path = work / f"Zooscan_scan/_work/{FIRST}/{FIRST}_dat1.pid"
    row = next(r for r in path.read_text().splitlines() if r.startswith(f"1;{FIRST}"))
    path.write_text(path.read_text() + row + "\n")
    reader = open_reader(work, "zooscan-work")
    (found,) = reader.vignettes(reader.files()[0].as_posix(), [0])
    assert len({(v.top, v.left) for v in found}) == len(found)


def test_a_label_that_is_a_path_leads_nowhere(work, open_reader):
    path = work / f"Zooscan_scan/_work/{FIRST}/{FIRST}_dat1.pid"
    changed(path, f"\n1;{FIRST};", f"\n../../../x;{FIRST};")
    reader = open_reader(work, "zooscan-work")
    (found,) = reader.vignettes(reader.files()[0].as_posix(), [0])
    assert found[0].pixels is None


# ------------------------------------------------------------------------------------- damage
@given(data=st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_damaged_projects_give_errors_of_ours_or_results(simulated, tmp_path, open_reader, data):
    source = simulated / "zooscan/Zooscan_simulated_sn001"
    folder = net_damage.copy(source, tmp_path / "damaged")
    texts = sorted([*folder.rglob("*.csv"), *folder.rglob("*.txt")])
    net_damage.harm(data.draw(st.sampled_from(texts)), data.draw(net_damage.damages))
    net_damage.survives(open_reader(folder, "zooscan"), folder, pixels=False)


@given(place=st.integers(0, 400), value=st.integers(1, 255), end=st.booleans())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_damaged_scans_give_errors_of_ours_or_results(project, open_reader, place, value, end):
    (small := project / "Zooscan_scan/small_d1_1.tif").unlink(missing_ok=True)
    tifffile.imwrite(small, np.full((64, 64), 222, np.uint8), metadata=None)
    data = bytearray(small.read_bytes())
    data[-1 - place if end else place] ^= value
    small.write_bytes(data)
    reader: ZooScan = open_reader(project, "zooscan")
    net_damage.survives(reader, project, pixels=False)
    try:
        list(reader.read("Zooscan_scan/small_d1_1.tif", [0]))
        reader.background("Zooscan_scan/small_d1_1.tif", 0)
    except InputError:
        pass


@given(data=st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_damaged_pids_give_errors_of_ours_or_results(simulated, tmp_path, open_reader, data):
    source = simulated / "zooscan-work/Zooscan_simulated_sn001"
    folder = net_damage.copy(source, tmp_path / "damaged")
    texts = sorted([*folder.rglob("*.pid"), *folder.rglob("*.csv")])
    net_damage.harm(data.draw(st.sampled_from(texts)), data.draw(net_damage.damages))
    net_damage.survives(open_reader(folder, "zooscan-work"), folder)


def test_a_background_that_cannot_be_read_marks_its_scan(simulated, tmp_path):
    """Its header is whole, so that only the segmentation meets the damage."""
    folder = net_damage.copy(simulated / "zooscan/Zooscan_simulated_sn001", tmp_path / "project")
    path = next((folder / "Zooscan_back").glob("20210701*"))
    replaced(path, np.full((40, 40), 222, np.uint8))  # shows less than the scan
    campaign = campaigns.write_campaign(tmp_path, "zooscan", {"path": "project"})
    with campaigns.one_worker() as client:
        objects, _ = campaigns.run(campaign, client)
    assert objects.sizes["object"] == 0
    assert not objects["frame_usable"].any()
    assert "the background shows 40 x 40 pixels" in str(objects["frame_problem"].to_numpy()[0])


@pytest.mark.parametrize("which", [0, 1])
def test_a_fraction_that_fails_in_its_pixels_leaves_no_low_concentration(
    simulated, tmp_path, which
):
    """Its header is whole: the list of frames takes it for good."""
    folder = net_damage.copy(simulated / "zooscan/Zooscan_simulated_sn001", tmp_path / "project")
    campaign = campaigns.write_campaign(tmp_path, "zooscan", {"path": "project"})
    listed = campaign.reader(campaign.deployments[0]).frames()
    sample = listed.loc[listed["sample"].duplicated(), "sample"].iloc[0]
    path = listed.loc[listed["sample"] == sample, "path"].iloc[which]
    cut_in_its_pixels(folder / path)
    with campaigns.one_worker() as client:
        objects, profiles = campaigns.run(campaign, client)
    of = profiles["sample"] == sample
    assert (profiles["count"].where(of) > 0).any()
    assert np.isnan(profiles["concentration"].where(of, drop=True)).all()
    assert np.isfinite(profiles["concentration"].where(~of, drop=True)).any()
    own = objects["frame_sample"].to_numpy() == sample
    problems = objects["frame_problem"].to_numpy()[own & (objects["frame_usable"].to_numpy() == 1)]
    assert all(f"{path} of the same sample cannot be read" in str(text) for text in problems)


def cut_in_its_pixels(path):
    """Compress a scan and spoil its last bytes, so that only the decoder meets the damage."""
    pixels = tifffile.imread(path)
    path.unlink()  # it may be a link to the file that other tests read
    tifffile.imwrite(path, pixels, compression="zlib", rowsperstrip=64,
                     resolution=(2400, 2400), resolutionunit="INCH")  # fmt: skip
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        at, count = page.dataoffsets[-1], page.databytecounts[-1]
    data = bytearray(path.read_bytes())
    data[at : at + count] = bytes(count)
    path.write_bytes(data)


# ------------------------------------------------------------------------------ the simulator
@pytest.mark.parametrize("name", ["zooscan", "zooscan-work", "flatbed"])
def test_the_same_seed_gives_the_same_bytes(name, tmp_path):
    for folder in ("a", "b"):
        simulators()[name](tmp_path / folder, "tiny", 7, 1)
    a, b = (sorted((tmp_path / f).rglob("*")) for f in "ab")
    assert [p.relative_to(tmp_path / "a") for p in a] == [p.relative_to(tmp_path / "b") for p in b]
    assert all(p.read_bytes() == q.read_bytes() for p, q in zip(a, b, strict=True) if p.is_file())
