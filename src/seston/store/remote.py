"""Datasets at URLs: S3 and what speaks like it, by obstore; and how a finished one gets there.

Uploading is safe: the list of files goes first, the root's ``zarr.json`` last, when all other
files are there with the size and checksum of the list. Without it a reader finds no dataset; so
nobody sees half of one. An upload that was broken off goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from zarr.storage import ObjectStore

from seston.errors import StoreError
from seston.store.damage import check_whole

#: List of the files of a dataset, beside them: name, size and MD5 of each.
LIST = ".seston-files.json"
ROOT = "zarr.json"
_AT_A_TIME = 4
_CURE = (
    "Look at the address, the network, and the variables of the environment that say who you are: "
    "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION; where the store is not Amazon's, "
    "AWS_ENDPOINT_URL (and AWS_ALLOW_HTTP=true where it has no TLS); without an account, "
    "AWS_SKIP_SIGNATURE=true."
)


def is_url(place: object) -> bool:
    """Say whether a dataset lies at a URL, not in a folder."""
    return isinstance(place, str) and bool(re.match(r"[a-z][a-z0-9+.-]*://", place))


def store_at(url: str, *, read_only: bool = True) -> ObjectStore[Any]:
    """Give the Zarr store at a URL.

    Raises
    ------
    StoreError
        The URL is not understood, or obstore is not installed.
    """
    return ObjectStore(_bucket(url), read_only=read_only)


def _bucket(url: str) -> Any:  # noqa: ANN401  # of one of the classes of obstore
    try:
        from obstore.store import from_url
    except ImportError:
        raise StoreError(
            "datasets at URLs need obstore", where=url, cure="pip install 'seston[s3]'"
        ) from None
    with remote_explained(url):
        return from_url(url.rstrip("/"))


@contextmanager
def remote_explained(url: str) -> Iterator[None]:
    """Turn what goes wrong between here and a URL into a `StoreError` that names it."""
    try:
        yield
    except FileNotFoundError as error:
        raise StoreError("there is no such dataset", where=url, cure=_CURE) from error
    except Exception as error:
        if not type(error).__module__.startswith("obstore"):
            raise
        reason = str(error).strip().partition("\n")[0]
        raise StoreError(f"cannot be reached ({reason})", where=url, cure=_CURE) from error


@dataclass(frozen=True, slots=True)
class Stored:
    """Size and MD5 of a file."""

    size: int
    md5: str


def stamp(url: str) -> str:
    """Tell one dataset at a URL from another that takes its place."""
    import obstore

    with remote_explained(url):
        meta = obstore.head(_bucket(url), ROOT)
    return f"{meta['e_tag']} {meta['last_modified']}"


def push(source: Path, url: str, *, replace: bool = False) -> int:
    """Copy a finished dataset to a URL.

    Parameters
    ----------
    source : Path
        A Zarr store, which nobody writes into meanwhile.
    url : str
        Of the dataset itself, as ``s3://bucket/cruise/profiles.zarr``.
    replace : bool
        Whether another dataset that is there may be replaced. From then until the new one is there
        whole, readers find none.

    Returns
    -------
    int
        Files that were uploaded: those that were there already are not sent again.

    Raises
    ------
    StoreError
        There is no such dataset, it is damaged, another one is there, or the URL does not answer;
        or what has arrived is not what was sent.
    """
    if not (source / ROOT).is_file():
        raise StoreError("there is no such dataset", where=source, cure="Run the workflow first.")
    check_whole(source)
    with remote_explained(url):
        return _Upload(source, url, _bucket(url), _files(source)).run(replace=replace)


def _files(source: Path) -> dict[str, Stored]:
    """List the files of a store by their names in it."""
    found = sorted(p for p in source.rglob("*") if p.is_file() and not p.name.startswith("."))
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        stored = pool.map(_stored, found)
    return {p.relative_to(source).as_posix(): s for p, s in zip(found, stored, strict=True)}


def _stored(path: Path) -> Stored:
    with path.open("rb") as file:
        return Stored(
            path.stat().st_size,
            hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest(),
        )


@dataclass(frozen=True)
class _Upload:
    source: Path
    url: str
    bucket: Any
    files: Mapping[str, Stored]

    def run(self, *, replace: bool) -> int:
        there = self._there()
        listed = self._listed(there)
        if there and listed != self._list() and not replace:
            raise StoreError(
                "another dataset is there already",
                where=self.url,
                cure="Choose another address, or say --replace.",
            )
        if ROOT in there and listed == self._list() and self._lacking(there) == []:
            return 0
        self._delete([ROOT] if ROOT in there else [])
        self._put(LIST, self._list())
        wanted = [name for name in self._lacking(there) if name != ROOT]
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            for _ in pool.map(self._send, wanted):
                pass
        there = self._there()
        self._delete([name for name in there if name not in self.files and name != LIST])
        self._refuse_lacking(there)
        self._send(ROOT)
        return len(wanted) + 1

    def _list(self) -> bytes:
        rows = {name: [stored.size, stored.md5] for name, stored in self.files.items()}
        return json.dumps(rows, indent=0, sort_keys=True).encode()

    def _there(self) -> dict[str, Mapping[str, Any]]:
        import obstore

        return {meta["path"]: meta for part in obstore.list(self.bucket) for meta in part}

    def _listed(self, there: Mapping[str, Any]) -> bytes:
        import obstore

        return bytes(obstore.get(self.bucket, LIST).bytes()) if LIST in there else b""

    def _lacking(self, there: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """Name the files that are not there as they are here."""
        return [
            name
            for name, stored in self.files.items()
            if name not in there or not self._same(name, stored, there[name])
        ]

    def _same(self, name: str, here: Stored, there: Mapping[str, Any]) -> bool:
        """Compare size and MD5; where the store tells no MD5, what it holds is read."""
        if there["size"] != here.size:
            return False
        tag = (there.get("e_tag") or "").strip('"')
        if re.fullmatch(r"[0-9a-f]{32}", tag):
            return bool(tag == here.md5)
        import obstore

        held = bytes(obstore.get(self.bucket, name).bytes())
        return hashlib.md5(held, usedforsecurity=False).hexdigest() == here.md5

    def _refuse_lacking(self, there: Mapping[str, Mapping[str, Any]]) -> None:
        lost = [name for name in self._lacking(there) if name != ROOT]
        if lost:
            raise StoreError(
                f"{len(lost)} files have not arrived as they were sent, as {lost[0]}",
                where=self.url,
                cure="Push again: what has arrived is not sent again.",
            )

    def _send(self, name: str) -> None:
        self._put(name, (self.source / name).read_bytes())

    def _put(self, name: str, content: bytes) -> None:
        import obstore

        obstore.put(self.bucket, name, content, use_multipart=False)

    def _delete(self, names: list[str]) -> None:
        import obstore

        if names:
            obstore.delete(self.bucket, names)
