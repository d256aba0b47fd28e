"""UVP5: projects of an underwater vision profiler, as ZooProcess and its camera leave them.

A project is a folder ``uvp5_sn…``: ``meta`` has a header with a row for each profile, ``results``,
``work`` or ``raw`` the lists of images (dat) and of particles (bru), ``work`` the vignettes with
EcoTaxa's table, ``ctd_data_cnv`` the CTD.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seston.ecology.particles import Calibration
from seston.errors import InputError
from seston.frame import UInt8Array
from seston.readers import pictures
from seston.readers.casts import Cast, CastReader, Cut, Pieces, select, spoil
from seston.readers.names import natural
from seston.readers.registry import register
from seston.readers.uvp_tables import (
    cuts_of,
    image_number,
    number,
    parse_ecotaxa,
    pixel_mm,
    place_of,
    read_header,
    read_text,
    say_lost,
    start_of,
    told_of,
)

#: Size of an image where the configuration does not tell it (from memory: the standard camera).
_HEIGHT, _WIDTH = 1024, 1280
_ROWS_AT_ONCE = 500_000


@register(
    "uvp5",
    files="a project folder: meta/*_header_*.txt, *_datfile.txt or .dat, .bru or .bru1, work "
    "vignettes with ecotaxa_*.tsv, ctd_data_cnv/*.ctd",
    volume="images x volimage of the header",
    tested="simulated",
)
class Uvp5(CastReader):
    """The profiles of one project."""

    @classmethod
    def can_open(cls, path: Path) -> bool:
        """Look for a header, and for lists of images as a UVP5 leaves them."""
        if not path.is_dir() or next(path.glob("meta/*_header_*.txt"), None) is None:
            return False
        lists = ("results/*_datfile.txt", "work/*/HDR*.dat", "raw/HDR*/*.dat")
        return any(next(path.glob(pattern), None) is not None for pattern in lists)

    def casts(self) -> list[Cast]:
        """Give the profiles of the header, in the order of time."""
        root = self.deployment.path
        headers = sorted(root.glob("meta/*_header_*.txt"))
        if not headers:
            raise InputError(
                "no header of a project", where=root, cure="It is meta/uvp5_header_….txt."
            )
        camera = _equals(root / "config" / "uvp5_settings" / "uvp5_configuration_data.txt")
        casts = [self._cast(r, path, camera) for path in headers for r in read_header(path)]
        return sorted(casts, key=lambda c: (np.isnat(c.time), c.time, c.sample))

    def _cast(self, record: Mapping[str, str], header: Path, camera: Mapping[str, str]) -> Cast:
        root = self.deployment.path
        sample, name = record["profileid"], record["filename"]
        lists = [p.relative_to(root).as_posix() for p in dat_files(root, sample, name)]
        latitude, longitude, problem = place_of(record)
        size = pixel_mm(number(camera.get("pixel")))
        size = size if size > 0 else pixel_mm(number(record.get("pixelsize")))
        usual = self.optics.pixel_width_mm
        if not size > 0 and usual:
            size, problem = usual, problem or "the size of a pixel is not told: the preset's"
        volume = number(record.get("volimage")) or self.optics.imaged_volume_l or np.nan
        ctd = root / "ctd_data_cnv" / f"{sample}.ctd"
        smallest = number(_acquisition(root, sample, name).get("smbase"))
        series = record.get("sampletype", "P")[:1].upper() not in ("P", "")
        return Cast(
            sample=sample,
            path=lists[0] if lists else header.relative_to(root).as_posix(),
            paths=lists,
            kind="time" if series else "depth",
            time=start_of(record), latitude=latitude, longitude=longitude,
            calibration=Calibration(
                aa=number(record.get("aa")), exponent=number(record.get("exp")),
                image_volume_l=volume if volume > 0 else float("nan"),
                smallest_px=int(smallest) if smallest >= 1 else 1,
            ),
            pixel_mm=size,
            height=_size(camera, "ysize", _HEIGHT), width=_size(camera, "xsize", _WIDTH),
            first=image_number(record.get("firstimage")), last=image_number(record.get("endimg")),
            ctd=ctd if ctd.is_file() else None, ecopart="metre", problem=problem,
            told=told_of(record, "uvp5"),
        )  # fmt: skip

    def other_files(self) -> list[Path]:
        """Give headers, lists of particles, and tables and folders of vignettes."""
        root, found = self.deployment.path, sorted(self.deployment.path.glob("meta/*_header_*.txt"))
        found += [p for p in (root / "config" / "uvp5_settings").glob("*.txt") if p.is_file()]
        for cast in self.casts():
            found += [p for p, _ in bru_files(root, cast.sample, cast.told["raw_file"])]
            work = root / "work" / cast.sample
            found += [*sorted(work.glob("ecotaxa_*.tsv")), *([work] if work.is_dir() else [])]
        return found

    def images(self, cast: Cast) -> pd.DataFrame:
        """List the images of a profile."""
        if not cast.paths:
            raise InputError(
                f"no list of the images of profile {cast.sample!r}", where=self.deployment.path,
                cure="It is results/PROFILE_datfile.txt, work/PROFILE/HDR….dat or "
                "raw/HDR…/HDR…_000.dat.",
            )  # fmt: skip
        offset = self.cast.depth_offset_m or 0.0
        tables = [_dat(self.deployment.path / p, p, offset) for p in cast.paths]
        images = pd.concat(tables, ignore_index=True)
        images = images.sort_values("number", kind="stable", ignore_index=True)
        order = images.pop("number").to_numpy(np.int64)
        twice = pd.Series(order).duplicated().to_numpy()
        spoil(images, twice, "the number of the image stands twice in the list")
        images.attrs["number"] = order.tolist()
        descent = self.cast.descent_filter and cast.kind == "depth"
        return select(images, order, cast, descent=descent).assign(
            ecopart=lambda t: t["usable"] == 1
        )

    def counts(self, cast: Cast, images: pd.DataFrame) -> Pieces:
        """Give the particles of the bru files."""
        row = pd.Index(_numbers_of(images))
        for path, column in bru_files(self.deployment.path, cast.sample, cast.told["raw_file"]):
            for piece in _bru(path, column):
                at = row.get_indexer(pd.Index(piece["image"]))
                yield pd.DataFrame({"row": at, "area_px": piece["area_px"], "number": 1.0})[at >= 0]

    def cuts(self, cast: Cast, images: pd.DataFrame) -> tuple[list[Cut] | None, pd.DataFrame]:
        """Give the objects of EcoTaxa's table."""
        folder = self.deployment.path / "work" / cast.sample
        tables = sorted(folder.glob("ecotaxa_*.tsv"))
        if not tables:
            return None, images
        cuts: list[Cut] = []
        for path in tables:
            found, lost = cuts_of(parse_ecotaxa(read_text(path), path), images, cast.pixel_mm)
            cuts += found
            images = say_lost(images, lost)
        return cuts, images

    def pictures(self, cast: Cast, names: Sequence[str]) -> Iterator[UInt8Array]:
        """Read vignettes of the work folder."""
        for name in names:
            yield pictures.read_picture(self.deployment.path / "work" / cast.sample / name)


