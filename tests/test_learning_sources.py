"""The one door to learning sets: EcoTaxa's bundles and the labels of a campaign's objects."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawings import draw, write_learning_set
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import campaigns
from seston.errors import ConfigError, InputError, SestonError, StoreError
from seston.learn.sets.learning_set import LearningSet
from seston.stages.learning_set import open_learning_set
from seston.store import open_group

HEADER = [
    "object_id", "img_file_name", "object_lat", "object_lon", "object_date", "object_time",
    "object_depth_min", "object_depth_max", "object_area", "object_width", "object_height",
    "object_annotation_category", "object_annotation_status", "object_annotation_hierarchy",
    "sample_id", "sample_tot_vol",
    "acq_id", "acq_sub_part", "process_particle_pixel_size_mm",
]  # fmt: skip
#: taxon, status, sample
ROWS = [
    ("disc", "validated", "haul 1"), ("disc", "validated", "haul 2"),
    ("bar", "validated", "haul 1"), ("bar", "validated", "haul 2"),
    ("cross", "predicted", "haul 1"), ("", "", "haul 2"),
]  # fmt: skip

ABOVE = {"disc": "living>Chromista>disc", "bar": "not-living>detritus > bar"}


def write_bundle(path: Path, *, footer: bool = False) -> Path:
    """Write a zip as EcoTaxa imports it: two samples, each validated object with its picture."""
    rng = np.random.default_rng(5)
    lines = [HEADER, ["[t]"] * len(HEADER)]
    with zipfile.ZipFile(path, "w") as archive:
        for i, (taxon, status, sample) in enumerate(ROWS):
            picture = draw(taxon or "disc", rng, 24 + i)
            if footer:
                picture = with_footer(picture)
            archive.writestr(f"pictures/{i}.png", cv2.imencode(".png", picture)[1].tobytes())
            height, width = picture.shape
            lines.append([
                f"o{i}", f"pictures/{i}.png", "43.5", "7.3", "20210615", "1200", "0", "100",
                "100", str(width), str(height), taxon, status,
                ABOVE.get(taxon, ""), sample, "50", sample, "4", "0.0106",
            ])  # fmt: skip
        table = "\n".join("\t".join(line) for line in lines) + "\n"
        archive.writestr("ecotaxa_net.tsv", table)
    return path


def with_footer(picture: np.ndarray) -> np.ndarray:
    out = np.full((picture.shape[0] + 31, max(picture.shape[1], 37)), 254, np.uint8)
    out[: picture.shape[0], : picture.shape[1]] = picture
    out[-4, 9:37] = 0
    return out


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "bundle.zip")


def test_a_bundle_gives_its_validated_objects_in_groups_of_its_samples(bundle: Path) -> None:
    found = open_learning_set(bundle)
    assert found.taxa == ("bar", "disc")
    assert found.origins == ("o0", "o2", "o1", "o3")  # sample by sample
    assert found.groups == ("haul 1", "haul 1", "haul 2", "haul 2")
    assert found.left_out == {"objects that nobody validated": 1, "without a label": 1}
    np.testing.assert_array_equal(found.pixel_sizes_mm, [(0.0106, 0.0106)] * 4)
    expected = draw("disc", np.random.default_rng(5), 24)
    np.testing.assert_array_equal(found.vignettes[0], expected)


def test_a_hierarchy_tells_lineage_and_what_does_not_live(bundle: Path) -> None:
    found = open_learning_set(bundle).taxonomy
    assert found["disc"].lineage == ("living", "Chromista")
    assert found["bar"].lineage == ("not-living", "detritus")
    assert (found["disc"].plankton, found["bar"].plankton) == (True, False)


def test_what_does_not_live_stays_so_where_a_table_tells_its_group_alone(
    bundle: Path, tmp_path: Path
) -> None:
    (tmp_path / "taxa.csv").write_text("label,name,group\nbar,bar,dead\n")
    bar = open_learning_set(bundle, taxonomy=tmp_path / "taxa.csv").taxonomy["bar"]
    assert (bar.group, bar.plankton, bar.lineage) == ("dead", False, ("not-living", "detritus"))
    (tmp_path / "taxa.csv").write_text("label,plankton\nbar,1\n")
    assert open_learning_set(bundle, taxonomy=tmp_path / "taxa.csv").taxonomy["bar"].plankton


def test_predicted_objects_can_be_had_too(bundle: Path) -> None:
    found = open_learning_set(bundle, statuses=("validated", "predicted"))
    assert found.taxa == ("bar", "cross", "disc")


def test_a_folder_is_as_good_as_a_zip(bundle: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(tmp_path / "folder")
    assert open_learning_set(tmp_path / "folder").sha256 == open_learning_set(bundle).sha256


def test_the_scale_bar_of_a_bundle_is_cut_off(bundle: Path, tmp_path: Path) -> None:
    plain = open_learning_set(bundle)
    found = open_learning_set(write_bundle(tmp_path / "footer.zip", footer=True))
    assert [v.shape[0] for v in found.vignettes] == [v.shape[0] for v in plain.vignettes]


def test_a_table_of_taxa_is_a_path_too(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "taxa.csv").write_text("label,name,plankton\ndisc,Coscinodiscus,1\nbar,fibre,0\n")
    found = open_learning_set(bundle, taxonomy=tmp_path / "taxa.csv")
    assert found.taxa == ("Coscinodiscus", "fibre")
    assert not found.taxonomy["fibre"].plankton
    with pytest.raises(ConfigError, match="cannot be read"):
        open_learning_set(bundle, taxonomy=tmp_path / "none.csv")


def test_real_bundles_are_read(shared_data, caplog) -> None:
    every = ("validated", "predicted", "dubious")
    found = open_learning_set(shared_data("ecotaxa/import_test.zip"), statuses=every)
    assert len(found.labels) == 8
    assert "Oncaeidae" in found.taxa
    assert found.groups is not None
    assert set(found.groups) == {"m106_mn01_n1_sml", "m106_mn01_n2_sml"}
    with pytest.raises(InputError, match="15 without a label"):
        open_learning_set(shared_data("ecotaxa/uvp6_import_b_da_19_Images.zip"))
    with pytest.raises(InputError, match="7,631 objects without a picture"):
        open_learning_set(shared_data("ecotaxa/planktoscope_export_global.tsv.gz"))


def test_folders_and_tables_come_through_the_same_door(tmp_path: Path) -> None:
    folder = write_learning_set(tmp_path / "drawings", per_class=3)
    rows = "".join(f"{p.relative_to(folder)},{p.parent.name}\n" for p in folder.glob("*/*.png"))
    (folder / "set.csv").write_text("path,label\n" + rows)
    assert open_learning_set(folder / "set.csv").sha256 == open_learning_set(folder).sha256


@pytest.mark.parametrize("name", ["none", "none.csv", "none.zip", "none.zarr"])
def test_what_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=name):
        open_learning_set(tmp_path / name)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1), content=st.binary(min_size=1, max_size=40), cut=st.booleans())
def test_a_damaged_zip_is_an_error_of_ours_or_a_set(bundle: Path, place, content, cut) -> None:
    whole = write_bundle_bytes()
    at = int(place * len(whole))
    damaged = whole[:at] + content + (b"" if cut else whole[at + len(content) :])
    path = bundle.with_name("damaged.zip")
    path.write_bytes(damaged)
    try:
        assert isinstance(open_learning_set(path), LearningSet)
    except SestonError as error:
        assert "damaged.zip" in str(error)


def write_bundle_bytes() -> bytes:
    if not _WHOLE.getvalue():
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            _WHOLE.write(write_bundle(Path(folder) / "b.zip").read_bytes())
    return _WHOLE.getvalue()


_WHOLE = io.BytesIO()


# --------------------------------------------------------------------------------- a campaign
@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """A campaign of the bundle, gathered: people's labels are in its objects."""
    folder = tmp_path_factory.mktemp("campaign")
    write_bundle(folder / "bundle.zip")
    made = campaigns.write_campaign(
        folder, "ecotaxa", {"path": "bundle.zip"},
        instruments={"ecotaxa": {"segmentation": {"min_esd_mm": 0.001, "background": "level"}}},
    )  # fmt: skip
    with campaigns.one_worker() as client:
        campaigns.run(made, client)
    return made


