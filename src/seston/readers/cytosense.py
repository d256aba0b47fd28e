"""CytoSense: measurements that Cyz2Json has turned into JSON, with the images in them.

A measurement is a sample, an image a frame. An image stands for several particles (its subsample
factor) and has their share of the measurement's water, so that one that cannot be read leaves
concentrations as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seston.errors import InputError
from seston.frame import Vignette
from seston.readers import cyz_json, pictures
from seston.readers.cyz_json import Measurement
from seston.readers.listing import finish
from seston.readers.names import natural
from seston.readers.reader import VignetteReader, files_below, none_found
from seston.readers.registry import register

_SUFFIXES = frozenset({".json"})
#: The camera's image, pixels (of newer instruments; boxes beyond it make the frame larger).
_CAMERA_HEIGHT, _CAMERA_WIDTH = 1200, 1920
#: Files, and bytes of each, that are looked at to recognise a folder.
_LOOKED_AT, _HEAD = 20, 1 << 16
_KEYS = re.compile(rb'"(instrument|particles|images|filename)"\s*:')
_OWN = re.compile(rb'"(measurementSettings|measurementResults|sampleCoreSpeed|particleId)"'
                  rb'|\.cyz"', re.IGNORECASE)  # fmt: skip
_NO_PIXEL = (
    "the size of a pixel is not known: the file has no ImageScaleMuPerPixelP, and "
    "pixel_width_mm of campaigns.csv is empty"
)
_NO_VOLUME = (
    "the imaged volume is not known: the file tells none, and imaged_volume_l (of a measurement) "
    "of campaigns.csv is empty"
)
_L_PER_M3 = 1e3


@register(
    "cytosense",
    files="JSON of Cyz2Json with images (.cyz itself is not read)",
    volume="analysedVolume, else pumpedVolume; images count for all particles of their set",
    tested="simulated",
)
class CytoSense(VignetteReader):
    """Measurements of one deployment."""

    @classmethod
    def can_open(cls, path: Path) -> bool:
        """Look into the first JSON files for the keys of a measurement."""
        if not path.is_dir():
            return path.suffix.lower() in _SUFFIXES and _looks_right(path)
        some = islice(chain(path.glob("*.json"), path.glob("*/*.json")), _LOOKED_AT)
        return any(_looks_right(p) for p in some)

    def files(self) -> list[Path]:
        """Give the measurements in the order of their names."""
        if self.deployment.path.is_file():
            return [Path(self.deployment.path.name)]
        below = files_below(self.deployment.path, _SUFFIXES)
        return sorted(below, key=lambda path: natural(path.as_posix()))

    def frames(self) -> pd.DataFrame:
        """List all images; see `Reader.frames`."""
        files = self.files()
        if not files:
            raise none_found(self.deployment.path, _SUFFIXES)
        frames = pd.concat([self._list(path) for path in files], ignore_index=True)
        frames["line_interval"] = 0.0
        frames["scan"] = np.arange(len(frames))
        frames["first_line"] = frames["height"].cumsum() - frames["height"]
        volume, source = frames.pop("volume"), frames.pop("source")
        own = frames["problem"].copy()
        done = finish(frames, self.deployment.deployment, volume)
        done["volume_source"] = source
        unknown = volume.isna() & (done["usable"] == 1)
        done["problem"] = own.where(~unknown, _NO_VOLUME)
        return done

    def vignettes(self, path: str, indices: Sequence[int]) -> Iterator[list[Vignette]]:
        """Decode images of one measurement; see `VignetteReader.vignettes`."""
        source = self._folder / path
        found = _measurement(source).pictures
        for index in indices:
            if not found and index == 0:
                yield []
                continue
            if not 0 <= index < len(found):
                raise InputError(f"holds no image {index}", where=source)
            picture = found[index]
            content = cyz_json.image_bytes(source, picture.span)
            pixels = pictures.decode_picture(content, source, cyz_json.MAX_PIXELS)
            height, width = pixels.shape
            name = f"{_sample(Path(path))}_{picture.particle}"
            yield [Vignette(picture.top, picture.left, height, width, pixels, source_id=name)]

    @property
    def _folder(self) -> Path:
        path = self.deployment.path
        return path.parent if path.is_file() else path

    def _list(self, path: Path) -> pd.DataFrame:
        """List the images of a measurement: at least one frame."""
        try:
            found = _measurement(self._folder / path)
        except InputError as error:
            return self._unusable(path, error.what)
        if not found.pictures:
            return self._empty(path, found)
        names = ("top", "left", "height", "width", "problem")
        table = pd.DataFrame({name: [getattr(picture, name) for picture in found.pictures]
                              for name in names})  # fmt: skip
        height = np.maximum(_CAMERA_HEIGHT, table.pop("top") + table["height"])
        width = np.maximum(_CAMERA_WIDTH, table.pop("left") + table["width"])
        frames = table.assign(height=height, width=width, vignettes=1)
        frames["subsample_factor"] = found.weights
        share = found.weights / found.weights.sum()
        return self._filled(path, found, frames, share)

    def _empty(self, path: Path, found: Measurement) -> pd.DataFrame:
        """Give the frame of a measurement without images."""
        said = f"there is no image of any of its {found.particles:,} particles"
        frames = pd.DataFrame({"height": [_CAMERA_HEIGHT], "width": _CAMERA_WIDTH, "vignettes": 0,
                               "subsample_factor": 1.0})  # fmt: skip
        frames["problem"] = said if found.particles else ""
        return self._filled(path, found, frames, np.ones(1))

    def _filled(
        self, path: Path, found: Measurement, frames: pd.DataFrame, share: cyz_json.Float
    ) -> pd.DataFrame:
        """Add what all images of a measurement have in common."""
        pixel, preset = self._pixel(found)
        if not pixel:
            frames["problem"] = frames["problem"].where(frames["problem"] != "", _NO_PIXEL)
        frames["usable"] = (frames["problem"] == "").astype(np.int8)
        notes = [*found.notes, *([preset] if preset else [])]
        first = frames.index[0]
        told = [text for text in (str(frames.loc[first, "problem"]), *notes) if text]
        frames.loc[first, "problem"] = ", ".join(told)
        volume, source = self._volume(found)
        offset = np.timedelta64(round(self.deployment.clock_offset_s * 1e9), "ns")
        return frames.assign(
            path=path.as_posix(), index_in_file=np.arange(len(frames)), time=found.start + offset,
            sample=_sample(path), volume=volume * share, source=source,
            pixel_width=pixel or np.nan,
            pixel_height=(self.optics.pixel_height_mm or pixel) if pixel else np.nan,
        )  # fmt: skip

    def _pixel(self, found: Measurement) -> tuple[float, str]:
        """Side of a pixel: of campaigns.csv, else of the file, else of the settings."""
        if self.deployment.pixel_width_mm:
            return self.deployment.pixel_width_mm, ""
        if np.isfinite(found.pixel_mm):
            return found.pixel_mm, ""
        usual = self.optics.pixel_width_mm or 0.0
        said = f"the file tells no size of a pixel: {usual * 1e3:g} um of the settings is taken"
        return usual, said if usual else ""

    def _volume(self, found: Measurement) -> tuple[float, str]:
        if np.isfinite(found.volume):
            return found.volume, "header"
        litres = self.optics.imaged_volume_l
        return (np.nan, "") if litres is None else (litres / _L_PER_M3, "config")

    def _unusable(self, path: Path, problem: str) -> pd.DataFrame:
        told: dict[str, Any] = {
            "path": path.as_posix(), "index_in_file": 0, "height": 0, "width": 0, "vignettes": 0,
            "time": np.datetime64("NaT", "ns"), "sample": _sample(path), "usable": 0,
            "problem": problem, "volume": np.nan, "source": "", "subsample_factor": 1.0,
        }  # fmt: skip
        return pd.DataFrame([told])


def _measurement(path: Path) -> Measurement:
    try:
        stat = path.stat()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from None
    return _remembered(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=2)
def _remembered(path: Path, size: int, changed: int) -> Measurement:  # noqa: ARG001 - they are the key
    return cyz_json.read(path)


def _sample(path: Path) -> str:
    """Name a measurement by its file, and by its folder below the deployment's."""
    return re.sub(r"(\.cyz)?\.json$", "", path.as_posix(), flags=re.IGNORECASE)


def _looks_right(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return bool(_KEYS.search(head) and _OWN.search(head))
