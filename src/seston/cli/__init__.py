"""The command line: one command for each step of the workflow, and those of people.

Heavy libraries are imported inside the commands, so that help comes at once.
"""

from __future__ import annotations

from seston.cli.app import app, main

# Each adds its commands, in the order in which help shows them.
# isort: off
from seston.cli import steps  # noqa: F401
from seston.cli import learning  # noqa: F401
from seston.cli import evaluation  # noqa: F401
from seston.cli import predict  # noqa: F401
from seston.cli import benchmark  # noqa: F401
from seston.cli import status  # noqa: F401
from seston.cli import planning  # noqa: F401
from seston.cli import tools  # noqa: F401
# isort: on

__all__ = ["app", "main"]
