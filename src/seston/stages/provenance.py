"""Where a dataset is from: the attributes that every dataset of a campaign carries."""

from __future__ import annotations

from typing import Any

import seston
from seston import config as cfg
from seston.campaign import Campaign


def provenance(campaign: Campaign) -> dict[str, str]:
    """Give software, settings, model and inputs of a campaign; nothing depends on the clock.

    Returns
    -------
    dict of str
        ``seston_version``, ``config_sha256``, ``model_sha256`` (empty without a model),
        ``filter_sha256`` (where there is a filter) and
        ``source``: instrument and folder of each deployment.
    """
    return {
        "campaign": campaign.name,
        "seston_version": seston.__version__,
        "config_sha256": cfg.fingerprint(campaign.config, *campaign.deployments),
        "model_sha256": model_hash(campaign),
        **_filter_hash(campaign),
        "source": "; ".join(
            f"{d.deployment}: {d.instrument}, {d.path.as_posix()}" for d in campaign.deployments
        ),
    }


def model_hash(campaign: Campaign) -> str:
    """Hash of the model that named the objects (hashes, where there are more); else empty."""
    from seston.learn import load_card

    return " ".join(load_card(model).hash for model in campaign.models)


def _filter_hash(campaign: Campaign) -> dict[str, str]:
    """Hash of the filter that left out objects before they were stored; nothing without."""
    from seston.learn import load_card

    hashes = [load_card(folder).hash for folder in campaign.filters]
    return {"filter_sha256": " ".join(hashes)} if hashes else {}


def attributes(campaign: Campaign, title: str) -> dict[str, Any]:
    """Global attributes of a dataset: who publishes it (ACDD), and its provenance."""
    said = campaign.config.publication
    return {
        "Conventions": "CF-1.11, ACDD-1.3",
        "title": title,
        "summary": said.summary,
        "creator_name": said.creator_name,
        "creator_email": said.creator_email,
        "institution": said.institution,
        "license": said.license,
        **provenance(campaign),
    }
