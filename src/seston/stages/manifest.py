"""The manifest: frames of each shard as CSV, environment of each deployment as Zarr."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from seston.campaign import Campaign, Shard, frames_file
from seston.errors import StoreError
from seston.readers.listing import with_dtypes
from seston.store import load_dataset
from seston.variables import FRAMES


def environment_store(manifest: Path, deployment: str) -> Path:
    """Where the environment of a deployment lies."""
    return manifest / "environment" / f"{deployment}.zarr"


def write_frames(frames: pd.DataFrame, path: Path) -> None:
    """Write frames as CSV; the index is the number of the frame in its deployment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames.to_csv(path, index_label="number", date_format="%Y-%m-%dT%H:%M:%S.%f%z")


def read_frames(campaign: Campaign, shard: str) -> pd.DataFrame:
    """Read the frames of a shard.

    Returns
    -------
    DataFrame
        The columns of `variables.FRAMES`; the index is the number in the deployment.

    Raises
    ------
    StoreError
        The manifest does not list the shard.
    """
    path = frames_file(campaign.manifest, shard)
    text = [name for name, variable in FRAMES.items() if variable.dtype == "str"]
    try:
        return with_dtypes(
            pd.read_csv(
                path,
                index_col="number",
                dtype=dict.fromkeys(text, str),
                keep_default_na=False,
                na_values={n: [""] for n in FRAMES if n not in text},
            )
        )
    except FileNotFoundError:
        cure = f"Run: seston ingest {campaign.name}"
        raise StoreError("no such list of frames", where=path, cure=cure) from None
    except (ValueError, KeyError) as error:
        cure = f"Delete the manifest and run: seston ingest {campaign.name}"
        raise StoreError(f"is damaged ({error})", where=path, cure=cure) from None


def frames_around(campaign: Campaign, shard: Shard, lines: int, number: int) -> pd.DataFrame:
    """Frames of a shard and of its neighbours in the deployment.

    Parameters
    ----------
    lines, number : int
        At least so many lines and so many frames are given before and after the shard's own,
        where the deployment has them.
    """
    names = [s.name for s in campaign.shards_of(shard.deployment)]
    here = names.index(shard.name)
    own = read_frames(campaign, shard.name)
    before = _collect(campaign, names[:here][::-1], lines, number)[::-1]
    after = _collect(campaign, names[here + 1 :], lines, number)
    return pd.concat([*before, own, *after])


def _collect(campaign: Campaign, names: list[str], lines: int, number: int) -> list[pd.DataFrame]:
    found: list[pd.DataFrame] = []
    for name in names:
        if sum(int(f["height"].sum()) for f in found) >= lines and sum(map(len, found)) >= number:
            break
        found.append(read_frames(campaign, name))
    return found


def read_environment(campaign: Campaign, deployment: str) -> xr.Dataset:
    """Read the environment of a deployment into memory; no times where nothing was logged."""
    return load_dataset(environment_store(campaign.manifest, deployment))


def times(frames: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    """Give the times of the frames, datetime64[ns]."""
    return frames["time"].to_numpy("datetime64[ns]")
