"""What people run beside the workflow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seston.cli.app import app
from seston.cli.options import CONFIG, TOOLS, CampaignName, ConfigPath, Cores

export_app = typer.Typer(help="Write results in other formats.", no_args_is_help=True)
app.add_typer(export_app, name="export", rich_help_panel="Tools")


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


@app.command(rich_help_panel=TOOLS)
def push(
    results: Annotated[Path, typer.Argument(help="Results of a campaign, or one dataset of it.")],
    url: Annotated[str, typer.Argument(help="Where to, as s3://bucket/cruise.")],
    replace: Annotated[bool, typer.Option(help="Replace other datasets that are there.")] = False,
) -> None:
    """Copy finished datasets to an object store (S3 and the like), where others open them."""
    from seston.stages.push import push as run

    print(*run(results, url, replace=replace), sep="\n")


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


@export_app.command("onnx")
def export_onnx(
    model: Annotated[Path, typer.Argument(help="Folder of a classifier.")],
    out: Annotated[Path, typer.Argument(help="The ONNX file to write.")],
) -> None:
    """Write a classifier as one ONNX file: squares and sizes in, scores out."""
    from seston.learn.export import export_onnx as run

    card = run(model, out)
    print(f"{out}: {len(card.taxa)} taxa, model {card.hash[:12]}")


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
