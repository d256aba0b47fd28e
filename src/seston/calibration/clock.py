"""Time of the processor: what others do on the machine changes it less than the clock's."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable

from distributed import Client


def processor_s(run: Callable[[], object], client: Client | None = None) -> float:
    """Time of the processor that a run takes, in this process and in its only worker, s."""
    before = _so_far(client)
    run()
    return _so_far(client) - before


def _so_far(client: Client | None) -> float:
    # Not by `client.run`: the worker would say so in the log, each time.
    worker = client.submit(time.process_time, pure=False).result() if client else 0.0
    return time.process_time() + float(worker)


def children_s() -> float:
    """Time of the processor of all processes that this one began and that have ended, s."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def peak_mb() -> float:
    """Most memory that this process has held, MB."""
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held / (1e6 if sys.platform == "darwin" else 1e3)
