"""Rows a second of the gather, and ranges of time, depth and taxon beside Parquet and plain Zarr.

    python benchmarks/gather.py [--quick] [--rows 1e7] [--workers 2] [--memory MB] [--folder DIR]

A cruise that never was: shards of 100,000 objects in 100 frames of an ISIIS that undulates between
the surface and 100 m. Each shard has ids, times and frames of its own; 44 features, 20 scores and
boxes are those of one shard, to which files of all others are links, so that 10^8 rows need not be
made to be read. There are no vignettes. The stages `gather` and `profile` run on it as they do in
the workflow, with worker processes that have imported nothing yet; the highest memory of each
process is told (a process of its own for this one, so that making the campaign does not count), and
beside the seconds those of the processors, imports included, which others on the machine change
less.

Then, of the dataset that was gathered: how long it takes to open it, and to select objects and read
their 44 features, by `seston.store.select`: 10^4 rows of time, a layer of some centimetres of
depth, a taxon that lives in patches, one that is everywhere, and a taxon in a range of time. Beside
it the same table as Parquet (zstd, byte-stream split of the features) asked by DuckDB, and as Zarr
with an array for each column and no index (these two need `pip install pyarrow duckdb`); and how
many rows a second of one core each of the three writes from memory. All this is left out where rows
are more than 2e7. Best of several, on the clock and of the processor; files are in the page cache.
The last line is a JSON object, whose ratios are of the processor.
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
from collections.abc import Callable
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np
import xarray as xr
import zarr

SHARD, FRAMES = 100_000, 100
FEATURES, TAXA = 44, 20
FRAME_S, LINES, PERIOD_S, DEEP_M = 10240 / 28_000, 10240, 600.0, 100.0
PATCHY, EVERYWHERE = "taxon-18", "taxon-19"
START = np.datetime64("2013-07-25T00:00:00", "ns")
MOST_BESIDE = 20_000_000
CONFIG = """
campaigns: {0}/campaigns.csv
results: {0}/results
ingest: {{files_per_shard: 1}}
classification: {{model: {0}/model, quantification: none}}
"""
ROWS = "campaign,deployment,instrument,path,imaged_volume_l\ntow,a,stills,{0}/files,1\n"


# ------------------------------------------------------------------------------ the campaign
def make(folder: Path, shards: int) -> None:
    """Write a campaign whose shards have been segmented and classified."""
    from seston.campaign import load_campaign

    (folder / "files").mkdir(parents=True)
    for number in range(shards):
        (folder / "files" / f"{number:06d}.png").touch()
    (folder / "campaigns.csv").write_text(ROWS.format(folder))
    (folder / "config.yaml").write_text(CONFIG.format(folder))
    write_model(folder / "model")
    campaign = load_campaign(folder / "config.yaml", "tow")
    write_environment(campaign, shards)
    names = [shard.name for shard in campaign.shards]
    first = campaign.shard_folder(names[0])
    write_first(first)
    for number, name in enumerate(names[1:], start=1):
        write_other(campaign.shard_folder(name), first, number)


def write_model(folder: Path) -> None:
    from seston.learn.card import CARD, Card

    card = Card(
        taxa=labels(), backbone={"name": None}, head={"kind": "linear"}, metrics={}, versions={},
        preprocessing={"image_size": 64, "mean": 0.5, "std": 0.5, "size_unit": "mm"},
        training={"learned_from": {}}, weights_sha256="", held_out_sha256="",
    )  # fmt: skip
    folder.mkdir()
    (folder / CARD).write_text(card.text())


def labels() -> tuple[str, ...]:
    return tuple(f"taxon-{i:02d}" for i in range(TAXA))


def write_environment(campaign, shards: int) -> None:
    from seston.stages.manifest import environment_store
    from seston.store import write_dataset

    seconds = np.arange(-10.0, shards * FRAMES * FRAME_S + 10)
    share = seconds / seconds[-1]
    write_dataset(
        xr.Dataset(
            {"depth": ("time", depth_at(seconds)),
             "latitude": ("time", 43.3 + 0.2 * share), "longitude": ("time", 7.3 + 0.1 * share),
             "temperature": ("time", 25 - depth_at(seconds) / 10)},
            {"time": START + (seconds * 1e9).astype("m8[ns]")},
        ),
        environment_store(campaign.manifest, "a"),
    )  # fmt: skip


def depth_at(seconds: np.ndarray) -> np.ndarray:
    return DEEP_M / 2 * (1 - np.cos(2 * np.pi * seconds / PERIOD_S))


def own_columns(number: int) -> dict[str, np.ndarray]:
    """Columns of objects in which one shard is not like another."""
    rng = np.random.default_rng(number)
    line = np.sort(rng.integers(0, FRAMES * LINES, SHARD)) + number * FRAMES * LINES
    object_id = line.astype(np.uint64) << np.uint64(16) | np.arange(SHARD).astype(np.uint64) % 2048
    return {
        "object_id": object_id,
        "frame": ((line - number * FRAMES * LINES) // LINES).astype(np.int32),
        "top": (line % LINES).astype(np.int32),
        "time": START + (line * (1e9 / 28_000)).astype("m8[ns]"),
    }


def frame_columns(number: int, frame: np.ndarray) -> dict[str, np.ndarray]:
    from seston.variables import OBJECTS

    count = np.bincount(frame, minlength=FRAMES)
    index = np.arange(FRAMES) + number * FRAMES
    known = {
        "frame_id": np.array([f"f{i:07d}" for i in index], dtype=object),
        "frame_deployment": np.full(FRAMES, "a", dtype=object),
        "frame_path": np.full(FRAMES, f"{number:06d}.png", dtype=object),
        "frame_height": np.full(FRAMES, LINES, np.int32),
        "frame_first_line": index * LINES,
        "frame_time": START + (index * (FRAME_S * 1e9)).astype("m8[ns]"),
        "frame_line_interval": np.full(FRAMES, 1 / 28_000),
        "frame_volume": np.full(FRAMES, 0.077),
        "frame_subsample_factor": np.ones(FRAMES),
        "frame_usable": np.ones(FRAMES, np.int8),
        "frame_object_start": np.cumsum(count) - count,
        "frame_object_count": count.astype(np.int32),
    }
    variables = [v for v in OBJECTS.values() if v.dims == ("frame",)]
    return {
        v.name: known.get(v.name, np.full(FRAMES, v.fill_value, _dtype(v.dtype))) for v in variables
    }


def _dtype(name: str) -> object:
    return object if name == "str" else np.dtype(name)


def write_first(folder: Path) -> None:
    from seston.features import CHEAP
    from seston.learn import load_card
    from seston.store import content_of, new_objects, new_scores, open_group

    rng, own = np.random.default_rng(0), own_columns(0)
    left = rng.integers(0, 2000, SHARD).astype(np.int32)
    size = rng.lognormal(0, 1, (SHARD, 1))
    features = (size * rng.lognormal(0, 0.5, (SHARD, FEATURES))).astype(np.float32)
    columns = own | {
        "left": left, "right": left + 9, "bottom": own["top"] + 9, "features": features,
        "vignette_start": np.full(SHARD, -1, np.int64),
    }  # fmt: skip
    with new_objects(folder / "objects.zarr", CHEAP[:FEATURES]) as (_, writer):
        writer.append(columns, np.empty(0, np.uint8))
        writer.close(frame_columns(0, own["frame"]), {})
    scores = rng.dirichlet(np.r_[np.full(TAXA - 2, 0.3), 1e-9, 1e-9], SHARD)
    scores[50_000:50_100] = np.eye(TAXA)[TAXA - 2]
    scores[rng.choice(50_000, 100, replace=False)] = np.eye(TAXA)[TAXA - 1]
    facts = {
        "model_hash": load_card(folder.parents[3] / "model").hash,
        "objects_content": content_of(open_group(folder / "objects.zarr")),
    }
    with new_scores(folder / "scores.zarr", list(labels()), facts) as writer:
        writer.append(scores.astype(np.float16))


def write_other(folder: Path, first: Path, number: int) -> None:
    """Link all files of the first shard, and write what this one has of its own."""
    from seston.store import arrays, content_of, open_group
    from seston.store.objects import write_frames
    from seston.variables import OBJECTS

    own = own_columns(number)
    frames = frame_columns(number, own["frame"])
    anew = {*own, "frame_id", "frame_path", "frame_first_line", "frame_time", "frame_object_start",
            "frame_object_count"}  # fmt: skip
    scores, store = folder / "scores.zarr", folder / "objects.zarr"
    shutil.copytree(first / "scores.zarr", scores, copy_function=_linked)
    left_out = anew | {"zarr.json"}
    shutil.copytree(
        first / "objects.zarr", store, copy_function=os.link,
        ignore=lambda _, names: left_out & set(names),
    )  # fmt: skip
    for path in (first / "objects.zarr").rglob("zarr.json"):
        part = path.relative_to(first / "objects.zarr")
        if part.parts[0] not in anew:
            shutil.copy(path, store / part)
    group = zarr.open_group(store, mode="r+", use_consolidated=False)
    for name, values in own.items():
        with arrays.fast_codecs(threads=1):
            arrays.write_region(arrays.create(group, OBJECTS[name], values.shape), 0, values)
    write_frames(group, {name: values for name, values in frames.items() if name in anew})
    arrays.finish_store(store)
    named = zarr.open_group(scores, mode="r+", use_consolidated=False)
    named.attrs["objects_content"] = content_of(open_group(store))
    arrays.finish_store(scores)


def _linked(source: str, target: str) -> None:
    """Link what stays as it is, copy what does not."""
    (shutil.copy if source.endswith("zarr.json") else os.link)(source, target)


# ------------------------------------------------------------------------------ the stages
def run_stages(folder: Path, workers: int, memory: int | None) -> None:
    """Gather and profile, in a process of its own; print seconds and memory as JSON."""
    from seston.campaign import load_campaign
    from seston.cluster import connect
    from seston.stages.gather import gather
    from seston.stages.profile import profile

    campaign, told = load_campaign(folder / "config.yaml", "tow"), {}
    for name, stage in (("gather", gather), ("profile", profile)):
        with connect(workers, memory) as client:
            before, own = time.perf_counter(), time.process_time()
            stage(campaign, client)
            told[f"{name}_s"] = time.perf_counter() - before
            spent = sum(client.run(time.process_time).values())
            told[f"{name}_core_s"] = spent + time.process_time() - own
            told[f"{name}_worker_mb"] = max(client.run(peak_mb).values())
        told[f"{name}_command_mb"] = peak_mb()
    print(json.dumps(told))


def peak_mb() -> float:
    """Most memory that this process has had, MB, since it was last asked."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    Path("/proc/self/clear_refs").write_text("5")
    return int(line.split()[1]) / 1024


