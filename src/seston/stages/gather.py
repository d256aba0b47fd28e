"""Gather: join the stores of all shards into one objects dataset, with positions and taxa."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
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
from seston.errors import StoreError
from seston.progress import progress
from seston.stages.fractions import spoil_samples
from seston.stages.naming import REASONS, Naming, naming_of
from seston.stages.positions import NAMES, Positions
from seston.stages.provenance import attributes
from seston.store import arrays, check_whole, new_folder, objects, open_group
from seston.store.gather import Source, plan_copies, regions
from seston.variables import OBJECTS, PROFILES

log = logging.getLogger(__name__)

T = TypeVar("T")

_FRAME_COLUMNS = tuple(name for name, v in OBJECTS.items() if v.dims == ("frame",))


@dataclass(frozen=True)
class Piece:
    """The stores of one shard, and how much they hold."""

    objects: Path
    scores: Path | None
    rows: int
    bytes: int
    frames: int
    named: bool
    labels: tuple[str, ...]
    embedding: int
    engine: str


def gather(campaign: Campaign, client: Client) -> None:
    """Write the objects dataset of a campaign.

    Raises
    ------
    StoreError
        The stores of a shard are missing or do not fit together.
    SpaceError
        The disk is full.
    """
    with new_folder(campaign.objects) as draft:
        pieces = [_piece(campaign, shard.name) for shard in campaign.shards]
        positions = Positions(campaign)
        taxa = _taxa(pieces)
        _refuse_other_features(pieces)
        scores = [piece.scores for piece in pieces if piece.scores]
        naming = naming_of(campaign.classification, scores)
        _refuse_other_embeddings(pieces)
        _create(draft, pieces, taxa)
        _run(client, f"gather {campaign.name}", plan_copies(draft, _sources(pieces)))
        frames = _frames(pieces)
        own = {n: frames[f"frame_{n}"].copy() for n in NAMES if _any_known(frames[f"frame_{n}"])}
        _position_frames(frames, positions, campaign)
        spoil_samples(frames, campaign)
        objects.write_frames(zarr.open_group(draft, mode="r+"), frames)
        finish = [
            partial(_finish_region, draft, positions, own, taxa, naming, *r)
            for r in _regions(pieces)
        ]
        counts = _run(client, f"position {campaign.name}", finish)
        title = f"{campaign.config.publication.title}: objects"
        told = _engines(pieces) | _dropped(pieces) | naming.told | _unnamed(naming, counts)
        zarr.open_group(draft).attrs.update(attributes(campaign, title) | told)
        arrays.finish_store(draft)


def _piece(campaign: Campaign, shard: str) -> Piece:
    folder = campaign.shard_folder(shard)
    group = open_group(folder / "objects.zarr")
    check_whole(folder / "objects.zarr")
    scores = folder / "scores.zarr" if campaign.names_objects else None
    rows = objects.length(group, "object_id")
    if scores:
        check_whole(scores)
    if scores and objects.length(open_group(scores), "scores") != rows:
        raise StoreError(
            f"has not the {rows} rows of the shard's objects",
            where=scores,
            cure="Delete it and run again.",
        )
    return Piece(
        objects=folder / "objects.zarr",
        scores=scores,
        rows=rows,
        bytes=objects.length(group, "vignettes/pixels"),
        frames=objects.length(group, "frame_id"),
        named="source_id" in group,
        labels=tuple(map(str, group.attrs.get("source_labels", ()))),  # type: ignore[arg-type]
        embedding=objects.width(open_group(scores), "embedding") if scores else 0,
        engine=str(open_group(scores).attrs.get("engine", "")) if scores else "",
    )


def _taxa(pieces: list[Piece]) -> list[str]:
    """Labels of the model's taxa, the same for all shards; then those that sources gave."""
    found = {tuple(objects.read_labels(open_group(p.scores), "taxon")) for p in pieces if p.scores}
    if len(found) > 1:
        raise StoreError(
            "shards were classified by models of different taxa",
            where=pieces[0].scores,
            cure="Delete all scores.zarr of this campaign and run again.",
        )
    taxa = list(next(iter(found), ()))
    labels = {label for piece in pieces for label in piece.labels}
    return taxa + sorted(labels - set(taxa))


