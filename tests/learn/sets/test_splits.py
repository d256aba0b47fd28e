"""Splits in units: groups and equal pictures hold together, shares are near, given parts stay."""

from __future__ import annotations

import csv
import io
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seston.errors import InputError
from seston.learn.sets.duplicates import duplicates
from seston.learn.sets.learning_set import LearningSet
from seston.learn.sets.parts import TEST, TRAIN, UNTOLD, VALIDATION
from seston.learn.sets.splits import SHARES, samples_of, split, split_table, units_of, unparted


def learning_set(labels, digests=None, groups=None, parts=None) -> LearningSet:
    labels = np.asarray(labels, np.int64)
    names = tuple("ABCDEFGH"[: int(labels.max()) + 1])
    digests = [f"{i:04}" for i in range(len(labels))] if digests is None else digests
    return LearningSet(
        "set", names, (), labels, tuple(digests), (), "",
        groups=None if groups is None else tuple(groups),
        parts=None if parts is None else np.asarray(parts, np.uint8),
        origins=tuple(f"file {i}" for i in range(len(labels))),
    )  # fmt: skip


def sides(names, parts) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for name, part in zip(names, parts.tolist(), strict=True):
        found.setdefault(name, set()).add(part)
    return found


def test_groups_and_equal_pictures_link_into_units() -> None:
    found = units_of(["a", "b", "b", "c", "d", "a"], ["x", "x", "y", "", "z", ""])
    # a and b by x, b and b by the picture, a again without a group; c and d alone.
    assert found.tolist() == [0, 0, 0, 1, 2, 0]
    assert units_of(["a", "b", "a"], None).tolist() == [0, 1, 0]


def test_each_vignette_of_no_group_is_a_sample_of_its_own() -> None:
    found = samples_of(["x", "", "x", "", "y"], 5)
    assert found[0] == found[2]
    assert len(set(found.tolist())) == 4
    assert samples_of(None, 3).tolist() == [0, 1, 2]


rows = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 30), st.integers(0, 6)), min_size=2, max_size=60
)


@given(rows, st.integers(0, 5))
def test_no_group_and_no_picture_is_ever_parted_and_all_taxa_are_learned(found, seed) -> None:
    taxa = sorted({label for label, _, _ in found})
    labels = [taxa.index(label) for label, _, _ in found]
    digests = [str(d) for _, d, _ in found]
    groups = [f"g{g}" if g else "" for *_, g in found]
    pictures = learning_set(labels, digests, groups)
    parts = split(pictures, seed)
    assert all(len(one) == 1 for one in sides(digests, parts).values())
    named = [g for g in groups if g]
    of_named = parts[[bool(g) for g in groups]]
    assert all(len(one) == 1 for one in sides(named, of_named).values())
    assert set(pictures.labels[parts == TRAIN].tolist()) == set(labels)


@given(rows, st.integers(0, 5))
def test_neither_order_nor_names_of_groups_matter(found, seed) -> None:
    taxa = sorted({label for label, _, _ in found})
    labels = np.array([taxa.index(label) for label, _, _ in found])
    digests = np.array([f"d{d}-{i}" for i, (_, d, _) in enumerate(found)])
    groups = np.array([f"g{g}" for *_, g in found])
    order = np.random.default_rng(seed).permutation(len(found))
    parts = split(learning_set(labels, digests, groups), seed)
    again = split(
        learning_set(labels[order], digests[order], [f"other {g}" for g in groups[order]]), seed
    )
    np.testing.assert_array_equal(parts[order], again)


def test_shares_are_near_for_every_taxon_where_samples_are_many() -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(4, 8000, p=[0.6, 0.3, 0.08, 0.02])
    pictures = learning_set(labels, groups=[f"s{i}" for i in rng.integers(0, 400, 8000)])
    parts = split(pictures, 1)
    for taxon in range(4):
        found = np.bincount(parts[labels == taxon], minlength=3) / np.sum(labels == taxon)
        np.testing.assert_allclose(found, SHARES, atol=0.05)


def test_a_taxon_of_three_samples_is_in_every_part_and_one_of_two_is_tested() -> None:
    pictures = learning_set([0] * 6 + [1] * 4, groups=["a", "a", "b", "b", "c", "c", *"ddee"])
    parts = split(pictures, 0)
    assert set(parts[:6].tolist()) == {TRAIN, VALIDATION, TEST}
    assert set(parts[6:].tolist()) == {TRAIN, TEST}


def test_a_taxon_that_cannot_be_parted_is_told(caplog) -> None:
    pictures = learning_set([0] * 20 + [1] * 5, groups=[*(f"s{i}" for i in range(20)), *"xxxxx"])
    parts = split(pictures, 0)
    assert unparted(pictures, parts) == {"train": [], "validation": ["B"], "test": ["B"]}
    assert "1 taxa cannot be parted and are not in the test part: B" in caplog.text


def test_adding_pictures_moves_few_others() -> None:
    digests = [f"{i:05}" for i in range(1000)]
    before = split(learning_set([i % 2 for i in range(1000)], digests), 0)
    more = split(learning_set([i % 2 for i in range(1010)], [*digests, *"abcdefghij"]), 0)
    assert np.count_nonzero(before != more[:1000]) <= 20


def test_a_split_that_the_source_gives_is_kept() -> None:
    given_parts = [TRAIN, VALIDATION, TEST, UNTOLD] * 5
    parts = split(learning_set([0, 1] * 10, parts=given_parts), 0)
    assert parts.tolist() == [TRAIN, VALIDATION, TEST, TRAIN] * 5


