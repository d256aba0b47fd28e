"""UVP6 projects, archives and real-time files: simulated, real and damaged ones."""

from __future__ import annotations

import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from scipy import ndimage

import campaigns
import damage
from seston import inspection
from seston.config import Particles
from seston.ecology.particle_dataset import build_particles
from seston.readers import uvp6_data
from seston.simulate.instruments import simulators
from seston.simulate.instruments.uvp6 import acquisition, hardware
from seston.stages.particles import bin_sample, particles

PROJECT = "uvp6_sn000000lp_sim_2020"
ZIP = "ecotaxa/uvp6_import_b_da_19_Images.zip"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uvp6")
    campaign = campaigns.simulate(folder, "uvp6")
    with campaigns.one_worker() as client:
        objects, profiles = campaigns.run(campaign, client)
    particles(campaign)
    return folder, campaign, objects, profiles, xr.open_zarr(campaign.particles, chunks=None)


@pytest.fixture
def project(found, tmp_path):
    """A copy to change."""
    return shutil.copytree(found[0] / "files" / PROJECT, tmp_path / PROJECT)


def test_the_truth_lies_in_the_interval(found):
    held = campaigns.inside_the_interval(*found[2:4], found[0] / "files" / "truth")
    assert held.mean() >= 0.9


def test_every_object_is_found_with_its_area_depth_and_a_place_of_its_own(found):
    folder, _, objects, _, _ = found
    wanted = pd.read_csv(folder / "files" / "truth" / "objects.csv").set_index("source_id")
    water = pd.read_csv(folder / "files" / "truth" / "water.csv")
    area = list(objects["feature"].to_numpy()).index("area")
    ours = pd.DataFrame({
        "id": objects["source_id"].to_numpy().astype(object),
        "area": objects["features"].to_numpy()[:, area], "depth": objects["depth"].to_numpy(),
        "object_id": objects["object_id"].to_numpy(),
    }).set_index("id").loc[wanted.index]  # fmt: skip
    assert len(ours) == objects.sizes["object"] == ours["object_id"].nunique()
    np.testing.assert_allclose(ours["area"], wanted["area_px"] * 0.073**2, rtol=1e-5)
    upper = water["depth_min"].to_numpy()[wanted["water"]]
    assert ((ours["depth"] >= upper) & (ours["depth"] < upper + 5)).all()


def test_empty_images_are_water_and_over_exposed_and_dark_ones_are_not(found):
    _, campaign, _, _, data = found
    frames = campaign.reader(campaign.deployments[0]).frames()
    problems = frames["problem"].value_counts()
    assert problems["over-exposed"] == problems["taken without light"] == 6
    np.testing.assert_allclose(data["imaged_volume"], 24 * 0.65e-3)


def test_particles_are_those_that_were_placed(found):
    folder, _, _, _, data = found
    placed = pd.read_csv(folder / "files" / "truth" / "particles.csv")
    assert float(data["count"].sum()) == placed["number"].sum()


def test_ecopart_counts_less_water_where_images_are_empty(found):
    _, campaign, _, _, data = found
    reader = campaign.reader(campaign.deployments[0])
    rule = Particles(ecopart_compat=True)
    theirs = build_particles(
        [bin_sample(s, reader.deployment, rule) for s in reader.particles()], 5
    )
    assert float(theirs["imaged_volume"].sum()) < 0.95 * float(data["imaged_volume"].sum())
    assert float(theirs["count"].sum()) == float(data["count"].sum())


def test_what_a_float_sends_agrees_with_its_project(found, open_reader):
    folder, _, _, _, data = found
    reader = open_reader(folder / "files" / "realtime", "uvp6")
    own_rule = Particles()
    binned = [bin_sample(s, reader.deployment, own_rule) for s in reader.particles()]
    sent = build_particles(binned, 5.0)
    np.testing.assert_allclose(sent["imaged_volume"], data["imaged_volume"])
    classes = np.flatnonzero(np.isfinite(sent["count"].to_numpy()[0, 0]))
    assert classes.tolist() == list(range(16, 34))
    own = data["count"].to_numpy()[..., classes]
    np.testing.assert_allclose(sent["count"].to_numpy()[..., classes], np.nan_to_num(own), atol=0.1)
    frames = reader.frames()
    assert frames["imaged_volume"].sum() == 0  # no object was recorded
    assert frames["latitude"].iloc[0] == pytest.approx(43.4)


