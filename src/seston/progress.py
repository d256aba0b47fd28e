"""How far a stage is: a live bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger("seston")

SECONDS_BETWEEN_LINES = 30.0


class Progress:
    """Counts what a stage has done; subclasses show it."""

    def __init__(self, title: str, total: int, unit: str, of: str = "objects") -> None:
        self.title, self.total, self.unit, self.of = title, total, unit, of
        self.done = 0
        self.objects = 0
        self._begin = time.monotonic()
        self._last_line = self._begin

    def advance(self, done: int = 1, objects: int = 0) -> None:
        """Say that `done` more units are finished, in which `objects` objects were found."""
        self.done += done
        self.objects += objects
        self._show()

    def note(self, text: str) -> None:
        """Say something in between, such as what an epoch came to."""
        log.info("%s: %s", self.title, text)

    @property
    def rate(self) -> float:
        """Objects per second so far."""
        return self.objects / max(time.monotonic() - self._begin, 1e-9)

    def summary(self) -> str:
        """One line about all that was done."""
        text = f"{self.title}: {self.done:,} of {self.total:,} {self.unit}"
        if self.objects:
            text += "" if self.unit == self.of else f", {self.objects:,} {self.of}"
            text += f", {self.rate:,.0f} {self.of}/s"
        return text

    def _seconds_left(self) -> float:
        elapsed = time.monotonic() - self._begin
        return elapsed / max(self.done, 1) * (self.total - self.done)

    def _show(self) -> None:
        now = time.monotonic()
        if now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            log.info("%s, %.0f s left", self.summary(), self._seconds_left())


@contextmanager
def progress(title: str, total: int, unit: str, of: str = "objects") -> Iterator[Progress]:
    """Show progress while the block runs; log one summary line at its end.

    Parameters
    ----------
    title : str
    total : int
        Units that there are.
    unit, of : str
        What is counted, and what its rate is of, in the plural.
    """
    if sys.stderr.isatty():
        with _live(title, total, unit, of) as shown:
            yield shown
    else:
        shown = Progress(title, total, unit, of)
        yield shown
    log.info(shown.summary())


@contextmanager
def _live(title: str, total: int, unit: str, of: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TextColumn(f"{{task.fields[rate]:,.0f}} {of}/s"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total, rate=0.0)

        class Live(Progress):
            def _show(self) -> None:
                bar.update(task, completed=self.done, total=self.total, rate=self.rate)

            def note(self, text: str) -> None:
                bar.console.print(f"{self.title}: {text}", highlight=False, markup=False)

        yield Live(title, total, unit, of)
