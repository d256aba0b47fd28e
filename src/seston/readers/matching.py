"""Which image of a cast an object was cut from, where tables tell times and depths only."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def attribute(objects: pd.DataFrame, images: pd.DataFrame) -> NDArray[np.int64]:
    """Find the image of each object, by time and depth.

    Parameters
    ----------
    objects : DataFrame
        ``time`` (of the image, to the fraction that is known; NaT), ``depth`` (m, NaN).
    images : DataFrame
        The columns `IMAGES`.

    Returns
    -------
    array
        Row of the image; -1 where nothing tells it. Of images within the second, the one nearest
        in depth is meant; without a time, the nearest in depth of all.
    """
    times = images["time"].to_numpy("datetime64[ns]")
    depths = images["depth"].to_numpy(np.float64)
    seconds = times.astype("datetime64[s]").astype(np.int64)
    second = pd.Series(np.arange(len(images))).groupby(seconds).indices
    nobody = np.empty(0, np.int64)
    exact = {int(t): i for i, t in reversed(list(enumerate(times.astype(np.int64))))}
    deep = np.flatnonzero(np.isfinite(depths) & (images["usable"] == 1).to_numpy())
    order = deep[np.argsort(depths[deep], kind="stable")]
    rows = np.full(len(objects), -1, np.int64)
    own = objects["time"].to_numpy("datetime64[ns]")
    for i, (time, depth) in enumerate(zip(own, objects["depth"].to_numpy(float), strict=True)):
        if not np.isnat(time):
            fine = int(time.astype(np.int64))
            near = second.get(int(time.astype("datetime64[s]").astype(np.int64)), nobody)
            if fine % 1_000_000_000 and fine in exact:
                rows[i] = exact[fine]
                continue
            if len(near):
                away = np.abs(depths[near] - depth)
                rows[i] = np.asarray(near)[np.argmin(np.where(np.isfinite(away), away, np.inf))]
                continue
        if np.isfinite(depth) and len(order):
            at = np.searchsorted(depths[order], depth)
            pair = order[max(0, at - 1) : at + 1]
            rows[i] = pair[np.argmin(np.abs(depths[pair] - depth))]
    return rows
