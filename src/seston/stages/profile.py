"""Profile: put objects and water into bins of profile, depth and taxon."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
import zarr
from distributed import Client

from seston import cluster, ecology
from seston.campaign import Campaign
from seston.ecology import Bins, Tally
from seston.progress import progress
from seston.stages import cells as water
from seston.stages.positions import NAMES, Positions
from seston.stages.provenance import attributes
from seston.stages.quantify import adjust
from seston.store import (
    ANYTHING,
    check_whole,
    fill_store,
    new_folder,
    open_group,
    read_column,
    read_feature,
)
from seston.store.arrays import ROWS_PER_SHARD
from seston.store.objects import length, read_labels
from seston.taxonomy import read_taxonomy

log = logging.getLogger(__name__)

#: The one taxon of a campaign whose objects nobody named, and the last of one where some did.
UNNAMED = "object"
_TAXON_COLUMNS = ("name", "aphia_id", "plankton", "carbon_mg_mm3")


def profile(campaign: Campaign, client: Client) -> None:
    """Write the profiles dataset of a campaign.

    Raises
    ------
    StoreError
        The objects dataset is missing.
    ConfigError
        The table of taxa is wrong.
    ModelError
        The model, or its record of held-out vignettes, is damaged.
    SpaceError
        The disk is full.
    """
    with new_folder(campaign.profiles, ANYTHING) as draft:
        # The lock is taken first: what a waiting job reads then is up to date.
        fill_store(draft, _profiles(campaign, client))


def _profiles(campaign: Campaign, client: Client) -> xr.Dataset:
    objects = open_group(campaign.objects)
    check_whole(campaign.objects)
    names = [d.deployment for d in campaign.deployments]
    pieces = water.cut(objects, names)
    positions = Positions(campaign)
    environments = [positions.environment(i) for i in range(len(names))]
    own = {name: pieces.own[name] for name in NAMES}
    where = positions.at(pieces.deployment, pieces.time, own)
    settings = campaign.config.profiles
    bins = ecology.put_in_bins(
        pieces.time, where["depth"], pieces.deployment, environments, settings,
        pieces.sample, pieces.samples,
    )  # fmt: skip
    taxa = read_taxa(campaign, objects)
    sums = _sums(campaign, client, objects, pieces, bins, len(taxa))
    limits = {name: pieces.own[name] for name in ("depth_min", "depth_max")}
    table = pd.DataFrame({
        "time": pieces.time, "volume": pieces.volume, "factor": pieces.factor, **where, **limits,
    })  # fmt: skip
    tolerances = ecology.Tolerances(
        settings.cast_tolerance_s, campaign.config.ingest.position_tolerance_s
    )
    adjusted, said = adjust(campaign, client, pieces, bins, len(taxa))
    dataset = ecology.build_profiles(
        bins, table, sums, taxa, environments, names, tolerances, adjusted
    )
    _tell(campaign, bins, sums, pieces)
    title = f"{campaign.config.publication.title}: profiles"
    facts = attributes(campaign, title) | said | _log_problems(environments, names)
    return dataset.assign_attrs(facts)


def _log_problems(environments: list[xr.Dataset], names: list[str]) -> dict[str, str]:
    """Say what was wrong in the logs of each deployment, if anything was."""
    pairs = zip(names, environments, strict=True)
    said = [f"{name}: {e.attrs['problems']}" for name, e in pairs if e.attrs.get("problems")]
    return {"log_problems": "; ".join(said)} if said else {}


def read_taxa(campaign: Campaign, objects: zarr.Group) -> pd.DataFrame:
    """Give name, identifier, kind and carbon factor of each taxon of the model.

    Returns
    -------
    DataFrame
        label, name, aphia_id, plankton, carbon_mg_mm3, in the order of the scores. A label
        that the table of taxa does not have, nor as a name of a taxon, keeps its name, without
        identifier or carbon, and counts as plankton.

    Raises
    ------
    ConfigError
        The table of taxa is wrong.
    """
    labels = [*read_labels(objects, "taxon"), *_unnamed(objects)] if "taxon" in objects else []
    labels = labels or [UNNAMED]
    taxa = read_taxonomy(campaign.config.taxonomy).rows(labels)
    unknown = taxa["name"].isna()
    named = ~unknown & (taxa["name"] != "")
    taxa["name"] = taxa["name"].where(named, pd.Series(labels, labels))
    taxa["plankton"] = taxa["plankton"].fillna(1).astype("int8")
    if unknown.any() and labels != [UNNAMED]:
        log.warning("the table of taxa has no row for: %s", ", ".join(taxa.index[unknown]))
    return taxa[list(_TAXON_COLUMNS)].reset_index()


def _unnamed(objects: zarr.Group) -> list[str]:
    """Give a taxon more where some objects have no name: they are counted apart, not lost."""
    total = length(objects, "object_id")
    for start in range(0, total, ROWS_PER_SHARD):
        rows = slice(start, min(start + ROWS_PER_SHARD, total))
        predicted, validated = (
            read_column(objects, f"{who}_taxon", rows) for who in ("predicted", "validated")
        )
        if (np.maximum(predicted, validated) < 0).any():
            return [UNNAMED]
    return []


def _sums(
    campaign: Campaign,
    client: Client,
    objects: zarr.Group,
    pieces: water.Cells,
    bins: Bins,
    taxa: int,
) -> Tally:
    """Sum all objects, range by range in their order, so that equal input gives equal bytes."""
    ranges = water.Tasks(objects, pieces, bins.slot)
    tasks = ((campaign.objects, *one, taxa) for one in ranges)
    none = np.empty(0, np.int64)
    sums = ecology.tally(bins, none, none, np.empty(0), taxa)
    with progress(f"profile {campaign.name}", length(objects, "object_id"), "objects") as shown:
        for (start, stop), part in zip(
            ranges.ranges(), cluster.stream(client, tally_range, tasks), strict=True
        ):
            sums.add(part)
            shown.advance(stop - start, stop - start)
    return sums


def tally_range(
    path: Path, start: int, stop: int, imaged: water.Water, taxa: int
) -> ecology.PartialTally:
    """Sum the objects [start, stop) of an objects dataset."""
    objects, rows = open_group(path), slice(start, stop)
    slot, factor = imaged.of_objects(
        read_column(objects, "frame", rows), read_column(objects, "top", rows)
    )
    predicted, validated = (
        read_column(objects, f"{who}_taxon", rows).astype(np.int64)
        for who in ("predicted", "validated")
    )
    taxon = np.where(validated >= 0, validated, predicted)
    biovolume = ecology.equivalent_spherical_volume(read_feature(objects, "area", rows))
    taxon = np.where(taxon < 0, taxa - 1, taxon)
    return ecology.PartialTally.of(slot * taxa + taxon, biovolume, factor)


def _tell(campaign: Campaign, bins: Bins, sums: Tally, pieces: water.Cells) -> None:
    profiles, depths = bins.shape
    log.info(
        "profile %s: %d profiles of %d depths, %d objects",
        campaign.name, profiles, depths, sums.count.sum(),
    )  # fmt: skip
    unpositioned = int(sums.count[:, -1].sum())
    if unpositioned:
        log.warning(
            "%s: %d objects have no depth: they are in no bin, but in `unpositioned_count`",
            campaign.name, unpositioned,
        )  # fmt: skip
    if np.isnan(pieces.volume).any():
        log.warning(
            "%s: the imaged volume of %d of %d pieces of water is not known, so there are counts "
            "but no concentrations. Where no frame says why, campaigns.csv can tell "
            "`depth_of_field_mm` and pixel sizes, or `imaged_volume_l`",
            campaign.name, np.isnan(pieces.volume).sum(), len(pieces.volume),
        )  # fmt: skip
