"""From raw AVI on disk to objects in Zarr, by the stage itself: one and two worker processes.

    python benchmarks/campaign.py [--quick]

The scan is one cast at natural concentrations; a few frames are simulated and come again in other
orders, as files of 10 frames in the page cache. Each run is a process of its own, pinned to one
core with one worker, or to two cores with two: the command and the Dask scheduler share them with
the workers. `first` is the time of `stages.segment.segment` with workers that have imported
nothing yet, `again` that of a second call: what a long shard tends to. `processor` is the time of
the processor of all processes in it, which others on the machine change less. Best of some runs.

Beside it, on one core and a few frames: PyAV, numpy, scikit-image's regionprops and npz. And what
the machine gives: reading the files from the page cache, copying memory, writing to the disk. The
last line is a JSON object of ratios.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np

CONFIG = """
campaigns: {0}/campaigns.csv
results: {0}/results
ingest: {{files_per_shard: 1000}}
classification: {{model: model}}
"""
ROWS = "campaign,deployment,instrument,path,environment\ntow,a,isiis,{0}/frames,{0}/environment\n"
LINES, WIDTH, FRAMES_PER_FILE, LINE_RATE = 10240, 2048, 10, 28_000.0
REAL_TIME = LINE_RATE * WIDTH / 1e6  # Mpx/s of one camera


# ------------------------------------------------------------------------------ the campaign
def make(folder: Path, files: int, distinct: int) -> None:
    """Write the files and the log of a scan, and list its frames."""
    from seston.campaign import load_campaign
    from seston.image import warm_up
    from seston.simulate.isiis import log_name, write_avi, write_log
    from seston.simulate.scene import take
    from seston.simulate.settings import TowSettings
    from seston.simulate.tow import Tow
    from seston.simulate.truth import file_name
    from seston.stages.ingest import ingest

    warm_up()
    natural = {"plankton_factor": 1.0, "detritus_factor": 1.0, "frame_lines": LINES, "casts": 1}
    one = Tow(TowSettings(
        files_per_burst=1, burst_spacing_m=60.0, frames_per_file=distinct, **natural
    ))  # fmt: skip
    pool = take(one, one.files(), one.files()[0], 1).pixels.reshape(distinct, LINES, WIDTH)
    seconds = files * FRAMES_PER_FILE * LINES / LINE_RATE
    tow = Tow(TowSettings(
        cast_duration_s=seconds + 1, burst_spacing_m=None, frames_per_file=FRAMES_PER_FILE,
        **natural,
    ))  # fmt: skip
    for name in ("frames", "environment"):
        (folder / name).mkdir()
    write_log(folder / "environment" / log_name(tow.settings), tow, 1)
    rng = np.random.default_rng(1)
    for file in tow.files()[:files]:
        order = rng.integers(0, distinct, FRAMES_PER_FILE)
        write_avi(folder / "frames" / file_name(tow, file), (pool[i] for i in order))
    (folder / "config.yaml").write_text(CONFIG.format(folder))
    (folder / "campaigns.csv").write_text(ROWS.format(folder))
    ingest(load_campaign(folder / "config.yaml", "tow"))


# ------------------------------------------------------------------------------- one run of it
def run_stage(folder: Path, cores: int) -> None:
    """Segment the campaign in this process; print what it took as JSON."""
    from seston import cluster
    from seston.campaign import load_campaign
    from seston.stages.segment import segment

    campaign = load_campaign(folder / "config.yaml", "tow")
    took: dict[str, float] = {}
    with cluster.connect(cores) as client:
        for name in ("first", "again"):
            before = sum(client.run(_processor_s).values()) + time.process_time()
            begin = time.perf_counter()
            segment(campaign, campaign.shards[0], client)
            took[name] = time.perf_counter() - begin
            now = sum(client.run(_processor_s).values()) + time.process_time()
            took[f"{name}_processor"] = now - before
        took["worker_mb"] = max(client.run(_peak_mb).values())
    print(json.dumps(took | {"driver_mb": _peak_mb()}))


def _processor_s() -> float:
    return time.process_time()


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(folder: Path, cores: int, times: int) -> dict[str, float]:
    """Run the stage in processes of their own; give the least of each figure."""
    runs = []
    available = sorted(os.sched_getaffinity(0))[-cores:]
    for _ in range(times):
        done = subprocess.run(
            [sys.executable, __file__, "--folder", str(folder), "--cores", str(cores)],
            preexec_fn=lambda: os.sched_setaffinity(0, available),
            stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    return {name: min(run[name] for run in runs) for name in runs[0]}


def store_hash(folder: Path) -> str:
    """Hash of all bytes of the objects store."""
    digest = hashlib.sha256()
    for path in sorted((folder / "results").rglob("shards/**/*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


# ---------------------------------------------------------------------- what stands beside it
def by_hand(folder: Path, frames: int) -> float:
    """Seconds of the processor a frame: PyAV, numpy, scikit-image, one npz."""
    import av
    from skimage.measure import label, regionprops_table

    from segment import PIXEL_HEIGHT, PIXEL_WIDTH, SAME, SQUARE, corrected
    from seston.config import Segmentation

    settings = Segmentation.model_validate({})
    begin = time.process_time()
    tables = {}
    with av.open(str(min((folder / "frames").iterdir()))) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number == frames:
                break
            grey = corrected(frame.to_ndarray(format="gray"))
            labels = label(grey < settings.threshold * 240, connectivity=2)
            diameter = np.sqrt(4 / np.pi * np.bincount(labels.ravel()) * PIXEL_HEIGHT * PIXEL_WIDTH)
            labels[(diameter < settings.min_esd_mm)[labels]] = 0
            plain = [name for name in SAME if name not in SQUARE]
            table = regionprops_table(
                labels, grey, properties=plain, spacing=(PIXEL_HEIGHT, PIXEL_WIDTH)
            ) | regionprops_table(labels, grey, properties=SQUARE)
            vignettes = table.pop("image_intensity")
            table["vignettes"] = np.concatenate([v.ravel() for v in vignettes])
            tables |= {f"{number}/{name}": values for name, values in table.items()}
    np.savez_compressed(folder / "by_hand.npz", **tables)
    return (time.process_time() - begin) / frames


def limits(folder: Path) -> dict[str, float]:
    """Mpx/s that the machine gives: page cache to memory, memory to memory, memory to disk."""
    paths = sorted((folder / "frames").iterdir())[:4]
    buffer = bytearray(max(p.stat().st_size for p in paths))
    size = sum(p.stat().st_size for p in paths)

    def read() -> None:
        for path in paths:
            with path.open("rb", buffering=0) as file:
                file.readinto(buffer)

    def copy() -> None:
        np.copyto(target, source)

    def write() -> None:
        with (folder / "written").open("wb", buffering=0) as file:
            file.write(buffer)
            os.fsync(file.fileno())

    source = np.frombuffer(buffer, np.uint8)
    target = np.empty_like(source)
    return {
        "page cache": size / _best(read) / 1e6,
        "memory copy": len(buffer) / _best(copy) / 1e6,
        "disk": len(buffer) / _best(write) / 1e6,
    }


def _best(run) -> float:
    taken = []
    for _ in range(3):
        begin = time.perf_counter()
        run()
        taken.append(time.perf_counter() - begin)
    return min(taken)


# ------------------------------------------------------------------------------------ all of it
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer files and runs")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--cores", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cores:
        run_stage(options.folder, options.cores)
        return
    with tempfile.TemporaryDirectory(prefix="seston-bench-", dir=options.folder) as place:
        compare(Path(place), files=8 if options.quick else 24, times=1 if options.quick else 3)


def compare(folder: Path, files: int, times: int) -> None:
    """Measure all and print the table and the line of ratios."""
    make(folder, files, distinct=2 if times == 1 else 4)
    frames = files * FRAMES_PER_FILE
    measured, hashes = {}, set()
    for cores in (1, 2):
        if cores <= len(os.sched_getaffinity(0)):
            measured[cores] = measure(folder, cores, times)
            hashes.add(store_hash(folder))
    hand = by_hand(folder, 1 if times == 1 else 2)
    show(measured, hand * frames, frames, limits(folder), len(hashes) == 1)


def show(
    measured: dict[int, dict[str, float]],
    hand: float,
    frames: int,
    machine: dict[str, float],
    same: bool,
) -> None:
    """Print the table and the line of ratios."""
    real = frames * LINES / LINE_RATE
    print(f"{frames} frames of {LINES} x {WIDTH} px, {real:.0f} s of one ISIIS; "
          f"load of the machine: {os.getloadavg()[0]:.1f}")  # fmt: skip
    print(f"{'':30}" + "".join(f"{f'{cores} worker(s)':>22}" for cores in measured))
    for name in ("first", "again", "first_processor", "again_processor"):
        cells = [f"{m[name]:.2f} s = {real / m[name]:.1f} x real" for m in measured.values()]
        print(f"{name:30}" + "".join(f"{cell:>22}" for cell in cells))
    for name in ("worker_mb", "driver_mb"):
        print(f"{name:30}" + "".join(f"{m[name]:>19.0f} MB" for m in measured.values()))
    print(f"{'by hand, one core':30}{f'{hand:.1f} s = {real / hand:.2f} x real':>22}")
    print(f"the same bytes from any number of workers: {same}")
    print("alone, this machine gives:")
    for name, speed in machine.items():
        print(f"  {name:28}{speed:>9,.0f} MB/s = {speed / REAL_TIME:.0f} x real")
    one = measured[1]
    ratios = {
        "times_real_time_one_core": round(real / one["again"], 2),
        "times_real_time_first": round(real / one["first"], 2),
        "times_real_time_of_processor": round(real / one["again_processor"], 2),
        "times_by_hand": round(hand / one["again_processor"], 1),
        "worker_mb": round(one["worker_mb"]),
        "load": round(os.getloadavg()[0], 1),
        "same_bytes": same,
    }
    if 2 in measured:
        two = measured[2]
        ratios["times_real_time_two_cores"] = round(real / two["again"], 2)
        ratios["speed_up_of_two"] = round(one["again"] / two["again"], 3)
        ratios["processor_two_over_one"] = round(two["again_processor"] / one["again_processor"], 3)
    print(json.dumps(ratios))


if __name__ == "__main__":
    main()
