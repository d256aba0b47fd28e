"""What the control groups of this process allow: how containers and clusters fence a job."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

_SELF = Path("/proc/self/cgroup")
_ROOT = Path("/sys/fs/cgroup")
#: Version 1 writes "no limit" as a number near 2^63.
_NO_LIMIT = 1 << 60


def memory_limit_mb(listed: Path = _SELF, root: Path = _ROOT) -> int | None:
    """Give the smallest limit of memory on the way up to the root, MB; None where there is none.

    Parameters
    ----------
    listed : Path
        The groups of a process, as the kernel lists them.
    root : Path
        Where the groups are mounted.
    """
    found = [
        int(words[0])
        for folder in _folders("memory", listed, root)
        for name in ("memory.max", "memory.limit_in_bytes")
        if (words := _words(folder / name)) and words[0].isdigit()
    ]
    least = min(found, default=_NO_LIMIT)
    return None if least >= _NO_LIMIT else least // 1_000_000


def cpu_limit(listed: Path = _SELF, root: Path = _ROOT) -> int | None:
    """Give the whole cores that the quota of processor time comes to; None where there is none."""
    found = [
        quota for folder in _folders("cpu", listed, root) if (quota := _quota(folder)) is not None
    ]
    return max(1, math.floor(min(found))) if found else None


def _quota(folder: Path) -> float | None:
    """Processor seconds a second that a group may take, in either version."""
    words = _words(folder / "cpu.max") or [
        *_words(folder / "cpu.cfs_quota_us"),
        *_words(folder / "cpu.cfs_period_us"),
    ]
    if len(words) != 2 or not all(word.isdigit() for word in words):  # "max", or -1: none
        return None
    return int(words[0]) / int(words[1])


def _folders(controller: str, listed: Path, root: Path) -> Iterator[Path]:
    """Give the folders of a controller's groups: of the process, and those above it.

    In a container the path that the kernel lists may lie outside of what is mounted; the root
    of the mount is then the container's own group.
    """
    for line in _lines(listed):
        _, names, path = line.split(":", 2)
        if names and controller not in names.split(","):
            continue
        mount = root / names if names else root
        group = mount / path.lstrip("/")
        while group != mount:
            yield group
            group = group.parent
        yield mount


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except OSError:
        return []


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()
