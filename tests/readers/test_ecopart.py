"""EcoPart's exports: its detailed and reduced tables come out of its raw ones, to the digits."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings

import damage
from seston import inspection
from seston.config import Particles
from seston.ecology.particle_dataset import build_particles
from seston.publish.ecopart import write_tables
from seston.stages.particles import bin_sample

CASTS = [f"{kind}sample{n}" for kind in ("bru", "uvpapp") for n in ("01", "02", "03")]
SERIES = ["uvpappsampleT1", "uvpappsampleT2", "uvpappsampleT3"]
SENT = [f"lambdasample{n}" for n in ("01", "02", "03", "T1", "T2", "T3")]


@pytest.fixture(scope="module")
def reader(shared_data, open_reader):
    return open_reader(shared_data("ecopart"), "ecopart")


@pytest.fixture(scope="module")
def samples(reader):
    return {s.sample: s for s in reader.particles()}


@pytest.fixture(scope="module")
def tables(reader, samples, tmp_path_factory) -> Path:
    """What `seston export ecopart` writes of them."""
    rule = Particles(ecopart_compat=True)
    binned = [bin_sample(s, reader.deployment, rule) for s in samples.values()]
    folder = tmp_path_factory.mktemp("tables")
    write_tables(build_particles(binned, 5.0), folder, objects(reader))
    return folder


def objects(reader) -> pd.DataFrame:
    frames = reader.frames()
    held = frames[frames["vignettes"] > 0]
    rows = []
    for path, group in held.groupby("path"):
        found = reader.vignettes(path, group["index_in_file"].tolist())
        for vignettes, frame in zip(found, group.itertuples(), strict=True):
            rows += [(frame.sample, v.label, frame.depth_min,
                      2 * np.sqrt(v.measured["area_filled"] / np.pi))
                     for v in vignettes if v.status == "validated"]  # fmt: skip
    return pd.DataFrame(rows, columns=["sample", "taxon", "depth", "diameter_mm"])


def read(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text("latin-1").splitlines()]


def theirs(shared_data, kind: str, name: str) -> list[list[str]]:
    folder = (
        shared_data("ecopart") / {"detailed": "tsv_det_multi", "reduced": "tsv_reduit_multi"}[kind]
    )
    return read(next(folder.glob(f"*_{name}.tsv")))


def assert_same(ours: list[list[str]], wanted: list[list[str]], exact: int) -> None:
    """The same cells: those before `exact` as texts, numbers to a unit of the 15th digit."""
    assert ours[0] == wanted[0]
    assert len(ours) == len(wanted)
    for mine, other in zip(ours[1:], wanted[1:], strict=True):
        assert mine[:exact] == other[:exact]
        assert [m == "" for m in mine] == [o == "" for o in other]
        own, good = (np.array([float(x or 0) for x in row[3:]]) for row in (mine, other))
        np.testing.assert_allclose(own, good, rtol=1.2e-14, atol=0)


@pytest.mark.parametrize("kind", ["detailed", "reduced"])
@pytest.mark.parametrize("sample", [*CASTS, *SERIES, *SENT])
def test_particles_are_those_of_ecopart(shared_data, tables, kind, sample):
    classes = 45 if kind == "detailed" else 15
    wanted = theirs(shared_data, kind, f"PAR_{sample}")
    # Names, times, depths, volumes and concentrations are the same texts.
    exact = 5 + (classes if kind == "detailed" else 0)
    assert_same(read(tables / f"export_{kind}_PAR_{sample}.tsv"), wanted, exact)


@pytest.mark.parametrize("kind", ["detailed", "reduced"])
@pytest.mark.parametrize("sample", ["brusample01", "uvpappsample01"])
def test_sorted_objects_are_those_of_ecopart(shared_data, tables, kind, sample):
    wanted = theirs(shared_data, kind, f"ZOO_{sample}")
    assert_same(read(tables / f"export_{kind}_ZOO_{sample}.tsv"), wanted, 5)


def test_the_summary_is_that_of_ecopart_but_for_the_unit_of_pixels(shared_data, tables):
    wanted = theirs(shared_data, "detailed", "Export_metadata_summary")
    ours = {row[0]: row for row in read(tables / "export_detailed_Export_metadata_summary.tsv")}
    assert ours["profile"] == wanted[0]
    for row in wanted[1:]:
        mine = ours[row[0]]
        assert mine[:12] == row[:12]
        assert mine[12] == ("0.073" if row[12] == "73.0" else row[12])  # micrometres there
        assert mine[15] == row[15]


def test_our_own_rule_counts_the_same_water_here_and_knows_what_was_not_seen(reader, samples):
    compat, ours = Particles(ecopart_compat=True), Particles()
    both = [build_particles([bin_sample(samples["uvpappsample02"], reader.deployment, rule)], 5.0)
            for rule in (compat, ours)]  # fmt: skip
    np.testing.assert_allclose(both[0]["imaged_volume"], both[1]["imaged_volume"])
    np.testing.assert_allclose(both[0]["count"].sum("size_class"),
                               both[1]["count"].sum("size_class"))  # fmt: skip
    assert both[0]["count"].isel(depth=0, size_class=0).item() == 0
    assert np.isnan(both[1]["count"].isel(depth=0, size_class=0).item())


def test_frames_hold_water_only_where_objects_were_recorded(reader):
    frames = reader.frames()
    water = frames.groupby("sample")["imaged_volume"].sum()
    assert water["brusample01"] == pytest.approx(300 * 1.13e-3)
    assert water["brusample02"] == 0
    assert frames.groupby("sample")["vignettes"].sum()["uvpappsample01"] == 3100
    vignette = next(iter(reader.vignettes(frames["path"][0], [0])))[0]
    assert vignette.label == "living>Eukaryota>Harosa>Rhizaria>Retaria>Acantharea"
    assert vignette.measured["area_filled"] == pytest.approx(300 * 0.088**2)


def test_the_environment_names_the_cast_of_each_record(reader):
    environment = reader.environment()
    names = environment["sample"].to_numpy().tolist()
    assert names.count("brusample02") == 497
    assert names.count("uvpappsample03") == 1010
    one = environment.isel(time=np.flatnonzero(environment["sample"] == "brusample02"))
    assert one["temperature"].to_numpy()[0] == pytest.approx(15.1358)
    assert one["depth"].to_numpy()[0] == one["pressure"].to_numpy()[0] == 6.0


def test_the_real_ctd_files_are_read(shared_data):
    from seston.readers.ctd import read_ctd

    first = read_ctd(shared_data("ecopart/ctd1.ctd"))
    assert len(first) == 497
    assert first["depth [m]"][0] == 5.932
    assert first["chloro fluo [mg chl m-3]"][0] == 1.4261
    assert len(read_ctd(shared_data("ecopart/ctd2.ctd"))) == 1010


def test_inspect_recognises_and_counts(shared_data):
    found = inspection.inspect(shared_data("ecopart"))
    assert (found["instrument"], found["samples"], found["objects"]) == ("ecopart", 15, 9300)
    assert found["particles_volume_m3"]["lambdasampleT3"] == pytest.approx(0.19662 + 4 * 0.19323
                                                                           + 0.04746)  # fmt: skip


@given(damage.damages())
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_damaged_exports_give_domain_errors_only(shared_data, open_reader, tmp_path_factory, how):
    folder = tmp_path_factory.mktemp("export")
    raw = shared_data("ecopart") / "raw_multi"
    for name in ("*summary.tsv", "*uvpappsampleT1_PAR*", "*sampleT2_CTD*", "lambdasample01*",
                 "*uvpappsampleT2_PAR*"):  # fmt: skip
        for path in raw.glob(name):
            shutil.copyfile(path, folder / path.name)
    zoo = next(raw.glob("*uvpappsampleT1_ZOO*"))
    lines = zoo.read_bytes().split(b"\n")[:40]
    (folder / zoo.name).write_bytes(b"\n".join(lines) + b"\n")
    damage.damage(folder, how)
    damage.read_all(open_reader(folder, "ecopart"))
    damage.inspect(folder)


@pytest.mark.parametrize("name", ["tsv_det_multi", "tsv_reduit_multi"])
def test_tables_of_results_are_known_and_what_to_read_in_their_place(shared_data, name):
    found = inspection.inspect(shared_data("ecopart") / name)
    assert (found["instrument"], found["samples"]) == ("ecopart", None)
    assert "but one of tables of results" in found["problems"][0]["what"]
