"""Read campaigns.csv, as people and their spreadsheets write it."""

from __future__ import annotations

import csv
from pathlib import Path

from pydantic import ValidationError

from seston.config import Config, Deployment, explain
from seston.errors import ConfigError

_OTHER_SEPARATORS = (";", "\t")


def load_deployments(config: Config) -> list[Deployment]:
    """Read and validate campaigns.csv, one deployment a row.

    Lines that begin with # are skipped, and so are columns without a name and a value.

    Raises
    ------
    ConfigError
        The file is missing, is not CSV in UTF-8, or lists nothing; a column is missing or
        unknown, a value is wrong, or a deployment stands twice.
    """
    path = config.campaigns
    rows = list(csv.reader(line for line in _lines(path) if not line.startswith("#")))
    rows = [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]
    if len(rows) < 2:
        raise ConfigError("lists no deployment", where=path, cure="Add a row for each.")
    header = rows[0]
    _check_header(header, path)
    deployments = [
        _deployment(header, row, f"{path}, row {i}") for i, row in enumerate(rows[1:], 1)
    ]
    _check_names(deployments, path)
    return deployments


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8-sig").splitlines(keepends=True)
    except FileNotFoundError:
        cure = "Set `campaigns` in config.yaml."
        raise ConfigError("no such file", where=path, cure=cure) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=path) from None
    except UnicodeDecodeError:
        cure = "Save it as CSV in UTF-8."
        raise ConfigError("is not text in UTF-8", where=path, cure=cure) from None


def _check_header(header: list[str], path: Path) -> None:
    cure = "See config/README.md for the columns."
    used = next((s for s in _OTHER_SEPARATORS if len(header) == 1 and s in header[0]), None)
    if used is not None:
        cure = "Save it as CSV with commas."
        raise ConfigError(f"columns are separated by {used!r}, not by ','", where=path, cure=cure)
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"column `{twice}` stands twice", where=path, cure="Remove one.")
    required = [name for name, field in Deployment.model_fields.items() if field.is_required()]
    missing = next((name for name in required if name not in header), None)
    if missing is not None:
        raise ConfigError(f"lacks the column `{missing}`", where=path, cure=cure)


def _deployment(header: list[str], row: list[str], where: str) -> Deployment:
    if len(row) != len(header):
        what = "the row has not as many values as the header"
        raise ConfigError(what, where=where, cure="Check the commas.")
    pairs = zip(header, row, strict=True)
    try:
        return Deployment.model_validate({name: value for name, value in pairs if name or value})
    except ValidationError as error:
        raise explain(error, where) from None


def _check_names(deployments: list[Deployment], path: Path) -> None:
    seen: set[tuple[str, str]] = set()
    for one in deployments:
        key = (one.campaign, one.deployment)
        if key in seen:
            raise ConfigError(
                f"deployment {key[1]!r} of campaign {key[0]!r} stands twice",
                where=path,
                cure="Give each deployment a name of its own.",
            )
        seen.add(key)


def check_paths(deployments: list[Deployment], where: Path) -> None:
    """Refuse deployments whose files are not there.

    Parameters
    ----------
    deployments : list of Deployment
    where : Path
        The list that names them.

    Raises
    ------
    ConfigError
        A folder or an environment file does not exist.
    """
    for one in deployments:
        for key, path in (("path", one.path), ("environment", one.environment)):
            if path is not None and not path.exists():
                raise ConfigError(
                    f"`{key}` of deployment {one.deployment!r} does not exist: {path}",
                    where=where,
                    cure="Paths are relative to the folder where the workflow runs.",
                )
