"""The objects dataset on disk: one row per object, ragged vignettes beside it.

Layout of an objects store (Zarr v3)::

    object_id, frame, top … predicted_taxon   (object)           one array per column
    features                                  (object, feature)  one array for all features
    scores                                    (object, taxon)
    embedding                                 (object, component)   where it is kept
    frame_time, frame_volume …                (frame)
    vignettes/pixels                          (byte)             uint8, object after object
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray
from zarr.storage import LocalStore

from seston.atomic import ANYTHING, new_folder
from seston.errors import StoreError
from seston.features import FEATURES
from seston.store.arrays import (
    STORED_FILES,
    Appender,
    create,
    create_labels,
    fast_codecs,
    finish_store,
    stored,
)
from seston.store.damage import CURE, check_whole, damage_explained
from seston.store.remote import is_url, remote_explained, store_at
from seston.variables import OBJECTS, PROFILES

#: Columns that segmentation knows; the gather adds position, scores and taxa.
SEGMENTED = (
    "object_id",
    "frame",
    "top",
    "left",
    "bottom",
    "right",
    "time",
    "features",
    "vignette_start",
)


#: Column of objects that a network found and named at once.
SCORES = "scores"
#: Columns of objects whose source named them; absent where nothing did.
SOURCE = ("source_id", "source_label", "source_status")
#: Parts that wait to be written while the next ones are found.
PARTS_WAITING = 8


class ObjectWriter:
    """Write objects part by part, in a thread beside the one that brings them.

    Memory stays at one Zarr shard of each column and `PARTS_WAITING` parts. A part that cannot be
    written raises its error from a later call.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._names = list(names)
        self._group = zarr.open_group(folder, mode="w")
        self._columns = {
            name: Appender(
                create(self._group, OBJECTS[name], (0, len(names)) if name == "features" else (0,))
            )
            for name in SEGMENTED
        }
        vignettes = self._group.create_group("vignettes")
        self._pixels = Appender(create(vignettes, OBJECTS["pixels"], (0,)))
        self._thread = ThreadPoolExecutor(1, "objects")
        self._waiting: deque[Future[None]] = deque()
        self._bytes = 0
        self.rows = 0

    def append(self, columns: Mapping[str, NDArray[Any]], pixels: NDArray[np.uint8]) -> None:
        """Add objects: a column for each name in `SEGMENTED`, and their vignettes' bytes.

        ``vignette_start`` counts from the first byte of `pixels`, and is -1 where there is no
        vignette. Columns of `SOURCE` are there in all parts or in none, and so are `SCORES`.
        """
        self._wait(PARTS_WAITING - 1)
        if SOURCE[0] in columns and SOURCE[0] not in self._columns:
            self._columns |= {n: Appender(create(self._group, OBJECTS[n], (0,))) for n in SOURCE}
        if SCORES in columns and SCORES not in self._columns:
            shape = (0, columns[SCORES].shape[1])
            self._columns[SCORES] = Appender(create(self._group, OBJECTS[SCORES], shape))
        self._waiting.append(self._thread.submit(self._append, dict(columns), pixels, self._bytes))
        self._bytes += len(pixels)
        self.rows += len(columns["object_id"])

    def _append(
        self, columns: dict[str, NDArray[Any]], pixels: NDArray[np.uint8], start: int
    ) -> None:
        begin = columns["vignette_start"]
        columns["vignette_start"] = np.where(begin < 0, -1, begin + start)
        for name, appender in self._columns.items():
            appender.append(columns[name])
        self._pixels.append(pixels)

    def _wait(self, most: int) -> None:
        while len(self._waiting) > most:
            self._waiting.popleft().result()

    def close(self, frames: Mapping[str, NDArray[Any]], attributes: Mapping[str, Any]) -> None:
        """Write what is held, the frame variables, the feature names and the attributes."""
        self._wait(0)
        with ThreadPoolExecutor(2) as pool:  # the two long ones at a time: pixels and features
            list(pool.map(Appender.close, (self._pixels, *self._columns.values())))
        write_frames(self._group, frames)
        create_labels(self._group, OBJECTS["feature"], self._names)
        units = [FEATURES[name].units for name in self._names]
        create_labels(self._group, OBJECTS["feature_units"], units)
        self._group.attrs.update(dict(attributes))

    def stop(self) -> None:
        """Let the thread end; what still waits is dropped."""
        self._thread.shutdown(cancel_futures=True)


