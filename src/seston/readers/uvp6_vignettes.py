"""Vignettes of a UVP6 as its software exports them: an archive, or a folder of its files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from seston.errors import InputError
from seston.frame import UInt8Array
from seston.readers.archive import Shelf, joined, open_shelf
from seston.readers.uvp6_data import Configuration
from seston.readers.uvp_tables import parse_ecotaxa

_MAX_PIXELS = 1 << 24


def read_pictures(path: Path, names: Sequence[str]) -> Iterator[UInt8Array]:
    """Decode vignettes of an archive or a folder, in the order of `names`.

    Raises
    ------
    InputError
        One is not there, is damaged, or is too large.
    """
    shelf, table = _opened(path)
    inner = PurePosixPath(table).parent.as_posix()  # an archive may hold a folder of its own name
    for name in names:
        place = joined(inner, name)
        if place is None:
            raise InputError(f"{name} leads out of it", where=path)
        yield shelf.picture(place, _MAX_PIXELS)


def _opened(path: Path) -> tuple[Shelf, str]:
    """Open an archive or a folder, and name its table."""
    shelf = open_shelf(path)
    if path.is_dir():  # that may hold many pictures: they are not listed
        return shelf, stamped(path).relative_to(path).as_posix()
    return shelf, _table_name(shelf.names(), path)


def _table_name(names: Sequence[str], path: Path) -> str:
    for name in names:
        base = PurePosixPath(name).name.lower()
        if base.startswith("ecotaxa") and base.endswith((".tsv", ".txt")):
            return name
    raise InputError("holds no table ecotaxa_….tsv", where=path)


def read_table(path: Path) -> pd.DataFrame:
    """Read the table of an archive or a folder.

    Raises
    ------
    InputError
        There is none, or it cannot be read.
    """
    shelf, name = _opened(path)
    return parse_ecotaxa(shelf.text(name), f"{shelf.where}/{name}")


def stamped(path: Path) -> Path:
    """Give the file that changes with an archive: itself, or the table of a folder.

    Raises
    ------
    InputError
        The folder cannot be listed, or holds no table.
    """
    if not path.is_dir():
        return path
    try:
        found = [p for place in ("", "*/") for p in sorted(path.glob(f"{place}[eE]cotaxa*"))]
        names = [p.relative_to(path).as_posix() for p in found]
    except OSError as error:
        raise InputError(f"cannot be listed: {error.strerror}", where=path) from None
    return path / _table_name(names, path)


def configuration(path: Path) -> tuple[Configuration, dict[str, str]]:
    """Take camera and sample from the table of vignettes."""
    table = read_table(path)
    first = {str(n): str(table[n].iloc[0]) for n in table} if len(table) else {}
    hardware = {ours: first.get(theirs, "") for ours, theirs in (
        ("aa", "acq_aa"), ("exp", "acq_exp"), ("image_volume", "acq_volimage"),
        ("pixel_size", "acq_pixel"), ("threshold", "acq_threshold"),
    )}  # fmt: skip
    record = {n.removeprefix("sample_"): v for n, v in first.items() if n.startswith("sample_")}
    place = {"latitude": first.get("object_lat", ""), "longitude": first.get("object_lon", "")}
    return Configuration(hardware, {}), {**record, **place, "filename": record.get("profileid", "")}


def images(path: Path, relative: str) -> pd.DataFrame:
    """List the images that hold objects: of the others nothing tells the depth."""
    table = read_table(path)
    stamp = table["object_id"].str.replace(r"_\d+$", "", regex=True)
    depth = pd.to_numeric(table.get("object_depth_min", stamp), errors="coerce")
    date = table.get("object_date", stamp) + table.get("object_time", stamp).str.zfill(6)
    seen = pd.DataFrame({"stamp": stamp, "date": date, "depth": depth})
    seen = seen.drop_duplicates("stamp", ignore_index=True)
    time = pd.to_datetime(seen["date"], format="%Y%m%d%H%M%S", errors="coerce")
    return pd.DataFrame({
        "path": relative, "index_in_file": np.arange(len(seen)),
        "time": time.to_numpy("datetime64[ns]"), "depth": seen["depth"], "images": np.nan,
        "usable": np.int8(1), "ecopart": False,
        "problem": "images without objects are not in this archive: the water is not known "
        "without SAMPLE_Particule.zip",
    })  # fmt: skip
