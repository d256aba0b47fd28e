"""Which engine is the fastest here: measured once for a machine and a network, then remembered.

A stopwatch must not decide anew each time: the last digits of scores are the engine's, and a
workflow that was killed and goes on has to write the bytes that it would have written. So what
was measured once is kept in a file, which the first process writes while the others wait, and
where nothing can be kept nothing is measured: a fixed order decides.

Only engines whose labels are those of float32 are candidates: on a CPU the exact ones; on a GPU
those in bfloat16, whose doubtful vignettes are looked at again (see `seston.learn.model`).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from seston import atomic
from seston.errors import StoreError
from seston.learn.networks import backbones, engines

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

CANDIDATES: Final[Mapping[str, tuple[str, ...]]] = {
    "cpu": ("openvino", "onnxruntime", "eager"),
    "cuda": ("compiled-bf16", "eager-bf16"),
    "mps": ("eager",),
}
"""By type of device, in the order that decides where nothing was measured.

On a CPU, ``compiled`` is none: it is slower than OpenVINO, needs a C++ compiler on each node, and
compiles for half a minute in each process.
"""

WORTH: Final = 1.1
"""A less plain engine must be so many times as fast: less is within what a stopwatch errs."""

_SECONDS: Final = 0.3
_TRIES: Final = 3


def choose(
    wanted: str, backbone: backbones.Backbone, place: engines.Place, folder: Path | None = None
) -> str:
    """Name the engine to use.

    Parameters
    ----------
    wanted : str
        An engine's name, which is given back, or ``auto``.
    backbone : Backbone
        What it is to run. Its weights do not matter.
    place : Place
    folder : Path, optional
        Where choices are remembered: by default ``$SESTON_CACHE``, else ``seston`` in the
        user's cache.

    Returns
    -------
    str
        With ``auto``, the same on every call for one kind of processor, network, size of
        squares and set of libraries.
    """
    if wanted != engines.AUTO:
        return wanted
    names = _candidates(place.device)
    if len(names) < 2:
        return names[0]
    path = (folder or cache_folder()) / "engines" / f"{_key(backbone, place, names)}.json"
    return _remembered(path, names) or _decided(path, names, backbone, place)


def _candidates(device: torch.device) -> list[str]:
    there = engines.available(device)
    return [n for n in CANDIDATES.get(device.type, ()) if n in there] or [engines.EAGER]


def choose_engine(wanted: str, model: Path, device: str | None, batch_size: int) -> str:
    """Name the engine for a model on a device (see `choose`); only its card is read.

    Raises
    ------
    ModelError
        The card is missing or damaged.
    ConfigError
        The device is not there.
    """
    from seston.learn._torch import device as device_of
    from seston.learn.card import load_card
    from seston.learn.networks.extractor import place_of

    card = load_card(model)
    if card.preprocessing.get("inputs") == "measured":  # no network looks at anything
        return engines.EAGER
    if wanted != engines.AUTO:
        return wanted
    side = int(card.preprocessing["image_size"])
    place = place_of(side, device_of(device), batch_size)
    return choose(wanted, backbones.build(str(card.backbone["name"]), side), place)


def cache_folder() -> Path:
    """Folder for what can be made again: ``$SESTON_CACHE``, else in the user's own."""
    given = os.environ.get("SESTON_CACHE")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "seston"


def _remembered(path: Path, names: Sequence[str]) -> str | None:
    try:
        name = json.loads(path.read_text("utf-8"))["engine"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return name if name in names else None


def _decided(
    path: Path, names: Sequence[str], backbone: backbones.Backbone, place: engines.Place
) -> str:
    """Measure and write down, unless another process did so while this one waited."""
    try:
        with atomic.new_file(path) as draft:  # holds the lock of the path
            name = _remembered(path, names)
            if name is None:
                rates = {n: rate(n, backbone, place) for n in names}
                name = fastest(rates)
                facts = {"engine": name, "squares_per_s": {n: round(r) for n, r in rates.items()}}
                draft.write_text(json.dumps(facts) + "\n", "utf-8")
                log.info("engine of %s here: %s, %s", backbone.name, name, facts["squares_per_s"])
            else:
                draft.write_bytes(path.read_bytes())
    except (StoreError, OSError) as error:
        log.info("no engine was measured, since it cannot be remembered: %s", error)
        return names[0]
    return name


def fastest(rates: Mapping[str, float]) -> str:
    """Name the engine that is worth it: the plainest of those about as fast as the fastest.

    Parameters
    ----------
    rates : dict of float
        Squares per second by engine, 0 where it does not work, the plainest last.
    """
    best = max(rates.values())
    return [name for name, found in rates.items() if found * WORTH >= best][-1]


def rate(name: str, backbone: backbones.Backbone, place: engines.Place) -> float:
    """Measure an engine, squares per second; 0 where it fails or gives something else than eager.

    Of several short runs the best counts: what others do on the machine slows a run, and nothing
    speeds it up.
    """
    try:
        engine = engines.make(name, backbone, place)
        squares = _noise(place)
        if not agrees(engine(squares), engines.make(engines.EAGER, backbone, place)(squares)):
            log.warning("the engine %s gives other features than eager and is not used", name)
            return 0.0
        return max(_timed(engine, squares, place) for _ in range(_TRIES))
    except Exception as error:  # a compiler that is missing, a library that does not fit
        log.warning("the engine %s does not work here: %s", name, error)
        return 0.0


def agrees(found: Any, expected: Any, tolerance: float = 0.2) -> bool:  # noqa: ANN401
    """Say whether features are those of another engine, within what bfloat16 does to them."""
    ours, theirs = _array(found), _array(expected)
    scale = float(np.abs(theirs).max()) or 1.0
    return bool(np.isfinite(ours).all() and np.abs(ours - theirs).max() <= tolerance * scale)


def _timed(engine: engines.Engine, squares: NDArray[np.uint8], place: engines.Place) -> float:
    # Of a CPU's time, what others do on the machine takes less than of the clock's.
    clock = time.process_time if place.device.type == "cpu" else time.perf_counter
    runs, begin = 0, clock()
    while True:
        found = engine(squares)
        runs += 1
        if runs % 4 == 0 or place.device.type == "cpu":
            _array(found)  # waits for a GPU
            passed = clock() - begin
            if passed >= _SECONDS:
                return runs * len(squares) / passed


def _array(features: Any) -> NDArray[np.float32]:  # noqa: ANN401
    return features if isinstance(features, np.ndarray) else np.asarray(features.cpu().numpy())


def _noise(place: engines.Place) -> NDArray[np.uint8]:
    shape = (place.batch, place.side, place.side)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def _key(backbone: backbones.Backbone, place: engines.Place, names: Sequence[str]) -> str:
    """Hash of all that speed hangs on, but not of the weights."""
    facts = [
        backbone.name, place.side, place.batch, _processor(place.device),
        [engines.described(name) for name in names],
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _processor(device: torch.device) -> str:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    ability = torch.backends.cpu.get_cpu_capability()
    return f"{platform.machine()} {_model_name()} {ability} {torch.get_num_threads()}"


def _model_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")
