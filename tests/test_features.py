"""Sets of features: what the configuration chooses is what the dataset holds, and no more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import campaigns
from seston import config as cfg
from seston.errors import ConfigError, StoreError
from seston.features import ALWAYS, CHEAP, FEATURES, SETS, names_of
from seston.keys import Keys
from seston.readers import register
from seston.readers import registry as register_room
from seston.stages.pieces import Piece, check_alike
from seston.store import open_group, read_feature
from seston.zooprocess import COLUMNS
from test_vignettes import PIXEL_MM, Jar


def test_every_set_of_the_configuration_has_its_features_and_its_words():
    from seston.schema import COSTS

    schema = cfg.Config.model_json_schema()["properties"]["features"]
    assert schema["anyOf"][0]["enum"] == schema["anyOf"][1]["items"]["enum"] == list(SETS)
    assert set(COSTS) == set(SETS)
    assert {name: len(names) for name, names in SETS.items() if name in ("uvp6", "whoi")} == {
        "uvp6": 55,
        "whoi": 30,
    }
    assert {name for names in SETS.values() for name in names} == set(FEATURES)


def test_the_zooprocess_set_has_what_each_of_its_columns_needs():
    needed = {column.ours for column in COLUMNS.values()} & set(FEATURES)
    assert needed == set(SETS["zooprocess"])


def test_sets_are_joined_in_the_order_of_the_registry():
    names = names_of(["uvp6", "fast"])
    assert names == names_of(["fast", "uvp6", "fast"]) == (*CHEAP, *SETS["uvp6"])
    assert names_of(["uvp6"]) == (*ALWAYS, *SETS["uvp6"])


@pytest.mark.parametrize(
    ("written", "read"),
    [("all", ("all",)), ("[fast, uvp6]", ("fast", "uvp6")), ("", ("fast",))],
)
def test_one_word_or_a_list_chooses_them(tmp_path: Path, written, read):
    path = tmp_path / "config.yaml"
    path.write_text(f"features: {written}" if written else "{}")
    assert cfg.load_config(path).features == read


@pytest.mark.parametrize("written", ["none", "[]", "[fast, area]", "3"])
def test_what_is_no_set_is_refused(tmp_path: Path, written):
    path = tmp_path / "config.yaml"
    path.write_text(f"features: {written}")
    with pytest.raises(ConfigError, match="`features"):
        cfg.load_config(path)


def test_another_choice_is_another_segmentation(tmp_path: Path):
    register("jar", files="", volume="", tested="simulated")(Jar)
    try:
        (tmp_path / "jar").touch()
        one = _fingerprint(tmp_path, ["fast", "uvp6"])
        assert one == _fingerprint(tmp_path, ["uvp6", "fast"]) != _fingerprint(tmp_path, "fast")
    finally:
        del register_room._READERS["jar"]


def _fingerprint(folder: Path, features) -> str:
    campaign = campaigns.write_campaign(folder, "jar", {"path": "."}, features=features)
    return Keys(campaign).objects(campaign.shards[0])


def test_a_dataset_holds_what_was_chosen_and_what_profiles_need(tmp_path: Path):
    register("jar", files="", volume="", tested="simulated")(Jar)
    settings = {"segmentation": {"background": "level", "min_esd_mm": 0.01}}
    try:
        (tmp_path / "jar").touch()
        campaign = campaigns.write_campaign(
            tmp_path, "jar", {"path": "."}, features=["uvp6"], instruments={"jar": settings}
        )
        with campaigns.one_worker() as client:
            objects, profiles = campaigns.run(campaign, client)
    finally:
        del register_room._READERS["jar"]
    names = [str(name) for name in objects["feature"].to_numpy()]
    assert names == [*ALWAYS, *SETS["uvp6"]]
    assert [str(u) for u in objects["feature_units"].to_numpy()[:4]] == ["mm2", "mm", "px2", "px"]
    group = open_group(campaign.objects)
    area, pixels = (read_feature(group, n, slice(0, 5)) for n in ("area", "uvp6_area"))
    np.testing.assert_allclose(area[:4], pixels[:4] * PIXEL_MM**2, rtol=1e-6)
    assert area[4] == 2.0  # of the source's table: there is no picture
    assert np.isnan(pixels[4])
    assert np.isfinite(profiles["biovolume"]).any()
    with pytest.raises(StoreError, match=r"(?s)has no feature 'intensity_mean'.*`features`"):
        read_feature(group, "intensity_mean", slice(0, 5))


def test_shards_of_different_sets_are_not_gathered():
    sets = {"a": ["fast"], "b": ["fast"], "c": ["fast", "uvp6"]}
    pieces = [
        Piece(Path(f"{shard}.zarr"), rows=0, frames=0, features=tuple(names_of(chosen)))
        for shard, chosen in sets.items()
    ]
    check_alike(pieces[:2])
    with pytest.raises(StoreError, match=r"c\.zarr.* has 111 features, not the 56 of .*a\.zarr"):
        check_alike(pieces)
