"""One row of campaigns.csv."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from seston.config.base import Name, Positive, Strict
from seston.config.instruments import Optics


def _absent(value: object) -> object:
    return None if value is None or (isinstance(value, str) and not value.strip()) else value


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


OptionalFloat = Annotated[
    Annotated[float, Field(allow_inf_nan=False)] | None, BeforeValidator(_absent)
]


OptionalPositive = Annotated[Positive | None, BeforeValidator(_absent)]


OptionalPath = Annotated[Path | None, BeforeValidator(_absent)]


OptionalTime = Annotated[Annotated[datetime, AfterValidator(_utc)] | None, BeforeValidator(_absent)]


class Deployment(Strict):
    """One row of campaigns.csv: an instrument put in the water once, and its files."""

    campaign: Name
    deployment: Name
    instrument: Name
    path: Path = Field(description="folder of the files as they left the instrument")
    environment: OptionalPath = Field(
        None, description="file or folder of CTD and navigation; empty: look beside the frames"
    )
    clock_offset_s: Annotated[float, BeforeValidator(lambda v: _absent(v) or 0.0)] = Field(
        0.0, description="seconds added to the camera's clock to make it the CTD's"
    )
    latitude: Annotated[Annotated[float, Field(ge=-90, le=90)] | None, BeforeValidator(_absent)] = (
        Field(None, description="degrees north, where nothing else tells it")
    )
    longitude: Annotated[
        Annotated[float, Field(ge=-180, le=180)] | None, BeforeValidator(_absent)
    ] = Field(None, description="degrees east, where nothing else tells it")
    depth_m: OptionalFloat = Field(None, description="depth, where nothing else tells it")
    start: OptionalTime = Field(None, description="UTC of the first frame, where no name tells it")
    frame_interval_s: OptionalPositive = Field(
        None, description="time between still frames, where no name tells it"
    )
    pixel_width_mm: OptionalPositive = None
    pixel_height_mm: OptionalPositive = None
    line_rate_hz: OptionalPositive = None
    speed_m_s: OptionalPositive = None
    depth_of_field_mm: OptionalPositive = None
    imaged_volume_l: OptionalPositive = None

    def optics(self, preset: Optics) -> Optics:
        """Optics of this deployment: its own columns, then the instrument's preset."""
        own = {name: getattr(self, name) for name in Optics.model_fields}
        return preset.model_copy(update={k: v for k, v in own.items() if v is not None})
