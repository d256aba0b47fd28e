"""Pictures from files: in order, whatever the threads, and nothing but pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from seston.errors import InputError
from seston.learn.sets.decode import is_deep, read_picture, read_pictures
from seston.learn.sets.examples import TOO_DEEP
from seston.learn.sets.sources import read_learning_set

PICTURE = np.arange(6 * 7, dtype=np.uint8).reshape(6, 7)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_grey_levels_are_those_of_the_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    cv2.imwrite(str(path), PICTURE)
    np.testing.assert_array_equal(read_picture(path), PICTURE)


def test_of_colours_the_luminance_is_taken(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "x.png"), np.full((3, 3, 3), (0, 0, 200), np.uint8))  # red
    assert read_picture(tmp_path / "x.png")[0, 0] == pytest.approx(0.299 * 200, abs=1)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("levels", [4095, 65535])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_more_than_8_bits_are_not_guessed_at(
    tmp_path: Path, suffix: str, levels: int, channels: int
) -> None:
    """A twelfth bit divided by 256 turned dark objects on light into light ones on dark."""
    path = tmp_path / f"x{suffix}"
    cv2.imwrite(str(path), np.full((4, 5, channels), levels, np.uint16))
    assert read_picture(path) is None
    assert is_deep(path)


def test_a_set_with_pictures_of_more_bits_says_so(tmp_path: Path) -> None:
    for name in ("bar", "disc"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(3):
            cv2.imwrite(str(tmp_path / "set" / name / f"{i}.png"), PICTURE + i)
    deep = np.full((20, 20), 4000, np.uint16)
    deep[5:9, 5:9] = 100
    cv2.imwrite(str(tmp_path / "set/bar/deep.png"), deep)
    found = read_learning_set(tmp_path / "set")
    assert found.left_out == {TOO_DEEP: 1}
    assert found.skipped == ("bar/deep.png",)
    table = tmp_path / "set/table.csv"
    rows = [f"{name}/{i}.png,{name}" for name in ("bar", "disc") for i in range(3)]
    table.write_text("\n".join(["path,label", *rows, "bar/deep.png,bar"]))
    assert read_learning_set(table).left_out == {TOO_DEEP: 1}
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"set/bar/{i}.png"), deep)
    table.unlink()
    with pytest.raises(InputError, match="4 pictures of more than 8 bits") as refused:
        read_learning_set(tmp_path / "set")
    assert "Convert all pictures to 8 bits" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "mode"), [("x.png", "RGBA"), ("x.png", "LA"), ("x.tif", "RGBA"), ("x.tif", "LA")]
)
def test_what_is_transparent_is_white(tmp_path: Path, name: str, mode: str) -> None:
    grey = np.full((4, 4), 60, np.uint8)
    alpha = np.full((4, 4), 255, np.uint8)
    grey[:2], alpha[:2], alpha[2] = 0, 0, 102  # two lines are nothing, one is thin
    levels = [grey, alpha] if mode == "LA" else [grey, grey, grey, alpha]
    Image.fromarray(np.dstack(levels), mode).save(tmp_path / name)
    found = read_picture(tmp_path / name)
    assert found[:, 0].tolist() == [255, 255, 177, 60]


def test_a_level_or_a_colour_of_a_palette_can_be_transparent(tmp_path: Path) -> None:
    levels = Image.fromarray(np.array([[0, 90], [90, 0]], np.uint8))
    for picture in (levels, levels.convert("RGB").quantize(4)):
        clear = picture.getpixel((0, 0))
        picture.save(tmp_path / "x.png", transparency=clear)
        assert read_picture(tmp_path / "x.png").tolist() == [[255, 90], [90, 255]]


@pytest.mark.parametrize("threads", [1, 5])
def test_pictures_come_in_the_order_of_their_files(tmp_path: Path, threads: int) -> None:
    for i in range(150):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((1 + i % 9, 4), i, np.uint8))
    items = [(tmp_path / f"{i}.png", i) for i in range(160)]
    found = list(read_pictures(items, threads))
    assert [i for i, _ in found] == list(range(160))
    assert all(v[0, 0] == i for i, v in found[:150])
    assert [v for _, v in found[150:]] == [None] * 10


def test_who_stops_asking_stops_the_threads(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "x.png"), PICTURE)
    asked = []

    def endless():
        while True:
            asked.append(1)
            yield tmp_path / "x.png", None

    pictures = read_pictures(endless(), 2)
    next(pictures)
    pictures.close()
    assert len(asked) < 1000


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    form=st.sampled_from([".png", ".jpg", ".tif", ".bmp"]),
    place=st.floats(0, 1),
    content=st.binary(max_size=12),
    cut=st.booleans(),
)
def test_a_damaged_picture_is_none_or_a_picture(tmp_path: Path, form, place, content, cut) -> None:
    whole = cv2.imencode(form, PICTURE)[1].tobytes()
    at = int(place * len(whole))
    path = tmp_path / "x"
    path.write_bytes(whole[:at] + content + (b"" if cut else whole[at + len(content) :]))
    found = read_picture(path)
    assert found is None or (found.dtype == np.uint8 and found.ndim == 2 and found.size)
