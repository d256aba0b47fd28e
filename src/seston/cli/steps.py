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
    Scheduler,
    ShardName,
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
    shard: ShardName,
    config: ConfigPath = CONFIG,
    cores: Cores = None,
    memory: Memory = None,
    scheduler: Scheduler = None,
) -> None:
    """Find and measure the objects of one shard."""
    from seston.campaign import load_campaign
    from seston.cluster import connect
    from seston.stages.segment import segment as run

    loaded = load_campaign(config, campaign)
    chosen = loaded.shard(shard)
    with connect(cores, memory, scheduler) as client:
        run(loaded, chosen, client)


@app.command(rich_help_panel=STEPS)
def classify(
    campaign: CampaignName,
    shard: ShardName,
    config: ConfigPath = CONFIG,
    cores: Cores = None,
    memory: Memory = None,
    scheduler: Scheduler = None,
) -> None:
    """Score the objects of one shard with the classifier."""
    from seston.campaign import load_campaign
    from seston.cluster import connect
    from seston.stages.classify import classify as run

    loaded = load_campaign(config, campaign)
    chosen = loaded.shard(shard)
    gpus = loaded.classification.gpus if loaded.classification else 0
    with connect(gpus or cores, memory, scheduler) as client:
        run(loaded, chosen, client)


@app.command(rich_help_panel=STEPS)
def gather(
    campaign: CampaignName,
    config: ConfigPath = CONFIG,
    cores: Cores = None,
    memory: Memory = None,
    scheduler: Scheduler = None,
) -> None:
    """Join all shards into one objects dataset, with positions and taxa."""
    from seston.campaign import load_campaign
    from seston.cluster import connect
    from seston.stages.gather import gather as run

    loaded = load_campaign(config, campaign)
    with connect(cores, memory, scheduler) as client:
        run(loaded, client)


@app.command(rich_help_panel=STEPS)
def profile(
    campaign: CampaignName,
    config: ConfigPath = CONFIG,
    cores: Cores = None,
    memory: Memory = None,
    scheduler: Scheduler = None,
) -> None:
    """Bin objects and water by profile, depth and taxon, beside the environment."""
    from seston.campaign import load_campaign
    from seston.cluster import connect
    from seston.stages.profile import profile as run

    loaded = load_campaign(config, campaign)
    with connect(cores, memory, scheduler) as client:
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
