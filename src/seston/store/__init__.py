"""Datasets on disk: Zarr stores that are written atomically and open as xarray Datasets."""

from seston.atomic import ANYTHING, new_file, new_folder
from seston.store.damage import check_whole, damage_explained, is_whole, read_key
from seston.store.index import select
from seston.store.objects import (
    content_of,
    length,
    load_dataset,
    new_objects,
    new_scores,
    open_dataset,
    open_group,
    read_column,
    read_feature,
    read_vignettes,
)
from seston.store.profiles import fill_store, write_dataset

__all__ = [
    "ANYTHING",
    "check_whole",
    "content_of",
    "damage_explained",
    "fill_store",
    "is_whole",
    "length",
    "load_dataset",
    "new_file",
    "new_folder",
    "new_objects",
    "new_scores",
    "open_dataset",
    "open_group",
    "read_column",
    "read_feature",
    "read_key",
    "read_vignettes",
    "select",
    "write_dataset",
]
