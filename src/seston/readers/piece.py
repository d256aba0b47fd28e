"""What a reader is asked for: lines of a frame, and where they go."""

from __future__ import annotations

from dataclasses import dataclass

from seston.errors import InputError
from seston.frame import UInt8Array


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Lines of a frame that are wanted, and where they go.

    Parameters
    ----------
    index : int
        Number of the frame in its file.
    height : int
        Lines of the whole frame.
    first : int
        First line that is wanted.
    target : array (line, column), uint8
        Gets the lines from `first` on, and tells how many and how wide they are.
    """

    index: int
    height: int
    first: int
    target: UInt8Array

    def take(self, picture: UInt8Array, path: str) -> None:
        """Copy the lines from the whole frame.

        Raises
        ------
        InputError
            The frame has another shape.
        """
        shape = (self.height, self.target.shape[1])
        if picture.shape != shape:
            raise InputError(f"is {picture.shape}, not {shape}", where=path)
        self.target[:] = picture[self.first : self.first + len(self.target)]
