"""Instruments with known truth: frames, logs and campaigns for tests, demo, docs, benchmarks."""

from __future__ import annotations

from seston.simulate.isiis import write_isiis
from seston.simulate.kinds import KINDS, LABELS, Kind
from seston.simulate.learning_set import write_learning_set
from seston.simulate.match import Matches, match
from seston.simulate.settings import TowSettings
from seston.simulate.standard import standard_frame, standard_truth
from seston.simulate.truth import Truth, read_truth, taxonomy

__all__ = [
    "KINDS",
    "LABELS",
    "Kind",
    "Matches",
    "TowSettings",
    "Truth",
    "match",
    "read_truth",
    "standard_frame",
    "standard_truth",
    "taxonomy",
    "write_isiis",
    "write_learning_set",
]
