"""Push: copy the finished datasets of a campaign to where others read them."""

from __future__ import annotations

import logging
from pathlib import Path

from seston.errors import StoreError
from seston.store.remote import push as upload

log = logging.getLogger(__name__)

#: In the order in which they are copied: the small ones are soon there.
DATASETS = ("profiles.zarr", "particles.zarr", "objects.zarr")


def push(results: Path, url: str, *, replace: bool = False) -> list[str]:
    """Copy the datasets of a campaign to a URL, or one of them.

    Parameters
    ----------
    results : Path
        Folder of a campaign's results, or a dataset in it.
    url : str
        As ``s3://bucket/cruise``; datasets keep their names below it.
    replace : bool
        See `seston.store.remote.push`.

    Returns
    -------
    list of str
        Where the datasets are.

    Raises
    ------
    StoreError
        There are none, another dataset is there, or the URL does not answer.
    """
    one = results.suffix == ".zarr"
    found = [results] if one else [results / n for n in DATASETS if (results / n).exists()]
    if not found:
        raise StoreError("holds no datasets", where=results, cure="Run the workflow first.")
    places = []
    for store in found:
        place = f"{url.rstrip('/')}/{store.name}"
        sent = upload(store, place, replace=replace)
        log.info("%s: %s", place, f"{sent} files sent" if sent else "was there already")
        places.append(place)
    return places
