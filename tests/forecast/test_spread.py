"""Numbers that are not sure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seston.forecast.spread import Spread, drawn

positive = st.floats(1e-6, 1e12)


def spreads() -> st.SearchStrategy[Spread]:
    return st.lists(positive, min_size=3, max_size=3).map(lambda v: Spread(*sorted(v)))


@given(spreads())
def test_limits_are_where_a_tenth_lies_beyond(spread):
    assert spread.at(0) == pytest.approx(spread.middle)
    assert spread.at(1.2815515655446004) == pytest.approx(spread.high)
    assert spread.at(-1.2815515655446004) == pytest.approx(spread.low)


@given(st.lists(positive, min_size=1, max_size=12))
def test_repeats_give_limits_in_order_and_within_what_was_measured(values):
    spread = Spread.of(values)
    tolerance = 1e-9 * max(values)
    assert min(values) - tolerance <= spread.low <= spread.middle + tolerance
    assert spread.middle - tolerance <= spread.high <= max(values) + tolerance


def test_what_is_drawn_is_the_same_every_time_and_sure_numbers_stay_sure():
    known = {"a": Spread(1, 2, 4), "b": Spread.sure(3)}
    first, second = (
        drawn(known, lambda one: {"ab": one["a"] * one["b"], "b": one["b"]}) for _ in range(2)
    )
    assert first == second
    assert first["b"] == Spread.sure(3)
    assert first["ab"].middle == 6
    assert first["ab"].low == pytest.approx(3, rel=0.1)
    assert first["ab"].high == pytest.approx(12, rel=0.1)
