"""Blocks: the work of one job, shard after shard, and what is done where a shard is not whole.

A job that was killed left whole shards behind, which stay as they are: only what is missing is
made, and the record of the block is written when nothing is. A store that a later step finds
damaged is made again there and then.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

from distributed import Client

from seston.campaign import Block, Campaign, Shard
from seston.cluster import check_time, given_of
from seston.errors import DamageError
from seston.keys import Keys
from seston.records import STORES, write_record
from seston.stages.classify import classify, scores_key
from seston.stages.gather import gather
from seston.stages.segment import segment
from seston.store import is_whole, length, open_group

log = logging.getLogger(__name__)

T = TypeVar("T")

OBJECTS, SCORES = STORES["segment"], STORES["classify"]


def segment_part(campaign: Campaign, part: Block | Shard, client: Client) -> None:
    """Find and measure the objects of all shards of a block, and write the block's record.

    What is whole stays as it is. A single shard is made anew, whole or not.

    Raises
    ------
    StoreError
        The manifest does not list a shard.
    ModelError
        The network or the filter is missing, damaged, or does not fit.
    SpaceError
        The disk is full.
    """
    if isinstance(part, Shard):
        segment(campaign, part, client)
        return
    for shard in _in_time(client, part.shards):
        _segment_once(campaign, shard, client)
    _write_record(campaign, part, "segment", _about_objects)


def classify_part(campaign: Campaign, part: Block | Shard, client: Client) -> None:
    """Score the objects of all shards of a block, and write the block's record.

    Objects that are missing or damaged are made again first. What is whole stays as it is. A
    single shard is scored anew, scored or not.

    Raises
    ------
    ModelError
        The model is missing, damaged, or does not fit.
    """
    if isinstance(part, Shard):
        classify(campaign, part, client)
        return
    for shard in _in_time(client, part.shards):
        _segment_once(campaign, shard, client)
        mended(campaign, client, partial(_classify_once, campaign, shard, client))
    _write_record(campaign, part, "classify", _about_scores)


def gather_mended(campaign: Campaign, client: Client) -> None:
    """Gather the shards of a campaign; make those again that are damaged.

    Raises
    ------
    StoreError
        The stores of a shard do not fit together, or are of another network or filter.
    SpaceError
        The disk is full.
    """
    mended(campaign, client, partial(gather, campaign, client))


def mended(campaign: Campaign, client: Client, work: Callable[[], T]) -> T:
    """Do what reads stores of shards; one that is found damaged is made again, once.

    Raises
    ------
    DamageError
        What is damaged is no store of a shard, or is so again.
    """
    made_again: set[Path] = set()
    while True:
        try:
            return work()
        except DamageError as error:
            store = _store_of_shard(campaign, error)
            if store is None or store in made_again:
                raise
            log.warning("%s: %s; it is made again", store, error.what)
            made_again.add(store)
            shard = campaign.shard(store.parent.name)
            (segment if store.name == OBJECTS else classify)(campaign, shard, client)


def _in_time(client: Client, shards: Iterable[Shard]) -> Iterator[Shard]:
    """Give shards while the job has time for one that takes as long as the longest so far.

    Raises
    ------
    TimeUpError
        It has not: what is whole stays, and the job is run again.
    """
    given, longest = given_of(client), 0.0
    for shard in shards:
        if given is not None:
            check_time(given, longest)
        began = time.monotonic()
        yield shard
        longest = max(longest, time.monotonic() - began)


def _segment_once(campaign: Campaign, shard: Shard, client: Client) -> None:
    store = campaign.shard_folder(shard.name) / OBJECTS
    if is_whole(store, Keys(campaign).objects(shard)):
        log.info("%s/%s: objects are there", campaign.name, shard.name)
    else:
        segment(campaign, shard, client)


def _classify_once(campaign: Campaign, shard: Shard, client: Client) -> None:
    store = campaign.shard_folder(shard.name) / SCORES
    if is_whole(store, scores_key(campaign, shard)):
        log.info("%s/%s: scores are there", campaign.name, shard.name)
    else:
        classify(campaign, shard, client)


def _store_of_shard(campaign: Campaign, error: DamageError) -> Path | None:
    """Give the store of a shard that an error is about, if it is about one."""
    place = Path(error.where or "")
    for store in (place, *place.parents):
        known = store.name in (OBJECTS, SCORES) and store.parent.parent.name == "shards"
        if known and store.parent == campaign.shard_folder(store.parent.name):
            return store
    return None


# ------------------------------------------------------------------------------------- records
def _write_record(
    campaign: Campaign, block: Block, step: str, about: Callable[[Path], dict[str, int]]
) -> None:
    shards = {s.name: about(campaign.shard_folder(s.name)) for s in block.shards}
    write_record(campaign.block_record(block.name, step), shards)


def _about_objects(folder: Path) -> dict[str, int]:
    group = open_group(folder / OBJECTS)
    return {
        "frames": length(group, "frame_id"),
        "objects": length(group, "object_id"),
        "vignette_bytes": length(group, "vignettes/pixels"),
    }


def _about_scores(folder: Path) -> dict[str, int]:
    return {"objects": length(open_group(folder / SCORES), "scores")}
