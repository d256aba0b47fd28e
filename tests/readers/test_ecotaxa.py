"""EcoTaxa's bundles and exports: real ones, simulated ones, and those with the field's faults."""

from __future__ import annotations

import gzip
import io
import shutil
import time
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import PIL.Image
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import campaigns
from seston.errors import ConfigError, InputError, SestonError
from seston.features import FEATURES
from seston.inspection import inspect
from seston.readers import ecotaxa_cells as cells
from seston.readers import recognise
from seston.readers.ecotaxa_table import read_table
from seston.simulate.instruments import simulators

HEADER = [
    "object_id", "object_lat", "object_lon", "object_date", "object_time", "object_depth_min",
    "object_depth_max", "object_bx", "object_by", "object_width", "object_height", "object_area",
    "object_area_exc", "object_esd", "object_mean", "object_annotation_category",
    "object_annotation_status", "sample_id", "sample_tot_vol", "acq_id", "acq_sub_part",
    "process_particle_pixel_size_mm",
]  # fmt: skip
ROW = dict(zip(HEADER, [
    "o1", "43.5", "-7.25", "20210615", "420", "0", "100", "10", "20", "30", "40", "700", "650",
    "445", "180", "Copepoda", "validated", "s/1:a", "50", "d1", "4", "0.0106",
], strict=True))  # fmt: skip
NEIGHBOUR = {**ROW, "object_id": "o2", "object_bx": "90"}


def table(*rows: dict[str, str], types: bool = True, end: str = "\n", quote: str = "") -> str:
    lines = [list(rows[0]), ["[t]"] * len(rows[0])] if types else [list(rows[0])]
    lines += [list(row.values()) for row in rows]
    return "".join("\t".join(f"{quote}{c}{quote}" for c in line) + end for line in lines)


def write(path: Path, text: str, encoding: str = "latin-1", start: bytes = b"") -> Path:
    path.write_bytes(start + text.encode(encoding))
    return path


@pytest.fixture
def opened(tmp_path, open_reader):
    """Open a table that is given as text or rows."""

    def open_(*rows: dict[str, str], text: str | None = None, **how: object):
        path = tmp_path / "ecotaxa_t.tsv"
        write(path, table(*rows, **how) if text is None else text)  # type: ignore[arg-type]
        return open_reader(path, "ecotaxa")

    return open_


def objects(reader) -> list:
    frames = reader.frames()
    return [v for path, rows in frames[frames["usable"] == 1].groupby("path", sort=False)
            for found in reader.vignettes(str(path), rows["index_in_file"].tolist())
            for v in found]  # fmt: skip


# -------------------------------------------------------------------------------- real files
def test_a_planktoscope_export_gives_the_concentrations_that_pandas_gives(shared_data, tmp_path):
    path = shared_data("ecotaxa/planktoscope_export_global.tsv.gz")
    campaign = campaigns.write_campaign(tmp_path, "ecotaxa", {"path": str(path)})
    with campaigns.one_worker() as client:
        found, profiles = campaigns.run(campaign, client)
    assert (found.sizes["object"], found.sizes["taxon"], profiles.sizes["profile"]) == (
        7631,
        36,
        14,
    )
    assert len(np.unique(found["object_id"])) == 7631
    raw = pd.read_csv(path, sep="\t", dtype=str)
    dilution = raw["sample_dilution_factor"].astype(float).fillna(1)
    water = raw["acq_imaged_volume"].astype(float) * raw["sample_total_volume"].astype(float) / 1000
    raw["one"] = raw["sample_concentrated_sample_volume"].astype(float) * dilution / water
    by_hand = raw.groupby(["sample_id", "object_annotation_category"])["one"].sum()
    ours = profiles["concentration"].sum("depth").to_series().rename("c").reset_index()
    sample = dict(enumerate(profiles["sample"].to_numpy()))
    ours["sample_id"] = ours["profile"].map(sample)
    ours = ours[ours["c"] > 0].set_index(["sample_id", "taxon"])["c"].sort_index()
    np.testing.assert_allclose(ours, by_hand.sort_index(), rtol=1e-5)
    diluted = raw["sample_dilution_factor"].isna()
    assert raw.loc[diluted, "one"].iloc[0] == pytest.approx(0.45165, abs=1e-5)
    area = found["features"].to_numpy()[:, list(FEATURES).index("area")]
    frame = found["frame"].to_numpy()
    assert (np.diff(frame) >= 0).all()
    np.testing.assert_allclose(
        np.sort(area), np.sort(raw["object_area_exc"].astype(float) * 0.00086**2), rtol=1e-5
    )


