"""Scores outside and inside the workflow: tables, embeddings, the engine that computed them."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from distributed import Client
from drawings import TAXA, draw, settings, write_learning_set
from typer.testing import CliRunner

import tiny
from seston import store
from seston.cli import app
from seston.cluster import connect, worker_number
from seston.config import Classification
from seston.errors import ConfigError, InputError, ModelError, StoreError
from seston.learn import load_card, load_model, train
from seston.learn.networks import engines
from seston.stages import predict as stage
from seston.stages.classify import Scorer, classify, device_of
from seston.stages.naming import naming_of
from seston.stages.predict import Pictures, predict_objects, predict_pictures

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with connect(cores=2) as client:
        yield client


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("learn")
    train(write_learning_set(folder / "drawings"), folder / "model", settings())
    return folder / "model"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(8)
    for i in range(30):
        path = folder / f"haul {i % 3}" / f"é{i:02}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(cv2.imencode(".png", draw(TAXA[i % 3], rng))[1].tobytes())
    (folder / "haul 1" / "broken.png").write_bytes(b"no picture")
    (folder / "haul 1" / "empty.jpg").write_bytes(b"")
    (folder / "haul 1" / "notes.txt").write_text("no picture by its name")
    (folder / ".hidden.png").write_bytes(b"")
    return folder


def chosen(model: Path, **others) -> Classification:
    return Classification(model=model, engine="eager", **others)


def test_a_folder_becomes_a_table_of_taxa_and_scores(
    model: Path, pictures: Path, tmp_path: Path, client: Client
) -> None:
    out = tmp_path / "scores.csv"
    done = predict_pictures(chosen(model), pictures, out, client, Pictures())
    assert (done.rows, done.unreadable) == (30, 2)
    table = pd.read_csv(out)
    assert list(table.columns) == ["path", "taxon", "score", *TAXA]
    assert list(table["path"]) == sorted(table["path"])
    vignettes = [cv2.imdecode(np.fromfile(pictures / p, np.uint8), 0) for p in table["path"]]
    expected = load_model(model, device="cpu").predict(vignettes)
    np.testing.assert_allclose(table[list(TAXA)], expected, atol=2e-5)
    assert list(table["taxon"]) == [TAXA[i] for i in expected.argmax(axis=1)]
    np.testing.assert_allclose(table["score"], expected.max(axis=1), atol=2e-5)
    unreadable = (tmp_path / "scores.csv.unreadable.txt").read_text().splitlines()
    assert unreadable == ["haul 1/broken.png", "haul 1/empty.jpg"]


def test_a_csv_of_paths_is_read_in_its_order(
    model: Path, pictures: Path, tmp_path: Path, client: Client
) -> None:
    names = ["haul 2/é05.png", "haul 0/é00.png", "haul 2/é05.png"]
    shutil.copytree(pictures, tmp_path / "pictures")
    with (tmp_path / "pictures/list.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", "path"], *enumerate(names)])
    source, out = tmp_path / "pictures/list.csv", tmp_path / "scores.csv"
    (tmp_path / "scores.csv.unreadable.txt").write_text("of a run before")
    predict_pictures(chosen(model), source, out, client, Pictures())
    table = pd.read_csv(out)
    assert list(table["path"]) == names
    assert table.iloc[0].equals(table.iloc[2])
    assert not (tmp_path / "scores.csv.unreadable.txt").exists()


def test_what_is_like_nothing_learned_has_no_taxon_where_that_is_asked_for(
    model: Path, pictures: Path, tmp_path: Path, client: Client
) -> None:
    rng = np.random.default_rng(4)
    shutil.copytree(pictures / "haul 0", tmp_path / "mixed/drawings")
    (tmp_path / "mixed/noise").mkdir()
    for i in range(8):
        noise = rng.integers(0, 255, (40, 60)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"mixed/noise/{i}.png"), noise)
    tables = []
    for asked in ({}, {"unknown_false_alarm": 0.05}):
        out = tmp_path / "scores.csv"
        predict_pictures(
            chosen(model, **asked), tmp_path / "mixed", out, client, Pictures(polarity="dark")
        )
        tables.append(pd.read_csv(out, keep_default_na=False))
    plain, wary = tables
    assert (plain["taxon"] != "").all()
    noise = plain["path"].str.startswith("noise")
    unnamed = wary["taxon"] == ""
    assert unnamed[noise].all()
    assert unnamed[~noise].mean() <= 0.5
    named = wary[~unnamed].reset_index(drop=True)
    pd.testing.assert_frame_equal(named, plain[~unnamed].reset_index(drop=True))


def test_bright_pictures_with_a_scale_bar_are_seen_as_dark_ones_without(
    model: Path, pictures: Path, tmp_path: Path, client: Client
) -> None:
    for path in sorted((pictures / "haul 0").glob("*.png")):
        dark = cv2.imdecode(np.fromfile(path, np.uint8), 0)
        bar = np.full((7, dark.shape[1]), 9, np.uint8)
        (tmp_path / "bright").mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / f"bright/{path.name[1:]}"), np.vstack((255 - dark, bar)))
    how = Pictures(crop_bottom=7)  # that objects are bright is seen
    predict_pictures(chosen(model), tmp_path / "bright", tmp_path / "bright.csv", client, how)
    predict_pictures(chosen(model), pictures / "haul 0", tmp_path / "dark.csv", client, Pictures())
    bright, dark = (
        pd.read_csv(tmp_path / f"{n}.csv").drop(columns="path") for n in ("bright", "dark")
    )
    pd.testing.assert_frame_equal(bright, dark)


def test_what_is_no_source_is_refused_and_nothing_is_written(
    model: Path, tmp_path: Path, client: Client
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.csv").write_text("file\nx.png\n")
    (tmp_path / "hole.csv").write_text("path,id\n,1\n")
    (tmp_path / "latin.csv").write_bytes("path\né.png\n".encode("latin-1"))
    for name, said in (("nowhere", "no such folder"), ("empty", "no picture"),
                       ("bad.csv", "no column `path`"), ("hole.csv", "line 2 has no path"),
                       ("latin.csv", "no CSV in UTF-8")):  # fmt: skip
        with pytest.raises(InputError, match=said):
            predict_pictures(
                chosen(model), tmp_path / name, tmp_path / "out.csv", client, Pictures()
            )
    with pytest.raises(ModelError, match="no card"):
        predict_pictures(
            chosen(tmp_path / "none"), tmp_path / "empty", tmp_path / "out.csv", client, Pictures()
        )
    with pytest.raises(StoreError, match="no such dataset"):
        predict_objects(chosen(model), tmp_path, tmp_path / "out.csv", client)
    assert not list(tmp_path.glob("out*"))


def test_a_task_of_which_nothing_can_be_read_leaves_the_others(
    model: Path, pictures: Path, tmp_path: Path, client: Client, monkeypatch
) -> None:
    monkeypatch.setattr(stage, "PICTURES_PER_TASK", 2)
    folder = tmp_path / "some"
    folder.mkdir()
    for name, source in zip("ab", sorted(pictures.rglob("é*.png"))[:2], strict=True):
        shutil.copy(source, folder / f"{name}.png")
    for name in "cd":
        (folder / f"{name}.png").write_bytes(b"no picture")
    strict = chosen(model, unknown_false_alarm=0.05)
    done = predict_pictures(strict, folder, tmp_path / "out.csv", client, Pictures())
    assert (done.rows, done.unreadable) == (2, 2)
    assert pd.read_csv(tmp_path / "out.csv")["path"].tolist() == ["a.png", "b.png"]


def test_a_score_that_does_not_promise_the_precision_gives_no_taxon(
    model: Path, pictures: Path, tmp_path: Path, client: Client
) -> None:
    strict = chosen(model, target_precision=0.4)
    predict_pictures(chosen(model), pictures, tmp_path / "all.csv", client, Pictures())
    predict_pictures(strict, pictures, tmp_path / "sure.csv", client, Pictures())
    every, sure = (
        pd.read_csv(tmp_path / f"{name}.csv", keep_default_na=False) for name in ("all", "sure")
    )
    least = dict(zip(load_card(model).taxa, naming_of(strict, ()).threshold, strict=True))
    score = every["score"].to_numpy(np.float16).astype(float)
    expected = np.where(score >= every["taxon"].map(least), every["taxon"], "")
    assert sure["taxon"].tolist() == expected.tolist()
    assert 0 < (sure["taxon"] == "").sum() < len(sure)
    pd.testing.assert_frame_equal(every.drop(columns="taxon"), sure.drop(columns="taxon"))


def test_the_command_wants_pictures_or_objects(model: Path, tmp_path: Path) -> None:
    command = ["predict", "--model", str(model), "--out", str(tmp_path / "out.csv")]
    found = CliRunner().invoke(app, command)
    assert isinstance(found.exception, ConfigError)
    found = CliRunner().invoke(app, [*command, "--images", ".", "--engine", "abacus"])
    assert isinstance(found.exception, ConfigError)
    assert "engine" in str(found.exception)
    found = CliRunner().invoke(app, [*command, "--images", ".", "--unknown-false-alarm", "5"])
    assert isinstance(found.exception, ConfigError)
    assert "unknown_false_alarm" in str(found.exception)


def test_each_worker_has_a_gpu_of_its_own(client: Client, monkeypatch) -> None:
    numbers = [client.submit(worker_number, workers=[n], pure=False).result() for n in (0, 1)]
    assert numbers == [0, 1]
    assert worker_number() == 0  # outside of workers
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [device_of(2, n) for n in numbers] == ["cuda:0", "cuda:1"]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)  # a cluster shows each its own
    assert [device_of(2, n) for n in numbers] == ["cuda:0", "cuda:0"]
    monkeypatch.delenv("SESTON_DEVICE", raising=False)
    assert device_of(0, 1) == "cpu"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)  # wanted, and none there
    assert device_of(2, 1) == "cpu"


def test_an_object_without_a_vignette_has_no_score(model: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    drawn = [draw("disc", rng), draw("cross", rng)]
    n = np.array([[v.shape[0], v.shape[1], v.size] for v in (drawn[0], np.zeros((4, 4)), drawn[1])])
    columns = {
        "object_id": np.arange(3, dtype=np.uint64), "frame": np.zeros(3, np.int32),
        "top": np.zeros(3, np.int32), "left": np.zeros(3, np.int32),
        "bottom": n[:, 0].astype(np.int32), "right": n[:, 1].astype(np.int32),
        "time": np.zeros(3, "datetime64[ns]"), "features": np.zeros((3, 1), np.float32),
        "vignette_start": np.array([0, -1, n[0, 2]]),
    }  # fmt: skip
    frames = {f"frame_pixel_{side}": np.array([0.1]) for side in ("height", "width")}
    with store.new_objects(tmp_path / "objects.zarr", ["area"]) as (_, writer):
        writer.append(columns, np.concatenate([v.ravel() for v in drawn]))
        writer.close(frames, {})
    scorer = Scorer(chosen(model, keep_embedding=True), "eager")
    scores, embedding = scorer(tmp_path / "objects.zarr", 0, 3)
    expected = load_model(model, device="cpu").predict(drawn)
    np.testing.assert_allclose(scores[[0, 2]], expected, atol=1e-3)
    assert (scores[1] == 0).all()
    assert np.isnan(embedding).all(axis=1).tolist() == [False, True, False]


# ------------------------------------------------------------------------------- the workflow
@pytest.fixture(scope="module")
def campaign(model: Path, client: Client, tmp_path_factory):
    """A tiny tow whose objects are scored, with their embedding."""
    folder = tmp_path_factory.mktemp("tow")
    config = tiny.prepare(folder, tiny.simulate(folder / "simulated"))
    named = f"classification: {{model: {model}, keep_embedding: true, engine: eager}}\n"
    config.write_text(config.read_text() + named)
    campaign = tiny.ingest(config)
    tiny.segment(campaign, client)
    for shard in campaign.shards:
        classify(campaign, shard, client)
    tiny.finish(campaign, client)
    return campaign


def test_embeddings_of_the_objects_are_gathered_in_their_order(campaign, model: Path) -> None:
    from seston.store import read_vignettes

    objects = xr.open_zarr(campaign.objects)
    embedding = objects["embedding"]
    assert embedding.dims == ("object", "component")
    assert embedding.dtype == np.float16
    assert embedding.shape == (objects.sizes["object"], 1280)
    assert len(campaign.shards) > 1
    vignettes = read_vignettes(campaign.objects, slice(None))
    sizes = [objects[f"frame_pixel_{side}"][objects["frame"]] for side in ("height", "width")]
    looked = load_model(model, device="cpu").look(vignettes, np.stack(sizes, axis=1))
    np.testing.assert_allclose(embedding, looked.embedding, atol=2e-3, rtol=2e-3)
    np.testing.assert_allclose(objects["scores"], looked.scores, atol=2e-3)


def test_scores_and_objects_tell_what_computed_them(campaign) -> None:
    told = engines.described("eager")
    for shard in campaign.shards:
        scores = xr.open_zarr(campaign.shard_folder(shard.name) / "scores.zarr")
        assert scores.attrs["engine"] == told
    assert xr.open_zarr(campaign.objects).attrs["classification_engine"] == told


def test_scored_twice_the_bytes_are_the_same(campaign, client: Client) -> None:
    shard = campaign.shards[0]
    before = tiny.content(campaign.shard_folder(shard.name))
    classify(campaign, shard, client)
    assert tiny.content(campaign.shard_folder(shard.name)) == before


def test_objects_of_a_dataset_become_a_table(
    campaign, model: Path, client: Client, tmp_path: Path
) -> None:
    done = predict_objects(chosen(model), campaign.objects, tmp_path / "scores.csv", client)
    objects = xr.open_zarr(campaign.objects)
    table = pd.read_csv(tmp_path / "scores.csv", dtype={"object_id": np.uint64})
    assert done.rows == len(table) == objects.sizes["object"]
    np.testing.assert_array_equal(table["object_id"], objects["object_id"])
    np.testing.assert_allclose(table[list(TAXA)], objects["scores"], atol=2e-3)
    again = tmp_path / "again.csv"
    predict_objects(chosen(model), campaign.objects.parent, again, client)
    assert again.read_bytes() == (tmp_path / "scores.csv").read_bytes()


def test_what_lies_too_far_from_all_that_was_learned_gets_no_scores(
    campaign, model: Path, client: Client, tmp_path: Path
) -> None:
    # Objects of a tow are no drawings of discs, bars and crosses, however sure the scores are.
    settings = chosen(model, unknown_false_alarm=0.4)
    predict_objects(settings, campaign.objects, tmp_path / "scores.csv", client)
    table = pd.read_csv(tmp_path / "scores.csv")
    without = table[list(TAXA)].to_numpy().sum(axis=1) == 0
    assert without.mean() > 0.9
    assert table["taxon"].isna().to_numpy().tolist() == without.tolist()
    assert (xr.open_zarr(campaign.objects)["scores"].sum("taxon") > 0.99).all()


def test_shards_with_and_without_an_embedding_are_not_joined(
    campaign, client: Client, tmp_path: Path
) -> None:
    copy = tmp_path / "shard"
    folder = campaign.shard_folder(campaign.shards[0].name)
    shutil.copytree(folder / "scores.zarr", copy)
    settings = campaign.config.classification.model_copy(update={"keep_embedding": False})
    config = campaign.config.model_copy(update={"classification": settings})
    try:
        classify(replace(campaign, config=config), campaign.shards[0], client)
        with pytest.raises(StoreError, match="numbers of an embedding"):
            tiny.finish(campaign, client)
    finally:
        shutil.rmtree(folder / "scores.zarr")
        shutil.move(copy, folder / "scores.zarr")
