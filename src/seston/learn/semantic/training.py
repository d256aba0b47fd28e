"""Train a network that finds and names objects at once, measure it, and write it.

Step k looks at squares cut from a few frames; which ones follows from the seed and k alone. A
checkpoint therefore holds only the network, the optimiser's memory and the number of the step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import cached_property
from importlib.metadata import version
from math import cos, pi
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np

from seston.atomic import named, new_file, new_folder
from seston.config import Segmentation, SemanticTraining, fingerprint
from seston.errors import InputError, ModelError
from seston.frame import AnnotatedFrame
from seston.image.regions import CELL, LIKELY
from seston.learn import _torch
from seston.learn.card import CARD, WEIGHTS, Card
from seston.learn.semantic.judge import Verdict, count_true, judge, pixel_size
from seston.learn.semantic.model import (
    KIND,
    half_precision,
    load_semantic,
    load_semantic_card,
    shares,
)
from seston.learn.semantic.targets import UNSURE, Target, crop, target_of

if TYPE_CHECKING:
    import torch

    from seston.learn.semantic.network import SemanticNetwork

#: Frames that squares are cut from at a time, and steps after which the oldest is let go.
POOL, STEPS_PER_FRAME = 8, 16
LEARNING_RATE, WEIGHT_DECAY = 2e-3, 1e-2
#: Factor on the learning rate of a network that has learned before.
GENTLER = 0.5
#: Greatest norm of the gradient.
LONGEST_STEP = 5.0
#: Share of the steps in which the learning rate rises.
RISE = 0.05
#: Steps between two checkpoints.
STEPS_PER_CHECKPOINT = 50
LIBRARIES = ("seston", "torch", "numpy")
#: Called with the number of steps done and of all, and with the loss.
Tell = Callable[[int, int, float], None]


class Frames(Protocol):
    """A supply of annotated frames: one number, one frame."""

    @property
    def taxa(self) -> tuple[str, ...]:
        """Taxa of the objects that are annotated."""

    @property
    def identity(self) -> str:
        """What the frames are: equal text, equal frames."""

    def frame(self, number: int) -> AnnotatedFrame:
        """Give a frame; numbers have no end, frames may come again."""


def train_semantic(
    learn_from: Frames,
    held_out: Iterable[AnnotatedFrame],
    settings: SemanticTraining,
    *,
    segmentation: Segmentation | None = None,
    device: str | None = None,
    tell: Tell | None = None,
) -> Card:
    """Train a network and write it to `settings.model`; go on where a killed training stopped.

    The same frames, settings, libraries and machine (with one thread) give the same bytes.

    Parameters
    ----------
    learn_from : Frames
    held_out : iterable of AnnotatedFrame
        Frames to be measured on, by which the least score is chosen.
    settings : SemanticTraining
    segmentation : Segmentation, optional
        How objects will be found by the network: by these sizes it is measured. The defaults of
        an instrument if absent.
    device : str, optional
        See `seston.learn.device`.
    tell : callable, optional
        See `Tell`.

    Raises
    ------
    InputError
        Nothing, or not a taxon that is wanted, is annotated; the frames held out have nothing to
        measure by, or pixels of unknown size; or a frame cannot be read. All but the last is told
        before the first step.
    StoreError
        Other things lie in the folder of the network.
    SpaceError
        The disk is full.
    """
    taxa = _wanted(settings.taxa, learn_from.taxa)
    segmentation = segmentation or Segmentation()
    trainer = Trainer(learn_from, taxa, settings, _torch.device(device))
    frames = list(held_out)
    _check_held_out(frames, taxa, segmentation)
    with new_folder(settings.model, named(WEIGHTS, CARD)) as draft:
        trainer.run(tell or (lambda *_: None))
        network = trainer.network.eval()
        verdict = judge(
            frames, taxa, lambda grey: shares(network, grey, trainer.device), segmentation
        )
        content = trainer.weights()
        card = _card(
            learn_from, settings, taxa, verdict, frames, hashlib.sha256(content).hexdigest()
        )
        (draft / WEIGHTS).write_bytes(content)
        (draft / CARD).write_text(card.text(), "utf-8")
    trainer.checkpoint.unlink(missing_ok=True)
    return card


def _check_held_out(
    frames: list[AnnotatedFrame], taxa: tuple[str, ...], segmentation: Segmentation
) -> None:
    """Refuse to begin what could not be measured in the end."""
    if not count_true(frames, taxa, segmentation):
        raise InputError(
            f"none of the {len(frames)} frames held out has a wanted object of "
            f"{segmentation.min_esd_mm:g} to {segmentation.max_esd_mm:g} mm: nothing tells the "
            "least score",
            cure="Hold out or annotate more frames, or set `min_esd_mm` and `max_esd_mm` of the "
            "instrument's `segmentation` to the sizes that are wanted.",
        )


def _wanted(wanted: tuple[str, ...], there: tuple[str, ...]) -> tuple[str, ...]:
    if not there:
        raise InputError("no object is annotated", cure="Annotate all that is wanted.")
    missing = sorted(set(wanted) - set(there))
    if missing:
        raise InputError(
            f"no object of {missing[0]!r} is annotated",
            where="semantic.taxa",
            cure=f"There are: {', '.join(there)}.",
        )
    return wanted or there


class Trainer:
    """Holds a network while it learns.

    Parameters
    ----------
    frames : Frames
    taxa : tuple of str
    settings : SemanticTraining
    device : torch.device
    """

    def __init__(
        self,
        frames: Frames,
        taxa: tuple[str, ...],
        settings: SemanticTraining,
        device: torch.device,
    ) -> None:
        import torch

        from seston.learn.semantic.network import SemanticNetwork

        self._frames, self._taxa, self._settings, self.device = frames, taxa, settings, device
        torch.manual_seed(settings.seed)
        network = SemanticNetwork(1 + len(taxa), settings.widths)
        self.network: SemanticNetwork = network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimiser = torch.optim.AdamW(network.parameters(), weight_decay=WEIGHT_DECAY)
        if settings.initial:
            self._begin_from(settings.initial)
        self._pool: dict[int, Target] = {}
        self.checkpoint = settings.model.with_name(f".{settings.model.name}.checkpoint")

    @cached_property
    def _identity(self) -> str:
        initial = self._settings.initial
        before = load_semantic_card(initial).hash if initial else None
        settings = self._settings.without_gpus()
        return fingerprint(settings, self._frames.identity, before, *self._taxa)

    @property
    def _gentler(self) -> float:
        return GENTLER if self._settings.initial else 1.0

    def _begin_from(self, folder: Path) -> None:
        """Take the weights of a trained network; its last layer only if the taxa are the same."""
        model = load_semantic(folder, device="cpu")
        if list(model.card.backbone["widths"]) != list(self._settings.widths):
            raise ModelError(
                f"has the widths {model.card.backbone['widths']}, not {self._settings.widths}",
                where=folder,
                cure="Set `widths` to these.",
            )
        weights = model.network.state_dict()
        if model.taxa != self._taxa:
            weights = {k: v for k, v in weights.items() if not k.startswith("head.")}
        self.network.load_state_dict(weights, strict=False)

    def run(self, tell: Tell) -> None:
        """Do all steps that are not done yet."""
        steps = self._settings.steps
        for step in range(self._resumed(), steps):
            loss = self._step(step)
            tell(step + 1, steps, loss)
            if (step + 1) % STEPS_PER_CHECKPOINT == 0 and step + 1 < steps:
                self._save(step + 1)

    def _step(self, step: int) -> float:
        import torch

        rng = np.random.default_rng([self._settings.seed, step])
        grey, classes, weights, contrast = self._squares(step, rng)
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate(step, self._settings.steps) * self._gentler
        self.network.train()
        from seston.learn.semantic.network import scaled

        with half_precision(self.device):
            logits = self.network(scaled(grey) * contrast)
        each = torch.nn.functional.cross_entropy(
            logits.float(), classes, reduction="none", ignore_index=UNSURE
        )
        loss = (each * weights).sum() / weights.sum()
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), LONGEST_STEP)
        self._optimiser.step()
        return float(loss.detach())

    def _squares(self, step: int, rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
        """Grey levels, classes, weights, and a factor on the contrast of each square."""
        import torch

        numbers = [step // STEPS_PER_FRAME + k for k in range(POOL)]
        self._pool = {n: self._pool.get(n) or self._target(n) for n in numbers}
        count = self._settings.batch_size
        cuts = [
            crop(self._pool[numbers[int(rng.integers(POOL))]], self._settings.side, rng)
            for _ in range(count)
        ]
        grey, classes, weights = (np.stack(part) for part in zip(*cuts, strict=True))
        contrast = rng.uniform(0.9, 1.1, (count, 1, 1, 1)).astype(np.float32)
        return tuple(
            torch.from_numpy(a).to(self.device)
            for a in (grey, classes.astype(np.int64), weights, contrast)
        )

    def _target(self, number: int) -> Target:
        return target_of(self._frames.frame(number), self._taxa)

    def weights(self) -> bytes:
        """Give the network as safetensors."""
        import safetensors.torch

        content: bytes = safetensors.torch.save(
            {k: v.cpu().contiguous() for k, v in self.network.state_dict().items()}
        )
        return content

    def _save(self, done: int) -> None:
        import safetensors.torch

        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        for number, memory in self._optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{k}": v for k, v in memory.items()}
        content = safetensors.torch.save(
            {k: v.cpu().contiguous() for k, v in tensors.items()},
            {"done": str(done), "identity": self._identity},
        )
        with new_file(self.checkpoint) as draft:
            draft.write_bytes(content)

    def _resumed(self) -> int:
        """Take up a checkpoint of the same training; give the number of steps done."""
        import safetensors

        if not self.checkpoint.exists():
            return 0
        try:
            with safetensors.safe_open(self.checkpoint, "pt") as file:
                noted = file.metadata() or {}
                if noted.get("identity") != self._identity:
                    return 0
                self._take_up({k: file.get_tensor(k) for k in file.keys()})  # noqa: SIM118
            return int(noted["done"])
        except (safetensors.SafetensorError, KeyError, ValueError, RuntimeError):
            raise InputError(
                "the checkpoint is damaged",
                where=self.checkpoint,
                cure="Delete it: the training begins anew.",
            ) from None

    def _take_up(self, tensors: dict[str, Any]) -> None:
        prefix = "network."
        own = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        memory: dict[int, dict[str, Any]] = {}
        for key, value in tensors.items():
            if key.startswith("optimiser."):
                _, number, name = key.split(".")
                memory.setdefault(int(number), {})[name] = value
        self.network.load_state_dict(own)
        state = self._optimiser.state_dict()
        self._optimiser.load_state_dict({**state, "state": memory})


def learning_rate(step: int, steps: int) -> float:
    """Give the learning rate of a step: a short rise, then half a cosine down to 0."""
    rise = min(1.0, (step + 1) / max(RISE * steps, 1))
    return LEARNING_RATE * rise * 0.5 * (1 + cos(pi * step / steps))


def _pixel_size(frames: list[AnnotatedFrame]) -> list[float]:
    """Middle height and width of the pixels, mm."""
    sizes: list[float] = np.median([pixel_size(frame) for frame in frames], axis=0).tolist()
    return sizes


def _card(
    frames: Frames,
    settings: SemanticTraining,
    taxa: tuple[str, ...],
    verdict: Verdict,
    held_out: list[AnnotatedFrame],
    sha256: str,
) -> Card:
    threshold = verdict.best_threshold()
    return Card(
        taxa=taxa,
        backbone={"name": "seston-semantic", "widths": list(settings.widths)},
        preprocessing={"background": 240, "cell": CELL},
        head={"kind": KIND, "likely": LIKELY, "least_score": threshold},
        training={
            "learning_set": frames.identity,
            "learned_from": {"frames": -(-settings.steps // STEPS_PER_FRAME) + POOL - 1},
            "seed": settings.seed,
            "initial": load_semantic_card(settings.initial).hash if settings.initial else None,
            "steps": settings.steps,
            "batch_size": settings.batch_size,
            "side": settings.side,
            "pixel_size_mm": _pixel_size(held_out),
            "validation_frames": len(held_out),
        },
        metrics=verdict.metrics(threshold, taxa),
        versions={**{name: version(name) for name in LIBRARIES}, "opencv": cv2.__version__},
        weights_sha256=sha256,
        held_out_sha256="",
    )
