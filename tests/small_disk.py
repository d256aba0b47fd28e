"""Fill a disk while each stage writes on it: what test_full_disk runs in a name space of its own.

    unshare --map-root-user --mount python tests/small_disk.py FOLDER

FOLDER holds a tiny campaign. A small file system is mounted at FOLDER/results; it is gone with
this process. Prints as JSON what was said, and what was left, at each size of the free space.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tiny
from seston.campaign import load_campaign
from seston.cluster import connect
from seston.simulate import TowSettings, write_isiis, write_learning_set
from seston.stages.export import netcdf
from seston.stages.gather import gather
from seston.stages.ingest import ingest
from seston.stages.profile import profile
from seston.stages.report import report

FREE_KB = (0, 8, 40, 120)


@contextmanager
def almost_full(disk: Path, free_kb: int) -> Iterator[None]:
    at_hand = os.statvfs(disk)
    filler = disk / "filler"
    filler.write_bytes(bytes(at_hand.f_bavail * at_hand.f_frsize - free_kb * 1024))
    try:
        yield
    finally:
        filler.unlink()


def attempts(disk: Path, run: Callable[[], object]) -> list[dict[str, Any]]:
    """Run with ever more space, until it is enough; then once more with all there is."""
    found = []
    before = tiny.content(disk)
    for free_kb in FREE_KB:
        said = ""
        with almost_full(disk, free_kb):
            try:
                run()
            except Exception as error:
                said = f"{type(error).__name__}: {error}"
        if not said:
            break
        files = {p for p in tiny.content(disk) if (disk / p).is_file()}
        found.append({"said": said, "left": sorted(files - before.keys())})
    else:
        run()
    return found


def command(folder: Path, *words: str) -> dict[str, Any]:
    """Run a command of seston on the almost full disk."""
    with almost_full(folder / "results", 40):
        done = subprocess.run(
            [sys.executable, "-c", "from seston.cli import main; main()", *words, "tow",
             "--cores", "1", "--config", str(folder / "config.yaml")],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    return {"code": done.returncode, "said": done.stderr}


def main(folder: Path) -> dict[str, Any]:
    disk = folder / "results"
    disk.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "none", str(disk)], check=True)
    campaign = load_campaign(folder / "config.yaml", "tow")
    found: dict[str, Any] = {}
    with connect(cores=1) as client:
        for name, run in {
            "ingest": lambda: ingest(campaign),
            "segment": lambda: tiny.segment(campaign, client),
            "gather": lambda: gather(campaign, client),
            "profile": lambda: profile(campaign, client),
            "report": lambda: report(campaign),
        }.items():
            found[name] = attempts(disk, run)
    found["content"] = tiny.content(disk)
    for name, run in {
        "export": lambda: netcdf(campaign.folder, disk / "profiles.nc"),
        "simulate": lambda: write_isiis(disk / "sea", TowSettings.tiny(), 3, workers=2),
        "learning_set": lambda: write_learning_set(disk / "set", 4, per_class=8),
    }.items():
        found[name] = attempts(disk, run)
    found["command"] = command(folder, "gather")
    return found


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
