"""Estimates as a table for people, and as JSON for machines."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from io import StringIO
from typing import Any, Final

from seston.forecast.estimate import Estimate
from seston.forecast.spread import Spread

#: Rows of the table by section: the name of the value, what it is, and its unit.
ROWS: Final = {
    "brought home": (
        ("hours", "acquisition", "h"),
        ("frames", "frames", ""),
        ("pixels", "pixels", "px"),
        ("objects", "objects", ""),
        ("organisms", "organisms among them", ""),
        ("raw_tb", "raw files", "TB"),
    ),
    "cut into": (
        ("deployments", "deployments", ""),
        ("shards", "shards", ""),
        ("blocks", "blocks", ""),
        ("jobs", "jobs", ""),
        ("plan_s", "snakemake -n", "s"),
        ("plan_mb", "its memory", "MB"),
    ),
    "work": (
        ("segment_core_h", "segment", "core-h"),
        ("classify_core_h", "classify", "core-h"),
        ("gather_core_h", "gather", "core-h"),
        ("profile_core_h", "profile", "core-h"),
        ("core_h", "all on cores", "core-h"),
        ("gpu_h", "or classify on GPUs", "GPU-h"),
        ("energy_kwh", "energy", "kWh"),
        ("memory_mb", "memory of a job", "MB"),
    ),
    "results": (
        ("table_tb", "objects", "TB"),
        ("vignettes_tb", "vignettes", "TB"),
        ("scores_tb", "scores", "TB"),
        ("profiles_tb", "profiles, at most", "TB"),
        ("results_tb", "all, shards and gathered", "TB"),
    ),
    "on the clock": (
        ("read_h", "reading", "h"),
        ("write_h", "writing", "h"),
        ("cores_h", "cores", "h"),
        ("gpu_wall_h", "GPUs", "h"),
        ("scheduler_h", "starting jobs", "h"),
        ("alone_h", "gather and profile, one job", "h"),
        ("wall_h", "wall time", "h"),
    ),
}
#: The next smaller unit, and how many of it make one.
_SMALLER: Final = {
    "TB": ("GB", 1e3), "GB": ("MB", 1e3), "h": ("min", 60.0), "min": ("s", 60.0),
    "core-h": ("core-min", 60.0), "core-min": ("core-s", 60.0), "GPU-h": ("GPU-min", 60.0),
    "GPU-min": ("GPU-s", 60.0), "kWh": ("Wh", 1e3),
}  # fmt: skip
_PREFIXES: Final = ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"))
_WIDTH: Final = 96


def as_json(estimates: Sequence[tuple[float, Estimate]]) -> str:
    """Write estimates, each of so many times a cruise, as JSON: a list if there are several."""
    found = [_plain(times, one) for times, one in estimates]
    return json.dumps(found[0] if len(found) == 1 else found, indent=2)


def _plain(times: float, one: Estimate) -> dict[str, Any]:
    units = {name: unit for rows in ROWS.values() for name, _, unit in rows}
    return {
        "cruise": one.cruise.name,
        "times": times,
        "site": one.site.model_dump(),
        "bottleneck": one.bottleneck,
        "gpu_rate": one.gpu,
        "rates": {"source": one.rates.source, "date": one.rates.date, **one.rates.machine},
        "values": {
            name: {key: _known(v) for key, v in asdict(spread).items()}
            | {"unit": units.get(name, name.rpartition("_")[2])}
            for name, spread in one.values.items()
        },
        "notes": one.notes,
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def as_text(estimates: Sequence[tuple[float, Estimate]], width: int = _WIDTH) -> str:
    """Write estimates, each of so many times a cruise, as a table of as many columns."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    first = estimates[0][1]
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for times, _ in estimates:
        for name in ("" if len(estimates) == 1 else f"x {times:g}", "10-90 %"):
            table.add_column(name, justify="right")
    for section, rows in ROWS.items():
        table.add_row(f"[bold]{section}[/bold]")
        for name, what, unit in rows:
            cells = [c for _, e in estimates for c in _cells(e.values[name], unit)]
            if any(cells):
                table.add_row(f"  {what}", *cells)
    bottlenecks = [c for _, e in estimates for c in (e.bottleneck, "")]
    table.add_row("[bold]bottleneck[/bold]", *bottlenecks)
    out = StringIO()
    console = Console(file=out, width=max(width, 40 + 30 * len(estimates)), no_color=True)
    console.print(_title(first), highlight=False)
    console.print(table)
    for note in first.notes:
        console.print(note, highlight=False, width=width)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _title(one: Estimate) -> str:
    site = one.site
    parts = [f"{site.cores:,} cores", f"{site.gpus} GPUs" if site.gpus else ""]
    parts += [
        f"{site.read_gb_s:g} GB/s" if site.read_gb_s else "",
        f"at most {site.jobs} jobs at once",
    ]
    return f"{one.cruise.name}, on {', '.join(p for p in parts if p)}"


def _cells(spread: Spread, unit: str) -> tuple[str, str]:
    """Write a value and its limits; nothing where it is not known or 0."""
    if math.isnan(spread.middle) or not spread.middle:
        return "", ""
    size = spread.middle
    while unit in _SMALLER and size < 1:
        unit, step = _SMALLER[unit]
        size *= step
    scale = size / spread.middle
    middle = f"{_number(size)} {unit}".strip()
    if spread.high - spread.low <= 1e-6 * spread.middle:
        return middle, ""
    return middle, f"{_number(spread.low * scale)} to {_number(spread.high * scale)}"


def _number(value: float) -> str:
    """Two digits of what is not sure; letters for thousands."""
    for size, letter in _PREFIXES[: 4 if value >= 1e5 else 3]:
        if value >= size:
            return f"{_digits(value / size)}{letter}"
    return _digits(value)


def _digits(value: float) -> str:
    if value >= 100:
        places = 2 - math.floor(math.log10(value)) - 1
        return f"{round(value, places):,.0f}"
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"
