"""Particles: put what a profiler counted without pictures into bins of profile, depth and size."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd

from seston.campaign import Campaign
from seston.config import Deployment, Particles
from seston.ecology.particle_dataset import BinnedSample, bin_ctd, build_particles
from seston.ecology.particles import bin_particles
from seston.errors import InputError
from seston.readers import ParticleReader, ParticleSample
from seston.readers.ctd import TIME
from seston.stages.provenance import attributes
from seston.store import write_dataset

log = logging.getLogger(__name__)


def particles(campaign: Campaign) -> None:
    """Write the particles dataset of a campaign.

    Samples are read one by one, and their particles piece by piece: memory holds the images of
    one sample, and the bins of all.

    Raises
    ------
    InputError
        No instrument of the campaign counts particles, or a file cannot be used.
    SpaceError
        The disk is full.
    """
    settings = campaign.config.particles
    samples: list[BinnedSample] = []
    for deployment in campaign.deployments:
        reader = campaign.reader(deployment)
        if isinstance(reader, ParticleReader):
            samples += [bin_sample(s, deployment, settings) for s in reader.particles()]
    if not samples:
        raise InputError(
            f"no sample of campaign {campaign.name!r} has particles without images",
            where=campaign.config.campaigns,
            cure="UVP5, UVP6 and EcoPart's raw exports have them.",
        )
    dataset = build_particles(samples, settings.bin_size_m)
    title = f"{campaign.config.publication.title}: particles"
    rule = {"ecopart_compat": int(settings.ecopart_compat)}
    write_dataset(dataset.assign_attrs(attributes(campaign, title) | rule), campaign.particles)
    _tell(campaign, samples)


def bin_sample(sample: ParticleSample, deployment: Deployment, settings: Particles) -> BinnedSample:
    """Put one sample into cells, by our own rule or by EcoPart's."""
    compat = settings.ecopart_compat
    series = sample.kind == "time"
    bins = bin_particles(
        sample.images, sample.counts(), sample.calibration, bin_size_m=settings.bin_size_m,
        interval_s=settings.interval_s if series else None,
        ecopart=sample.ecopart if compat else None, integration_s=sample.integration_s,
    )  # fmt: skip
    ctd, records = None, sample.ctd()
    if records is not None and not (compat and series):  # EcoPart joins those by depth alone
        time = records[TIME].to_numpy("datetime64[ns]") if TIME in records else None
        if not series or time is not None:
            ctd = bin_ctd(
                records, settings.bin_size_m, time if series else None, settings.interval_s
            )
    return BinnedSample(bins, _about(sample, deployment, records), ctd)


def _about(
    sample: ParticleSample, deployment: Deployment, records: pd.DataFrame | None
) -> dict[str, Any]:
    calibration = sample.calibration
    return {
        "deployment": deployment.deployment,
        "instrument": deployment.instrument,
        **sample.told,
        "sample": sample.sample,
        "sample_type": sample.kind,
        "sample_time": sample.time.astype("datetime64[ns]"),
        "latitude": sample.latitude,
        "longitude": sample.longitude,
        "calibration_area": calibration.aa,
        "calibration_exponent": calibration.exponent,
        "pixel_size": sample.pixel_mm,
        "image_volume": calibration.image_volume_l * 1e-3,
        "ctd_columns": _columns(records),
    }


def _columns(records: pd.DataFrame | None) -> str:
    names = [] if records is None else [n for n in records.columns[1:] if n != TIME]
    return " | ".join(map(str, names))


def _tell(campaign: Campaign, samples: list[BinnedSample]) -> None:
    images = sum(float(s.bins.images.sum()) for s in samples)
    number = sum(float(np.nansum(s.bins.count)) for s in samples)
    log.info(
        "particles %s: %d samples, %d images that count, %d particles",
        campaign.name, len(samples), images, number,
    )  # fmt: skip
    unknown = [s.about["sample"] for s in samples if np.isnan(s.about["image_volume"])]
    if unknown:
        log.warning(
            "%s: the volume of an image is not known, so there are counts but no concentrations, "
            "of: %s", campaign.name, ", ".join(map(str, unknown)),
        )  # fmt: skip
