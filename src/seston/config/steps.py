"""Settings of the other steps: ingest, profiles, particles, simulation and publication."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from seston.config.base import Name, Positive, Strict


class Ingest(Strict):
    """How frames are listed, put in order and joined with positions."""

    files_per_shard: int = Field(
        64, ge=1, description="consecutive files in one shard: what is written, or lost, at once"
    )
    shards_per_block: int = Field(
        8, ge=1, description="consecutive shards in one block: the work of one job"
    )
    position_tolerance_s: Positive = Field(
        2.0, description="longest distance in time between a frame and a record of position"
    )
    gap_tolerance_s: Positive = Field(
        0.005, description="frames closer than this in time are one continuous scan"
    )
    on_overlap: Literal["error", "drop_later"] = Field(
        "error", description="what to do with a frame that starts before the last one ends"
    )


class Profiles(Strict):
    """How objects and water are put into bins."""

    bin_size_m: Positive = Field(1.0, description="thickness of a depth bin")
    split: Literal["turning_points", "time", "deployment"] = Field(
        "turning_points",
        description="a profile is one way down or up, a span of time, or a whole deployment",
    )
    min_amplitude_m: Positive = Field(
        10.0, description="smallest change of depth that makes a profile of its own"
    )
    interval_s: Positive = Field(3600.0, description="span of a profile where split is time")
    cast_tolerance_s: Positive = Field(
        10_800.0,
        description="longest time between a sample and a CTD cast of another name that stands for "
        "its water: 3 h, a quarter of the tide",
    )
    despike: bool = Field(True, description="despike the environment (moving median and MAD)")


class Particles(Strict):
    """How particles without images are put into bins of depth and size."""

    bin_size_m: Positive = Field(5.0, description="thickness of a depth bin")
    interval_s: Positive = Field(3600.0, description="span of a profile of a time series")
    ecopart_compat: bool = Field(
        False, description="count images as EcoPart does, see docs/particles.md"
    )


class Simulation(Strict):
    """A campaign with known truth, which the workflow makes before it begins."""

    instrument: Name = Field("isiis", description="whose files; see `seston instruments`")
    preset: Literal["tiny", "demo", "full"] = Field(
        "demo", description="size of the campaign: tiny for tests, full at the real density"
    )
    seed: int = Field(1, ge=0, description="same seed, same bytes")


class SimulatedLearningSet(Strict):
    """Vignettes of every simulated taxon, written where `classification` expects them."""

    per_class: int = Field(120, ge=8, description="vignettes of each taxon")
    frames: int | None = Field(
        None,
        ge=1,
        description="instead of `per_class`: vignettes of so many frames with the detritus of "
        "nature, of them what the filter of `filter` lets through; see "
        "docs/detect-and-classify.md",
    )
    seed: int = Field(2, ge=0, description="differs from the campaigns': other individuals")


class Simulate(Strict):
    """What the workflow simulates before it begins."""

    folder: Path = Field(Path("data"), description="a folder of its own for each campaign in it")
    campaigns: dict[Name, Simulation] = Field(
        default_factory=dict, description="by the name of the campaign in campaigns.csv"
    )
    learning_set: SimulatedLearningSet | None = None


class Publication(Strict):
    """What the datasets say of themselves (ACDD)."""

    title: str = "Plankton imaging campaign"
    summary: str = "Concentration and biovolume of plankton by taxon, time, depth and position."
    creator_name: str = ""
    creator_email: str = ""
    institution: str = ""
    license: str = "CC-BY-4.0"
