"""Pictures from files: in order, whatever the threads, and nothing but pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seston.learn.sets.decode import read_picture, read_pictures

PICTURE = np.arange(6 * 7, dtype=np.uint8).reshape(6, 7)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_grey_levels_are_those_of_the_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    cv2.imwrite(str(path), PICTURE)
    np.testing.assert_array_equal(read_picture(path), PICTURE)


def test_of_colours_the_luminance_is_taken(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "x.png"), np.full((3, 3, 3), (0, 0, 200), np.uint8))  # red
    assert read_picture(tmp_path / "x.png")[0, 0] == pytest.approx(0.299 * 200, abs=1)


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
