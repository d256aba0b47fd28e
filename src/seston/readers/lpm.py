"""Real-time files of UVP6 on floats and gliders: particles in classes, counted on board.

A sample is a few text files with tabs between cells: META (name and value), LPM (particles of lit
images, 18 classes), BLACK (of images without light), TAXO and CTD.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from seston.ecology.particles import SIZE_LIMITS_MM, Calibration
from seston.errors import InputError
from seston.readers.cells import as_number, as_numbers

_CLASSES = 18
_NUMBER = "NB_SIZE_SPECTRA_PARTICLES_class_{}"
_LIMIT = "lower_limit_size_class_{}"


@dataclass(frozen=True, eq=False, kw_only=True)
class Lpm:
    """The particles of one sample.

    Parameters
    ----------
    time : array (row), datetime64[ns]
    pressure : array (row), dbar
    latitude, longitude : array (row), degrees
    images : array (row)
        Images that a row sums.
    number : array (row, 18)
        Particles in each class, all images of the row together.
    """

    time: np.ndarray[tuple[int], np.dtype[np.datetime64]]
    pressure: np.ndarray[tuple[int], np.dtype[np.float64]]
    latitude: np.ndarray[tuple[int], np.dtype[np.float64]]
    longitude: np.ndarray[tuple[int], np.dtype[np.float64]]
    images: np.ndarray[tuple[int], np.dtype[np.float64]]
    number: np.ndarray[tuple[int, int], np.dtype[np.float64]]


def parse_meta(text: str) -> dict[str, str]:
    """Give names, in small letters, and values."""
    rows = (line.strip("\r\n").split("\t") for line in text.splitlines())
    return {row[0].strip().lower(): row[1].strip() for row in rows if len(row) >= 2}


def parse_lpm(text: str, where: Path | str) -> Lpm:
    """Parse the table of particles.

    Raises
    ------
    InputError
        A column is missing.
    """
    rows = list(csv.reader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))
    names = [name.strip() for name in rows[0]] if rows else []
    classes = [_NUMBER.format(i) for i in range(1, _CLASSES + 1)]
    needed = ["DATE_TIME", "PRES_decibar", "IMAGE_NUMBER_PARTICLES", *classes]
    missing = [name for name in needed if name not in names]
    if missing:
        raise InputError(
            f"no column `{missing[0]}`", where=where, cure="An LPM file of a UVP6 has it."
        )
    body = [(row + [""] * len(names))[: len(names)] for row in rows[1:] if any(row)]
    table = pd.DataFrame(body, columns=pd.Index(names), dtype=object)
    table = table.loc[:, ~table.columns.duplicated()]
    told = [*needed[1:], "LATITUDE_decimal_degree", "LONGITUDE_decimal_degree"]
    numbers = {n: as_numbers(table[n]) for n in told if n in table}
    images = np.maximum(numbers["IMAGE_NUMBER_PARTICLES"], 0)
    nothing = np.full(len(table), np.nan)
    mean = np.stack([numbers[name] for name in classes], axis=1)
    # The file tells means over the images of a row.
    number = np.round(np.maximum(mean, 0) * images[:, None])
    time = pd.to_datetime(table["DATE_TIME"].str.strip(), format="%Y%m%dT%H%M%S", errors="coerce")
    return Lpm(
        time=time.to_numpy("datetime64[ns]"),
        pressure=numbers["PRES_decibar"],
        latitude=_within(numbers.get("LATITUDE_decimal_degree", nothing), 90),
        longitude=_within(numbers.get("LONGITUDE_decimal_degree", nothing), 180),
        images=images,
        number=number,
    )


def _within(
    values: np.ndarray[tuple[int], np.dtype[np.float64]], limit: float
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.where(np.abs(values) <= limit, values, np.nan)


def calibration(meta: Mapping[str, str], where: Path | str) -> tuple[Calibration, list[int]]:
    """Give the calibration, and the detailed class of each of the 18.

    Raises
    ------
    InputError
        Volume, calibration or limits are missing, or the limits are not those of EcoPart.
    """
    limits = [_value(meta, _LIMIT.format(i)) * 1e-3 for i in range(1, _CLASSES + 1)]
    known = np.array(SIZE_LIMITS_MM[:-1])
    rows = [int(np.nanargmin(np.abs(known - x))) if np.isfinite(x) else -1 for x in limits]
    odd = [x for x, r in zip(limits, rows, strict=True) if r < 0 or abs(known[r] / x - 1) > 0.02]
    if odd:
        raise InputError(
            "the limits of the size classes are missing or not EcoPart's",
            where=where,
            cure="The META file tells them as Lower_limit_size_class_1 to _18, micrometres.",
        )
    volume, aa = _value(meta, "image_volume"), _value(meta, "aa")
    return (
        Calibration(
            aa=aa * 1e-6 if aa > 1 else aa,
            exponent=_value(meta, "exp"),
            image_volume_l=volume if volume > 0 else float("nan"),
            first_class=min(rows),
            last_class=max(rows),
        ),
        rows,
    )


def _value(meta: Mapping[str, str], name: str) -> float:
    return as_number(meta.get(name, "nan"))


def counts(lpm: Lpm, classes: list[int]) -> Iterator[pd.DataFrame]:
    """Give the particles by row and detailed class."""
    row, column = np.nonzero(np.nan_to_num(lpm.number))
    yield pd.DataFrame({
        "row": row, "number": lpm.number[row, column], "size_class": np.array(classes)[column],
    })  # fmt: skip


def images(lpm: Lpm, path: str, offset_m: float) -> pd.DataFrame:
    """List the rows as images of a cast: a row without pressure or images is not usable."""
    depth = np.maximum(lpm.pressure + offset_m, 0)
    bad = ~np.isfinite(depth) | ~(lpm.images > 0) | np.isnan(lpm.number).any(axis=1)
    bad |= np.isnat(lpm.time)
    return pd.DataFrame({
        "path": path, "index_in_file": np.arange(len(depth)), "time": lpm.time, "depth": depth,
        "images": np.nan_to_num(lpm.images), "usable": (~bad).astype(np.int8),
        "problem": np.where(bad, "the row lacks its time, pressure, images or particles", ""),
        "ecopart": True,
    })  # fmt: skip
