"""What a campaign will take, before it is run or sailed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seston.cli.app import app
from seston.cli.options import CONFIG, TOOLS, ConfigPath

_ORIGIN = "Of the cruise"
_SITE = "Of the site"


@app.command(rich_help_panel=TOOLS)
def calibrate(
    out: Annotated[
        Path | None,
        typer.Option(help="The JSON to write; where `seston plan` finds it if absent."),
    ] = None,
    folder: Annotated[Path, typer.Option(help="On the disk whose speed is asked.")] = Path(),
    config: ConfigPath = CONFIG,
) -> None:
    """Measure how fast one core of this machine is at each step, in less than a minute."""
    import logging

    from seston.atomic import new_file
    from seston.calibration import calibrate as run
    from seston.config import load_config
    from seston.forecast.rates import RATES, rates_file

    logging.getLogger("distributed").setLevel(logging.WARNING)
    settings = load_config(config).classification if config.exists() else None
    rates = run(folder, settings)
    path = out or rates_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as draft:
        draft.write_text(rates.as_json(), "utf-8")
    for name, (unit, what) in RATES.items():
        found = rates.values.get(name)
        told = f"{found.middle:12,.5g} {unit}" if found else "not measured".rjust(12)
        print(f"{name:16}{told:24}{what}")
    print(path)


@app.command(rich_help_panel=TOOLS)
def plan(
    config: ConfigPath = CONFIG,
    campaign: Annotated[
        str | None,
        typer.Option(help="One of campaigns.csv; all of them if absent.", show_default=False),
    ] = None,
    instrument: Annotated[
        str | None,
        typer.Option(
            help="Of a cruise that is not sailed yet; else campaigns.csv is planned.",
            rich_help_panel=_ORIGIN,
            show_default=False,
        ),
    ] = None,
    hours: Annotated[
        float | None,
        typer.Option(min=0, help="Of acquisition.", rich_help_panel=_ORIGIN, show_default=False),
    ] = None,
    pixels: Annotated[
        float | None,
        typer.Option(
            min=0, help="In all, in place of hours.", rich_help_panel=_ORIGIN, show_default=False
        ),
    ] = None,
    lines_per_s: Annotated[
        float | None,
        typer.Option(
            min=0, help="Of a line-scan camera.", rich_help_panel=_ORIGIN, show_default=False
        ),
    ] = None,
    line_pixels: Annotated[
        float | None,
        typer.Option(min=0, help="In a line.", rich_help_panel=_ORIGIN, show_default=False),
    ] = None,
    frames_per_s: Annotated[
        float | None,
        typer.Option(min=0, help="Of an area camera.", rich_help_panel=_ORIGIN, show_default=False),
    ] = None,
    frame_pixels: Annotated[
        float | None,
        typer.Option(min=0, help="In a frame.", rich_help_panel=_ORIGIN, show_default=False),
    ] = None,
    objects_per_s: Annotated[
        float | None,
        typer.Option(min=0, help="In the middle.", rich_help_panel=_ORIGIN, show_default=False),
    ] = None,
    plankton_share: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Of the objects.", rich_help_panel=_ORIGIN, show_default=False
        ),
    ] = None,
    taxa: Annotated[int, typer.Option(min=1, help="Of the model.", rich_help_panel=_ORIGIN)] = 121,
    shard_minutes: Annotated[
        float, typer.Option(min=0, help="Of acquisition.", rich_help_panel=_ORIGIN)
    ] = 10.0,
    block_minutes: Annotated[
        float, typer.Option(min=0, help="Of acquisition, a job.", rich_help_panel=_ORIGIN)
    ] = 60.0,
    deployment_hours: Annotated[
        float, typer.Option(min=0, help="In the water at once.", rich_help_panel=_ORIGIN)
    ] = 6.0,
    times: Annotated[
        str, typer.Option(help="So many such cruises, a column each: 1,10,100.")
    ] = "1",
    site: Annotated[
        Path | None,
        typer.Option(
            help="YAML with the keys cores, gpus, read_gb_s, write_gb_s, jobs, cores_per_job, "
            "disk_tb.",
            rich_help_panel=_SITE,
            show_default=False,
        ),
    ] = None,
    cores: Annotated[
        int | None,
        typer.Option(
            min=1, help="This machine's if absent.", rich_help_panel=_SITE, show_default=False
        ),
    ] = None,
    gpus: Annotated[
        int | None,
        typer.Option(
            min=0, help="0: classify on cores.", rich_help_panel=_SITE, show_default=False
        ),
    ] = None,
    read_gb_s: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="GB/s of its file system; as calibrated if absent.",
            rich_help_panel=_SITE,
            show_default=False,
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Jobs at once.", rich_help_panel=_SITE, show_default=False),
    ] = None,
    rates: Annotated[
        str | None,
        typer.Option(
            help="A file of `seston calibrate`, or `shipped`; this machine's if absent.",
            show_default=False,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Say what a campaign takes, sailed or not: frames, jobs, hours, bytes, and what holds it up.

    From the files of campaigns.csv; or of a cruise to come:
    seston plan --instrument isiis --hours 120 --cores 400 --gpus 4 --read-gb-s 2 --jobs 100
    """
    from seston.config import checked
    from seston.forecast import asked, table
    from seston.forecast.cruise import Cut
    from seston.forecast.estimate import estimate
    from seston.forecast.rates import find_rates
    from seston.forecast.site import site_of

    told = asked.habits_told(
        lines_per_s=lines_per_s, line_pixels=line_pixels, frames_per_s=frames_per_s,
        frame_pixels=frame_pixels, objects_per_s=objects_per_s, organisms_share=plankton_share,
    )  # fmt: skip
    cut = checked(
        Cut, shard_minutes=shard_minutes, block_minutes=block_minutes,
        deployment_hours=deployment_hours,
    )  # fmt: skip
    place = site_of(site, {"cores": cores, "gpus": gpus, "read_gb_s": read_gb_s, "jobs": jobs})
    known, factors = find_rates(rates), asked.factors(times)
    cruises = (
        [asked.to_come(instrument, hours, pixels, told, cut, taxa)]
        if instrument
        else asked.of_files(config, campaign, told, hours, pixels)
    )
    found = [[(x, estimate(one, place, known, x)) for x in factors] for one in cruises]
    if json:
        print(table.as_json([one for columns in found for one in columns]))
    else:
        print("\n\n".join(table.as_text(columns) for columns in found))
