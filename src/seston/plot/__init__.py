"""Figures. Each function draws on the Axes it is given, or on a new Figure of its own.

No function touches pyplot, so figures can be drawn in any process and any number of them.
"""

from seston.plot.cells import Cells, is_adjusted, pool, pool_adjusted, pool_profile
from seston.plot.confusion import confusion
from seston.plot.mosaic import mosaic
from seston.plot.overlay import overlay
from seston.plot.profile import profile, profile_grid, water_profile
from seston.plot.quality import quality, reasons
from seston.plot.reliability import reliability
from seston.plot.section import has_values, section, sections
from seston.plot.spectrum import size_spectrum
from seston.plot.style import to_png, to_svg
from seston.plot.training import training

__all__ = [
    "Cells",
    "confusion",
    "has_values",
    "is_adjusted",
    "mosaic",
    "overlay",
    "pool",
    "pool_adjusted",
    "pool_profile",
    "profile",
    "profile_grid",
    "quality",
    "reasons",
    "reliability",
    "section",
    "sections",
    "size_spectrum",
    "to_png",
    "to_svg",
    "training",
    "water_profile",
]
