"""Status as text for a terminal, and as JSON for machines."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from seston.status.cost import Cost
from seston.status.progress import CampaignStatus, StepStatus

_WIDTH = 20
_HEAD = f"  {'':<10} {'':<{_WIDTH}} {'done':>11} {'run':>4} {'queue':>5} {'fail':>4}"


def as_text(found: Sequence[CampaignStatus]) -> str:
    """Give status as lines of at most 100 characters, without colours: they go through any ssh."""
    if not found:
        return "No campaign has files yet: run snakemake."
    return "\n\n".join(_campaign(one) for one in found)


def _campaign(one: CampaignStatus) -> str:
    idle = (
        ""
        if math.isnan(one.idle_s) or one.is_done
        else f", last sign of life {_span(one.idle_s)} ago"
    )
    lines = [
        f"{one.name}: {'done' if one.is_done else 'under way'}, {one.objects:,} objects, "
        f"{_bytes(one.disk_bytes)} on disk, {_bytes(one.free_bytes)} free{idle}",
        f"{_HEAD}   speed",
        *(_step(step) for step in one.steps),
        f"  cost: {_cost(one.cost, one.objects)}",
    ]
    if one.left_over:
        lines.append(
            f"  left over, shards that the campaign no longer has: {len(one.left_over)} "
            f"({_bytes(one.left_over_bytes)}); --json names them"
        )
    for step in one.steps:
        for failure in step.failures:
            part = f" {failure.part}" if failure.part else ""
            lines += [f"  failed: {step.step}{part}: {failure.reason}", f"          {failure.log}"]
    return "\n".join(lines)


def _step(step: StepStatus) -> str:
    whole, ready = (step.shards, step.shards_done) if step.shards else (step.jobs, step.done)
    share = ready / whole if whole else 1.0
    full = round(share * _WIDTH) if ready < whole else _WIDTH
    bar = "#" * full + "." * (_WIDTH - full)
    return (
        f"  {step.step:<10} {bar} {f'{ready:,}/{whole:,}':>11} {step.running:>4} "
        f"{step.queued:>5} {len(step.failures):>4}   {_speed(step)}"
    ).rstrip()


def _speed(step: StepStatus) -> str:
    told = []
    if not math.isnan(step.objects_per_s):
        told.append(f"{step.objects_per_s:,.0f} objects/s")
    if not math.isnan(step.times_acquisition):
        told.append(f"{step.times_acquisition:,.2g} x acquisition")
    if step.done < step.jobs and not math.isnan(step.seconds_left):
        told.append(f"{_span(step.seconds_left)} left")
    return ", ".join(told)


def _cost(cost: Cost, objects: int) -> str:
    text = f"{cost.core_hours:,.3g} core-hours"
    if cost.gpu_s:
        text += f" and {cost.gpu_hours:,.3g} GPU-hours"
    text += f" in {cost.jobs} jobs, at most {cost.peak_mb:,.0f} MB"
    if objects:
        per_million = cost.core_hours / objects * 1e6
        text += f"; {per_million:,.3g} core-hours a million objects"
        if cost.gpu_s:
            text += f", {cost.gpu_hours / objects * 1e6:,.3g} GPU-hours"
    return text


def as_json(found: Sequence[CampaignStatus]) -> str:
    """Give status as JSON; what is not known is null."""
    return json.dumps([_known(_facts(one)) for one in found], indent=1)


def _facts(one: CampaignStatus) -> dict[str, Any]:
    cost = one.cost
    per_million = 1e6 / one.objects if one.objects else math.nan
    return asdict(one) | {
        "is_done": one.is_done,
        "core_hours": cost.core_hours,
        "gpu_hours": cost.gpu_hours,
        "core_hours_per_million_objects": cost.core_hours * per_million,
        "gpu_hours_per_million_objects": cost.gpu_hours * per_million,
    }


def _known(value: Any) -> Any:  # noqa: ANN401
    """Put null where a number is not known: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _known(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_known(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _span(seconds: float) -> str:
    """Write a span of time as a person says it.

    >>> _span(42), _span(400), _span(9000), _span(200_000)
    ('42 s', '7 min', '2.5 h', '2.3 d')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} d"


def _bytes(number: float) -> str:
    """Write a number of bytes.

    >>> _bytes(512), _bytes(2.5e9)
    ('512 B', '2.5 GB')
    """
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:,.3g} PB"
