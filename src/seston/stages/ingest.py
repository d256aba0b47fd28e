"""Ingest: list the frames of every shard and bring the environment into one form."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import xarray as xr

from seston.campaign import Campaign, Shard, frames_file
from seston.config import Deployment
from seston.deployments import check_paths
from seston.errors import InputError
from seston.keys import Keys
from seston.readers.listing import COLUMNS, DEPLOYMENTS, LINES
from seston.stages import manifest
from seston.store import ANYTHING, check_whole, fill_store, new_folder

log = logging.getLogger(__name__)


def ingest(campaign: Campaign) -> None:
    """Write the manifest of a campaign: its frames by shard, its environment by deployment.

    Raises
    ------
    ConfigError
        A folder or an environment file does not exist.
    ClockError
        Files of a deployment claim the same time.
    InputError
        A log cannot be read, or no frame of the campaign is usable.
    """
    check_paths(list(campaign.deployments), campaign.config.campaigns)
    keys = Keys(campaign)
    with new_folder(campaign.manifest, ANYTHING) as draft:
        usable = sum(
            _ingest_deployment(campaign, one, keys.frames(one), draft)
            for one in campaign.deployments
        )
        if not usable:
            raise InputError(
                "no frame of this campaign can be used",
                where=campaign.config.campaigns,
                cure="The log above says what is wrong with each.",
            )


def _ingest_deployment(campaign: Campaign, deployment: Deployment, key: str, draft: Path) -> int:
    """List a deployment, or take over what stands of it; give the number of usable frames."""
    kept = _kept(campaign, deployment, key)
    if kept is not None:
        log.info("ingest %s: nothing has changed", deployment.deployment)
        _take_over(campaign, deployment, draft)
    else:
        kept = _list_deployment(campaign, deployment, draft)
    note = {"key": key, "usable": kept}
    _note(draft, deployment).write_text(json.dumps(note) + "\n", "ascii")
    return kept


def _list_deployment(campaign: Campaign, deployment: Deployment, draft: Path) -> int:
    reader = campaign.reader(deployment)
    frames = reader.frames().reset_index(drop=True)
    _check_names(campaign, deployment, frames)
    shards = campaign.shards_of(deployment)
    for shard, listed in _parted(frames, shards):
        manifest.write_frames(listed, frames_file(draft, shard.name))
    environment = reader.environment()
    fill_store(manifest.environment_store(draft, deployment.deployment), environment)
    _report(deployment, frames, len(shards), environment)
    return int(frames["usable"].sum())


def _check_names(campaign: Campaign, deployment: Deployment, frames: pd.DataFrame) -> None:
    """Refuse what would give two objects one name.

    Raises
    ------
    InputError
        There are too many deployments, or this one has too many lines, or too long ones.
    """
    index = campaign.deployment_index(deployment.deployment)
    lines, width = int(frames["height"].sum()), int(frames["width"].max() if len(frames) else 0)
    limits = (
        (index, DEPLOYMENTS, f"is deployment {index + 1:,} of a campaign", "Make campaigns of it."),
        (lines, LINES, f"has {lines:,} lines", "Make a row of campaigns.csv for each part of it."),
        (width, COLUMNS + 1, f"has lines of {width:,} pixels", "Cut the pictures."),
    )
    for there, most, what, cure in limits:
        if there >= most:
            raise InputError(
                f"{what}, more than an object's name has room for", where=deployment.path, cure=cure
            )


def _note(folder: Path, deployment: Deployment) -> Path:
    """Where the key of what is listed of a deployment stands."""
    return folder / f".{deployment.deployment}.json"


def _kept(campaign: Campaign, deployment: Deployment, key: str) -> int | None:
    """Give the usable frames of a deployment that is listed already, from the same files."""
    try:
        note = json.loads(_note(campaign.manifest, deployment).read_text("ascii"))
        same = note["key"] == key
        usable = int(note["usable"])
        check_whole(manifest.environment_store(campaign.manifest, deployment.deployment))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    lists = [frames_file(campaign.manifest, s.name) for s in campaign.shards_of(deployment)]
    return usable if same and all(path.exists() for path in lists) else None


def _take_over(campaign: Campaign, deployment: Deployment, draft: Path) -> None:
    for shard in campaign.shards_of(deployment):
        target = frames_file(draft, shard.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(frames_file(campaign.manifest, shard.name), target)
    environment = manifest.environment_store(campaign.manifest, deployment.deployment)
    shutil.copytree(environment, manifest.environment_store(draft, deployment.deployment))


def _parted(frames: pd.DataFrame, shards: Sequence[Shard]) -> Iterator[tuple[Shard, pd.DataFrame]]:
    """Give each shard with the frames of its files, in their order."""
    shard_of = {file.as_posix(): shard.name for shard in shards for file in shard.files}
    rows = frames.groupby(frames["path"].map(shard_of), sort=False).indices
    for shard in shards:
        yield shard, frames.iloc[rows.get(shard.name, [])]


def _report(
    deployment: Deployment, frames: pd.DataFrame, shards: int, environment: xr.Dataset
) -> None:
    records = environment.sizes.get("time", 0)
    log.info(
        "ingest %s: %d frames in %d shards, %d records of the environment",
        deployment.deployment, len(frames), shards, records,
    )  # fmt: skip
    untold = [] if records else _untold(frames, deployment)
    if untold:
        log.warning(
            "%s has no CTD or navigation, and neither its own files nor campaigns.csv tell %s of "
            "all frames: objects and counts are given without",
            deployment.deployment, " and ".join(untold),
        )  # fmt: skip
    for problem in environment.attrs.get("problems", "").split("; "):
        if problem:
            log.warning("%s: %s", deployment.deployment, problem)
    problems = frames.loc[frames["problem"] != "", "problem"].value_counts()
    for problem, count in problems.items():
        log.warning("%s: %d frames: %s", deployment.deployment, count, problem)


#: What objects are placed by: columns of the frames, and of campaigns.csv.
_PLACES = {
    "the depth": (("depth_min", "depth_max"), "depth_m"),
    "the position": (("latitude", "longitude"), "latitude"),
}


def _untold(frames: pd.DataFrame, deployment: Deployment) -> list[str]:
    """Name what nothing tells of some usable frames."""
    usable = frames[frames["usable"] == 1]
    return [
        name
        for name, (columns, constant) in _PLACES.items()
        if getattr(deployment, constant) is None and usable[list(columns)].isna().all(axis=1).any()
    ]
