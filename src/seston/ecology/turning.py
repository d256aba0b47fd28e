"""An undulating tow cut into ways down and up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


def turning_points(depth: Float, min_amplitude: float) -> NDArray[np.int64]:
    """Find where an undulating tow turns.

    A turning point is an extreme from which the depth then moves away by at least
    `min_amplitude`; smaller movements (swell, noise) turn nothing.

    Parameters
    ----------
    depth : array (n), m, positive down
        In the order of time, without NaN.
    min_amplitude : float, m

    Returns
    -------
    array, int64
        Rows of the turning points, in order.
    """
    turns: list[int] = []
    low = high = extreme = way = 0
    for row, value in enumerate(depth):
        if way == 0:  # nothing is known of the direction yet
            low, high = (row if value < depth[low] else low), (row if value > depth[high] else high)
            if value - depth[low] >= min_amplitude or depth[high] - value >= min_amplitude:
                way, extreme = (1 if value - depth[low] >= min_amplitude else -1), row
        elif (value - depth[extreme]) * way > 0:
            extreme = row
        elif (depth[extreme] - value) * way >= min_amplitude:
            turns.append(extreme)
            way, extreme = -way, row
    return np.array(turns, np.int64)


def direction(depth: Float, min_amplitude: float) -> str:
    """Say which way a profile goes: down, up or level."""
    change = float(depth[-1] - depth[0]) if len(depth) else 0.0
    if abs(change) < min_amplitude / 2:
        return "level"
    return "down" if change > 0 else "up"
