"""How segment, classify and gather scale: 1 and 2 workers measured, 10 to 1,000 cores simulated.

    python benchmarks/scaling.py [--quick] [--workers 1,2] [--read-gb-s 2] [--jobs 200] [...]

Measured: the stages themselves, by workers of the Dask door that run already, each number of them
in a process of its own that is pinned to as many cores; the command and the Dask scheduler share
these with the workers. An ISIIS at natural concentrations: few frames are simulated, from several
depths, and come again as files of one task each. They are classified by the network that is trained
by default, here from simulated vignettes and at 32 px, so that there is time for many tasks. The
gather is that of `gather.py`: shards of 100,000 rows without vignettes, since a small campaign is
one region; the regions of vignettes are those of the simulated campaign. Efficiency is
t(1) / (n t(n)): on the clock, and of the processor, which others on the machine change less. Beside
it, what the model below says of the same tasks. The bytes must be the same for each number.

Simulated: a cluster works through a year of an ISIIS (25 Tpx, 121 hours, in blocks of an hour) and
through ten. Measured and put in: how long tasks take (drawn again from those of one worker, shard
by shard), what the command does for each, what a shard takes where no task runs, the start of a
job, listing the frames, the gather. Assumed, and printed: the file system, the time to send a job,
the rate of the classifier (on cores as `seston calibrate` measured it at 128 px; and as here). The
rules of the workflow and of the profile for Slurm are in `simulated/cluster.py`. Beside it stands
what `seston plan` says at the same rates. Not in it: queues, other people, jobs that fail, writing
by the shards, GPUs, profiles. The last line is a JSON object.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np
from distributed import Client, WorkerPlugin

from simulated import campaign as simulated
from simulated.campaign import LINE_RATE, WIDTH, Facts

CONFIG = """
campaigns: {0}/campaigns.csv
results: {0}/results
ingest: {{files_per_shard: {1}}}
classification: {{model: {0}/model}}
"""
ROWS = "campaign,deployment,instrument,path,environment\ntow,a,isiis,{0}/frames,{0}/environment\n"
#: A file is one task: 65,536 lines.
LINES, FRAMES_PER_FILE, SIDE = 8192, 8, 32
FILE_PX = LINES * FRAMES_PER_FILE * WIDTH
STAGES = ("segment", "classify", "gather")
#: So many times the files are listed, under other names.
LISTED = 8


# ------------------------------------------------------------------------------ the campaign
@dataclass(frozen=True)
class Size:
    """How much is measured.

    Parameters
    ----------
    shards, files : int
        Shards, and files of each; a small shard of one file comes on top.
    depths, pictures : int
        Depths at which frames are simulated; pictures of each class to learn from.
    rows : tuple of int
        Shards of rows to gather: few and many.
    backbone : str
        Network that classifies.
    """

    shards: int
    files: int
    depths: int
    pictures: int
    rows: tuple[int, int]
    backbone: str


QUICK = Size(2, 6, depths=2, pictures=12, rows=(2, 6), backbone="tinynet_e")
FULL = Size(4, 8, depths=4, pictures=40, rows=(5, 20), backbone="tf_efficientnet_lite0")


def make(folder: Path, size: Size) -> float:
    """Write frames, a model and shards to gather; give the seconds that listing a file takes."""
    from gather import make as make_rows

    folder.joinpath("config.yaml").write_text(CONFIG.format(folder, size.files))
    folder.joinpath("campaigns.csv").write_text(ROWS.format(folder))
    write_tow(folder, size)
    write_model(folder, size)
    for name, shards in zip(("few", "many"), size.rows, strict=True):
        make_rows(folder / name, shards)
    return list_frames(folder, size)


def write_model(folder: Path, size: Size) -> None:
    """Train a model; its backbone has random weights where no package carries others."""
    from safetensors.torch import save_file

    from seston import learn
    from seston.config import Training
    from seston.learn.networks import backbones
    from seston.simulate.learning_set import write_learning_set

    weights = "package"
    if size.backbone not in backbones.PACKAGED:
        weights = str(folder / "random.safetensors")
        tensors = backbones.build(size.backbone).module.state_dict()
        save_file({name: value.contiguous() for name, value in tensors.items()}, weights)
    write_learning_set(folder / "learning-set", 5, per_class=size.pictures)
    settings = Training(backbone=size.backbone, weights=weights, image_size=SIDE, fine_tune=False)
    learn.train(folder / "learning-set", folder / "model", settings)


def write_tow(folder: Path, size: Size) -> None:
    """Write the files and the log of a scan: each file of frames from one depth."""
    from seston.image import warm_up
    from seston.simulate.isiis import log_name, write_avi, write_log
    from seston.simulate.scene import take
    from seston.simulate.settings import TowSettings
    from seston.simulate.tow import Tow
    from seston.simulate.truth import file_name

    warm_up()
    natural = {"plankton_factor": 1.0, "detritus_factor": 1.0, "frame_lines": LINES, "casts": 1}
    one = Tow(TowSettings(
        files_per_burst=1, burst_spacing_m=60 / size.depths, frames_per_file=2, **natural
    ))  # fmt: skip
    pools = [
        take(one, one.files(), file, 1).pixels.reshape(2, LINES, WIDTH) for file in one.files()
    ]
    files = size.shards * size.files + 1
    tow = Tow(TowSettings(
        cast_duration_s=files * FRAMES_PER_FILE * LINES / LINE_RATE + 1, burst_spacing_m=None,
        frames_per_file=FRAMES_PER_FILE, **natural,
    ))  # fmt: skip
    for name in ("frames", "environment"):
        (folder / name).mkdir()
    write_log(folder / "environment" / log_name(tow.settings), tow, 1)
    rng = np.random.default_rng(1)
    for number, file in enumerate(tow.files()[:files]):
        pool, order = pools[number % len(pools)], rng.integers(0, 2, FRAMES_PER_FILE)
        write_avi(folder / "frames" / file_name(tow, file), (pool[i] for i in order))


def list_frames(folder: Path, size: Size) -> float:
    """List the frames; give the seconds of the processor that one file more takes.

    The engine of the model is chosen here too, before a stopwatch runs.
    """
    from seston.campaign import load_campaign
    from seston.stages.classify import choose, settings_of

    campaign = load_campaign(folder / "config.yaml", "tow")
    engine = choose(settings_of(campaign))
    print(f"classified by: {size.backbone} at {SIDE} px, {engine.described}", flush=True)
    few = listing_s(campaign)
    many = folder / "named"
    number = renamed(folder, many)
    more = listing_s(load_campaign(many / "config.yaml", "tow")) - few
    return max(0.0, more / (number - number // LISTED))


def listing_s(campaign) -> float:
    from seston.stages.ingest import ingest

    begin = time.process_time()
    ingest(campaign)
    return time.process_time() - begin


def renamed(folder: Path, target: Path) -> int:
    """Link all files some times, each time under names of another day; give their number."""
    (target / "frames").mkdir(parents=True)
    (target / "environment").symlink_to(folder / "environment")
    (target / "config.yaml").write_text(CONFIG.format(target, 1000))
    (target / "campaigns.csv").write_text(ROWS.format(target))
    files = sorted((folder / "frames").iterdir())
    for day in range(LISTED):
        for file in files:  # names begin with the time: YYYYMMDD
            name = f"{int(file.name[:8]) + day}{file.name[8:]}"
            os.link(file, target / "frames" / name)
    return LISTED * len(files)


# --------------------------------------------------------------------------- one run of it
class Stopwatch(WorkerPlugin):
    """Keeps when each task of a worker began, and its time of the processor."""

    name = "stopwatch"

    def __init__(self):
        self.began, self.tasks = {}, []

    def transition(self, key, start, finish, **_):
        if finish == "executing":
            self.began[key] = (time.time(), time.process_time())
        elif start == "executing":
            begin, spent = self.began.pop(key)
            self.tasks.append((begin, time.process_time() - spent))


def _take(dask_worker) -> tuple[float, list[tuple[float, float]]]:
    """Give the time of a worker's processor, and its tasks since the last time."""
    watch = dask_worker.plugins["stopwatch"]
    taken, watch.tasks = watch.tasks, []
    return time.process_time(), taken


