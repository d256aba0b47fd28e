"""Classify vignettes: each engine beside plain torch, the device's peak, and the way from Zarr.

    python benchmarks/classify.py [--quick] [--device cpu|cuda] [--model DIR] [--images DIR]
                                  [--backbone NAME] [--side N] [--batch N]

Vignettes are those of a simulated learning set, or the pictures of a folder of classes. The model
is trained on them (frozen backbone, linear head) where none is given; a backbone whose weights no
package carries is left random, and labels then mean little. "Plain eager torch" is the
network as timm gives it, contiguous, one batch after the other. The peak is the best product of
two large matrices; operations of the backbone are counted by torch. On a CPU all is measured on
one core, in time of the processor; on a GPU by the clock. Labels are compared with eager float32.
The last line is a JSON object of ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import cv2
import numpy as np
import torch
import zarr

from seston import learn, store
from seston.config import Classification, Training
from seston.learn import preprocess
from seston.learn.model import Model, in_doubt
from seston.learn.networks import backbones, engine_choice, engines
from seston.learn.networks.extractor import place_of
from seston.learn.sets.decode import read_picture
from seston.simulate import write_learning_set
from seston.stages.classify import Scorer
from seston.variables import OBJECTS

OBJECTS_OF_A_CRUISE = 1.5e9
PIXEL_MM = (0.07, 0.05)


@dataclass(frozen=True)
class Setting:
    """What is measured, and where."""

    device: torch.device
    side: int
    batch: int
    quick: bool

    @property
    def clock(self) -> Callable[[], float]:
        return time.process_time if self.device.type == "cpu" else time.perf_counter

    @property
    def squares(self) -> np.ndarray:
        shape = (self.batch, self.side, self.side)
        return np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    def seconds(self, run: Callable[[], object], least: float = 0.4) -> float:
        """Shortest time of one run, of several that take `least` seconds each."""
        wait = torch.cuda.synchronize if self.device.type == "cuda" else (lambda: None)
        run()
        wait()
        best = np.inf
        for _ in range(3 if self.quick else 7):
            runs, begin = 0, self.clock()
            while self.clock() - begin < least / (4 if self.quick else 1):
                run()
                wait()
                runs += 1
            best = min(best, (self.clock() - begin) / runs)
        return best

    def by_turns(self, *runs: Callable[[], object]) -> list[float]:
        """Shortest time of each of several runs, which take turns."""
        times = [[self.seconds_once(run) for run in runs] for _ in range(3 if self.quick else 6)]
        return [min(taken) for taken in zip(*times[1:], strict=True)]  # the first warms up

    def seconds_once(self, run: Callable[[], object]) -> float:
        """Time of one run."""
        begin = self.clock()
        run()
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return self.clock() - begin


def peak(setting: Setting, dtype: torch.dtype) -> float:
    """Operations per second of the best product of two square matrices."""
    sizes = (4096, 8192) if setting.device.type == "cuda" else (512, 1024, 2048)
    found = []
    for n in sizes:
        a = torch.randn(n, n, device=setting.device).to(dtype)
        b = torch.randn(n, n, device=setting.device).to(dtype)
        found.append(2 * n**3 / setting.seconds(lambda a=a, b=b: a @ b))
    return max(found)


def peaks_of(setting: Setting) -> dict[str, float]:
    """Operations per second in float32, and in bfloat16 where the device has it."""
    found = {"f32": peak(setting, torch.float32)}
    if not engines.is_emulated("eager-bf16", setting.device):
        found["bf16"] = peak(setting, torch.bfloat16)
    return found


def operations(backbone: backbones.Backbone, side: int) -> int:
    """Floating-point operations of one square: multiplications and additions."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        backbone.module(torch.zeros(1, 1, side, side))
    return int(counter.get_total_flops())


def plain(backbone: backbones.Backbone, setting: Setting) -> Callable[[], object]:
    """Give the network as timm gives it, on float32 that are there already."""
    module = backbone.module.to(setting.device)
    pixels = torch.randn(setting.batch, 1, setting.side, setting.side, device=setting.device)

    def run() -> object:
        with torch.inference_mode():
            return module(pixels)

    return run


