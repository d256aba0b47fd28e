"""Gather: join the stores of all shards into one objects dataset, with positions and taxa.

Each region of rows is one task: it copies its columns from the shards that hold them, joins
positions and names to them, and gives a summary for the index. So each shard is opened a few
times whatever its columns are, and what a task holds is one region of the widest column and of
those that naming looks at, whatever the number of shards and objects. This process holds the
frame variables and the index: 24 bytes and two for each taxon of 1024 objects.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import zarr
from distributed import Client
from numpy.typing import NDArray

from seston import cluster
from seston.campaign import Campaign
from seston.progress import progress
from seston.stages.fractions import spoil_samples
from seston.stages.naming import REASONS, Naming, naming_of
from seston.stages.pieces import Piece, read_pieces, sources_of, taxa_of
from seston.stages.positions import NAMES, Positions
from seston.stages.provenance import attributes
from seston.store import ANYTHING, arrays, index, new_folder, objects
from seston.store.gather import Source, Sources, copy_region, regions
from seston.variables import OBJECTS, PROFILES

log = logging.getLogger(__name__)

T = TypeVar("T")
Columns = dict[str, NDArray[Any]]
#: A task, the number of the region that it makes, and what it gives.
Task = Callable[[], tuple[int, T]]

_PIXELS = "vignettes/pixels"
#: Columns that positions and names of objects are joined from.
_LOOKED_AT = ("object_id", "frame", "time", "source_label", "source_status", "scores",
              "vignette_start")  # fmt: skip


def gather(campaign: Campaign, client: Client) -> None:
    """Write the objects dataset of a campaign.

    Raises
    ------
    StoreError
        The stores of a shard are missing, do not fit together, or hold what another network or
        filter has chosen than the one that is there.
    SpaceError
        The disk is full.
    """
    with new_folder(campaign.objects, ANYTHING) as draft:
        pieces, frames = read_pieces(campaign, client)
        naming = naming_of(campaign.classification, [p.scores for p in pieces if p.scores])
        taxa = taxa_of(pieces)
        _create(draft, pieces, taxa)
        positions = Positions(campaign)
        own = {n: frames[f"frame_{n}"].copy() for n in NAMES if _any_known(frames[f"frame_{n}"])}
        _position_frames(frames, positions, campaign)
        spoil_samples(frames, campaign)
        group = zarr.open_group(draft, mode="r+")
        objects.write_frames(group, frames)
        whole = _Whole(draft, pieces, own, _Joined(positions, taxa, naming))
        counts = _write(group, client, campaign.name, whole)
        title = f"{campaign.config.publication.title}: objects"
        told = _engines(pieces) | _dropped(pieces) | naming.told | _unnamed(naming, counts)
        group.attrs.update(attributes(campaign, title) | told)
        arrays.finish_store(draft)


def _create(draft: Path, pieces: list[Piece], taxa: list[str]) -> None:
    group, first = zarr.open_group(draft, mode="w"), pieces[0]
    rows = sum(piece.rows for piece in pieces)
    widths = {
        "features": len(first.features), "scores": len(taxa), "embedding": first.embedding,
    }  # fmt: skip
    columns, pixels = sources_of(pieces)
    for name in (*columns, *NAMES, "predicted_taxon", "validated_taxon"):
        shape = (rows, widths[name]) if name in widths else (rows,)
        arrays.create(group, OBJECTS[name], shape)
    arrays.create(group.create_group("vignettes"), OBJECTS["pixels"], (pixels.total,))
    arrays.create_labels(group, OBJECTS["feature"], list(first.features))
    arrays.create_labels(group, OBJECTS["feature_units"], list(first.units))
    if taxa:
        arrays.create_labels(group, PROFILES["taxon"], taxa)


# ---------------------------------------------------------------------------- regions, in parallel
@dataclass(frozen=True)
class _Joined:
    """What is joined to objects: the same for all regions."""

    positions: Positions
    taxa: list[str]
    naming: Naming


@dataclass(frozen=True)
class _Whole:
    """What this process knows of a campaign, to tell each task its part."""

    draft: Path
    pieces: list[Piece]
    own: Columns
    joined: _Joined

    def rows(self) -> list[Callable[[], tuple[int, _Made]]]:
        """List the tasks of all regions of rows."""
        columns, _ = sources_of(self.pieces)
        first = np.cumsum([0, *(piece.frames for piece in self.pieces)])
        return [
            partial(_make_region, _Region(self.draft, number, start, stop, self.joined,
                    {n: c.within(start, stop) for n, c in columns.items()},
                    *self._own(columns["frame"], first, start, stop)))
            for number, (start, stop) in enumerate(
                regions(OBJECTS["depth"], columns["object_id"].total)
            )
        ]  # fmt: skip

    def _own(
        self, sources: Sources, first: NDArray[np.int64], start: int, stop: int
    ) -> tuple[int, Columns]:
        """Give what the frames of a region tell of their positions, and the first one's number."""
        there = sources.numbers(start, stop)
        begin, end = int(first[there.start]), int(first[there.stop])
        return begin, {name: values[begin:end] for name, values in self.own.items()}

    def pixels(self) -> list[Callable[[], None]]:
        """List the tasks of all regions of the bytes of vignettes."""
        _, pixels = sources_of(self.pieces)
        return [
            partial(_copy_pixels, self.draft, pixels.within(start, stop), start, stop)
            for start, stop in regions(OBJECTS["pixels"], pixels.total)
        ]


