"""What is done with settings: checked, explained where they are wrong, and told apart."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from seston.config.base import Settings
from seston.errors import ConfigError


def checked(settings: type[Settings], **values: object) -> Settings:
    """Make settings from what a command was told.

    Raises
    ------
    ConfigError
        A value is wrong.
    """
    try:
        return settings.model_validate(values)
    except ValidationError as error:
        raise explain(error, "options") from None


class _NoKeyTwice(yaml.SafeLoader):
    """Reads YAML as usual, but refuses a key that stands twice: the last would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.MarkedYAMLError(
                problem=f"key `{twice}` stands twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


def read_yaml(path: Path | str, cure: str | None = None) -> dict[str, Any]:
    """Read a file of settings, not yet checked.

    Parameters
    ----------
    path : Path
    cure : str, optional
        What to do if there is no such file.

    Raises
    ------
    ConfigError
        The file is missing, or is no mapping in YAML.
    """
    path = Path(path)
    try:
        raw = yaml.load(path.read_text("utf-8"), _NoKeyTwice) or {}  # noqa: S506, it is a SafeLoader
    except FileNotFoundError:
        raise ConfigError("no such file", where=path, cure=cure) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=path) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"not YAML: {error}".replace("\n", " "), where=path) from None
    if not isinstance(raw, dict):
        raise ConfigError("must be a mapping of keys to values", where=path)
    return raw


def explain(
    error: ValidationError, where: Path | str, keys_in: str = "config/README.md"
) -> ConfigError:
    """Say in one line what the first wrong key or value is, and how many more there are."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        what, cure = f"unknown key `{key}`", f"Remove it, or see {keys_in} for the keys."
    else:
        what = f"`{key}`: {first['msg']} (got {first['input']!r})" if key else str(first["msg"])
        cure = f"See {keys_in} for what each key takes."
    more = error.error_count() - 1
    return ConfigError(what + (f" ({more} more)" if more else ""), where=where, cure=cure)


def fingerprint(*parts: BaseModel | str | float | None) -> str:
    """Short hash of settings: equal settings, equal text."""
    plain = [p.model_dump(mode="json") if isinstance(p, BaseModel) else p for p in parts]
    text = json.dumps(plain, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
