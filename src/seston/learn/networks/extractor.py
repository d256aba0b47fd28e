"""From vignettes to features: squares, batch after batch, through an engine."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seston.errors import WorkerError
from seston.learn import preprocess
from seston.learn.networks import backbones, engines

if TYPE_CHECKING:
    import torch
    from torch import Tensor

log = logging.getLogger(__name__)

UInt8Array = NDArray[np.uint8]
Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]

BATCH_SIZE = 128
CPU_BATCH = 32
"""On a CPU, the layers of a larger batch no longer fit the cache: at 128, a third slower."""


def place_of(side: int, device: torch.device, batch_size: int = BATCH_SIZE) -> engines.Place:
    """Give the place where an extractor of these works."""
    batch = min(batch_size, CPU_BATCH) if device.type == "cpu" else batch_size
    return engines.Place(device, side, batch)


class Extractor:
    """A backbone on a device, that gives features of vignettes.

    All batches have one length, the last is filled up: so the features of a vignette are the
    same to the last bit, whatever other vignettes it comes with.

    Parameters
    ----------
    backbone : Backbone
    side : int
        Side of the squares that it looks at, pixels.
    device : torch.device
    batch_size : int
        Vignettes at a time on a GPU; on a CPU not more than 32. It is halved where the memory of
        the device does not do.
    engine : str
        See `seston.learn.networks.engines`.

    Raises
    ------
    ConfigError
        The engine cannot run here.
    """

    def __init__(
        self,
        backbone: backbones.Backbone,
        side: int,
        device: torch.device,
        batch_size: int = BATCH_SIZE,
        engine: str = engines.EAGER,
    ) -> None:
        self.backbone, self.engine = backbone, engine
        self.place = place_of(side, device, batch_size)
        self._made: dict[str, engines.Engine] = {}
        self._in_use = Lock()  # an engine has one place for what goes in, and one for what comes
        self._engine(engine)

    @property
    def n_features(self) -> int:
        """Features of the network and of size together."""
        return self.backbone.n_features + len(preprocess.SIZE_INPUTS)

    @property
    def n_network(self) -> int:
        """Features of the network, which are the first."""
        return self.backbone.n_features

    def features(
        self, vignettes: Sequence[UInt8Array], sizes: Float64Array, *, exactly: bool = False
    ) -> Float32Array:
        """Look at vignettes: (n, n_features) of the network, then the size inputs.

        Parameters
        ----------
        vignettes : sequence of array (y, x), uint8
        sizes : array (n, 2)
            Height and width of their pixels.
        exactly : bool
            Use the engine's twin in float32.

        Raises
        ------
        WorkerError
            The device has not the memory for a single vignette.
        """
        name = engines.exact_twin(self.engine) if exactly else self.engine
        with self._in_use:
            return self._features(name, vignettes, sizes)

    def _features(
        self, name: str, vignettes: Sequence[UInt8Array], sizes: Float64Array
    ) -> Float32Array:
        out = np.empty((len(vignettes), self.n_features), np.float32)
        if len(vignettes):
            out[:, : self.n_network] = self._looked(name, vignettes, sizes)
        out[:, self.n_network :] = preprocess.size_inputs(vignettes, sizes)
        return out

    def _looked(
        self, name: str, vignettes: Sequence[UInt8Array], sizes: Float64Array
    ) -> Float32Array:
        while True:
            try:
                return self._in_batches(name, vignettes, sizes)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            self._halve()  # when the error is gone, which holds the batches that were made

    def _in_batches(
        self, name: str, vignettes: Sequence[UInt8Array], sizes: Float64Array
    ) -> Float32Array:
        """Send one batch after the other; a GPU is waited for at the end only."""
        engine, found = self._engine(name), []
        for start in range(0, len(vignettes), self.place.batch):
            rows = slice(start, start + self.place.batch)
            found.append(engine(self._squares(vignettes[rows], sizes[rows])))
        return _joined(found)[: len(vignettes)]

    def _squares(self, vignettes: Sequence[UInt8Array], sizes: Float64Array) -> UInt8Array | Tensor:
        """Squares of a whole batch; those that fill it up are black."""
        missing = self.place.batch - len(vignettes)
        if self.place.device.type != "cuda":
            made = preprocess.squares(vignettes, self.place.side, sizes)
            return np.pad(made, ((0, missing), (0, 0), (0, 0))) if missing else made
        from torch.nn.functional import pad

        from seston.learn.networks import device_squares

        there = device_squares.squares(vignettes, self.place.side, sizes, self.place.device)
        return pad(there, (0, 0, 0, 0, 0, missing)) if missing else there

    def _engine(self, name: str) -> engines.Engine:
        if name not in self._made:
            self._made[name] = engines.make(name, self.backbone, self.place)
        return self._made[name]

    def _halve(self) -> None:
        import torch

        if self.place.batch == 1:
            raise WorkerError(
                f"{self.place.device} has not the memory to look at one vignette",
                cure="Let nothing else run on it, or set SESTON_DEVICE=cpu.",
            ) from None
        self.place = replace(self.place, batch=self.place.batch // 2)
        self._made.clear()  # they are made for one length of batches
        if self.place.device.type == "cuda":
            torch.cuda.empty_cache()
        log.warning(
            "%s is full: from now on %d vignettes at a time", self.place.device, self.place.batch
        )


def is_out_of_memory(error: Exception) -> bool:
    """Say whether a device has no memory left: libraries below torch tell it in their own words."""
    import torch

    if isinstance(error, torch.OutOfMemoryError):
        return True
    told = ("CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED", "out of memory")
    return isinstance(error, RuntimeError) and any(words in str(error) for words in told)


def _joined(found: Sequence[Any]) -> Float32Array:
    if isinstance(found[0], np.ndarray):
        return np.concatenate(found)
    import torch

    return np.asarray(torch.cat(list(found)).cpu().numpy(), np.float32)
