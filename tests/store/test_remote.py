"""Datasets at S3: what was pushed is what is read, whole or not at all.

The server is moto's, of the `dev` extra.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import synthetic
from seston.errors import StoreError
from seston.stages.push import push as push_results
from seston.store import open_dataset, select, write_dataset
from seston.store.remote import LIST, ROOT, _Upload, push, store_at

obstore = pytest.importorskip(
    "obstore", reason="obstore is not installed: pip install 'seston[s3]'"
)
moto = pytest.importorskip("moto.server", reason="moto is not installed: pip install 'seston[dev]'")


@pytest.fixture(scope="module")
def server():
    found = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    found.start()
    yield "http://{}:{}".format(*found.get_host_and_port())
    found.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    from urllib.request import Request, urlopen

    for name, value in {
        "AWS_ENDPOINT_URL": server, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    name = f"b{abs(hash(request.node.name))}"
    with urlopen(Request(f"{server}/{name}", method="PUT")):
        return f"s3://{name}"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    synthetic.write_objects(folder / "objects.zarr", 60)
    write_dataset(synthetic.profiles(3, 5), folder / "profiles.zarr")
    return folder


def names(url: str) -> set[str]:
    return {meta["path"] for part in obstore.list(store_at(url).store) for meta in part}


def test_what_was_pushed_is_what_is_read(bucket: str, results: Path):
    places = push_results(results, f"{bucket}/cruise")
    assert places == [f"{bucket}/cruise/profiles.zarr", f"{bucket}/cruise/objects.zarr"]
    for place in places:
        here = xr.open_zarr(results / place.rpartition("/")[2], chunks=None)
        xr.testing.assert_equal(open_dataset(place).load(), here.load())
        plain = xr.open_zarr(store_at(place), chunks=None)
        xr.testing.assert_equal(plain.load(), here)


def test_objects_are_selected_where_they_lie(bucket: str, results: Path):
    (place,) = push_results(results / "objects.zarr", bucket)
    here, there = (select(o, depth=slice(10, 60)) for o in (results / "objects.zarr", place))
    assert here.sizes["object"] > 0
    np.testing.assert_array_equal(here["object_id"], there["object_id"])


def test_what_is_there_is_not_sent_again_and_nothing_else_is_written_over(
    bucket: str, results: Path, tmp_path: Path
):
    url = f"{bucket}/p.zarr"
    source = results / "profiles.zarr"
    files = [p for p in source.rglob("*") if p.is_file()]
    assert push(source, url) == len(files)
    assert push(source, url) == 0
    write_dataset(synthetic.profiles(4, 5), tmp_path / "other.zarr")
    with pytest.raises(StoreError, match="another dataset is there already"):
        push(tmp_path / "other.zarr", url)
    assert open_dataset(url).sizes["profile"] == 3
    push(tmp_path / "other.zarr", url, replace=True)
    assert open_dataset(url).sizes["profile"] == 4
    own = {p.relative_to(tmp_path / "other.zarr").as_posix()
           for p in (tmp_path / "other.zarr").rglob("*") if p.is_file()}  # fmt: skip
    assert names(url) == own | {LIST}


def test_a_push_that_is_broken_off_shows_nothing_and_goes_on_where_it_was(
    bucket: str, results: Path, monkeypatch: pytest.MonkeyPatch
):
    url, sent = f"{bucket}/o.zarr", []
    send = _Upload._send

    def breaks(self: _Upload, name: str) -> None:
        if len(sent) == 20:
            raise KeyboardInterrupt
        sent.append(name)
        send(self, name)

    monkeypatch.setattr(_Upload, "_send", breaks)
    with pytest.raises(KeyboardInterrupt):
        push(results / "objects.zarr", url)
    assert ROOT not in names(url)
    with pytest.raises(StoreError, match="no such dataset"):
        open_dataset(url)
    monkeypatch.setattr(_Upload, "_send", send)
    all_of_them = sum(p.is_file() for p in (results / "objects.zarr").rglob("*"))
    assert push(results / "objects.zarr", url) == all_of_them - len(sent)
    assert open_dataset(url).sizes["object"] == 60


def test_a_file_that_arrives_changed_is_found_before_anyone_reads_it(
    bucket: str, results: Path, monkeypatch: pytest.MonkeyPatch
):
    url = f"{bucket}/p.zarr"
    put = _Upload._put

    def bends(self: _Upload, name: str, content: bytes) -> None:
        put(self, name, bytes(len(content)) if name == "count/c/0/0/0" else content)

    monkeypatch.setattr(_Upload, "_put", bends)
    with pytest.raises(StoreError, match=r"1 files have not arrived .*count/c/0/0/0"):
        push(results / "profiles.zarr", url)
    assert ROOT not in names(url)
    monkeypatch.setattr(_Upload, "_put", put)
    assert push(results / "profiles.zarr", url) == 2  # the file and the root


def test_the_list_lets_anyone_compare_what_was_downloaded(bucket: str, results: Path):
    push(results / "profiles.zarr", f"{bucket}/p.zarr")
    listed = json.loads(bytes(obstore.get(store_at(f"{bucket}/p.zarr").store, LIST).bytes()))
    sizes = {name: size for name, (size, _) in listed.items()}
    assert sizes == {
        p.relative_to(results / "profiles.zarr").as_posix(): p.stat().st_size
        for p in (results / "profiles.zarr").rglob("*")
        if p.is_file()
    }


def test_a_url_that_does_not_answer_is_told_with_a_cure(bucket: str, results: Path, tmp_path: Path):
    with pytest.raises(StoreError, match=r"(?s)nowhere/p.zarr.*AWS_ENDPOINT_URL"):
        push(results / "profiles.zarr", "s3://nowhere/p.zarr")
    with pytest.raises(StoreError, match=r"(?s)gopher.*cannot be reached"):
        open_dataset("gopher://somewhere/p.zarr")
    with pytest.raises(StoreError, match="holds no datasets"):
        push_results(tmp_path, bucket)
