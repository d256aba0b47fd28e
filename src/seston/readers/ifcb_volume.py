"""Water that a bin of an Imaging FlowCytobot looked at, ml.

The syringe gives 0.25 ml a minute. While a trigger is processed nothing is seen, so what counts is
the time of looking: that of running less that of being inhibited. The header tells both; so do the
rows, whose clocks have faults of their own. Formulas after the instrument's makers (R. Olson and
H. Sosik), as in pyifcb.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from seston.readers.ifcb_bin import BinName, Rows

#: Of the syringe, ml per second: 40 steps a second of 5/48000 ml each.
ML_PER_S = 0.25 / 60
#: Header and rows agree where they differ by less, ml; then the header stands.
AGREE_ML = 0.05
#: A trigger of the first generation takes at least so long to process, s; less in instrument 5
#: from June 2015 on.
_PROCESSING_S, _PROCESSING_5_S = 0.073, 0.05
_JUNE_2015 = np.datetime64("2015-06-01", "ns")

Float = NDArray[np.float64]


def choose(header: float, rows: float) -> tuple[float, str, str]:
    """Choose between the volume that the header tells and that of the rows.

    Parameters
    ----------
    header, rows : float, ml
        NaN where they tell none.

    Returns
    -------
    volume : float, ml
    source : str
        ``header`` or ``rows``; empty where neither tells a volume.
    problem : str
        What a person should know of it; empty where both agree or only one is there.
    """
    if np.isnan(rows):
        return header, "" if np.isnan(header) else "header", ""
    if abs(header - rows) < AGREE_ML:
        return header, "header", ""
    if np.isnan(header):
        return rows, "rows", ""
    told = f"the header tells a volume of {header:.3f} ml, the rows {rows:.3f} ml"
    return rows, "rows", f"{told}: the rows are taken"


def of_header(header: Mapping[str, str]) -> float:
    """Volume by the header's run and inhibit times, ml; NaN where they are not there."""
    times = [_number(header.get(key, "")) for key in ("runtime", "inhibittime")]
    return _positive((times[0] - times[1]) * ML_PER_S)


def of_rows(rows: Rows, name: BinName) -> float:
    """Volume by the times in the rows, ml; NaN where they do not tell it."""
    return _first(rows, name) if name.generation == 1 else _second(rows)


def _first(rows: Rows, name: BinName) -> float:
    """Sum the pauses before each trigger but the first, each at least the time of processing."""
    one = rows.triggers()[:-1]
    one = one[~rows.damaged[one] & np.isfinite(rows.open[one])]
    if not len(one):
        return np.nan
    late = name.instrument == 5 and name.start >= _JUNE_2015
    least = _PROCESSING_5_S if late else _PROCESSING_S
    grabbed, ready = rows.time[one], rows.open[one]
    pauses = np.maximum(ready[1:] - grabbed[:-1], least)
    return _positive((grabbed[-1] - pauses.sum() - least) * ML_PER_S)


def _second(rows: Rows) -> float:
    """Take the last row's run and inhibit times, mended where their clocks jump."""
    told = ~rows.damaged & np.isfinite(rows.runtime) & np.isfinite(rows.inhibit)
    runtime, inhibit, time = (v[told] for v in (rows.runtime, rows.inhibit, rows.time))
    if len(time) < 2 or not inhibit.any():
        return np.nan
    steps = np.diff(inhibit)
    good = np.append(True, (inhibit[1:] > 0) & (steps > -0.1) & (steps < 5))
    usual = _mode(np.diff(inhibit[good]))
    lead = runtime[1] - time[1]  # clocks that ran on from the bin before
    lead, lost = (lead, inhibit[1] + 2 * usual) if lead > 10 else (0.0, 0.0)
    inhibited = inhibit[good][-1] + np.count_nonzero(~good) * usual - lost
    ran = runtime[-1] - lead
    by_time = time[-1] + float(np.median((runtime - time)[:50])) - lead
    ran = by_time if abs(ran - by_time) > 0.2 else ran
    return _positive((ran - inhibited) * ML_PER_S)


def _mode(steps: Float) -> float:
    """Give the most frequent step, to 0.1 ms."""
    if not len(steps):
        return 0.0
    values, counts = np.unique(np.round(steps, 4), return_counts=True)
    return float(values[np.argmax(counts)])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def _positive(volume: float) -> float:
    return volume if 0 < volume < np.inf else np.nan
