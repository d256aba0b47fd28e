"""Calibrate: try every step on this machine, and tell its rates."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from seston import cluster
from seston.calibration import classifying, disk, steps, trial
from seston.calibration.clock import peak_mb
from seston.calibration.machine import machine, versions
from seston.campaign import Campaign
from seston.config import Classification
from seston.errors import WorkerError
from seston.forecast.rates import Rates
from seston.forecast.spread import Spread
from seston.image import warm_up
from seston.store import new_scores, open_group, read_vignettes

log = logging.getLogger(__name__)

#: Tries of each step; of those that begin processes, fewer.
TRIES, STARTS = 3, 2
#: Vignettes that are measured, and taxa of the scores whose bytes are weighed.
_MEASURED, _TAXA = 2048, 121


def calibrate(folder: Path, settings: Classification | None = None, tries: int = TRIES) -> Rates:
    """Measure the rates of one core of this machine.

    Times are of the processor, but those of the disk: others on the machine change them less. A
    job that starts waits for the file system too, which is not in its time.

    Parameters
    ----------
    folder : Path
        On the disk whose speed is asked; some hundred megabytes are written there for a while.
    settings : Classification, optional
        Model and engine to try.
    tries : int
        Of each step.
    """
    values: dict[str, list[float]] = {}
    notes: dict[str, str] = {}
    with _quiet(), _one_core(), tempfile.TemporaryDirectory(prefix="seston-calibrate-") as place:
        warm_up()
        with _told("disk"):
            found = disk.try_disk(folder, tries)
        values |= {"read": found.read, "write": found.write}
        notes |= {"read": found.note}
        with _told("start"):
            values["start"] = steps.try_start(min(tries, STARTS))
        with _told("simulating"):
            pool = trial.frames()
            campaigns = trial.campaigns(Path(place), pool)
        values |= _stages(campaigns, tries, notes)
        with _told("vignettes"):
            values |= _pieces(campaigns[1], pool, Path(place), tries)
        with _told("classifying"):
            values |= _classify(campaigns[1], settings, tries, notes)
    spreads = {name: Spread.of(v) for name, v in values.items() if v}
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return Rates(spreads, machine(), versions(), date, notes)


def _stages(
    campaigns: Sequence[Campaign], tries: int, notes: dict[str, str]
) -> dict[str, list[float]]:
    """Segment, gather and profile as jobs do, by one worker."""
    with cluster.connect(1) as client:
        with _told("segmenting"):
            runs = [steps.try_segment(one, client, tries) for one in campaigns]
        values = _parted(runs)
        values |= {"worker": [steps.worker_mb(client)], "command": [peak_mb()]}
        with _told("gathering"):
            few, many = campaigns[0], campaigns[-1]
            values |= steps.try_gather(few, many, client, min(tries, STARTS))
    told = (f"{r.pixels / 1e6:,.0f} Mpx with {r.objects:,} objects" for r in runs)
    notes["segment"] = "; ".join(told)
    notes["command"] = "this process, which has simulated too: somewhat more than a job's command"
    return values


def _pieces(
    campaign: Campaign, pool: trial.UInt8Array, place: Path, tries: int
) -> dict[str, list[float]]:
    """Try what works on files and vignettes, and weigh what is stored."""
    store = steps.objects_of(campaign)
    table, vignette = steps.stored_bytes(campaign)
    vignettes = [v for v in read_vignettes(open_group(store), slice(0, _MEASURED)) if v.size]
    return {
        "object_bytes": [table],
        "vignette_bytes": [vignette],
        "score_bytes": [_score_bytes(place / "scores.zarr")],
        "measure": steps.try_vignettes(vignettes, tries),
        "pack": steps.try_pack(campaign, place, tries),
        "decode_raw": steps.try_raw(campaign, tries),
        "decode": steps.try_decode(pool, place, tries),
    }


def _classify(
    campaign: Campaign, settings: Classification | None, tries: int, notes: dict[str, str]
) -> dict[str, list[float]]:
    values, store = {}, steps.objects_of(campaign)
    for name, attempt in (
        ("classify", classifying.try_classify),
        ("classify_gpu", classifying.try_gpu),
    ):
        done = attempt(store, settings, tries)
        values[name], notes[name] = done.rates, done.note
    return values


def _parted(runs: Sequence[steps.Segmented]) -> dict[str, list[float]]:
    found = steps.shares(runs)
    if not found["segment"]:
        raise WorkerError(
            "segmenting took times that make no sense: too much else runs here",
            cure="Calibrate when the machine is quiet.",
        )
    return found


def _score_bytes(path: Path) -> float:
    """Bytes of a score of one taxon, stored: of scores as sharp as those of a usual classifier."""
    logits = np.random.default_rng(1).normal(0, 3, (1 << 14, _TAXA))
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    with new_scores(path, [f"taxon {i}" for i in range(_TAXA)], {}) as writer:
        writer.append(shares.astype(np.float32))
    size = sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    return float(size / shares.size)


@contextmanager
def _one_core() -> Iterator[None]:
    """Stay on one core while the block runs, and so do all processes that it starts."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave the word to this module while the block runs: its stages would tell of each try."""
    ours, level = logging.getLogger("seston"), logging.getLogger("seston").level
    log.setLevel(level)
    ours.setLevel(logging.ERROR)
    try:
        yield
    finally:
        ours.setLevel(level)


@contextmanager
def _told(what: str) -> Iterator[None]:
    begin = time.perf_counter()
    yield
    log.info("calibrate: %s, %.1f s", what, time.perf_counter() - begin)
