"""Fractions of one sample, whose water counts once: what one of them lost is lost to all."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.campaign import Campaign
from seston.stages import manifest

log = logging.getLogger(__name__)

Columns = dict[str, NDArray[Any]]


def spoil_samples(frames: Columns, campaign: Campaign) -> None:
    """Take the volume from samples of which a fraction could not be read.

    The list of frames leaves such samples out as a whole, where it knows; pixels are first looked
    at when objects are found. The water of a sample stands at its first fraction, so that another
    one that is lost would leave a concentration that is too low.

    Parameters
    ----------
    frames : dict of arrays (frame)
        Frame variables of the objects dataset; ``frame_volume`` and ``frame_problem`` are changed.
    campaign : Campaign
    """
    table = pd.DataFrame({
        n: frames[f"frame_{n}"] for n in ("deployment", "sample", "path", "usable", "volume")
    })  # fmt: skip
    able = (table["sample"] != "") & table["volume"].notna()
    candidates = able & (table["usable"] == 0)
    if not candidates.any():
        return
    lost = candidates & _was_usable(campaign)
    keys = ["deployment", "sample"]
    water = table["volume"].where(table["usable"] == 1, 0.0)
    left = water.groupby([table[k] for k in keys], sort=False).transform("sum")
    partly = lost & ((table["volume"] == 0) == (left > 0))
    for (deployment, sample), rows in table[partly].groupby(keys, sort=False):
        of = (table["deployment"] == deployment) & (table["sample"] == sample)
        _spoil(frames, (of & (table["usable"] == 1)).to_numpy(), str(rows["path"].iloc[0]))
        log.warning(
            "%s: sample %s has counts but no concentration: %s of it cannot be read",
            campaign.name, sample, rows["path"].iloc[0],
        )  # fmt: skip


def _was_usable(campaign: Campaign) -> NDArray[np.bool_]:
    """Say which frames were usable when they were listed, before their pixels were looked at."""
    listed = [manifest.read_frames(campaign, shard.name)["usable"] for shard in campaign.shards]
    return np.asarray(np.concatenate(listed) == 1, bool)


def _spoil(frames: Columns, rows: NDArray[np.bool_], path: str) -> None:
    text = f"{path} of the same sample cannot be read: its water is not that of what was counted"
    frames["frame_volume"] = np.where(rows, np.nan, frames["frame_volume"])
    problem = frames["frame_problem"].astype(object)
    problem[rows] = [f"{p}; {text}" if p else text for p in problem[rows]]
    frames["frame_problem"] = problem