def test_both_generations_of_the_camera_tell_the_same():
    old, new = (uvp6_data.parse_configuration([hardware(new=n), "", acquisition()])
                for n in (False, True))  # fmt: skip
    for one in (old, new):
        calibration = one.calibration({})
        assert calibration.aa == pytest.approx(2300e-6)
        assert (calibration.exponent, calibration.image_volume_l) == (1.136, 0.65)
        assert (one.threshold, one.offset_m, one.pixel_mm) == (21, 0.5, 0.073)
    assert old.hardware["ip_adress"] == "192.168.0.128"
    assert "ip_adress" not in new.hardware


def test_lines_of_every_kind():
    lines = [
        "20200205-111823,10.0,14.2,1:3,2,30.1,2.5;4,7,31,3;",
        "20200205-111824-250,10.5,14.2,1:EMPTY_IMAGE",
        "20200205-111825,11.0,14.2,1:3,2,30.1,2.5;OVER_EXPOSED",
        "20200205-111826,11.0,14.2,0:3,2,30.1,2.5;",
        "TAXO:12,1,2",
        "20200205-111827,NaN,14.2,1:3,1,1,1;",
        "20200205-111828,-3.0,14.2,1:nonsense",
    ]
    images = uvp6_data.images(lines, "p", 0.5)
    assert images["usable"].tolist() == [1, 1, 0, 0, 1, 0]
    assert images["depth"].tolist()[:2] == [10.5, 11.0]
    assert images["time"][1] == pd.Timestamp("2020-02-05T11:18:24.250")
    assert images["ecopart"].tolist() == [True, False, False, False, True, False]
    counts = pd.concat(uvp6_data.counts(lines))
    assert counts.to_numpy().tolist() == [[0, 3, 2], [0, 4, 7], [4, 3, 1]]


def test_the_real_archive_of_vignettes(shared_data, open_reader):
    reader = open_reader(shared_data(ZIP), "uvp6")
    frames = reader.frames()
    assert frames["vignettes"].sum() == 15
    assert len(frames) == 12
    assert frames["imaged_volume"].isna().all()
    assert "Particule.zip" in frames["problem"][0]
    assert (frames["latitude"][0], frames["longitude"][0]) == (43.0, 17.0)
    vignettes = [
        v for vs in reader.vignettes(frames["path"][0], frames["index_in_file"]) for v in vs
    ]
    assert len({(v.top, v.left, v.source_id) for v in vignettes}) == 15
    # The largest piece above the threshold, with its holes, is the area that the table tells.
    for one in vignettes:
        pieces, _ = ndimage.label(one.pixels > 19, np.ones((3, 3)))
        largest = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
        area = round(one.measured["area"] / 0.073**2)
        assert ndimage.binary_fill_holes(largest).sum() == pytest.approx(area, abs=2)


def test_inspect_recognises_the_real_archive(shared_data):
    said = inspection.inspect(shared_data(ZIP), "uvp6")
    assert (said["samples"], said["objects"]) == (1, 15)
    assert "uvp6" in __import__("seston.readers", fromlist=["x"]).recognise(shared_data(ZIP))


def test_inspect_recognises_and_counts(found):
    said = inspection.inspect(found[0] / "files" / PROJECT)
    assert (said["instrument"], said["samples"], said["frames"]) == ("uvp6", 2, 396)
    assert said["particles_volume_m3"]["sim_01"] == pytest.approx(192 * 0.65e-3)
    sent = inspection.inspect(found[0] / "files" / "realtime")
    assert (sent["instrument"], sent["samples"]) == ("uvp6", 2)