def test_a_planktoscope_export_trusts_the_date_of_the_sample_and_not_the_clock(
    shared_data, open_reader
):
    reader = open_reader(shared_data("ecotaxa/planktoscope_export_global.tsv.gz"), "ecotaxa")
    frames = reader.frames()
    assert frames["vignettes"].sum() == 7631
    assert set(frames["time"].dt.strftime("%Y%m%d")) == {"20211109"}
    assert "clock says 2019-02-14" in reader.environment().attrs["problems"]
    first = frames[frames["sample"] == "09/11/2021_12:16_F50v1.3"].iloc[0]
    assert (first["latitude"], first["longitude"], first["depth_min"]) == (48.2958, -5.1745, 1)
    assert first["imaged_volume"] == pytest.approx(346.913)
    assert first["subsample_factor"] == pytest.approx(300 / 1.9147)
    assert set(frames["problem"]) == {""}


def test_a_zooscan_export_has_all_objects_hauls_and_fractions(shared_data, tmp_path):
    path = shared_data("ecotaxa/zooscan_tsv/export.tsv")
    campaign = campaigns.write_campaign(tmp_path, "ecotaxa", {"path": str(path)})
    with campaigns.one_worker() as client:
        found, profiles = campaigns.run(campaign, client)
    raw = pd.read_csv(path, sep="\t")
    assert found.sizes["object"] == len(raw) == 99
    one = raw["acq_sub_part"] / raw["sample_tot_vol"]
    by_hand = one.groupby([raw["sample_id"], raw["object_annotation_category"]]).sum()
    ours = profiles["concentration"].sum("depth", min_count=1).to_series()
    np.testing.assert_allclose(sorted(ours[ours > 0]), sorted(by_hand), rtol=1e-5)
    assert profiles.sizes["profile"] == 20
    by_id = raw.set_index("object_id").loc[found["source_id"].to_numpy().astype(object)]
    np.testing.assert_array_equal(found["left"], by_id["object_bx"])
    np.testing.assert_array_equal(found["top"], by_id["object_by"])
    np.testing.assert_allclose(found["latitude"], by_id["object_lat"])
    np.testing.assert_allclose(found["longitude"], by_id["object_lon"])
    diameter = found["features"].to_numpy()[:, list(FEATURES).index("equivalent_diameter_area")]
    area = by_id["object_area_exc"].to_numpy()
    np.testing.assert_allclose(diameter, 2 * np.sqrt(area / np.pi) * 0.0106, rtol=1e-5)
    assert not np.allclose(diameter, by_id["object_esd"] * 0.0106, rtol=0.5)


def test_of_two_pictures_of_an_object_the_first_counts(shared_data, open_reader):
    reader = open_reader(shared_data("ecotaxa/zooscan_tsv/import.tsv"), "ecotaxa")
    frames = reader.frames()
    assert frames["vignettes"].tolist() == [49]
    assert frames["imaged_volume"].tolist() == [749.5192]
    assert frames[["latitude", "longitude"]].iloc[0].tolist() == pytest.approx([43.6536, 7.7716])


def test_an_import_zip_gives_all_objects_places_and_pictures(shared_data, open_reader):
    path = shared_data("ecotaxa/import_test.zip")
    reader = open_reader(path, "ecotaxa")
    frames = reader.frames()
    assert frames["sample"].tolist() == ["m106_mn01_n1_sml", "m106_mn01_n2_sml"]
    assert frames["vignettes"].tolist() == [5, 3]
    assert frames["time"].astype(str).tolist() == ["2014-04-20 04:20:00"] * 2
    assert frames["latitude"].tolist() == [18, 18]
    np.testing.assert_allclose(frames["longitude"], -24 - 25 / 60)
    np.testing.assert_allclose(frames["pixel_width"], 0.0106)
    assert frames["imaged_volume"].isna().all()
    assert set(frames["problem"]) == {"sample_tot_vol (m3 filtered) is not told"}
    found = objects(reader)
    assert [v.pixels.shape for v in found][:3] == [(132, 64), (76, 91), (71, 46)]  # footer cut off
    assert [v.label for v in found][3] == "other<living"
    assert {v.status for v in found} == {"predicted"}
    assert not found[0].mask.any()  # a drawing: 2.8 times the area of the table, which stands
    assert found[0].measured["area"] == pytest.approx((516 - 4) * 0.0106**2)


