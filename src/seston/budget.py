"""What a job of the workflow asks of the batch system: minutes and memory, by the size of its work.

The speeds are slow ones on purpose: a tenth of what a core was measured to do on plain frames, and
less than it does on noisy ones. A job that needs more all the same ends itself, keeps what it has
finished, and is run again with as much again (`attempt`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Minutes of any job: start of Python and of the workers, a busy file system.
START_MINUTES = 10.0
#: Pixels that a core segments in a second, by a threshold (58 M are one ISIIS) or by a network.
PIXELS_PER_S = {"threshold": 1.0e8, "semantic": 1.0e6}
#: Objects that a core or a GPU classifies in a second.
OBJECTS_PER_S = {"cpu": 40.0, "gpu": 1000.0}
#: Objects that are thought to be in so many pixels before they are found: ISIIS has 120 a million.
OBJECTS_PER_PIXEL = 1.2e-4
#: Rows that a core gathers, or puts into bins, in a second.
ROWS_PER_S = 1.0e5
#: MB of a worker that segments or gathers, of one that classifies, and of the command beside them.
WORKER_MB, NETWORK_MB, COMMAND_MB = 1500, 2500, 1500
#: MB that the command needs for a million frames, where it lists all of a campaign.
MB_PER_MILLION_FRAMES = 5000


@dataclass(frozen=True, slots=True)
class Work:
    """Size of the work of a job.

    Parameters
    ----------
    pixels, objects, frames : float
        As far as they are known; objects not yet found are guessed from the pixels.
    """

    pixels: float = 0.0
    objects: float = 0.0
    frames: float = 0.0

    def guessed(self) -> float:
        """Objects, or a guess at them."""
        return self.objects or self.pixels * OBJECTS_PER_PIXEL


def segment_minutes(work: Work, threads: int, method: str, attempt: int) -> int:
    """Minutes to segment a block.

    >>> segment_minutes(Work(pixels=2.1e11), threads=4, method="threshold", attempt=1)
    19
    """
    return _minutes(work.pixels / PIXELS_PER_S[method] / threads, attempt)


def classify_minutes(work: Work, threads: int, gpus: int, attempt: int) -> int:
    """Minutes to classify a block, on its cores or its GPUs."""
    rate = gpus * OBJECTS_PER_S["gpu"] or threads * OBJECTS_PER_S["cpu"]
    return _minutes(work.guessed() / rate, attempt)


def rows_minutes(work: Work, threads: int, attempt: int) -> int:
    """Minutes to gather the objects of a campaign, or to bin them."""
    return _minutes(work.guessed() / ROWS_PER_S / threads, attempt)


def _minutes(seconds: float, attempt: int) -> int:
    return math.ceil((START_MINUTES + seconds / 60) * attempt)


def segment_mb(threads: int, gpus: int, attempt: int) -> int:
    """MB to segment a block: by the number of workers, whatever the length of the block.

    Workers that share GPUs each hold a network and what it needs to speak with its GPU.
    """
    return (COMMAND_MB + (NETWORK_MB if gpus else WORKER_MB) * threads) * attempt


def classify_mb(threads: int, gpus: int, attempt: int) -> int:
    """MB to classify a block."""
    return (COMMAND_MB + NETWORK_MB * (gpus or threads)) * attempt


def rows_mb(work: Work, threads: int, attempt: int) -> int:
    """MB to gather or to bin a campaign: the command holds the list of its frames."""
    frames = math.ceil(work.frames / 1e6 * MB_PER_MILLION_FRAMES)
    return (COMMAND_MB + frames + WORKER_MB * threads) * attempt
