"""UVP6's own text: the configuration of the camera, and a line for each image.

``20200205-111823,194.63,14.2,1:3,12,30.1,2.5;4,7,31,3;…``: time, pressure (dbar), temperature,
light (1) or dark (0), then area in pixels, number, and grey levels of the particles of that area.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from seston.ecology.particles import Calibration, pixels_of_diameter
from seston.readers.uvp_tables import number, pixel_mm

_ROW = re.compile(
    r"^(?P<time>\d{8}-\d{6})(?:-(?P<ms>\d{1,3}))?,(?P<depth>[^,:]*),(?P<temp>[^,:]*),"
    r"(?P<flash>[^,:]*):(?P<tail>.*)$"
)
_OLD = (
    "Camera_ref", "Acquisition_mode", "Default_acquisition_configuration",
    "Delay_after_power_up_on_time_mode", "Light_ref", "Correction_table_activation",
    "Time_between_lighting_power_up_and_trigger", "Time_between_lighting_trigger_and_acquisition",
    "Pressure_sensor_ref", "Pressure_offset", "Storage_capacity",
    "Minimum_remaining_memory_for_thumbnail_saving", "Baud_Rate", "IP_adress", "Black_level",
    "Shutter", "Gain", "Threshold", "Aa", "Exp", "Pixel_Size", "Image_volume", "Calibration_date",
    "Last_parameters_modification", "Operator_email",
)  # fmt: skip
#: Firmware of 2022 and after leaves these two out.
_DROPPED = ("Time_between_lighting_power_up_and_trigger", "IP_adress")
_ACQ = (
    "Configuration_name", "PT_mode", "Acquisition_frequency", "Frames_per_bloc", "Blocs_per_PT",
    "Pressure_for_auto_start", "Pressure_difference_for_auto_stop", "Result_sending",
    "Save_synthetic_data_for_delayed_request", "Limit_lpm_detection_size", "Save_images",
    "Vignetting_lower_limit_size", "Appendices_ratio", "Interval_for_mesuring_background_noise",
    "Image_nb_for_smoothing", "Analog_output_activation", "Gain_for_analog_out",
    "Minimum_object_number", "Maximal_internal_temperature", "Operator_email",
)  # fmt: skip
_CHUNK = 500_000


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the camera tells of itself: names in small letters."""

    hardware: Mapping[str, str]
    acquisition: Mapping[str, str]

    @property
    def offset_m(self) -> float:
        """Offset of the pressure, taken for metres; 0 where it cannot be one."""
        value = number(self.hardware.get("pressure_offset"))
        return value if 0 <= value < 100 else 0.0

    @property
    def threshold(self) -> float:
        """Grey level above which a pixel is of a particle."""
        return number(self.hardware.get("threshold"))

    @property
    def pixel_mm(self) -> float:
        """Side of a pixel, mm; NaN where not told."""
        return pixel_mm(number(self.hardware.get("pixel_size")))

    def calibration(self, told: Mapping[str, str]) -> Calibration:
        """Give the calibration: of the project's header, else the camera's own."""
        aa, exponent, volume = (
            _first(number(told.get(a)), number(self.hardware.get(b)))
            for a, b in (("aa", "aa"), ("exp", "exp"), ("volimage", "image_volume"))
        )
        aa = aa * 1e-6 if aa > 1 else aa  # the camera keeps millionths
        limit = number(self.acquisition.get("limit_lpm_detection_size")) * 1e-3
        able = limit > 0 and aa > 0 and exponent > 0
        smallest = pixels_of_diameter(limit, aa, exponent) if able else 1
        return Calibration(aa=aa, exponent=exponent, smallest_px=max(1, smallest),
                           image_volume_l=volume if volume > 0 else float("nan"))  # fmt: skip


def _first(*values: float) -> float:
    return next((v for v in values if v > 0), float("nan"))


EMPTY = Configuration(MappingProxyType({}), MappingProxyType({}))


