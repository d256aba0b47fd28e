"""UVP6: projects of the profiler, single archives of a sample, and what floats and gliders send.

A project has ``meta`` (a header with a row for each sample), ``ecodata/SAMPLE`` with
``SAMPLE_Particule.zip`` and ``SAMPLE_Images.zip`` (or the folder ``SAMPLE_Images``), or
``raw/SEQUENCE/SEQUENCE_data.txt``, and ``CTDdata``. Without a header every archive is a sample of
its own. Real-time samples are ``SAMPLE_SERIAL_DEPTH_LPM.txt`` (or TIME) with META beside them; what
the camera sorted on board (``TAXO``) is not read.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from seston.ecology.particles import Calibration
from seston.errors import InputError
from seston.frame import UInt8Array
from seston.readers import lpm, uvp6_data
from seston.readers import uvp6_vignettes as vignettes
from seston.readers.archive import open_file, open_shelf, text_lines
from seston.readers.casts import NEVER, Cast, CastReader, Cut, Pieces, select
from seston.readers.registry import register
from seston.readers.uvp6_data import Configuration
from seston.readers.uvp_tables import (
    cuts_of,
    image_number,
    number,
    pixel_mm,
    place_of,
    read_header,
    read_text,
    say_lost,
    start_of,
    told_of,
)

#: Size of an image (from memory); nothing in the files tells it.
_HEIGHT, _WIDTH = 2056, 2464
_PARTICLES, _IMAGES, _DATA, _LPM = "_Particule.zip", "_Images.zip", "_data.txt", "_LPM.txt"
_UNPACKED = "_Images"
#: Ends of what can tell of a sample, the surest first.
_OWN_FILES = (_PARTICLES, _DATA, _IMAGES, _UNPACKED)
_WHERE = ("", "ecodata/*/", "raw/*/", "*/")


@register(
    "uvp6",
    files="a project folder (meta/uvp6_header_*.txt, ecodata, raw, CTDdata), *_Particule.zip, "
    "*_Images (zip or folder), *_data.txt, or real-time *_LPM.txt",
    volume="images x image volume of the header or the camera's configuration",
    tested="real",
)
class Uvp6(CastReader):
    """The samples of one project or folder, or of one archive."""

    @classmethod
    def can_open(cls, path: Path) -> bool:
        """Look for archives and lists as a UVP6 leaves them."""
        if path.is_file():
            return path.name.endswith((_PARTICLES, _IMAGES))
        kinds = (_PARTICLES, _IMAGES, _UNPACKED, _DATA, _LPM)
        return path.is_dir() and any(
            next(path.glob(f"{place}*{kind}"), None) is not None
            for place in _WHERE for kind in kinds
        )  # fmt: skip

    @property
    def _root(self) -> Path:
        path = self.deployment.path
        return path.parent if path.is_file() else path

    def casts(self) -> list[Cast]:
        """Give the samples, in the order of time."""
        root = self._root
        headers = [] if self.deployment.path.is_file() else sorted(root.glob("meta/*_header_*.txt"))
        records = {r["profileid"]: (r, h) for h in headers for r in read_header(h)}
        found = self._listed(records) if records else self._found()
        casts = [self._cast(*one) for one in found] + self._real_time()
        if not casts:
            raise InputError("holds no sample of a UVP6", where=self.deployment.path)
        return sorted(casts, key=lambda c: (np.isnat(c.time), c.time, c.sample))

    def _listed(
        self, records: Mapping[str, tuple[Mapping[str, str], Path]]
    ) -> list[tuple[str, Path, Mapping[str, str]]]:
        """Give the samples of the header with the file of their particles, or the header itself."""
        return [
            (name, particles_of(self._root, name, record["filename"]) or header, record)
            for name, (record, header) in records.items()
        ]

    def _found(self) -> list[tuple[str, Path, Mapping[str, str]]]:
        """Find archives and sequences without a header: each is a sample."""
        path = self.deployment.path
        if path.is_file():
            paths = [path]
        else:
            paths = [p for place in _WHERE for kind in _OWN_FILES
                     for p in sorted(path.glob(f"{place}*{kind}"))]  # fmt: skip
        samples: dict[str, Path] = {}
        for one in paths:
            suffix = next(k for k in _OWN_FILES if one.name.endswith(k))
            samples.setdefault(one.name.removesuffix(suffix), one)
        return [(name, one, {}) for name, one in samples.items()]

    def _cast(self, sample: str, path: Path, header: Mapping[str, str]) -> Cast:
        problem, camera, record = "", uvp6_data.EMPTY, dict(header)
        try:
            camera, more = self._describe_file(path)
            record = {**more, **record}
        except InputError as error:
            problem = error.what
        latitude, longitude, wrong = place_of(record)
        size = _positive(camera.pixel_mm, pixel_mm(number(record.get("pixelsize"))))
        if not size > 0 and self.optics.pixel_width_mm:
            size = self.optics.pixel_width_mm
            wrong = wrong or "the size of a pixel is not told: the preset's"
        ctd = [self._root / "CTDdata" / f"{sample}.ctd",
               self._root / "ctd_data_cnv" / f"{sample}.ctd"]  # fmt: skip
        series = record.get("sampletype", "P")[:1].upper() not in ("P", "")
        whole = path.name.endswith(_PARTICLES)  # cut to the sample already
        return Cast(
            sample=sample, path=path.relative_to(self._root).as_posix(),
            paths=[path.relative_to(self._root).as_posix()],
            kind="time" if series else "depth",
            time=start_of({"filename": sample, **record}), latitude=latitude, longitude=longitude,
            calibration=camera.calibration(record), pixel_mm=size,
            height=_HEIGHT, width=_WIDTH,
            first=None if whole else image_number(record.get("firstimage")),
            last=None if whole else image_number(record.get("endimg")),
            ctd=next((c for c in ctd if c.is_file()), None), ecopart="image",
            integration_s=_positive(number(record.get("integrationtime")), 1.0),
            problem=problem or wrong,
            told={**told_of(record, "uvp6"), "offset": str(camera.offset_m),
                  "raw_file": record.get("filename", sample)},
        )  # fmt: skip

    def _describe_file(self, path: Path) -> tuple[Configuration, dict[str, str]]:
        """Read what a sample's own file tells of the camera and of the sample."""
        if path.name.endswith(_DATA):
            return uvp6_data.parse_configuration(_lines(path)), {}
        if path.name.endswith(_PARTICLES):
            return _metadata(path)
        if path.name.endswith((_IMAGES, _UNPACKED)):
            return vignettes.configuration(path)
        return uvp6_data.EMPTY, {}

    def _real_time(self) -> list[Cast]:
        path = self.deployment.path
        if path.is_file():
            return []
        lists = [p for place in ("", "*/") for p in sorted(path.glob(f"{place}*{_LPM}"))]
        return [self._sent(p) for p in lists]

    def _sent(self, path: Path) -> Cast:
        """Give the sample of a float or glider."""
        parts = path.name.removesuffix(_LPM).rsplit("_", 2)
        problem, meta = "", {}
        calibration = Calibration(aa=np.nan, exponent=np.nan, image_volume_l=np.nan)
        data = None
        try:
            meta = lpm.parse_meta(read_text(path.with_name(path.name.replace(_LPM, "_META.txt"))))
            calibration, _ = lpm.calibration(meta, path)
            data = lpm.parse_lpm(read_text(path), path)
        except InputError as error:
            problem = error.what
        ctd = path.with_name(path.name.replace(_LPM, "_CTD.txt"))
        camera = Configuration(meta, {})
        relative = path.relative_to(self._root).as_posix()
        return Cast(
            sample=parts[0], path=relative, paths=[relative],
            kind="time" if parts[-1].upper() == "TIME" else "depth",
            time=NEVER if data is None else _middle(data.time),
            latitude=np.nan if data is None else _mean(data.latitude),
            longitude=np.nan if data is None else _mean(data.longitude),
            calibration=calibration, pixel_mm=_positive(camera.pixel_mm, 0.073),
            height=_HEIGHT, width=_WIDTH, ecopart="row", problem=problem,
            ctd=ctd if ctd.is_file() else None,
            told={"raw_file": path.name, "instrument": "uvp6remote",
                  "offset": str(camera.offset_m)},
        )  # fmt: skip

    def other_files(self) -> list[Path]:
        """Give headers, archives or tables of vignettes, and the META of real-time samples."""
        root = self._root
        found = [] if self.deployment.path.is_file() else sorted(root.glob("meta/*_header_*.txt"))
        for cast in self.casts():
            archive, meta = self._archive(cast), root / cast.path.replace(_LPM, "_META.txt")
            found += [vignettes.stamped(archive)] if archive is not None else []
            found += [meta] if meta.is_file() and cast.path.endswith(_LPM) else []
        return found

    def images(self, cast: Cast) -> pd.DataFrame:
        """List the images of a sample."""
        path = self._root / cast.path
        own = float(cast.told["offset"])
        offset = own if self.cast.depth_offset_m is None else self.cast.depth_offset_m
        if path.name.endswith(_LPM):
            _sent_meta(path)
            return lpm.images(lpm.parse_lpm(read_text(path), path), cast.path, offset)
        if path.name.endswith((_IMAGES, _UNPACKED)):
            return vignettes.images(path, cast.path)
        if not path.name.endswith((_DATA, _PARTICLES)):
            raise InputError(
                f"no particles of sample {cast.sample!r}", where=self._root,
                cure="They are in ecodata/SAMPLE/SAMPLE_Particule.zip or "
                "raw/SEQUENCE/SEQUENCE_data.txt.",
            )  # fmt: skip
        images = uvp6_data.images(_lines(path), cast.path, offset)
        if images.empty:
            raise InputError("lists no images", where=path)
        descent = self.cast.descent_filter and cast.kind == "depth"
        return select(images, np.arange(len(images)), cast, descent=descent)

    def counts(self, cast: Cast, images: pd.DataFrame) -> Pieces:  # noqa: ARG002
        """Give the particles of a sample."""
        path = self._root / cast.path
        if path.name.endswith(_LPM):
            _, classes = lpm.calibration(_sent_meta(path), path)
            yield from lpm.counts(lpm.parse_lpm(read_text(path), path), classes)
        elif not path.name.endswith((_IMAGES, _UNPACKED)):
            yield from uvp6_data.counts(_lines(path))

    def cuts(self, cast: Cast, images: pd.DataFrame) -> tuple[list[Cut] | None, pd.DataFrame]:
        """Give the objects of the archive of images."""
        archive = self._archive(cast)
        if archive is None:
            return None, images
        cuts, lost = cuts_of(vignettes.read_table(archive), images, cast.pixel_mm)
        return cuts, say_lost(images, lost)

    def _archive(self, cast: Cast) -> Path | None:
        """Give the archive of a sample's vignettes, or the folder that it was unpacked to."""
        path = self._root / cast.path
        folders = (path.parent, self._root / "ecodata" / cast.sample)
        for kind in (_IMAGES, _UNPACKED):
            for place in (folder / f"{cast.sample}{kind}" for folder in folders):
                if place.is_file() or (kind == _UNPACKED and place.is_dir()):
                    return place
        return None

    def pictures(self, cast: Cast, names: Sequence[str]) -> Iterator[UInt8Array]:
        """Read vignettes of the archive of images, or of its folder."""
        path = self._archive(cast)
        if path is not None and names:
            yield from vignettes.read_pictures(path, names)

    def own_records(self) -> tuple[list[pd.DataFrame], list[str]]:
        """Read the CTD of every cast, and say which files are not read; see `Reader`."""
        records, problems = super().own_records()
        path = self.deployment.path
        places = [] if path.is_file() else ["", "*/"]
        sorted_on_board = [p for place in places for p in path.glob(f"{place}*_TAXO*.txt")]
        if sorted_on_board:
            count = len(sorted_on_board)
            problems.append(f"{count} files of taxa that the camera sorted on board (TAXO) are "
                            "not read: their particles count, without names")  # fmt: skip
        return records, problems