def _refuse_other_features(pieces: list[Piece]) -> None:
    """Refuse shards that were measured with other sets than the first."""
    first = objects.read_labels(open_group(pieces[0].objects), "feature")
    for piece in pieces:
        names = objects.read_labels(open_group(piece.objects), "feature")
        if names != first:
            raise StoreError(
                f"has {len(names)} features, not the {len(first)} of {pieces[0].objects}",
                where=piece.objects,
                cure="Shards were segmented with different `features` of config.yaml: "
                "run segment again.",
            )


def _refuse_other_embeddings(pieces: list[Piece]) -> None:
    """Refuse shards of which some have an embedding and others none, or another."""
    for piece in pieces:
        if piece.embedding != pieces[0].embedding:
            raise StoreError(
                f"keeps {piece.embedding} numbers of an embedding, not the {pieces[0].embedding} "
                f"of {pieces[0].scores}",
                where=piece.scores,
                cure="Shards were classified with different `classification.keep_embedding`: "
                "delete their scores.zarr and run again.",
            )


def _create(draft: Path, pieces: list[Piece], taxa: list[str]) -> None:
    group = zarr.open_group(draft, mode="w")
    rows = sum(piece.rows for piece in pieces)
    first = open_group(pieces[0].objects)
    widths = {"features": objects.length(first, "feature"), "scores": len(taxa)}
    widths["embedding"] = pieces[0].embedding
    added = [*NAMES, "predicted_taxon", "validated_taxon"]
    added += ["scores"] if pieces[0].scores else []
    added += ["embedding"] if pieces[0].embedding else []
    added += objects.SOURCE if any(piece.named for piece in pieces) else []
    for name in (*objects.SEGMENTED, *added):
        shape = (rows, widths[name]) if name in widths else (rows,)
        arrays.create(group, OBJECTS[name], shape)
    pixels = sum(piece.bytes for piece in pieces)
    arrays.create(group.create_group("vignettes"), OBJECTS["pixels"], (pixels,))
    for name in ("feature", "feature_units"):
        arrays.create_labels(group, OBJECTS[name], objects.read_labels(first, name))
    if taxa:
        arrays.create_labels(group, PROFILES["taxon"], taxa)


def _sources(pieces: list[Piece]) -> dict[str, list[Source]]:
    """Say for each array which rows come from which store, and by how much they shift."""
    frames = np.cumsum([0, *(p.frames for p in pieces)])
    pixels = np.cumsum([0, *(p.bytes for p in pieces)])
    shifts = {"frame": frames, "vignette_start": pixels}
    zero = np.zeros(len(pieces), int)
    found = {
        name: [
            Source(p.objects, p.rows, int(s))
            for p, s in zip(pieces, shifts.get(name, zero), strict=False)
        ]
        for name in objects.SEGMENTED
    }
    found["vignettes/pixels"] = [Source(p.objects, p.bytes) for p in pieces]
    if any(piece.named for piece in pieces):
        for name in objects.SOURCE:
            found[name] = [Source(p.objects if p.named else None, p.rows) for p in pieces]
    if pieces[0].scores:
        named = ["scores", "embedding"] if pieces[0].embedding else ["scores"]
        for name in named:
            found[name] = [Source(p.scores, p.rows) for p in pieces if p.scores]
    return found


def _regions(pieces: list[Piece]) -> list[tuple[int, int]]:
    return regions(OBJECTS["depth"], sum(piece.rows for piece in pieces))


def _run(client: Client, title: str, tasks: Sequence[Callable[[], T]]) -> list[T]:
    results = []
    with progress(title, len(tasks), "regions") as shown:
        for result in cluster.run_all(client, tasks):
            results.append(result)
            shown.advance()
    return results


def _unnamed(naming: Naming, counts: list[dict[str, int]]) -> dict[str, int]:
    """Sum over regions how many objects stay without a name, and why; nothing if all have one."""
    if not naming.told:
        return {}
    return {name: sum(c.get(name, 0) for c in counts) for name in REASONS}


def _any_known(values: NDArray[Any]) -> bool:
    return bool(np.isfinite(values).any())