def test_a_uvp6_bundle_is_turned_dark_and_measured_as_the_uvp_measured_it(shared_data, tmp_path):
    path = shared_data("ecotaxa/uvp6_import_b_da_19_Images.zip")
    campaign = campaigns.write_campaign(tmp_path, "ecotaxa", {"path": str(path)})
    with campaigns.one_worker() as client:
        found, profiles = campaigns.run(campaign, client)
    with zipfile.ZipFile(path) as archive:
        raw = pd.read_csv(archive.open("b_da_19_Images/ecotaxa_b_da_19.tsv"), sep="\t",
                          encoding="latin-1", skiprows=[1])  # fmt: skip
    assert found["source_id"].to_numpy().tolist() == raw["object_id"].tolist()
    np.testing.assert_allclose(found["depth"], raw["object_depth_min"], rtol=1e-6)
    assert set(found["latitude"].to_numpy()) == {43.0}
    assert set(found["longitude"].to_numpy()) == {17.0}
    values = {n: found["features"].to_numpy()[:, list(FEATURES).index(n)]
              for n in ("area", "width", "height")}  # fmt: skip
    holes = raw["object_area_exc"]  # of a UVP, the area of the holes
    np.testing.assert_allclose(values["area"], (raw["object_area"] - holes) * 0.073**2, rtol=1e-5)
    np.testing.assert_allclose(values["width"], raw["object_width"] * 0.073, rtol=1e-5)
    assert profiles["concentration"].isnull().all()
    assert "does not tell the water of each depth" in str(found["frame_problem"].to_numpy()[0])


@pytest.mark.parametrize(("name", "frames", "count", "samples"), [
    ("planktoscope_export_global.tsv.gz", 14, 7631, 14), ("zooscan_tsv", 26, 148, 21),
    ("import_test.zip", 2, 8, 2), ("uvp6_import_b_da_19_Images.zip", 12, 15, 1),
])  # fmt: skip
def test_inspect_names_counts_and_is_quick(shared_data, name, frames, count, samples):
    path = shared_data(f"ecotaxa/{name}")
    start = time.process_time()
    said = inspect(path)
    assert time.process_time() - start < 2
    assert (said["instrument"], said["frames"], said["objects"], said["samples"]) == (
        "ecotaxa", frames, count, samples)  # fmt: skip


def test_other_tables_are_not_taken_for_those_of_ecotaxa(shared_data):
    assert "ecotaxa" not in recognise(shared_data("ecopart/raw_multi"))
    assert "ecotaxa" not in recognise(shared_data("vignettes/uvp6_uvpec"))


# -------------------------------------------------------------------------- simulated bundle
@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "files"
    simulators()["ecotaxa"](folder, "tiny", 1, 1)
    return folder


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("campaign")
    campaign = campaigns.simulate(folder, "ecotaxa")
    with campaigns.one_worker() as client:
        objects, profiles = campaigns.run(campaign, client)
    return pd.read_csv(folder / "files/truth/objects.csv"), objects, profiles, folder / "files"


def test_every_simulated_object_is_there_with_its_place_area_and_name(found):
    truth, objects, _, _ = found
    area = objects["features"].to_numpy()[:, list(FEATURES).index("area")]
    ours = pd.DataFrame({"area": area, "top": objects["top"], "left": objects["left"]})
    ours["source_id"] = objects["source_id"].to_numpy().astype(object)
    taxon = objects["taxon"].to_numpy()
    given = np.maximum(objects["predicted_taxon"], objects["validated_taxon"]).to_numpy()
    ours["taxon"] = taxon[given]
    both = truth.merge(ours, on="source_id", suffixes=("", "_ours"))
    assert len(both) == len(truth) == len(ours)
    assert both["taxon"].tolist() == both["taxon_ours"].tolist()
    np.testing.assert_array_equal(both["top"], both["top_ours"])
    np.testing.assert_array_equal(both["left"], both["left_ours"])
    np.testing.assert_allclose(both["area"], both["area_px"] * 0.0106**2, rtol=1e-5)


