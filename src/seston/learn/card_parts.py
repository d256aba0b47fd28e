"""What the parts of a card must be: a card from outside is doubted here, once, and nowhere else."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sized
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    model_validator,
)

from seston.config.learning import HeadName
from seston.errors import ModelError
from seston.features import FEATURES

#: Sides of a network's input, pixels, as `Training` takes them.
_Side = Annotated[int, Field(ge=32, le=512)]
_Positive = Annotated[float, Field(gt=0)]
_Share = Annotated[float, Field(ge=0, le=1)]
_NotNegative = Annotated[float, Field(ge=0)]


def is_plain(name: str) -> bool:
    """Say whether a name can be shown and stored: it is not empty and holds no control characters.

    Halves of characters, as names of files that are no UTF-8 have them, count as such.
    """
    return bool(name.strip()) and not {"Cc", "Cs"} & {unicodedata.category(c) for c in name}


def _plain(name: str) -> str:
    if not is_plain(name):
        raise ValueError("a name is empty or holds control characters")
    return name


def _feature(name: str) -> str:
    if name not in FEATURES:
        raise ValueError("no such feature is measured")
    return name


_Name = Annotated[str, AfterValidator(_plain)]
_Features = list[Annotated[str, AfterValidator(_feature)]]


class _Part(BaseModel):
    """A part of a card: keys that are used are checked; others are JSON, not too deep, and kept."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, JsonValue]


class _Backbone(_Part):
    name: str | None
    n_features: NonNegativeInt = 0


class _Network(_Part):
    widths: Annotated[list[PositiveInt], Field(min_length=2, max_length=5)]


class _Squares(_Part):
    """How a classifier of vignettes sees them."""

    inputs: Literal["deep", "measured", "both"] = "deep"
    image_size: _Side
    mean: float
    std: _Positive
    size_unit: Literal["mm", "pixel"]
    measured: _Features = []
    polarity: Literal["auto", "dark", "bright"] = "auto"
    crop_bottom: NonNegativeInt | Literal["auto"] = "auto"


class _Measured(_Part):
    measured: _Features


class _Head(_Part):
    kind: HeadName


class _FilterHead(_Part):
    kind: Literal["filter"]
    threshold: float


class _SemanticHead(_Part):
    kind: Literal["semantic"]
    least_score: float


class _Training(_Part):
    learned_from: dict[str, NonNegativeInt]
    learning_set: str = ""
    sha256: str = ""
    seed: NonNegativeInt = 0
    pixel_size_mm: Annotated[list[_Positive], Field(min_length=2, max_length=2)] | None = None
    effective_prior: list[_NotNegative] | None = None


class _OfTaxon(_Part):
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    support: NonNegativeInt = 0


class _Passed(_Part):
    passed: NonNegativeInt
    of: NonNegativeInt


class _Unknown(_Part):
    distance: bool = False
    false_alarm: _Share
    false_alarm_tested: _Share | None = None


_Limits = Annotated[list[float], Field(min_length=2, max_length=2)]


class _Metrics(_Part):
    accuracy: float | None = None
    balanced_accuracy: float | None = None
    f1_macro: float | None = None
    calibration_error: float | None = None
    intervals: dict[str, dict[Literal["objects", "samples"], _Limits]] = {}
    per_class: dict[str, _OfTaxon] = {}
    passed_by_taxon: dict[str, _Passed] | None = None


class _Appraisal(_Metrics):
    """What is measured of a classifier (of a filter, `plankton` is a number of objects)."""

    plankton: list[bool] | None = None
    groups: list[_Name] | None = None
    unknown: _Unknown | Annotated[dict[str, Any], Field(max_length=0)] = {}


class _Calibration(_Part):
    kind: Literal["none", "temperature", "bias", "vector"]
    factor: list[_Positive]
    bias: list[float]


class _Card(BaseModel):
    """All that every card has."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    taxa: Annotated[list[_Name], Field(min_length=1)]
    training: _Training
    metrics: _Metrics
    calibration: _Calibration | Annotated[dict[str, Any], Field(max_length=0)]
    versions: dict[str, str]
    weights_sha256: str
    held_out_sha256: str

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if len(set(self.taxa)) < len(self.taxa):
            raise ValueError("a taxon is there twice")
        self._check_length("training.effective_prior", self.training.effective_prior)
        if isinstance(self.calibration, _Calibration):
            numbers = (self.calibration.factor, self.calibration.bias)
            if any(len(values) not in {1, len(self.taxa)} for values in numbers):
                raise ValueError("the calibration is one of other taxa")
        return self

    def _check_length(self, name: str, values: Sized | None) -> None:
        if values is not None and len(values) != len(self.taxa):
            raise ValueError(f"{name} has {len(values)} values for {len(self.taxa)} taxa")


class _Classifier(_Card):
    backbone: _Backbone
    preprocessing: _Squares
    head: _Head
    metrics: _Appraisal

    @model_validator(mode="after")
    def _kinds_agree(self) -> Self:
        self._check_length("metrics.plankton", self.metrics.plankton)
        self._check_length("metrics.groups", self.metrics.groups)
        return self


class _Filter(_Card):
    backbone: _Backbone
    preprocessing: _Measured
    head: _FilterHead


class _Semantic(_Card):
    backbone: _Network
    preprocessing: _Part
    head: _SemanticHead


_KINDS: Final[Mapping[str, type[_Card]]] = {"filter": _Filter, "semantic": _Semantic}


def check_card(facts: Mapping[str, Any], where: Path, cure: str) -> None:
    """Refuse a card whose parts are not what those who read it take them for.

    Parameters
    ----------
    facts : mapping
        The card as JSON, without its version and its own hash.
    where : Path
        Its file, for the message.
    cure : str

    Raises
    ------
    ModelError
        Names the first part that is wrong.
    """
    head = facts.get("head")
    kind = head.get("kind") if isinstance(head, dict) else None
    law = _KINDS.get(kind, _Classifier) if isinstance(kind, str) else _Classifier
    try:
        law.model_validate(facts)
    except ValidationError as error:
        what = f"the card is damaged: {_told(error)}"
        raise ModelError(what, where=where, cure=cure) from None


def _told(error: ValidationError) -> str:
    """Say where the first wrong part is and what it should be, without names of our classes."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    key = ".".join(str(part) for part in first["loc"] if not str(part).startswith("_"))
    message = first["msg"].removeprefix("Value error, ").partition(" or instance of")[0]
    return f"`{key}`: {message}" if key else message
