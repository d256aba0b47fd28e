"""UVP5 projects: simulated ones found again, and damaged ones."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings

import campaigns
import damage
from seston import inspection
from seston.keys import Keys
from seston.readers.uvp_tables import decimal_degrees
from seston.simulate.instruments import simulators
from seston.stages.export import ecopart
from seston.stages.particles import particles

PROJECT = "uvp5_sn000_sim_2020"
HEADER = "meta/uvp5_header_sn000_sim_2020.txt"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uvp5")
    campaign = campaigns.simulate(folder, "uvp5")
    with campaigns.one_worker() as client:
        objects, profiles = campaigns.run(campaign, client)
    particles(campaign)
    return folder, campaign, objects, profiles, xr.open_zarr(campaign.particles, chunks=None)


@pytest.fixture
def project(found, tmp_path):
    """A copy to change."""
    return shutil.copytree(found[0] / "files" / PROJECT, tmp_path / PROJECT)


def truth(found) -> pd.DataFrame:
    return pd.read_csv(found[0] / "files" / "truth" / "objects.csv")


def test_the_truth_lies_in_the_interval(found):
    held = campaigns.inside_the_interval(*found[2:4], found[0] / "files" / "truth")
    assert held.mean() >= 0.9


def test_every_object_is_found_at_its_place_with_its_area_and_name(found):
    _, _, objects, _, _ = found
    wanted = truth(found).set_index("source_id")
    area = list(objects["feature"].to_numpy()).index("area")
    ours = pd.DataFrame({
        "id": objects["source_id"].to_numpy().astype(object), "top": objects["top"].to_numpy(),
        "left": objects["left"].to_numpy(),
        "area": objects["features"].to_numpy()[:, area],
        "taxon": objects["taxon"].to_numpy()[objects["validated_taxon"].to_numpy()].astype(object),
    }).set_index("id").loc[wanted.index]  # fmt: skip
    assert len(ours) == objects.sizes["object"]
    np.testing.assert_allclose(ours["area"], wanted["area_px"] * 0.088**2, rtol=1e-5)
    assert (ours[["top", "left", "taxon"]] == wanted[["top", "left", "taxon"]]).all().all()


def test_particles_are_those_that_were_placed(found):
    folder, _, _, _, data = found
    placed = pd.read_csv(folder / "files" / "truth" / "particles.csv")
    water = pd.read_csv(folder / "files" / "truth" / "water.csv").iloc[placed["water"]]
    by = placed.groupby([water["sample"].to_numpy(), water["depth_min"].to_numpy()])["number"].sum()
    ours = data["count"].sum("size_class").to_series()
    ours.index = pd.MultiIndex.from_tuples(
        [(str(data["sample"].to_numpy()[p]), d - 2.5) for p, d in ours.index])  # fmt: skip
    assert ours[ours > 0].to_dict() == by.to_dict()
    np.testing.assert_allclose(data["imaged_volume"], 24 * 1.13e-3)


def test_images_on_the_way_up_count_only_without_the_filter(found):
    folder, campaign, *_ = found
    frames = campaign.reader(campaign.deployments[0]).frames()
    up = frames["problem"].str.startswith("on the way up")
    assert up.sum() == 14
    assert not frames.loc[up, "usable"].any()
    change = {"uvp5": {"cast": {"descent_filter": False}}}
    other = campaigns.write_campaign(folder, "uvp5", {"path": f"files/{PROJECT}"},
                                     instruments=change)  # fmt: skip
    frames = other.reader(other.deployments[0]).frames()
    assert frames["usable"].all()


def test_ecopart_misses_the_water_of_metres_without_particles(found):
    _, campaign, _, _, data = found
    reader = campaign.reader(campaign.deployments[0])
    from seston.config import Particles
    from seston.ecology.particle_dataset import build_particles
    from seston.stages.particles import bin_sample

    rule = Particles(ecopart_compat=True)
    binned = [bin_sample(s, reader.deployment, rule) for s in reader.particles()]
    theirs = build_particles(binned, 5.0)
    assert float(theirs["imaged_volume"].sum()) <= float(data["imaged_volume"].sum())
    assert float(theirs["count"].sum()) == float(data["count"].sum())


def test_temperature_lies_beside_the_counts_of_its_cast(found):
    np.testing.assert_allclose(found[3]["temperature"].to_numpy()[:, 1], 22 - 0.08 * 7, atol=1e-4)


def test_it_is_written_as_ecoparts_tables(found, tmp_path):
    ecopart(found[1].folder, tmp_path / "out", stamp="20200601_00_00")
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert "export_detailed_20200601_00_00_PAR_sim_01.tsv" in names
    assert "export_reduced_20200601_00_00_ZOO_sim_02.tsv" in names
    table = pd.read_csv(
        tmp_path / "out" / "export_detailed_20200601_00_00_ZOO_sim_01.tsv", sep="\t"
    )
    count = (
        table.filter(regex=r"# m-3").to_numpy() * table[["Sampled volume [L]"]].to_numpy() / 1000
    )
    mine = truth(found)["source_id"].str.startswith("sim_01").sum()
    assert count.sum() == pytest.approx(mine)


def test_the_same_seed_gives_the_same_bytes(found, tmp_path):
    simulators()["uvp5"](tmp_path / "again", "tiny", 1, 1)
    for path in (found[0] / "files").rglob("*"):
        if path.is_file():
            twin = tmp_path / "again" / path.relative_to(found[0] / "files")
            assert path.read_bytes() == twin.read_bytes()


@pytest.mark.parametrize(("text", "value"), [
    ("43.3000", 43.5), ("-7.1500", -7.25), ("-0.3000", -0.5), ("43°30 0", 43.5),
    ("-17°15 36", -17.26), ("43.7500", np.nan), ("", np.nan), ("east", np.nan), ("43,3", 43.5),
])  # fmt: skip
def test_headers_tell_minutes_as_hundredths(text, value):
    assert decimal_degrees(text) == pytest.approx(value, nan_ok=True)


def test_first_and_last_image_and_offset_are_heeded(project, open_reader):
    path = project / HEADER
    path.write_text(path.read_text().replace(";1;1.13;", ";11;1.13;").replace(";999999;", ";50;"))
    frames = open_reader(project, "uvp5").frames()
    first = frames[frames["sample"] == "sim_01"]
    assert first["problem"].iloc[9] == "before the first image of the cast"
    assert first["usable"].iloc[10] == 1
    assert first["problem"].iloc[50] == "after the last image of the cast"


def test_a_position_that_is_none_is_a_problem_not_a_place(project, open_reader):
    path = project / HEADER
    path.write_text(path.read_text().replace("7.180000", "987.180000"))
    frames = open_reader(project, "uvp5").frames()
    assert frames["longitude"].isna().all()
    assert frames["problem"].str.startswith("the header's position is none").any()


def test_a_profile_without_its_lists_is_one_frame_that_says_so(project, open_reader):
    (project / "results" / "sim_01_datfile.txt").unlink()
    frames = open_reader(project, "uvp5").frames()
    bad = frames[frames["sample"] == "sim_01"]
    assert bad["usable"].tolist() == [0]
    assert "no list of the images" in bad["problem"].iloc[0]
    assert (frames.loc[frames["sample"] == "sim_02", "usable"] == 1).any()


def test_a_cast_without_vignettes_has_particles_and_no_water_for_objects(project, open_reader):
    shutil.rmtree(project / "work" / "sim_01")
    reader = open_reader(project, "uvp5")
    frames = reader.frames()
    assert frames.loc[frames["sample"] == "sim_01", "imaged_volume"].sum() == 0
    assert len(list(reader.particles())) == 2


def test_a_list_of_particles_that_changes_is_read_again(project, tmp_path):
    row = {"path": PROJECT}
    before = Keys(campaigns.write_campaign(tmp_path, "uvp5", row)).manifest
    with (project / "results" / "sim_01.bru").open("a") as file:
        file.write("3;\t9;\t70;\t60;\t1;\t1\n")
    assert Keys(campaigns.write_campaign(tmp_path, "uvp5", row)).manifest != before


def test_the_workflow_bins_particles_only_where_an_instrument_counts_them(found, tmp_path):
    from seston.plan import open_plan

    (tmp_path / "pictures").mkdir()
    rows = [("uvp", "uvp5", found[0] / "files" / PROJECT), ("other", "stills", "pictures")]
    lines = [f"{name},it,{kind},{tmp_path / path}" for name, kind, path in rows]
    table = tmp_path / "campaigns.csv"
    table.write_text("campaign,deployment,instrument,path\n" + "\n".join(lines) + "\n")
    config = tmp_path / "config.yaml"
    config.write_text(f"campaigns: {table}\nresults: results\n")
    assert open_plan([config]).particles() == ["results/uvp/particles.zarr"]


def test_inspect_recognises_and_counts(found):
    said = inspection.inspect(found[0] / "files" / PROJECT)
    assert (said["instrument"], said["samples"], said["frames"]) == ("uvp5", 2, 398)
    assert said["pixel_size_mm"] == [0.088, 0.088]
    assert said["imaged_volume_m3"]["sim_01"] == pytest.approx(
        (192 + 7) * 1.13e-3, rel=0.05)  # fmt: skip


@given(damage.damages())
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_damaged_projects_give_domain_errors_only(found, open_reader, tmp_path_factory, how):
    folder = tmp_path_factory.mktemp("damaged") / PROJECT
    shutil.copytree(found[0] / "files" / PROJECT, folder)
    damage.damage(folder, how)
    damage.read_all(open_reader(folder, "uvp5"))
    damage.inspect(folder)
