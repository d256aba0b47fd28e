"""The index finds what a look at all rows finds, and looks at less."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from seston.errors import StoreError
from seston.store import arrays, index, open_dataset, select
from seston.store.objects import read_column
from seston.variables import OBJECTS, PROFILES

TAXA = ["Copepoda", "Appendicularia", "detritus"]
START = pd.Timestamp("2013-07-25T22:00")
BLOCK, SHARD = 4, 8


@contextmanager
def small() -> Iterator[None]:
    """Blocks and shards of few rows, so that there are many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "ROWS_PER_CHUNK", SHARD // 2)
        patch.setattr(arrays, "ROWS_PER_SHARD", SHARD)
        patch.setattr(index, "ROWS_PER_BLOCK", BLOCK)
        patch.setattr(index, "_ROWS_BETWEEN", BLOCK)
        yield


def write(path: Path, seconds: list[float], depth: list[float], taxon: list[int], **more: Any):
    """Write the columns that are looked at, and the index if there is none in `more`."""
    n = len(seconds)
    group = zarr.open_group(path, mode="w")
    columns = {
        "object_id": np.arange(n, dtype=np.uint64),
        "time": np.array([time_of(s) for s in seconds], "datetime64[ns]"),
        "depth": np.array(depth, np.float32),
        "predicted_taxon": np.array(taxon, np.int16),
        "validated_taxon": np.array(more.get("validated", [-1] * n), np.int16),
    }
    for name, values in columns.items():
        arrays.create(group, OBJECTS[name], (n,))[:] = arrays.stored(values)
    arrays.create_labels(group, PROFILES["taxon"], TAXA)
    if more.get("indexed", True):
        named = np.where(columns["validated_taxon"] >= 0, columns["validated_taxon"], taxon)
        step = arrays.ROWS_PER_SHARD
        looked_at = (columns["time"], columns["depth"], named.astype(int))
        parts = [
            index.summary(*(c[start : start + step] for c in looked_at), len(TAXA))
            for start in range(0, n, step)
        ]
        index.write_index(group, parts)
    arrays.finish_store(path)
    return path


def time_of(seconds: float) -> np.datetime64:
    if np.isnan(seconds):
        return np.datetime64("NaT", "ns")
    return START.to_datetime64() + np.timedelta64(round(seconds * 1e9), "ns")


numbers = st.one_of(st.just(np.nan), st.integers(0, 40).map(float))
row = st.tuples(numbers, numbers, st.integers(-1, 2), st.integers(-1, 2))
limit = st.one_of(st.none(), st.integers(0, 40).map(float))
ranges = st.one_of(st.none(), st.tuples(limit, limit))


@given(
    rows=st.lists(row, max_size=60),
    sort=st.booleans(),
    time=ranges,
    depth=ranges,
    taxon=st.one_of(st.none(), st.sets(st.sampled_from(TAXA))),
    indexed=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_what_is_selected_is_what_a_look_at_all_rows_finds(
    tmp_path_factory, rows, sort, time, depth, taxon, indexed
):
    rows = sorted(rows) if sort else rows
    columns = [list(c) for c in zip(*rows, strict=True)] if rows else [[], [], [], []]
    seconds, z, predicted, validated = columns
    with small():
        path = write(
            tmp_path_factory.mktemp("o") / "o.zarr", seconds, z, predicted,
            validated=validated, indexed=indexed,
        )  # fmt: skip
        found = select(
            path,
            time=time and slice(*(None if t is None else time_of(t) for t in time)),
            depth=depth and slice(*depth),
            taxon=taxon,
        )
    expected = [
        i
        for i, (s, d, p, v) in enumerate(rows)
        if _within(s, time) and _within(d, depth)
        and (taxon is None or (v if v >= 0 else p) in {TAXA.index(t) for t in taxon})
    ]  # fmt: skip
    assert found["object_id"].to_numpy().tolist() == expected


def _within(value: float, limits: tuple[float | None, float | None] | None) -> bool:
    if limits is None:
        return True
    low, high = limits
    return not np.isnan(value) and (low is None or value >= low) and (high is None or value <= high)


def test_blocks_that_cannot_hold_what_is_wanted_are_not_looked_at(tmp_path, monkeypatch):
    looked = []

    def reads(group, name, rows=None):
        if name in ("time", "depth", "predicted_taxon"):
            looked.append((name, rows.start, rows.stop))
        return read_column(group, name, rows)

    monkeypatch.setattr(index, "read_column", reads)
    with small():
        n = 40
        path = write(tmp_path / "o.zarr", list(range(n)), [1.0, 9.0] * (n // 2), [0] * 36 + [1] * 4)
        select(path, time=slice(time_of(10), time_of(13)))
        select(path, taxon="Appendicularia")
        select(path, depth=slice(2, 8))
        select(path, depth=slice(20, 30))
    assert looked == [("time", 8, 16), ("predicted_taxon", 36, 40), ("depth", 0, 40)]


@pytest.mark.parametrize(
    ("first", "last"),
    [("2013-07-25T22:00:03", "2013-07-25T22:00"), ("2013-07-25", "2013"), (None, "2013-07-24"),
     ("2013-07-25T22:01", None), ("2013-07-25T22:00:01.5", "2013-07-25T22:00:02")],
)  # fmt: skip
def test_texts_that_name_times_are_read_as_xarray_reads_them(tmp_path, first, last):
    seconds = [0.0, 1.0, 1.5, 2.5, 2.999999999, 3.0, 59.999999999, 60.0, 3600.0, 1e5]
    path = write(tmp_path / "o.zarr", seconds, [1.0] * 10, [0] * 10)
    plain = xr.open_zarr(path, chunks=None).set_index(object="time")
    expected = plain["object_id"].sel(object=slice(first, last)).to_numpy()
    found = select(path, time=slice(first, last))
    np.testing.assert_array_equal(found["object_id"].to_numpy(), expected)


def test_what_is_selected_keeps_frames_and_taxa_and_is_read_when_it_is_used(tmp_path):
    path = write(tmp_path / "o.zarr", [1.0, 2.0, 3.0], [5.0, 6.0, np.nan], [0, 1, 2])
    found = select(path, depth=slice(6, None))
    assert found["taxon"].to_numpy().tolist() == TAXA
    assert not found["predicted_taxon"]._in_memory
    assert found["predicted_taxon"].to_numpy().tolist() == [1]


def test_a_dataset_that_is_open_is_selected_from_if_it_is_whole(tmp_path):
    path = write(tmp_path / "o.zarr", [1.0, 2.0, 3.0], [5.0, 6.0, np.nan], [0, 1, 2])
    for opened in (open_dataset(path), xr.open_zarr(path, chunks=None)):
        assert select(opened, taxon=["detritus"])["object_id"].to_numpy().tolist() == [2]
    for other in (opened.isel(object=slice(1)), opened.copy().drop_encoding(), xr.Dataset()):
        with pytest.raises(StoreError, match="not a whole objects dataset"):
            select(other, depth=slice(1, 2))


def test_a_taxon_that_is_not_there_and_a_step_are_refused(tmp_path):
    path = write(tmp_path / "o.zarr", [1.0], [5.0], [0])
    with pytest.raises(StoreError, match=r"(?s)no taxon 'Copepod'.*It has Copepoda"):
        select(path, taxon="Copepod")
    with pytest.raises(StoreError, match="no step"):
        select(path, depth=slice(0, 10, 2))
