"""Report: one page on a campaign, for people."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import yaml

from seston.campaign import Campaign
from seston.report import Making, write_report
from seston.store import load_dataset, new_file

#: Libraries whose version can change a number.
_LIBRARIES = ("seston", "numpy", "numba", "opencv-python-headless", "xarray", "zarr", "gsw")


def report(campaign: Campaign) -> None:
    """Write the report of a campaign.

    Raises
    ------
    StoreError
        A dataset of the campaign is missing.
    SpaceError
        The disk is full.
    """
    with new_file(_path(campaign)) as draft:
        write_report(draft, load_dataset(campaign.profiles), campaign.objects, _making(campaign))


def _path(campaign: Campaign) -> Path:
    return campaign.folder / "report.html"


def _making(campaign: Campaign) -> Making:
    from seston.learn import load_card

    software = {name: version(name) for name in _LIBRARIES}
    settings = yaml.safe_dump(campaign.config.model_dump(mode="json"), sort_keys=False)
    if not campaign.models:
        return Making(settings, software)
    card = load_card(campaign.models[0])
    return Making(settings, software | card.versions, card.metrics, card.taxa)
