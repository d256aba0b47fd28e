"""What a cruise takes on a site: core-hours, bytes, wall time, and what holds it up.

A number of cores, of graphics processors, a file system and a scheduler each take their time for
the whole campaign; the longest of them is about the wall time, for they work at once. What one job
does alone at the end (the gather and the profiles) comes on top.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from seston.forecast.cruise import Cruise
from seston.forecast.rates import Rates
from seston.forecast.site import Site
from seston.forecast.spread import Spread, drawn
from seston.variables import PROFILES

#: Cores that share a job: two do 1.88 times the work of one on the clock (docs/performance.md).
EFFICIENCY: Final = 0.94
#: Where nothing was measured on this kind of machine, it may be half or twice as fast.
_UNKNOWN_MACHINE: Final = Spread(0.5, 1.0, 2.0)
#: Objects a second of a graphics processor, where none was measured: 0.25 GFLOP of
#: tf_efficientnet_lite0 at 128 px, of 312 TFLOP/s that are written of an A100 in bfloat16, of which
#: so light a network reaches few hundredths. An assumption, and printed as one.
ASSUMED_GPU: Final = Spread(4_000.0, 20_000.0, 60_000.0)
#: Time of the processor and memory of `snakemake -n`: so much, and more for each block of an hour,
#: of 360 files (benchmarks/plan.py).
_PLAN_S, _PLAN_MB = (4.0, 0.025), (150.0, 0.2)
_STEPS_PER_BLOCK, _JOBS_BESIDE = 2, 4

#: What can hold a campaign up, and how it is called.
BOTTLENECKS: Final = {
    "read_h": "reading", "write_h": "storage: writing", "cores_h": "cores", "gpu_wall_h": "GPU",
    "scheduler_h": "scheduler", "alone_h": "gather: one job",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a cruise takes.

    Parameters
    ----------
    cruise : Cruise
    site : Site
    values : dict of Spread
        By the names of `seston.forecast.table.ROWS`.
    bottleneck : str
        What takes longest.
    gpu : {"measured", "assumed", "none"}
        Where the rate of a graphics processor is from.
    rates : Rates
    notes : list of str
        What a reader must know of these numbers.
    """

    cruise: Cruise
    site: Site
    values: Mapping[str, Spread]
    bottleneck: str
    gpu: str
    rates: Rates
    notes: list[str]


def estimate(cruise: Cruise, site: Site, rates: Rates, times: float = 1.0) -> Estimate:
    """Estimate what a cruise takes on a site.

    Parameters
    ----------
    times : float
        So many cruises like this, at once.
    """
    spreads = dict(rates.values)
    gpu = "none" if not site.gpus else "measured" if "classify_gpu" in spreads else "assumed"
    spreads.setdefault("classify_gpu", ASSUMED_GPU)
    if "classify" not in spreads:
        from seston.forecast.rates import SHIPPED, find_rates

        spreads["classify"] = find_rates(SHIPPED).values["classify"]
    spreads |= {"objects": cruise.objects, "organisms_share": cruise.organisms_share}
    spreads["machine"] = _UNKNOWN_MACHINE if rates.shipped else Spread.sure(1.0)
    if site.read_gb_s:
        spreads["read"] = Spread.sure(site.read_gb_s * 1e3)
        spreads["write"] = Spread.sure((site.write_gb_s or site.read_gb_s) * 1e3)
    values = drawn(spreads, partial(_compute, cruise, site, times))
    longest = max(BOTTLENECKS, key=lambda name: values[name].middle)
    full = site.disk_tb is not None and values["results_tb"].middle > site.disk_tb
    named = "storage: no room" if full else BOTTLENECKS[longest]
    named += " (assumed)" if named == "GPU" and gpu == "assumed" else ""
    return Estimate(cruise, site, values, named, gpu, rates, _notes(cruise, rates, gpu, site))


def _compute(
    cruise: Cruise, site: Site, times: float, one: Mapping[str, float]
) -> dict[str, float]:
    """Compute all results from one value of each rate."""
    work = _amounts(cruise, times, one)
    work |= _hours(cruise, site, work, one)
    work |= _bytes(cruise, work, one)
    return work | _walls(site, work, one)


def _amounts(cruise: Cruise, times: float, one: Mapping[str, float]) -> dict[str, float]:
    blocks = cruise.blocks * times
    return {
        "hours": (cruise.hours or math.nan) * times,
        "frames": (cruise.frames or math.nan) * times,
        "pixels": cruise.pixels * times,
        "objects": one["objects"] * times,
        "organisms": one["objects"] * one["organisms_share"] * times,
        "deployments": cruise.deployments * times,
        "shards": cruise.shards * times,
        "blocks": blocks,
        "jobs": blocks * _STEPS_PER_BLOCK + _JOBS_BESIDE,
        "plan_s": _PLAN_S[0] + _PLAN_S[1] * blocks,
        "plan_mb": _PLAN_MB[0] + _PLAN_MB[1] * blocks,
    }