def test_without_a_validation_part_it_is_drawn_from_what_is_learned_from() -> None:
    given_parts = np.array([TRAIN] * 85 + [TEST] * 15)
    groups = [f"s{i // 5}" for i in range(100)]
    pictures = learning_set([i % 2 for i in range(100)], groups=groups, parts=given_parts)
    parts = split(pictures, 0)
    np.testing.assert_array_equal(parts == TEST, given_parts == TEST)
    assert np.count_nonzero(parts == VALIDATION) == pytest.approx(15, abs=2)
    assert all(len(one) == 1 for one in sides(groups, parts).values())


def test_a_given_split_that_parts_equal_pictures_is_told(caplog) -> None:
    given_parts = [TRAIN, VALIDATION, TEST, TRAIN]
    split(learning_set([0, 1, 0, 1], ["x", "y", "x", "z"], parts=given_parts), 0)
    assert "has 1 equal pictures in more than one part" in caplog.text


def test_vignettes_of_which_the_split_says_nothing_go_with_their_group_and_picture(caplog) -> None:
    # b is of the haul of a, c shows what b shows, d is of the haul of c; e is alone.
    labels, digests = [0, 1, 0, 1, 0, 1, 0, 1], [*"abbdefgh"]
    groups = ["1", "1", "2", "2", "", "", "3", "3"]
    given_parts = [TEST, UNTOLD, UNTOLD, UNTOLD, UNTOLD, TRAIN, VALIDATION, UNTOLD]
    parts = split(learning_set(labels, digests, groups, given_parts), 0)
    assert parts.tolist() == [TEST] * 4 + [TRAIN, TRAIN, VALIDATION, VALIDATION]
    assert "in more than one part" not in caplog.text


def test_what_the_source_itself_parts_is_told_and_what_it_leaves_open_is_not_learned_from(
    caplog,
) -> None:
    given_parts = [TRAIN, TEST, UNTOLD, TRAIN, VALIDATION]
    parts = split(learning_set([0, 1, 0, 1, 0], groups=[*"xxxyz"], parts=given_parts), 0)
    assert parts.tolist() == [TRAIN, TEST, TEST, TRAIN, VALIDATION]
    assert "has 1 equal groups in more than one part" in caplog.text


@given(rows, st.data())
def test_no_unit_is_parted_where_the_source_parts_none(found, data) -> None:
    taxa = sorted({label for label, _, _ in found})
    labels = [taxa.index(label) for label, _, _ in found]
    digests, groups = [str(d) for _, d, _ in found], [f"g{g}" if g else "" for *_, g in found]
    unit = units_of(digests, groups)
    whole = data.draw(st.lists(st.sampled_from([TRAIN, VALIDATION, TEST, UNTOLD]), min_size=len(
        set(unit.tolist())), max_size=len(set(unit.tolist()))))  # fmt: skip
    silent = data.draw(st.lists(st.booleans(), min_size=len(found), max_size=len(found)))
    told = [UNTOLD if quiet else whole[u] for u, quiet in zip(unit, silent, strict=True)]
    try:
        parts = split(learning_set(labels, digests, groups, told), 0)
    except InputError:
        return
    assert all(len(one) == 1 for one in sides(unit.tolist(), parts).values())


@pytest.mark.parametrize(
    ("given_parts", "taxa"),
    [([TEST] * 4, "A, B"), ([VALIDATION] * 4, "A, B"), ([TRAIN, TEST, TRAIN, TEST], "B")],
)
def test_a_split_that_leaves_nothing_of_a_taxon_to_learn_from_is_refused(given_parts, taxa) -> None:
    with pytest.raises(InputError, match=f"^set: .* nothing to learn from of {taxa}\n  Put some"):
        split(learning_set([0, 1, 0, 1], parts=given_parts), 0)


def test_the_table_of_a_split_has_a_row_for_each_vignette() -> None:
    pictures = learning_set([0, 1], ["x", "y"], groups=["haul 1, day", ""])
    rows_ = list(csv.DictReader(io.StringIO(split_table(pictures, np.array([0, 2], np.uint8)))))
    assert rows_[0] == {
        "origin": "file 0", "digest": "x", "taxon": "A", "group": "haul 1, day", "part": "train",
    }  # fmt: skip
    assert rows_[1]["part"] == "test"


def test_equal_pictures_are_counted_and_conflicts_are_told_with_their_origins(caplog) -> None:
    caplog.set_level("INFO")
    found = duplicates(learning_set([0, 0, 1, 1, 0], ["x", "x", "y", "z", "y"]))
    assert found.superfluous == 2
    assert [one.tolist() for one in found.equal] == [[0, 1], [2, 4]]
    assert [one.tolist() for one in found.conflicts] == [[2, 4]]
    table = list(csv.DictReader(io.StringIO(found.table)))
    assert [(r["taxon"], r["origin"]) for r in table] == [("B", "file 2"), ("A", "file 4")]
    assert Counter(r["digest"] for r in table) == {"y": 2}
    assert "2 vignettes repeat another" in caplog.text
    assert "1 pictures stand in more than one taxon, such as A and B" in caplog.text


def test_a_set_without_duplicates_has_an_empty_table() -> None:
    found = duplicates(learning_set([0, 1]))
    assert (found.superfluous, found.table) == (0, "digest,taxon,group,origin\n")
