"""EcoPart's raw export: particles by metre and area, objects that people sorted, and CTD.

A folder holds, for each sample, tables ``..._PAR_raw_...tsv``, ``..._ZOO_raw_...tsv`` and
``..._CTD_raw_...tsv``, or of real-time samples ``..._rawfiles.zip``; and for all of them
``..._Export_metadata_summary.tsv``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.ecology.particles import Calibration
from seston.errors import InputError
from seston.frame import UInt8Array
from seston.readers import lpm
from seston.readers.archive import open_shelf
from seston.readers.casts import Cast, CastReader, Cut, Pieces
from seston.readers.cells import as_number, as_numbers
from seston.readers.registry import register

_SUMMARY = "*Export_metadata_summary.tsv"
_NEEDED = ("profileid", "acq_aa", "acq_exp", "acq_volimage")
_PAR = ("depth", "imgcount", "area", "nbr")
_STATUS = {"V": "validated", "P": "predicted", "D": "dubious"}
_MAX_BYTES = 1 << 30
#: An image is unknown here: an object has no place of its own. Enough for the tape of lines.
_SIZE = 4096


@register(
    "ecopart",
    files="EcoPart's raw export: *_PAR_raw_*.tsv, *_ZOO_raw_*.tsv, *_CTD_raw_*.tsv, "
    "*_rawfiles.zip and *_Export_metadata_summary.tsv",
    volume="images counted x acq_volimage",
    tested="real",
)
class Ecopart(CastReader):
    """A raw export of EcoPart."""

    @classmethod
    def can_open(cls, path: Path) -> bool:
        """Look for a table of raw particles, or a summary, in the folder or one below."""
        names = ("*_PAR_raw_*.tsv", "*_rawfiles.zip", _SUMMARY)
        places = ("", "*/")
        return path.is_dir() and any(
            next(path.glob(place + name), None) is not None for place in places for name in names
        )

    def casts(self) -> list[Cast]:
        """Give the samples of the summaries that have particles."""
        root = self.deployment.path
        summaries = sorted([*root.glob(_SUMMARY), *root.glob(f"*/{_SUMMARY}")])
        casts = []
        for path in summaries:
            table = _table(path)
            if "psampleid" in table:  # that of a raw export
                casts += [self._cast(row, path) for _, row in table.iterrows()]
        if not casts:
            raise InputError(
                "no summary of a raw export" + (", but one of tables of results" * bool(summaries)),
                where=root,
                cure="EcoPart writes ..._Export_metadata_summary.tsv beside the raw tables: it "
                "tells volumes and calibrations. Its detailed and reduced tables are results.",
            )
        return sorted((c for c in casts if c is not None), key=lambda c: (c.time, c.sample))

    def _cast(self, row: pd.Series[str], summary: Path) -> Cast | None:
        told = {str(k): str(v) for k, v in row.items()}
        missing = [name for name in _NEEDED if name not in told]
        if missing:
            raise InputError(f"no column `{missing[0]}`", where=summary)
        path = _particles(summary.parent, told)
        if path is None:
            return None
        files = {k: _beside(summary, told.get(f"{k} filename", "")) for k in ("CTD", "Plankton")}
        offset = [_number(told.get(n, "")) for n in ("default_depthoffset", "acq_depthoffset")]
        pixel = _number(told.get("acq_pixel", ""))
        calibration = Calibration(
            aa=_number(told["acq_aa"]), exponent=_number(told["acq_exp"]),
            image_volume_l=_number(told["acq_volimage"]),
            smallest_px=1, **_classes(path),
        )  # fmt: skip
        return Cast(
            sample=told["profileid"],
            path=path.relative_to(self.deployment.path).as_posix(),
            kind="depth" if told.get("organizedbydeepth", "True") == "True" else "time",
            time=_time(told.get("sampledate", "")),
            latitude=_angle(told.get("latitude", ""), 90),
            longitude=_angle(told.get("longitude", ""), 180),
            calibration=calibration,
            pixel_mm=pixel * 1e-3 if pixel >= 1 else pixel,  # of real-time samples in micrometres
            height=_SIZE, width=_SIZE,
            ctd=files["CTD"],
            ecopart="row" if path.suffix == ".zip" else "metre",
            told={
                "raw_file": told.get("filename", ""), "cruise": told.get("cruise", ""),
                "station": told.get("stationid", ""), "project": told.get("ptitle", ""),
                "instrument": told.get("instrumtype", ""), "ctd_file": "",
                "plankton": str(files["Plankton"] or ""),
                "owner": f"{told.get('do_name', '')}({told.get('do_email', '')})",
                "offset": str(next((x for x in offset if np.isfinite(x)), 0.0)),
            },
        )  # fmt: skip

    def other_files(self) -> list[Path]:
        """Give the summaries and the tables of objects."""
        root = self.deployment.path
        tables = [Path(c.told["plankton"]) for c in self.casts() if c.told["plankton"]]
        return [*sorted([*root.glob(_SUMMARY), *root.glob(f"*/{_SUMMARY}")]), *tables]

    def images(self, cast: Cast) -> pd.DataFrame:
        """Give a row for each metre, or span of time, of the table of particles."""
        path = self.deployment.path / cast.path
        if path.suffix == ".zip":
            return lpm.images(_lpm(path)[0], cast.path, float(cast.told["offset"]))
        table = _par(path)
        images = table[["depth", "datetime", "imgcount"]].drop_duplicates(["depth", "datetime"])
        images = images.reset_index(drop=True)
        middle = 0.5 if cast.kind == "depth" else 0.0  # a metre is named by its upper limit
        time = images["datetime"].fillna(pd.Timestamp(cast.time))
        return pd.DataFrame({
            "path": cast.path, "index_in_file": np.arange(len(images)), "time": time,
            "depth": images["depth"] + middle, "images": images["imgcount"].astype(float),
            "usable": np.int8(1), "problem": "", "ecopart": True,
        })  # fmt: skip

    def counts(self, cast: Cast, images: pd.DataFrame) -> Pieces:  # noqa: ARG002
        """Give the particles of the table."""
        path = self.deployment.path / cast.path
        if path.suffix == ".zip":
            data, classes = _lpm(path)
            yield from lpm.counts(data, classes)
            return
        table = _par(path)
        keys = pd.MultiIndex.from_frame(table[["depth", "datetime"]])
        first = ~keys.duplicated()
        rows = pd.Series(np.arange(first.sum()), keys[first])
        yield pd.DataFrame({
            "row": pd.Index(keys[first]).get_indexer(keys) if len(rows) else np.empty(0, int),
            "area_px": table["area"].to_numpy(), "number": table["nbr"].to_numpy(),
        })  # fmt: skip

    def cuts(self, cast: Cast, images: pd.DataFrame) -> tuple[list[Cut] | None, pd.DataFrame]:
        """Give the objects of the table of plankton, each in the metre of its depth."""
        if not cast.told["plankton"] or cast.ecopart == "row":
            return None, images
        table = _table(Path(cast.told["plankton"]))
        needed = {"objid", "taxo_hierarchy", "classif_qual", "depth_including_offset"}
        if needed - set(table):
            raise InputError(f"no column `{min(needed - set(table))}`", where=cast.told["plankton"])
        depth = pd.to_numeric(table["depth_including_offset"], errors="coerce").to_numpy(float)
        rows, images = _metres(cast, images, depth)
        columns = (table[n] for n in ("objid", "taxo_hierarchy", "classif_qual"))
        cuts = [
            Cut(row=int(row), name=name, label=label, status=_STATUS.get(quality, ""),
                measured=area)
            for row, name, label, quality, area in zip(
                rows, *columns, _areas(table, cast.pixel_mm), strict=True
            )
        ]  # fmt: skip
        return cuts, images

    def pictures(self, cast: Cast, names: Sequence[str]) -> Iterator[UInt8Array]:  # noqa: ARG002
        """Give nothing: an export holds no pictures."""
        return iter(())


def _metres(
    cast: Cast, images: pd.DataFrame, depth: NDArray[np.float64]
) -> tuple[NDArray[np.int64], pd.DataFrame]:
    """Give the row of the metre of each depth; metres that the particles do not name are added.

    Their water is not known: EcoPart's tables leave out metres without a particle. Of a time
    series nothing says when an object was seen.
    """
    by_depth = cast.kind == "depth"
    own = np.floor(images["depth"].to_numpy(float)) if by_depth else np.empty(0)
    wanted = np.where(np.isfinite(depth), np.floor(depth), -1.0)  # -1: the depth is not told
    new = np.setdiff1d(wanted, own)
    more = pd.DataFrame({
        "path": cast.path, "index_in_file": np.arange(len(new)) + len(images), "time": cast.time,
        "depth": np.where(new < 0, np.nan, new + 0.5), "images": 0.0, "usable": np.int8(1),
        "problem": "" if by_depth else "the table of objects does not tell their time",
        "ecopart": False,
    })  # fmt: skip
    row = {float(m): i for i, m in enumerate(own)}
    row |= {float(m): len(images) + i for i, m in enumerate(new)}
    rows = np.array([row[float(w)] for w in wanted], np.int64)
    return rows, pd.concat([images, more], ignore_index=True) if len(more) else images


def _areas(table: pd.DataFrame, pixel_mm: float) -> list[dict[str, float]]:
    """Areas in mm2: ZooProcess's `area` has the holes in it, `area_exc` has not."""
    nothing = pd.Series("", table.index)
    filled = pd.to_numeric(table.get("area", nothing), errors="coerce").to_numpy(float)
    without = pd.to_numeric(table.get("area_exc", nothing), errors="coerce").to_numpy(float)
    without = np.where(np.isfinite(without), without, filled)
    scale = pixel_mm**2
    return [
        {"area": a * scale, "area_filled": f * scale,
         "equivalent_diameter_area": 2 * np.sqrt(a * scale / np.pi)}
        for a, f in zip(without, filled, strict=True)
    ]  # fmt: skip


