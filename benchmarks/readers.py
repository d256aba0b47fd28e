"""Read the files of every instrument, beside the plainest correct way that a user would write.

    python benchmarks/readers.py [--quick]

The files are simulated. Listing tells frames with their places, times and volumes; reading decodes
every frame or vignette. Beside the reader of IFCB runs libifcb where it is installed (else a loop
with numpy), beside those of FlowCam and EcoTaxa pandas and Pillow; these give pixels alone, neither
volumes nor problems. (morphocut 0.1.2, the last on PyPI, reads no FlowCam files.) One process; the
files are in the page cache. The last line is a JSON object.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np
import pandas as pd
from PIL import Image

from seston import config as cfg
from seston.readers import FrameReader, Reader, VignetteReader, open_deployment
from seston.simulate.instruments import simulators


def open_simulated(folder: Path, name: str, size: str) -> Reader:
    """Simulate the files of an instrument and open them."""
    row = simulators()[name](folder, size, 1, os.cpu_count() or 1)
    paths = {k: str(folder / row[k]) for k in ("path", "environment") if k in row}
    named = {"campaign": "bench", "deployment": name, "instrument": name}
    deployment = cfg.Deployment.model_validate(row | paths | named)
    preset = cfg.instrument(cfg.Config(), name)
    settings = preset.model_copy(update={"optics": deployment.optics(preset.optics)})
    return open_deployment(deployment, settings, cfg.Ingest())


def read_all(reader: Reader, frames: pd.DataFrame) -> tuple[int, int]:
    """Decode everything: vignettes (or frames) and pixels."""
    things = pixels = 0
    for path, own in frames[frames["usable"] == 1].groupby("path", sort=False):
        indices = [int(i) for i in own["index_in_file"]]
        if isinstance(reader, VignetteReader):
            for found in reader.vignettes(str(path), indices):
                things += len(found)
                pixels += sum(v.pixels.size for v in found if v.pixels is not None)
        elif isinstance(reader, FrameReader):
            for frame in reader.read(str(path), indices):
                things, pixels = things + 1, pixels + frame.size
    return things, pixels


def taken(run: Callable[[], object], times: int) -> tuple[object, float]:
    """Give the result, and the shortest of several runs, s."""
    best = np.inf
    for _ in range(times):
        begin = time.perf_counter()
        result = run()
        best = min(best, time.perf_counter() - begin)
    return result, best


# ------------------------------------------------------------------------------ by hand
def ifcb_by_hand(folder: Path) -> int:
    """Read bins with libifcb, or row by row with numpy."""
    try:
        from libifcb import ROIReader
    except ModuleNotFoundError:
        return sum(_rois(header) for header in sorted(folder.glob("*.hdr")))
    count = 0
    for header in sorted(folder.glob("D*.hdr")):  # it knows the second generation only
        stem = str(header.with_suffix(""))
        for roi in ROIReader(f"{stem}.hdr", f"{stem}.adc", f"{stem}.roi").rois:
            count += np.asarray(roi.array).size > 0
    return count


def _rois(header: Path) -> int:
    first = header.name.startswith("I")
    width, height, start = (11, 12, 13) if first else (15, 16, 17)
    data = np.fromfile(header.with_suffix(".roi"), np.uint8)
    count = 0
    with header.with_suffix(".adc").open() as file:
        for row in csv.reader(file):
            w, h, at = (int(float(row[i])) for i in (width, height, start))
            if w > 0 and h > 0:
                count += data[at : at + w * h].reshape(h, w).copy().size > 0
    return count


def flowcam_by_hand(folder: Path) -> int:
    """Read lists with pandas, and cut vignettes and masks out of collages with Pillow."""
    count = 0
    for path in sorted(folder.rglob("*.lst")):
        lines = path.read_text("latin-1").splitlines()
        fields = int(lines[1].split("|")[1])
        names = [line.split("|")[0] for line in lines[2 : 2 + fields]]
        rows = pd.read_csv(path, sep="|", skiprows=2 + fields, names=names, encoding="latin-1")
        for collage, own in rows.groupby("collage_file"):
            picture = path.parent / str(collage)
            levels = _grey(picture)
            mask = picture.with_name(f"{picture.stem}_bin{picture.suffix}")
            inside = _grey(mask) > 0 if mask.exists() else levels < 200
            for x, y, w, h in own[["image_x", "image_y", "image_w", "image_h"]].to_numpy(int):
                place = np.s_[y : y + h, x : x + w]
                count += (levels[place] * inside[place]).size > 0
    return count


def _grey(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"))


def ecotaxa_by_hand(folder: Path) -> int:
    """Read tables with pandas, and open every picture with Pillow."""
    count = 0
    for path in sorted(folder.rglob("ecotaxa*.tsv")):
        rows = pd.read_csv(path, sep="\t", skiprows=[1], encoding="latin-1", low_memory=False)
        for name in rows["img_file_name"]:
            count += _grey(path.parent / str(name)).size > 0
    return count


BY_HAND = {"ifcb": ifcb_by_hand, "flowcam": flowcam_by_hand, "ecotaxa": ecotaxa_by_hand}


def measure(folder: Path, name: str, size: str, times: int) -> dict[str, float]:
    """Time one instrument."""
    reader = open_simulated(folder, name, size)
    place = reader.deployment.path
    files = place.rglob("*") if place.is_dir() else [place]
    megabytes = sum(f.stat().st_size for f in files if f.is_file()) / 1e6
    frames, listing = taken(reader.frames, times)
    assert isinstance(frames, pd.DataFrame)
    (things, pixels), reading = taken(lambda: read_all(reader, frames), times)  # type: ignore[misc]
    found = {
        "frames": len(frames), "things": things, "megabytes": megabytes, "pixels": pixels,
        "listing": listing, "reading": reading,
    }  # fmt: skip
    if name in BY_HAND:
        count, by_hand = taken(lambda: BY_HAND[name](place), times)
        found |= {"by_hand": by_hand, "by_hand_things": float(str(count))}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny files, fewer runs")
    quick = parser.parse_args().quick
    size, times = ("tiny", 2) if quick else ("demo", 3)
    ratios: dict[str, dict[str, float]] = {}
    print(f"{'':14}{'MB':>8}{'frames':>8}{'read':>8}{'list ms':>9}{'read ms':>9}"
          f"{'MB/s':>8}{'a second':>10}{'Mpx/s':>8}{'by hand/ours':>14}")  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        for name in simulators():
            m = measure(Path(scratch) / name, name, size, times)
            whole = m["listing"] + m["reading"]
            rate = m["things"] / m["reading"]
            ratio = ""
            ratios[name] = {"mb_s": m["megabytes"] / whole, "things_s": m["things"] / whole}
            if "by_hand" in m:
                # Per thing: by hand may read less than all there is.
                own, other = whole / m["things"], m["by_hand"] / m["by_hand_things"]
                ratios[name]["by_hand_over_ours"] = other / own
                ratio = f"{other / own:.2f}"
            print(f"{name:14}{m['megabytes']:>8.1f}{m['frames']:>8,}{m['things']:>8,}"
                  f"{m['listing'] * 1e3:>9.1f}{m['reading'] * 1e3:>9.1f}"
                  f"{m['megabytes'] / whole:>8.0f}{rate:>10,.0f}"
                  f"{m['pixels'] / m['reading'] / 1e6:>8.0f}{ratio:>14}")  # fmt: skip
            sys.stdout.flush()
    print("read: frames, or vignettes where the instrument cuts them; MB/s of listing and reading")
    print(json.dumps({n: {k: round(v, 3) for k, v in r.items()} for n, r in ratios.items()}))


if __name__ == "__main__":
    main()
