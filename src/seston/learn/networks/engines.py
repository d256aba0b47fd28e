"""Engines: the ways in which one network runs on one device, from the plainest to the fastest.

An engine takes grey squares, all batches of one length, and gives their features. Exact ones
compute in float32 and agree with each other but for rounding; those whose name ends in ``-bf16``
compute in bfloat16, with 8 bits of mantissa, and move each feature by about a hundredth. Who uses
one of these looks again, exactly, at what it leaves in doubt: see `seston.learn.model`.

`seston.learn.networks.engine_choice` measures which is the fastest here.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from seston.errors import ConfigError
from seston.learn.networks.backbones import Backbone

if TYPE_CHECKING:
    import torch
    from torch import Tensor

UInt8Array = NDArray[np.uint8]
Float32Array = NDArray[np.float32]

AUTO, EAGER = "auto", "eager"
_ROUGH: Final = "-bf16"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an engine works, and on how much at a time.

    Parameters
    ----------
    device : torch.device
    side : int
        Side of the squares, pixels.
    batch : int
        Squares of every batch.
    """

    device: torch.device
    side: int
    batch: int


#: Squares (batch, side, side), uint8, on the host or on the device, to features (batch,
#: n_features) in either. On a GPU they are still being computed when it returns.
Engine = Callable[["UInt8Array | Tensor"], "Float32Array | Tensor"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to run a network.

    Parameters
    ----------
    make : callable
        Makes the engine of a backbone at a place.
    devices : frozenset of str
        Types of devices that it is for.
    library : str
        Distribution that it needs, and whose version tells what it computes.
    """

    make: Callable[[Backbone, Place], Engine]
    devices: frozenset[str]
    library: str = "torch"


def is_exact(name: str) -> bool:
    """Say whether an engine computes in float32."""
    return not name.endswith(_ROUGH)


def exact_twin(name: str) -> str:
    """Name the engine that does the same in float32."""
    return name.removesuffix(_ROUGH)


def available(device: torch.device) -> list[str]:
    """Name the engines that can run on a device, the plainest first."""
    return [name for name in ENGINES if not _hindrance(name, device)]


def is_emulated(name: str, device: torch.device) -> bool:
    """Say whether an engine computes in bfloat16 on a processor that has none.

    It works there, far slower than in float32.
    """
    return not is_exact(name) and device.type == "cpu" and not _has_bfloat16()


def make(name: str, backbone: Backbone, place: Place) -> Engine:
    """Make an engine.

    Raises
    ------
    ConfigError
        There is none of this name, or it cannot run here.
    """
    if name not in ENGINES:
        raise ConfigError(
            f"there is no engine {name!r}",
            where="classification.engine",
            cure=f"Use one of {', '.join((AUTO, *ENGINES))}.",
        )
    hindrance = _hindrance(name, place.device)
    if hindrance:
        raise ConfigError(
            f"the engine {name!r} cannot run here: {hindrance}",
            where="classification.engine",
            cure="pip install seston[learn,onnx] brings all engines. Here there are: "
            f"{', '.join((AUTO, *available(place.device)))}.",
        )
    return ENGINES[name].make(backbone, place)


def described(name: str) -> str:
    """Tell an engine and the version of its library, as provenance holds it."""
    return f"{name} ({ENGINES[name].library} {version(ENGINES[name].library)})"


def _hindrance(name: str, device: torch.device) -> str:
    kind = ENGINES[name]
    if device.type not in kind.devices:
        return f"it is not for {device.type}"
    for library in (kind.library, *_ALSO.get(name, ())):
        if not _is_installed(library):
            return f"{library} is not installed"
    if name.startswith("openvino-") and is_emulated(name, device):  # it would take float32
        return "this processor has no bfloat16"
    return ""


def _is_installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return find_spec(distribution) is not None


# ------------------------------------------------------------------------------------- torch
def _plain(backbone: Backbone, place: Place, *, rough: bool, compiled: bool) -> Engine:
    import torch

    from seston.learn.networks.exported import Looker

    looker: Any = Looker(backbone).to(place.device)
    if compiled:
        # Not with CUDA graphs: those of torch work in the main thread only, and a worker's tasks
        # run in another.
        way = "max-autotune-no-cudagraphs" if place.device.type == "cuda" else "default"
        looker = torch.compile(looker, dynamic=False, mode=way)

    def precision() -> AbstractContextManager[Any]:
        return torch.autocast(place.device.type, torch.bfloat16) if rough else nullcontext()

    def look(grey: UInt8Array | Tensor) -> Float32Array | Tensor:
        squares = torch.from_numpy(grey) if isinstance(grey, np.ndarray) else grey
        with torch.inference_mode(), precision():
            found: Tensor = looker(squares.to(place.device, non_blocking=True)).float()
        return np.asarray(found.numpy(), np.float32) if place.device.type == "cpu" else found

    return look


# ---------------------------------------------------------------------------------- OpenVINO
def _by_openvino(backbone: Backbone, place: Place, *, precision: str) -> Engine:
    import torch

    from seston.learn.networks.exported import Looker

    openvino = _openvino()
    looker = Looker(backbone)
    example = torch.zeros((2, place.side, place.side), dtype=torch.uint8)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it follows the network with torch.jit, which is old
        graph = openvino.convert_model(looker, example_input=example)
    graph.reshape([place.batch, place.side, place.side])
    settings = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,  # several workers would be pinned to the same cores
    }
    request = openvino.Core().compile_model(graph, "CPU", settings).create_infer_request()

    def look(grey: UInt8Array | Tensor) -> Float32Array | Tensor:
        found = request.infer([np.asarray(grey)], share_inputs=True)[0]
        return np.array(found, np.float32)  # a copy: the next batch is written in the same place

    return look


def _openvino() -> Any:  # noqa: ANN401
    """Import OpenVINO without its telemetry, which would tell its makers of each import."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


@cache
def _has_bfloat16() -> bool:
    """Say whether OpenVINO, where there is one, finds bfloat16 in this processor."""
    if not _is_installed("openvino"):
        return False
    return "BF16" in _openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


# ------------------------------------------------------------------------------ ONNX Runtime
def _by_onnxruntime(backbone: Backbone, place: Place) -> Engine:
    import onnxruntime
    import torch

    from seston.learn.networks.onnx import backbone_as_onnx

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    content = backbone_as_onnx(backbone, place.side)
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def look(grey: UInt8Array | Tensor) -> Float32Array | Tensor:
        return np.asarray(session.run(None, {name: np.asarray(grey)})[0], np.float32)

    return look


def _torch(*, rough: bool = False, compiled: bool = False) -> Callable[[Backbone, Place], Engine]:
    return lambda backbone, place: _plain(backbone, place, rough=rough, compiled=compiled)


def _vino(precision: str) -> Callable[[Backbone, Place], Engine]:
    return lambda backbone, place: _by_openvino(backbone, place, precision=precision)


_CPU, _BOTH = frozenset({"cpu"}), frozenset({"cpu", "cuda"})
_ALSO: Final = {"onnxruntime": ("onnx",)}

ENGINES: Mapping[str, Kind] = MappingProxyType(
    {
        EAGER: Kind(_torch(), frozenset({"cpu", "cuda", "mps"})),
        "eager-bf16": Kind(_torch(rough=True), _BOTH),
        "compiled": Kind(_torch(compiled=True), _BOTH),
        "compiled-bf16": Kind(_torch(rough=True, compiled=True), _BOTH),
        "onnxruntime": Kind(_by_onnxruntime, _CPU, "onnxruntime"),
        "openvino": Kind(_vino("f32"), _CPU, "openvino"),
        "openvino-bf16": Kind(_vino("bf16"), _CPU, "openvino"),
    }
)
"""Engines by name, the plainest first."""
