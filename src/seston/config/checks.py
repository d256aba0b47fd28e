"""What is done with settings: checked, explained where they are wrong, and told apart."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

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


def explain(error: ValidationError, where: Path | str) -> ConfigError:
    """Say in one line what the first wrong key or value is, and how many more there are."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        what, cure = f"unknown key `{key}`", "Remove it, or see config/README.md for the keys."
    else:
        what = f"`{key}`: {first['msg']} (got {first['input']!r})" if key else str(first["msg"])
        cure = "See config/README.md for what each key takes."
    more = error.error_count() - 1
    return ConfigError(what + (f" ({more} more)" if more else ""), where=where, cure=cure)


def fingerprint(*parts: BaseModel | str | float | None) -> str:
    """Short hash of settings: equal settings, equal text."""
    plain = [p.model_dump(mode="json") if isinstance(p, BaseModel) else p for p in parts]
    text = json.dumps(plain, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