def parse_configuration(lines: Iterable[str]) -> Configuration:
    """Read the lines of the configuration, of both generations of firmware."""
    hardware: dict[str, str] = {}
    acquisition: dict[str, str] = {}
    for line in lines:
        tokens = [token.strip() for token in line.strip().rstrip(";").split(",")]
        if tokens[0] == "HW_CONF" and not hardware:
            new = len(tokens) > 14 and np.isfinite(number(tokens[14]))
            names = [n for n in _OLD if not (new and n in _DROPPED)]
            hardware = {n.lower(): t for n, t in zip(names, tokens[1:], strict=False)}
        elif tokens[0] == "ACQ_CONF" and not acquisition:
            acquisition = {n.lower(): t for n, t in zip(_ACQ, tokens[1:], strict=False)}
        elif _ROW.match(line):
            break
    return Configuration(hardware, acquisition)


def images(lines: Iterable[str], path: str, offset_m: float) -> pd.DataFrame:
    """List the images.

    Returns
    -------
    DataFrame
        The columns `casts.IMAGES`. Over-exposed images and those without light are not usable;
        an image without particles is, but EcoPart does not count it.
    """
    times, depths, states = [], [], []
    for match in _rows(lines):
        stamp = match["time"] + (match["ms"] or "0").ljust(3, "0")
        times.append(stamp)
        depths.append(number(match["depth"]))
        states.append(_state(match["flash"].strip(), match["tail"]))
    whole = pd.Series(times, dtype=str)
    time = pd.to_datetime(whole.str[:15], format="%Y%m%d-%H%M%S", errors="coerce")
    time += pd.to_timedelta(pd.to_numeric(whole.str[15:], errors="coerce").fillna(0), unit="ms")
    depth = np.array(depths, np.float64)
    depth = np.where(np.abs(depth) < 12_000, np.maximum(depth + offset_m, 0), np.nan)
    problem = np.array([_PROBLEMS.get(s, "") for s in states], object)
    problem = np.where((problem == "") & time.isna().to_numpy(), "the time is none", problem)
    return pd.DataFrame({
        "path": path, "index_in_file": np.arange(len(depth)),
        "time": time.to_numpy("datetime64[ns]"), "depth": depth, "images": 1.0,
        "usable": (problem == "").astype(np.int8), "problem": problem,
        "ecopart": np.array([s == "held" for s in states], bool),
    })  # fmt: skip


_PROBLEMS = MappingProxyType({
    "dark": "taken without light",
    "over": "over-exposed",
    "bad": "the line cannot be read",
})  # fmt: skip


def _rows(lines: Iterable[str]) -> Iterator[re.Match[str]]:
    for line in lines:
        match = _ROW.match(line.strip())
        if match:
            yield match


def _state(flash: str, tail: str) -> str:
    """Say what a line holds: particles (held), none, or why it is not used."""
    if flash != "1":
        return "dark" if flash == "0" else "bad"
    if "OVER_EXPOSED" in tail:
        return "over"
    if "EMPTY_IMAGE" in tail:
        return "empty"
    parts = list(_particles(tail))
    if not parts:
        return "bad" if tail.strip(" ;\r\n") else "empty"
    return "held" if parts[0][0] > 0 else "empty"


def _particles(tail: str) -> Iterator[tuple[int, int]]:
    for one in tail.split(";"):
        cells = one.split(",")
        if len(cells) != 4:
            continue
        try:
            area, count = int(cells[0]), int(cells[1])
        except ValueError:
            continue
        if 0 <= area < 1 << 40 and 0 <= count < 1 << 40:
            yield area, count


def counts(lines: Iterable[str]) -> Iterator[pd.DataFrame]:
    """Give the particles piece by piece: number of the line, area in pixels, and number."""
    rows: list[tuple[int, int, int]] = []
    for row, match in enumerate(_rows(lines)):
        if _state(match["flash"].strip(), match["tail"]) == "held":
            rows += [(row, area, n) for area, n in _particles(match["tail"]) if area and n]
        if len(rows) >= _CHUNK:
            yield _table(rows)
            rows = []
    yield _table(rows)


def _table(rows: list[tuple[int, int, int]]) -> pd.DataFrame:
    values = np.array(rows, np.int64).reshape(-1, 3)
    return pd.DataFrame(values, columns=["row", "area_px", "number"])
