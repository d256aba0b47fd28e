"""How a network is taught: how often, how much at a time, and how fast."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi

WARM_UP = 0.1
"""Share of a training in which the rate rises: the first steps of Adam know little of the scale of
a gradient, and can undo in a moment what a network has learned."""


FEW_STEPS = 200
"""Trainings of 56 steps and of 344 and more were compared; where between them the border lies was
not. docs/training.md tells of both."""


def usual_rate(steps: int) -> float:
    """Give the rate at its height for a training of so many steps.

    The higher one first undoes what the network knew of photographs, and leads further if there
    are steps enough afterwards.

    Examples
    --------
    >>> usual_rate(56), usual_rate(344)
    (0.0003, 0.001)
    """
    return 3e-4 if steps < FEW_STEPS else 1e-3


@dataclass(frozen=True, slots=True)
class Settings:
    """How it is learned.

    Parameters
    ----------
    epochs : int
        Times that each row is seen, at most.
    patience : int
        Epochs without a lower validation loss, after which it ends; counted from
        `patient_from` on.
    batch_size : int
        Rows of one step of AdamW.
    rows_at_a_time : int
        Rows that go through the network together; the gradients of a step are summed. Nothing
        but rounding hangs on it: normalisations keep their statistics.
    learning_rate : float
        At its height.
    decay : float, optional
        The rate after so many epochs is ``learning_rate / (1 + decay * epochs)``. None: it rises
        evenly in the first tenth of the training and falls to 0 at its end, as half a cosine.
    weight_decay : float
        Of AdamW, on matrices and kernels.
    bfloat16 : bool
        Compute products in bfloat16; weights and sums stay in float32.
    seed : int
    """

    epochs: int
    patience: int
    batch_size: int
    learning_rate: float = 1e-3
    decay: float | None = None
    weight_decay: float = 0.0
    bfloat16: bool = False
    seed: int = 0
    rows_at_a_time: int = 1 << 30

    @property
    def patient_from(self) -> float:
        """Epoch from which on it may end for lack of gain.

        Under a rate that falls to 0, epochs at its height often gain nothing, and the last ones
        gain most: patience begins where the rate is half of what it was.
        """
        return self.epochs / 2 if self.decay is None else 0

    def rate(self, epochs: float) -> float:
        """Give the learning rate after so many epochs.

        References
        ----------
        With a decay: Panaiotis et al. (2026), doi:10.5194/essd-18-945-2026
        (``02.train_cnn.py``). Without: Loshchilov and Hutter (2017), SGDR, equation 5, and
        the warm-up of Goyal et al. (2017), Accurate, large minibatch SGD.

        Examples
        --------
        >>> settings = Settings(epochs=10, patience=3, batch_size=64)
        >>> [f"{settings.rate(epoch):.3g}" for epoch in (0, 0.5, 1, 5, 10)]
        ['0', '0.000497', '0.000976', '0.0005', '0']
        >>> published = Settings(10, 3, 64, learning_rate=5e-4, decay=0.97)
        >>> [f"{published.rate(epoch):.3g}" for epoch in (0, 1, 5, 10)]
        ['0.0005', '0.000254', '8.55e-05', '4.67e-05']
        """
        if self.decay is not None:
            return self.learning_rate / (1 + self.decay * epochs)
        done = epochs / self.epochs
        return self.learning_rate * min(1.0, done / WARM_UP) * (1 + cos(pi * done)) / 2
