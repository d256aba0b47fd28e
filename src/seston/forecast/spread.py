"""Numbers that are not sure: a middle, and the limits that hold eight of ten."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, quantiles

#: Of a normal distribution, so many deviations lie from the middle to 90 %.
_TO_90 = NormalDist().inv_cdf(0.9)
#: Enough for two digits of the limits; always the same ones, so that equal input prints equal text.
_DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Spread:
    """A number with its uncertainty: 10 %, 50 % and 90 %.

    Parameters
    ----------
    low, middle, high : float
        In the same unit, in this order, not negative.
    """

    low: float
    middle: float
    high: float

    @classmethod
    def sure(cls, value: float) -> Spread:
        """Give a number without uncertainty."""
        return cls(value, value, value)

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Take the spread of repeated measurements; of fewer than three, from least to most."""
        if len(values) < 3:
            return cls(min(values), sum(values) / len(values), max(values))
        deciles = quantiles(values, n=10, method="inclusive")
        return cls(deciles[0], deciles[4], deciles[8])

    def at(self, deviations: float) -> float:
        """Give the value so many deviations from the middle, each side a lognormal of its own."""
        side = self.high if deviations > 0 else self.low
        if side <= 0 or self.middle <= 0:
            return self.middle
        return self.middle * math.exp(abs(deviations) / _TO_90 * math.log(side / self.middle))


def drawn(
    spreads: Mapping[str, Spread], compute: Callable[[Mapping[str, float]], Mapping[str, float]]
) -> dict[str, Spread]:
    """Compute from uncertain numbers, again and again with other draws of each.

    Parameters
    ----------
    spreads : mapping of Spread
        By name; taken as independent of each other.
    compute : callable
        From one value of each to results by name.

    Returns
    -------
    dict of Spread
        10 and 90 % of the draws, and between them the result of the middles.
    """
    chance, normal = random.Random(1), NormalDist()  # noqa: S311, no secret hangs on it
    middle = compute({name: spread.middle for name, spread in spreads.items()})
    results: dict[str, list[float]] = {name: [] for name in middle}
    for _ in range(_DRAWS):
        one = {n: s.at(normal.inv_cdf(chance.random() or 0.5)) for n, s in spreads.items()}
        for name, value in compute(one).items():
            results[name].append(value)
    return {name: _around(middle[name], values) for name, values in results.items()}


def _around(middle: float, values: Iterable[float]) -> Spread:
    ordered = sorted(values)
    low, high = ordered[len(ordered) // 10], ordered[len(ordered) * 9 // 10]
    return Spread(min(low, middle), middle, max(high, middle))