def test_the_validated_objects_of_a_campaign_are_a_learning_set(campaign) -> None:
    found = open_learning_set(campaign.objects)
    assert found.taxa == ("bar", "disc")
    assert np.bincount(found.labels).tolist() == [2, 2]
    assert found.left_out == {"objects that nobody validated": 2}
    group = open_group(campaign.objects)
    np.testing.assert_allclose(found.pixel_sizes_mm, 0.0106)
    assert found.groups is not None
    assert set(found.groups) <= set(group["frame_id"][:].astype(object))  # type: ignore[index]
    assert len(set(found.groups)) == 2
    assert all(v.max() <= 255 and v.min() < 160 for v in found.vignettes)


def test_the_folder_of_the_results_will_do(campaign) -> None:
    found = open_learning_set(campaign.objects.parent)
    assert found.sha256 == open_learning_set(campaign.objects).sha256


def test_objects_that_nobody_named_are_no_learning_set(campaign, tmp_path: Path) -> None:
    objects = shutil.copytree(campaign.objects, tmp_path / "objects.zarr")
    shutil.rmtree(objects / "validated_taxon")
    with pytest.raises(StoreError):
        open_learning_set(objects)


def test_another_dataset_is_refused(campaign) -> None:
    with pytest.raises(SestonError, match=r"profiles\.zarr"):
        open_learning_set(campaign.profiles)
