"""What goes into a plan: how much a cruise brings home."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field

from seston.config import checked
from seston.config.base import Positive, Strict
from seston.errors import ConfigError
from seston.forecast.spread import Spread

#: Objects of a pixel where an instrument's own are not known: those of an ISIIS.
_LIKE = "isiis"
#: Taxa where no model tells them: the open set of ISIIS.
TAXA = 121


@dataclass(frozen=True, slots=True, kw_only=True)
class Cruise:
    """What was, or will be, brought home.

    Parameters
    ----------
    name, instrument : str
    yields : {"frames", "vignettes"}
        Whether objects are found here, or were cut out by the instrument.
    hours : float or None, h
        Of acquisition, where they are known.
    frames : float or None
        None where only vignettes are known.
    pixels : float
        Of frames, or of vignettes.
    raw_bytes : float
        Of the files.
    compressed : bool
        Whether pixels must be decoded.
    objects : Spread
    vignette_pixels : float
        Of one object; scales the bytes of a stored vignette.
    organisms_share : Spread
        Of the objects.
    shards, blocks : int
    deployments : int
    cells : float
        Bins of all profiles.
    taxa : int
    sources : str
        Where these numbers are from.
    """

    name: str
    instrument: str
    yields: Literal["frames", "vignettes"]
    hours: float | None
    frames: float | None
    pixels: float
    raw_bytes: float
    compressed: bool
    objects: Spread
    vignette_pixels: float
    organisms_share: Spread
    shards: int
    blocks: int
    deployments: int
    cells: float
    taxa: int
    sources: str


def _three(value: object) -> object:
    return [value] * 3 if isinstance(value, int | float) else value


Three = Annotated[tuple[Positive, Positive, Positive], BeforeValidator(_three)]


class Habits(Strict):
    """What an instrument takes; empty values must be told. See instruments.yaml."""

    yields: Literal["frames", "vignettes"] = "frames"
    frame_pixels: Positive | None = None
    frames_per_s: Positive | None = None
    objects_per_s: Three | None = None
    objects_per_mpx: Three | None = None
    vignette_pixels: Positive = 931
    organisms_share: Three = (0.01, 0.014, 0.019)
    casts_per_h: Annotated[float, Field(ge=0)] = 1
    bins: Positive = 100
    sources: str = "as told"


class Cut(Strict):
    """How a cruise is cut into pieces."""

    shard_minutes: Positive = 10.0
    block_minutes: Positive = 60.0
    deployment_hours: Positive = 6.0


@cache
def _presets() -> dict[str, Any]:
    text = (resources.files("seston") / "forecast" / "instruments.yaml").read_text("utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def habits(instrument: str, told: Mapping[str, Any]) -> Habits:
    """Give what an instrument takes: what a person tells, else its preset.

    Raises
    ------
    ConfigError
        There is no such instrument, or a value is wrong.
    """
    from seston.readers.registry import instruments, reader_of

    if instrument not in _presets() and reader_of(instrument) is None:
        cure = f"There are: {', '.join(instruments())}."
        raise ConfigError(f"no instrument {instrument!r}", cure=cure)
    given = {name: value for name, value in told.items() if value is not None}
    preset = {**_presets().get(instrument, {})}
    if "objects_per_s" in given:
        preset.pop("objects_per_mpx", None)
    return checked(Habits, **(preset | given))


def cruise(
    instrument: str,
    *,
    hours: float | None = None,
    pixels: float | None = None,
    told: Mapping[str, Any] | None = None,
    cut: Cut | None = None,
    taxa: int = TAXA,
) -> Cruise:
    """Describe a cruise that is not sailed yet.

    Parameters
    ----------
    instrument : str
        As in campaigns.csv.
    hours : float, optional, h
        Of acquisition.
    pixels : float, optional
        In place of `hours`: pixels of all frames (of all vignettes, where these are what comes).
    told : mapping, optional
        What differs from the preset: fields of `Habits`.
    cut : Cut, optional
    taxa : int
        Of the model.

    Raises
    ------
    ConfigError
        Neither or both of hours and pixels are told, or something that is needed is not known.
    """
    own, cut = habits(instrument, told or {}), cut or Cut()
    if (hours is None) == (pixels is None):
        raise ConfigError("give either --hours or --pixels")
    lasting = hours * 3600 if hours is not None else None
    total = pixels if pixels is not None else _pixels(own, instrument, lasting or 0.0)
    per_s = _pixels_per_s(own)
    if lasting is None and per_s:
        lasting = total / per_s
    objects = objects_in(own, total, lasting)
    shards, blocks = _pieces(lasting, cut)
    casts = own.casts_per_h * lasting / 3600 if lasting else 1
    return Cruise(
        name=f"{instrument}, {_size(hours, pixels)}",
        instrument=instrument,
        yields=own.yields,
        hours=lasting / 3600 if lasting else None,
        frames=_frames(own, total, lasting),
        pixels=total,
        raw_bytes=total,  # a byte a pixel; vignettes that are compressed take less
        compressed=False,
        objects=objects,
        vignette_pixels=own.vignette_pixels,
        organisms_share=Spread(*own.organisms_share),
        shards=shards,
        blocks=blocks,
        deployments=max(1, round((lasting or 0) / 3600 / cut.deployment_hours + 0.499)),
        cells=max(1.0, casts) * own.bins,
        taxa=taxa,
        sources=own.sources.strip(),
    )


def _pixels_per_s(own: Habits) -> float | None:
    if own.yields == "vignettes":
        return own.objects_per_s[1] * own.vignette_pixels if own.objects_per_s else None
    return own.frame_pixels * own.frames_per_s if own.frame_pixels and own.frames_per_s else None


def _pixels(own: Habits, instrument: str, seconds: float) -> float:
    per_s = _pixels_per_s(own)
    if per_s is None:
        needed = (
            "--objects-per-s" if own.yields == "vignettes" else "--frame-pixels, --frames-per-s"
        )
        raise ConfigError(
            f"it is not known what {instrument} takes in an hour",
            cure=f"Give {needed}; or --pixels in place of --hours.",
        )
    return per_s * seconds


def _frames(own: Habits, pixels: float, seconds: float | None) -> float | None:
    if own.yields == "frames":
        return pixels / own.frame_pixels if own.frame_pixels else None
    return seconds * own.frames_per_s if seconds and own.frames_per_s else None


def objects_in(own: Habits, pixels: float, seconds: float | None) -> Spread:
    """Say how many objects lie in so many pixels, or come in so many seconds."""
    if own.yields == "vignettes":
        return Spread.sure(pixels / own.vignette_pixels)
    if own.objects_per_s and seconds:
        return Spread(*(sorted(rate * seconds for rate in own.objects_per_s)))
    per_mpx = own.objects_per_mpx or _like_isiis()
    return Spread(*sorted(rate * pixels / 1e6 for rate in per_mpx))


def _like_isiis() -> tuple[float, float, float]:
    known = checked(Habits, **_presets()[_LIKE])
    per_s = _pixels_per_s(known) or 1.0
    low, middle, high = known.objects_per_s or (1.0, 1.0, 1.0)
    return low / per_s * 1e6, middle / per_s * 1e6, high / per_s * 1e6


def _pieces(seconds: float | None, cut: Cut) -> tuple[int, int]:
    if not seconds:
        return 1, 1
    shards = max(1, -int(-seconds // (cut.shard_minutes * 60)))
    blocks = max(1, -int(-seconds // (cut.block_minutes * 60)))
    return max(shards, blocks), blocks


def _size(hours: float | None, pixels: float | None) -> str:
    return f"{hours:g} h" if hours is not None else f"{pixels:.3g} px"