def timed(client: Client, run: Callable[[], None]) -> dict:
    """Run a stage; tell its seconds, those of the processor, and its tasks."""
    before = sum(spent for spent, _ in client.run(_take).values())
    begin, own = time.time(), time.process_time()
    run()
    end, command = time.time(), time.process_time() - own
    told = list(client.run(_take).values())
    tasks = sorted(task for _, tasks in told for task in tasks)
    return {
        "s": end - begin, "command": command, "worker": sum(s for s, _ in told) - before,
        "tasks": [spent for _, spent in tasks],
    }  # fmt: skip


def run_stages(folder: Path, workers: int) -> None:
    """Segment, classify and gather in this process; print what each took as JSON."""
    from seston import cluster
    from seston.campaign import load_campaign
    from seston.stages.classify import classify
    from seston.stages.gather import gather
    from seston.stages.segment import segment

    tow, few, many = (load_campaign(p / "config.yaml", "tow")
                      for p in (folder, folder / "few", folder / "many"))  # fmt: skip
    told: dict[str, object] = {}
    with cluster.connect(workers) as client:
        client.register_plugin(Stopwatch())
        for stage in (segment, classify):
            *each, small = [partial(stage, tow, shard, client) for shard in tow.shards]
            name = stage.__name__
            told[f"first {name}"] = [timed(client, small)]
            told[f"small {name}"] = [timed(client, small)]
            told[name] = [timed(client, run) for run in each]
        told["vignettes"] = [timed(client, partial(gather, tow, client))]
        told["first gather"] = [timed(client, partial(gather, few, client))]
        told["small gather"] = [timed(client, partial(gather, few, client))]
        told["gather"] = [timed(client, partial(gather, many, client))]
    print(json.dumps(told))


