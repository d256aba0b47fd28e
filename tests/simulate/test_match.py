"""One found object, one true object."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from seston.simulate import match
from seston.simulate.match import assign, box_overlaps, label_overlaps, true_boxes


@st.composite
def boxes(draw):
    corner = draw(
        hnp.arrays(int, st.tuples(st.integers(0, 12), st.just(2)), elements=st.integers(0, 60))
    )
    size = draw(hnp.arrays(int, corner.shape, elements=st.integers(1, 25)))
    return np.hstack([corner, corner + size])


@given(boxes())
def test_a_set_matches_itself_wholly(found):
    pairs = match(found, found)
    assert len(pairs.found) == len(found)
    assert np.allclose(pairs.overlap, 1)
    if len(found):
        assert pairs.recall() == pairs.precision() == 1
        assert pairs.spurious() == 0


@given(boxes(), boxes())
def test_nothing_is_matched_twice_and_order_does_not_matter(found, true):
    pairs = match(found, true)
    assert len(set(pairs.found)) == len(pairs.found)
    assert len(set(pairs.true)) == len(pairs.true)
    assert match(true, found).overlap.sum() == pytest.approx(pairs.overlap.sum())


@given(boxes(), boxes())
def test_overlaps_of_boxes_are_those_of_their_pixels(found, true):
    sparse = box_overlaps(found, true).toarray()
    for i, (t, le, b, r) in enumerate(found):
        for j, (t2, le2, b2, r2) in enumerate(true):
            shared = max(0, min(b, b2) - max(t, t2)) * max(0, min(r, r2) - max(le, le2))
            union = (b - t) * (r - le) + (b2 - t2) * (r2 - le2) - shared
            assert sparse[i, j] == pytest.approx(shared / union)


def test_of_two_pieces_one_is_the_animal_and_the_other_is_too_many():
    pairs = match([[0, 0, 6, 10], [6, 0, 10, 10]], [[0, 0, 10, 10]])
    assert pairs.true_of().tolist() == [0, -1]
    assert pairs.precision() == 0.5
    assert pairs.spurious() == 0
    assert pairs.ratios([60, 40], [100]).tolist() == [0.6]


def test_labels_overlap_by_pixels():
    true = np.zeros((6, 6), int)
    true[:3, :4] = 1
    found = np.zeros((6, 6), int)
    found[1:3, :4] = 2
    found[5, 5] = 1
    overlaps = label_overlaps(found, true)
    assert overlaps.toarray() == pytest.approx(np.array([[0], [8 / 12]]))
    assert assign(overlaps).spurious() == 0.5


def test_boxes_of_the_truth_are_in_lines_of_the_tow(truth):
    box = true_boxes(truth.objects)
    assert (box[:, 0] == truth.objects["first_line"]).all()
    assert (box[:, 2] > box[:, 0]).all()
    assert (box[:, 3] > box[:, 1]).all()
    assert match(box, box).recall() == 1