def write_frames(group: zarr.Group, frames: Mapping[str, NDArray[Any]]) -> None:
    """Write variables of dimension ``frame``, named as in the registry."""
    for name, values in frames.items():
        variable = OBJECTS[name]
        if variable.dtype == "str":
            create_labels(group, variable, [str(v) for v in values])
        else:
            array = create(group, variable, (len(values),))
            if len(values):
                array[:] = stored(np.asarray(values))


@contextmanager
def new_objects(
    path: Path, names: Sequence[str], key: str = ""
) -> Iterator[tuple[Path, ObjectWriter]]:
    """Open a writer of objects with these features.

    The store appears at `path` only when the block ends well, and with it the key of what it was
    made of.
    """
    with new_folder(path, ANYTHING) as draft:
        writer = ObjectWriter(draft, names)
        try:
            yield draft, writer
        finally:
            writer.stop()
        finish_store(draft, key)


def open_group(path: Path | str) -> zarr.Group:
    """Open a store for reading, in a folder or at a URL.

    Raises
    ------
    StoreError
        There is none, or it is damaged, or the URL does not answer.
    """
    if is_url(path):
        with remote_explained(str(path)):
            return zarr.open_group(store_at(str(path)), mode="r", zarr_format=3)
    path = Path(path)
    with _absence_explained(path), damage_explained(path):
        return zarr.open_group(path, mode="r")


def open_dataset(path: Path | str) -> xr.Dataset:
    """Open an objects or profiles store as an xarray Dataset, lazily.

    Parameters
    ----------
    path : Path or str
        Its folder, or its URL, as ``s3://bucket/cruise/profiles.zarr``: see `seston.store.remote`.

    Raises
    ------
    StoreError
        There is none, or it is damaged, or the URL does not answer.
    """
    if is_url(path):
        return _open_remote(str(path))
    path = Path(path)
    with _absence_explained(path), damage_explained(path):
        check_whole(path)
        with fast_codecs():
            return _as_dataset(path, str(path))


def _open_remote(url: str) -> xr.Dataset:
    with remote_explained(url):
        return _as_dataset(store_at(url), url)


def _as_dataset(store: Any, place: str) -> xr.Dataset:  # noqa: ANN401  # a Path, or a store of Zarr
    dataset: xr.Dataset = xr.open_zarr(store, chunks=None, zarr_format=3)
    dataset.attrs.pop(STORED_FILES, None)  # of the store, not of what it holds
    dataset.encoding["source"] = place
    return dataset


def load_dataset(path: Path | str) -> xr.Dataset:
    """Read a store that fits in memory.

    Raises
    ------
    StoreError
        There is none, or it is damaged, or the URL does not answer.
    """
    with open_dataset(path) as dataset, damage_explained(path):
        return dataset.load()


@contextmanager
def _absence_explained(path: Path) -> Iterator[None]:
    if not path.exists():
        raise StoreError("there is no such dataset", where=path, cure="Run the workflow first.")
    yield


def read_column(group: zarr.Group, name: str, rows: slice | None = None) -> NDArray[Any]:
    """Read one column, or a range of its rows; times come as datetime64[ns]."""
    with _codecs_of(group), damage_explained(place_of(group)):
        values = np.asarray(_array(group, name)[rows if rows is not None else slice(None)])
    return values.view("datetime64[ns]") if OBJECTS[name].dtype.startswith("date") else values


def _codecs_of(group: zarr.Group) -> AbstractContextManager[None]:
    """Compiled codecs read files; from a URL they would fetch with a client of their own."""
    return fast_codecs() if isinstance(group.store, LocalStore) else nullcontext()


def place_of(group: zarr.Group) -> Path | str:
    """Where a group lies."""
    root = getattr(group.store, "root", None)
    return root / group.path if isinstance(root, Path) else str(group.store_path)


def _array(group: zarr.Group, name: str) -> zarr.Array[Any]:
    found = group.get(name)
    if not isinstance(found, zarr.Array):
        raise StoreError(f"has no array {name!r}", where=place_of(group), cure=CURE)
    return found


def length(group: zarr.Group, name: str) -> int:
    """Give the number of rows of an array."""
    return int(_array(group, name).shape[0])


def width(group: zarr.Group, name: str) -> int:
    """Give the number of columns of an array; 0 where there is none of this name."""
    return int(_array(group, name).shape[1]) if name in group else 0


