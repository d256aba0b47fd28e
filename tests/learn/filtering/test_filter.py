"""Filters of measured objects: who passes, and what a filter from outside cannot do."""

from __future__ import annotations

import dataclasses
import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seston.config import Segmentation
from seston.errors import InputError, ModelError
from seston.frame import AnnotatedFrame, Instance
from seston.learn.card import load_card
from seston.learn.filtering import Examples, load_filter, train_filter
from seston.learn.filtering.frames import examples_of_frames
from seston.learn.filtering.model import TAXA, completed
from seston.learn.filtering.training import choose_threshold
from seston.learn.judging.thresholds import wilson_lower

pytest.importorskip("sklearn")

NAMES = ("area", "solidity", "eccentricity")


def examples(n: int = 3000, *, frames: int = 30, seed: int = 4) -> Examples:
    """Objects of which those of a large area are copepods, nearly; the others are not known."""
    rng = np.random.default_rng(seed)
    features = rng.random((n, len(NAMES))).astype(np.float32)
    large = features[:, 0] + rng.normal(0, 0.02, n) > 0.8
    return Examples(
        features=features, names=NAMES, taxa=("copepod",), plankton=np.array([True]),
        taxon=np.where(large, 0, -1), group=np.arange(n) % frames, pixel_size_mm=(0.07, 0.05),
        origin="random numbers",
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filters") / "filter"
    train_filter(examples(), folder, let_through=0.98)
    return folder


# ---------------------------------------------------------------------------------- the threshold
@given(
    arrays(np.float32, st.integers(1, 800), elements=st.floats(0, 1, width=16)),
    st.floats(0.5, 0.999),
)
def test_the_wanted_share_surely_passes_or_all_do(scores: np.ndarray, wanted: float) -> None:
    passing = int((scores >= np.float32(choose_threshold(scores, wanted))).sum())
    assert passing == len(scores) or wilson_lower(passing, len(scores)) >= wanted


@given(
    arrays(np.float32, st.integers(1, 800), elements=st.floats(0, 1, width=16)),
    st.floats(0.5, 0.999),
)
def test_no_higher_threshold_would_do(scores: np.ndarray, wanted: float) -> None:
    chosen = choose_threshold(scores, wanted)
    higher = scores[scores > np.float32(chosen)]
    if len(higher):
        passing = int((scores >= higher.min()).sum())
        assert wilson_lower(passing, len(scores)) < wanted


def test_it_takes_539_animals_to_be_sure_of_one_in_two_hundred() -> None:
    few, enough = np.linspace(0, 1, 538, dtype=np.float32), np.linspace(0, 1, 5390)
    assert choose_threshold(few, 0.995) == 0
    assert choose_threshold(enough.astype(np.float32), 0.995) > 0
    assert wilson_lower(539, 539) >= 0.995 > wilson_lower(538, 538)


# --------------------------------------------------------------------------------------- training
def test_most_plankton_passes_and_most_of_the_rest_does_not(trained: Path) -> None:
    chosen, fresh = load_filter(trained), examples(seed=9)
    passed = chosen.passes(fresh.features, NAMES)
    assert passed[fresh.wanted].mean() > 0.95
    assert passed[~fresh.wanted].mean() < 0.25
    told = chosen.card.metrics
    assert told["recall"] == pytest.approx(passed[fresh.wanted].mean(), abs=0.03)
    assert told["passed_others"] == pytest.approx(passed[~fresh.wanted].mean(), abs=0.06)
    assert told["recall_lower"] < told["recall"]


def test_the_same_examples_and_seed_give_the_same_bytes(trained: Path, tmp_path: Path) -> None:
    train_filter(examples(), tmp_path / "again", let_through=0.98)
    train_filter(examples(), tmp_path / "other", let_through=0.98, seed=1)
    for name in ("model.safetensors", "card.json"):
        assert (tmp_path / "again" / name).read_bytes() == (trained / name).read_bytes()
        assert (tmp_path / "other" / name).read_bytes() != (trained / name).read_bytes()


def test_frames_are_parted_whole() -> None:
    given_ = examples()
    frames = [set(given_.group[rows].tolist()) for rows in given_.parts(0)]
    assert not frames[0] & frames[1]
    assert not (frames[0] | frames[1]) & frames[2]
    assert sum(map(len, frames)) == 30


def test_objects_of_few_frames_are_parted_one_by_one() -> None:
    parts = examples(frames=2).parts(0)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(3000))
    assert [round(len(rows) / 300) for rows in parts] == [5, 3, 2]


def test_too_few_animals_are_refused(tmp_path: Path) -> None:
    one = examples()
    taxon = np.where(np.arange(len(one.taxon)) < 5, 0, -1)
    with pytest.raises(InputError, match="5 of 3000 objects are plankton"):
        train_filter(dataclasses.replace(one, taxon=taxon), tmp_path / "f", let_through=0.9)
    assert not (tmp_path / "f").exists()