@dataclass(frozen=True)
class _Region:
    """A range of rows, and all that its task must know."""

    draft: Path
    number: int
    start: int
    stop: int
    joined: _Joined
    columns: dict[str, tuple[Source, ...]]
    first_frame: int
    own: Columns


@dataclass(frozen=True)
class _Made:
    """What a task gives back: summaries of its blocks, and how many objects have no name, why."""

    blocks: Columns
    unnamed: dict[str, int]


def _write(group: zarr.Group, client: Client, name: str, whole: _Whole) -> list[dict[str, int]]:
    """Write all regions and the index; count the objects without a name."""
    for _ in _run(client, f"gather {name}, vignettes", whole.pixels()):
        pass
    made = dict(_run(client, f"gather {name}", whole.rows()))
    in_order = [made[number] for number in sorted(made)]
    index.write_index(group, [one.blocks for one in in_order])
    return [one.unnamed for one in in_order]


def _run(client: Client, title: str, tasks: list[Callable[[], T]]) -> Iterator[T]:
    with progress(title, len(tasks), "regions") as shown:
        for result in cluster.run_all(client, tasks):
            yield result
            shown.advance()


def _copy_pixels(draft: Path, sources: tuple[Source, ...], start: int, stop: int) -> None:
    copy_region(draft, {_PIXELS: sources}, start, stop)


def _make_region(region: _Region) -> tuple[int, _Made]:
    """Write all columns of a range of objects."""
    start, stop, joined = region.start, region.stop, region.joined
    column = copy_region(region.draft, region.columns, start, stop, keep=_LOOKED_AT)
    time = column["time"].view("datetime64[ns]")
    values: Columns = {
        name: found.astype(OBJECTS[name].dtype)
        for name, found in _positions(region, column, time).items()
    }
    taxa, unnamed = _taxa_of(column, joined.taxa, joined.naming)
    values |= taxa
    group = zarr.open_group(region.draft, mode="r+")
    with arrays.fast_codecs(threads=1):
        for name, found in values.items():
            arrays.write_region(group[name], start, found)  # type: ignore[arg-type]
    predicted, validated = taxa["predicted_taxon"], taxa["validated_taxon"]
    taxon = np.where(validated >= 0, validated, predicted)
    blocks = index.summary(time, values["depth"], taxon, len(joined.taxa))
    return region.number, _Made(blocks, unnamed)