def _particles(folder: Path, told: dict[str, str]) -> Path | None:
    """File of a sample's particles: its table, or the archive of its real-time files."""
    named = folder / told.get("Particle filename", "")
    archive = folder / f"{told['profileid']}_rawfiles.zip"
    for path in (named, archive):
        if _inside(path, folder) and path.is_file():
            return path
    return None


def _beside(summary: Path, name: str) -> Path | None:
    path = summary.parent / name
    return path if name and _inside(path, summary.parent) and path.is_file() else None


def _inside(path: Path, folder: Path) -> bool:
    return path.parent == folder and path.name not in ("", "..")


def _classes(path: Path) -> dict[str, int | None]:
    if path.suffix != ".zip":
        return {}
    try:
        rows = _classes_in(path)
    except InputError:
        return {}
    return {"first_class": min(rows), "last_class": max(rows)}


def _lpm(path: Path) -> tuple[lpm.Lpm, list[int]]:
    classes = _classes_in(path)
    return lpm.parse_lpm(_text_in(path, "LPM.TXT"), path), classes


def _classes_in(path: Path) -> list[int]:
    return lpm.calibration(lpm.parse_meta(_text_in(path, "META.TXT")), path)[1]


def _text_in(path: Path, name: str) -> str:
    shelf = open_shelf(path)
    return shelf.text(shelf.need(name))