def content_of(group: zarr.Group) -> str:
    """Give a short hash of which objects of a shard there are: how many of each frame.

    Objects of one key are the same, but for frames that could be read at one time and not at
    another: a disk that did not answer, a frame that ended its workers.
    """
    digest = hashlib.sha256()
    for name in ("frame_usable", "frame_object_count"):
        digest.update(read_column(group, name).tobytes())
    return digest.hexdigest()[:16]


def read_labels(group: zarr.Group, name: str) -> list[str]:
    """Read a short array of texts."""
    with damage_explained(place_of(group)):
        return [str(label) for label in np.asarray(_array(group, name)[:])]


def read_feature(group: zarr.Group, name: str, rows: slice) -> NDArray[np.float32]:
    """Read one feature of a range of objects, in the units of the registry.

    Raises
    ------
    StoreError
        The dataset does not have this feature: it was not chosen.
    """
    names = read_labels(group, "feature")
    if name not in names:
        raise StoreError(
            f"has no feature {name!r}",
            where=str(group.store_path),
            cure="Choose a set that has it with `features` in config.yaml, and run again.",
        )
    values = read_column(group, "features", rows)
    return np.ascontiguousarray(values[:, names.index(name)])


def read_vignettes(path: Path | zarr.Group, rows: slice | Sequence[int]) -> list[NDArray[np.uint8]]:
    """Read vignettes of a range of objects, or of single ones.

    Returns
    -------
    list of arrays (height, width), uint8
        Corrected grey levels: objects dark, background at 240; (0, 0) where there is no
        vignette.
    """
    group = path if isinstance(path, zarr.Group) else open_group(path)
    if isinstance(rows, slice):
        return _vignettes_of_range(group, rows)
    return [_vignettes_of_range(group, slice(int(r), int(r) + 1))[0] for r in rows]


def _vignettes_of_range(group: zarr.Group, rows: slice) -> list[NDArray[np.uint8]]:
    top, bottom, left, right, start = (
        read_column(group, name, rows)
        for name in ("top", "bottom", "left", "right", "vignette_start")
    )
    if not len(start):
        return []
    seen = start >= 0
    heights, widths = np.where(seen, bottom - top, 0), np.where(seen, right - left, 0)
    sizes = heights.astype(np.int64) * widths
    first = int(start[seen].min()) if seen.any() else 0
    last = int((start + sizes)[seen].max(initial=0))
    with _codecs_of(group), damage_explained(place_of(group)):
        pixels = np.asarray(_array(group, "vignettes/pixels")[first:last])
    offsets = np.where(seen, start - first, 0)
    return [
        pixels[o : o + n].reshape(h, w)
        for o, n, h, w in zip(offsets, sizes, heights, widths, strict=True)
    ]


class ScoreWriter:
    """Write scores, and embeddings where they are kept, part by part."""

    def __init__(self, group: zarr.Group, n_taxa: int, n_embedding: int) -> None:
        self._scores = Appender(create(group, OBJECTS["scores"], (0, n_taxa)))
        shape = (0, n_embedding)
        self._embedding = (
            Appender(create(group, OBJECTS["embedding"], shape)) if n_embedding else None
        )

    def append(self, scores: NDArray[Any], embedding: NDArray[Any] | None = None) -> None:
        """Add the scores (n, n_taxa) of objects, and their embeddings (n, n_embedding)."""
        self._scores.append(scores.astype(np.float16, copy=False))
        if self._embedding is not None and embedding is not None:
            self._embedding.append(embedding.astype(np.float16, copy=False))

    def close(self) -> None:
        """Write what is held."""
        self._scores.close()
        if self._embedding is not None:
            self._embedding.close()


@contextmanager
def new_scores(
    path: Path,
    taxa: Sequence[str],
    attributes: Mapping[str, Any],
    n_embedding: int = 0,
    key: str = "",
) -> Iterator[ScoreWriter]:
    """Open a writer of scores (object, taxon), whose store appears when the block ends well.

    With `n_embedding`, it takes the embedding (object, component) of each object too.
    """
    with new_folder(path, ANYTHING) as draft:
        group = zarr.open_group(draft, mode="w")
        create_labels(group, PROFILES["taxon"], list(taxa))
        writer = ScoreWriter(group, len(taxa), n_embedding)
        yield writer
        writer.close()
        group.attrs.update(dict(attributes))
        finish_store(draft, key)
