"""What is prepared ahead: in order, bounded, and with its errors in their place."""

from __future__ import annotations

import threading

import pytest

from seston.ahead import ahead


def test_items_come_in_their_order_and_all_of_them() -> None:
    assert list(ahead(iter(range(100)))) == list(range(100))
    assert list(ahead([])) == []


def test_no_more_are_made_than_asked_for_and_two_ahead() -> None:
    made = []
    source = (made.append(i) or i for i in range(50))
    items = ahead(source, 2)
    for i in range(10):
        assert next(items) == i
        assert len(made) <= i + 3
    items.close()
    assert len(made) < 15


def test_they_are_made_beside_the_thread_that_asks() -> None:
    names = set(ahead(threading.current_thread().name for _ in range(5)))
    assert threading.current_thread().name not in names
    assert len(names) == 1


def test_an_error_is_raised_where_its_item_would_be() -> None:
    def items():
        yield 1
        raise ValueError("second")

    found = ahead(items())
    assert next(found) == 1
    with pytest.raises(ValueError, match="second"):
        next(found)
