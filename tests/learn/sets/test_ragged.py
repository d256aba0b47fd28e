from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seston.learn.sets.ragged import Ragged

pictures = st.lists(arrays(np.uint8, st.tuples(st.integers(0, 9), st.integers(0, 9))), max_size=8)


@given(pictures)
def test_it_is_the_sequence_of_its_pictures(given_pictures) -> None:
    found = Ragged.of(given_pictures)
    assert len(found) == len(given_pictures)
    for ours, theirs in zip(found, given_pictures, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@given(pictures, st.slices(8))
def test_slices_and_rows_are_those_of_a_list(given_pictures, part) -> None:
    found, rows = Ragged.of(given_pictures), np.arange(len(given_pictures))[part]
    for chosen in (found[part], found[rows]):
        assert [v.shape for v in chosen] == [v.shape for v in given_pictures[part]]
        assert all((a == b).all() for a, b in zip(chosen, given_pictures[part], strict=True))


def test_a_picture_is_a_view_and_not_a_copy() -> None:
    found = Ragged.of([np.zeros((2, 3), np.uint8), np.ones((4, 1), np.uint8)])
    found[1][:] = 7
    assert found[-1].tolist() == [[7]] * 4
    assert found[1:][0].tolist() == [[7]] * 4
