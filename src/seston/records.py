"""The records of blocks: what a step has made of each shard, for those who plan what follows.

A record is all that Snakemake knows of a block. It is written when all shards are whole, and it is
true as long as their stores are there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from seston.campaign import Campaign
from seston.store import new_file, read_key

#: The store of a shard that each step of blocks makes.
STORES = {"segment": "objects.zarr", "classify": "scores.zarr"}


def write_record(path: Path, shards: Mapping[str, Mapping[str, int]]) -> None:
    """Write what a step counts of each shard of a block.

    Raises
    ------
    SpaceError
        The disk is full.
    """
    with new_file(path) as draft:
        text = json.dumps({"shards": {n: dict(about) for n, about in shards.items()}}, indent=1)
        draft.write_text(text + "\n", "utf-8")


def counted(path: Path, what: str) -> float:
    """Sum what a record counts of its shards; 0 where there is none."""
    return float(sum(about.get(what, 0) for about in (_read(path) or {}).values()))


def holds(campaign: Campaign, path: Path) -> bool:
    """Say whether the stores of all shards that a record names are there."""
    shards, store = _read(path), STORES[path.stem]
    if shards is None:
        return False
    return all(read_key(campaign.shard_folder(str(name)) / store) is not None for name in shards)


def _read(path: Path) -> dict[str, dict[str, int]] | None:
    """Read a record; None where it tells nothing."""
    try:
        shards = json.loads(path.read_text("utf-8"))["shards"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return shards if isinstance(shards, dict) else None
