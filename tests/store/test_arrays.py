"""Arrays on disk: nothing is lost, whatever the sizes, and unsafe writes are refused."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from region_writer import write_regions
from seston.errors import StoreError
from seston.store import arrays
from seston.store.gather import Sources, copy_region, regions
from seston.variables import OBJECTS, Variable

SMALL = 8  # rows in a shard in these tests, so that many shards are met


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "ROWS_PER_CHUNK", SMALL // 2)
    monkeypatch.setattr(arrays, "ROWS_PER_SHARD", SMALL)


def _shards(tmp_path: Path, sizes: list[int], variable: Variable) -> list[Path]:
    paths, start = [], 0
    for i, size in enumerate(sizes):
        group = zarr.open_group(tmp_path / f"{i}.zarr", mode="w")
        appender = arrays.Appender(arrays.create(group, variable, (0,)))
        appender.append(np.arange(start, start + size, dtype=variable.dtype))
        appender.close()
        paths.append(tmp_path / f"{i}.zarr")
        start += size
    return paths


@given(parts=st.lists(st.integers(0, 30), max_size=6))
@settings(max_examples=25, deadline=None)
def test_what_is_appended_in_parts_is_read_as_one(
    tmp_path_factory: pytest.TempPathFactory, parts: list[int]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "ROWS_PER_CHUNK", SMALL // 2)
        patch.setattr(arrays, "ROWS_PER_SHARD", SMALL)
        group = zarr.open_group(tmp_path_factory.mktemp("a") / "a.zarr", mode="w")
        appender = arrays.Appender(arrays.create(group, OBJECTS["top"], (0,)))
        whole = np.arange(sum(parts), dtype=np.int32)
        for piece in np.split(whole, np.cumsum(parts)[:-1]) if parts else []:
            appender.append(piece)
            assert appender.held_rows < SMALL
        appender.close()
        np.testing.assert_array_equal(group["top"][:], whole)


@given(sizes=st.lists(st.integers(0, 20), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None)
def test_regions_copied_in_any_order_make_the_whole(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    tmp_path = tmp_path_factory.mktemp("gather")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "ROWS_PER_CHUNK", SMALL // 2)
        patch.setattr(arrays, "ROWS_PER_SHARD", SMALL)
        sources = Sources(_shards(tmp_path, sizes, OBJECTS["object_id"]), sizes)
        assert sources.total == sum(sizes)
        target = zarr.open_group(tmp_path / "all.zarr", mode="w")
        arrays.create(target, OBJECTS["object_id"], (sum(sizes),))
        for start, stop in reversed(regions(OBJECTS["object_id"], sum(sizes))):
            there = {"object_id": sources.within(start, stop)}
            kept = copy_region(tmp_path / "all.zarr", there, start, stop, keep=["object_id"])
            np.testing.assert_array_equal(kept["object_id"], np.arange(start, stop, dtype="u8"))
        np.testing.assert_array_equal(target["object_id"][:], np.arange(sum(sizes), dtype="u8"))


def test_shifts_are_added_to_the_rows_of_their_source(tmp_path: Path, small_shards: None) -> None:
    sources = Sources(_shards(tmp_path, [3, 2], OBJECTS["frame"]), [3, 2], [0, 100])
    target = zarr.open_group(tmp_path / "all.zarr", mode="w")
    arrays.create(target, OBJECTS["frame"], (5,))
    copy_region(tmp_path / "all.zarr", {"frame": sources.within(0, 5)}, 0, 5)
    np.testing.assert_array_equal(target["frame"][:], [0, 1, 2, 103, 104])


@pytest.mark.parametrize(("start", "rows"), [(1, 7), (0, 5), (8, 9), (16, 9)])
def test_a_region_that_is_not_whole_shards_is_refused(
    tmp_path: Path, small_shards: None, start: int, rows: int
) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    array = arrays.create(group, OBJECTS["top"], (20,))
    with pytest.raises(StoreError, match="not whole shards"):
        arrays.write_region(array, start, np.zeros(rows, np.int32))


def test_the_last_region_may_be_short(tmp_path: Path, small_shards: None) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    array = arrays.create(group, OBJECTS["top"], (20,))
    arrays.write_region(array, 16, np.full(4, 7, np.int32))
    np.testing.assert_array_equal(array[16:], 7)


def test_a_shard_that_holds_fewer_rows_than_planned_is_refused(
    tmp_path: Path, small_shards: None
) -> None:
    sources = Sources(_shards(tmp_path, [3], OBJECTS["object_id"]), [4])
    target = zarr.open_group(tmp_path / "all.zarr", mode="w")
    arrays.create(target, OBJECTS["object_id"], (4,))
    with pytest.raises(StoreError, match="has not the 4 rows"):
        copy_region(tmp_path / "all.zarr", {"object_id": sources.within(0, 4)}, 0, 4)


def test_times_survive_to_the_nanosecond_and_missing_ones_are_nat(tmp_path: Path) -> None:
    times = np.array(["2013-07-25T10:15:00.123456789", "NaT"], "datetime64[ns]")
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    appender = arrays.Appender(arrays.create(group, OBJECTS["time"], (0,)))
    appender.append(times)
    appender.close()
    arrays.finish_store(tmp_path / "a.zarr")
    opened = xr.open_zarr(tmp_path / "a.zarr", chunks=None)
    np.testing.assert_array_equal(opened["time"].to_numpy().astype("M8[ns]"), times)
    assert opened["time"].attrs["standard_name"] == "time"


def test_equal_data_give_equal_bytes_however_many_cores_there_are(tmp_path: Path) -> None:
    """The chunks of a shard lie in one order, not in that in which threads end."""
    values = np.random.default_rng(1).integers(0, 200, 45 * arrays.BYTES_PER_CHUNK, np.uint8)
    group = zarr.open_group(tmp_path / "shard.zarr", mode="w")
    appender = arrays.Appender(arrays.create(group, OBJECTS["pixels"], (0,)))
    appender.append(values)
    appender.close()
    there = {"pixels": Sources([tmp_path / "shard.zarr"], [len(values)]).within(0, len(values))}
    written = set()
    for run in range(3):
        target = tmp_path / f"{run}.zarr"
        arrays.create(zarr.open_group(target, mode="w"), OBJECTS["pixels"], (len(values),))
        copy_region(target, there, 0, len(values))
        (shard,) = (path for path in (target / "pixels" / "c").rglob("*") if path.is_file())
        written.add(shard.read_bytes())
    assert len(written) == 1


def test_several_processes_that_write_whole_shards_lose_nothing(tmp_path: Path) -> None:
    """Regions that are not whole shards lost a third of the bytes, without an error."""
    rows, writers = 5 * arrays.ROWS_PER_SHARD + 12_345, 3
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    arrays.create(group, OBJECTS["object_id"], (rows,))
    arrays.create(group, OBJECTS["features"], (rows, 3))
    context = multiprocessing.get_context("spawn")
    write = partial(write_regions, tmp_path / "a.zarr", rows, writers)
    with ProcessPoolExecutor(writers, mp_context=context) as pool:
        list(pool.map(write, range(writers)))
    np.testing.assert_array_equal(group["object_id"][:], np.arange(rows, dtype="u8"))
    expected = np.arange(rows, dtype="f4")
    for column in range(3):
        np.testing.assert_array_equal(group["features"][:, column], expected)


def test_processes_whose_regions_meet_within_a_shard_are_both_refused(tmp_path: Path) -> None:
    rows = 2 * arrays.ROWS_PER_SHARD
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    array = arrays.create(group, OBJECTS["top"], (rows,))
    middle = arrays.ROWS_PER_SHARD + arrays.ROWS_PER_CHUNK
    for start, stop in ((0, middle), (middle, rows)):
        with pytest.raises(StoreError, match="not whole shards"):
            arrays.write_region(array, start, np.ones(stop - start, np.int32))
    assert not array[:].any()


@given(
    sizes=st.lists(st.integers(0, 5), max_size=8),
    cut=st.tuples(st.integers(0, 40), st.integers(0, 40)),
)
def test_the_writer_of_a_region_is_told_those_that_hold_its_rows_and_no_others(
    sizes: list[int], cut: tuple[int, int]
) -> None:
    start, stop = sorted(min(c, sum(sizes)) for c in cut)
    paths = [Path(str(i)) for i in range(len(sizes))]
    there = Sources(paths, sizes).within(start, stop)
    held = [s for s in there for row in range(s.begin, s.begin + s.rows) if start <= row < stop]
    assert len(held) == stop - start
    if start < stop:
        assert set(there) == set(held)
