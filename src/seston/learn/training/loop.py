"""The training of a network: epochs, early stopping, the best epoch kept, resumable after a kill.

What is random in a step (its pictures' changes, dropout) follows from the seed and the number of
the step alone, and the order of the rows from the seed and the epoch: a training that was killed
and taken up again ends, on a CPU, with the very weights of one that was not.
"""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from seston.errors import ModelError
from seston.learn.training.checkpoint import Checkpoint
from seston.learn.training.pace import Settings
from seston.learn.training.validation import Verdict, judge
from seston.progress import Progress

log = logging.getLogger(__name__)

Int64Array = NDArray[np.int64]
Tensors = tuple[torch.Tensor, ...]


class Material(Protocol):
    """What a network learns from."""

    def load(self, rows: Int64Array) -> tuple[NDArray[Any], ...]:
        """Get rows ready, in another thread than the network runs in."""
        ...

    def to_device(self, loaded: tuple[NDArray[Any], ...], seed: int | None) -> Tensors:
        """Give what the network takes; changed at random where there is a seed."""
        ...


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of numbers, as they are."""

    table: NDArray[np.float32]
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def load(self, rows: Int64Array) -> tuple[NDArray[Any], ...]:
        """Take some rows."""
        return (self.table[rows],)

    def to_device(self, loaded: tuple[NDArray[Any], ...], seed: int | None) -> Tensors:  # noqa: ARG002
        """Give them as a tensor."""
        return (torch.from_numpy(loaded[0]).to(self.device),)


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be learned.

    Parameters
    ----------
    labels : array (n,), int64
        Taxon of each row of the material.
    learned, validation : array of int64
        Numbers of the rows to learn from, and of those to choose the best epoch by.
    taxon_weights : array (n_taxa,), float64
        How much a row of each taxon counts.
    """

    labels: Int64Array
    learned: Int64Array
    validation: Int64Array
    taxon_weights: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Epoch:
    """What an epoch came to; of the validation rows, or NaN where there are none.

    Epoch 0 is how the network was before it learned: it is kept where no other is better.
    """

    epoch: int
    learning_rate: float
    loss: float
    validation_loss: float
    validation_loss_calibrated: float
    validation_accuracy: float
    validation_balanced_accuracy: float
    seconds: float
    images_per_s: float


def best_of(history: Sequence[Epoch]) -> int:
    """Give the number of the epoch with the lowest calibrated loss; else of the last.

    Examples
    --------
    >>> best_of([])
    0
    """
    losses = [epoch.validation_loss_calibrated for epoch in history]
    if not losses or np.isnan(losses).all():
        return max(0, len(losses) - 1)
    return int(np.nanargmin(losses))


Tell = Callable[[Epoch], None]


@dataclass(slots=True)
class _State:
    """Where the training stands, besides the weights."""

    step: int = 0
    loss_sum: float = 0.0
    seconds: float = 0.0
    best: int = 0
    history: list[Epoch] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, facts: dict[str, Any]) -> _State:
        history = [Epoch(**row) for row in facts["history"]]
        rest = {k: facts[k] for k in ("step", "loss_sum", "seconds", "best")}
        return cls(history=history, **rest)


def run(
    pupil: nn.Module,
    material: Material,
    task: Task,
    settings: Settings,
    *,
    checkpoint: Checkpoint | None = None,
    shown: Progress | None = None,
    tell: Tell | None = None,
) -> list[Epoch]:
    """Train a network; at the end it holds the weights of its best epoch.

    Parameters
    ----------
    pupil : torch.nn.Module
        Takes what the material gives, and gives logits (n, n_taxa); on its device.
    material : Material
    task : Task
    settings : Settings
    checkpoint : Checkpoint, optional
        Where to keep the training, and to take it up from.
    shown : Progress, optional
        Is told of images.
    tell : callable, optional
        Is told of every epoch when it ends.

    Returns
    -------
    list of Epoch
    """
    with torch.random.fork_rng():
        training = _Training(pupil, material, task, settings, checkpoint)
        training.take_up(shown)
        training.look_first(tell)
        while not training.has_ended:
            epoch = training.epoch(shown)
            if tell is not None:
                tell(epoch)
        return training.finish()


