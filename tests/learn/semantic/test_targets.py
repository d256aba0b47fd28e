"""What the network is told of each cell."""

from __future__ import annotations

import numpy as np

from seston.frame import AnnotatedFrame, Instance
from seston.image.regions import CELL
from seston.learn.semantic.targets import UNSURE, crop, target_of

TAXA = ("copepod", "shrimp")


def frame(*instances: Instance, height: int = 64, width: int = 64) -> AnnotatedFrame:
    pixels = np.full((height, width), 240, np.uint8)
    for one in instances:
        box = pixels[one.top : one.top + one.mask.shape[0], one.left : one.left + one.mask.shape[1]]
        box[one.mask] = 100
    return AnnotatedFrame("f", pixels, instances)


def square(taxon: str, top: int, left: int, side: int) -> Instance:
    return Instance(taxon, top, left, np.ones((side, side), bool))


def test_cells_are_of_the_object_that_has_enough_of_their_pixels() -> None:
    target = target_of(frame(square("shrimp", 8, 8, 9)), TAXA)
    expected = np.zeros((16, 16), int)
    expected[2:4, 2:4] = 2
    expected[2:4, 4] = expected[4, 2:4] = 2  # four pixels of sixteen
    expected[4, 4] = UNSURE  # one of sixteen
    np.testing.assert_array_equal(target.classes, expected)


def test_what_is_not_wanted_is_background() -> None:
    target = target_of(frame(square("shrimp", 8, 8, 16)), ("copepod",))
    assert not target.classes.any()
    assert len(target.middles) == 0


def test_a_small_object_before_a_large_one_stays_seen_with_a_seam_around_it() -> None:
    target = target_of(frame(square("copepod", 24, 24, 8), square("shrimp", 0, 0, 64)), TAXA)
    np.testing.assert_array_equal(target.classes[6:8, 6:8], 1)
    seam = target.classes[5:9, 5:9].copy()
    seam[1:3, 1:3] = 0
    assert not seam.any()
    assert (target.classes == 2).sum() == 16 * 16 - 16


def test_small_objects_weigh_more_a_cell_and_less_in_all_than_large_ones() -> None:
    target = target_of(frame(square("copepod", 0, 0, 8), square("shrimp", 24, 24, 32)), TAXA)
    small, large = (target.weights[target.classes == k] for k in (1, 2))
    assert small[0] > large[0]
    assert small.sum() < large.sum() < 4 * small.sum()
    assert target.weights[0, 15] < 1  # clear water


def test_squares_hold_the_same_cells_as_pixels_however_they_are_turned() -> None:
    rng = np.random.default_rng(0)
    target = target_of(frame(square("copepod", 20, 40, 12), square("shrimp", 70, 8, 20),
                             height=102, width=90), TAXA)  # fmt: skip
    for _ in range(50):
        grey, classes, weights = crop(target, 64, rng)
        assert grey.shape == (64, 64)
        assert classes.shape == weights.shape == (16, 16)
        dark = (grey < 200).reshape(16, CELL, 16, CELL).sum(axis=(1, 3))
        sure = classes != UNSURE
        np.testing.assert_array_equal((dark >= 4)[sure], (classes > 0)[sure])


def test_a_square_larger_than_the_frame_is_filled_with_what_is_not_looked_at() -> None:
    target = target_of(frame(square("copepod", 8, 8, 8), height=32, width=32), TAXA)
    grey, classes, _ = crop(target, 128, np.random.default_rng(1))
    assert (classes == UNSURE).sum() == 32 * 32 - 8 * 8
    assert (grey < 200).sum() == 64
