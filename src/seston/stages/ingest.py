"""Ingest: list the frames of every shard and bring the environment into one form."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
import xarray as xr

from seston.campaign import Campaign, Shard
from seston.config import Deployment
from seston.deployments import check_paths
from seston.errors import InputError
from seston.stages import manifest
from seston.store import fill_store, new_folder

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
    with new_folder(campaign.manifest) as draft:
        usable = sum(_ingest_deployment(campaign, one, draft) for one in campaign.deployments)
        if not usable:
            raise InputError(
                "no frame of this campaign can be used",
                where=campaign.config.campaigns,
                cure="The log above says what is wrong with each.",
            )


def _ingest_deployment(campaign: Campaign, deployment: Deployment, draft: Path) -> int:
    reader = campaign.reader(deployment)
    frames = reader.frames().reset_index(drop=True)
    shards = [s for s in campaign.shards if s.deployment == deployment]
    for shard in shards:
        manifest.write_frames(_frames_of(frames, shard), manifest.frames_file(draft, shard.name))
    environment = reader.environment()
    fill_store(manifest.environment_store(draft, deployment.deployment), environment)
    _report(deployment, frames, len(shards), environment)
    return int(frames["usable"].sum())


def _frames_of(frames: pd.DataFrame, shard: Shard) -> pd.DataFrame:
    return frames[frames["path"].isin([file.as_posix() for file in shard.files])]


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