def test_the_truth_of_hauls_in_two_fractions_lies_in_the_interval(found):
    _, objects, profiles, files = found
    assert campaigns.inside_the_interval(objects, profiles, files / "truth").mean() >= 0.9
    water = pd.read_csv(files / "truth" / "water.csv")
    assert profiles["sample"].to_numpy().tolist() == water["sample"].unique().tolist()
    assert profiles["imaged_volume"].sum("depth").to_numpy().tolist() == [40, 45]
    np.testing.assert_allclose(profiles["latitude"], water["latitude"].unique())


def test_same_seed_same_bytes(files, tmp_path):
    simulators()["ecotaxa"](tmp_path / "again", "tiny", 1, 1)
    for path in sorted(files.rglob("*.*")):
        if path.is_file():
            assert (tmp_path / "again" / path.relative_to(files)).read_bytes() == path.read_bytes()


def zipped(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return target


def test_a_zip_a_folder_and_a_zip_in_a_zip_hold_the_same_objects(files, tmp_path, open_reader):
    whole = objects(open_reader(files / "bundle", "ecotaxa"))
    archive = zipped(files / "bundle", tmp_path / "bundle.zip")
    again = objects(open_reader(archive, "ecotaxa"))
    inner = tmp_path / "inner"
    (inner / "x").mkdir(parents=True)
    for folder in sorted((files / "bundle").iterdir()):
        zipped(folder, inner / "x" / f"{folder.name}_Images.zip")
    nested = objects(open_reader(zipped(inner, tmp_path / "nested.zip"), "ecotaxa"))
    beside = objects(open_reader(inner, "ecotaxa"))
    for other in (again, nested, beside):
        assert [v.source_id for v in other] == [v.source_id for v in whole]
        assert all((a.pixels == b.pixels).all() for a, b in zip(other, whole, strict=True))
    assert recognise(archive)[0] == recognise(files / "bundle")[0] == "ecotaxa"


# ------------------------------------------------------------------------- faults of the field
def test_rows_become_frames_objects_and_water(opened):
    fine = {**ROW, "object_id": "o3", "acq_id": "d2", "acq_sub_part": "16"}
    reader = opened(ROW, NEIGHBOUR, fine)
    frames = reader.frames()
    assert frames["vignettes"].tolist() == [2, 1]
    assert frames["imaged_volume"].tolist() == [50, 0]
    assert frames["subsample_factor"].tolist() == [4, 16]
    assert set(frames["sample"]) == {"s/1:a"}
    assert frames["time"].iloc[0] == pd.Timestamp("2021-06-15T04:20")
    assert set(frames["volume_source"]) == {"header"}
    one, two, three = objects(reader)
    assert (one.top, one.left, one.height, one.width) == (20, 10, 40, 30)
    assert one.measured["area"] == pytest.approx(650 * 0.0106**2)
    assert one.measured["area_filled"] == pytest.approx(700 * 0.0106**2)
    assert one.measured["equivalent_diameter_area"] == pytest.approx(
        2 * np.sqrt(650 / np.pi) * 0.0106
    )
    assert (one.label, one.status, two.left, three.source_id) == ("Copepoda", "validated", 90, "o3")


@pytest.mark.parametrize("how", [
    {"types": False}, {"end": "\r\n"}, {"quote": '"'}, {"quote": '"', "end": "\r\n"},
])  # fmt: skip
def test_types_line_ends_and_quotes_change_nothing(opened, how):
    plain, other = objects(opened(ROW, NEIGHBOUR)), objects(opened(ROW, NEIGHBOUR, **how))
    assert [(v.source_id, v.left, v.measured) for v in other] == [
        (v.source_id, v.left, v.measured) for v in plain]  # fmt: skip


@pytest.mark.parametrize(("encode", "said"), [
    (lambda t: t.encode("latin-1"), ""),
    (lambda t: b"\xef\xbb\xbf" + t.encode(), ""),
    (lambda t: t.encode(), "UTF-8 without a byte-order mark"),
    (lambda t: b"\xef\xbb\xbf" + t.encode().decode("latin-1").encode(), "encoded twice"),
    (lambda t: t.encode().decode("cp1252").encode(), "encoded twice"),
])  # fmt: skip
def test_text_is_read_as_it_was_meant_and_mending_is_said(tmp_path, open_reader, encode, said):
    row = {**ROW, "sample_id": "Rhône été", "object_lat": "43°30 0"}
    path = tmp_path / "ecotaxa_t.tsv"
    path.write_bytes(encode(table(row)))
    reader = open_reader(path, "ecotaxa")
    frames = reader.frames()
    assert frames["sample"].tolist() == ["Rhône été"]
    assert frames["latitude"].tolist() == [43.5]
    problems = reader.environment().attrs.get("problems", "")
    assert said in problems if said else problems == ""


def test_a_quotation_mark_that_is_not_closed_swallows_no_row(opened):
    inch = {**ROW, "sample_id": '"net of 57'}
    reader = opened(inch, {**NEIGHBOUR, "sample_id": '"net of 57'})
    assert len(objects(reader)) == 2
    assert reader.frames()["sample"].tolist() == ["net of 57"]
    assert "EcoTaxa would lose" in reader.environment().attrs["problems"]


def test_a_quoted_cell_over_two_lines_is_one_row(opened):
    text = table(ROW) + table({**NEIGHBOUR, "sample_id": '"two\nlines"'}).split("\n", 2)[2]
    reader = opened(text=text)
    assert sorted(reader.frames()["sample"]) == ["s/1:a", "two lines"]


def test_rows_that_were_cut_are_left_out_and_counted(opened):
    text = table(ROW, NEIGHBOUR)[:-60]
    reader = opened(text=text)
    assert [v.source_id for v in objects(reader)] == ["o1"]
    assert "1 rows with more or fewer cells" in reader.environment().attrs["problems"]


@pytest.mark.parametrize(("column", "value", "name"), [
    ("object_lat", "95", "latitude"), ("object_lon", "-181", "longitude"),
    ("object_lat", "43°70 0", "latitude"), ("object_lon", "inf", "longitude"),
])  # fmt: skip
def test_a_place_that_cannot_be_is_none_and_is_said(opened, column, value, name):
    frames = opened({**ROW, column: value}).frames()
    assert np.isnan(frames[name].iloc[0])
    assert f"{name} {value!r} cannot be read" in frames["problem"].iloc[0]


@pytest.mark.parametrize(("changes", "said"), [
    ({"sample_tot_vol": ""}, "sample_tot_vol (m3 filtered) is not told"),
    ({"sample_tot_vol": "99999"}, "sample_tot_vol (m3 filtered) is not told"),
    ({"acq_sub_part": "NA"}, "acq_sub_part, the inverse of the fraction looked at, is not told"),
    ({"acq_sub_part": "0.25"}, "acq_sub_part is below 1"),
])  # fmt: skip
def test_water_that_is_not_known_of_one_fraction_is_known_of_none(opened, changes, said):
    frames = opened(ROW, {**NEIGHBOUR, "acq_id": "d2", **changes}).frames()
    assert frames["imaged_volume"].isna().all()
    assert frames["problem"].iloc[0] == "the water of another fraction is not known"
    assert frames["problem"].iloc[1].startswith(said)


def test_campaigns_csv_can_tell_the_water(tmp_path, open_reader):
    path = write(tmp_path / "t.tsv", table({**ROW, "sample_tot_vol": ""}))
    frames = open_reader(path, "ecotaxa", imaged_volume_l=5000).frames()
    assert frames["imaged_volume"].tolist() == [5]
    assert frames["volume_source"].tolist() == ["config"]
    assert frames["subsample_factor"].tolist() == [4]
    uvp = {**ROW, "sample_tot_vol": "", "acq_instrument": "uvp6"}
    path = write(tmp_path / "u.tsv", table(uvp))
    assert open_reader(path, "ecotaxa", imaged_volume_l=0.6).frames()["imaged_volume"].isna().all()


def scope(**changes: str) -> dict[str, str]:
    kept = {k: v for k, v in ROW.items() if k not in ("sample_tot_vol", "acq_sub_part")}
    del kept["process_particle_pixel_size_mm"]
    return kept | {
        "acq_instrument": "PlanktoScope v2.5", "acq_imaged_volume": "2",
        "sample_total_volume": "20", "sample_concentrated_sample_volume": "100",
        "sample_dilution_factor": "2", "process_pixel": "0.75", "acq_minimum_mesh": "20",
    } | changes  # fmt: skip


def test_repeats_of_a_planktoscope_sample_add_up_what_they_imaged(opened):
    frames = opened(scope(), scope(object_id="o2", acq_id="again", acq_imaged_volume="3")).frames()
    assert frames["imaged_volume"].tolist() == [0.02, 0]
    assert frames["subsample_factor"].tolist() == [200 / 5, 200 / 5]
    assert frames["problem"].str.contains("taken as litres").all()
    assert set(frames["pixel_width"]) == {0.00075}


def test_litres_are_sure_where_a_net_cannot_have_filtered_so_many_m3(opened):
    frames = opened(scope(), scope(sample_id="b", sample_total_volume="346913")).frames()
    assert frames["imaged_volume"].tolist() == [0.02, 346.913]
    assert set(frames["problem"]) == {""}


@pytest.mark.parametrize(("columns", "mm"), [
    ({"process_pixel": "0.75"}, 0.00075),
    ({"process_pixel": "10.6", "acq_instrument": "epson"}, 0.0106),
    ({"process_pixel": "", "acq_pixel": "73", "acq_instrument": "uvp6"}, 0.073),
    ({"process_pixel": "", "acq_pixel": "0.147", "acq_instrument": "uvp5"}, 0.147),
    ({"process_pixel": "", "process_img_resolution": "2400", "acq_instrument": ""}, 25.4 / 2400),
])  # fmt: skip
def test_the_unit_of_a_pixel_follows_from_instrument_and_size(opened, columns, mm):
    assert opened(scope(**columns)).frames()["pixel_width"].iloc[0] == pytest.approx(mm)


def test_a_pixel_that_nobody_tells_is_asked_for(opened, tmp_path, open_reader):
    reader = opened(scope(process_pixel="1"))
    with pytest.raises(ConfigError, match="pixel_width_mm"):
        reader.frames()
    frames = open_reader(tmp_path / "ecotaxa_t.tsv", "ecotaxa", pixel_width_mm=0.001).frames()
    assert frames["pixel_width"].tolist() == [0.001]


def test_objects_that_share_a_place_get_places_of_their_own(opened):
    found = objects(opened(ROW, {**ROW, "object_id": "o2"}, {**ROW, "object_id": "o3"}))
    assert len({(v.top, v.left) for v in found}) == 3


def test_a_second_row_with_a_picture_is_the_same_object_one_without_is_another(opened):
    named = {**ROW, "img_file_name": "a.png"}
    assert len(objects(opened(named, {**named, "img_file_name": "b.png"}))) == 1
    assert len(objects(opened(ROW, ROW))) == 2


@pytest.mark.parametrize(("word", "said"), [
    ("V", "validated"), ("Validated", "validated"), ("discarded", "dubious"),
    ("noid", "predicted"), ("dubious", "dubious"),
])  # fmt: skip
def test_a_status_makes_a_label_no_surer_than_it_was(word, said):
    assert cells.status(word) == said


@pytest.mark.parametrize(("text", "value"), [
    ("43.5", 43.5), ("43°30 0", 43.5), ("-0°30 36", -0.51), ("7°15'W", -7.25), ("43,5", 43.5),
    ("", np.nan), ("43°61 0", np.nan), ("nan", np.nan), ("1e400", np.nan), ("200", np.nan),
])  # fmt: skip
def test_degrees(text, value):
    np.testing.assert_equal(cells.degrees(text, 180), value)


@pytest.mark.parametrize(("text", "seconds"), [
    ("420", 15600), ("5", 300), ("42000", 15600), ("042000.5", 15600), ("04:20:30", 15630),
    ("04:20", 15600), ("2460", np.nan), ("", np.nan), ("noon", np.nan),
])  # fmt: skip
def test_clock(text, seconds):
    np.testing.assert_equal(cells.clock(text), seconds)


def test_a_day_is_read_in_one_order_only():
    assert cells.day("2021-06-15T04:20") == cells.day("20210615")
    assert np.isnan([cells.day(t) for t in ("15/06/2021", "20211345", "06152021", "")]).all()


# ------------------------------------------------------------------------------ hostile archives
def picture(side: int = 20) -> bytes:
    grey = np.full((side, side), 255, np.uint8)
    grey[5:15, 5:15] = 100
    return cv2.imencode(".png", grey)[1].tobytes()


def bundle(path: Path, image: str, data: bytes | None, member: str | None = None) -> Path:
    row = {**ROW, "img_file_name": image, "object_area": "100", "object_area_exc": "100"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("b/ecotaxa_b.tsv", table(row))
        if data is not None:
            archive.writestr(member or f"b/{image}", data)
    return path


def test_a_picture_in_a_zip_is_measured(tmp_path, open_reader):
    (one,) = objects(open_reader(bundle(tmp_path / "b.zip", "a.png", picture()), "ecotaxa"))
    assert one.pixels.shape == (20, 20)


@pytest.mark.parametrize(
    "image", ["../../etc/a.png", "/etc/passwd", "C:\\a.png", "..\\a.png", ".."]
)
def test_a_picture_whose_name_leads_out_of_the_archive_is_not_there(tmp_path, open_reader, image):
    path = bundle(tmp_path / "b.zip", image, picture(), member=image.replace("\\", "/"))
    (tmp_path / "a.png").write_bytes(picture())
    (one,) = objects(open_reader(path, "ecotaxa"))
    assert one.pixels is None or image == "..\\a.png"
    assert one.measured["area"] > 0


def test_a_link_out_of_the_folder_is_not_followed(tmp_path, open_reader):
    outside = tmp_path / "outside.png"
    outside.write_bytes(picture())
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "a.png").symlink_to(outside)
    write(folder / "ecotaxa_b.tsv", table({**ROW, "img_file_name": "a.png"}))
    (one,) = objects(open_reader(folder, "ecotaxa"))
    assert one.pixels is None


def test_a_table_that_unpacks_without_end_is_refused(tmp_path, open_reader):
    head = table(ROW).encode()
    endless = head + b"\n" * ((1 << 26) + 1)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ecotaxa_b.tsv", endless, compresslevel=1)
    with pytest.raises(InputError, match="claims to unpack"):
        open_reader(tmp_path / "bomb.zip", "ecotaxa").frames()
    with gzip.open(tmp_path / "bomb.tsv.gz", "wb", compresslevel=1) as stream:
        stream.write(endless)
    with pytest.raises(InputError, match="has more than 67,108,864 bytes"):
        open_reader(tmp_path / "bomb.tsv.gz", "ecotaxa").frames()


def test_a_picture_that_claims_to_be_huge_is_left_out_and_the_table_measures(tmp_path, open_reader):
    flat = io.BytesIO()
    PIL.Image.new("L", (20_000, 20_000)).save(flat, "PNG")
    (one,) = objects(open_reader(bundle(tmp_path / "b.zip", "a.png", flat.getvalue()), "ecotaxa"))
    assert one.pixels is None
    assert one.measured["area"] == pytest.approx(100 * 0.0106**2)


def test_members_that_claim_a_wrong_size_are_an_error_of_ours(tmp_path, open_reader):
    path = bundle(tmp_path / "b.zip", "a.png", picture())
    data = path.read_bytes()
    size = len(table({**ROW, "img_file_name": "a.png", "object_area": "100",
                      "object_area_exc": "100"}))  # fmt: skip
    for claim in (10, 1 << 31):
        changed = data.replace(size.to_bytes(4, "little"), claim.to_bytes(4, "little"))
        assert changed != data
        path.write_bytes(changed)
        with pytest.raises(InputError):
            open_reader(path, "ecotaxa").frames()


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04", b"object_id;object_lat\n1;2\n", b"\xff\xfea\x00"]
)
def test_what_is_no_table_is_an_error_that_names_the_file(tmp_path, open_reader, data):
    for name in ("ecotaxa_x.tsv", "x.zip", "x.tsv.gz"):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=name):
            open_reader(tmp_path / name, "ecotaxa").frames()