# ------------------------------------------------------------------------------ questions
def questions(rows: int) -> dict[str, dict[str, object]]:
    seconds = rows / SHARD * FRAMES * FRAME_S
    middle = START + np.timedelta64(round(seconds / 2 * 1e9), "ns")
    span = np.timedelta64(round(1e4 / rows * seconds * 1e9), "ns")
    hour = np.timedelta64(min(3600, round(seconds / 4)), "s")
    layer = slice(40.0, 40.0 + 0.015 * 1e7 / rows)
    return {
        "time": {"time": slice(middle, middle + span)},
        "depth": {"depth": layer},
        "taxon in patches": {"taxon": PATCHY},
        "taxon everywhere": {"taxon": EVERYWHERE},
        "taxon and time": {"taxon": EVERYWHERE, "time": slice(middle, middle + hour)},
    }


def best(call: Callable[[], object], times: int = 5) -> tuple[tuple[float, float], object]:
    """Least milliseconds of some calls, on the clock and of the processor; and what they give."""
    found = []
    for _ in range(times):
        before, spent = time.perf_counter(), time.process_time()
        value = call()
        found.append((time.perf_counter() - before, time.process_time() - spent))
    clock, processor = (round(min(kind) * 1e3, 1) for kind in zip(*found, strict=True))
    return (clock, processor), value


