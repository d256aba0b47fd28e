"""Files of frames: pictures, of one frame each, and videos, of many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from seston.frame import UInt8Array
from seston.readers import pictures, raw_avi, video
from seston.readers.piece import Piece
from seston.readers.reader import FrameReader
from seston.readers.video import VideoHeader

SUFFIXES = video.SUFFIXES | pictures.SUFFIXES
#: A header that promises more frames than these beside the ones there are is not believed.
MOST_MISSING = 4096


def is_film(path: Path) -> bool:
    """Say by its name whether a file is a video."""
    return path.suffix.lower() in video.SUFFIXES


def read_header(path: Path) -> VideoHeader:
    """Read the header of a video or a picture: the latter is one frame, without a rate.

    Raises
    ------
    InputError
        See `video.read_header` and `pictures.read_header`.
    """
    if is_film(path):
        return video.read_header(path)
    size = pictures.read_header(path)
    return VideoHeader(size.height, size.width, 1, 1, float("nan"))


class FilmReader(FrameReader):
    """An instrument that leaves its frames in videos, in pictures, or in both."""

    def read(self, path: str, indices: Sequence[int]) -> Iterator[UInt8Array]:
        """Decode frames of one file; see `FrameReader.read`."""
        file = self.deployment.path / path
        if is_film(file):
            yield from video.read_frames(file, indices)
            return
        for _ in indices:
            yield pictures.read_picture(file)

    def fill(self, path: str, pieces: Sequence[Piece]) -> Iterator[None]:
        """Read pieces of frames: where a video is not compressed, their bytes alone."""
        file = self.deployment.path / path
        plain = raw_avi.find_pixels(file) if file.suffix.lower() == ".avi" else None
        if plain is None:
            yield from super().fill(path, pieces)
        else:
            yield from raw_avi.fill(file, plain, pieces)
