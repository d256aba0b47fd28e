"""Blocks of shards: what is whole stays, what is not is made again, and the bytes are the same."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from distributed import Client

import tiny
from seston.campaign import Campaign, Shard, load_campaign
from seston.cluster import Allocation, allocation, connect
from seston.errors import DamageError, StoreError, TimeUpError
from seston.plan import open_plan
from seston.stages import blocks
from seston.stages.blocks import gather_mended, segment_part
from seston.stages.pieces import read_piece
from seston.store import content_of, length, new_scores, open_group


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with connect(cores=1) as client:
        yield client


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, client: Client) -> Path:
    """A campaign of two shards in one block, segmented and gathered; give its configuration."""
    folder = tmp_path_factory.mktemp("tow")
    config = tiny.prepare(folder, tiny.simulate(folder / "simulated"))
    campaign = tiny.ingest(config)
    segment_part(campaign, campaign.blocks[0], client)
    gather_mended(campaign, client)
    return config


@pytest.fixture
def campaign(done: Path) -> Iterator[Campaign]:
    """The campaign, for a test to damage; as it was, afterwards."""
    campaign = load_campaign(done, "tow")
    kept = campaign.folder.with_name("kept")
    shutil.copytree(campaign.folder, kept)
    yield campaign
    shutil.rmtree(campaign.folder)
    kept.rename(campaign.folder)


def store(campaign: Campaign, number: int) -> Path:
    return campaign.shard_folder(campaign.shards[number].name) / "objects.zarr"


def segmented(
    campaign: Campaign, client: Client, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], list[str]]:
    """Give a function that works through the block and tells which shards it segmented."""
    made: list[str] = []
    real = blocks.segment

    def noted(campaign: Campaign, shard: Shard, client: Client) -> None:
        made.append(shard.name)
        real(campaign, shard, client)

    monkeypatch.setattr(blocks, "segment", noted)

    def work() -> list[str]:
        made.clear()
        segment_part(campaign, campaign.blocks[0], client)
        return made

    return work


def test_a_record_counts_what_the_shards_of_a_block_hold(campaign: Campaign) -> None:
    record = json.loads(campaign.block_record("a-b000", "segment").read_text())
    assert list(record["shards"]) == ["a-0000", "a-0001"]
    assert all(about["frames"] == 4 for about in record["shards"].values())
    assert sum(about["objects"] for about in record["shards"].values()) > 50


def test_shards_that_are_whole_stay_and_the_others_come_to_the_same_bytes(
    campaign: Campaign, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = segmented(campaign, client, monkeypatch)
    before = tiny.content(campaign.folder)
    assert work() == []
    for path in (store(campaign, 1), store(campaign, 1) / "left/c/0", store(campaign, 1) / ".key"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        assert work() == ["a-0001"]
        assert tiny.content(campaign.folder) == before


def test_objects_of_another_threshold_are_not_taken_for_those_of_this_one(
    done: Path, campaign: Campaign, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that was killed after one shard of other settings, then back to the first settings."""
    before = tiny.content(campaign.folder)
    text = done.read_text()
    done.write_text(text + "instruments: {isiis: {segmentation: {min_esd_mm: 2.0}}}\n")
    other = load_campaign(done, "tow")
    done.write_text(text)
    blocks.segment(other, other.shards[0], client)
    assert tiny.content(campaign.folder) != before
    assert segmented(campaign, client, monkeypatch)() == ["a-0000"]
    assert tiny.content(campaign.folder) == before


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x5A
    path.write_bytes(data)


