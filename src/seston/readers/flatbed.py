"""Flatbed scans of net samples as ZooImage keeps them: a picture and a .zim of each fraction.

``<label>+<fraction>.jpg`` is the scan, ``<label>+<fraction>.zim`` tells how much of the sample it
holds and how large its pixels are, ``*.zis`` lists the samples. The vignettes that ZooImage cut
out (.zid) are not looked at: the scan shows more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from seston.errors import InputError
from seston.frame import UInt8Array
from seston.readers import keyed, pictures
from seston.readers.keyed import Keyed, number
from seston.readers.names import natural
from seston.readers.net_samples import Scan, list_scans
from seston.readers.reader import FrameReader, files_below, none_found
from seston.readers.registry import register
from seston.readers.zooprocess import time_of

_FRACTION = re.compile(r"^(?P<label>.+)\+(?P<fraction>[A-Za-z]\d{0,2})$")
_ZIM = frozenset({".zim"})
_ZIS = frozenset({".zis"})
_AT_A_TIME = 4
_MM = {"mm": 1.0, "": 1.0, "um": 1e-3, "µm": 1e-3, "cm": 10.0, "inch": 25.4}
#: The resolution in the picture's header may differ from the calibrated one by this share.
_CALIBRATED = 0.05
Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class _Samples:
    """The samples that .zis files list, by label, and what was wrong with them."""

    rows: dict[str, Row]
    problems: list[str]

    def find(self, label: str) -> Row:
        """Find a sample by its label.

        Scans made before they are named bear another series in front: ``ScanCol24.`` for
        ``BIO.``. The rest is looked up then, if one sample alone has it.
        """
        if label in self.rows:
            return self.rows[label]
        rest = label.partition(".")[2]
        same = [row for name, row in self.rows.items() if rest and name.partition(".")[2] == rest]
        return same[0] if len(same) == 1 else {}


@register(
    "flatbed",
    files="scans (.jpg, .png, .tif), a .zim beside each, and a .zis of samples",
    volume="`VolIni` (m3) and `SubPart` of each .zim",
    tested="real",
)
class Flatbed(FrameReader):
    """The scans of a folder: one is one frame."""

    logs_beside = False

    @classmethod
    def can_open(cls, path: Path) -> bool:
        """Look for a .zim and the picture that it speaks of."""
        if not path.is_dir():
            return False
        names = {p.name.lower() for p in path.iterdir()}
        stems = [name.removesuffix(".zim") for name in names if name.endswith(".zim")]
        return any(stem + suffix in names for stem in stems for suffix in pictures.SUFFIXES)

    def files(self) -> list[Path]:
        """Give the scans in the order of their names, numbers by value."""
        below = files_below(self.deployment.path, pictures.SUFFIXES | _ZIM)
        told = {p.with_suffix("") for p in below if p.suffix.lower() in _ZIM}
        scans = [
            p
            for p in below
            if p.suffix.lower() in pictures.SUFFIXES
            and (_FRACTION.match(p.stem) or p.with_suffix("") in told)
        ]
        return sorted(scans, key=lambda path: natural(path.as_posix()))

    def frames(self) -> pd.DataFrame:
        """List the scans; see `Reader.frames`."""
        files = self.files()
        if not files:
            raise none_found(self.deployment.path, pictures.SUFFIXES)
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            scans = list(pool.map(self._look_into, files))
        return list_scans(scans, self.deployment, self._lacking(files))

    def read(self, path: str, indices: Sequence[int]) -> Iterator[UInt8Array]:
        """Decode one scan; see `FrameReader.read`."""
        for _ in indices:
            yield pictures.read_picture(self.deployment.path / path)

    def environment_files(self) -> list[Path]:
        """Give what campaigns.csv names, and the files that scans are read with."""
        beside = files_below(self.deployment.path, _ZIM | _ZIS)
        return [*self.log_files(), *sorted(self.deployment.path / p for p in beside)]

    def own_records(self) -> tuple[list[pd.DataFrame], list[str]]:
        """Give no records: a net has no log of its own; see `Reader.own_records`."""
        return [], list(self._samples.problems)

    def __getstate__(self) -> dict[str, object]:
        """Travel to workers without what was read."""
        return {k: v for k, v in self.__dict__.items() if k != "_samples"}

    @cached_property
    def _samples(self) -> _Samples:
        samples = _Samples({}, [])
        for path in sorted(files_below(self.deployment.path, _ZIS)):
            try:
                table = keyed.read(self.deployment.path / path).tables.get("samples")
            except InputError as error:
                samples.problems.append(f"{path.name}: {error.what}")
                continue
            for row in table.records() if table else ():
                samples.rows.setdefault(row.get("label", ""), row)
        return samples

    def _sample(self, path: Path) -> tuple[str, Row]:
        """Name the sample of a scan, as its .zis does where there is one."""
        found = _FRACTION.match(path.stem)
        label = found["label"] if found else path.stem
        row = self._samples.find(label)
        return row.get("label", label), row

    def _lacking(self, files: Sequence[Path]) -> dict[str, str]:
        """Name the fractions that a .zim tells of, and that no scan shows."""
        there = {path.with_suffix("") for path in files}
        lacking: dict[str, str] = {}
        for path in files_below(self.deployment.path, _ZIM):
            if _FRACTION.match(path.stem) and path.with_suffix("") not in there:
                lacking[self._sample(path)[0]] = f"the scan of {path.name} is missing"
        return lacking

    def _look_into(self, path: Path) -> Scan:
        sample, row = self._sample(path)
        scan = Scan(path=path.as_posix(), sample=sample)
        whole = self.deployment.path / path
        try:
            zim = keyed.read(_beside(whole))
            size = pictures.read_header(whole)
            dots = pictures.read_resolution(whole)
        except InputError as error:
            return replace(scan, problem=error.what)
        scan = _of_sample(scan, row)
        scan = _of_fraction(scan, zim, self.deployment.pixel_width_mm, dots)
        return replace(scan, height=size.height, width=size.width)


def _beside(scan: Path) -> Path:
    """Find the .zim of a scan."""
    for suffix in (".zim", ".ZIM"):
        if scan.with_suffix(suffix).is_file():
            return scan.with_suffix(suffix)
    raise InputError(
        "no .zim tells how much of the sample it shows",
        where=scan,
        cure=f"Put {scan.with_suffix('.zim').name} beside it.",
    )


def _of_sample(scan: Scan, row: Row) -> Scan:
    """Take over what the table of samples tells."""
    remarks = [] if row else [f"no .zis lists the sample {scan.sample}"]
    time = time_of(f"{row.get('date', '')} {row.get('time', '')}".strip())
    if row and np.isnat(time):
        remarks.append(f"{row.get('date', '')!r} is no date")
    latitude, longitude = (
        _degrees(row.get(name, ""), name, limit, remarks)
        for name, limit in (("latitude", 90), ("longitude", 180))
    )
    ends = number(row.get("depthmin", "")), number(row.get("depthmax", ""))
    return replace(
        scan, time=time, latitude=latitude, longitude=longitude,
        depth_min=float(np.fmin(*ends)), depth_max=float(np.fmax(*ends)),
        filtered=_positive(number(row.get("sampvol", ""))), remark="; ".join(remarks),
    )  # fmt: skip


def _degrees(text: str, name: str, limit: float, remarks: list[str]) -> float:
    value = number(text)
    if abs(value) <= limit:
        return value
    if text:
        remarks.append(f"{name} {text!r} is not within {limit:g} degrees")
    return float("nan")


def _of_fraction(scan: Scan, zim: Keyed, own_pixel: float | None, dots: float | None) -> Scan:
    """Take over what the .zim tells: its volume stands before the table's."""
    initial = _positive(number(zim.get("subsample", "volini")))
    part = number(zim.get("subsample", "subpart"))
    cells = number(zim.get("subsample", "cellpart") or "1")
    replicates = number(zim.get("subsample", "replicates") or "1")
    share = part * cells * replicates
    unit = zim.get("calibration", "pixelunit").lower()
    pixel = own_pixel or _positive(number(zim.get("calibration", "pixelsize"))) * _MM.get(
        unit, np.nan
    )
    problem, remark = "", scan.remark
    if not 0 < share <= 1:
        problem = (
            f"SubPart {zim.get('subsample', 'subpart')!r} x CellPart x Replicates is not a share "
            "of the sample, above 0 and up to 1"
        )
    elif not pixel > 0:
        problem = f"PixelSize {zim.get('calibration', 'pixelsize')!r} {unit} is no size of a pixel"
    elif dots and abs(pixel * dots / 25.4 - 1) > _CALIBRATED:
        said = f"its picture says {dots:g} dots an inch, its .zim pixels of {pixel:g} mm"
        remark = "; ".join(filter(None, (remark, f"{said}: the .zim stands")))
    filtered = scan.filtered if np.isnan(initial) else initial
    factor = 1 / share if share > 0 else np.nan
    return replace(scan, filtered=filtered, factor=factor, pixel=pixel, problem=problem,
                   remark=remark)  # fmt: skip


def _positive(value: float) -> float:
    return value if value > 0 else float("nan")
