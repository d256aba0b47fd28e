"""From pictures to measured objects: pure functions on arrays, that know no files.

`find_objects` is the door: it corrects uneven light, finds objects, and measures them.
"""

from __future__ import annotations

from seston.image.correct import median_background
from seston.image.find import find_objects, halo, warm_up
from seston.image.objects import Objects

__all__ = ["Objects", "find_objects", "halo", "median_background", "warm_up"]