def measure(folder: Path, workers: int) -> dict:
    """Run the stages in a process of its own, on as many cores as workers."""
    cores = sorted(os.sched_getaffinity(0))[-workers:]
    done = subprocess.run(
        [sys.executable, __file__, "--folder", str(folder), "--run", str(workers)],
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def content(folder: Path) -> str:
    """Hash of all bytes that were written of all campaigns."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("results/tow/**/*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def sizes_of(folder: Path, size: Size) -> tuple[int, float, float]:
    """Count objects and pixels of the shards that were measured; mean pixels of a vignette."""
    from seston.campaign import load_campaign
    from seston.store import open_group
    from seston.store.objects import length

    campaign = load_campaign(folder / "config.yaml", "tow")
    stores = [open_group(campaign.shard_folder(shard.name) / "objects.zarr")
              for shard in campaign.shards[:-1]]  # fmt: skip
    objects = sum(length(store, "object_id") for store in stores)
    cut = sum(length(store, "vignettes/pixels") for store in stores)
    return objects, size.shards * size.files * FILE_PX, cut / objects


# ------------------------------------------------------------------------- what was measured
def total(run: dict, stages: Sequence[str], what: str) -> float:
    return sum(part[what] for stage in stages for part in run[stage])


def processor(run: dict, stages: Sequence[str]) -> float:
    return total(run, stages, "worker") + total(run, stages, "command")


def show_measured(runs: dict[int, dict], facts: Facts) -> dict[str, dict[str, float]]:
    """Print what was measured, and give the efficiencies."""
    print(f"\nMEASURED: {facts.pixels / 1e9:.1f} Gpx with {facts.objects:,} objects, "
          f"{facts.rows:,.0f} rows to gather; load {os.getloadavg()[0]:.1f}")  # fmt: skip
    print(f"{'':10}{'workers':>8}{'s':>9}{'processor s':>13}{'efficiency':>12}{'of processor':>14}"
          f"{'simulated':>11}{'tasks':>7}{'ms a task':>11}{'fed':>6}")  # fmt: skip
    ratios = {}
    for name in (*STAGES, "all"):
        stages = STAGES if name == "all" else (name,)
        for workers, run in runs.items():
            found = {
                "efficiency": total(runs[1], stages, "s") / workers / total(run, stages, "s"),
                "of_processor": processor(runs[1], stages) / processor(run, stages),
                "simulated": facts.efficiency(stages, workers),
            }
            tasks = [task for stage in stages for part in run[stage] for task in part["tasks"]]
            fed = "" if name == "all" else f"{fed_by_one(facts, name):,.0f}"
            print(f"{name:10}{workers:>8}{total(run, stages, 's'):>9.2f}"
                  f"{processor(run, stages):>13.2f}{found['efficiency']:>12.2f}"
                  f"{found['of_processor']:>14.2f}{found['simulated']:>11.2f}{len(tasks):>7}"
                  f"{1e3 * np.mean(tasks):>11.0f}{fed:>6}")  # fmt: skip
            if workers > 1:
                ratios[f"{name}_{workers}"] = {key: round(v, 3) for key, v in found.items()}
    print("efficiency: t(1) / (n t(n)), on the clock, of the processor, and simulated from the "
          "tasks of one worker\nfed: workers that one command keeps busy, or more: its threads are "
          "taken to work one after the other")  # fmt: skip
    return ratios


def fed_by_one(facts: Facts, stage: str) -> float:
    """Workers whose results one command can take at least, of tasks as those measured."""
    parts, each = facts.run[stage], facts.command(stage)[1]
    number = sum(len(part["tasks"]) for part in parts)
    return sum(part["worker"] for part in parts) / number / max(each, 1e-6)


# ------------------------------------------------------------------------------------ all of it
def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="fewer files and rows, a light network"
    )
    parser.add_argument("--workers", default="1,2", help="numbers of workers to measure, from 1")
    parser.add_argument("--read-gb-s", type=float, default=2.0, help="of the shared file system")
    parser.add_argument("--jobs", type=int, default=200, help="at once")
    parser.add_argument("--cores-per-job", type=int, default=4)
    parser.add_argument("--submit-s", type=float, default=0.2, help="to send a job")
    parser.add_argument("--classify-per-s", type=float, help="objects, by a core; else as shipped")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to write; removed at the end")
    parser.add_argument("--facts", type=Path, help="keep what was measured in this file; where it "
                        "is there, simulate from it and measure nothing")  # fmt: skip
    parser.add_argument("--run", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = options_of()
    if options.run:
        run_stages(options.folder, options.run)
        return
    if options.facts and options.facts.exists():
        kept = json.loads(options.facts.read_text())
        told = {"measured": kept["measured"]}
        facts = Facts(**kept["facts"])
    else:
        with tempfile.TemporaryDirectory(prefix="seston-scaling-", dir=options.folder) as place:
            os.environ["SESTON_CACHE"] = str(Path(place) / "cache")
            facts, told = measured(Path(place), QUICK if options.quick else FULL, options)
    if options.facts:
        options.facts.write_text(json.dumps(told | {"facts": asdict(facts)}))
    print(json.dumps(told | {"simulated": simulated.show(facts, options)}))


def measured(folder: Path, size: Size, options: argparse.Namespace) -> tuple[Facts, dict]:
    """Measure, and print the table; give what the simulation needs, and the ratios."""
    from seston.calibration.steps import try_start

    list_s = make(folder, size)
    there = len(os.sched_getaffinity(0))
    wanted = {1, *(int(n) for n in options.workers.split(","))}
    runs, hashes = {}, set()
    for workers in sorted(n for n in wanted if 1 <= n <= there):
        runs[workers] = measure(folder, workers)
        hashes.add(content(folder))
    facts = Facts(runs[1], *sizes_of(folder, size), 1e5 * size.rows[1], list_s, min(try_start(1)))
    ratios = show_measured(runs, facts)
    same = len(hashes) == 1 if len(runs) > 1 else None
    print(f"the same bytes from any number of workers: {'not compared' if same is None else same}")
    load = round(os.getloadavg()[0], 1)
    return facts, {"measured": ratios | {"same_bytes": same, "load": load}}


if __name__ == "__main__":
    main()
