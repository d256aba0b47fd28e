"""Try each step of the workflow on the trial campaigns."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import zarr
from distributed import Client
from numpy.typing import NDArray

from seston.calibration import trial
from seston.calibration.clock import children_s, peak_mb, processor_s
from seston.campaign import Campaign
from seston.readers import FrameReader, video
from seston.readers.piece import Piece
from seston.simulate.isiis import write_avi
from seston.stages.gather import gather
from seston.stages.profile import profile
from seston.stages.segment import segment
from seston.store import arrays, open_group
from seston.store.objects import length
from seston.variables import OBJECTS

UInt8Array = NDArray[np.uint8]
#: Shorter than this is not to be told from nothing.
_LEAST_S = 1e-3
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


def try_segment(campaign: Campaign, client: Client, tries: int) -> Segmented:
    """Segment a campaign of one shard, first once so that the workers have their imports."""
    shard = campaign.shards[0]

    def run() -> None:
        segment(campaign, shard, client)

    run()
    seconds = [processor_s(run, client) for _ in range(tries)]
    group = open_group(objects_of(campaign))
    pixels = len(shard.files) * trial.FRAMES_PER_FILE * trial.LINES * trial.WIDTH
    return Segmented(pixels, length(group, "object_id"), seconds)


def shares(runs: Sequence[Segmented]) -> dict[str, list[float]]:
    """Part the time of segmenting into that of pixels, of objects, and of a shard as such.

    Three campaigns of other length and density give three equations, for each set of tries.

    Returns
    -------
    dict of list of float
        ``segment`` (Mpx/s) and ``find`` (objects/s) of one core, and ``shard`` (s), of each set
        that gives positive numbers.
    """
    sizes = [[run.pixels, run.objects, 1] for run in runs]
    found: dict[str, list[float]] = {"segment": [], "find": [], "shard": []}
    for seconds in zip(*(run.seconds for run in runs), strict=False):
        pixel_s, object_s, shard_s = map(float, np.linalg.solve(sizes, seconds))
        if pixel_s > 0 and object_s > 0:
            found["segment"].append(1e-6 / pixel_s)
            found["find"].append(1 / object_s)
            found["shard"].append(max(shard_s, _LEAST_S))
    return found


def try_gather(few: Campaign, many: Campaign, client: Client, tries: int) -> dict[str, list[float]]:
    """Objects a second that are gathered, and put into bins: what more of them take more."""
    n, more = (length(open_group(objects_of(c)), "object_id") for c in (few, many))
    found: dict[str, list[float]] = {"gather": [], "profile": []}
    for _ in range(tries):
        for name, step in (("gather", gather), ("profile", profile)):
            times = [processor_s(partial(step, c, client), client) for c in (few, many)]
            found[name].append((more - n) / max(times[1] - times[0], _LEAST_S))
    return found


def try_start(tries: int) -> list[float]:
    """Seconds of a job that does nothing: Python, imports, one worker, and their end."""
    taken = []
    with tempfile.TemporaryDirectory() as place:
        job = Path(place) / "job.py"  # a file: the worker imports it again
        job.write_text(_EMPTY_JOB, "utf-8")
        for _ in range(tries):
            before = children_s()
            subprocess.run([sys.executable, str(job)], check=True)
            taken.append(children_s() - before)
    return taken


def try_pack(campaign: Campaign, place: Path, tries: int) -> list[float]:
    """Mpx/s of vignettes, written to a store and read from it: what a gather does to each."""
    source = open_group(objects_of(campaign))
    whole = arrays.shard_rows(OBJECTS["pixels"])
    pixels = np.resize(np.asarray(source["vignettes/pixels"][:]), whole)  # type: ignore[index]
    with arrays.fast_codecs(threads=1):
        group = zarr.open_group(place / "packed", mode="w")
        array = arrays.create(group, OBJECTS["pixels"], (whole,))

    def run() -> None:
        arrays.write_region(array, 0, pixels)
        np.asarray(array[:])

    return [whole / 1e6 / processor_s(run) for _ in range(tries)]


def try_raw(campaign: Campaign, tries: int) -> list[float]:
    """Mpx/s of raw AVI, in memory, to grey levels: all frames of the first file."""
    reader = campaign.reader(campaign.deployments[0])
    assert isinstance(reader, FrameReader)
    path = reader.files()[0].as_posix()
    target = np.empty((trial.LINES, trial.WIDTH), np.uint8)
    pieces = [
        Piece(index=i, height=trial.LINES, first=0, target=target)
        for i in range(trial.FRAMES_PER_FILE)
    ]
    times = [processor_s(lambda: list(reader.fill(path, pieces))) for _ in range(tries)]
    return [trial.FRAMES_PER_FILE * target.size / 1e6 / max(t, 1e-9) for t in times]


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
