"""Boxes are drawn around objects, and nothing of the objects is hidden."""

from __future__ import annotations

import numpy as np

from seston.plot import overlay


def test_a_box_stands_around_the_object_and_leaves_its_pixels():
    frame = np.full((40, 50), 200, np.uint8)
    frame[10:20, 15:30] = 20
    drawn = overlay(frame, [(10, 15, 20, 30)])
    assert drawn.shape == (40, 50, 3)
    changed = (drawn != frame[:, :, None]).any(axis=2)
    assert not changed[10:20, 15:30].any()
    rows, columns = np.nonzero(changed)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (7, 22, 12, 32)


def test_boxes_that_reach_beyond_the_frame_and_no_boxes_do_no_harm():
    frame = np.zeros((20, 20), np.uint8)
    assert overlay(frame, [(15, 15, 90, 90)]).any()
    assert not overlay(frame, np.empty((0, 4))).any()
