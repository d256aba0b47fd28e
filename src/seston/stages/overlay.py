"""Overlay: look at a frame and at what was found in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from seston.campaign import Campaign, Shard, frames_file
from seston.errors import ConfigError
from seston.plot import overlay
from seston.readers import FrameReader
from seston.stages import manifest
from seston.store import new_file, open_group, read_column


def draw(campaign: Campaign, frame_id: str | None, out: Path) -> str:
    """Draw the boxes of a frame's objects over it, as a PNG.

    Parameters
    ----------
    campaign : Campaign
        Ingested and segmented.
    frame_id : str or None
        Of the manifest; the first usable frame that holds an object if None.
    out : Path
        The picture.

    Returns
    -------
    str
        Name of the frame, and the number of its objects.

    Raises
    ------
    ConfigError
        The campaign has no such frame.
    StoreError
        The campaign was not ingested, or the shard not segmented.
    """
    for shard in campaign.shards:
        frames = manifest.read_frames(campaign, shard.name)
        boxes, rows = _boxes(campaign, shard)
        for row in _candidates(frames, rows, frame_id):
            frame = frames.iloc[row]
            reader = campaign.reader(shard.deployment)
            if not isinstance(reader, FrameReader):
                raise ConfigError(
                    "the instrument leaves vignettes, not frames",
                    where=shard.deployment.path,
                    cure="The report shows its vignettes.",
                )
            pixels = next(reader.read(str(frame["path"]), [int(frame["index_in_file"])]))
            with new_file(out) as draft:
                Image.fromarray(overlay(pixels, boxes[rows == row])).save(draft, format="PNG")
            return f"{frame['frame_id']}: {np.count_nonzero(rows == row):,} objects"
    raise ConfigError(
        f"no frame {frame_id!r}" if frame_id else "no frame of the campaign holds an object",
        where=frames_file(campaign.manifest, "*"),
        cure="The column frame_id of these lists names them.",
    )


def _boxes(campaign: Campaign, shard: Shard) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    group = open_group(campaign.shard_folder(shard.name) / "objects.zarr")
    sides = [read_column(group, side) for side in ("top", "left", "bottom", "right")]
    return np.stack(sides, axis=1), read_column(group, "frame")


def _candidates(frames: pd.DataFrame, rows: NDArray[np.int32], frame_id: str | None) -> list[int]:
    if frame_id is None:
        return sorted(set(rows.tolist()))[:1]
    return np.flatnonzero(frames["frame_id"] == frame_id).tolist()