# ----------------------------------------------------------------------------------------- asking
def test_features_are_found_by_their_names(trained: Path) -> None:
    chosen, features = load_filter(trained), examples().features[:200]
    turned = np.column_stack([features[:, ::-1], np.zeros(200)]).astype(np.float32)
    names = (*NAMES[::-1], "perimeter")
    np.testing.assert_array_equal(chosen.scores(features, NAMES), chosen.scores(turned, names))
    with pytest.raises(ModelError, match="asks for 'area' and 0 more features"):
        chosen.scores(features[:, 1:], NAMES[1:])


def test_what_is_not_known_counts_as_larger_than_all_that_is(trained: Path) -> None:
    gaps = np.array([[np.nan, 0.5, 0.5], [np.inf, 0.5, 0.5], [1e30, 0.5, 0.5]], np.float32)
    assert np.isfinite(completed(gaps)).all()
    scores = load_filter(trained).scores(gaps, NAMES)
    assert scores[0] == scores[1] == scores[2]


def test_of_no_objects_none_pass(trained: Path) -> None:
    assert load_filter(trained).passes(np.empty((0, 3), np.float32), NAMES).shape == (0,)


# --------------------------------------------------------------------------------- from outside
def forge(folder: Path, **changes: object) -> None:
    """Write a card with changes whose hashes are right: as whoever means harm would."""
    card = load_card(folder)
    weights = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    forged = dataclasses.replace(card, **{"weights_sha256": weights, **changes})
    (folder / "card.json").write_text(forged.text())


@pytest.fixture
def copy(trained: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(trained, tmp_path / "copy"))


def test_a_pickle_in_place_of_the_trees_is_refused(copy: Path) -> None:
    (copy / "model.safetensors").write_bytes(pickle.dumps({"left": 1}))
    with pytest.raises(ModelError, match=r"not those of the card[^`]*`seston train-filter`"):
        load_filter(copy)
    forge(copy)
    with pytest.raises(ModelError, match="the weights are damaged"):
        load_filter(copy)


def test_trees_that_would_be_walked_out_of_are_refused(copy: Path) -> None:
    import safetensors.numpy

    path = copy / "model.safetensors"
    held = safetensors.numpy.load(path.read_bytes())
    held["left"] = held["left"].copy()
    held["left"][0] = 1 << 30
    path.write_bytes(safetensors.numpy.save(held))
    forge(copy)
    with pytest.raises(ModelError, match="the trees do not fit"):
        load_filter(copy)


def test_a_card_of_another_kind_is_refused(copy: Path) -> None:
    card = load_card(copy)
    wrong = (
        (
            {
                "head": {**card.head, "kind": "semantic", "least_score": 0.5},
                "backbone": {"name": None, "widths": [8, 8]},
            },
            "is no filter",
        ),
        ({"head": {**card.head, "kind": "boosting"}}, "`metrics.plankton`"),
        ({"head": {**card.head, "threshold": "low"}}, "`head.threshold`"),
        ({"taxa": (*TAXA, "third")}, "tells no filter"),
        ({"preprocessing": {"measured": ["area", "no such"]}}, "`preprocessing.measured.1`"),
        ({"preprocessing": {"measured": ["area"]}}, "the trees do not fit"),
    )
    for changes, words in wrong:
        (copy / "card.json").write_text(dataclasses.replace(card, **changes).text())
        with pytest.raises(ModelError, match=words):
            load_filter(copy)


# ---------------------------------------------------------------------------------------- frames
def frame(*, size: float | None = 0.1) -> AnnotatedFrame:
    """A frame with two dark discs, of which one is annotated."""
    y, x = np.mgrid[:128, :256]
    near = [np.hypot(y - 60, x - middle) < 20 for middle in (60, 180)]
    pixels = np.where(near[0] | near[1], 100, 240).astype(np.uint8)
    disc = near[0][40:81, 40:81]
    return AnnotatedFrame("discs", pixels, (Instance("copepod", 40, 40, disc),), size, size)


def test_what_is_found_and_not_annotated_is_not_to_pass() -> None:
    settings = Segmentation.model_validate({})
    found = examples_of_frames([frame()] * 3, ["copepod"], [True], settings, "discs")
    assert found.taxon.tolist() == [0, -1] * 3
    assert found.group.tolist() == [0, 0, 1, 1, 2, 2]
    assert found.wanted.tolist() == [True, False] * 3
    assert found.pixel_size_mm == (0.1, 0.1)


def test_a_frame_of_pixels_of_no_known_size_is_refused() -> None:
    settings = Segmentation.model_validate({})
    with pytest.raises(InputError, match="the size of its pixels is not known"):
        examples_of_frames([frame(size=None)], ["copepod"], [True], settings, "discs")
