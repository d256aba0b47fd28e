"""Train the filter that leaves out what is no plankton: from simulated frames, objects or COCO."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seston import config as cfg
from seston.config import Config, FilterTraining, Segmentation
from seston.errors import ConfigError, InputError
from seston.frame import AnnotatedFrame
from seston.image import Objects
from seston.progress import progress
from seston.stages.filtering import filter_of
from seston.stages.learning_set import objects_of
from seston.store import check_whole, open_group, read_column
from seston.store.objects import read_labels
from seston.taxonomy import Taxonomy, read_taxonomy

if TYPE_CHECKING:
    from seston.learn.filtering import Examples, Filter

log = logging.getLogger(__name__)


def train_filter(config: Config) -> None:
    """Train the filter of a configuration, and write it.

    Raises
    ------
    ConfigError
        The configuration has no key `filter`, or it names an instrument that there is not.
    InputError
        Labels or annotations are missing, wrong, or too few.
    StoreError
        The objects of the campaign are damaged.
    """
    from seston.learn.filtering import train_filter as run
    from seston.readers.registry import check_instrument

    settings = config.filter
    if settings is None:
        raise ConfigError(
            "has no key `filter`",
            where="config.yaml",
            cure="Say there which folder the filter is written to, or give --model.",
        )
    check_instrument(settings.instrument, "filter.instrument")
    examples = _examples(config, settings)
    card = run(examples, settings.model, let_through=settings.let_through, seed=settings.seed).card
    log.info(
        "train-filter: of %d held out, %.1f %% of the plankton (surely %.1f %%) and %.1f %% of the "
        "rest pass",
        card.metrics["plankton"] + card.metrics["others"], 100 * card.metrics["recall"],
        100 * card.metrics["recall_lower"], 100 * card.metrics["passed_others"],
    )  # fmt: skip


def _examples(config: Config, settings: FilterTraining) -> Examples:
    taxonomy = read_taxonomy(config.taxonomy)
    if settings.objects is not None:
        return examples_of_objects(settings.objects, taxonomy, settings.labels)
    if settings.annotations is not None:
        return _of_annotations(config, settings, taxonomy)
    return _of_simulated(config, settings)


def _of_simulated(config: Config, settings: FilterTraining) -> Examples:
    from seston.learn.filtering.frames import examples_of_frames
    from seston.simulate.annotated import SimulatedFrames

    frames = SimulatedFrames(settings.seed, settings.plankton)
    segmentation = cfg.instrument(config, settings.instrument).segmentation
    with progress("train-filter", settings.frames, "frames") as shown:
        return examples_of_frames(
            frames.frames(0, settings.frames), frames.taxa, [True] * len(frames.taxa),
            segmentation, frames.identity, shown.advance,
        )  # fmt: skip


def _of_annotations(config: Config, settings: FilterTraining, taxonomy: Taxonomy) -> Examples:
    from seston.learn.filtering.frames import examples_of_frames
    from seston.learn.semantic.coco import open_annotated

    instrument = cfg.instrument(config, settings.instrument)
    coco = open_annotated(settings, instrument)
    count = min(settings.frames, len(coco.pictures))
    frames: Iterator[AnnotatedFrame] = map(coco.frame, range(count))
    plankton = _to_pass(coco.taxa, taxonomy)
    with progress("train-filter", count, "frames") as shown:
        return examples_of_frames(
            frames, coco.taxa, plankton, instrument.segmentation, coco.identity, shown.advance
        )


def _to_pass(taxa: Sequence[str], taxonomy: Taxonomy) -> list[bool]:
    """Say which taxa a filter lets through: all of which nobody tells that they are dead."""
    return [taxonomy.taxon(taxonomy.name_of(name)).plankton is not False for name in taxa]


def examples_of_objects(path: Path, taxonomy: Taxonomy, labels: str) -> Examples:
    """Take the labelled objects of a campaign as examples.

    Parameters
    ----------
    path : Path
        Results of a campaign, or ``objects.zarr`` in it.
    taxonomy : Taxonomy
        Says which labels are plankton; one that it does not have counts as plankton.
    labels : {"validated", "predicted"}
        Which labels count; predicted: also the model's, where nobody has validated.

    Raises
    ------
    InputError
        It is no campaign, was segmented with a filter, or no object has such a label.
    StoreError
        The objects are damaged.
    """
    from seston.learn.filtering import Examples
    from seston.learn.sets.measuring import NAMES

    objects = _unfiltered(path)
    group = open_group(objects)
    taxa = read_labels(group, "taxon") if "taxon" in group else []
    taxon = read_column(group, "validated_taxon").astype(np.int64)
    if labels == "predicted":
        taxon = np.where(taxon < 0, read_column(group, "predicted_taxon"), taxon)
    names = read_labels(group, "feature")
    _check_measured(objects, NAMES, names)
    rows = np.flatnonzero(taxon >= 0)
    if not len(rows):
        raise InputError(
            f"no object has a {labels} taxon",
            where=objects,
            cure="Validate some, or let predicted ones count: `labels: predicted`.",
        )
    frame = read_column(group, "frame")[rows].astype(np.int64)
    columns = [names.index(name) for name in NAMES]
    sizes = np.stack([read_column(group, f"frame_pixel_{s}") for s in ("height", "width")], axis=1)
    height, width = np.median(sizes[frame], axis=0).tolist()
    return Examples(
        features=np.ascontiguousarray(read_column(group, "features")[rows][:, columns]),
        names=NAMES,
        taxa=tuple(taxa),
        plankton=np.array(_to_pass(taxa, taxonomy), bool),
        taxon=taxon[rows],
        group=frame,
        pixel_size_mm=(height, width) if height > 0 and width > 0 else None,
        origin=f"{objects.parent.name}/{objects.name}, {labels} taxa",
    )


def _unfiltered(path: Path) -> Path:
    """Give the objects dataset of a campaign, unless a filter has left some out."""
    objects = objects_of(path)
    if objects is None:
        raise InputError("holds no objects dataset", where=path, cure="Run the workflow first.")
    check_whole(objects)
    group = open_group(objects)
    if "validated_taxon" not in group:
        raise InputError(
            "its objects have no taxa",
            where=objects,
            cure="Give the objects.zarr that the gather stage wrote, of objects with labels.",
        )
    if "dropped_by_filter" in group.attrs:
        raise InputError(
            "a filter has left out most of what is no plankton: what remains is not as in nature",
            where=objects,
            cure="Segment some shards without a filter, and learn from those.",
        )
    return objects


def _check_measured(objects: Path, wanted: tuple[str, ...], names: list[str]) -> None:
    missing = [name for name in wanted if name not in names]
    if missing:
        raise InputError(
            f"has no feature {missing[0]!r}",
            where=objects,
            cure="Add the set `fast` to `features` of config.yaml, and segment again.",
        )


# ----------------------------------------------------------------------------- hard negatives
def write_passed(folder: Path, settings: Segmentation, *, frames: int, seed: int) -> None:
    """Draw a learning set of what a filter lets through, in the shares in which it does.

    Parameters
    ----------
    folder : Path
        See `seston.simulate.learning_set.write_natural_set`.
    settings : Segmentation
        With the filter.
    frames, seed : int
        How many frames are drawn, and which.

    Raises
    ------
    ModelError
        The filter is missing or damaged.
    SpaceError
        The disk is full.
    """
    from seston.simulate.natural_set import write_natural_set

    chosen = filter_of(settings)
    keep = None if chosen is None else partial(_passes, chosen)
    write_natural_set(folder, seed, frames=frames, segmentation=settings, keep=keep)


def _passes(chosen: Filter, found: Objects) -> NDArray[np.bool_]:
    return chosen.passes(found.features, found.names)
