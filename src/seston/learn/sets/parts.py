"""The parts of a learning set, by number and by the names that sources give them."""

from __future__ import annotations

from typing import Final

TRAIN: Final = 0
VALIDATION: Final = 1
TEST: Final = 2
#: The source says nothing of this vignette.
UNTOLD: Final = 255

PART_NAMES: Final = ("train", "validation", "test")
#: What sources call them, in small letters.
PARTS: Final = {
    "train": TRAIN,
    "training": TRAIN,
    "valid": VALIDATION,
    "val": VALIDATION,
    "validation": VALIDATION,
    "test": TEST,
}