def test_one_bad_table_of_a_folder_is_a_frame_that_is_not_usable(tmp_path, open_reader):
    write(tmp_path / "ecotaxa_a.tsv", table(ROW))
    (tmp_path / "ecotaxa_b.tsv").write_bytes(b"\x00\x01")
    frames = open_reader(tmp_path, "ecotaxa").frames()
    assert frames["usable"].tolist() == [1, 0]
    assert frames["path"].tolist() == ["ecotaxa_a.tsv", "ecotaxa_b.tsv"]
    assert "not a text file" in frames["problem"].iloc[1]


# ----------------------------------------------------------------------------- damage at random
def survives(reader, path: Path) -> None:
    """Only our errors, or a normal result, come of a file."""
    for act in (reader.files, lambda: objects(reader), reader.environment,
                lambda: inspect(path, "ecotaxa")):  # fmt: skip
        try:
            act()
        except SestonError:
            continue


def mutated(data: st.DataObject, content: bytes) -> bytes:
    kind = data.draw(st.sampled_from(["cut", "flip", "drop", "comma", "swap", "code", "sign"]))
    lines = content.split(b"\n")
    if kind == "cut":
        return content[: data.draw(st.integers(0, len(content)))]
    if kind == "flip":
        found = bytearray(content)
        for place in data.draw(st.lists(st.integers(0, max(len(found) - 1, 0)), max_size=12)):
            found[place] = data.draw(st.integers(0, 255))
        return bytes(found)
    if kind == "drop":
        del lines[data.draw(st.integers(0, len(lines) - 1))]
        return b"\n".join(lines)
    if kind == "comma":
        return content.replace(b".", b",")
    if kind == "code":
        return content.decode("latin-1").encode(data.draw(st.sampled_from(["utf-16", "utf-8"])))
    if kind == "sign":
        return content.replace(b"\t-", b"\t").replace(b"\t4", b"\t-4")
    names = lines[0].split(b"\t")
    a, b = (data.draw(st.integers(0, len(names) - 1)) for _ in "ab")
    names[a], names[b] = names[b], names[a]
    return b"\n".join([b"\t".join(names), *lines[1:]])