def ask(path: Path, rows: int) -> dict[str, dict]:
    """Ask by `select`: find the rows, and read their features."""
    from seston.store import open_dataset, select

    told: dict[str, dict] = {"open": {"seston": best(lambda: open_dataset(path))[0]}}
    told["open"]["xarray"] = best(lambda: xr.open_zarr(path, chunks=None))[0]
    opened = open_dataset(path)
    for name, question in questions(rows).items():
        find = best(lambda q=question: select(opened, **q))[0]
        both, values = best(lambda q=question: select(opened, **q)["features"].to_numpy())
        told[name] = {"rows": len(values), "find": find, "seston": both}
    return told


# ------------------------------------------------------------------------------ beside it
def columns_of(path: Path, rows: slice) -> dict[str, np.ndarray]:
    """Give the same table as plain columns, without scores."""
    from seston.store import open_group, read_column
    from seston.store.objects import SEGMENTED

    group = open_group(path)
    names = (*(n for n in SEGMENTED if n not in ("features", "vignette_start")), "depth",
             "latitude", "longitude", "predicted_taxon")  # fmt: skip
    columns = {name: read_column(group, name, rows) for name in names}
    features = read_column(group, "features", rows)
    return columns | {f"feature_{i}": features[:, i].copy() for i in range(FEATURES)}


