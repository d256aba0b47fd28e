"""Vignettes with their labels, as the sources of a learning set give them one by one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seston.learn.sets.parts import UNTOLD

#: Between the levels of a label that is the path of a nested folder.
LEVEL: Final = "/"

#: Why something of a source is not in the learning set.
UNREADABLE = "files cannot be read"
TOO_DEEP = "pictures of more than 8 bits"
MISSING = "files are not there"
OUTSIDE = "files lie outside of the folder"
BLANK = "blank pictures"
DROPPED = "with a label that the table of taxa leaves out"
UNLABELLED = "without a label"
NOT_VALIDATED = "objects that nobody validated"
WITHOUT_PICTURE = "objects without a picture"


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One vignette and what its source says of it.

    Parameters
    ----------
    label : str
        As the source has it.
    vignette : array (y, x), uint8
        As it is in the file.
    origin : str
        File or object, as a person finds it.
    group : str
        Sample or frame; empty where none is told.
    part : int
        See `seston.learn.sets.parts`; `UNTOLD` where the source does not split.
    pixel_size_mm : (height, width), mm, optional
    bright : bool, optional
        Whether objects are brighter than the background; None where the border tells it.
    lineage : tuple of str
        What the label belongs to, from the root, where the source tells it.
    """

    label: str
    vignette: NDArray[np.uint8]
    origin: str
    group: str = ""
    part: int = UNTOLD
    pixel_size_mm: tuple[float, float] | None = None
    bright: bool | None = None
    lineage: tuple[str, ...] = ()


@dataclass(slots=True)
class LeftOut:
    """What a source holds and a learning set does not, and why.

    Parameters
    ----------
    origins : list of str
        Files that should have been pictures and are not.
    reasons : Counter of str
        How many for each reason.
    """

    origins: list[str] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    def damaged(self, origin: str, reason: str) -> None:
        """Note a file that should have been there."""
        self.origins.append(origin)
        self.reasons[reason] += 1

    def told(self) -> str:
        """Say it in one line."""
        said = [f"{n:,} {reason}" for reason, n in sorted(self.reasons.items())]
        such = f" (such as {self.origins[0]})" if self.origins else ""
        return ", ".join(said) + such
