"""Dask's performance report of a job: what its workers did, second by second, on one page."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from distributed import performance_report

from seston.cluster.job import Allocation

log = logging.getLogger(__name__)


@contextmanager
def reported(path: Path, given: Allocation) -> Iterator[None]:
    """Keep the report of what the block does, also where it fails.

    Parameters
    ----------
    path : Path
        The page. Where it is a folder, or has no ending, a page in it for each process.
    """
    if path.is_dir() or not path.suffix:
        path = path / f"{given.job or 'run'}-{given.node}-{os.getpid()}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    try:
        with performance_report(filename=str(draft)):
            yield
    finally:
        if draft.exists():
            draft.replace(path)
            log.info("performance report: %s", path)
