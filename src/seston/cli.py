"""The command line: one command for each step of the workflow, and those of people.

Heavy libraries are imported inside the commands, so that help comes at once.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from seston import __version__

GUIDE = """
From pictures of plankton to numbers, maps and answers.

The whole way is one command, run where the Snakefile is: [bold]snakemake[/bold]
(on a cluster: [bold]snakemake --profile slurm[/bold]; first look: [bold]snakemake -n[/bold]).
It reads config/config.yaml and config/campaigns.csv, and for each campaign runs these steps,
each of which you can also run by hand:

  1. [bold]seston ingest demo[/bold]              list frames, read CTD and navigation
  2. [bold]seston segment demo tow-0000[/bold]    find and measure the objects of one shard
  3. [bold]seston train[/bold]                    make a classifier from a learning set
  4. [bold]seston classify demo tow-0000[/bold]   score the objects of one shard
  5. [bold]seston gather demo[/bold]              join all shards: results/demo/objects.zarr
  6. [bold]seston profile demo[/bold]             concentrations: results/demo/profiles.zarr
     [bold]seston particles demo[/bold]           particles by size: results/demo/particles.zarr
  7. [bold]seston report demo[/bold]              figures on one page: results/demo/report.html

Before: [bold]seston instruments[/bold] lists what can be read, and
[bold]seston inspect FOLDER[/bold] says what lies in a folder.
Then: xarray.open_zarr("results/demo/profiles.zarr"), or notebooks/01-open-a-campaign.ipynb.
"""

app = typer.Typer(
    help=GUIDE,
    rich_markup_mode="rich",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
export_app = typer.Typer(help="Write results in other formats.", no_args_is_help=True)
app.add_typer(export_app, name="export", rich_help_panel="Tools")

STEPS, TOOLS = "Steps of the workflow", "Tools"

CampaignName = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="As in campaigns.csv.")]
ShardName = Annotated[
    str, typer.Argument(metavar="SHARD", help="<deployment>-<number>, as in the manifest.")
]
ConfigPath = Annotated[
    Path, typer.Option("--config", envvar="SESTON_CONFIG", help="The configuration.")
]
Cores = Annotated[
    int | None,
    typer.Option(min=1, help="Worker processes; all cores if absent.", show_default=False),
]
Memory = Annotated[
    int | None,
    typer.Option(min=1, help="Memory of the job, MB; no limit if absent.", show_default=False),
]
Scheduler = Annotated[
    str | None,
    typer.Option(help="Address of a Dask scheduler that runs already.", show_default=False),
]
CONFIG = Path("config/config.yaml")


def _version(value: bool) -> None:
    if value:
        print(f"seston {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("seston").setLevel(level)


# ------------------------------------------------------------------------ steps of the workflow
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
def train(config: ConfigPath = CONFIG) -> None:
    """Train the classifier that the configuration names, from its learning set."""
    from seston.config import load_config
    from seston.stages.train import train as run

    run(load_config(config))


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
    with connect(cores, memory, scheduler) as client:
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


# ---------------------------------------------------------------------------------------- tools
@app.command(rich_help_panel=TOOLS)
def instruments() -> None:
    """List the instruments: which files are read, what they yield, how the volume is known."""
    from seston.inspection import instruments_table

    print(instruments_table())


@app.command(rich_help_panel=TOOLS)
def inspect(
    path: Annotated[Path, typer.Argument(help="A folder or file, as an instrument left it.")],
    instrument: Annotated[
        str | None, typer.Option(help="Its name; recognised if absent.", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Say what lies in a folder: instrument, samples, frames, positions, volume, problems."""
    from seston import inspection

    found = inspection.inspect(path, instrument)
    print(inspection.as_json(found) if json else inspection.as_text(found))


