"""ZooScan projects: scans of net samples, or what ZooProcess has cut out of them.

A project is a folder ``Zooscan_<project>_sn<NNN>`` that holds Zooscan_scan, Zooscan_back,
Zooscan_meta and Zooscan_config. ``zooscan`` reads the 8-bit scans and finds the objects here;
``zooscan-work`` takes the objects of ``Zooscan_scan/_work``, as ZooProcess separated them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from seston.errors import InputError
from seston.frame import UInt8Array, Vignette
from seston.readers import keyed, pictures, zooscan_back
from seston.readers.keyed import Keyed
from seston.readers.names import natural
from seston.readers.net_samples import Scan, list_scans
from seston.readers.reader import FrameReader, Reader, VignetteReader
from seston.readers.registry import register
from seston.readers.zooprocess import (
    Finished,
    Record,
    Tables,
    haul,
    read_pid,
    read_tables,
    time_of,
    vignettes_of,
)

SCANS = Path("Zooscan_scan")
WORK = SCANS / "_work"
RAW = SCANS / "_raw"
_CONFIG = Path("Zooscan_config") / "process_install_both_config.txt"
_PID = "_dat1.pid"
_MM_PER_INCH = 25.4
_AT_A_TIME = 4
#: Lines below a vignette for the bar that tells its scale.
_FOOTER = 31


class _Project(Reader):
    """What both ways into a project share."""

    logs_beside = False

    def environment_files(self) -> list[Path]:
        """Give what campaigns.csv names, and the files that scans are read with."""
        folder = self.deployment.path
        beside = [*(folder / "Zooscan_meta").glob("*.csv"), *(folder / RAW).glob("*.txt"),
                  *(folder / zooscan_back.FOLDER).glob("*.tif")]  # fmt: skip
        return [*self.log_files(), *sorted(beside)]

    def own_records(self) -> tuple[list[pd.DataFrame], list[str]]:
        """Give no records: a net has no log of its own; see `Reader.own_records`."""
        return [], list(self._tables.problems)

    @cached_property
    def _tables(self) -> Tables:
        return read_tables(self.deployment.path)

    def __getstate__(self) -> dict[str, object]:
        """Travel to workers without what was read."""
        return {k: v for k, v in self.__dict__.items() if k != "_tables"}

    def _scan(self, path: Path, name: str, pid: Keyed | None = None) -> Scan:
        """Say what the files tell of a scan, but for its picture."""
        record = self._tables.scan(name) or self._meta(name) or (_of_pid(pid) if pid else {})
        if not record:
            what = "neither the tables nor a _meta.txt tell of which sample it is"
            return Scan(path=path.as_posix(), problem=what)
        told = haul(record)
        return Scan(
            path=path.as_posix(), sample=told.sample, time=told.time, latitude=told.latitude,
            longitude=told.longitude, depth_min=told.depth_min, depth_max=told.depth_max,
            filtered=told.filtered, factor=told.factor, problem=told.problem, remark=told.remark,
        )  # fmt: skip

    def _meta(self, name: str) -> Record:
        path = self.deployment.path / RAW / f"{name}_meta.txt"
        try:
            return keyed.read(path).section("") if path.is_file() else {}
        except InputError:
            return {}

    def _sized(self, scan: Scan, resolution: float | None) -> Scan:
        """Give a scan the size of its pixels."""
        if self.deployment.pixel_width_mm is not None:
            return replace(scan, pixel=self.deployment.pixel_width_mm)
        if resolution:
            return replace(scan, pixel=_MM_PER_INCH / resolution)
        usual = self.optics.pixel_width_mm
        if usual is None:
            return replace(scan, problem=scan.problem or "nothing tells the size of its pixels")
        said = f"nothing tells its resolution: pixels are taken to be {usual:.6g} mm"
        return replace(scan, pixel=usual, remark=_and(scan.remark, said))

    def _lacking(self, scans: Sequence[Scan], names: Sequence[str]) -> dict[str, str]:
        """Name the scans that the table lists of a sample, and that are not there."""
        there = {name.lower() for name in names}
        lacking: dict[str, str] = {}
        for sample in dict.fromkeys(scan.sample for scan in scans if scan.sample):
            missing = [n for n in self._tables.scans_of(sample) if n.lower() not in there]
            if missing:
                lacking[sample] = f"the scan {missing[0]} of the same sample is missing"
        return lacking


def _and(first: str, second: str) -> str:
    return "; ".join(filter(None, (first, second)))


def _of_pid(pid: Keyed) -> Record:
    """Give the header of a .pid as a record of the tables."""
    part = {"fracnb": pid.get("subsample", "subpart")}
    sample = pid.section("sample")
    return {**sample, **part} if sample else {}


def _scans(folder: Path) -> list[Path]:
    """List the 8-bit scans of a project, relative to it."""
    try:
        found = [p for p in (folder / SCANS).iterdir() if p.suffix.lower() in pictures.TIFF]
    except OSError:
        return []
    return sorted((p.relative_to(folder) for p in found if not p.name.startswith(".")),
                  key=lambda p: natural(p.as_posix()))  # fmt: skip


def _finished(folder: Path) -> list[Path]:
    """List the .pid files of a project, relative to it: one in the folder of its scan each."""
    try:
        found = (folder / WORK).glob(f"*/*{_PID}")
        own = [p.relative_to(folder) for p in found if _name(p) == p.parent.name]
    except OSError:
        return []
    return sorted(own, key=lambda p: natural(p.as_posix()))


def _name(pid: Path) -> str:
    return pid.name.removesuffix(_PID)


def _all_finished(folder: Path) -> bool:
    done = {_name(path) for path in _finished(folder)}
    return bool(done) and {path.stem for path in _scans(folder)} <= done


@register(
    "zooscan",
    files="project folder: Zooscan_scan/*.tif of 8 bits, Zooscan_back, Zooscan_meta/*.csv",
    volume="`vol` of the table of samples, `fracnb` of the table of scans",
    tested="simulated",
)
class ZooScan(_Project, FrameReader):
    """The scans of a project: one is one frame, of up to 512 Mpx.

    Memory of a worker: the scan, its background and the corrected scan, one byte a pixel each,
    and one scan more while it is read: 1.3 GB for a whole tray at 2400 dpi (330 Mpx), measured
    as 1.8 GB with all libraries and 2,699 objects. At the limit of 512 Mpx it is 2.1 GB.
    """

    @classmethod
    def can_open(cls, path: Path) -> bool:
        """Look for scans of which not all are finished."""
        raw = path.is_dir() and any((path / RAW).glob("*.tif"))
        return (bool(_scans(path)) or raw) and not _all_finished(path)

    def files(self) -> list[Path]:
        """Give the scans in the order of their names, numbers by value."""
        return _scans(self.deployment.path)

    def frames(self) -> pd.DataFrame:
        """List the scans; see `Reader.frames`."""
        files = self.files()
        if not files:
            raise self._no_scans()
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            scans = list(pool.map(self._look_into, files))
        return list_scans(scans, self.deployment, self._lacking(scans, [f.stem for f in files]))

    def read(self, path: str, indices: Sequence[int]) -> Iterator[UInt8Array]:
        """Decode one scan; see `FrameReader.read`."""
        for _ in indices:
            yield pictures.read_picture(self.deployment.path / path)

    def background(self, path: str, index: int) -> UInt8Array | None:  # noqa: ARG002
        """Give the scan of the empty tray that belongs to a scan; see `FrameReader.background`."""
        chosen, _ = self._background(Path(path))
        if chosen is None:
            return None
        size = pictures.read_header(self.deployment.path / path)
        resolution = self._resolution(Path(path)) or _MM_PER_INCH / (
            self.optics.pixel_width_mm or 1.0
        )
        return zooscan_back.fitted(chosen, (size.height, size.width), resolution)

    def _no_scans(self) -> InputError:
        folder = self.deployment.path / SCANS
        if any((self.deployment.path / RAW).glob("*.tif")):
            return InputError(
                "holds raw scans of 16 bits only",
                where=folder,
                cure="Let ZooProcess convert them to 8 bits, as its lut.txt says: the scale "
                "follows from the median of each scan.",
            )
        return InputError("holds no scans (*.tif)", where=folder,
                          cure="Correct `path` in campaigns.csv: the folder that holds "
                          "Zooscan_scan.")  # fmt: skip

    def _look_into(self, path: Path) -> Scan:
        whole = self.deployment.path / path
        scan = self._scan(path, path.stem)
        try:
            size = pictures.read_header(whole)
            scan = self._sized(scan, self._resolution(path))
        except InputError as error:
            return replace(scan, problem=error.what)
        _, remark = self._background(path)
        return replace(scan, height=size.height, width=size.width, remark=_and(scan.remark, remark))

    def _resolution(self, path: Path) -> float | None:
        """Dots an inch: of the picture's header, else of the project's configuration."""
        return pictures.read_resolution(self.deployment.path / path) or self._configured

    @property
    def _configured(self) -> float | None:
        path = self.deployment.path / _CONFIG
        try:
            told = keyed.number(keyed.read(path).get("", "resolution"))
        except InputError:
            return None
        return told if 50 <= told <= 20_000 else None

    def _background(self, path: Path) -> tuple[zooscan_back.Background | None, str]:
        """Choose the background of a scan, and say what is doubtful about it."""
        time, area = self._scanned(path.stem)
        able = zooscan_back.list_backgrounds(self.deployment.path)
        chosen = zooscan_back.latest(able, time, area)
        if chosen is None:
            return None, "no scan of the empty tray before it: its own level stands for that"
        unsure = np.isnat(time) and len(able) > 1
        file = chosen.files[0]
        try:
            for one in chosen.files:
                pictures.read_header(one)
        except InputError as error:
            return None, f"{file.name}: {error.what}: its own level stands for that"
        return chosen, f"nothing tells when it was scanned: {file.name} is taken" if unsure else ""

    def _scanned(self, name: str) -> tuple[np.datetime64, str]:
        """When and which area of the tray was scanned."""
        for folder in (RAW, WORK / name):
            path = self.deployment.path / folder / f"{name}_log.txt"
            try:
                log = keyed.read(path)
            except InputError:
                continue
            area = log.get("image", "scanning_area").lower()
            return time_of(log.get("image", "scanning_date")), area
        return np.datetime64("NaT", "ns"), ""


@register(
    "zooscan-work",
    files="project folder: Zooscan_scan/_work/<scan>/<scan>_dat1.pid and its vignettes",
    volume="`vol` of the table of samples, `fracnb` of the table of scans",
    tested="simulated",
)
class ZooScanWork(_Project, VignetteReader):
    """The scans of a project that ZooProcess has finished."""

    @classmethod
    def can_open(cls, path: Path) -> bool:
        """Look for scans that are all finished."""
        return _all_finished(path)

    def files(self) -> list[Path]:
        """Give the .pid files in the order of their names, numbers by value."""
        return _finished(self.deployment.path)

    def frames(self) -> pd.DataFrame:
        """List the finished scans; see `Reader.frames`."""
        files = self.files()
        if not files:
            raise InputError(
                f"holds no finished scans (<scan>/<scan>{_PID})",
                where=self.deployment.path / WORK,
                cure="Name the instrument `zooscan` in campaigns.csv to find the objects here.",
            )
        scans = [self._look_into(path) for path in files]
        return list_scans(scans, self.deployment, self._lacking(scans, [_name(f) for f in files]))

    def vignettes(self, path: str, indices: Sequence[int]) -> Iterator[list[Vignette]]:
        """Read the objects of one scan; see `VignetteReader.vignettes`."""
        whole = self.deployment.path / path
        for _ in indices:
            finished = read_pid(whole)
            pixel = self._sized(Scan(path=path), _resolution(finished)).pixel
            found = list(vignettes_of(finished, pixel, whole))
            items = [row["item"] for row in finished.objects.records()]
            stem = _name(whole)
            yield [
                replace(vignette, pixels=_picture(whole.parent, f"{stem}_{item}", vignette))
                for vignette, item in zip(found, items, strict=True)
            ]

    def _look_into(self, path: Path) -> Scan:
        try:
            finished = read_pid(self.deployment.path / path)
        except InputError as error:
            return replace(self._scan(path, _name(path)), problem=error.what)
        scan = self._sized(self._scan(path, _name(path), finished.file), _resolution(finished))
        return replace(
            scan, height=finished.height, width=finished.width,
            vignettes=len(finished.objects.rows),
        )  # fmt: skip


def _resolution(finished: Finished) -> float | None:
    """Dots an inch of a finished scan.

    The size of its pixels stands beside it, but rounded: 0.0106 mm at 2400 dots an inch.
    """
    for section in ("image_process", "particules_process", "info"):
        told = keyed.number(finished.file.get(section, "resolution"))
        if 50 <= told <= 20_000:
            return told
    size = keyed.number(finished.file.get("particules_process", "pixsize"))
    return _MM_PER_INCH / size if 0.001 <= size <= 1 else None


_PLAIN = re.compile(r"^[\w.+-]+$")


def _picture(folder: Path, stem: str, vignette: Vignette) -> UInt8Array | None:
    """Read the picture of an object, without the margin and the bar that ZooProcess adds."""
    if not _PLAIN.match(stem):
        return None
    for suffix in (".jpg", ".png"):
        path = folder / f"{stem}{suffix}"
        try:
            return _box_of(path, vignette) if path.is_file() else None
        except InputError:
            return None  # the table tells its size: it is measured there
    return None


def _box_of(path: Path, vignette: Vignette) -> UInt8Array | None:
    """Cut the bounding box out of a vignette: it lies in the middle of the part above the bar."""
    height, width = vignette.height, vignette.width
    size = pictures.read_header(path)
    footer = _FOOTER if size.height == round(1.4 * height + _FOOTER) else 0
    top, left = (size.height - footer - height) // 2, (size.width - width) // 2
    if min(top, left) < 0 or size.height > 3 * height + 200 or size.width > 3 * width + 1000:
        return None
    picture = pictures.read_picture(path)
    return np.ascontiguousarray(picture[top : top + height, left : left + width])
