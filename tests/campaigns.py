"""Run a campaign of any instrument through the stages, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
import yaml
from distributed import Client

from seston.campaign import Campaign, load_campaign
from seston.ecology import subsampled_interval
from seston.simulate.instruments import simulators
from seston.stages.gather import gather
from seston.stages.ingest import ingest
from seston.stages.profile import profile
from seston.stages.segment import segment

#: Bins of the simulated casts, m.
BIN_M = 5.0


@contextmanager
def one_worker() -> Iterator[Client]:
    """A Dask client whose only worker is a thread of this process."""
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as c:
        yield c


def write_campaign(
    folder: Path, instrument: str, row: Mapping[str, str], **config: Any
) -> Campaign:
    """Write config.yaml and campaigns.csv of one deployment, `it`, and load the campaign.

    `row` holds columns of campaigns.csv; `path` and `environment` are relative to `folder`.
    """
    row = dict(row)
    for key in ("path", "environment"):
        if row.get(key):
            row[key] = str(folder / row[key])
    columns = {"campaign": "trial", "deployment": "it", "instrument": instrument, **row}
    pd.DataFrame([columns]).to_csv(folder / "campaigns.csv", index=False)
    settings = {
        "campaigns": str(folder / "campaigns.csv"),
        "results": str(folder / "results"),
        "profiles": {"bin_size_m": BIN_M},
        **config,
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    return load_campaign(folder / "config.yaml", "trial")


def run(campaign: Campaign, client: Client) -> tuple[xr.Dataset, xr.Dataset]:
    """Ingest, segment, gather and profile; give the objects and the profiles."""
    ingest(campaign)
    for shard in campaign.shards:
        segment(campaign, shard, client)
    gather(campaign, client)
    profile(campaign, client)
    return xr.open_zarr(campaign.objects, chunks=None), xr.open_zarr(campaign.profiles, chunks=None)


def simulate(folder: Path, instrument: str, seed: int = 1, **config: Any) -> Campaign:
    """Simulate the tiny files of an instrument and make them a campaign."""
    row = simulators()[instrument](folder / "files", "tiny", seed, 1)
    paths = {k: f"files/{v}" for k, v in row.items() if k in ("path", "environment") and v}
    return write_campaign(folder, instrument, {**row, **paths}, **config)


def inside_the_interval(objects: xr.Dataset, profiles: xr.Dataset, truth: Path) -> np.ndarray:
    """Say for each piece of water that holds more than a few whether the truth is in the interval.

    All taxa together: what was expected, against the limits of what was counted in fractions that
    may be divided differently. A piece of water is looked up by its sample and the bin of its
    middle depth.
    """
    water = pd.read_csv(truth / "water.csv")
    expected = pd.read_csv(truth / "concentrations.csv").groupby("water")["expected_m3"].sum()
    lower, upper = _limits(objects, profiles)
    volume = profiles["imaged_volume"].to_numpy()
    sample = list(profiles["sample"].to_numpy())
    held = []
    for (name, depth), rows in water.groupby(
        ["sample", (water["depth_min"] + water["depth_max"]) / 2 // BIN_M], sort=False
    ):
        where = sample.index(str(name)), int(depth)
        mean = np.average(expected[rows.index], weights=rows["volume_m3"])
        held.append(lower[where] <= mean * volume[where] <= upper[where])
    return np.array(held)


def _limits(objects: xr.Dataset, profiles: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Limits of the individuals of all taxa in each (sample, depth bin)."""
    frame = pd.DataFrame({n: objects[f"frame_{n}"].to_numpy() for n in _OF_FRAME})
    frame = frame[objects["frame_usable"].to_numpy() == 1]
    own = frame.loc[objects["frame"].to_numpy()]
    depth = (objects["depth"].to_numpy() // BIN_M).astype(int)
    factor = own["subsample_factor"].to_numpy()
    place = pd.MultiIndex.from_arrays([own["sample"], depth], names=["sample", "bin"])
    sums = pd.DataFrame({"one": factor, "two": factor**2}, place).groupby(level=[0, 1]).sum()
    of = pd.MultiIndex.from_product([profiles["sample"].to_numpy(), range(profiles.sizes["depth"])])
    shape = profiles["imaged_volume"].shape
    one, two = (sums[n].reindex(of, fill_value=0.0).to_numpy().reshape(shape) for n in sums)
    largest = frame.groupby("sample")["subsample_factor"].max()
    return subsampled_interval(one, two, largest.reindex(profiles["sample"]).to_numpy()[:, None])


_OF_FRAME = ("sample", "subsample_factor")
