"""The steps of the workflow, one command each."""

from __future__ import annotations

from seston.cli.app import app
from seston.cli.options import (
    CONFIG,
    STEPS,
    CampaignName,
    ConfigPath,
    Cores,
    Memory,
    Minutes,
    PartName,
    Report,
    Scheduler,
)


@app.command(rich_help_panel=STEPS)
def ingest(campaign: CampaignName, config: ConfigPath = CONFIG) -> None:
    """List the frames of a campaign by shard, and bring its environment into one form."""
    from seston.campaign import load_campaign
    from seston.stages.ingest import ingest as run

    run(load_campaign(config, campaign))


@app.command(rich_help_panel=STEPS)
def segment(
    campaign: CampaignName,
    part: PartName,
    config: ConfigPath = CONFIG,
    cores: Cores = None,
    memory: Memory = None,
    minutes: Minutes = None,
    scheduler: Scheduler = None,
    performance_report: Report = None,
) -> None:
    """Find and measure the objects of a block of shards, or of one."""
    from seston.campaign import load_campaign
    from seston.cluster import connect
    from seston.stages.blocks import segment_part as run

    loaded = load_campaign(config, campaign)
    chosen = loaded.part(part)
    with connect(cores, memory, scheduler, minutes=minutes, report=performance_report) as client:
        run(loaded, chosen, client)


@app.command(rich_help_panel=STEPS)
def classify(
    campaign: CampaignName,
    part: PartName,
    config: ConfigPath = CONFIG,
    cores: Cores = None,
    memory: Memory = None,
    minutes: Minutes = None,
    scheduler: Scheduler = None,
    performance_report: Report = None,
) -> None:
    """Score the objects of a block of shards, or of one, with the classifier."""
    from seston.campaign import load_campaign
    from seston.cluster import connect
    from seston.stages.blocks import classify_part as run

    loaded = load_campaign(config, campaign)
    chosen = loaded.part(part)
    gpus = loaded.classification.gpus if loaded.classification else 0
    with connect(
        cores, memory, scheduler, gpus=gpus, minutes=minutes, report=performance_report
    ) as client:
        run(loaded, chosen, client)


@app.command(rich_help_panel=STEPS)
def gather(
    campaign: CampaignName,
    config: ConfigPath = CONFIG,
    cores: Cores = None,
    memory: Memory = None,
    minutes: Minutes = None,
    scheduler: Scheduler = None,
    performance_report: Report = None,
) -> None:
    """Join all shards into one objects dataset, with positions and taxa."""
    from seston.campaign import load_campaign
    from seston.cluster import connect
    from seston.stages.blocks import gather_mended as run

    loaded = load_campaign(config, campaign)
    with connect(cores, memory, scheduler, minutes=minutes, report=performance_report) as client:
        run(loaded, client)


@app.command(rich_help_panel=STEPS)
def profile(
    campaign: CampaignName,
    config: ConfigPath = CONFIG,
    cores: Cores = None,
    memory: Memory = None,
    minutes: Minutes = None,
    scheduler: Scheduler = None,
    performance_report: Report = None,
) -> None:
    """Bin objects and water by profile, depth and taxon, beside the environment."""
    from seston.campaign import load_campaign
    from seston.cluster import connect
    from seston.stages.profile import profile as run

    loaded = load_campaign(config, campaign)
    with connect(cores, memory, scheduler, minutes=minutes, report=performance_report) as client:
        run(loaded, client)


@app.command(rich_help_panel=STEPS)
def particles(campaign: CampaignName, config: ConfigPath = CONFIG) -> None:
    """Bin particles without images by profile, depth and size, where the instrument counts them."""
    from seston.campaign import load_campaign
    from seston.stages.particles import particles as run

    run(load_campaign(config, campaign))


@app.command(rich_help_panel=STEPS)
def report(campaign: CampaignName, config: ConfigPath = CONFIG) -> None:
    """Write one page with the figures, the quality and the parameters of a campaign."""
    from seston.campaign import load_campaign
    from seston.stages.report import report as run

    run(load_campaign(config, campaign))
