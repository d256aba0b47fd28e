"""Detect and classify at once, through the stages: on a tiny tow, by a network that is told all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml
from distributed import Client

import tiny
from campaigns import one_worker
from seston.atomic import named, new_folder
from seston.campaign import Campaign, load_campaign
from seston.config import SemanticTraining
from seston.errors import ConfigError, StoreError
from seston.keys import Keys
from seston.learn.semantic import training
from seston.learn.semantic.judge import Verdict
from seston.plan import open_plan
from seston.simulate.annotated import SimulatedFrames
from seston.stages.classify import classify

TAXA = SimulatedFrames(0).taxa


def write_network(folder: Path, seed: int = 0) -> None:
    """Write a network that takes all that is dark for something, by its first layer alone."""
    import hashlib

    import safetensors.torch
    import torch

    from seston.learn.card import CARD, WEIGHTS
    from seston.learn.semantic.network import SemanticNetwork

    torch.manual_seed(seed)
    settings = SemanticTraining(model=folder, widths=(8, 8))
    network = SemanticNetwork(1 + len(TAXA), settings.widths)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.stem[0].weight[0] = 1 / 64  # mean darkness around a cell
        network.stem[2][0].weight[0, 0, 1, 1] = 1
        network.up[0][0].weight[0, 0, 1, 1] = 1
        network.head.weight[0, 0] = -40
        network.head.bias[0] = 10
        network.head.weight[1 + seed % len(TAXA), 0] = 40
    content = safetensors.torch.save(network.state_dict())
    nothing = Verdict(np.empty((0, len(TAXA)), np.float32), np.empty(0, int), np.zeros(1, int))
    card = training._card(
        SimulatedFrames(0), settings, TAXA, nothing, [SimulatedFrames(0, lines=512).frame(0)],
        hashlib.sha256(content).hexdigest(),
    )  # fmt: skip
    with new_folder(folder, named(WEIGHTS, CARD)) as draft:
        (draft / WEIGHTS).write_bytes(content)
        (draft / CARD).write_text(card.text(), "utf-8")


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with one_worker() as one:
        yield one


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.simulate(tmp_path_factory.mktemp("files") / "tow")


def prepare(folder: Path, simulated: Path, **segmentation: object) -> Path:
    """Give a configuration that finds objects by a network in the folder `network`."""
    chosen = {"method": "semantic", "model": str(folder / "network"), **segmentation}
    return tiny.set_segmentation(tiny.prepare(folder, simulated), **chosen)


def run(path: Path, client: Client) -> Campaign:
    campaign = tiny.ingest(path)
    tiny.segment(campaign, client)
    for shard in campaign.shards:
        classify(campaign, shard, client)
    tiny.finish(campaign, client)
    return campaign


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory, simulated: Path, client: Client) -> Campaign:
    folder = tmp_path_factory.mktemp("campaign")
    write_network(folder / "network")
    return run(prepare(folder, simulated), client)


def test_objects_come_named_to_the_profiles_and_the_report(campaign: Campaign) -> None:
    objects = xr.open_zarr(campaign.objects, chunks=None)
    assert objects.sizes["object"] > 20
    assert tuple(objects["taxon"].to_numpy().astype(object)) == TAXA
    assert (objects["predicted_taxon"] == 0).all()
    scores = objects["scores"].to_numpy()
    assert ((scores.sum(axis=1) > 0.5) & (scores.sum(axis=1) < 1.01)).all()
    profiles = xr.open_zarr(campaign.profiles, chunks=None)
    counted = profiles["count"].sel(taxon=TAXA[0]).sum() + profiles["unpositioned_count"].sum()
    assert int(counted) == objects.sizes["object"]
    assert (campaign.folder / "report.html").exists()


def test_the_card_of_the_network_stands_in_the_datasets(campaign: Campaign) -> None:
    from seston.learn import load_card

    (model,) = campaign.models
    assert xr.open_zarr(campaign.objects).attrs["model_sha256"] == load_card(model).hash
    assert campaign.names_objects


def test_shards_of_another_size_give_the_same_objects(
    campaign: Campaign, simulated: Path, client: Client, tmp_path: Path
) -> None:
    write_network(tmp_path / "network")
    path = prepare(tmp_path, simulated)
    path.write_text(path.read_text().replace("files_per_shard: 2", "files_per_shard: 1"))
    other = run(path, client)
    assert len(other.shards) != len(campaign.shards)
    one, two = (xr.open_zarr(c.objects, chunks=None) for c in (campaign, other))
    for name in ("object_id", "features", "scores", "time", "top", "left", "bottom", "right"):
        np.testing.assert_array_equal(one[name].to_numpy(), two[name].to_numpy())


def test_a_least_score_of_the_configuration_leaves_out_and_counts(
    campaign: Campaign, simulated: Path, client: Client, tmp_path: Path
) -> None:
    write_network(tmp_path / "network")
    strict = run(prepare(tmp_path, simulated, least_score=0.999), client)
    one, two = (xr.open_zarr(c.objects, chunks=None) for c in (campaign, strict))
    doubtful = int(two.attrs["dropped_doubtful"])
    assert doubtful > 0
    assert one.sizes["object"] > two.sizes["object"]
    assert (two["scores"].sum("taxon") >= 0.99).all()


def test_another_network_changes_the_fingerprint_of_the_objects(
    simulated: Path, tmp_path: Path
) -> None:
    write_network(tmp_path / "network")
    path = prepare(tmp_path, simulated)
    before = _key_of_first(path)
    assert _key_of_first(path) == before
    write_network(tmp_path / "network", seed=3)
    assert _key_of_first(path) != before


def test_objects_and_scores_of_another_network_are_not_gathered(
    simulated: Path, client: Client, tmp_path: Path
) -> None:
    write_network(tmp_path / "network")
    campaign = run(prepare(tmp_path, simulated), client)
    write_network(tmp_path / "network", seed=3)
    with pytest.raises(StoreError, match="a-0000/objects.zarr: its objects were chosen by"):
        tiny.finish(campaign, client)
    tiny.segment(campaign, client)  # as many objects of each frame, with other names
    with pytest.raises(StoreError, match="has not the scores of the shard's objects"):
        tiny.finish(campaign, client)


def _key_of_first(path: Path) -> str:
    campaign = load_campaign(path, "tow")
    return Keys(campaign).objects(campaign.shards[0])


def test_a_network_that_the_workflow_trains_need_not_be_there_for_a_plan(
    simulated: Path, tmp_path: Path
) -> None:
    path = prepare(tmp_path, simulated)
    with pytest.raises(ConfigError, match="segmentation.model` does not exist"):
        open_plan([path])
    facts = yaml.safe_load(path.read_text())
    facts["semantic"] = {"model": str(tmp_path / "network"), "steps": 3}
    path.write_text(yaml.safe_dump(facts))
    plan = open_plan([path])
    block = plan.campaigns["tow"].blocks[0].name
    assert plan.network_of("tow", block) == [plan.network] == [str(tmp_path / "network")]
    assert plan.classifier_of("tow") == []
    assert plan.records("tow", "classify")
    assert plan.network_inputs == []
    before = plan.objects_depend_on("tow", block)
    facts["semantic"]["steps"] = 4
    path.write_text(yaml.safe_dump(facts))
    assert open_plan([path]).objects_depend_on("tow", block) != before


def changed(path: Path, **keys: object) -> Path:
    """Give a configuration these keys too."""
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | keys))
    return path


@pytest.mark.parametrize("there", [False, True])
def test_a_classifier_beside_a_network_is_not_looked_at(
    simulated: Path, tmp_path: Path, there: bool
) -> None:
    write_network(tmp_path / "network")
    path = prepare(tmp_path, simulated)
    plan = open_plan([path])
    block = plan.campaigns["tow"].blocks[0].name
    before = plan.scores_depend_on("tow", block), plan.profiles_depend_on("tow")
    if there:
        (tmp_path / "model").mkdir()  # without a card
    plan = open_plan([changed(path, classification={"model": str(tmp_path / "model"), "gpus": 2})])
    assert (plan.scores_depend_on("tow", block), plan.profiles_depend_on("tow")) == before
    assert plan.gpus_of("tow", "classify") == 0


def test_gpus_of_a_network_are_asked_for_and_redo_nothing(simulated: Path, tmp_path: Path) -> None:
    path = prepare(tmp_path, simulated)
    training = {"model": str(tmp_path / "network")}
    plan = open_plan([changed(path, semantic=training)])
    block = plan.campaigns["tow"].blocks[0].name
    before = plan.network_depends_on(), plan.objects_depend_on("tow", block)
    assert plan.network_gpus == plan.gpus_of("tow", "segment") == 0
    plan = open_plan([changed(path, semantic=training | {"gpus": 2})])
    assert plan.network_gpus == plan.gpus_of("tow", "segment") == 2
    assert plan.gpus_of("tow", "classify") == plan.gpus_of("tow", "gather") == 0
    assert (plan.network_depends_on(), plan.objects_depend_on("tow", block)) == before


def test_a_threshold_asks_for_no_gpu_of_a_network(simulated: Path, tmp_path: Path) -> None:
    path = tiny.prepare(tmp_path, simulated)
    plan = open_plan([changed(path, semantic={"model": str(tmp_path / "network"), "gpus": 2})])
    assert plan.gpus_of("tow", "segment") == 0


@pytest.mark.parametrize(
    ("there", "told", "expected"),
    [(0, None, [None, None]), (2, None, ["cuda:1", "cuda:0"]), (2, "cpu", [None, None])],
)
def test_workers_share_the_gpus_of_their_job(
    monkeypatch: pytest.MonkeyPatch, there: int, told: str | None, expected: list[str | None]
) -> None:
    import torch

    from seston.stages.semantic import _device

    monkeypatch.setattr(torch.cuda, "device_count", lambda: there)
    monkeypatch.delenv("SESTON_DEVICE", raising=False)
    if told:
        monkeypatch.setenv("SESTON_DEVICE", told)
    assert [_device(worker) for worker in (3, 4)] == expected


@pytest.mark.parametrize(
    "wrong", [{"method": "semantic"}, {"model": "m"}, {"method": "threshold", "model": "m"}]
)
def test_a_method_and_a_model_belong_together(tmp_path: Path, wrong: dict[str, str]) -> None:
    from seston.config import load_config

    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"instruments": {"isiis": {"segmentation": wrong}}}))
    with pytest.raises(ConfigError, match="`model` is given with method semantic"):
        load_config(path)
