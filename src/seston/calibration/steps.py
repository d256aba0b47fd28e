"""Try each step of the workflow on the trial campaigns."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from distributed import Client
from numpy.typing import NDArray

from seston.calibration import trial
from seston.calibration.clock import peak_mb, processor_s
from seston.campaign import Campaign
from seston.readers import video
from seston.simulate.isiis import write_avi
from seston.stages.gather import gather
from seston.stages.profile import profile
from seston.stages.segment import segment
from seston.store import open_group
from seston.store.objects import length

UInt8Array = NDArray[np.uint8]
_EMPTY_JOB = (
    "import seston.stages.segment as _\n"
    "from seston import cluster\n"
    "if __name__ == '__main__':\n"
    "    with cluster.connect(1): pass\n"
)


@dataclass(frozen=True, slots=True)
class Segmented:
    """What segmenting took.

    Parameters
    ----------
    pixels, objects : int
        Of one run.
    seconds : list of float, s
        Of the processor, of each run.
    """

    pixels: int
    objects: int
    seconds: list[float]


def try_segment(campaign: Campaign, client: Client, tries: int, pixels: int) -> Segmented:
    """Segment a campaign of one shard, first once so that the workers have their imports."""
    shard = campaign.shards[0]

    def run() -> None:
        segment(campaign, shard, client)

    run()
    seconds = [processor_s(run, client) for _ in range(tries)]
    group = open_group(objects_of(campaign))
    return Segmented(pixels, length(group, "object_id"), seconds)


def shares(natural: Segmented, noisy: Segmented) -> tuple[list[float], list[float]]:
    """Part the time of segmenting into that of pixels and that of objects.

    Two campaigns of different density give two equations, for each pair of runs.

    Returns
    -------
    pixels_per_s, objects_per_s : list of float
        Of one core, of each pair that gives two positive numbers.
    """
    found = []
    for few, many in zip(natural.seconds, noisy.seconds, strict=False):
        left = [[natural.pixels, natural.objects], [noisy.pixels, noisy.objects]]
        pixel_s, object_s = np.linalg.solve(left, [few, many])
        if pixel_s > 0 and object_s > 0:
            found.append((1 / float(pixel_s), 1 / float(object_s)))
    return [f[0] for f in found], [f[1] for f in found]


def try_gather(campaign: Campaign, client: Client, tries: int) -> tuple[list[float], list[float]]:
    """Objects a second that are gathered, and put into bins."""
    n = length(open_group(objects_of(campaign)), "object_id")
    gathered, profiled = [], []
    for _ in range(tries):
        gathered.append(n / processor_s(lambda: gather(campaign, client), client))
        profiled.append(n / processor_s(lambda: profile(campaign, client), client))
    return gathered, profiled


def try_start(tries: int) -> list[float]:
    """Seconds of a job that does nothing: Python, imports, one worker, and their end."""
    taken = []
    for _ in range(tries):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", _EMPTY_JOB], check=True)
        taken.append(time.perf_counter() - begin)
    return taken


def try_decode(pool: UInt8Array, folder: Path, tries: int) -> list[float]:
    """Mpx/s of compressed video (FFV1) to grey levels."""
    path = folder / "compressed.avi"
    write_avi(path, pool[:1], codec="ffv1")
    times = [processor_s(lambda: list(video.read_frames(path, [0]))) for _ in range(tries)]
    return [pool[0].size / 1e6 / max(t, 1e-9) for t in times]


def try_vignettes(vignettes: list[UInt8Array], tries: int) -> list[float]:
    """Objects a second of pictures of vignettes that are decoded and measured."""
    from seston.learn.sets.measuring import measure

    packed = [cv2.imencode(".png", vignette)[1] for vignette in vignettes]
    sizes = np.full((len(packed), 2), 0.06)

    def run() -> None:
        read: list[UInt8Array] = [
            np.asarray(cv2.imdecode(p, cv2.IMREAD_GRAYSCALE), np.uint8) for p in packed
        ]
        measure(read, sizes)

    run()
    return [len(packed) / processor_s(run) for _ in range(tries)]


def worker_mb(client: Client) -> float:
    """Most memory that a worker has held, MB."""
    return float(client.submit(peak_mb, pure=False).result())


def stored_bytes(campaign: Campaign) -> tuple[float, float]:
    """Bytes on the disk: of an object's row of the table, and of a pixel of a vignette."""
    folder = objects_of(campaign)
    group, vignettes = open_group(folder), sum(_sizes(folder / "vignettes"))
    table = (sum(_sizes(folder)) - vignettes) / length(group, "object_id")
    return table, vignettes / length(group, "vignettes/pixels")


def objects_of(campaign: Campaign) -> Path:
    """Where the objects of the only shard lie."""
    return campaign.shard_folder(campaign.shards[0].name) / "objects.zarr"


def _sizes(folder: Path) -> Iterator[int]:
    return (p.stat().st_size for p in folder.rglob("*") if p.is_file())


def pixels_of(files: int) -> int:
    """Pixels of a trial campaign."""
    return files * trial.FRAMES_PER_FILE * trial.LINES * trial.WIDTH
