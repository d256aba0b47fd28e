"""Harm for a campaign at hand: what dies, at a moment that is drawn, and what is then lost.

`benchmarks/chaos.py` draws from KINDS; each is a function that strikes one step of a campaign.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import small_cluster
from small_cluster import Process, litter, start

Rng = np.random.Generator
#: MB that no step can do with, and seconds that a step which is given minutes has for its work.
TOO_FEW_MB, SHORT_S = 250, 4.0
MARGIN_S = 120
GONE = "process 1 on a node that is gone"


# -------------------------------------------------------------------------------------- the work
@dataclass
class Campaign:
    """A campaign in a folder, and what was seen of its shards."""

    folder: Path
    made: dict[Path, tuple[int, float]] = field(default_factory=dict)  # its inode, and seconds
    last: float = 0.0
    usual_s: dict[str, float] = field(default_factory=dict)  # of each step, undisturbed
    put: list[Path] = field(default_factory=list)  # locks and drafts of dead writers

    @property
    def results(self) -> Path:
        return self.folder / "results/tow"

    def command(self, step: str, part: str, **options: object) -> subprocess.Popen[bytes]:
        told = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        words = [step, "tow", *([part] if part else []), "--cores", "1", *told]
        environ = os.environ | {"SESTON_CONFIG": str(self.folder / "config/config.yaml")}
        self.last = time.monotonic()
        with (self.folder / "said").open("ab") as said:
            return subprocess.Popen(
                [str(Path(sys.executable).parent / "seston"), *words],
                cwd=self.folder, env=environ, stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip

    def stores(self) -> list[Path]:
        return sorted(self.results.glob("shards/*/[os]*.zarr"))

    def look(self) -> tuple[int, float]:
        """Note stores that are new; give how many were made again, and in what time before."""
        again, seconds = 0, 0.0
        for store in self.stores():
            with suppress(FileNotFoundError):
                inode = store.stat().st_ino
                known, took = self.made.get(store, (0, 0.0))
                if inode == known:
                    continue
                now = time.monotonic()
                again, seconds = again + bool(known), seconds + took
                self.made[store], self.last = (inode, now - self.last), now
        return again, seconds

    def undo(self) -> None:
        """Take away all that the steps make."""
        for made in ("shards", "blocks", "objects.zarr"):
            shutil.rmtree(self.results / made, ignore_errors=True)
        self.made.clear()


@dataclass
class Loss:
    """What faults of one kind did."""

    struck: int = 0
    shards_again: int = 0
    finished_s: float = 0.0
    under_way_s: float = 0.0
    recovery_s: list[float] = field(default_factory=list)


def watch(campaign: Campaign, process: subprocess.Popen[bytes], loss: Loss, until: float) -> bool:
    """Look on until a time or until the process ends; say whether it ended."""
    while process.poll() is None and time.monotonic() < until:
        tally(campaign, loss)
        time.sleep(0.05)
    tally(campaign, loss)
    return process.poll() is not None


def tally(campaign: Campaign, loss: Loss) -> None:
    again, seconds = campaign.look()
    loss.shards_again, loss.finished_s = loss.shards_again + again, loss.finished_s + seconds


# -------------------------------------------------------------------------------------- the faults
@dataclass
class Strike:
    """One step, and the moment at which a fault strikes it."""

    campaign: Campaign
    step: str
    part: str
    rng: Rng
    loss: Loss

    def running(self, **options: object) -> subprocess.Popen[bytes]:
        """Start the step and look on until the moment."""
        process = self.campaign.command(self.step, self.part, **options)
        usual = self.campaign.usual_s[self.step]
        watch(self.campaign, process, self.loss, time.monotonic() + self.rng.uniform(0, usual))
        return process

    def ended(self, process: subprocess.Popen[bytes]) -> None:
        watch(self.campaign, process, self.loss, np.inf)


def _processes(strike: Strike, process: subprocess.Popen[bytes]) -> list[Process]:
    return [p for p in small_cluster.processes(strike.campaign.folder) if p.pid != process.pid]


def worker(strike: Strike) -> None:
    process = strike.running()
    if others := _processes(strike, process):
        others[strike.rng.integers(len(others))].kill()
    strike.ended(process)


def leader(strike: Strike) -> None:
    process = strike.running()
    process.kill()
    strike.ended(process)


def cancelled(strike: Strike) -> None:
    process = strike.running()
    process.terminate()
    strike.ended(process)


def node(strike: Strike) -> None:
    process = strike.running()
    for one in small_cluster.processes(strike.campaign.folder):
        one.kill()
    strike.ended(process)


def two_writers(strike: Strike) -> None:
    """Stop a first writer for a while, and begin a second."""
    first = strike.running()
    stopped = [p.pid for p in small_cluster.processes(strike.campaign.folder)]
    _signal(stopped, signal.SIGSTOP)
    second = strike.campaign.command(strike.step, strike.part)
    watch(strike.campaign, second, strike.loss, time.monotonic() + strike.rng.uniform(0, 8))
    _signal(stopped, signal.SIGCONT)
    strike.ended(second)
    strike.ended(first)


def _signal(pids: list[int], what: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, what)


def wall_limit(strike: Strike) -> None:
    minutes = (MARGIN_S + strike.rng.uniform(0, 2 * SHORT_S)) / 60
    strike.ended(strike.running(minutes=minutes))


def memory(strike: Strike) -> None:
    strike.ended(strike.running(memory=TOO_FEW_MB))


def full_disk(strike: Strike) -> None:
    results = strike.campaign.folder / "results"
    filler = results / "filler"
    process = strike.running()
    at_hand = os.statvfs(results)
    free = int(strike.rng.integers(0, 200)) * 1024
    with suppress(OSError):
        filler.write_bytes(bytes(max(0, at_hand.f_bavail * at_hand.f_frsize - free)))
    strike.ended(process)
    filler.unlink(missing_ok=True)


def full_scratch(strike: Strike) -> None:
    before = os.environ.get("TMPDIR", "")
    os.environ["TMPDIR"] = str(strike.campaign.folder / "scratch")
    strike.ended(strike.running())
    os.environ["TMPDIR"] = before or tempfile.gettempdir()


def rot(strike: Strike) -> None:
    """Change a bit on the disk."""
    if chosen := _chunk(strike):
        data = bytearray(chosen.read_bytes())
        data[strike.rng.integers(len(data))] ^= 1 << int(strike.rng.integers(8))
        chosen.write_bytes(data)


def lost_file(strike: Strike) -> None:
    if chosen := _chunk(strike):
        chosen.unlink()


def lost_shard(strike: Strike) -> None:
    if stores := strike.campaign.stores():
        shutil.rmtree(stores[strike.rng.integers(len(stores))])


def _chunk(strike: Strike) -> Path | None:
    chunks = [
        p for s in strike.campaign.stores() for p in sorted(s.rglob("c/**/*"))
        if p.is_file() and p.stat().st_size
    ]  # fmt: skip
    return chunks[strike.rng.integers(len(chunks))] if chunks else None


def left_overs(strike: Strike) -> None:
    """Leave the lock and the draft of a dead writer."""
    shards = sorted((strike.campaign.results / "shards").glob("*"))
    if shards:
        shard = shards[strike.rng.integers(len(shards))]
        lock, draft = shard / ".objects.zarr.lock", shard / ".objects.zarr.draft-dead"
        lock.write_text(GONE)
        draft.mkdir(exist_ok=True)
        strike.campaign.put += [lock, draft]


def swept(campaign: Campaign) -> list[str]:
    """Name drafts and locks that nobody swept, but for those put where nobody wrote again."""
    put = {str(p.relative_to(campaign.results)) for p in campaign.put}
    campaign.put.clear()
    return [name for name in litter(campaign.results) if name not in put]


def clocks(strike: Strike) -> None:
    """Give files times of clocks that are behind: of those that are ahead, Snakemake takes none."""
    for path in sorted(strike.campaign.results.glob("*/*/*")):
        when = time.time() + strike.rng.uniform(-7200, 0)
        os.utime(path, (when, when))


def snakemake(strike: Strike) -> None:
    """Kill Snakemake at any moment, so that its jobs go on; then unlock and end."""
    folder = strike.campaign.folder
    goal = strike.campaign.results / "objects.zarr"
    arguments = (str(goal.relative_to(folder)), "--cores", "1", "--rerun-triggers", "input")
    process = start(folder, *arguments)
    wait = strike.rng.uniform(3, 3 + 3 * sum(strike.campaign.usual_s.values()))
    watch(strike.campaign, process, strike.loss, time.monotonic() + wait)
    process.kill()
    process.wait()
    small_cluster.run(folder, *arguments, "--unlock")
    strike.ended(again := start(folder, *arguments))
    if again.returncode:
        raise SystemExit(f"Snakemake does not recover:\n{small_cluster.told(folder)}")


#: Kinds of faults, and how often each is drawn.
KINDS: dict[Callable[[Strike], None], int] = {
    worker: 5, leader: 5, node: 4, cancelled: 3, two_writers: 3, wall_limit: 3, memory: 2,
    full_disk: 3, full_scratch: 1, rot: 4, lost_file: 3, lost_shard: 3, left_overs: 1, clocks: 1,
    snakemake: 1,
}  # fmt: skip
#: Kinds that come before a step, not into it.
BEFORE = (rot, lost_file, lost_shard, left_overs, clocks)
