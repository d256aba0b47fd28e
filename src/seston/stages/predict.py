"""Predict: score pictures, or the objects of a dataset, outside the workflow, into a table.

The table is written as the scores come, in the order of the pictures, and appears whole. Memory:
some tasks a worker, however many pictures there are.
"""

from __future__ import annotations

import csv
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import numpy as np
from distributed import Client
from numpy.typing import NDArray

from seston import cluster
from seston.atomic import new_file
from seston.config import Classification
from seston.errors import InputError
from seston.progress import Progress, progress
from seston.stages.classify import Scorer, choose, model_of, ranges
from seston.stages.naming import naming_of
from seston.store import check_whole, open_group, read_column
from seston.store.objects import length

log = logging.getLogger(__name__)

T = TypeVar("T")

PICTURES_PER_TASK: Final = 512
_PICTURES_AT_ONCE: Final = 128
_LOOKED_AT_FIRST: Final = 4096
_DIGITS: Final = "%.5g"


@dataclass(frozen=True, slots=True)
class Pictures:
    """How pictures are to be seen.

    Parameters
    ----------
    pixel_size_mm : (height, width) of a pixel, mm, optional
    polarity : {"auto", "dark", "bright"}
        Of the objects; ``auto``: as the borders of the majority have it, as in a learning set.
        Levels of bright ones are turned.
    crop_bottom : int or "auto"
        Lines that are no picture, such as a scale bar; ``auto``: EcoTaxa's footer, where there is
        one.
    """

    pixel_size_mm: tuple[float, float] | None = None
    polarity: Literal["auto", "dark", "bright"] = "auto"
    crop_bottom: int | Literal["auto"] = "auto"


@dataclass(frozen=True, slots=True)
class Predicted:
    """What came of it.

    Parameters
    ----------
    rows : int
        Rows of the table.
    unreadable : int
        Pictures that could not be read; they have no row.
    """

    rows: int
    unreadable: int


def predict_pictures(
    settings: Classification, source: Path, out: Path, client: Client, how: Pictures
) -> Predicted:
    """Score pictures.

    Parameters
    ----------
    settings : Classification
        Model, engine, batch_size, gpus, target_precision and unknown_false_alarm are used.
    source : Path
        A folder, of which all PNG, JPEG, TIFF and BMP files are taken, or a CSV with a column
        ``path`` (relative to its own folder).
    out : Path
        CSV: ``path`` as in the source, ``taxon`` (of the highest score; empty where that does not
        promise the precision that is asked for, or the picture is like nothing that the model
        learned), ``score``, then a column for each taxon. Beside it ``<out>.unreadable.txt`` lists
        what could not be read, if any.
    how : Pictures

    Raises
    ------
    InputError
        There are no pictures, or none can be read.
    ModelError
        The model is missing, damaged, or does not fit.
    """
    folder, names = _listed(source)
    _check_sizes(settings.model, source, how)
    names, how = _with_polarity(folder, names, how)
    scorer = _PictureScorer(settings, choose_once(client, settings), folder, how)
    unreadable: list[str] = []
    written = 0
    tasks = ((batch,) for batch in _batches(names, PICTURES_PER_TASK))
    with _table(out, settings, "path") as write, progress("predict", 0, "pictures") as shown:
        for few, found in cluster.stream(client, scorer, _counted(tasks, shown)):
            bad = set(few) - {name for name, _ in found}
            unreadable += [name for name in few if name in bad]
            if found:
                write([name for name, _ in found], np.array([scores for _, scores in found]))
            written += len(found)
            shown.advance(len(few), len(found))
        if not written:
            raise InputError(
                f"no picture could be read, of {len(unreadable)}",
                where=source,
                cure="PNG, JPEG, TIFF and BMP files are read, of 8 bits.",
            )
    _list_unreadable(out, unreadable)
    return Predicted(written, len(unreadable))


def predict_objects(settings: Classification, source: Path, out: Path, client: Client) -> Predicted:
    """Score the objects of a dataset.

    Parameters
    ----------
    settings : Classification
        Model, engine, batch_size, gpus, target_precision and unknown_false_alarm are used.
    source : Path
        An objects.zarr, or the folder that holds it.
    out : Path
        CSV: ``object_id``, ``taxon``, ``score``, then a column for each taxon. An object without
        a vignette has no taxon either.

    Raises
    ------
    StoreError
        There is no such dataset, or it is damaged.
    ModelError
        The model is missing, damaged, or does not fit.
    """
    source = source if (source / "zarr.json").exists() else source / "objects.zarr"
    group = open_group(source)
    check_whole(source)
    total, done = length(group, "object_id"), 0
    scorer = Scorer(settings, choose_once(client, settings))
    tasks = ((source, start, stop) for start, stop in ranges(total, settings.gpus))
    with (
        _table(out, settings, "object_id") as write,
        progress("predict", total, "objects") as shown,
    ):
        for scores, _ in cluster.stream(client, scorer, tasks):
            ids = read_column(group, "object_id", slice(done, done + len(scores)))
            write([str(i) for i in ids], scores.astype(np.float32))
            done += len(scores)
            shown.advance(len(scores), len(scores))
    return Predicted(done, 0)


def choose_once(client: Client, settings: Classification) -> str:
    """Name the engine that all workers use."""
    return client.submit(choose, settings, pure=False).result().name