def _numbers_of(images: pd.DataFrame) -> list[int]:
    return [int(n) for n in images.attrs["number"]]


def dat_files(root: Path, sample: str, name: str) -> list[Path]:
    """Find the lists of images of a profile: of results, else of work, else of the raw folder."""
    for one in (
        root / "results" / f"{sample}_datfile.txt",
        root / "work" / sample / f"HDR{name}.dat",
    ):
        if one.is_file():
            return [one]
    raw = root / "raw" / f"HDR{name}"
    return sorted(raw.glob(f"HDR{name}*.dat"), key=lambda p: natural(p.name))


def bru_files(root: Path, sample: str, name: str) -> list[tuple[Path, int]]:
    """Find the lists of the particles of a profile, each with the column of the area."""
    for one in (root / "results" / f"{sample}.bru", root / "work" / sample / f"{sample}.bru"):
        if one.is_file():
            return [(one, 2)]  # of the layout bru1, whatever its name says
    raw = root / "raw" / f"HDR{name}"
    for suffix, column in ((".bru", 3), (".bru1", 2)):
        found = sorted(raw.glob(f"HDR{name}*{suffix}"), key=lambda p: natural(p.name))
        if found:
            return [(path, column) for path in found]
    return []


def _dat(path: Path, relative: str, offset: float) -> pd.DataFrame:
    """Read a list of images: number, time and pressure in tenths of a decibar."""
    rows = [line.split(";") for line in read_text(path).splitlines()[1:]]
    cells = [(row[0].strip(), row[1].strip(), row[2].strip()) for row in rows if len(row) >= 3]
    cells = [c for c in cells if c[0] and c[2]]
    if not cells:
        raise InputError("lists no images", where=path)
    table = pd.DataFrame(cells, columns=["number", "time", "pressure"], dtype=str)
    given = pd.to_numeric(table["number"], errors="coerce")
    good = given.between(0, 1 << 40)
    table, numbers = table[good].reset_index(drop=True), given[good].to_numpy(np.int64)
    first = table["pressure"].str.split("*").str[0]
    pressure = pd.to_numeric(first, errors="coerce")
    pressure = pressure.where(pressure.abs() < 200_000)
    depth = np.maximum(pressure.to_numpy(np.float64) * 0.1 + offset, 0.0)
    time = _times(table["time"])
    untimed = np.isnat(time)
    images = pd.DataFrame({
        "path": relative, "index_in_file": np.arange(len(table)), "time": time, "depth": depth,
        "images": 1.0, "usable": np.int8(1), "problem": "", "ecopart": True, "number": numbers,
    })  # fmt: skip
    spoil(images, untimed, "the time cannot be read")
    return images