@settings(max_examples=40, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(st.data())
def test_damaged_tables_give_a_result_or_our_error(tmp_path, open_reader, data):
    path = tmp_path / f"ecotaxa_{data.draw(st.integers(0, 10**9))}.tsv"
    row = data.draw(st.sampled_from([ROW, scope()]))
    path.write_bytes(mutated(data, table(row, {**row, "object_id": "o2"}).encode("latin-1")))
    survives(open_reader(path, "ecotaxa"), path)


@settings(max_examples=30, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(st.data())
def test_damaged_archives_give_a_result_or_our_error(tmp_path, open_reader, data):
    path = tmp_path / f"b{data.draw(st.integers(0, 10**9))}.zip"
    bundle(path, "a.png", picture())
    content = bytearray(path.read_bytes()[: data.draw(st.integers(0, 2000))])
    for place in data.draw(st.lists(st.integers(0, max(len(content) - 1, 0)), max_size=8)):
        if content:
            content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    survives(open_reader(path, "ecotaxa"), path)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.text(st.characters(codec="latin-1", exclude_characters="\0")),
                         min_size=2, max_size=4), max_size=6))  # fmt: skip
def test_any_text_after_a_header_is_rows_or_our_error(rows):
    text = "object_id\tsample_id\tobject_area\n" + "\n".join("\t".join(r) for r in rows)
    try:
        found = read_table(io.BytesIO(text.encode("latin-1")), "x")
    except SestonError:
        return
    assert 0 < len(found.rows) <= text.count("\n")


def test_copies_are_read_afresh_when_a_file_changes(tmp_path, open_reader):
    path = write(tmp_path / "ecotaxa_a.tsv", table(ROW))
    reader = open_reader(path, "ecotaxa")
    assert reader.frames()["vignettes"].tolist() == [1]
    shutil.copy(write(tmp_path / "b.txt", table(ROW, NEIGHBOUR)), path)
    assert reader.frames()["vignettes"].tolist() == [2]
