"""Simulated files of every instrument: same layouts as the real ones, known truth.

One module for each instrument, which registers its simulator by the instrument's name.
"""

from seston.simulate.instruments.registry import SIZES, Row, Simulator, simulator, simulators

__all__ = ["SIZES", "Row", "Simulator", "simulator", "simulators"]
