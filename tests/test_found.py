"""What is left of found objects when some are left out."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seston.stages.found import Found


@st.composite
def cases(draw: st.DrawFn) -> tuple[Found, np.ndarray]:
    """Objects of three frames, some without a vignette, and a mask of those that are kept."""
    size = st.tuples(st.integers(1, 4), st.integers(1, 4), st.booleans(), st.booleans())
    drawn = draw(st.lists(size, max_size=12))
    frames = sorted(draw(st.lists(st.integers(7, 9), min_size=len(drawn), max_size=len(drawn))))
    height, width, seen, kept = (np.array([one[k] for one in drawn], int) for k in range(4))
    held = height * width * seen
    start = np.where(seen == 1, np.cumsum(held) - held, -1)
    top, left = np.arange(len(drawn)), np.arange(len(drawn))
    columns = {
        "object_id": np.arange(len(drawn)).astype(np.uint64), "frame": np.array(frames, np.int64),
        "top": top, "left": left, "bottom": top + height, "right": left + width,
        "vignette_start": start,
    }  # fmt: skip
    pixels = np.repeat(np.arange(len(drawn)), held).astype(np.uint8)
    found = Found(
        columns, pixels, np.arange(7, 10), np.zeros(3, np.float32), {}, {"too_small": 4}
    )  # fmt: skip
    return found, kept.astype(bool)


@given(cases())
def test_what_is_left_out_is_counted_by_its_frame(case: tuple[Found, np.ndarray]) -> None:
    found, kept = case
    rest = found.only(kept)
    gone = [int((found.columns["frame"][~kept] == number).sum()) for number in (7, 8, 9)]
    assert rest.left_out is not None
    assert rest.left_out.tolist() == gone
    assert rest.dropped == {"too_small": 4, "by_filter": sum(gone)}


@given(cases())
def test_each_object_that_stays_keeps_its_own_pixels(case: tuple[Found, np.ndarray]) -> None:
    found, kept = case
    rest = found.only(kept)
    columns, total = rest.columns, 0
    assert columns["object_id"].tolist() == np.flatnonzero(kept).tolist()
    for row, name in enumerate(columns["object_id"].tolist()):
        start = columns["vignette_start"][row]
        size = (columns["bottom"] - columns["top"])[row] * (columns["right"] - columns["left"])[row]
        assert (start < 0) == (found.columns["vignette_start"][name] < 0)
        if start >= 0:
            assert (rest.pixels[start : start + size] == name).all()
            total += size
    assert len(rest.pixels) == total
