"""Instruments with known truth: frames, logs and campaigns for tests, demo, docs, benchmarks."""

from seston.simulate.isiis import write_isiis
from seston.simulate.kinds import KINDS, LABELS, Kind
from seston.simulate.settings import TowSettings
from seston.simulate.truth import Truth, read_truth

__all__ = ["KINDS", "LABELS", "Kind", "TowSettings", "Truth", "read_truth", "write_isiis"]