def test_a_store_whose_bytes_changed_on_the_disk_is_found_by_its_checksum_and_made_again(
    campaign: Campaign, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    before = tiny.content(campaign.folder)
    flip_a_byte(store(campaign, 1) / "features/c/0/0")
    with caplog.at_level(logging.WARNING):
        gather_mended(campaign, client)
    assert "a-0001/objects.zarr: is damaged" in caplog.text
    assert "made again" in caplog.text
    assert tiny.content(campaign.folder) == before


def test_what_is_damaged_again_after_it_was_made_again_ends_the_job(
    campaign: Campaign, client: Client
) -> None:
    damaged = store(campaign, 0)
    tried = []

    def work() -> None:
        tried.append(1)
        raise DamageError("is damaged", where=damaged / "left")

    with pytest.raises(DamageError):
        blocks.mended(campaign, client, work)
    assert len(tried) == 2


def test_damage_elsewhere_is_not_for_a_stage_to_mend(campaign: Campaign, client: Client) -> None:
    def work() -> None:
        raise DamageError("is damaged", where=campaign.folder / "manifest/environment/a.zarr")

    with pytest.raises(DamageError):
        blocks.mended(campaign, client, work)


def test_a_job_whose_time_is_up_keeps_what_it_has_and_the_next_goes_on(
    campaign: Campaign, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tiny.content(campaign.folder)
    for number in (0, 1):
        shutil.rmtree(store(campaign, number))
    left = iter([1e6, 30.0])
    given = allocation(cores=1)

    class Ending(Allocation):
        def seconds_left(self) -> float:
            return next(left)

    values: dict[str, Any] = {name: getattr(given, name) for name in Allocation.__slots__}
    with monkeypatch.context() as changed:
        changed.setattr(blocks, "given_of", lambda _: Ending(**values))
        with pytest.raises(TimeUpError, match="what is finished is kept"):
            segment_part(campaign, campaign.blocks[0], client)
    assert store(campaign, 0).exists()
    assert not store(campaign, 1).exists()
    assert segmented(campaign, client, monkeypatch)() == ["a-0001"]
    assert tiny.content(campaign.folder) == before


def test_a_plan_forgets_the_record_of_a_block_of_which_a_shard_is_gone(
    done: Path, campaign: Campaign
) -> None:
    record = campaign.block_record("a-b000", "segment")
    assert open_plan([done]).forget_what_is_lost() == []
    shutil.rmtree(store(campaign, 0))
    assert open_plan([done]).forget_what_is_lost() == [record.as_posix()]
    assert not record.exists()


def test_a_new_deployment_is_listed_and_the_others_are_taken_over(
    done: Path, campaign: Campaign, caplog: pytest.LogCaptureFixture
) -> None:
    listed = done.parent / "campaigns.csv"
    before, content = listed.read_text(), tiny.content(campaign.manifest)
    first = before.splitlines()[1]
    listed.write_text(before + first.replace("tow,a,", "tow,b,") + "\n")
    with caplog.at_level(logging.INFO):
        more = tiny.ingest(done)
    listed.write_text(before)
    assert "ingest a: nothing has changed" in caplog.text
    assert "ingest b: 8 frames in 2 shards" in caplog.text
    after = tiny.content(more.manifest)
    assert {name: after[name] for name in content} == content
    assert [b.name for b in more.blocks] == ["a-b000", "b-b000"]


def test_blocks_are_of_as_many_shards_as_the_configuration_says(campaign: Campaign) -> None:
    ingest = campaign.config.ingest.model_copy(update={"shards_per_block": 1})
    config = campaign.config.model_copy(update={"ingest": ingest})
    small = replace(campaign, config=config)
    assert [[s.name for s in b.shards] for b in small.blocks] == [["a-0000"], ["a-0001"]]


def test_objects_of_the_same_key_that_are_not_the_same_have_another_content(
    campaign: Campaign,
) -> None:
    """A frame that ended its workers this time, but not the time before, is in no key."""
    path = store(campaign, 0)
    before = content_of(open_group(path))
    group = zarr.open_group(path, mode="r+", use_consolidated=False)
    counts = np.asarray(group["frame_object_count"][:])  # type: ignore[index]
    assert counts.sum() > 1
    group["frame_object_count"][:] = np.sort(counts)[::-1]  # type: ignore[index]
    assert content_of(open_group(path)) != before


def test_scores_of_other_objects_are_refused_even_if_they_are_as_many(
    campaign: Campaign, client: Client
) -> None:
    folder = store(campaign, 0).parent
    objects = open_group(folder / "objects.zarr")
    for content, told in ((content_of(objects), 2), ("of another time", None)):
        with new_scores(folder / "scores.zarr", ["a", "b"], {"objects_content": content}) as writer:
            writer.append(np.zeros((length(objects, "object_id"), 2), np.float16))
        if told:
            assert len(read_piece(folder, named=True)[0].taxa) == told
        else:
            with pytest.raises(StoreError, match="not the scores of the shard's objects") as info:
                read_piece(folder, named=True)
            assert info.value.where == str(folder / "scores.zarr")