def _finish_region(
    draft: Path,
    positions: Positions,
    own: dict[str, NDArray[Any]],
    taxa: list[str],
    naming: Naming,
    start: int,
    stop: int,
) -> dict[str, int]:
    """Write position and taxon of a range of objects; count those that stay without a name."""
    group = zarr.open_group(draft, mode="r+")
    rows = slice(start, stop)
    deployment = (objects.read_column(group, "object_id", rows) >> np.uint64(52)).astype(np.int64)
    frame = objects.read_column(group, "frame", rows)
    told = {name: values[frame] for name, values in own.items()}
    joined = positions.at(deployment, objects.read_column(group, "time", rows), told)
    values: dict[str, NDArray[Any]] = {
        name: column.astype(OBJECTS[name].dtype) for name, column in joined.items()
    }
    found, unnamed = _taxa_of(group, rows, taxa, naming)
    values |= found
    with arrays.fast_codecs(threads=1):
        for name, column in values.items():
            arrays.write_region(group[name], start, column)  # type: ignore[arg-type]
    return unnamed


def _taxa_of(
    group: zarr.Group, rows: slice, taxa: list[str], naming: Naming
) -> tuple[dict[str, NDArray[np.int16]], dict[str, int]]:
    """Taxon of each object: as the model has it, else its source; and as a person said it."""
    none = np.full(rows.stop - rows.start, -1, np.int16)
    predicted, validated, unnamed = none.copy(), none.copy(), dict[str, int]()
    if "source_label" in group:
        label = objects.read_column(group, "source_label", rows)
        given = pd.Index(taxa).get_indexer(pd.Index(label.astype(object))).astype(np.int16)
        sure = objects.read_column(group, "source_status", rows).astype(object) == "validated"
        validated[sure], predicted[~sure] = given[sure], given[~sure]
    if "scores" in group:
        scores = objects.read_column(group, "scores", rows)
        scored = scores.max(axis=1, initial=0) > 0
        predicted[scored], unnamed = naming.named(scores[scored])
        if naming.unknown_above is not None:  # the model looked, and gave no scores: too far
            seen = objects.read_column(group, "vignette_start", rows) >= 0
            unnamed["unnamed_unknown"] += int((seen & ~scored).sum())
    return {"predicted_taxon": predicted, "validated_taxon": validated}, unnamed


def _frames(pieces: list[Piece]) -> dict[str, NDArray[Any]]:
    """Frame variables of all shards; rows of objects are counted from the campaign's first."""
    rows = np.cumsum([0, *(p.rows for p in pieces)])
    tables = [_frame_table(piece) for piece in pieces]
    for table, start in zip(tables, rows, strict=False):
        table["frame_object_start"] = table["frame_object_start"] + start
    return {name: np.concatenate([t[name] for t in tables]) for name in _FRAME_COLUMNS}


def _position_frames(
    frames: dict[str, NDArray[Any]], positions: Positions, campaign: Campaign
) -> None:
    """Fill in the positions that the frames' own files do not tell."""
    numbers = {d.deployment: i for i, d in enumerate(campaign.deployments)}
    deployment = np.array([numbers[str(d)] for d in frames["frame_deployment"]], np.int64)
    own = {name: frames[f"frame_{name}"] for name in NAMES}
    for name, column in positions.at(deployment, frames["frame_time"], own).items():
        frames[f"frame_{name}"] = column.astype(OBJECTS[f"frame_{name}"].dtype)
    frames["frame_problem"] = _with_missing_position(frames, campaign)


def _frame_table(piece: Piece) -> dict[str, NDArray[Any]]:
    group = open_group(piece.objects)
    return {name: objects.read_column(group, name) for name in _FRAME_COLUMNS}


def _with_missing_position(frames: dict[str, NDArray[Any]], campaign: Campaign) -> NDArray[Any]:
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


def _engines(pieces: list[Piece]) -> dict[str, str]:
    """Say what computed the scores: one engine, or where the shards' machines differ, each."""
    found = sorted({piece.engine for piece in pieces if piece.engine})
    return {"classification_engine": "; ".join(found)} if found else {}


def _dropped(pieces: list[Piece]) -> dict[str, int]:
    """Sum over shards what segmentation found and did not keep."""
    total: dict[str, int] = {}
    for name, value in _counts(pieces):
        total[name] = total.get(name, 0) + value
    return total


def _counts(pieces: list[Piece]) -> Iterator[tuple[str, int]]:
    for piece in pieces:
        for name, value in open_group(piece.objects).attrs.items():
            if name.startswith("dropped_"):
                yield name, int(str(value))
