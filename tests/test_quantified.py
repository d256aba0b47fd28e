"""The profiles of a campaign whose classifier errs in a known way, mended for its errors."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from distributed import Client

import tiny
from campaigns import one_worker
from seston.campaign import Campaign, load_campaign
from seston.errors import ModelError
from seston.learn.card import CARD, Card
from seston.learn.judging.held_out import HELD_OUT, HeldOut
from seston.stages.gather import gather
from seston.stages.profile import profile
from seston.store import content_of, length, new_scores, open_group
from seston.store.arrays import finish_store

TAXA = ("copepod", "detritus", "salp")
#: What the objects are; copepods are rare, and detritus is often taken for them.
SHARES = np.array([0.05, 0.9, 0.05])
SKILL = 2.0
ADJUSTED = tuple(f"concentration_adjusted{end}" for end in ("", "_lower", "_upper"))


def scored(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Scores of a classifier that is calibrated where the taxa have equal shares."""
    seen = rng.normal(size=(len(truth), len(TAXA))) + SKILL * np.eye(len(TAXA))[truth]
    likelihood = np.exp(SKILL * seen)
    return likelihood / likelihood.sum(axis=1, keepdims=True)


def write_model(folder: Path, per_taxon: tuple[int, ...] = (300, 300, 300)) -> Path:
    """The card of a model and its record of held-out objects; nobody loads its weights."""
    rng = np.random.default_rng(5)
    labels = np.repeat(np.arange(len(TAXA)), per_taxon)
    record = HeldOut(
        scored(labels, rng).astype(np.float32), labels, np.arange(len(labels)),
        (1 + np.arange(len(labels)) % 2).astype(np.uint8),
    )  # fmt: skip
    content = record.content()
    card = Card(
        taxa=TAXA, backbone={}, preprocessing={}, head={}, metrics={}, versions={},
        training={"effective_prior": [1 / 3] * 3}, weights_sha256="",
        held_out_sha256=hashlib.sha256(content).hexdigest(),
    )  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / HELD_OUT).write_bytes(content)
    (folder / CARD).write_text(card.text())
    return folder


def write_scores(campaign: Campaign, model: Path) -> None:
    """Score the objects of all shards, whose true taxa are drawn by their shares."""
    from seston.learn import load_card

    rng = np.random.default_rng(7)
    for shard in campaign.shards:
        folder = campaign.shard_folder(shard.name)
        objects = open_group(folder / "objects.zarr")
        n = length(objects, "object_id")
        facts = {"model_hash": load_card(model).hash, "objects_content": content_of(objects)}
        with new_scores(folder / "scores.zarr", list(TAXA), facts) as writer:
            writer.append(scored(rng.choice(3, n, p=SHARES), rng).astype(np.float16))


@dataclass(frozen=True)
class Made:
    """A campaign that is gathered, and a worker."""

    folder: Path
    client: Client
    whole: dict[str, xr.Dataset] = field(default_factory=dict)

    def of_the_whole_model(self, method: str) -> xr.Dataset:
        """Bin it by one method, once."""
        if method not in self.whole:
            self.whole[method] = self.profiles(method)
        return self.whole[method]

    def profiles(self, method: str, **settings: float) -> xr.Dataset:
        """Bin it by one method."""
        campaign = self.configured(quantification=method, **settings)
        profile(campaign, self.client)
        return xr.open_zarr(campaign.profiles, chunks=None).load()

    def configured(self, **settings: float | str) -> Campaign:
        """Load it with settings of the classification."""
        config = self.folder / "config.yaml"
        kept = [line for line in config.read_text().splitlines() if "classification" not in line]
        told = {"model": str(self.folder / "model"), **settings}
        config.write_text("\n".join([*kept, f"classification: {json.dumps(told)}"]) + "\n")
        return load_campaign(config, "tow")


