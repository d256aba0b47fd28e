"""Videos: whole, of several kinds, and damaged in any way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seston.errors import InputError
from seston.readers import names, video
from seston.simulate.isiis import write_avi


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (5, 32, 48), np.uint8)


@pytest.fixture(scope="module", params=["rawvideo", "ffv1"])
def path(request, frames, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("video") / f"{request.param}.avi"
    write_avi(path, frames, codec=request.param)
    return path


def test_grey_levels_are_exact(path, frames):
    header = video.read_header(path)
    assert (header.height, header.width, header.claimed, header.complete) == (32, 48, 5, 5)
    np.testing.assert_array_equal(np.stack(list(video.read_frames(path, range(5)))), frames)


@pytest.mark.parametrize("wanted", [[3], [0, 4], [1, 2, 4], [4, 0], [2, 2]])
def test_any_frames_in_any_order_are_the_right_ones(path, frames, wanted):
    found = np.stack(list(video.read_frames(path, wanted)))
    np.testing.assert_array_equal(found, frames[wanted])


def test_a_frame_beyond_the_end_is_an_error_that_names_it(path):
    with pytest.raises(InputError, match=r"avi: the file does not give frame 9"):
        list(video.read_frames(path, [9]))


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_no_damage_to_a_video_brings_anything_but_an_error_in_words(path, tmp_path, data):
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
    try:
        header = video.read_header(damaged)
        for picture in video.read_frames(damaged, range(min(header.complete, 5))):
            assert picture.dtype == np.uint8
            assert picture.ndim == 2
    except InputError as error:
        assert "damaged.avi" in str(error)


@pytest.mark.parametrize(
    ("stem", "time", "counter"),
    [
        ("20130725101500.120", "2013-07-25T10:15:00.120", None),
        ("CFE_ISIIS-243-2024-03-19 12-58-20.186_0588", "2024-03-19T12:58:20.186", 588),
        ("20160710164151_998", "2016-07-10T16:41:51.998", None),
        ("Basler_avA2300-25gm__22955661__20190901_101500123_7", "2019-09-01T10:15:00.123", 7),
        ("UAF-Camera-2018-05-06-07-08-09", "2018-05-06T07:08:09", None),
    ],
)
def test_times_are_read_from_names(stem, time, counter):
    named = names.time_in(stem)
    assert named is not None
    assert named.time == np.datetime64(time, "ns")
    assert named.counter == counter


@pytest.mark.parametrize("stem", ["", "frame_1", "20131301000000", "99999999999999", "trailer"])
def test_names_without_a_time_give_none(stem):
    assert names.time_in(stem) is None
