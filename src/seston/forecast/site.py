"""Where a campaign will be worked: cores, graphics processors, the file system, the scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError

from seston.cluster import available_cores
from seston.config import explain
from seston.config.base import Positive, Strict
from seston.errors import ConfigError

Count = Annotated[int, Field(ge=1)]


class Site(Strict):
    """What a site gives to one campaign."""

    cores: Count = Field(description="cores in all")
    gpus: int = Field(0, ge=0, description="graphics processors in all; 0: classify on cores")
    read_gb_s: Positive | None = Field(
        None,
        description="GB/s of the shared file system, all jobs together; as calibrated if empty",
    )
    write_gb_s: Positive | None = Field(
        None, description="the same of writing; as reading if empty"
    )
    jobs: Count = Field(1, description="jobs at once")
    cores_per_job: Count = Field(4, description="as the rules ask for")
    disk_tb: Positive | None = Field(None, description="room for results; not looked at if empty")
    watts_per_core: Positive = Field(10.0, description="an assumption: a share of a whole node")
    watts_per_gpu: Positive = Field(500.0, description="an assumption, likewise")


def site_of(path: Path | None, told: Mapping[str, Any]) -> Site:
    """Read the description of a site; options go before it, and before them this very machine.

    Parameters
    ----------
    path : Path, optional
        YAML of the keys of `Site`, at its top or below a key `site`.
    told : mapping
        From the command line; what is None was not told.

    Raises
    ------
    ConfigError
        The file is missing or wrong.
    """
    said = _read(path) if path else {}
    values = {"cores": available_cores()} | said | {k: v for k, v in told.items() if v is not None}
    try:
        return Site.model_validate(values)
    except ValidationError as error:
        found = explain(error, path or "options")
        keys = ", ".join(Site.model_fields)
        raise ConfigError(found.what, where=path or "options", cure=f"Keys: {keys}.") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(path.read_text("utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot be read: {error}".replace("\n", " "), where=path) from None
    if isinstance(loaded, dict) and isinstance(loaded.get("site"), dict):
        loaded = loaded["site"]
    if not isinstance(loaded, dict):
        raise ConfigError("must be a mapping of keys to values", where=path)
    return loaded
