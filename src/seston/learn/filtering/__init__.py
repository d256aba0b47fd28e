"""A filter of measured objects: what is surely no plankton is left out before anything looks.

It knows nothing but the numbers that segmentation measures anyway, and costs milliseconds a frame.
"""

from __future__ import annotations

from seston.learn.filtering.examples import Examples
from seston.learn.filtering.model import Filter, check_features, load_filter, load_filter_card
from seston.learn.filtering.training import train_filter

__all__ = [
    "Examples",
    "Filter",
    "check_features",
    "load_filter",
    "load_filter_card",
    "train_filter",
]