class _PictureScorer:
    """Reads and scores pictures; each worker loads the model once."""

    def __init__(self, settings: Classification, engine: str, folder: Path, how: Pictures) -> None:
        self._settings, self._engine = settings, engine
        self._folder, self._how = folder, how

    def __call__(
        self, names: Sequence[str]
    ) -> tuple[Sequence[str], list[tuple[str, NDArray[np.float32]]]]:
        """Give all names, and name and scores of those that could be read."""
        model = model_of(self._settings, self._engine)
        readable: list[str] = []
        looked = model.look_at_all(self._parts(names, readable))
        scores = [row for part in looked for row in part.scores]
        return names, list(zip(readable, scores, strict=True))

    def _parts(
        self, names: Sequence[str], readable: list[str]
    ) -> Iterator[tuple[list[NDArray[np.uint8]], Any]]:
        from seston.learn.sets.decode import read_picture

        for few in _batches(names, _PICTURES_AT_ONCE):
            pictures = [self._seen(read_picture(self._folder / name)) for name in few]
            readable += [n for n, picture in zip(few, pictures, strict=True) if picture is not None]
            yield [p for p in pictures if p is not None], self._how.pixel_size_mm

    def _seen(self, picture: NDArray[np.uint8] | None) -> NDArray[np.uint8] | None:
        if picture is None:
            return None
        from seston.learn.preprocess import footer_lines

        lines = self._how.crop_bottom
        footer = footer_lines(picture) if lines == "auto" else lines
        picture = picture[: max(0, len(picture) - footer)]
        if not picture.size:
            return None
        return 255 - picture if self._how.polarity == "bright" else picture


# ------------------------------------------------------------------------------------ sources
def _check_sizes(model: Path, source: Path, how: Pictures) -> None:
    from seston.learn import load_card

    if load_card(model).size_unit == "mm" and how.pixel_size_mm is None:
        raise InputError(
            "the model learned sizes in mm, and pictures tell none",
            where=source,
            cure="Give --pixel-size-mm HEIGHT WIDTH: those of a pixel of these pictures.",
        )


def _with_polarity(
    folder: Path, names: Iterator[str], how: Pictures
) -> tuple[Iterator[str], Pictures]:
    """Settle how the objects are, by the first pictures where nobody tells it."""
    if how.polarity != "auto":
        return names, how
    from seston.learn.sets.sources import polarity_of

    first = list(islice(names, _LOOKED_AT_FIRST))
    polarity = polarity_of([folder / name for name in first])
    if polarity == "bright":
        log.info("the objects are brighter than their background: levels are turned")
    return chain(first, names), replace(how, polarity=polarity)


def _listed(source: Path) -> tuple[Path, Iterator[str]]:
    """Folder, and names of pictures relative to it, one by one."""
    if source.is_dir():
        return source, _pictures_below(source)
    if source.is_file():
        return source.parent, _paths_in_table(source)
    raise InputError("there is no such folder or CSV", where=source)


def _pictures_below(folder: Path) -> Iterator[str]:
    from seston.learn.sets.decode import PICTURES

    for path, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in PICTURES:
                yield (Path(path) / name).relative_to(folder).as_posix()


def _paths_in_table(table: Path) -> Iterator[str]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if "path" not in (rows.fieldnames or ()):
                raise InputError("has no column `path`", where=table)
            for row in rows:
                if not row["path"]:
                    raise InputError(f"line {rows.line_num} has no path", where=table)
                yield row["path"]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"is no CSV in UTF-8: {error}", where=table) from None


def _batches(items: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    rest = iter(items)
    while few := tuple(islice(rest, size)):
        yield few


def _counted(
    tasks: Iterable[tuple[tuple[str, ...]]], shown: Progress
) -> Iterator[tuple[tuple[str, ...]]]:
    """Count pictures as they are found: nobody knows before how many there are."""
    for task in tasks:
        shown.total += len(task[0])
        yield task


# -------------------------------------------------------------------------------------- table
@contextmanager
def _table(
    out: Path, settings: Classification, key: str
) -> Iterator[Callable[[Sequence[str], NDArray[np.float32]], None]]:
    """Open a CSV, which appears when the block ends well; give a function that adds rows."""
    from seston.learn import load_card

    taxa, naming = load_card(settings.model).taxa, naming_of(settings, ())
    with new_file(out) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([key, "taxon", "score", *taxa])

        def write(names: Sequence[str], scores: NDArray[np.float32]) -> None:
            nameless = naming.unknown(scores) | naming.below_threshold(scores)
            for name, row, unnamed in zip(names, scores.tolist(), nameless, strict=True):
                best = max(row)
                taxon = "" if unnamed or best == 0 else taxa[row.index(best)]
                table.writerow([name, taxon, _DIGITS % best, *(_DIGITS % s for s in row)])

        yield write


def _list_unreadable(out: Path, names: Sequence[str]) -> None:
    path = out.with_name(f"{out.name}.unreadable.txt")
    path.unlink(missing_ok=True)
    if names:
        with new_file(path) as draft:
            draft.write_text("".join(f"{name}\n" for name in names), "utf-8")
        log.warning("%d pictures cannot be read, such as %s: %s", len(names), names[0], path)
