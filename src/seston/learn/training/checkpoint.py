"""Where a training stands: one file beside the model's folder, replaced whole each time.

It holds named tensors and a text, and no code: see https://github.com/huggingface/safetensors.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seston.atomic import new_file

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

SECONDS_BETWEEN = 300.0
KEY = "training"
FORMAT = 2
"""Of what is kept: another one when the facts or the tensors change."""


@dataclass(slots=True)
class Checkpoint:
    """The file of a training.

    Parameters
    ----------
    path : Path
    identity : str
        Hash of all that the result depends on: what another training left is not taken up.
    seconds_between : float
        A kill costs no more than this much work.
    """

    path: Path
    identity: str
    seconds_between: float = SECONDS_BETWEEN
    _last: float = field(default_factory=time.monotonic)

    @property
    def is_due(self) -> bool:
        """Say whether the last one was written long enough ago."""
        return time.monotonic() - self._last >= self.seconds_between

    def write(self, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> None:
        """Keep where the training stands."""
        import safetensors.torch

        text = json.dumps({"identity": self.identity, "format": FORMAT, **facts})
        plain = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
        with new_file(self.path) as draft:
            safetensors.torch.save_file(plain, draft, {KEY: text})
        self._last = time.monotonic()

    def read(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """Give what was kept, or None where nothing of this very training is."""
        import safetensors

        try:
            with safetensors.safe_open(self.path, "pt") as opened:
                facts: Any = json.loads(opened.metadata()[KEY])
                tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            known = (facts["identity"], facts.get("format")) == (self.identity, FORMAT)
        except FileNotFoundError:
            return None
        except (safetensors.SafetensorError, OSError, KeyError, TypeError, ValueError):
            log.warning("%s: is damaged; the training begins anew", self.path)
            return None
        if not known:
            log.warning("%s: is of another training; this one begins anew", self.path)
            return None
        return tensors, facts

    def remove(self) -> None:
        """Forget the training."""
        self.path.unlink(missing_ok=True)


def checkpoint_of(model: Path, identity: str) -> Checkpoint:
    """Give the checkpoint of the training of a model."""
    return Checkpoint(model.with_name(f".{model.name}.checkpoint.safetensors"), identity)
