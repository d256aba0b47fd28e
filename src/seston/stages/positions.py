"""Where objects, frames and cells of water were: the environment joined by time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from seston import ecology
from seston.campaign import Campaign
from seston.config import Deployment
from seston.stages import manifest
from seston.store import load_dataset

#: What is joined to objects and frames; the rest of the environment is binned by profile.
NAMES = ("depth", "latitude", "longitude")
#: Columns of campaigns.csv that say it where no log does.
_CONSTANTS = {"depth": "depth_m", "latitude": "latitude", "longitude": "longitude"}

Times = NDArray[np.datetime64]


class Positions:
    """Depth, latitude and longitude at any time of a campaign's deployments.

    A worker can be given one: it holds paths and reads each environment once.
    """

    def __init__(self, campaign: Campaign) -> None:
        self._tolerance = campaign.config.ingest.position_tolerance_s
        self._despike = campaign.config.profiles.despike
        self._deployments = campaign.deployments
        self._stores = [
            manifest.environment_store(campaign.manifest, d.deployment)
            for d in campaign.deployments
        ]

    def environment(self, deployment: int) -> xr.Dataset:
        """Give the cleaned environment of a deployment, by its number in the campaign."""
        return _environment(self._stores[deployment], self._despike)

    def at(
        self,
        deployment: NDArray[np.integer[Any]],
        time: Times,
        own: Mapping[str, NDArray[Any]] | None = None,
    ) -> Mapping[str, NDArray[Any]]:
        """Join positions by time.

        Parameters
        ----------
        deployment : array (n), integer
            Number of the deployment in the campaign.
        time : array (n), datetime64[ns]
        own : mapping of arrays (n), optional
            What the files of the frames themselves tell; it stands, where it is not NaN.

        Returns
        -------
        mapping of float64 arrays (n)
            depth (m, positive down), latitude and longitude (degrees). NaN where no record is
            near enough in time; never extrapolated.
        """
        found = {name: np.full(len(time), np.nan) for name in NAMES}
        for number in np.unique(deployment):
            rows = np.flatnonzero(deployment == number)
            for name, values in self._joined(int(number), time[rows]).items():
                found[name][rows] = values
        for name, told in (own or {}).items():
            found[name] = np.where(np.isfinite(told), told, found[name])
        return found

    def _joined(self, number: int, time: Times) -> dict[str, NDArray[Any]]:
        environment = self.environment(number)
        known = [name for name in NAMES if name in environment]
        with_flag = ["time", *known, *({"time_flag"} & set(environment.data_vars))]
        joined = ecology.interpolate_at(environment[with_flag], time, self._tolerance)
        constants = _constants(self._deployments[number], len(time))
        return constants | {name: joined[name].to_numpy() for name in known}


def _constants(deployment: Deployment, length: int) -> dict[str, NDArray[Any]]:
    said = {name: getattr(deployment, column) for name, column in _CONSTANTS.items()}
    return {name: np.full(length, value) for name, value in said.items() if value is not None}


@lru_cache(maxsize=8)
def _environment(store: Path, despike: bool) -> xr.Dataset:
    environment = load_dataset(store)
    return ecology.clean(environment) if despike else environment
