"""A learning set from whole frames: detritus in the shares of nature, or what is left of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seston.atomic import new_folder
from seston.config import Segmentation
from seston.frame import AnnotatedFrame, Instance
from seston.image import Objects, find_objects
from seston.simulate.annotated import SimulatedFrames
from seston.simulate.isiis import write_picture
from seston.simulate.kinds import LABELS
from seston.simulate.learning_set import write_facts
from seston.simulate.match import match

#: Says of each found object whether it is wanted.
Keep = Callable[[Objects], NDArray[np.bool_]]

#: Organisms in a frame: far more than in nature, or hours of frames would hold a dozen.
_PLANKTON = 160
#: Vignettes that a taxon must have to be learned.
_FEWEST = 3


def write_natural_set(
    folder: Path,
    seed: int,
    *,
    frames: int,
    segmentation: Segmentation | None = None,
    keep: Keep | None = None,
) -> None:
    """Draw frames, find the objects in them, and sort the vignettes by what they truly are.

    Parameters
    ----------
    folder : Path
        Gets a folder for each taxon with PNG files, and learning_set.json with the pixel size; must
        not exist, or be empty. A taxon of which fewer than 3 are found has none.
    seed : int
        Other than the seed of a tow, it gives other individuals.
    frames : int
        Frames of 4096 lines, in the detritus of nature.
    segmentation : Segmentation, optional
        How objects are found.
    keep : callable, optional
        Which of them are wanted: what a filter lets through, as hard cases to learn from.
    """
    drawn = SimulatedFrames(seed, _PLANKTON, detritus=True)
    settings = (segmentation or Segmentation.model_validate({})).model_copy(
        update={"background": "none", "polarity": "dark"}
    )
    have: Counter[str] = Counter()
    with new_folder(Path(folder)) as draft:
        for label in LABELS:
            (draft / label).mkdir()
        write_facts(draft / "learning_set.json", drawn.settings, seed)
        for frame in drawn.frames(0, frames):
            for label, vignette in _of_frame(frame, settings, keep):
                write_picture(draft / label / f"{have[label]:05d}.png", vignette)
                have[label] += 1
        for label in (one for one in LABELS if have[one] < _FEWEST):
            for path in (draft / label).iterdir():
                path.unlink()
            (draft / label).rmdir()


def _of_frame(
    frame: AnnotatedFrame, settings: Segmentation, keep: Keep | None
) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield label and vignette of the wanted objects of a frame whose truth is known."""
    assert frame.pixel_height
    assert frame.pixel_width
    found = find_objects(
        frame.pixels,
        owned=slice(0, len(frame.pixels)),
        settings=settings,
        pixel_height=frame.pixel_height,
        pixel_width=frame.pixel_width,
    )
    boxes = np.column_stack([found.top, found.left, found.bottom, found.right])
    true = match(boxes, [_box(one) for one in frame.instances]).true_of()
    wanted = np.ones(len(found), bool) if keep is None else keep(found)
    for row in np.flatnonzero(wanted & (true >= 0)):
        yield frame.instances[true[row]].taxon, found.vignette(int(row))


def _box(one: Instance) -> tuple[int, int, int, int]:
    return one.top, one.left, one.top + one.mask.shape[0], one.left + one.mask.shape[1]