def _times(text: pd.Series[str]) -> NDArray[np.datetime64]:
    """Read times as in ``20160710164151_998``."""
    whole = pd.to_datetime(text.str[:14], format="%Y%m%d%H%M%S", errors="coerce")
    fraction = pd.to_numeric("0." + text.str[15:].fillna("0"), errors="coerce").fillna(0)
    nanoseconds = (fraction * 1e9).round().astype("int64")
    return (whole + pd.to_timedelta(nanoseconds, unit="ns")).to_numpy("datetime64[ns]")


def _bru(path: Path, column: int) -> Iterator[pd.DataFrame]:
    """Read a list of particles piece by piece: image and area in pixels; bad rows are left out."""
    try:
        pieces = pd.read_csv(
            path, sep=";", header=None, skiprows=1, usecols=[0, column], names=range(column + 1),
            index_col=False, dtype=str, encoding="latin-1", on_bad_lines="skip", quoting=3,
            chunksize=_ROWS_AT_ONCE, engine="c",
        )  # fmt: skip
        for piece in pieces:
            numbers = piece.apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
            good = np.isfinite(numbers).all(axis=1)
            good[good] &= (numbers[good] >= [0, 1]).all(axis=1) & (numbers[good] < 1e12).all(axis=1)
            whole = numbers[good].astype(np.int64)
            yield pd.DataFrame({"image": whole[:, 0], "area_px": whole[:, 1]})
    except pd.errors.EmptyDataError:
        return
    except (pd.errors.ParserError, ValueError, OSError) as error:
        raise InputError(f"cannot be read: {error}", where=path) from None


def _equals(path: Path) -> dict[str, str]:
    """Read a file of ``key = value``, keys in small letters; nothing where it is not there."""
    if not path.is_file():
        return {}
    pairs = (line.partition("=") for line in read_text(path).splitlines())
    return {k.strip().lower(): v.strip().rstrip(";") for k, sign, v in pairs if sign}


def _acquisition(root: Path, sample: str, name: str) -> dict[str, str]:
    raw = _equals(root / "raw" / f"HDR{name}" / f"HDR{name}.hdr")
    return raw or _equals(root / "work" / sample / f"HDR{name}.txt")


def _size(camera: Mapping[str, str], name: str, usual: int) -> int:
    value = number(camera.get(name))
    return int(value) if 16 <= value < 1 << 15 else usual
