"""What a disk lost or changed is told; it never becomes a number."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import synthetic
from seston.errors import StoreError
from seston.store import (
    check_whole,
    load_dataset,
    open_dataset,
    open_group,
    read_column,
    read_vignettes,
    write_dataset,
)
from seston.store.objects import read_labels
from seston.variables import OBJECTS

Damage = Callable[[Path], None]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic.write_objects(tmp_path_factory.mktemp("whole") / "objects.zarr", 300)


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "objects.zarr"))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0x10
    path.write_bytes(content)


def flip_late(path: Path) -> None:
    """In the last quarter: after what a decoder of parts would look at."""
    content = bytearray(path.read_bytes())
    content[len(content) * 4 // 5] ^= 0x10
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def read_all(store: Path) -> None:
    group = open_group(store)
    for name, variable in OBJECTS.items():
        if name in group and variable.dims and name not in ("feature", "feature_units"):
            read_column(group, name)
    for name in ("feature", "feature_units", "taxon"):
        read_labels(group, name)
    read_vignettes(group, slice(0, 300))


def test_a_store_as_it_was_written_is_whole(store: Path) -> None:
    check_whole(store)
    read_all(store)


@pytest.mark.parametrize("damage", [flip, flip_late, cut, empty])
@pytest.mark.parametrize(
    "file",
    ["features/c/0/0", "object_id/c/0", "time/c/0", "vignettes/pixels/c/0", "frame_id/c/0",
     "feature/c/0", "taxon/c/0", "frame_usable/c/0"],
)  # fmt: skip
def test_a_chunk_that_changed_is_told_with_its_store_and_the_cure(
    store: Path, file: str, damage: Damage
) -> None:
    damage(store / file)
    with pytest.raises(StoreError, match=r"objects.zarr: is damaged .*\n  Delete it and run"):
        read_all(store)


def test_every_file_of_a_store_is_missed(whole: Path, tmp_path: Path) -> None:
    chunks = [p.relative_to(whole) for p in whole.rglob("*") if p.is_file() and "c" in p.parts]
    assert len(chunks) > 25
    for file in chunks:
        store = Path(shutil.copytree(whole, tmp_path / "damaged", dirs_exist_ok=True))
        (store / file).unlink()
        with pytest.raises(StoreError, match=f"{len(chunks) - 1} of {len(chunks)} files are there"):
            check_whole(store)
        with pytest.raises(StoreError):
            open_dataset(store)


def test_columns_that_hold_nothing_but_the_fill_value_are_no_damage(tmp_path: Path) -> None:
    store = synthetic.write_objects(tmp_path / "objects.zarr", 50, positions=False)
    check_whole(store)
    assert not (store / "depth/c/0").exists()
    assert np.isnan(load_dataset(store)["depth"]).all()


def test_the_number_of_files_is_the_stores_and_not_in_the_dataset(tmp_path: Path) -> None:
    dataset = xr.Dataset({"depth": ("time", np.ones(3))}, {"time": np.arange(3)}, {"title": "x"})
    write_dataset(dataset, tmp_path / "environment.zarr")
    assert open_group(tmp_path / "environment.zarr").attrs["stored_files"] == 2
    assert load_dataset(tmp_path / "environment.zarr").attrs == {"title": "x"}
    (tmp_path / "environment.zarr/depth/c/0").unlink()
    with pytest.raises(StoreError, match="environment.zarr: is damaged: 1 of 2 files are there"):
        load_dataset(tmp_path / "environment.zarr")


@pytest.mark.parametrize("damage", [flip, cut, empty])
def test_a_small_dataset_that_changed_is_told(tmp_path: Path, damage: Damage) -> None:
    path = tmp_path / "profiles.zarr"
    write_dataset(synthetic.profiles(3, 10), path)
    before = load_dataset(path)
    for name in ("count/c/0/0/0", "taxon/c/0", "concentration/c/0/0/0"):
        whole = (path / name).read_bytes()
        damage(path / name)
        with pytest.raises(StoreError, match="is damaged"):
            load_dataset(path)
        (path / name).write_bytes(whole)
    xr.testing.assert_identical(load_dataset(path), before)


@pytest.mark.parametrize("damage", [cut, empty, Path.unlink])
def test_a_store_without_its_metadata_is_told(store: Path, damage: Damage) -> None:
    damage(store / "zarr.json")
    with pytest.raises(StoreError, match=r"objects.zarr: is damaged"):
        open_group(store)
    with pytest.raises(StoreError, match=r"objects.zarr: is damaged"):
        open_dataset(store)


def test_a_store_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere.zarr: there is no such dataset\n  Run the"):
        open_group(tmp_path / "nowhere.zarr")
