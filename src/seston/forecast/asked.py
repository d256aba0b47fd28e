"""What a person asked for at the command line, as cruises."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seston.errors import ConfigError
from seston.forecast.cruise import Cruise, Cut, cruise

#: Lines of a frame of a line-scan camera: how its scan is cut into frames.
_FRAME_LINES = 2048


def habits_told(
    *, lines_per_s: float | None, line_pixels: float | None, **told: float | None
) -> dict[str, Any]:
    """Give what differs from an instrument's preset; lines are told as frames.

    Raises
    ------
    ConfigError
        One of the two numbers of a line-scan camera is missing.
    """
    if (lines_per_s is None) != (line_pixels is None):
        raise ConfigError("--lines-per-s and --line-pixels go together", cure="Give both.")
    if lines_per_s and line_pixels:
        told["frames_per_s"] = lines_per_s / _FRAME_LINES
        told["frame_pixels"] = line_pixels * _FRAME_LINES
    return {name: value for name, value in told.items() if value is not None}


def factors(text: str) -> list[float]:
    """Read ``1,10,100``.

    Raises
    ------
    ConfigError
        These are no numbers.
    """
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(0 < factor < float("inf") for factor in found):
        raise ConfigError(f"--times: {text!r}", cure="Give numbers with commas: 1,10,100.")
    return found


def to_come(
    instrument: str,
    hours: float | None,
    pixels: float | None,
    told: Mapping[str, Any],
    cut: Cut,
    taxa: int,
) -> Cruise:
    """Describe a cruise that is not sailed yet; see `seston.forecast.cruise.cruise`."""
    return cruise(instrument, hours=hours, pixels=pixels, told=told, cut=cut, taxa=taxa)


def of_files(
    config: Path,
    wanted: str | None,
    told: Mapping[str, Any],
    hours: float | None,
    pixels: float | None,
) -> list[Cruise]:
    """Describe the campaigns of a configuration by their files.

    Raises
    ------
    ConfigError
        There is no such campaign, or its files are not there yet.
    """
    from seston.campaign import load_campaign, load_campaigns
    from seston.deployments import check_paths
    from seston.forecast.sampled import cruise_of

    if hours is not None or pixels is not None:
        raise ConfigError(
            "--hours and --pixels are of a cruise to come", cure="Give --instrument with them."
        )
    found = [load_campaign(config, wanted)] if wanted else list(load_campaigns(config).values())
    for campaign in found:
        missing = [d for d in campaign.deployments if not d.path.exists()]
        if missing and campaign.name in campaign.config.simulate.campaigns:
            raise ConfigError(
                f"campaign {campaign.name!r} is still to be simulated",
                where=config,
                cure="Plan it when its files are there; or give --instrument and --hours.",
            )
        check_paths(list(campaign.deployments), campaign.config.campaigns)
    return [cruise_of(campaign, told) for campaign in found]