def test_vignettes_in_a_folder_are_those_of_the_archive(project, open_reader):
    packed = open_reader(project, "uvp6")
    frames = packed.frames()
    held = frames[frames["vignettes"] > 0]
    one = {p: list(packed.vignettes(p, r["index_in_file"].tolist()))
           for p, r in held.groupby("path")}  # fmt: skip
    for path in project.glob("ecodata/*/*_Images.zip"):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(path.with_suffix(""))
        path.unlink()
    unpacked = open_reader(project, "uvp6")
    pd.testing.assert_frame_equal(unpacked.frames(), frames)
    for path, rows in held.groupby("path"):
        other = unpacked.vignettes(path, rows["index_in_file"].tolist())
        for mine, theirs in zip(one[path], other, strict=True):
            assert [v.source_id for v in mine] == [v.source_id for v in theirs]
            for a, b in zip(mine, theirs, strict=True):
                np.testing.assert_array_equal(a.pixels, b.pixels)
    assert all(p.is_file() for p in unpacked.other_files())


def test_a_folder_of_vignettes_alone_is_a_sample(shared_data, tmp_path, open_reader):
    with zipfile.ZipFile(shared_data(ZIP)) as archive:
        archive.extractall(tmp_path / "b_da_19_Images")
    said = inspection.inspect(tmp_path, "uvp6")
    assert (said["samples"], said["objects"]) == (1, 15)
    reader = open_reader(tmp_path, "uvp6")
    frames = reader.frames()
    vignettes = [v for found in reader.vignettes(frames["path"][0],
                 frames["index_in_file"].tolist()) for v in found]  # fmt: skip
    assert sum(v.pixels is not None for v in vignettes) == 15


def test_taxa_that_the_camera_sorted_are_said_not_to_be_read(found, tmp_path):
    folder = shutil.copytree(found[0] / "files" / "realtime", tmp_path / "realtime")
    lpm = next(folder.rglob("*_LPM.txt"))
    lpm.with_name(lpm.name.replace("_LPM", "_TAXO2")).write_text("DATE_TIME\tx\n")
    said = inspection.inspect(folder)
    assert any("1 files of taxa that the camera sorted on board" in p["what"]
               for p in said["problems"])  # fmt: skip


def test_a_picture_outside_its_archive_is_not_read(project, open_reader):
    path = project / "ecodata" / "sim_01" / "sim_01_Images.zip"
    with zipfile.ZipFile(path) as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data.replace(b"sub1/", b"../../") if "ecotaxa" in name else data)
    reader = open_reader(project, "uvp6")
    frames = reader.frames()
    held = frames[(frames["vignettes"] > 0) & (frames["sample"] == "sim_01")]
    found = next(iter(reader.vignettes(held["path"].iloc[0], held["index_in_file"].tolist()[:1])))
    assert found[0].pixels is None


def test_a_bomb_is_refused(tmp_path, open_reader):
    path = tmp_path / "x_Particule.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.ini", b"0" * (1 << 24))
        archive.writestr("particules.csv", b"1" * (1 << 24))
    frames = open_reader(tmp_path, "uvp6").frames()
    assert frames["usable"].tolist() == [0]


def test_the_same_seed_gives_the_same_bytes(found, tmp_path):
    simulators()["uvp6"](tmp_path / "again", "tiny", 1, 1)
    for path in (found[0] / "files").rglob("*"):
        if path.is_file():
            twin = tmp_path / "again" / path.relative_to(found[0] / "files")
            assert path.read_bytes() == twin.read_bytes()


@pytest.mark.parametrize("part", [PROJECT, "realtime"])
@given(how=damage.damages())
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_damaged_files_give_domain_errors_only(found, open_reader, tmp_path_factory, part, how):
    folder = tmp_path_factory.mktemp("damaged") / part
    shutil.copytree(found[0] / "files" / part, folder)
    damage.damage(folder, how)
    damage.read_all(open_reader(folder, "uvp6"))
    damage.inspect(folder)
