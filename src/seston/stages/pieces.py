"""Pieces of a campaign: the stores of its shards, looked at before they are joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from distributed import Client
from numpy.typing import NDArray

from seston import cluster
from seston.campaign import Campaign
from seston.errors import StoreError
from seston.progress import progress
from seston.store import check_whole, content_of, objects, open_group
from seston.store.gather import Sources
from seston.variables import OBJECTS

_FRAME_COLUMNS = tuple(name for name, v in OBJECTS.items() if v.dims == ("frame",))


@dataclass(frozen=True)
class Piece:
    """What must be known of the stores of one shard; objects themselves are not in it."""

    objects: Path
    rows: int
    frames: int
    features: tuple[str, ...]
    units: tuple[str, ...] = ()
    scores: Path | None = None
    bytes: int = 0
    named: bool = False
    taxa: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    embedding: int = 0
    engine: str = ""
    chosen_by: str = ""
    dropped: dict[str, int] = field(default_factory=dict)


def read_pieces(campaign: Campaign, client: Client) -> tuple[list[Piece], dict[str, NDArray[Any]]]:
    """Look at the stores of all shards, each once.

    Returns
    -------
    list of Piece
        In the order of the shards.
    dict of arrays (frame)
        Frame variables of all shards; rows of objects are counted from the campaign's first.

    Raises
    ------
    StoreError
        Stores of a shard are missing or damaged, do not fit together, or are of another network.
    ModelError
        The network or the filter that chose the objects is missing or damaged.
    """
    names = [shard.name for shard in campaign.shards]
    tasks = ((campaign.shard_folder(name), campaign.names_objects) for name in names)
    chosen_by = {d.deployment: campaign.chooser_hash(d) for d in campaign.deployments}
    pieces: list[Piece] = []
    tables: list[dict[str, NDArray[Any]]] = []
    rows = 0
    with progress(f"look at {campaign.name}", len(names), "shards") as shown:
        for piece, table in cluster.stream(client, read_piece, tasks):
            check_chosen(piece, chosen_by[campaign.shards[len(pieces)].deployment.deployment])
            table["frame_object_start"] = table["frame_object_start"] + rows
            rows += piece.rows
            pieces.append(piece)
            tables.append(table)
            shown.advance()
    check_alike(pieces)
    return pieces, {name: np.concatenate([t[name] for t in tables]) for name in _FRAME_COLUMNS}


def read_piece(folder: Path, named: bool) -> tuple[Piece, dict[str, NDArray[Any]]]:
    """Look at the stores of one shard, and give its frame variables.

    Raises
    ------
    StoreError
        A store is missing or damaged, or the scores are not those of the objects.
    """
    path, scores = folder / "objects.zarr", folder / "scores.zarr"
    group = open_group(path)
    check_whole(path)
    rows = objects.length(group, "object_id")
    piece = Piece(
        objects=path,
        rows=rows,
        bytes=objects.length(group, "vignettes/pixels"),
        frames=objects.length(group, "frame_id"),
        named="source_id" in group,
        features=tuple(objects.read_labels(group, "feature")),
        units=tuple(objects.read_labels(group, "feature_units")),
        labels=tuple(map(str, group.attrs.get("source_labels", ()))),  # type: ignore[arg-type]
        chosen_by=_chosen_by(group),
        dropped={n: int(str(v)) for n, v in group.attrs.items() if n.startswith("dropped_")},
        **(_scored(scores, group) if named else {}),
    )
    return piece, {name: objects.read_column(group, name) for name in _FRAME_COLUMNS}


def _chosen_by(group: zarr.Group) -> str:
    """Hash of the network or the filter that chose the objects; empty where all were kept."""
    hashes = (group.attrs.get(name) for name in ("semantic_model_hash", "filter_sha256"))
    return next((str(one) for one in hashes if one), "")


def _scored(path: Path, found: zarr.Group) -> dict[str, Any]:
    """Look at the scores of the objects of a shard."""
    check_whole(path)
    group = open_group(path)
    network = found.attrs.get("semantic_model_hash")
    same = network is None or network == group.attrs.get("model_hash")
    same = same and group.attrs.get("objects_content") == content_of(found)
    if not same or objects.length(group, "scores") != objects.length(found, "object_id"):
        raise StoreError(
            "has not the scores of the shard's objects as they are now",
            where=path,
            cure="Delete it and run again.",
        )
    return {
        "scores": path,
        "taxa": tuple(objects.read_labels(group, "taxon")),
        "embedding": objects.width(group, "embedding"),
        "engine": str(group.attrs.get("engine", "")),
    }


def check_chosen(piece: Piece, chosen_by: str) -> None:
    """Refuse a shard that is not as the network or the filter that is there now would choose.

    Parameters
    ----------
    piece : Piece
    chosen_by : str
        Hash of the network or the filter; empty where there is none.

    Raises
    ------
    StoreError
        What is written of it would bear the hash of a model that has not seen its objects.
    """
    if piece.chosen_by != chosen_by:
        raise StoreError(
            f"its objects were chosen by {_named(piece.chosen_by)}; now there is "
            f"{_named(chosen_by)}",
            where=piece.objects,
            cure="Delete it and run the workflow again: the shard is segmented anew.",
        )


def _named(chosen_by: str) -> str:
    return f"the network or filter {chosen_by[:12]}" if chosen_by else "no network and no filter"


def check_alike(pieces: Sequence[Piece]) -> None:
    """Refuse shards that were measured, or named, in other ways than the first.

    Raises
    ------
    StoreError
        Says which.
    """
    for piece in pieces:
        _refuse_other(piece, pieces[0])


def _refuse_other(piece: Piece, first: Piece) -> None:
    if piece.features != first.features:
        raise StoreError(
            f"has {len(piece.features)} features, not the {len(first.features)} of {first.objects}",
            where=piece.objects,
            cure="Shards were segmented with different `features` of config.yaml: "
            "run segment again.",
        )
    if piece.taxa != first.taxa:
        raise StoreError(
            "shards were classified by models of different taxa",
            where=piece.scores,
            cure="Delete all scores.zarr of this campaign and run again.",
        )
    if piece.embedding != first.embedding:
        raise StoreError(
            f"keeps {piece.embedding} numbers of an embedding, not the {first.embedding} "
            f"of {first.scores}",
            where=piece.scores,
            cure="Shards were classified with different `classification.keep_embedding`: "
            "delete their scores.zarr and run again.",
        )


def taxa_of(pieces: Sequence[Piece]) -> list[str]:
    """Labels of the model's taxa; then those that sources gave."""
    taxa = list(pieces[0].taxa)
    labels = {label for piece in pieces for label in piece.labels}
    return taxa + sorted(labels - set(taxa))


def sources_of(pieces: Sequence[Piece]) -> tuple[dict[str, Sources], Sources]:
    """Say of each column which rows come from which store, and by how much they shift.

    Returns
    -------
    dict of Sources
        Of each column of objects.
    Sources
        Of the bytes of vignettes.
    """
    stores, rows = [p.objects for p in pieces], [p.rows for p in pieces]
    frames, size = [p.frames for p in pieces], [p.bytes for p in pieces]
    shifts = {"frame": _before(frames), "vignette_start": _before(size)}
    found = {name: Sources(stores, rows, shifts.get(name)) for name in objects.SEGMENTED}
    if any(piece.named for piece in pieces):
        named = [p.objects if p.named else None for p in pieces]
        found |= {name: Sources(named, rows) for name in objects.SOURCE}
    scores = [p.scores for p in pieces]
    if pieces[0].embedding:
        found["embedding"] = Sources(scores, rows)
    if pieces[0].scores:
        found["scores"] = Sources(scores, rows)
    return found, Sources(stores, size)


def _before(numbers: list[int]) -> list[int]:
    """Sum up what lies before each."""
    return [int(before) for before in np.cumsum([0, *numbers[:-1]])]
