"""What can go wrong, said so that a person can mend it: what, where, and the cure."""

from __future__ import annotations

from pathlib import Path


class SestonError(ValueError):
    """Something outside the program is wrong.

    Parameters
    ----------
    what : str
        What is wrong, as one sentence.
    where : str or Path, optional
        The file, and where it helps the line or the key in it.
    cure : str, optional
        What a person can do about it.
    """

    def __init__(
        self, what: str, *, where: str | Path | None = None, cure: str | None = None
    ) -> None:
        self.what = what
        self.where = None if where is None else str(where)
        self.cure = cure
        super().__init__(self._message())

    def _message(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n  {self.cure}" if self.cure else head


class ConfigError(SestonError):
    """A key, a value or a path of the configuration is wrong."""


class InputError(SestonError):
    """A file from outside cannot be used."""


class AccessError(SestonError):
    """A file cannot be reached: the disk or a permission is wrong, not what it holds.

    No `InputError`: a frame is not given up because a disk was away for a moment.
    """


class ClockError(InputError):
    """Times of files contradict each other."""


class UnitError(SestonError):
    """A quantity has no unit, or one that does not convert."""


class StoreError(SestonError):
    """A dataset of ours is missing, damaged or would be written unsafely."""


class DamageError(StoreError):
    """Files of a dataset of ours are lost or changed: it has to be made again."""


class SpaceError(StoreError):
    """The disk is full."""


class WorkerError(SestonError):
    """Processes that work for a stage die."""


class DeadlyTaskError(WorkerError):
    """One task ends whatever process works at it.

    Parameters
    ----------
    by_memory : bool
        Their nannies ended them for their memory: a smaller task may live.
    """

    def __init__(self, what: str, *, cure: str | None = None, by_memory: bool = False) -> None:
        self.by_memory = by_memory
        super().__init__(what, cure=cure)


class ModelError(SestonError):
    """A classifier's files are missing, damaged or do not fit."""


class TimeUpError(SestonError):
    """A job stops by itself before its time is up; what it finished is kept."""
