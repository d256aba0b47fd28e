"""Settings of an instrument: its optics, its casts, and how objects are found in its frames."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from seston.config.base import Fraction, Positive, Strict


class Segmentation(Strict):
    """How objects are found in a frame. Thresholds are shares of the background's level."""

    method: Literal["threshold", "semantic"] = Field(
        "threshold",
        description="threshold: all that is darker than the water is an object, to be named "
        "afterwards by `classification`; semantic: a network finds and names only what is wanted, "
        "see docs/detect-and-classify.md",
    )
    model: Path | None = Field(
        None, description="with method semantic: folder of the network, see `seston train-semantic`"
    )
    least_score: Fraction | None = Field(
        None,
        description="with method semantic: an object is kept where the shares of all taxa add up "
        "to this; empty: as the model's validation chose",
    )
    filter: Path | None = Field(
        None,
        description="with method threshold: folder of a filter, see `seston train-filter`; of the "
        "objects that are measured only those are kept that it lets through, the others are "
        "counted; empty: all are kept",
    )
    polarity: Literal["dark", "bright"] = Field(
        "dark", description="objects are darker or brighter than the water"
    )
    background: Literal["running_mean", "neighbours", "level", "none", "given"] = Field(
        "running_mean",
        description="running_mean: each column's mean over lines (line-scan cameras); neighbours: "
        "median of the frames around (still cameras); level: each frame's own median level, or "
        "that of a vignette's border; none: pixels are as they should be, only turned where "
        "objects are bright; given: the picture of the background that the instrument's files "
        "hold for each frame, its own level where they hold none",
    )
    background_lines: int = Field(8192, ge=512, description="lines in the running mean")
    background_frames: int = Field(11, ge=3, description="frames in the median, odd")
    threshold: Fraction = Field(
        0.92, description="a pixel below this share of the background can belong to an object"
    )
    threshold_level: int | None = Field(
        None,
        ge=1,
        le=255,
        description="with background none, in place of both thresholds: a pixel darker than this "
        "level belongs to an object (brighter, where objects are bright)",
    )
    pieces: Literal["largest", "all"] = Field(
        "all",
        description="of vignettes: all pixels of an object's colour are the object, or only the "
        "largest that hang together",
    )
    seed_threshold: Fraction = Field(
        0.86, description="an object has at least one pixel below this share"
    )
    faint_threshold: Fraction | None = Field(
        0.965,
        description="means over 8 x 8 pixels below this share make large faint objects; "
        "null turns the search for them off",
    )
    faint_min_esd_mm: Positive = Field(
        3.0, description="smallest equivalent diameter of a large faint object"
    )
    min_esd_mm: Positive = Field(0.25, description="smallest equivalent diameter kept")
    max_esd_mm: Positive = Field(100.0, description="largest equivalent diameter kept")
    max_length_mm: Positive = Field(
        200.0, description="longest extent along the scan; longer things are counted and dropped"
    )

    @property
    def light(self) -> str:
        """All that `seston.image.corrected_lines` looks at: equal text, the same even light."""
        return f"{self.polarity} {self.background} {self.background_lines}"

    def without_models(self) -> Segmentation:
        """Give what tells how objects are found and measured, not which of them are kept."""
        kept = {"method": "threshold", "model": None, "least_score": None, "filter": None}
        return self.model_copy(update=kept)

    @model_validator(mode="after")
    def _ordered(self) -> Segmentation:
        if self.seed_threshold > self.threshold:
            raise ValueError("seed_threshold must not exceed threshold")
        if self.min_esd_mm >= self.max_esd_mm:
            raise ValueError("min_esd_mm must be smaller than max_esd_mm")
        if (self.method == "semantic") != (self.model is not None):
            raise ValueError("`model` is given with method semantic, and only then")
        if self.method == "semantic" and self.filter is not None:
            raise ValueError("`filter` is for method threshold: a network leaves out by itself")
        return self


class Optics(Strict):
    """What the camera sees. Empty values are told by the files or by campaigns.csv."""

    pixel_width_mm: Positive | None = Field(None, description="size of a pixel along a line")
    pixel_height_mm: Positive | None = Field(
        None, description="size of a pixel across lines; for a line scan: speed / line rate"
    )
    line_rate_hz: Positive | None = Field(None, description="lines per second of a line scan")
    speed_m_s: Positive | None = Field(None, description="speed through the water, if not logged")
    depth_of_field_mm: Positive | None = Field(None, description="depth of the imaged slab")
    imaged_volume_l: Positive | None = Field(None, description="water in one whole frame")


class Cast(Strict):
    """Which images of a profiler's cast are used."""

    descent_filter: bool = Field(
        False, description="of a cast by depth, leave out images that are shallower than one before"
    )
    depth_offset_m: float | None = Field(
        None, description="added to the depth of the sensor; empty: what the files tell, or 0"
    )


class Instrument(Strict):
    """An instrument's own optics and segmentation."""

    optics: Optics = Optics()
    cast: Cast = Cast()
    segmentation: Segmentation = Segmentation()