def write_ours(path: Path, out: Path, rows: int) -> float:
    """Write the same table as the gather does, features in one array; seconds of the processor."""
    from seston.store import arrays
    from seston.variables import OBJECTS

    seconds, step = 0.0, arrays.ROWS_PER_SHARD
    group, written = zarr.open_group(out, mode="w"), {}
    with arrays.fast_codecs(threads=1):
        for start in range(0, rows, step):
            columns = columns_of(path, slice(start, min(start + step, rows)))
            parts = [columns.pop(f"feature_{i}") for i in range(FEATURES)]
            columns["features"] = np.stack(parts, axis=1)
            before = time.process_time()
            for name, values in columns.items():
                if start == 0:
                    shape = (rows, *values.shape[1:])
                    written[name] = arrays.create(group, OBJECTS[name], shape)
                arrays.write_region(written[name], start, values)
            seconds += time.process_time() - before
    return seconds


def write_plain(path: Path, out: Path, rows: int) -> float:
    """Write an array for each column; give the seconds of the processor."""
    from seston.store import arrays

    seconds, step = 0.0, arrays.ROWS_PER_SHARD
    group = zarr.open_group(out, mode="w")
    with arrays.fast_codecs(threads=1):
        for start in range(0, rows, step):
            columns = columns_of(path, slice(start, start + step))
            before = time.process_time()
            for name, values in columns.items():
                if start == 0:
                    group.create_array(
                        name, shape=(rows,), dtype=arrays.stored(values).dtype,
                        chunks=(arrays.ROWS_PER_CHUNK,), shards=(step,), compressors=arrays.CODEC,
                    )  # fmt: skip
                group[name][start : start + step] = arrays.stored(values)
            seconds += time.process_time() - before
    return seconds


def write_parquet(path: Path, out: Path, rows: int) -> float:
    import pyarrow as pa
    import pyarrow.parquet as pq

    seconds, writer, step = 0.0, None, 1 << 18
    for start in range(0, rows, step):
        table = pa.table(columns_of(path, slice(start, start + step)))
        before = time.process_time()
        if writer is None:
            split = [name for name in table.column_names if name.startswith("feature_")]
            writer = pq.ParquetWriter(
                out, table.schema, compression="zstd", compression_level=1,
                use_dictionary=["predicted_taxon"], use_byte_stream_split=split,
            )  # fmt: skip
        writer.write_table(table, row_group_size=1 << 17)
        seconds += time.process_time() - before
    before = time.process_time()
    writer.close()
    return seconds + time.process_time() - before


def ask_plain(out: Path, question: dict[str, object]) -> np.ndarray:
    """Look at all rows of the columns asked for, then read the features of what was found."""
    from seston.store import arrays

    with arrays.fast_codecs():
        group = zarr.open_group(out, mode="r")
        mask: np.ndarray | bool = True
        for name, wanted in question.items():
            if isinstance(wanted, slice):
                first, last = (np.asarray(v).astype("M8[ns]").view("i8") if name == "time" else v
                               for v in (wanted.start, wanted.stop))  # fmt: skip
                values = group[name][:]
                mask = mask & (values >= first) & (values <= last)
            else:
                mask = mask & (group["predicted_taxon"][:] == labels().index(str(wanted)))
        rows = np.flatnonzero(mask)
        span = slice(int(rows[0]), int(rows[-1]) + 1)
        return np.stack([group[f"feature_{i}"][span][rows - span.start] for i in range(FEATURES)])


