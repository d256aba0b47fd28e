"""Energy that a computation takes, where the machine counts it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from seston.learn._torch import device

POWERCAP = Path("/sys/class/powercap")
"""Counters of processors: https://www.kernel.org/doc/html/latest/power/powercap/powercap.html."""

MICRO, MILLI = 1e-6, 1e-3


class Spent:
    """Energy that was taken, in joules; NaN where nothing counts it."""

    joules: float = np.nan


@contextmanager
def energy() -> Iterator[Spent]:
    """Count the energy that processors, and the GPU where one computes, take meanwhile.

    It is that of all that runs on them, so another job's too. On most machines only the
    administrator may read the counters of processors; with a GPU, the package nvidia-ml-py is
    needed. Where one of them is not to be had the sum is not known: half of it would mislead.

    Examples
    --------
    >>> with energy() as spent:
    ...     answer = 6 * 7
    >>> bool(spent.joules >= 0 or np.isnan(spent.joules))
    True
    """
    spent = Spent()
    before, gpu_before = _packages(), _gpu()
    yield spent
    after, gpu_after = _packages(), _gpu()
    if before and before.keys() == after.keys():
        own = sum(_between(before[name], after[name]) for name in before)
        spent.joules = own + gpu_after - gpu_before


def _packages() -> dict[str, tuple[float, float]]:
    """Read counter and its range, joules, of each processor; nothing if one cannot be read."""
    found = {}
    try:
        for zone in sorted(POWERCAP.glob("intel-rapl:*")):  # so called with all makers
            if (zone / "name").read_text().startswith("package"):
                counter, most = (
                    MICRO * int((zone / name).read_text())
                    for name in ("energy_uj", "max_energy_range_uj")
                )
                found[zone.name] = counter, most
    except (OSError, ValueError):
        return {}
    return found


def _between(before: tuple[float, float], after: tuple[float, float]) -> float:
    """Give what was counted; a counter that reached its range (in minutes) began at 0 again."""
    counted = after[0] - before[0]
    return counted if counted >= 0 else counted + after[1]


def _gpu() -> float:
    """Read the counter of the GPU that computes, joules; 0 without one, NaN if it is not told."""
    if device().type != "cuda":
        return 0.0
    try:
        import pynvml
    except ImportError:
        return np.nan
    import torch

    try:
        pynvml.nvmlInit()
        own = torch.cuda.get_device_properties(device()).uuid
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{own}")
        return MILLI * float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle))
    except (pynvml.NVMLError, AttributeError):  # a GPU that counts none, or an early torch
        return np.nan
