"""Faults at random, by hundreds: after each the work goes on, and the bytes are the same.

    python benchmarks/chaos.py [--n 200] [--seed 1] [--quick] [--slurm] [--folder FOLDER]

A tiny campaign is worked through once, undisturbed. Then it is worked through again and again, step
by step: `seston segment` and `seston classify` of each block, `seston gather`; and now and then by
Snakemake as a whole. A seeded scheduler draws a fault for each of these and when it strikes. The
step is then run again, until it ends well. When all steps of a round are done, every byte of the
round is compared with the undisturbed one.

Printed by kind of fault: how often, the work that was lost, and what it took to recover. Lost are
shards that were whole when the fault struck and had to be made again all the same, in the seconds
that they had taken; and the seconds of the shard that was at work. Kinds that rot or remove a
shard lose it of necessity. Recovery is the time that the step takes when it is run again.

--slurm sends each block to a Slurm that is brought up here, by `snakemake --profile slurm`, and
draws from what dies on a cluster; each fault takes minutes. The last line is a JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/slurm")]

import small_cluster
from harm import (
    BEFORE,
    KINDS,
    Campaign,
    Loss,
    Strike,
    full_disk,
    full_scratch,
    swept,
    watch,
)
from small_cluster import clone, content, litter, start, wait_for

Rng = np.random.Generator
BLOCKS = ("a-b000", "a-b001")
STEPS = [*(("segment", b) for b in BLOCKS), *(("classify", b) for b in BLOCKS), ("gather", "")]
#: Objects and scores of four shards.
STORES = 8
QUICK = 6


# --------------------------------------------------------------------------------------- a round
def finish(campaign: Campaign, step: str, part: str, loss: Loss) -> None:
    """Run a step until it ends well; it has no excuse for failing twice."""
    for _ in range(2):
        process = campaign.command(step, part)
        watch(campaign, process, loss, np.inf)
        if process.returncode == 0:
            return
    raise SystemExit(f"{step} {part} does not recover:\n" + (campaign.folder / "said").read_text())


def drawn(rng: Rng, campaign: Campaign, small_disk: bool) -> Callable[[Strike], None]:
    """Draw a kind of fault: one that can strike here and now."""
    hindered = () if small_disk else (full_disk, full_scratch)
    hindered += () if campaign.stores() else BEFORE
    kinds = [kind for kind in KINDS if kind not in hindered]
    weights = np.array([KINDS[kind] for kind in kinds], float)
    return kinds[rng.choice(len(kinds), p=weights / weights.sum())]


def undisturbed(campaign: Campaign) -> dict[str, str]:
    """Work through the campaign by Snakemake, then once more step by step; give all bytes."""
    small_cluster.run(campaign.folder, "--cores", "1")
    shutil.copytree(campaign.results, campaign.folder / "by-snakemake")
    campaign.undo()
    for step, part in STEPS:
        began = time.monotonic()
        finish(campaign, step, part, Loss())
        campaign.usual_s[step] = time.monotonic() - began
    expected = content(campaign.results)
    assert expected == content(campaign.folder / "by-snakemake")
    return expected


def one_round(
    campaign: Campaign, rng: Rng, losses: dict[str, Loss], left: int, small_disk: bool
) -> int:
    """Work through all steps, a fault in each; give how many faults struck."""
    campaign.undo()
    struck = 0
    for step, part in STEPS:
        loss, kind = Loss(), None
        if struck < left:
            kind = drawn(rng, campaign, small_disk)
            loss = losses[kind.__name__]
            loss.struck, struck = loss.struck + 1, struck + 1
            kind(Strike(campaign, step, part, rng, loss))
            if kind not in BEFORE:
                loss.under_way_s += max(0.0, time.monotonic() - campaign.last)
        began = time.monotonic()
        if step == "gather":  # what is gone altogether is for the steps before, as in the workflow
            for block in BLOCKS if len(campaign.stores()) < STORES else ():
                finish(campaign, "classify", block, loss)
        finish(campaign, step, part, loss)
        loss.recovery_s.append(time.monotonic() - began)
    return struck


@contextmanager
def small_disks(folder: Path) -> Iterator[bool]:
    """Mount small disks for results and scratch, where that is allowed; say whether it was."""
    mounts = {folder / "results": "192m", folder / "scratch": "64k"}
    done: list[Path] = []
    try:
        for disk, size in mounts.items():
            disk.mkdir(exist_ok=True)
            line = ("mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(disk))
            if subprocess.run(line, capture_output=True, check=False).returncode == 0:
                done.append(disk)
        yield len(done) == len(mounts)
    finally:
        for disk in done:
            subprocess.run(("umount", "-l", str(disk)), check=False)


def here(folder: Path, n: int, seed: int) -> tuple[dict[str, Loss], int, int]:
    """Strike on this machine; give losses, rounds, and rounds that ended with other bytes."""
    rng, losses = np.random.default_rng(seed), defaultdict[str, Loss](Loss)
    campaign, rounds, wrong = Campaign(clone(folder)), 0, 0
    with small_disks(folder) as small_disk:
        expected = undisturbed(campaign)
        struck = 0
        while struck < n:
            struck += one_round(campaign, rng, losses, n - struck, small_disk)
            rounds += 1
            found = content(campaign.results)
            odd = sorted(p for p in {*expected, *found} if expected.get(p) != found.get(p))
            odd += swept(campaign)
            wrong += bool(odd)
            print(
                f"round {rounds}: {struck} faults, {'the same' if not odd else odd[:3]}", flush=True
            )
    return losses, rounds, wrong


# ------------------------------------------------------------------------------------- on a Slurm
def on_slurm(folder: Path, n: int, seed: int) -> tuple[dict[str, Loss], int, int]:
    """Strike jobs of a Slurm, one in each round; give losses, rounds, and rounds gone wrong."""
    rng, losses, wrong = np.random.default_rng(seed), defaultdict[str, Loss](Loss), 0
    with closing(small_cluster.brought_up(folder / "slurm")) as bringing:
        slurm = next(bringing)
        os.environ.update(slurm.environ)
        (folder / "tow").mkdir()
        campaign = Campaign(clone(folder / "tow"))
        small_cluster.run(campaign.folder, "--cores", "2")
        expected = content(campaign.results)
        for _ in range(n):
            kind = str(rng.choice(["worker", "leader", "cancelled", "node", "snakemake"]))
            loss = losses[kind]
            loss.struck += 1
            for shard in ("a-0000", "a-0001"):
                shutil.rmtree(campaign.results / "shards" / shard / "objects.zarr")
            record = campaign.results / "blocks/a-b000/segment.json"
            record.unlink()
            _strike_job(campaign, slurm, kind, rng, loss, str(record.relative_to(campaign.folder)))
            same = content(campaign.results) == expected and not litter(campaign.results)
            wrong += not same
            print(f"{kind}: {'the same' if same else 'OTHER BYTES'}", flush=True)
    return losses, n, wrong


def _strike_job(
    campaign: Campaign, slurm: small_cluster.Slurm, kind: str, rng: Rng, loss: Loss, goal: str
) -> None:
    arguments = ("--profile", "slurm", goal)
    process = start(campaign.folder, *arguments)
    wait_for(lambda: small_cluster.workers(campaign.folder))
    time.sleep(rng.uniform(0, 5))
    began = time.monotonic()
    jobs, lost = list(slurm.jobs()), ""
    if kind == "snakemake":
        process.kill()
        process.wait()
        small_cluster.run(campaign.folder, "--profile", "slurm", "--unlock")
        process = start(campaign.folder, *arguments)
    elif kind == "cancelled" and jobs:
        slurm("scancel", jobs[0])
    elif kind == "node" and jobs:
        slurm.node("lose", lost := slurm.node_of(jobs[0]))
    else:
        find = small_cluster.leaders if kind == "leader" else small_cluster.workers
        for victim in find(campaign.folder)[:1]:
            victim.kill()
    watch(campaign, process, loss, np.inf)
    if process.returncode:
        raise SystemExit(small_cluster.told(campaign.folder))
    wait_for(lambda: not small_cluster.leaders(campaign.folder))
    loss.recovery_s.append(time.monotonic() - began)
    if lost:
        slurm.node("restore", lost)


# -------------------------------------------------------------------------------------- the table
def show(losses: dict[str, Loss]) -> None:
    print(f"\n{'fault':<14}{'struck':>7}{'shards again':>14}{'finished s':>12}"
          f"{'under way s':>13}{'recovery s':>12}")  # fmt: skip
    for kind, loss in sorted(losses.items(), key=lambda item: -item[1].struck):
        recovery = float(np.median(loss.recovery_s)) if loss.recovery_s else 0.0
        print(f"{kind:<14}{loss.struck:>7}{loss.shards_again:>14}{loss.finished_s:>12.1f}"
              f"{loss.under_way_s:>13.1f}{recovery:>12.1f}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=200, help="faults")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} faults")
    parser.add_argument("--slurm", action="store_true", help="strike jobs of a Slurm")
    parser.add_argument("--folder", type=Path, help="work here, and leave all there")
    options = parser.parse_args()
    n = QUICK if options.quick else options.n
    os.environ.update(OMP_NUM_THREADS="1", MPLBACKEND="Agg")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="seston-chaos-") as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        losses, rounds, wrong = (on_slurm if options.slurm else here)(folder, n, options.seed)
    show(losses)
    recovery = [s for loss in losses.values() for s in loss.recovery_s]
    found = {
        "faults": sum(loss.struck for loss in losses.values()),
        "kinds": len(losses),
        "rounds": rounds,
        "rounds_with_other_bytes": wrong,
        "shards_again": sum(loss.shards_again for loss in losses.values()),
        "finished_work_lost_s": round(sum(loss.finished_s for loss in losses.values()), 1),
        "median_recovery_s": round(float(np.median(recovery)), 1),
        "seconds": round(time.monotonic() - began),
    }
    print(json.dumps(found))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
