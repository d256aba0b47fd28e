"""Pixels straight from the bytes of an AVI are those that the decoder gives."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seston.errors import InputError
from seston.readers import raw_avi, video
from seston.readers.piece import Piece
from seston.simulate.isiis import write_avi

HEIGHT, WIDTH, FRAMES = 40, 50, 4  # lines with a palette end in two spare bytes


def pictures() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (FRAMES, HEIGHT, WIDTH), np.uint8)


def write_palette(path: Path, palette: np.ndarray) -> None:
    """Write frames of 8 bits with a palette, the top line first."""
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream("rawvideo", rate=14)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "pal8"
        for picture in pictures():
            colours = np.column_stack([np.full(256, 255, np.uint8), palette, palette, palette])
            frame = av.VideoFrame.from_ndarray((picture, colours), format="pal8")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def turn_upside_down(path: Path) -> None:
    """Say in the header that the bottom line comes first, as most programs of Windows do."""
    content = bytearray(path.read_bytes())
    at = content.index(b"strf") + 8 + 8
    content[at : at + 4] = HEIGHT.to_bytes(4, "little", signed=True)
    path.write_bytes(content)


@pytest.fixture(params=["grey", "palette", "palette, upside down"])
def path(request, tmp_path) -> Path:
    path = tmp_path / "raw.avi"
    if request.param == "grey":
        write_avi(path, pictures())
    else:
        write_palette(path, np.arange(256, dtype=np.uint8))
    if request.param.endswith("down"):
        turn_upside_down(path)
    return path


def read(path: Path, pieces: list[Piece]) -> None:
    pixels = raw_avi.find_pixels(path)
    assert pixels is not None
    for _ in raw_avi.fill(path, pixels, pieces):
        pass


@pytest.mark.parametrize(("first", "lines"), [(0, HEIGHT), (7, 20), (HEIGHT - 3, 3)])
def test_lines_are_those_of_the_decoder(path, first, lines):
    targets = np.zeros((3, lines, WIDTH), np.uint8)
    wanted = [3, 0, 2]
    read(path, [Piece(i, HEIGHT, first, t) for i, t in zip(wanted, targets, strict=True)])
    decoded = np.stack(list(video.read_frames(path, wanted)))
    assert (targets == decoded[:, first : first + lines]).all()


@pytest.mark.parametrize("wanted", [[3], [2, 3], [3, 0], [0, 2]])
def test_the_decoder_knows_the_palette_wherever_it_begins(tmp_path, wanted):
    path = tmp_path / "turned.avi"
    write_palette(path, np.arange(256, dtype=np.uint8)[::-1])
    decoded = np.stack(list(video.read_frames(path, wanted)))
    assert (decoded == 255 - pictures()[wanted]).all()


def test_a_palette_of_other_greys_and_a_coded_video_are_left_to_the_decoder(tmp_path):
    path = tmp_path / "other.avi"
    write_palette(path, np.arange(256, dtype=np.uint8)[::-1])
    assert raw_avi.find_pixels(path) is None
    write_avi(path, pictures(), codec="ffv1")
    assert raw_avi.find_pixels(path) is None


def test_a_file_that_was_cut_short_is_left_to_the_decoder(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert raw_avi.find_pixels(path) is None


def test_a_frame_that_is_not_there_or_has_another_shape_is_an_error(path):
    for index, width in ((FRAMES, WIDTH), (0, WIDTH + 1)):
        with pytest.raises(InputError, match=r"raw\.avi"):
            read(path, [Piece(index, HEIGHT, 0, np.zeros((HEIGHT, width), np.uint8))])


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_no_damage_brings_anything_but_pixels_a_decoder_or_an_error_in_words(path, tmp_path, data):
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, min(len(content) - 1, 8000)))
        if data.draw(st.booleans()):
            content[at] ^= data.draw(st.integers(1, 255))
        else:
            del content[at : at + data.draw(st.integers(1, 4000))]
        content = content or bytearray(b"x")
    damaged = tmp_path / "damaged.avi"
    damaged.write_bytes(content)
    pixels = raw_avi.find_pixels(damaged)
    if pixels is None:
        return
    piece = Piece(0, pixels.height, 0, np.zeros((pixels.height, pixels.width), np.uint8))
    try:
        list(raw_avi.fill(damaged, pixels, [piece]))
    except InputError as error:
        assert "damaged.avi" in str(error)
