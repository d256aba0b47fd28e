"""Plan a year of an ISIIS, 25 Tpx: time and memory of `snakemake -n`.

    python benchmarks/plan.py [--quick] [--profile]

The campaign is synthetic: deployments of six hours, files of ten seconds that have the names and
the size of raw AVI but hold nothing (sparse), for a plan looks at names, sizes and times alone.
Each plan is a process of its own; its memory is the most that it held at once, and that of its
children. `nothing done`: everything is to be computed. `all done` would need results; in its place
`again` is a second plan of the same, which finds the files in the memory of the system. With
`--profile`, the functions of seston and of Snakemake in which the time goes.
The last line is a JSON object.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
YEAR_PX, LINE_RATE, WIDTH = 25e12, 28_000, 2048
FILE_S, DEPLOYMENT_H = 10, 6
#: Files in a shard of ten minutes, shards in a block of an hour.
FILES_PER_SHARD, SHARDS_PER_BLOCK = 60, 6
TARGET_S, TARGET_MB = 10.0, 1000.0


def make(folder: Path, hours: float) -> int:
    """Write names of files for so many hours of acquisition; give their number."""
    rows, files = [], 0
    start = datetime(2024, 1, 1, tzinfo=UTC)
    deployments = max(1, round(hours / DEPLOYMENT_H))
    for number in range(deployments):
        name = f"tow-{number:03d}"
        here = folder / "data" / name
        (here / "frames").mkdir(parents=True)
        (here / "environment").mkdir()
        (here / "environment" / "ISIIS202401010000.txt").touch()
        begin = start + timedelta(days=number)
        for i in range(round(hours / deployments * 3600 / FILE_S)):
            at = begin + timedelta(seconds=i * FILE_S)
            sparse(here / "frames" / f"{at:%Y%m%d%H%M%S}.000.avi")
            files += 1
        rows.append(("year", name, "isiis", here / "frames", here / "environment"))
    with (folder / "campaigns.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("campaign", "deployment", "instrument", "path", "environment"))
        writer.writerows(rows)
    write_config(folder)
    return files


def sparse(path: Path) -> None:
    """Make a file of the size of ten seconds that takes no room."""
    with path.open("wb") as file:
        file.truncate(FILE_S * LINE_RATE * WIDTH)


def write_config(folder: Path) -> None:
    """Write a configuration; shards and blocks as the workflow knows them."""
    from seston.config import Ingest

    ingest = {"files_per_shard": FILES_PER_SHARD}
    if "shards_per_block" in Ingest.model_fields:
        ingest["shards_per_block"] = SHARDS_PER_BLOCK
    (folder / "learning-set").mkdir()  # the model is to be trained from it
    settings: dict[str, object] = {
        "campaigns": str(folder / "campaigns.csv"),
        "results": str(folder / "results"),
        "ingest": ingest,
        "classification": {
            "model": str(folder / "model"),
            "learning_set": str(folder / "learning-set"),
        },
    }
    (folder / "config.yaml").write_text(json.dumps(settings))


def plan(folder: Path, profile: Path | None = None) -> dict[str, float]:
    """Run `snakemake -n` in a process; give its seconds, its memory and the jobs it tells."""
    snakemake = [
        "-c", "from snakemake.cli import main; main()", "-n", "--quiet", "rules", "-s",
        str(ROOT / "Snakefile"), "--directory", str(folder), "--configfile",
        str(folder / "config.yaml"), "--cores", "1", "--nolock",
    ]  # fmt: skip
    if profile:
        run = folder / "profiled.py"
        run.write_text("from snakemake.cli import main; main()")
        snakemake[:2] = ["-m", "cProfile", "-o", str(profile), str(run)]
    command = [sys.executable, *snakemake]
    begin = time.perf_counter()
    # One process between, whose children are the plan alone: their memory is then known.
    done = subprocess.run(
        [sys.executable, __file__, "--watch", *command],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONHASHSEED": "0"},
    )  # fmt: skip
    seconds = time.perf_counter() - begin
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    told = json.loads(done.stdout.splitlines()[-1])
    return {"seconds": seconds, **told}


def watch(command: list[str]) -> None:
    """Run a command; print the most memory that it held, and how many jobs it counted."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    unit = 1e6 if sys.platform == "darwin" else 1e3
    memory = resource.getrusage(resource.RUSAGE_CHILDREN)
    counts = {
        words[0]: int(words[1])
        for words in map(str.split, (done.stdout + done.stderr).splitlines())
        if len(words) == 2 and words[1].isdigit()
    }
    facts = {"mb": memory.ru_maxrss / unit, "processor": memory.ru_utime + memory.ru_stime}
    print(json.dumps(facts | {"jobs": counts.get("total", 0)}))


def show_profile(path: Path, most: int = 25) -> None:
    """Print where the time goes: functions by their own time with what they call, ours first."""
    stats = pstats.Stats(str(path))
    rows = [
        (total, own, calls, f"{Path(file).parent.name}/{Path(file).name}:{name}")
        for (file, _, name), (_, calls, own, total, _) in stats.stats.items()  # type: ignore[attr-defined]
    ]
    for title, wanted in (("seston", "seston/"), ("all, by own time", "")):
        print(f"\n{title:60}{'calls':>10}{'own s':>8}{'with callees':>14}")
        key = 0 if wanted else 1
        for row in sorted((r for r in rows if wanted in r[3]), key=lambda r: -r[key])[:most]:
            print(f"{row[3]:60}{row[2]:>10}{row[1]:>8.2f}{row[0]:>14.2f}")


def main() -> None:
    if sys.argv[1:2] == ["--watch"]:
        watch(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a twentieth of the year")
    parser.add_argument("--profile", action="store_true", help="tell where the time goes")
    parser.add_argument("--times", type=float, default=1.0, help="so many years")
    options = parser.parse_args()
    hours = YEAR_PX / LINE_RATE / WIDTH / 3600 * options.times / (20 if options.quick else 1)
    with tempfile.TemporaryDirectory(prefix="seston-bench-") as place:
        folder = Path(place)
        begin = time.perf_counter()
        files = make(folder, hours)
        print(f"{files:,} files of {FILE_S} s, {hours:.0f} h of one ISIIS, "
              f"written in {time.perf_counter() - begin:.0f} s", flush=True)  # fmt: skip
        runs = {name: plan(folder) for name in ("nothing done", "again")}
        for name, run in runs.items():
            print(f"{name:16}{run['seconds']:8.1f} s on the clock{run['processor']:8.1f} s of the "
                  f"processor{run['mb']:8.0f} MB{run['jobs']:8.0f} jobs", flush=True)  # fmt: skip
        if options.profile:
            plan(folder, folder / "profile")
            show_profile(folder / "profile")
    best = min(runs.values(), key=lambda run: run["seconds"])
    print(json.dumps({
        "files": files, "jobs": best["jobs"], "seconds": round(best["seconds"], 1),
        "processor_s": round(best["processor"], 1), "mb": round(best["mb"]),
        "within_10_s": best["seconds"] < TARGET_S, "within_1_gb": best["mb"] < TARGET_MB,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