def _table(path: Path) -> pd.DataFrame:
    """Read a table with tabs between cells as texts."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError("larger than 1 GB", where=path)
        text = path.read_bytes().decode("latin-1")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from None
    try:
        rows = list(csv.reader(text.splitlines(), delimiter="\t"))
    except csv.Error as error:
        raise InputError(f"not a table: {error}", where=path) from None
    names = [name.strip() for name in rows[0]] if rows else []
    body = [(row + [""] * len(names))[: len(names)] for row in rows[1:] if any(row)]
    table = pd.DataFrame(body, columns=pd.Index(names), dtype=object)
    return table.loc[:, ~table.columns.duplicated()]


def _par(path: Path) -> pd.DataFrame:
    """Read a raw table of particles; rows that hold no numbers are left out."""
    table = _table(path)
    missing = [name for name in _PAR if name not in table]
    if missing:
        raise InputError(f"no column `{missing[0]}`", where=path)
    numbers = pd.DataFrame({name: as_numbers(table[name]) for name in _PAR})
    stamp = table["datetime"] if "datetime" in table else pd.Series("", table.index)
    time = pd.to_datetime(stamp.str[:14], format="%Y%m%d%H%M%S", errors="coerce")
    numbers["datetime"] = time.astype("datetime64[ns]")
    good = np.isfinite(numbers[list(_PAR)].to_numpy(float)).all(axis=1)
    good &= (numbers[list(_PAR)] >= 0).all(axis=1) & (numbers["depth"] < 12_000)
    good &= (numbers["area"] > 0) & (numbers["imgcount"] > 0)
    return pd.DataFrame(numbers[good].reset_index(drop=True))


def _number(text: str) -> float:
    value = as_number(text)
    return value if value >= 0 else float("nan")


def _angle(text: str, limit: float) -> float:
    value = as_number(text)
    return value if abs(value) <= limit else float("nan")


def _time(text: str) -> np.datetime64:
    time: np.datetime64 = pd.to_datetime(pd.Series([text]), errors="coerce").to_numpy(
        "datetime64[ns]"
    )[0]
    return time