class _Training:
    def __init__(
        self,
        pupil: nn.Module,
        material: Material,
        task: Task,
        settings: Settings,
        checkpoint: Checkpoint | None,
    ) -> None:
        self._pupil, self._material, self._task = pupil, material, task
        self._settings, self._checkpoint = settings, checkpoint
        self._state = _State()
        self._best: dict[str, torch.Tensor] = {}
        self._parameters = list(pupil.parameters())
        self._device = self._parameters[0].device
        self._adam = torch.optim.AdamW(_groups(self._parameters, settings.weight_decay))
        weights = task.taxon_weights / task.taxon_weights[task.labels[task.learned]].mean()
        self._weights = torch.tensor(weights, dtype=torch.float32, device=self._device)
        self._steps = -(-len(task.learned) // settings.batch_size)

    # ------------------------------------------------------------------ epochs
    @property
    def has_ended(self) -> bool:
        """Say whether the last epoch is over, or no better one has come for long enough."""
        done = len(self._state.history) - 1
        since = max(self._state.best, self._settings.patient_from)
        waited = done - since > self._settings.patience
        stops = len(self._task.validation) > 0 and done > 0 and waited
        return done >= self._settings.epochs or stops

    def look_first(self, tell: Tell | None) -> None:
        """Look how good the network is before it learns."""
        if self._state.history:
            return
        found = Epoch(0, 0.0, np.nan, *self._validate(), 0.0, 0.0)
        self._state.history.append(found)
        self._best = copy.deepcopy(self._pupil.state_dict())
        if tell is not None and len(self._task.validation):
            tell(found)

    def epoch(self, shown: Progress | None) -> Epoch:
        """Learn from what is left of an epoch, and look how good that was."""
        state, number = self._state, len(self._state.history) - 1
        order = np.random.default_rng([self._settings.seed, number]).permutation(self._task.learned)
        batches = np.array_split(order, self._steps)  # even: none of one row, which has no spread
        begun = time.monotonic() - state.seconds
        _learn_mode(self._pupil)
        for rows, loaded in self._loaded(batches[state.step - number * self._steps :]):
            state.loss_sum += self._learn(rows, loaded)
            state.step += 1
            if shown is not None:
                shown.advance(len(rows), len(rows))
            if self._checkpoint is not None and self._checkpoint.is_due:
                state.seconds = time.monotonic() - begun
                self._keep()
        return self._close(number, time.monotonic() - begun)

    def _close(self, number: int, seconds: float) -> Epoch:
        state, n = self._state, len(self._task.learned)
        rate, loss = self._settings.rate(number + 1), state.loss_sum / n
        found = Epoch(number + 1, rate, loss, *self._validate(), seconds, n / seconds)
        state.history.append(found)
        if best_of(state.history) == number + 1:
            state.best, self._best = number + 1, copy.deepcopy(self._pupil.state_dict())
        state.loss_sum, state.seconds = 0.0, 0.0
        self._keep()
        return found

    def _learn(self, rows: Int64Array, loaded: tuple[NDArray[Any], ...]) -> float:
        """Make one step; give the sum of the losses of its rows."""
        seed = _seed(self._settings.seed, self._state.step)
        torch.manual_seed(seed)
        for group in self._adam.param_groups:
            group["lr"] = self._settings.rate((self._state.step + 0.5) / self._steps)
        self._adam.zero_grad(set_to_none=True)
        value = 0.0
        for start in range(0, len(rows), self._settings.rows_at_a_time):
            part = slice(start, start + self._settings.rows_at_a_time)
            logits = self._logits(tuple(a[part] for a in loaded), seed + start)
            total = self._loss(rows[part], logits).sum()
            (total / len(rows)).backward()  # type: ignore[no-untyped-call]
            value += float(total.detach())
        self._adam.step()
        if not np.isfinite(value):
            raise ModelError(
                "the training came apart: its loss is no number any more",
                where=f"step {self._state.step}",
                cure="Set a lower `learning_rate`, or `precision: float32`.",
            )
        return value

    def _logits(self, loaded: tuple[NDArray[Any], ...], seed: int | None) -> torch.Tensor:
        tensors = self._material.to_device(loaded, seed)
        kind = self._device.type
        with torch.autocast(kind, torch.bfloat16, enabled=self._settings.bfloat16):
            logits: torch.Tensor = self._pupil(*tensors)
        return logits.float()

    def _loss(self, rows: Int64Array, logits: torch.Tensor) -> torch.Tensor:
        labels = torch.from_numpy(self._task.labels[rows]).to(self._device)
        losses = nn.functional.cross_entropy(logits, labels, reduction="none")
        return losses * self._weights[labels]

    def _validate(self) -> Verdict:
        """Judge the network by the validation rows."""
        rows = self._task.validation
        if len(rows) == 0:
            return Verdict()
        logits = []
        self._pupil.eval()
        with torch.inference_mode():
            for _, loaded in self._loaded(np.array_split(rows, -(-len(rows) // 256))):
                logits.append(self._logits(loaded, None).cpu().numpy())
        weights = self._weights.cpu().numpy()
        return judge(np.concatenate(logits), self._task.labels[rows], weights)

    def _loaded(
        self, batches: Sequence[Int64Array]
    ) -> Iterator[tuple[Int64Array, tuple[NDArray[Any], ...]]]:
        """Give batches, each made ready while the network is busy with the one before."""
        with ThreadPoolExecutor(1) as helper:
            ahead = None
            for i, rows in enumerate(batches):
                ready = ahead or helper.submit(self._material.load, rows)
                following = batches[i + 1] if i + 1 < len(batches) else None
                ahead = following is not None and helper.submit(self._material.load, following)
                yield rows, ready.result()

    # ------------------------------------------------------------- checkpoints
    def _keep(self) -> None:
        if self._checkpoint is None:
            return
        tensors = {f"net.{k}": v for k, v in self._pupil.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in self._best.items()}
        for i, parameter in enumerate(self._parameters):
            tensors |= {f"adam.{i}.{k}": v for k, v in self._adam.state[parameter].items()}
        self._checkpoint.write(tensors, self._state.facts())

    def take_up(self, shown: Progress | None) -> None:
        """Go on where the checkpoint stands, if there is one."""
        found = None if self._checkpoint is None else self._checkpoint.read()
        if found is None:
            return
        tensors, facts = found
        self._state = _State.of(facts)
        self._pupil.load_state_dict(_part(tensors, "net."))
        self._best = _part(tensors, "best.")
        for i, parameter in enumerate(self._parameters):
            state = {k: _beside(v, k, parameter) for k, v in _part(tensors, f"adam.{i}.").items()}
            if state:
                self._adam.state[parameter] = state
        log.info("train: goes on in epoch %d", len(self._state.history))
        if shown is not None:
            shown.total -= self._state.step * len(self._task.learned) // self._steps

    def finish(self) -> list[Epoch]:
        """Put the best epoch's weights into the network; give the history."""
        if self._best:
            self._pupil.load_state_dict(self._best)
        self._pupil.eval()
        return self._state.history


def _groups(parameters: Sequence[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Part what shrinks from biases and the scales of normalisations, which do not."""
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _learn_mode(pupil: nn.Module) -> None:
    """Let a network learn, but with the statistics of its normalisations as they are.

    Those of a small batch are noise; and the head was fitted to features that were made with
    these. docs/training.md tells what came of others.
    """
    pupil.train()
    for module in pupil.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def _seed(seed: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, step]).generate_state(1)[0])


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _beside(value: torch.Tensor, name: str, parameter: nn.Parameter) -> torch.Tensor:
    """Put a tensor of Adam's state where its parameter is; its count of steps stays."""
    if name == "step":
        return value
    return torch.empty_like(parameter).copy_(value)