def ask_duckdb(out: Path, question: dict[str, object], threads: int) -> object:
    import duckdb

    said = []
    for name, wanted in question.items():
        if isinstance(wanted, slice):
            kind = "::timestamp_ns" if name == "time" else "::float"
            said.append(f"{name} between '{wanted.start}'{kind} and '{wanted.stop}'{kind}")
        else:
            said.append(f"predicted_taxon = {labels().index(str(wanted))}")
    chosen = ", ".join(f"feature_{i}" for i in range(FEATURES))
    with duckdb.connect(config={"threads": threads}) as connection:
        query = f"select {chosen} from '{out}' where {' and '.join(said)}"
        return connection.execute(query).fetchnumpy()


def beside(path: Path, folder: Path, rows: int, told: dict[str, dict]) -> dict:
    """Write and ask the others; their times go into `told`."""
    plain, parquet = folder / "plain.zarr", folder / "table.parquet"
    sizes = {
        "write_rows_s": rows / write_ours(path, folder / "ours.zarr", rows),
        "plain_zarr_rows_s": rows / write_plain(path, plain, rows),
    }
    ways: dict[str, Callable] = {"plain Zarr": lambda q: ask_plain(plain, q).shape[1]}
    try:
        import duckdb  # noqa: F401

        sizes["parquet_rows_s"] = rows / write_parquet(path, parquet, rows)
        threads = len(os.sched_getaffinity(0))
        ways["DuckDB"] = lambda q: len(ask_duckdb(parquet, q, threads)["feature_0"])
        sizes["parquet_bytes_row"] = parquet.stat().st_size / rows
    except ImportError:
        print("no Parquet and DuckDB here: pip install pyarrow duckdb")
    for name, question in questions(rows).items():
        for way, call in ways.items():
            told[name][way], n = best(lambda c=call, q=question: c(q), 3)
            if n != told[name]["rows"]:
                raise SystemExit(f"{way} finds {n} rows of {name}, not {told[name]['rows']}")
    return sizes


def size_of(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


# ------------------------------------------------------------------------------ all of it
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="10^6 rows")
    parser.add_argument("--rows", type=float, default=1e7)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--memory", type=int, help="MB of the whole job")
    parser.add_argument("--folder", type=Path, help="where to write; removed at the end")
    parser.add_argument("--stages", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stages:
        run_stages(options.stages, options.workers, options.memory)
        return
    shards = max(1, round((1e6 if options.quick else options.rows) / SHARD))
    with tempfile.TemporaryDirectory(prefix="seston-gather-", dir=options.folder) as folder:
        measure(Path(folder), shards, options)


def measure(folder: Path, shards: int, options: argparse.Namespace) -> None:
    rows = shards * SHARD
    before = time.perf_counter()
    make(folder, shards)
    print(f"{rows:.0e} rows in {shards} shards, made in {time.perf_counter() - before:.0f} s")
    command = [sys.executable, __file__, "--stages", folder, "--workers", options.workers]
    command += ["--memory", options.memory] if options.memory else []
    done = subprocess.run([str(c) for c in command], check=True, stdout=subprocess.PIPE, text=True)
    stages = json.loads(done.stdout.splitlines()[-1])
    path = folder / "results" / "tow" / "objects.zarr"
    facts = stages | {
        "rows": rows, "workers": options.workers, "bytes_row": size_of(path) / rows,
        "gather_rows_s": rows / stages["gather_s"], "profile_rows_s": rows / stages["profile_s"],
    }  # fmt: skip
    for name, value in facts.items():
        print(f"{name:24s} {value:12,.1f}")
    told = ask(path, rows)
    if rows <= MOST_BESIDE:
        facts |= beside(path, folder, rows, told)
    ways = sorted({way for times in told.values() for way in times} - {"rows"})
    print(f"\n{'ms (of processor)':18s}{'rows':>10s}" + "".join(f"{way:>18s}" for way in ways))
    for name, times in told.items():
        shown = "".join(_shown(times.get(way)) for way in ways)
        print(f"{name:18s}{times.get('rows', 0):10,.0f}{shown}")
    ratios = {
        f"{name}: {way}": round(times[way][1] / times["seston"][1], 2)
        for name, times in told.items()
        for way in ("plain Zarr", "DuckDB")
        if way in times
    }
    print(json.dumps({k: round(v, 3) for k, v in facts.items()} | {"ms": told, "times": ratios}))


def _shown(times: tuple[float, float] | None) -> str:
    return f"{times[0]:9.1f} ({times[1]:6.1f})" if times else " " * 18


if __name__ == "__main__":
    main()
