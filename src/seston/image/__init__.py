"""From pictures to measured objects: pure functions on arrays, that know no files.

`find_objects` is the door: it corrects uneven light, finds objects, and measures them.
`measure_vignettes` is the side door, for objects that an instrument has cut out.
"""

from __future__ import annotations

from seston.image.correct import median_background, median_level
from seston.image.find import corrected_lines, find_objects, halo, warm_up
from seston.image.objects import Objects
from seston.image.vignettes import Measured, measure_vignettes

__all__ = [
    "Measured",
    "Objects",
    "corrected_lines",
    "find_objects",
    "halo",
    "measure_vignettes",
    "median_background",
    "median_level",
    "warm_up",
]