@app.command(rich_help_panel=TOOLS)
def simulate(
    folder: Annotated[Path, typer.Argument(help="Where the files and their truth are written.")],
    instrument: Annotated[str, typer.Option(help="See `seston instruments`.")] = "isiis",
    preset: Annotated[str, typer.Option(help="tiny, demo or full (the real density).")] = "demo",
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 1,
    cores: Cores = None,
) -> None:
    """Simulate files of an instrument, as it leaves them, and the truth beside them."""
    from seston.cluster import available_cores
    from seston.errors import ConfigError
    from seston.simulate.instruments import SIZES, simulators

    known = simulators()
    for what, value, values in (("instrument", instrument, known), ("preset", preset, SIZES)):
        if value not in values:
            raise ConfigError(f"no {what} {value!r}", cure=f"There are: {', '.join(values)}.")
    row = known[instrument](folder, preset, seed, cores or available_cores())
    paths = {name: str(folder / row[name]) for name in ("path", "environment") if name in row}
    told = {"campaign": folder.name, "deployment": folder.name, "instrument": instrument}
    told |= row | paths
    print("For campaigns.csv:", ",".join(told), ",".join(told.values()), sep="\n")


@app.command("learning-set", rich_help_panel=TOOLS)
def learning_set(
    folder: Annotated[Path, typer.Argument(help="Where one folder per taxon is written.")],
    per_class: Annotated[int, typer.Option(min=8, help="Vignettes of each taxon.")] = 120,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 2,
) -> None:
    """Draw a learning set: vignettes of every simulated taxon."""
    from seston.simulate import write_learning_set

    write_learning_set(folder, seed, per_class=per_class)


@export_app.command("netcdf")
def export_netcdf(
    results: Annotated[Path, typer.Argument(help="Results of a campaign, or its profiles.zarr.")],
    out: Annotated[Path, typer.Argument(help="The netCDF file to write.")],
) -> None:
    """Write the profiles of a campaign as a CF-1.11 netCDF file."""
    from seston.stages.export import netcdf

    netcdf(results, out)


@export_app.command("ecopart")
def export_ecopart(
    results: Annotated[Path, typer.Argument(help="Results of a campaign.")],
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    stamp: Annotated[
        str | None,
        typer.Option(help="Stands in the names of files; the time if absent.", show_default=False),
    ] = None,
) -> None:
    """Write particles, sorted objects and CTD as EcoPart's detailed and reduced tables."""
    from seston.stages.export import ecopart

    ecopart(results, out, stamp)


@app.command(rich_help_panel=TOOLS)
def overlay(
    campaign: CampaignName,
    out: Annotated[Path, typer.Argument(help="The PNG file to write.")],
    frame: Annotated[
        str | None, typer.Option(help="Its frame_id; the first with objects if absent.")
    ] = None,
    config: ConfigPath = CONFIG,
) -> None:
    """Draw what was found in a frame over the frame."""
    from seston.campaign import load_campaign
    from seston.stages.overlay import draw

    print(draw(load_campaign(config, campaign), frame, out))


@app.command(rich_help_panel=TOOLS)
def schema(
    markdown: Annotated[bool, typer.Option(help="As tables for a person.")] = False,
    variables: Annotated[bool, typer.Option(help="Variables of the datasets, as tables.")] = False,
    features: Annotated[bool, typer.Option(help="Features of objects, and ZooProcess's.")] = False,
) -> None:
    """Print what config.yaml and campaigns.csv may hold: as JSON schema, or as tables."""
    from seston import schema as texts

    if variables:
        print(texts.variables_as_markdown(), end="")
        return
    if features:
        print(texts.features_as_markdown(), end="")
        return
    print(texts.as_markdown() if markdown else texts.as_json(), end="")


@app.command("warm-up", rich_help_panel=TOOLS)
def warm_up() -> None:
    """Compile what is compiled once, so that no job waits for it."""
    from seston.image import warm_up as run

    run()


def main() -> None:
    """Run the command line; an error that a person can mend is told without a traceback."""
    from seston.errors import SestonError

    try:
        app()
    except SestonError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if error.filename is None:
            raise
        print(f"{type(error).__name__}: {error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(2)
