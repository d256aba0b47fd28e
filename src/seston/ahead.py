"""Work that is prepared while the work before it is done."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar, cast

T = TypeVar("T")

_END: Final = object()


def ahead(items: Iterable[T], most: int = 2) -> Iterator[T]:
    """Make items in a thread while whoever asks for them works on those before.

    Parameters
    ----------
    items : iterable
        Asked by one thread only. What it raises is raised here, at the item's place.
    most : int
        Items that are made or wait at a time: memory holds no more, however many there are.

    Yields
    ------
    The items, in their order.
    """
    source = iter(items)
    with ThreadPoolExecutor(1, "ahead") as thread:
        waiting: deque[Future[Any]] = deque(thread.submit(next, source, _END) for _ in range(most))
        try:
            while (item := waiting.popleft().result()) is not _END:
                waiting.append(thread.submit(next, source, _END))
                yield cast("T", item)
        finally:
            for left in waiting:
                left.cancel()