def particles_of(root: Path, sample: str, sequence: str) -> Path | None:
    """File of a sample's particles: its archive, else the list of its sequence."""
    places = (root / "ecodata" / sample / f"{sample}{_PARTICLES}",
              root / "raw" / sequence / f"{sequence}{_DATA}")  # fmt: skip
    return next((p for p in places if p.is_file()), None)


def _positive(*values: float) -> float:
    return next((v for v in values if v > 0), float("nan"))


def _middle(times: np.ndarray[tuple[int], np.dtype[np.datetime64]]) -> np.datetime64:
    """Middle of the first and the last time, to the second."""
    known = times[~np.isnat(times)]
    if not len(known):
        return NEVER
    half = (known[-1] - known[0]).astype("timedelta64[ns]") // 2
    return np.datetime64((known[0] + half).astype("datetime64[s]"), "ns")


def _mean(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    known = values[np.isfinite(values)]
    return round(float(known.mean()), 3) if len(known) else float("nan")


def _sent_meta(path: Path) -> dict[str, str]:
    return lpm.parse_meta(read_text(path.with_name(path.name.replace(_LPM, "_META.txt"))))


def _lines(path: Path) -> Iterator[str]:
    """Read the list of images, in an archive or not, line by line."""
    if path.name.endswith(_DATA):
        return text_lines(open_file(path), str(path))
    shelf = open_shelf(path)
    return shelf.lines(shelf.need("particules.csv"))


def _metadata(path: Path) -> tuple[Configuration, dict[str, str]]:
    """Read metadata.ini beside the particles; where there is none, their own first lines."""
    shelf = open_shelf(path)
    name = shelf.find("metadata.ini")
    if name is None:
        return uvp6_data.parse_configuration(_lines(path)), {}
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(shelf.text(name))
    except configparser.Error as error:
        what = f"metadata.ini is no such file: {error}".replace("\n", " ")
        raise InputError(what, where=path) from None
    parts = {n.lower(): dict(parser[n]) for n in parser.sections()}
    camera = Configuration(parts.get("hw_conf", {}), parts.get("acq_conf", {}))
    return camera, parts.get("sample_metadata", {})
