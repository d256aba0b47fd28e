"""The door to torch and timm: mends a mismatched torchvision, picks device and threads."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from seston.errors import ConfigError

if TYPE_CHECKING:
    import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_declared: list[Any] = []  # a torch Library undeclares its operators once it is collected


def import_timm() -> ModuleType:
    """Import timm, also where the compiled part of torchvision does not fit this torch.

    torchvision declares its box operators in a compiled library. Where that library is built
    for another torch (a CUDA build beside a CPU torch), importing torchvision fails, and so
    does timm, although neither transforms nor backbones need those operators. They are then
    declared without a body. Nothing is touched where torchvision loads.

    Raises
    ------
    ModuleNotFoundError
        torch, torchvision or timm is not installed (``pip install seston[learn]``).
    RuntimeError
        torchvision fails for any other reason.
    """
    try:
        import torchvision  # noqa: F401
    except RuntimeError as error:
        if "operator torchvision::nms does not exist" not in str(error) or _declared:
            raise
        _declare_box_operators()
    import timm

    return timm


def _declare_box_operators() -> None:
    import torch

    library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in _SCHEMAS:
        library.define(schema)
    _declared.append(library)
    for name in [m for m in sys.modules if m.partition(".")[0] in {"torchvision", "timm"}]:
        del sys.modules[name]


def device(name: str | None = None) -> torch.device:
    """Give the device that models run on.

    Parameters
    ----------
    name : str, optional
        A torch device such as ``cpu`` or ``cuda:1``; by default the environment variable
        ``SESTON_DEVICE``, else the first GPU there is, else the CPU.

    Returns
    -------
    torch.device

    Raises
    ------
    ConfigError
        torch does not know the device, or it is not there.
    """
    import torch

    name = name or os.environ.get("SESTON_DEVICE") or _best_device()
    try:
        chosen = torch.device(name)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"the device {name!r} cannot be used: {reason}",
            where="SESTON_DEVICE",
            cure="Name one that torch has here, such as cpu, cuda or mps, or leave it unset.",
        ) from None
    return chosen


def _best_device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def use_threads(threads: int) -> None:
    """Let torch compute with so many threads of this process, and OpenCV with one."""
    import cv2
    import torch

    torch.set_num_threads(threads)
    cv2.setNumThreads(1)
