"""The card of a model: all that a person or a program must know of it, beside its weights."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from seston.errors import ModelError
from seston.learn.card_parts import check_card

CARD, WEIGHTS = "card.json", "model.safetensors"
FILES = (
    CARD, WEIGHTS, "held_out.safetensors", "split.csv", "conflicts.csv", "training.csv",
    "training.png",
)  # fmt: skip
"""All that a training leaves in the folder of a model: the next one may replace these."""
VERSION = 3
#: A pixel may be so many times larger or smaller than those that a model of frames learned from.
LIKE_SIZE = 1.25
#: Commands that train models of these kinds of head; classifiers are trained by `seston train`.
_COMMANDS = {"semantic": "train-semantic", "filter": "train-filter"}


def cure_of(kind: object) -> str:
    """Say what helps where a model with this kind of head is missing or damaged."""
    command = _COMMANDS.get(kind, "train") if isinstance(kind, str) else "train"
    return f"Train the model again (`seston {command}`), or restore its folder from a copy."


CURE = cure_of("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a model is and how well it does.

    Parameters
    ----------
    taxa : tuple of str
        Names of the columns of its scores.
    backbone : dict
        ``name`` in timm, ``weights`` it began with and their ``sha256``, ``n_features``, and
        whether it was ``fine_tuned``. The name is None where only measured features are used.
    preprocessing : dict
        ``image_size`` (pixels), ``mean`` and ``std`` of the network's input, ``size_inputs``,
        ``size_unit``, ``background``; ``polarity`` and ``crop_bottom`` of the pictures, as they
        were asked for; ``inputs``: deep, measured or both, and which are
        ``measured``.
    head : dict
        ``kind`` and the settings of its fit.
    training : dict
        ``learning_set``, its ``sha256``, ``seed``, ``pixel_size_mm``, numbers of pictures of each
        part by taxon, ``effective_prior`` (shares of the taxa as the fit weighed them),
        ``skipped`` files, ``contradictions``; ``taxonomy``: aphia_id, lineage, plankton and group
        of each taxon, where a table told them; ``epochs`` that were run, and the ``best_epoch``.
    metrics : dict
        What `seston.learn.judging.appraise` gives: numbers on the test part with their intervals,
        ``per_class`` precision, recall, f1, support; ``confusion``, ``thresholds`` and more.
    calibration : dict
        What is done to the head's scores, see `seston.learn.judging.calibration`; empty: nothing.
    versions : dict
        Libraries it was trained with.
    weights_sha256, held_out_sha256 : str
        Hashes of ``model.safetensors`` and of ``held_out.safetensors``.
    """

    taxa: tuple[str, ...]
    backbone: dict[str, Any]
    preprocessing: dict[str, Any]
    head: dict[str, Any]
    training: dict[str, Any]
    metrics: dict[str, Any]
    versions: dict[str, str]
    weights_sha256: str
    held_out_sha256: str
    calibration: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def hash(self) -> str:
        """Hash of the card, and so of the weights: the identity of the model."""
        return hashlib.sha256(_text(dataclasses.asdict(self)).encode()).hexdigest()

    @property
    def size_unit(self) -> Literal["mm", "pixel"]:
        """Unit of the sizes that the model was told; pixel where it was told none."""
        unit: Literal["mm", "pixel"] = self.preprocessing.get("size_unit", "pixel")
        return unit

    def check_pixel_size(self, pixel_height: float, pixel_width: float, where: str) -> None:
        """Refuse pixels of another size than those that the model learned from.

        Parameters
        ----------
        pixel_height, pixel_width : float, mm
        where : str
            Key of the configuration that names the model, for the message.

        Raises
        ------
        ModelError
            They differ by more than a quarter.
        """
        learned = self.training.get("pixel_size_mm")
        if not learned:
            return
        for given, known in zip((pixel_height, pixel_width), learned, strict=True):
            if not 1 / LIKE_SIZE <= given / known <= LIKE_SIZE:
                raise ModelError(
                    f"learned from pixels of {learned[0]:.4f} x {learned[1]:.4f} mm, "
                    f"and these are {pixel_height:.4f} x {pixel_width:.4f} mm",
                    where=where,
                    cure="Train one for this instrument: objects would have another size in it.",
                )

    def text(self) -> str:
        """Give the card as JSON, with its own hash in it."""
        facts = {"card_version": VERSION, "hash": self.hash, **dataclasses.asdict(self)}
        return json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def load_card(model: Path, kind: str = "") -> Card:
    """Read the card of a model, without its weights (and without torch).

    Parameters
    ----------
    model : Path
    kind : str
        Of the head that is expected, for the cure: nothing is checked.

    Raises
    ------
    ModelError
        It is missing, damaged or changed since it was written, or a part of it is not what a card
        holds.
    """
    path, cure = Path(model) / CARD, cure_of(kind)
    try:
        facts: Any = json.loads(path.read_text("utf-8"))
        version, stated = facts.pop("card_version"), facts.pop("hash")
        if version != VERSION:
            raise ModelError(f"card of version {version}, this is {VERSION}", where=path, cure=cure)
        card = Card(**{**facts, "taxa": tuple(facts["taxa"])})
        intact = card.hash == stated
    except OSError as error:
        raise ModelError(
            f"the model has no card that can be read: {error.strerror}", where=path, cure=cure
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError("the card is damaged", where=path, cure=cure) from None
    if not intact:
        raise ModelError("the card was changed since it was written", where=path, cure=cure)
    check_card(facts, path, cure)
    return card


def read_weights(path: Path, card: Card) -> dict[str, Any]:
    """Read the weights of a card as tensors by name; nothing else that a file holds is ever run.

    Raises
    ------
    ModelError
        They are missing, damaged, or not those of the card.
    """
    import safetensors.torch

    return _loaded(path, card, safetensors.torch.load)


def read_arrays(path: Path, card: Card) -> dict[str, NDArray[Any]]:
    """Read the weights of a card as arrays by name, without torch; as `read_weights`.

    Raises
    ------
    ModelError
        They are missing, damaged, or not those of the card.
    """
    import safetensors.numpy

    return _loaded(path, card, safetensors.numpy.load)


def _loaded(path: Path, card: Card, load: Callable[[bytes], Mapping[str, Any]]) -> dict[str, Any]:
    import safetensors

    cure = cure_of(card.head.get("kind"))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"the weights cannot be read: {error.strerror}", where=path, cure=cure
        ) from None
    if hashlib.sha256(content).hexdigest() != card.weights_sha256:
        raise ModelError("the weights are not those of the card", where=path, cure=cure)
    try:
        return dict(load(content))
    except (safetensors.SafetensorError, ValueError, TypeError, KeyError, AttributeError):
        raise ModelError("the weights are damaged", where=path, cure=cure) from None


def _text(facts: dict[str, Any]) -> str:
    return json.dumps(facts, sort_keys=True, ensure_ascii=True, allow_nan=False)
