"""Large JSON read in pieces: where the values of the outer object lie, and one of them at a time.

The file is mapped into memory, not read: what is held are two numbers for each element of the
arrays that are asked for, and one value at a time, of `MAX_VALUE` bytes at most. Nothing is
evaluated, and nesting is bounded.
"""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seston.errors import InputError

#: The largest value that is ever decoded, bytes; elements of an array, at most; levels, at most.
MAX_VALUE, MAX_ELEMENTS, MAX_DEPTH = 1 << 26, 1 << 24, 64
_SPACE = b" \t\r\n"
#: From one bracket to the next, over whole strings (possessive: no way back, so no explosion).
_BRACKET = re.compile(
    rb'[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}\[\]]*+)*+([{}\[\]])', re.DOTALL
)
_KEY = re.compile(rb'"((?:[^"\\]|\\.){1,200})"\s*:\s*$')
_KEY_REACH = 512
_BRACE = ord("{")

#: First byte and byte after the last.
Span = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Where values lie in a file whose outermost value is an object.

    Parameters
    ----------
    outer : mapping of (start, stop)
        Objects and arrays of the outer object, by key.
    elements : mapping of arrays (element, 2), int64
        Start and stop of each object in the arrays that were asked for.
    """

    outer: Mapping[str, Span]
    elements: Mapping[str, NDArray[np.int64]]


def find(path: Path, arrays: frozenset[str]) -> Spans:
    """Find the values of the outer object of a JSON file.

    Parameters
    ----------
    path : Path
        UTF-8, with or without a byte order mark.
    arrays : frozenset of str
        Keys of arrays whose elements are to be found one by one.

    Raises
    ------
    InputError
        The file cannot be read, is cut, or is not JSON with an object outermost; a value is
        nested too deeply, or an array has too many elements.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            return _Search(view, path, arrays).run()
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"cannot be read: {error}", where=path) from None


def load(path: Path, span: Span) -> Any:  # noqa: ANN401 - JSON is anything
    """Decode one value.

    Raises
    ------
    InputError
        It is larger than `MAX_VALUE`, or is not JSON.
    """
    return decode(read(path, span), path)


def read(path: Path, span: Span) -> bytes:
    """Read the bytes of one value.

    Raises
    ------
    InputError
        It is larger than `MAX_VALUE`, or the file cannot be read.
    """
    start, stop = span
    if stop - start > MAX_VALUE:
        raise InputError(f"a value of {stop - start:,} bytes is too large", where=path)
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(stop - start)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from None


def decode(text: bytes, path: Path) -> Any:  # noqa: ANN401
    """Decode the bytes of one value.

    Raises
    ------
    InputError
        It is not JSON in UTF-8.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}", where=path) from None


class _Search:
    """One walk over the brackets of a file."""

    def __init__(self, view: mmap.mmap, path: Path, arrays: frozenset[str]) -> None:
        self._view, self._path, self._arrays = view, path, arrays
        self._values: dict[str, Span] = {}
        self._elements: dict[str, list[int]] = {name: [] for name in arrays}

    def run(self) -> Spans:
        view, stack = self._view, bytearray()
        key, value_start, element_start, at = "", 0, 0, self._begin()
        passed = 0
        while match := _BRACKET.match(view, at):
            place, bracket = match.start(1), match[1]
            if bracket in b"{[":
                stack += bracket
                if len(stack) == 2:
                    key, value_start = self._key_before(at, place), place
                elif len(stack) == 3:
                    element_start = place
                elif len(stack) > MAX_DEPTH:
                    raise InputError(f"nested more than {MAX_DEPTH} deep", where=self._path)
            else:
                if not stack or (stack.pop() == _BRACE) != (bracket == b"}"):
                    raise InputError("brackets do not match: not JSON", where=self._path)
                if (
                    len(stack) == 2
                    and stack[1] != _BRACE
                    and bracket == b"}"
                    and key in self._arrays
                ):
                    self._add(key, element_start, place + 1)
                elif len(stack) == 1:
                    self._values[key] = value_start, place + 1
                elif not stack:
                    return self._done()
            at = place + 1
            if at - passed > MAX_VALUE:
                passed = self._forget(at)
        raise InputError("the file is cut: its JSON does not end", where=self._path)

    def _forget(self, at: int) -> int:
        """Give back the memory of what was passed; say up to where."""
        whole = at - at % mmap.ALLOCATIONGRANULARITY
        if hasattr(mmap, "MADV_DONTNEED"):
            self._view.madvise(mmap.MADV_DONTNEED, 0, whole)
        return whole

    def _begin(self) -> int:
        head = self._view[:64].removeprefix(b"\xef\xbb\xbf").lstrip(_SPACE)
        if not head.startswith(b"{"):
            raise InputError("not a JSON object in UTF-8", where=self._path)
        return self._view.find(b"{")

    def _key_before(self, start: int, stop: int) -> str:
        """Give the key of a value of the outer object, from the text before its bracket."""
        match = _KEY.search(self._view[max(start, stop - _KEY_REACH) : stop])
        if match is None:
            raise InputError("a value has no key: not JSON", where=self._path)
        return match[1].decode("utf-8", "replace")

    def _add(self, key: str, start: int, stop: int) -> None:
        found = self._elements[key]
        found += (start, stop)
        if len(found) > 2 * MAX_ELEMENTS:
            raise InputError(f"{key} has more than {MAX_ELEMENTS:,} elements", where=self._path)

    def _done(self) -> Spans:
        elements = {key: np.array(found, np.int64).reshape(-1, 2)
                    for key, found in self._elements.items()}  # fmt: skip
        return Spans(self._values, elements)