def vignettes_of(folder: Path, most: int) -> list[np.ndarray]:
    """Pictures of a folder of classes, the same share of each."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix in {".png", ".jpg", ".jpeg"})
    step = max(1, len(paths) // most)
    return [v for v in map(read_picture, paths[::step]) if v is not None]


def write_objects(path: Path, vignettes: list[np.ndarray]) -> Path:
    """Store vignettes as the objects of one frame, as the workflow does."""
    shapes = np.array([v.shape for v in vignettes], np.int32)
    n = len(vignettes)
    sizes = shapes.prod(axis=1, dtype=np.int64)
    columns = {
        "object_id": np.arange(n, dtype=np.uint64), "frame": np.zeros(n, np.int32),
        "top": np.zeros(n, np.int32), "left": np.zeros(n, np.int32),
        "bottom": shapes[:, 0], "right": shapes[:, 1],
        "time": np.zeros(n, "datetime64[ns]"), "features": np.zeros((n, 1), np.float32),
        "vignette_start": np.cumsum(sizes) - sizes,
    }  # fmt: skip
    names = [name for name, v in OBJECTS.items() if v.dims == ("frame",)]
    frames: dict[str, Any] = {m: np.zeros(1, _dtype(OBJECTS[m].dtype)) for m in names}
    frames |= {"frame_pixel_height": np.array([PIXEL_MM[0]])}
    frames |= {"frame_pixel_width": np.array([PIXEL_MM[1]])}
    with store.new_objects(path, ["area"]) as (_, writer):
        writer.append(columns, np.concatenate([v.ravel() for v in vignettes]))
        writer.close(frames, {})
    return path


def _dtype(name: str) -> Any:
    return object if name == "str" else name


@dataclass(frozen=True)
class Rates:
    """Squares per second of the bare network, and objects per second from Zarr to scores."""

    bare: float
    whole: float


def rates_of_engines(model: Path, objects: Path, total: int, setting: Setting) -> dict[str, Rates]:
    """Measure each engine that works here; bare and whole by turns, since others work here too."""
    loaded = learn.load_model(model, device=str(setting.device))
    backbone = loaded.extractor.network.backbone
    place = place_of(setting.side, setting.device, setting.batch)
    found: dict[str, Rates] = {}
    for name in engines.available(setting.device):
        if setting.quick and name.startswith("compiled"):
            continue  # half a minute each
        if engines.is_emulated(name, setting.device):
            print(f"  {name}: left out, for this processor has no bfloat16")
            continue
        try:
            engine = engines.make(name, backbone, place)
            engine(setting.squares)
        except Exception as error:  # no compiler, say
            print(f"{name}: does not work here ({type(error).__name__})")
            continue
        squares: Any = setting.squares
        if setting.device.type == "cuda":
            squares = torch.from_numpy(squares).to(setting.device)
        scorer = scorer_of(model, name, setting)
        runs = max(1, total // setting.batch)
        taken = setting.by_turns(
            lambda e=engine, s=squares, n=runs: [e(s) for _ in range(n)],
            lambda s=scorer: s(objects, 0, total),
        )
        found[name] = Rates(runs * setting.batch / taken[0], total / taken[1])
        print(
            f"  {name}: {found[name].bare:,.0f} and {found[name].whole:,.0f} a second", flush=True
        )
    return found


def labels_of(model: Path, name: str, vignettes: list[np.ndarray], setting: Setting) -> Labels:
    loaded = learn.load_model(
        model, device=str(setting.device), engine=name, batch_size=setting.batch
    )
    sizes = _pixels(loaded, vignettes)
    first = loaded._scores(loaded.extractor.features(vignettes, loaded._sizes(vignettes, sizes)))
    exact = engines.is_exact(name)
    final = first if exact else loaded.predict(vignettes, sizes)
    doubtful = 0.0 if exact else float(in_doubt(first).mean())
    return Labels(first.argmax(axis=1), final, doubtful)


@dataclass(frozen=True)
class Labels:
    """Taxa at the first look, scores in the end, and the share that was looked at again."""

    first: np.ndarray
    scores: np.ndarray
    doubtful: float


def _pixels(model: Model, vignettes: list[np.ndarray]) -> np.ndarray | None:
    return np.tile(PIXEL_MM, (len(vignettes), 1)) if model.card.size_unit == "mm" else None


def scorer_of(model: Path, name: str, setting: Setting) -> Scorer:
    """Give what a worker of the workflow does: from Zarr to scores."""
    gpu = setting.device.type == "cuda"
    settings = Classification(model=model, batch_size=setting.batch, gpus=int(gpu))
    return Scorer(settings, name)


def shares(model: Path, objects: Path, total: int, setting: Setting) -> dict[str, float]:
    """Microseconds of one core for an object, outside the network."""
    loaded = learn.load_model(model, device="cpu")
    group = zarr.open_group(objects, mode="r")
    vignettes = store.read_vignettes(group, slice(0, total))
    sizes = preprocess.pixel_sizes(total, PIXEL_MM)
    features = np.zeros((total, loaded.extractor.n_features), np.float32)
    cpu = Setting(torch.device("cpu"), setting.side, setting.batch, setting.quick)
    runs = {
        "read from Zarr": lambda: store.read_vignettes(group, slice(0, total)),
        "squares (OpenCV)": lambda: preprocess.squares(vignettes, setting.side, sizes),
        "sizes": lambda: preprocess.size_inputs(vignettes, sizes),
        "head": lambda: loaded._scores(features),
    }
    return {name: cpu.seconds(run, 0.1) / total * 1e6 for name, run in runs.items()}


def _materials(options: argparse.Namespace, folder: Path) -> tuple[Path, list[np.ndarray]]:
    """Model and vignettes: those given, else simulated ones and a model trained on them."""
    pictures = options.images
    if pictures is None:
        pictures = folder / "learning-set"
        write_learning_set(pictures, 5, per_class=60 if options.quick else 240)
    model = options.model
    if model is None:
        model = folder / "model"
        weights = _weights(options.backbone, folder)
        settings = Training(
            backbone=options.backbone, image_size=options.side, weights=weights, fine_tune=False
        )
        learn.train(pictures, model, settings)
    return model, vignettes_of(pictures, 512 if options.quick else 4096)


def _weights(name: str, folder: Path) -> str:
    """Weights of a package, else random ones: speed is the same, labels mean little."""
    if name in backbones.PACKAGED:
        return "package"
    from safetensors.torch import save_file

    tensors = backbones.build(name).module.state_dict()
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "random.safetensors")
    return str(folder / "random.safetensors")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer runs, a simulated learning set")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--model", type=Path, help="a model; trained on the pictures if absent")
    parser.add_argument("--images", type=Path, help="a folder of classes; simulated if absent")
    parser.add_argument("--backbone", default="tf_efficientnet_lite0")
    parser.add_argument("--side", type=int, default=96, help="of the squares, pixels")
    parser.add_argument("--batch", type=int, default=512, help="on a GPU; 32 on a CPU")
    return parser.parse_args()


def main() -> None:
    options = _options()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="seston-bench-") as folder:
        model, vignettes = _materials(options, Path(folder))
        loaded = learn.load_model(model, device="cpu")
        device = torch.device(options.device)
        side = loaded.extractor.network.place.side
        batch = place_of(side, device, options.batch).batch
        setting = Setting(device, side, batch, options.quick)
        objects = write_objects(Path(folder) / "objects.zarr", vignettes)
        report(model, loaded.extractor.network.backbone, vignettes, objects, setting)


def report(
    model: Path, backbone: backbones.Backbone, vignettes: list[np.ndarray], objects: Path,
    setting: Setting,
) -> None:  # fmt: skip
    flops = operations(backbone, setting.side)
    peaks = peaks_of(setting)
    slow = setting.batch / setting.seconds(plain(backbone, setting))
    rates = rates_of_engines(model, objects, len(vignettes), setting)
    truth = labels_of(model, engines.EAGER, vignettes, setting)
    best = truth.scores.argmax(axis=1)
    where = "one core" if setting.device.type == "cpu" else torch.cuda.get_device_name()
    shown = ", ".join(f"{found / 1e9:,.0f} in {dtype}" for dtype, found in peaks.items())
    print(f"{backbone.name} at {setting.side} px: {flops / 1e9:.3f} GFLOP; {where}; "
          f"peak, GFLOP/s: {shown}; {len(vignettes):,} vignettes")  # fmt: skip
    print(f"{'engine':16}{'squares/s':>11}{'x plain':>9}{'of peak':>9}{'labels':>9}"
          f"{'again':>8}{'labels':>9}{'from Zarr':>11}{'of bare':>9}{'hours':>9}")  # fmt: skip
    print(f"{'plain eager':16}{slow:>11,.0f}{1:>9.2f}{slow * flops / peaks['f32']:>9.0%}")
    found = {}
    for name, measured in rates.items():
        rough = not engines.is_exact(name)
        seen = labels_of(model, name, vignettes, setting)
        bare, whole = measured.bare, measured.whole
        twin = rates.get(engines.exact_twin(name), measured).bare
        both = 1 / (1 / bare + seen.doubtful / twin)
        share = bare * flops / peaks["bf16" if rough else "f32"]
        after = float((seen.scores.argmax(axis=1) == best).mean())
        found[name] = {
            "times_plain": round(bare / slow, 2), "of_peak": round(share, 3),
            "same_labels_at_first": round(float((seen.first == best).mean()), 4),
            "looked_at_again": round(seen.doubtful, 4), "same_labels": round(after, 5),
            "from_zarr_of_bare": round(whole / both, 3),
            "score_rms": float(np.sqrt(np.mean((seen.scores - truth.scores) ** 2))),
            "hours_of_a_cruise": round(OBJECTS_OF_A_CRUISE / whole / 3600),
        }  # fmt: skip
        row = found[name]
        print(f"{name:16}{bare:>11,.0f}{row['times_plain']:>9.2f}{share:>9.0%}"
              f"{row['same_labels_at_first']:>9.2%}{seen.doubtful:>8.1%}{after:>9.2%}{whole:>11,.0f}"
              f"{row['from_zarr_of_bare']:>9.0%}{row['hours_of_a_cruise']:>9,}")  # fmt: skip
    outside = shares(model, objects, min(len(vignettes), 2048), setting)
    print("outside the network, us an object: "
          + ", ".join(f"{name} {taken:.1f}" for name, taken in outside.items()))  # fmt: skip
    print(f"hours: of 1.5 billion objects, on {where}")
    place = place_of(setting.side, setting.device, setting.batch)
    chosen = engine_choice.fastest(
        {n: rates[n].bare for n in engine_choice.CANDIDATES[place.device.type] if n in rates}
    )
    print(f"auto: {chosen}")
    print(json.dumps({"backbone": backbone.name, "side": setting.side, "auto": chosen,
                      "engines": found}))  # fmt: skip


if __name__ == "__main__":
    main()
