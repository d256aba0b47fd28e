"""What a model said of the vignettes that it did not learn from: kept beside its weights.

All that is told of a model's errors (calibration, thresholds, metrics, adjusted counts) is
computed from this record, and can be computed again without the pictures.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from seston.errors import ModelError
from seston.learn.card import CURE, Card
from seston.learn.sets.splits import TEST, VALIDATION

HELD_OUT = "held_out.safetensors"
#: Kind of the numbers of each column: with a point, with a sign, or without.
_KINDS = {"scores": "f", "labels": "i", "groups": "i", "parts": "u", "distance": "f"}


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Scores and truth of vignettes that were held out.

    Parameters
    ----------
    scores : array (n, n_taxa), float32
        What the model gives, each row adds up to 1.
    labels : array (n,), int64
        True taxon, counted from 0.
    groups : array (n,), int64
        Sample or frame that each comes from; rows of one group are not independent. Where no
        group is known each row is its own.
    parts : array (n,), uint8
        `VALIDATION` (1): settings of the model were chosen with it; `TEST` (2): nothing was.
    distance : array (n,), float32, optional
        How far each lies from all that was learned (`seston.learn.judging.familiar`); None where
        the model does not tell, or did not yet keep it.
    """

    scores: NDArray[np.float32]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    parts: NDArray[np.uint8]
    distance: NDArray[np.float32] | None = None

    @property
    def validation(self) -> Self:
        """The rows of the validation part."""
        return self.rows(self.parts == VALIDATION)

    @property
    def test(self) -> Self:
        """The rows of the test part."""
        return self.rows(self.parts == TEST)

    def rows(self, chosen: NDArray[np.bool_]) -> Self:
        """Give some rows."""
        return type(self)(**{name: values[chosen] for name, values in self.arrays.items()})

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """All columns that there are, by name."""
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: values for name, values in columns.items() if values is not None}

    def content(self) -> bytes:
        """Give the record as the bytes of a safetensors file."""
        import safetensors.numpy

        arrays = {name: np.ascontiguousarray(values) for name, values in self.arrays.items()}
        content: bytes = safetensors.numpy.save(arrays)
        return content


def load_held_out(model: Path, card: Card) -> HeldOut:
    """Read the record of a model.

    Raises
    ------
    ModelError
        It is missing, damaged, or not the one of the card.
    """
    import safetensors
    import safetensors.numpy

    path = Path(model) / HELD_OUT
    try:
        content = path.read_bytes()
    except OSError as error:
        what = f"the record of held-out vignettes cannot be read: {error.strerror}"
        raise ModelError(what, where=path, cure=CURE) from None
    if hashlib.sha256(content).hexdigest() != card.held_out_sha256:
        raise ModelError("is not the record of the card", where=path, cure=CURE)
    try:
        arrays = safetensors.numpy.load(content)
        record = HeldOut(**{f.name: arrays[f.name] for f in fields(HeldOut) if f.name in arrays})
    except (safetensors.SafetensorError, ValueError, TypeError, KeyError, AttributeError):
        # also where a column that must be there is not
        raise ModelError("the record is damaged", where=path, cure=CURE) from None
    if wrong := _wrong(record, len(card.taxa)):
        raise ModelError(f"the record is damaged: {wrong}", where=path, cure=CURE)
    return record


def _wrong(record: HeldOut, n_taxa: int) -> str:
    """Say what a record has that none of such a model can have; nothing where all is right."""
    n = len(record.labels) if record.labels.ndim else -1
    for name, values in record.arrays.items():
        shape = (n, n_taxa) if name == "scores" else (n,)
        if values.shape != shape or values.dtype.kind != _KINDS[name]:
            return (
                f"`{name}` is {values.dtype}{list(values.shape)}, not {_KINDS[name]}{list(shape)}"
            )
        if not np.isfinite(values).all():
            return f"`{name}` holds what is no number"
    if (record.scores < 0).any():
        return "`scores` are negative"
    if n and not 0 <= record.labels.min() <= record.labels.max() < n_taxa:
        return f"`labels` are not from 0 to {n_taxa - 1}"
    return "" if np.isin(record.parts, (VALIDATION, TEST)).all() else "`parts` are of no such part"