@pytest.fixture(scope="module")
def gathered(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("quantified")
    config = tiny.prepare(folder, tiny.simulate(tmp_path_factory.mktemp("simulated")))
    with config.open("a") as file:
        file.write(f"classification: {{model: {write_model(folder / 'model')}}}\n")
    campaign = tiny.ingest(config)
    with one_worker() as client:
        tiny.segment(campaign, client)
        write_scores(campaign, folder / "model")
        gather(campaign, client)
        yield Made(folder, client)


@pytest.fixture
def made(gathered: Made):
    """The gathered campaign, whose model may be changed."""
    shutil.copytree(gathered.folder / "model", gathered.folder / "whole")
    yield gathered
    shutil.rmtree(gathered.folder / "model")
    (gathered.folder / "whole").rename(gathered.folder / "model")


def individuals(profiles: xr.Dataset, name: str) -> xr.DataArray:
    return (profiles[name] * profiles["imaged_volume"]).sum(["profile", "depth"])


@pytest.mark.parametrize("method", ["adjusted", "em", "thresholded"])
def test_what_the_classifier_bent_is_mended(gathered: Made, method: str):
    found = gathered.of_the_whole_model(method)
    raw, mended = (individuals(found, f"concentration{end}") for end in ("", "_adjusted"))
    true = SHARES * float(raw.sum())
    assert abs(raw[0] - true[0]) > 0.5 * true[0]
    assert abs(mended[0] - true[0]) < abs(raw[0] - true[0]) / (
        1.5 if method == "thresholded" else 2
    )
    assert found.attrs["quantification"] == f"{method}, from 900 held-out objects"


@pytest.mark.parametrize("method", ["adjusted", "em", "thresholded"])
def test_water_without_objects_holds_none_and_water_not_imaged_is_not_known(gathered, method):
    found = gathered.of_the_whole_model(method)
    imaged = found["imaged_volume"] > 0
    empty = imaged & (found["count"].sum("taxon") == 0)
    for name in ADJUSTED:
        assert (found[name].isnull() == ~imaged).all()
        assert (found[name].where(imaged, 0) >= 0).all()
    assert (found["concentration_adjusted"].where(empty, 0) == 0).all()
    lower, upper = found[ADJUSTED[1]], found[ADJUSTED[2]]
    inside = (lower <= found[ADJUSTED[0]]) & (found[ADJUSTED[0]] <= upper)
    assert inside.where(imaged, True).all()
    assert (upper > 0).where(imaged, True).all()


@pytest.mark.parametrize("method", ["adjusted", "em"])
def test_every_object_stays_in_its_bin(gathered: Made, method: str):
    found = gathered.of_the_whole_model(method)
    raw, mended = (found[f"concentration{end}"].sum("taxon") for end in ("", "_adjusted"))
    np.testing.assert_allclose(mended, raw, rtol=2e-3)


def test_the_limits_hold_the_truth(gathered: Made):
    found = gathered.of_the_whole_model("adjusted")
    counted = found["count"].sum("taxon")
    rich = counted >= 20
    mean = found["concentration"].sum("taxon") * xr.DataArray(SHARES, dims="taxon")
    held = (found[ADJUSTED[1]] <= mean) & (mean <= found[ADJUSTED[2]])
    assert 0.9 <= float(held.where(rich).mean()) <= 1


def test_what_a_person_named_is_not_mended(made: Made):
    objects = zarr.open_group(load_campaign(made.folder / "config.yaml", "tow").objects, mode="r+")
    before = np.asarray(objects["validated_taxon"][:])
    objects["validated_taxon"][:] = 2  # a person says: salps, all of them
    try:
        found = made.profiles("adjusted")
    finally:
        objects["validated_taxon"][:] = before
    for taxon, name in enumerate(TAXA):
        counted = found["concentration"].isel(taxon=taxon)
        np.testing.assert_allclose(found["concentration_adjusted"].sel(taxon=name), counted)


def test_what_the_model_could_not_look_at_is_not_mended(made: Made):
    """Objects that a table names and no picture shows: their scores are 0."""
    path = load_campaign(made.folder / "config.yaml", "tow").objects
    objects = zarr.open_group(path, mode="r+", use_consolidated=False)
    before = np.asarray(objects["scores"][:])
    objects["scores"][:] = 0
    objects.create_array("source_label", shape=(len(before),), dtype="str")
    finish_store(path)
    try:
        found = made.profiles("em")
    finally:
        objects["scores"][:] = before
        del objects["source_label"]
        finish_store(path)
    np.testing.assert_allclose(found["concentration_adjusted"], found["concentration"])


@pytest.fixture
def with_unknowns(made: Made):
    """Gathered with a threshold and a rule for unknown objects; and what they are."""
    settings = {"target_precision": 0.9, "unknown_false_alarm": 0.2}
    campaign = made.configured(**settings)
    stores = [campaign.shard_folder(shard.name) / "scores.zarr" for shard in campaign.shards]
    for store in stores:
        zarr.open_group(store, mode="r+").attrs["unknown_false_alarm"] = 0.2
        finish_store(store)
    gather(campaign, made.client)
    yield made, settings
    gather(made.configured(), made.client)


def test_a_threshold_takes_the_name_and_not_the_object(with_unknowns):
    """What is below a threshold is mended with the rest; what is unknown stays without a taxon."""
    made, settings = with_unknowns
    found = made.profiles("em", **settings)
    objects = open_group(made.configured(**settings).objects)
    below, unknown = (
        int(objects.attrs[f"unnamed_{why}"]) for why in ("below_threshold", "unknown")
    )
    assert min(below, unknown) > 0
    unnamed = found["count"].isel(taxon=-1).sum()
    mended = individuals(found, "concentration_adjusted")
    assert unnamed == below + unknown
    assert mended[-1] == pytest.approx(unknown, rel=1e-4)
    assert mended.sum() == pytest.approx(float(found["count"].sum()), rel=1e-4)


def test_without_quantification_nothing_is_adjusted_and_the_dataset_says_so(made: Made):
    found = made.profiles("none")
    assert found.attrs["quantification"] == "none"
    assert all(found[name].isnull().all() for name in ADJUSTED)
    assert (found["concentration"] >= 0).any()


def test_a_model_without_a_record_adjusts_nothing_and_says_so(made: Made, caplog):
    (made.folder / "model" / HELD_OUT).unlink()
    found = made.profiles("adjusted")
    assert "has no record" in caplog.text
    assert found.attrs["quantification"] == "none: the model's errors are not known"
    assert found["concentration_adjusted"].isnull().all()


def test_another_model_than_the_one_that_named_the_objects_adjusts_nothing(made: Made, caplog):
    write_model(made.folder / "model", (300, 200, 100))
    assert made.profiles("adjusted")["concentration_adjusted"].isnull().all()
    assert "another model" in caplog.text


def test_a_damaged_record_is_refused(made: Made):
    (made.folder / "model" / HELD_OUT).write_bytes(b"what is this")
    with pytest.raises(ModelError, match="not the record"):
        made.profiles("adjusted")


def test_a_taxon_of_which_nothing_was_held_out_has_no_adjusted_number(made: Made, caplog):
    write_model(made.folder / "model", (300, 300, 0))
    campaign = load_campaign(made.folder / "config.yaml", "tow")
    from seston.learn import load_card

    group = zarr.open_group(campaign.objects, mode="r+")
    before = group.attrs["model_sha256"]
    group.attrs["model_sha256"] = load_card(made.folder / "model").hash
    try:
        found = made.profiles("adjusted")
    finally:
        group.attrs["model_sha256"] = before
    assert "nothing was held out of: salp" in caplog.text
    assert found["concentration_adjusted"].sel(taxon="salp").isnull().all()
    assert found["concentration_adjusted"].sel(taxon="copepod").notnull().any()
