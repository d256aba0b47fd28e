"""Squares made for a whole batch on the device are those that OpenCV makes, or one level beside."""

from __future__ import annotations

import numpy as np
import pytest
from drawings import TAXA, draw
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seston.learn import preprocess

torch = pytest.importorskip("torch")
vignettes = st.lists(
    arrays(np.uint8, st.tuples(st.integers(1, 80), st.integers(1, 80))), min_size=1, max_size=4
)


def both(some: list[np.ndarray], side: int, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from seston.learn.networks import device_squares

    ours = device_squares.squares(some, side, sizes, torch.device("cpu")).numpy()
    return preprocess.squares(some, side, sizes).astype(int), ours.astype(int)


@given(vignettes, st.sampled_from([32, 64, 97]), st.floats(0.3, 3))
def test_no_level_differs_by_more_than_one(some, side, ratio) -> None:
    sizes = np.tile([ratio, 1.0], (len(some), 1))
    expected, found = both(some, side, sizes)
    assert np.abs(expected - found).max() <= 1


def test_all_but_one_of_a_hundred_levels_are_the_same() -> None:
    rng = np.random.default_rng(5)
    drawn = [draw(TAXA[i % 3], rng) for i in range(60)]
    expected, found = both(drawn, 96, preprocess.pixel_sizes(60, None))
    assert (expected == found).mean() > 0.99


def test_a_vignette_larger_than_goes_up_keeps_its_place_among_the_others() -> None:
    rng = np.random.default_rng(6)
    some = [rng.integers(0, 256, shape).astype(np.uint8) for shape in ((9, 9), (700, 30), (20, 5))]
    expected, found = both(some, 64, preprocess.pixel_sizes(3, None))
    assert np.abs(expected - found).max() <= 1


def test_the_mean_of_two_by_two_pixels_by_hand() -> None:
    picture = np.array([[0, 4, 10, 10], [8, 12, 10, 10], [1, 1, 0, 0], [1, 1, 0, 2]], np.uint8)
    _, found = both([picture], 2, np.ones((1, 2)))
    assert found.tolist() == [[[6, 10], [1, 1]]]  # 0.5 is rounded up, as OpenCV does here


def test_a_model_names_them_the_same(trained) -> None:
    from seston.learn import load_model
    from seston.learn.networks import device_squares

    model = load_model(trained.model, device="cpu")
    rng = np.random.default_rng(7)
    drawn = [draw(TAXA[i % 3], rng) for i in range(64)]
    sizes = preprocess.pixel_sizes(64, None)
    made = device_squares.squares(drawn, 64, sizes, torch.device("cpu")).numpy()
    engine = model.extractor.network._engine("eager")
    network = np.concatenate([engine(made[:32]), engine(made[32:])])
    features = np.column_stack((network, preprocess.size_inputs(drawn, sizes)))
    expected = model.predict(drawn)
    found = model._scores(features)
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).all()
    np.testing.assert_allclose(found, expected, atol=0.02)