def _positions(region: _Region, column: Columns, time: NDArray[np.datetime64]) -> Columns:
    deployment = (column["object_id"] >> np.uint64(52)).astype(np.int64)
    frame = column["frame"] - region.first_frame
    told = {name: values[frame] for name, values in region.own.items()}
    return dict(region.joined.positions.at(deployment, time, told))


def _taxa_of(
    column: Columns, taxa: list[str], naming: Naming
) -> tuple[dict[str, NDArray[np.int16]], dict[str, int]]:
    """Taxon of each object: as a person said it; as the model has it, else its source."""
    none = np.full(len(column["object_id"]), -1, np.int16)
    predicted, validated, unnamed = none.copy(), none.copy(), dict[str, int]()
    if "source_label" in column:
        label = column["source_label"].astype(object)
        given = pd.Index(taxa).get_indexer(pd.Index(label)).astype(np.int16)
        sure = column["source_status"].astype(object) == "validated"
        validated[sure], predicted[~sure] = given[sure], given[~sure]
    if "scores" in column:
        scores = column["scores"]
        scored = scores.any(axis=1)
        predicted[scored], unnamed = naming.named(scores[scored])
        if naming.unknown_above is not None:  # the model looked, and gave no scores: too far
            seen = column["vignette_start"] >= 0
            unnamed["unnamed_unknown"] += int((seen & ~scored).sum())
    return {"predicted_taxon": predicted, "validated_taxon": validated}, unnamed


def _unnamed(naming: Naming, counts: list[dict[str, int]]) -> dict[str, int]:
    """Sum over regions how many objects stay without a name, and why; nothing if all have one."""
    if not naming.told:
        return {}
    return {name: sum(c.get(name, 0) for c in counts) for name in REASONS}


# ----------------------------------------------------------------------------------------- frames
def _any_known(values: NDArray[Any]) -> bool:
    return bool(np.isfinite(values).any())


def _position_frames(frames: Columns, positions: Positions, campaign: Campaign) -> None:
    """Fill in the positions that the frames' own files do not tell."""
    numbers = {d.deployment: i for i, d in enumerate(campaign.deployments)}
    deployment = np.array([numbers[str(d)] for d in frames["frame_deployment"]], np.int64)
    own = {name: frames[f"frame_{name}"] for name in NAMES}
    for name, column in positions.at(deployment, frames["frame_time"], own).items():
        frames[f"frame_{name}"] = column.astype(OBJECTS[f"frame_{name}"].dtype)
    frames["frame_problem"] = _with_missing_position(frames, campaign)


def _with_missing_position(frames: Columns, campaign: Campaign) -> NDArray[Any]:
    """Add to the problem of each frame what is not known of its position, and count them."""
    tolerance = campaign.config.ingest.position_tolerance_s
    problem = frames["frame_problem"].astype(object)
    usable = frames["frame_usable"] == 1
    for name, missing in (("depth", ["depth"]), ("position", ["latitude", "longitude"])):
        unknown = np.any([np.isnan(frames[f"frame_{m}"]) for m in missing], axis=0) & usable
        text = f"no {name} within {tolerance:g} s"
        problem[unknown] = [f"{p}; {text}" if p else text for p in problem[unknown]]
        if unknown.any():
            log.warning("%s: %d frames have %s", campaign.name, unknown.sum(), text)
    return problem


# ------------------------------------------------------------------------------------- attributes
def _engines(pieces: list[Piece]) -> dict[str, str]:
    """Say what computed the scores: one engine, or where the shards' machines differ, each."""
    found = sorted({piece.engine for piece in pieces if piece.engine})
    return {"classification_engine": "; ".join(found)} if found else {}


def _dropped(pieces: list[Piece]) -> dict[str, int]:
    """Sum over shards what segmentation found and did not keep."""
    total: dict[str, int] = {}
    for piece in pieces:
        for name, value in piece.dropped.items():
            total[name] = total.get(name, 0) + value
    return total