def _hours(
    cruise: Cruise, site: Site, work: Mapping[str, float], one: Mapping[str, float]
) -> dict[str, float]:
    """Hours of cores and of graphics processors, by step."""
    objects, speed = work["objects"], 3600 * one["machine"]
    vignettes = objects * cruise.vignette_pixels / 1e6
    found = objects / one["find"] + work["pixels"] / 1e6 / one["segment"]
    found += work["shards"] * one["shard"]
    if cruise.compressed:
        found += work["pixels"] / 1e6 / one["decode"]
    if cruise.yields == "vignettes":
        found = objects / one["measure"]
    hours = {
        "segment_core_h": found / speed,
        "classify_core_h": 0.0 if site.gpus else objects / one["classify"] / speed,
        "gather_core_h": (objects / one["gather"] + vignettes / one["pack"]) / speed,
        "profile_core_h": objects / one["profile"] / speed,
    }
    gpu_h = objects / one["classify_gpu"] / 3600
    used = gpu_h if site.gpus else 0.0
    total = sum(hours.values())
    watts = total * site.watts_per_core + used * site.watts_per_gpu
    return hours | {"core_h": total, "gpu_h": gpu_h, "energy_kwh": watts / 1e3}


def _bytes(cruise: Cruise, work: Mapping[str, float], one: Mapping[str, float]) -> dict[str, float]:
    """Terabytes of each product, and memory of a job."""
    objects, times = work["objects"] / 1e12, work["blocks"] / cruise.blocks
    parts = {
        "table_tb": objects * one["object_bytes"],
        "vignettes_tb": objects * one["vignette_bytes"] * cruise.vignette_pixels,
        "scores_tb": objects * one["score_bytes"] * cruise.taxa,
    }
    profiles = cruise.cells * times * cruise.taxa * _cell_bytes() / 1e12
    return parts | {
        "raw_tb": cruise.raw_bytes * times / 1e12,
        "profiles_tb": profiles,
        # Once in the stores of the shards, once gathered.
        "results_tb": 2 * sum(parts.values()) + profiles,
    }


def _walls(site: Site, work: Mapping[str, float], one: Mapping[str, float]) -> dict[str, float]:
    """Hours on the clock that each part of the site takes for all, and all of it together."""
    at_once = max(1, min(site.jobs, site.cores // site.cores_per_job))
    rounds = math.ceil(work["blocks"] / at_once)  # the last may leave cores idle
    own = min(site.cores_per_job, site.cores)
    busy_cores = own * (EFFICIENCY if own > 1 else 1.0)
    stores = (work["results_tb"] - work["profiles_tb"]) / 2
    tb_per_h = {name: one[name] * 3600 / 1e6 for name in ("read", "write")}
    alone = work["gather_core_h"] + work["profile_core_h"]
    block = (work["core_h"] - alone) / work["blocks"] / busy_cores
    parts = {
        "read_h": (work["raw_tb"] + work["vignettes_tb"]) / tb_per_h["read"],
        "write_h": stores / tb_per_h["write"],
        "cores_h": block * rounds,
        "gpu_wall_h": work["gpu_h"] / site.gpus if site.gpus else 0.0,
        "scheduler_h": (rounds * _STEPS_PER_BLOCK + _JOBS_BESIDE) * one["start"] / 3600,
        "alone_h": max(alone / busy_cores, stores / tb_per_h["read"], stores / tb_per_h["write"]),
    }
    together = max(parts[n] for n in ("read_h", "write_h", "gpu_wall_h"))
    wall = max(together, parts["cores_h"] + parts["scheduler_h"]) + parts["alone_h"]
    memory = one["command"] + own * one["worker"]
    return parts | {"wall_h": wall, "memory_mb": memory}


def _cell_bytes() -> int:
    """Bytes of all numbers of one taxon in one bin, before they are compressed."""
    kinds = (v.dtype for v in PROFILES.values() if v.dims == ("profile", "depth", "taxon"))
    return sum(np.dtype(kind).itemsize for kind in kinds)


def _notes(cruise: Cruise, rates: Rates, gpu: str, site: Site) -> list[str]:
    notes = [f"Cruise: {cruise.sources}"]
    if rates.shipped:
        notes.append(
            f"Rates: those that come with seston, of one core of {rates.machine['processor']} "
            f"({rates.date[:10]}); this machine was not measured, and may be half or twice as "
            "fast. Run `seston calibrate`."
        )
    else:
        notes.append(f"Rates: {rates.source}, {rates.machine['processor']}, {rates.date[:10]}.")
    if "classify" not in rates.values:
        notes.append("Classifying was not measured here: the rate that comes with seston.")
    elif "classify" in rates.notes and not site.gpus:
        notes.append(f"Classifying: {rates.notes['classify']}.")
    if gpu == "measured":
        notes.append(f"GPU: {rates.notes.get('classify_gpu', 'measured')}.")
    else:
        said = "" if gpu == "assumed" else ", and the site has none: classified on cores instead"
        notes.append(
            f"GPU-hours: an assumption, nothing was measured ({ASSUMED_GPU.middle:,.0f} objects/s, "
            f"{ASSUMED_GPU.low:,.0f} to {ASSUMED_GPU.high:,.0f}){said}."
        )
    notes.append(
        f"Energy: assumes {site.watts_per_core:g} W a core and {site.watts_per_gpu:g} W a GPU."
    )
    notes.append("Waiting in the queue of a cluster is in none of these numbers.")
    return notes
