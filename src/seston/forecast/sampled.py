"""A campaign whose files are there: how much they hold, from their sizes and a few headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seston.campaign import Campaign
from seston.config import Deployment
from seston.errors import InputError
from seston.forecast.cruise import TAXA, Cruise, Habits, habits, objects_in
from seston.forecast.spread import Spread
from seston.readers import Reader, VignetteReader, films

#: Files of a deployment whose headers are read: spread evenly over it.
SAMPLED = 5
#: Less than this a pixel: the file is compressed.
_PLAIN_BYTES_PER_PIXEL = 0.9


@dataclass(frozen=True, slots=True)
class _Found:
    """What one deployment holds, and how that was found."""

    files: int
    bytes: float
    frames: float
    pixels: float
    compressed: bool
    seconds: float | None
    objects: float | None
    said: str


def cruise_of(campaign: Campaign, told: Mapping[str, Any]) -> Cruise:
    """Describe a campaign by its files.

    Parameters
    ----------
    campaign : Campaign
    told : mapping
        What differs from the instrument's preset: fields of `seston.forecast.cruise.Habits`.

    Raises
    ------
    InputError
        Files are missing, or none of those that were sampled can be read.
    """
    found = [_look(campaign, deployment) for deployment in campaign.deployments]
    instrument = campaign.deployments[0].instrument
    own = habits(instrument, told)
    cut_out = found[0].objects is not None
    pixels, seconds = sum(f.pixels for f in found), _all([f.seconds for f in found])
    objects = sum(f.objects or 0.0 for f in found)
    if cut_out:
        pixels = pixels or objects * own.vignette_pixels
    casts = max(1.0, own.casts_per_h * seconds / 3600) if seconds else len(found)
    return Cruise(
        name=campaign.name,
        instrument=instrument,
        yields="vignettes" if cut_out else "frames",
        hours=seconds / 3600 if seconds else None,
        frames=sum(f.frames for f in found),
        pixels=pixels,
        raw_bytes=sum(f.bytes for f in found),
        compressed=any(f.compressed for f in found),
        objects=Spread.sure(objects) if cut_out else objects_in(own, pixels, seconds),
        vignette_pixels=own.vignette_pixels,
        organisms_share=Spread(*own.organisms_share),
        shards=max(1, len(campaign.shards)),
        blocks=max(1, _blocks(campaign)),
        deployments=len(found),
        cells=casts * own.bins,
        taxa=_taxa(campaign),
        sources=_told(found, own, cut_out=cut_out),
    )


def _look(campaign: Campaign, deployment: Deployment) -> _Found:
    reader = campaign.reader(deployment)
    files = reader.files()
    if not files:
        raise InputError(
            "holds no frames", where=deployment.path, cure="Correct `path` in campaigns.csv."
        )
    folder = reader.deployment.path
    sizes = {file: (folder / file).stat().st_size for file in files}
    if isinstance(reader, VignetteReader):
        return _cut_out(reader, sizes)
    return _sampled(reader, files, sizes)


def _cut_out(reader: VignetteReader, sizes: Mapping[Path, int]) -> _Found:
    """Count vignettes: tables beside them tell, no picture is opened."""
    frames = reader.frames()
    objects = float(frames["vignettes"].sum())
    said = f"tables of {len(sizes):,} files"
    raw = float(sum(sizes.values()))
    return _Found(len(sizes), raw, len(frames), 0.0, False, None, objects, said)


def _sampled(reader: Reader, files: Sequence[Path], sizes: Mapping[Path, int]) -> _Found:
    """Read the headers of a few files; the rest is taken to hold as much by the byte."""
    bytes_ = pixels = frames = lines = 0.0
    step = max(1, (len(files) - 1) // (SAMPLED - 1))
    chosen = list(dict.fromkeys([*files[::step][:SAMPLED], files[-1]]))
    for file in chosen:
        try:
            header = films.read_header(reader.deployment.path / file)
        except InputError:
            continue
        bytes_ += sizes[file]
        frames += header.complete
        lines += header.complete * header.height
        pixels += header.complete * header.height * header.width
    if not pixels:
        raise InputError(
            f"none of {len(chosen)} files that were looked at holds a frame",
            where=reader.deployment.path,
            cure="`seston inspect` tells what is wrong with each.",
        )
    total = float(sum(sizes.values()))
    share, rate = total / bytes_, reader.optics.line_rate_hz
    said = f"sizes of {len(files):,} files and headers of {len(chosen)}"
    compressed = bytes_ / pixels < _PLAIN_BYTES_PER_PIXEL
    seconds = lines * share / rate if rate else None
    return _Found(
        len(files), total, frames * share, pixels * share, compressed, seconds, None, said
    )


def _all(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _blocks(campaign: Campaign) -> int:
    """Jobs of a step: blocks of shards, where the workflow has them; else a job for each shard."""
    blocks = getattr(campaign, "blocks", None)
    return len(blocks) if blocks is not None else len(campaign.shards)


def _taxa(campaign: Campaign) -> int:
    from seston.learn import load_card

    models = [model for model in campaign.models if (model / "card.json").exists()]
    return len(load_card(models[0]).taxa) if models else TAXA


def _told(found: Sequence[_Found], own: Habits, *, cut_out: bool) -> str:
    ways = "; ".join(dict.fromkeys(one.said for one in found[:3]))
    more = f" and {len(found) - 3} deployments more" if len(found) > 3 else ""
    objects = "" if cut_out else f" Objects, which no header tells, as usual: {own.sources.strip()}"
    return f"{ways}{more}.{objects}"
