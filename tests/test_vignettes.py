"""Instruments that cut out the objects themselves: from their vignettes to concentrations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import campaigns
from seston.frame import Vignette
from seston.readers import VignetteReader, register
from seston.readers import registry as register_room
from seston.readers.listing import finish
from seston.store import open_group, read_feature, read_vignettes

PIXEL_MM = 0.01
#: sample, label, status, radius in pixels; 0: the table tells an area, and there is no picture.
OBJECTS = [
    ("net-1-d1", "copepod", "validated", 10),
    ("net-1-d1", "copepod", "predicted", 6),
    ("net-1-d1", "", "", 8),
    ("net-1-d2", "copepod", "predicted", 4),
    ("net-2", "salp", "validated", 0),
]


class Jar(VignetteReader):
    """Two net hauls; the first was divided in a coarse and a fine fraction."""

    @classmethod
    def can_open(cls, path: Path) -> bool:
        return (path / "jar").exists()

    def files(self) -> list[Path]:
        return [Path("jar")]

    def frames(self) -> pd.DataFrame:
        frames = pd.DataFrame({
            "path": "jar", "index_in_file": [0, 1, 2, 3], "height": 500, "width": 500,
            "usable": 1, "problem": "", "line_interval": 0.0,
            "first_line": [0, 500, 1000, 1500], "scan": [0, 1, 2, 3],
            "time": pd.to_datetime(["2020-05-01", "2020-05-01", "2020-05-02", "2020-05-03"]),
            "sample": ["net-1", "net-1", "net-2", "net-3"], "latitude": 43.0, "longitude": 7.0,
            "depth_min": 0.0, "depth_max": [200.0, 200.0, 100.0, 100.0],
            "pixel_height": PIXEL_MM, "pixel_width": PIXEL_MM,
            "subsample_factor": [2.0, 16.0, 1.0, 1.0], "vignettes": [3, 1, 1, 0],
        })  # fmt: skip
        # The second fraction is of the same water, which counts once.
        return finish(frames, self.deployment.deployment, pd.Series([8.0, 0, 4, 4]), "header")

    def vignettes(self, path: str, indices: Sequence[int]) -> Iterator[list[Vignette]]:
        names = ["net-1-d1", "net-1-d2", "net-2", "net-3"]
        for index in indices:
            yield [
                vignette(10 * i, 20 + 3 * i, *rest, source_id=f"o{i}")
                for i, (sample, *rest) in enumerate(OBJECTS)
                if sample == names[index]
            ]

    def environment_files(self) -> list[Path]:
        return []

    def environment(self) -> xr.Dataset:
        return xr.Dataset(coords={"time": np.empty(0, "datetime64[ns]")})


def vignette(top, left, label, status, radius, source_id) -> Vignette:
    named = {"label": label, "status": status, "source_id": source_id}
    if not radius:
        return Vignette(top, left, 30, 40, measured={"area": 2.0}, **named)
    y, x = np.mgrid[-radius - 3 : radius + 4, -radius - 3 : radius + 4]
    picture = np.where(np.hypot(y, x) <= radius, 60, 200).astype(np.uint8)
    return Vignette(top, left, *picture.shape, pixels=picture, **named)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jars")
    (folder / "jar").touch()
    register("jar", files="", volume="", tested="simulated")(Jar)
    settings = {"segmentation": {"background": "level", "min_esd_mm": 0.01}}
    try:
        campaign = campaigns.write_campaign(folder, "jar", {"path": "."},
                                            instruments={"jar": settings})  # fmt: skip
        with campaigns.one_worker() as client:
            objects, profiles = campaigns.run(campaign, client)
        yield campaign, objects, profiles
    finally:
        del register_room._READERS["jar"]


def test_every_object_is_there_with_its_place_name_and_label(found):
    _, objects, _ = found
    assert objects["source_id"].to_numpy().tolist() == ["o0", "o1", "o2", "o3", "o4"]
    assert objects["top"].to_numpy().tolist() == [0, 10, 20, 30, 40]
    assert objects["left"].to_numpy().tolist() == [20, 23, 26, 29, 32]
    assert objects["depth"].to_numpy().tolist() == [100, 100, 100, 100, 50]
    taxon = [*objects["taxon"].to_numpy(), "none"]
    assert [taxon[i] for i in objects["validated_taxon"].to_numpy()] == [
        "copepod", "none", "none", "none", "salp"]  # fmt: skip
    assert [taxon[i] for i in objects["predicted_taxon"].to_numpy()] == [
        "none", "copepod", "none", "copepod", "none"]  # fmt: skip


def test_areas_are_those_of_the_discs_and_of_the_table(found):
    campaign, _, _ = found
    area = read_feature(open_group(campaign.objects), "area", slice(0, 5))
    radii = np.array([r for *_, r in OBJECTS])
    discs = [np.count_nonzero(np.hypot(*np.mgrid[-r : r + 1, -r : r + 1]) <= r) for r in radii[:4]]
    np.testing.assert_allclose(area[:4], np.array(discs) * PIXEL_MM**2, rtol=1e-6)
    assert area[4] == 2.0


def test_vignettes_are_kept_whole_with_their_water_at_240(found):
    campaign, _, _ = found
    vignettes = read_vignettes(open_group(campaign.objects), slice(0, 5))
    assert [v.shape for v in vignettes] == [(27, 27), (19, 19), (23, 23), (15, 15), (0, 0)]
    assert vignettes[0][0, 0] == 240
    assert vignettes[0][13, 13] == 72
    assert read_vignettes(open_group(campaign.objects), [4])[0].size == 0


def test_a_fraction_counts_for_what_was_divided_away_and_water_counts_once(found):
    _, _, profiles = found
    assert profiles["sample"].to_numpy().tolist() == ["net-1", "net-2", "net-3"]
    assert profiles["depth_max"].to_numpy().tolist() == [200, 100, 100]
    by_sample = profiles.sel(taxon="copepod").sum("depth", min_count=1)
    assert by_sample["count"].to_numpy().tolist() == [3, 0, 0]
    assert by_sample["individuals"].to_numpy().tolist() == [2 + 2 + 16, 0, 0]
    assert by_sample["concentration"].to_numpy().tolist() == [20 / 8, 0, 0]
    assert profiles["imaged_volume"].sum("depth").to_numpy().tolist() == [8, 4, 4]


def test_objects_without_a_name_are_counted_apart(found):
    _, _, profiles = found
    assert profiles["taxon"].to_numpy().tolist() == ["copepod", "salp", "object"]
    assert int(profiles["count"].sel(taxon="object").sum()) == 1
