"""Frames of video files as grey levels.

Grey levels are exact for grey, palette and RGB video in lossless codecs: nothing is rescaled.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seston.errors import InputError
from seston.frame import UInt8Array
from seston.readers.avi import read_avi
from seston.readers.pictures import MAX_PIXELS, check_size, check_there

if TYPE_CHECKING:  # libav is loaded with the first frame: most folders hold no video
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

SUFFIXES = frozenset({".avi", ".mp4", ".mov", ".mkv", ".m4v"})
_INTRA = frozenset({"rawvideo", "ffv1", "mjpeg", "huffyuv", "ffvhuff", "utvideo", "png", "v210"})
_DEEP = ("16", "14", "12", "10", "f32")


def _damage() -> tuple[type[Exception], ...]:
    """Give what libav raises on files that are cut or damaged."""
    from av import FFmpegError

    return FFmpegError, ValueError


@dataclass(frozen=True, slots=True)
class VideoHeader:
    """What a video says of itself.

    Parameters
    ----------
    height, width : int
        Size of a frame, pixels.
    claimed : int
        Frames that the header promises, at least `complete`.
    complete : int
        Frames that the file holds.
    rate : float, Hz
        Frames per second when played, NaN if unknown.
    """

    height: int
    width: int
    claimed: int
    complete: int
    rate: float


def read_header(path: Path) -> VideoHeader:
    """Read the header of a video without decoding a frame.

    Raises
    ------
    InputError
        The file is empty, is not a video, or claims frames larger than `MAX_PIXELS`.
    """
    check_there(path)
    if path.suffix.lower() == ".avi":
        avi = read_avi(path)
        header = VideoHeader(avi.height, avi.width, avi.claimed, avi.complete, avi.rate)
    else:
        header = _header_by_libav(path)
    check_size(path, header.height, header.width)
    return header


def _header_by_libav(path: Path) -> VideoHeader:
    with _open(path) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate) if stream.average_rate else float("nan")
        claimed, complete = _counted(container, stream, rate, path)
        return VideoHeader(stream.height, stream.width, max(claimed, complete), complete, rate)


def _counted(
    container: InputContainer, stream: VideoStream, rate: float, path: Path
) -> tuple[int, int]:
    """Frames that a file promises, and those whose bytes it holds.

    Where an index tells the place of each (MP4, MOV), the end of the file says which are there.
    Else they are counted (MKV), and the promise is the length in time, if it is told.
    """
    size = path.stat().st_size
    places = [entry.pos + entry.size for entry in stream.index_entries]
    if stream.frames and len(places) >= stream.frames:
        return stream.frames, sum(end <= size for end in places)
    try:
        held = sum(bool(p.size and not p.is_corrupt) for p in container.demux(stream))
    except _damage() as error:
        raise InputError(f"the video is damaged: {error}", where=path) from None
    lasting = (container.duration or 0) / 1e6  # microseconds
    told = round(lasting * rate) if np.isfinite(lasting * rate) else 0
    return (told if told > held + 1 else stream.frames), held


def _open(path: Path) -> InputContainer:
    import av

    check_there(path)
    try:
        container = av.open(str(path))
    except _damage() as error:
        raise InputError(f"not a video that can be read: {error}", where=path) from None
    streams = container.streams.video
    if not streams or getattr(streams[0], "codec_context", None) is None:
        container.close()
        raise InputError("the file holds no video that can be decoded", where=path)
    return container


def read_frames(path: Path, indices: Sequence[int]) -> Iterator[UInt8Array]:
    """Decode frames of a video.

    Parameters
    ----------
    path : Path
        The video.
    indices : sequence of int
        Numbers of the frames, from 0. In rising order each is decoded once.

    Yields
    ------
    array (y, x), uint8
        Grey levels: the grey plane as it is, or the luminance of colour.

    Raises
    ------
    InputError
        The file cannot be opened, or does not give one of the frames.
    """
    if not len(indices):
        return
    with _open(path) as container:
        stream = container.streams.video[0]
        check_size(path, stream.height, stream.width)
        stream.codec_context.thread_count = 1  # the frames of a campaign keep all cores busy
        yield from _wanted(container, stream, indices, path)


def _wanted(
    container: InputContainer, stream: VideoStream, indices: Sequence[int], path: Path
) -> Iterator[UInt8Array]:
    decoded: Iterator[tuple[int, VideoFrame]] = iter(())
    after = -1  # the last frame decoded; a jump must be found
    if indices[0] and stream.codec_context.pix_fmt == "pal8":
        _take_one(container.decode(stream))  # the palette comes with the first frame alone
    jumps = _is_numbered(container, stream) or container.format.name != "avi"
    for wanted in indices:
        if after < 0 or wanted <= after or (jumps and wanted > after + 1):
            decoded = _decode_from(container, stream, int(wanted), path, back=wanted <= after)
        yield _grey(_find(decoded, int(wanted), path), path)
        after = int(wanted)


def _take_one(frames: Iterator[VideoFrame]) -> None:
    """Take one frame; if it is damaged, those that are wanted may not be."""
    with contextlib.suppress(*_damage()):
        next(frames, None)


def _find(decoded: Iterator[tuple[int, VideoFrame]], wanted: int, path: Path) -> VideoFrame:
    try:
        for index, frame in decoded:
            if index == wanted:
                return frame
            if index > wanted:
                break
    except _damage() as error:
        raise InputError(f"frame {wanted} cannot be decoded: {error}", where=path) from None
    raise InputError(f"the file does not give frame {wanted}", where=path)


def _decode_from(
    container: InputContainer, stream: VideoStream, index: int, path: Path, *, back: bool
) -> Iterator[tuple[int, VideoFrame]]:
    """Frames and their numbers, from the nearest that the container can jump to."""
    numbered = _is_numbered(container, stream)
    if back or (index and numbered):
        _jump(container, stream, index if numbered else 0, path, needed=back)
    stamps = _stamps(path) if index and container.format.name != "avi" else {}
    if index in stamps:
        yield from _decode_stamped(container, stream, index, stamps, path)
        return
    for count, frame in enumerate(container.decode(stream)):
        number = frame.pts if numbered and frame.pts is not None else count
        yield number, frame


def _decode_stamped(
    container: InputContainer,
    stream: VideoStream,
    index: int,
    stamps: dict[int, int],
    path: Path,
) -> Iterator[tuple[int, VideoFrame]]:
    """Frames and their numbers from the last that stands alone before one; else from the first."""
    number = {stamp: frame for frame, stamp in stamps.items()}
    for target in (stamps[index], stamps[0]):
        _jump(container, stream, target, path, needed=True)
        frames = container.decode(stream)
        first = next(frames, None)
        if first is not None and number.get(first.pts or 0, index + 1) <= index:
            break
    if first is not None:
        yield number.get(first.pts or 0, 0), first
    for frame in frames:
        yield number.get(-1 if frame.pts is None else frame.pts, -1), frame


def _jump(
    container: InputContainer, stream: VideoStream, to: int, path: Path, *, needed: bool
) -> None:
    try:
        container.seek(to, stream=stream, backward=True)
    except _damage():  # no index: the file was cut short
        if needed:
            raise InputError("no index: frames come in rising order only", where=path) from None


def _stamps(path: Path) -> dict[int, int]:
    """Time stamp of each frame by its number, as it is shown; nothing where some have none."""
    stat = path.stat()
    return _stamps_of(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=16)
def _stamps_of(path: Path, _modified: int, _size: int) -> dict[int, int]:
    try:
        with _open(path) as container:
            stamps = [p.pts for p in container.demux(container.streams.video[0]) if p.size]
    except _damage():
        return {}
    known = {stamp for stamp in stamps if stamp is not None}
    return dict(enumerate(sorted(known))) if len(known) == len(stamps) else {}


def _is_numbered(container: InputContainer, stream: VideoStream) -> bool:
    """Whether time stamps are the frames' numbers and each frame stands alone."""
    return container.format.name == "avi" and stream.codec_context.name in _INTRA


def _grey(frame: VideoFrame, path: Path) -> UInt8Array:
    name = frame.format.name
    if name in ("gray", "gray8"):
        plane = frame.planes[0]
        lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return lines[: frame.height, : frame.width]  # the plane stays as long as this array
    if any(depth in name for depth in _DEEP) and "yuv" not in name.replace("p10", ""):
        raise InputError(
            f"pixels of more than 8 bits ({name})",
            where=path,
            cure="Convert the video to 8 bits with one scale for the whole deployment.",
        )
    if "yuv" in name or name.startswith("nv"):
        return np.asarray(frame.to_ndarray(format="gray"), np.uint8)
    import cv2

    return np.asarray(cv2.cvtColor(frame.to_ndarray(format="rgb24"), cv2.COLOR_RGB2GRAY), np.uint8)


__all__ = ["MAX_PIXELS", "SUFFIXES", "VideoHeader", "read_frames", "read_header"]
