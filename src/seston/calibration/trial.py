"""Small campaigns to try the steps on: water as it is, and water full of specks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seston.campaign import Campaign, load_campaign
from seston.simulate.isiis import log_name, write_avi, write_log
from seston.simulate.scene import take
from seston.simulate.settings import TowSettings
from seston.simulate.tow import Tow
from seston.simulate.truth import file_name
from seston.stages.ingest import ingest

UInt8Array = NDArray[np.uint8]

LINES, WIDTH, FRAMES_PER_FILE = 4096, 2048, 8
#: Files of each campaign, and specks in a noisy frame.
NATURAL_FILES, NOISY_FILES, SPECKS = 6, 1, 25_000
_DISTINCT = 2
_CONFIG = """
campaigns: {0}/campaigns.csv
results: {0}/results
ingest: {{files_per_shard: 1000}}
"""
_ROWS = "campaign,deployment,instrument,path,environment\ntow,a,isiis,{0}/frames,{0}/environment\n"
#: The water as it is, seen in one way down.
_NATURAL = TowSettings(plankton_factor=1.0, detritus_factor=1.0, casts=1, frame_lines=LINES)


def frames() -> UInt8Array:
    """Draw a few frames (frame, y, x) at natural concentrations."""
    settings = replace(_NATURAL, files_per_burst=1, burst_spacing_m=60.0, frames_per_file=_DISTINCT)
    one = Tow(settings)
    return take(one, one.files(), one.files()[0], 1).pixels.reshape(_DISTINCT, LINES, WIDTH)


def with_specks(pool: UInt8Array) -> UInt8Array:
    """Put dark specks of some pixels into frames (frame, y, x): each is large enough to be kept."""
    rng = np.random.default_rng(0)
    noisy = pool.astype(np.int16)
    for frame in noisy:
        y, x = rng.integers(0, LINES - 5, SPECKS), rng.integers(0, WIDTH - 5, SPECKS)
        for dy in range(4):
            for dx in range(5):
                frame[y + dy, x + dx] -= 60
    return np.clip(noisy, 0, 255).astype(np.uint8)


def campaigns(folder: Path, pool: UInt8Array) -> tuple[Campaign, Campaign, Campaign]:
    """Write three campaigns: a short one, a long one, and one full of specks."""
    return (
        make(folder / "short", pool, 1),
        make(folder / "long", pool, NATURAL_FILES),
        make(folder / "noisy", with_specks(pool), NOISY_FILES),
    )


def make(folder: Path, pool: UInt8Array, files: int) -> Campaign:
    """Write a scan of frames, drawn from a pool, with its log; list its frames."""
    seconds = files * FRAMES_PER_FILE * LINES / 28_000
    settings = replace(
        _NATURAL,
        cast_duration_s=seconds + 1,
        burst_spacing_m=None,
        frames_per_file=FRAMES_PER_FILE,
    )
    tow = Tow(settings)
    for name in ("frames", "environment"):
        (folder / name).mkdir(parents=True)
    write_log(folder / "environment" / log_name(settings), tow, 1)
    for number, file in enumerate(tow.files()[:files]):
        write_avi(folder / "frames" / file_name(tow, file), _drawn(pool, number))
    (folder / "config.yaml").write_text(_CONFIG.format(folder), "utf-8")
    (folder / "campaigns.csv").write_text(_ROWS.format(folder), "utf-8")
    campaign = load_campaign(folder / "config.yaml", "tow")
    ingest(campaign)
    return campaign


def _drawn(pool: UInt8Array, number: int) -> Iterator[UInt8Array]:
    order = np.random.default_rng(number).integers(0, len(pool), FRAMES_PER_FILE)
    return (pool[i] for i in order)
