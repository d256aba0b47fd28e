"""The page on scale shows what `seston plan` prints; `python tests/scale_page.py` renews it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from typer.testing import CliRunner

from seston.cli import app

PAGE = Path(__file__).resolve().parent.parent / "docs/scale.md"
SHOWN = re.compile(r"(?ms)^```console\n\$ seston plan (.*?)\n(.*?)^```")


def plan(*arguments: str) -> str:
    """What the command prints."""
    done = CliRunner().invoke(app, ["plan", *arguments])
    if done.exception:
        raise done.exception
    return done.output


def renewed(page: str) -> str:
    """The page with what its commands print now."""
    return SHOWN.sub(
        lambda m: f"```console\n$ seston plan {m[1]}\n{plan(*shlex.split(m[1])).strip()}\n```", page
    )


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text("utf-8")), "utf-8")
