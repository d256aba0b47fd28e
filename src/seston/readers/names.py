"""Times, counters and kinds in the names of files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

#: A year that a camera's clock can say; anything else is some other number.
_YEAR = r"(?P<year>19[89]\d|20\d\d)"
_SEPARATOR = r"[-_. /:]"
_FRACTION = r"(?:\.(?P<point>\d{1,9})|[_-](?P<milli>\d{3})|(?P<joined>\d{3}|\d{6}))?"
_TIME = re.compile(
    rf"(?<!\d){_YEAR}{_SEPARATOR}?(?P<month>[01]\d){_SEPARATOR}?(?P<day>[0-3]\d)"
    rf"[-_. T]{{0,2}}(?P<hour>[0-2]\d){_SEPARATOR}?(?P<minute>[0-5]\d){_SEPARATOR}?"
    rf"(?P<second>[0-5]\d){_FRACTION}(?!\d)"
)
_COUNTER = re.compile(r"[-_ ](\d{1,9})$")
_NUMBERS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class NamedTime:
    """What the name of a file tells.

    Parameters
    ----------
    time : datetime64[ns]
        UTC.
    counter : int or None
        A number that ends the name after the time, as programs that cut a video append.
    """

    time: np.datetime64
    counter: int | None = None


def time_in(stem: str) -> NamedTime | None:
    """Find the time in a name without its extension.

    Understood are ``20130725101500.120``, ``2024-03-19 12-58-20.186_0588``,
    ``20160710164151_998``, ``20190901_101500123_7`` and what lies between: year to second in
    this order, with or without separators. A fraction follows a point, or is three digits after
    ``_`` or ``-``, or three or six digits without a separator.

    Returns
    -------
    NamedTime or None
        None where the name tells no time.
    """
    for match in _TIME.finditer(stem):
        time = _time(match)
        if time is not None:
            counter = _COUNTER.search(stem, match.end())
            return NamedTime(time, int(counter[1]) if counter else None)
    return None


def _time(match: re.Match[str]) -> np.datetime64 | None:
    part = match.groupdict()
    fraction = (part["point"] or part["milli"] or part["joined"] or "").ljust(9, "0")
    text = "{year}-{month}-{day}T{hour}:{minute}:{second}".format(**part)
    try:
        return np.datetime64(f"{text}.{fraction}", "ns")
    except ValueError:
        return None


def natural(name: str) -> list[tuple[int, str]]:
    """Key that sorts ``frame_2`` before ``frame_10``."""
    pieces = enumerate(_NUMBERS.split(name))
    return [(int(piece), "") if i % 2 else (-1, piece) for i, piece in pieces]


def suffix(name: str) -> str:
    """Give the suffix of a name in small letters, without ``.gz``."""
    path = PurePosixPath(name.lower())
    return (PurePosixPath(path.stem) if path.suffix == ".gz" else path).suffix
