"""The profiles of a campaign whose classifier errs in a known way, mended for its errors."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
import zarr
from distributed import Client

import tiny
from campaigns import one_worker
from seston.campaign import Campaign, load_campaign
from seston.config import Classification
from seston.ecology import Adjusted, Bins
from seston.errors import ModelError
from seston.learn.card import CARD, Card, load_card
from seston.learn.counting.abundance import adjusted_counts
from seston.learn.counting.quantify import ErrorRates, saerens
from seston.learn.judging import familiar
from seston.learn.judging.held_out import HELD_OUT, HeldOut, load_held_out
from seston.learn.judging.unknown import alarms, limit
from seston.stages import quantify
from seston.stages.cells import Cells
from seston.stages.gather import gather
from seston.stages.naming import Naming
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


def record_of(per_taxon: tuple[int, ...] = (300, 300, 300)) -> HeldOut:
    """What the model said of objects of known taxa that it did not learn from."""
    rng = np.random.default_rng(5)
    labels = np.repeat(np.arange(len(TAXA)), per_taxon)
    return HeldOut(
        scored(labels, rng).astype(np.float32), labels, np.arange(len(labels)),
        (1 + np.arange(len(labels)) % 2).astype(np.uint8),
    )  # fmt: skip


def write_model(folder: Path, record: HeldOut, *, by_distance: bool = False) -> Path:
    """The card of a model and its record of held-out objects; nobody loads its weights."""
    content = record.content()
    card = Card(
        taxa=TAXA, **tiny.CARD_PARTS, versions={},
        metrics={"unknown": {"distance": by_distance, "false_alarm": 0.05}},
        training={"effective_prior": [1 / 3] * 3, "learned_from": {}}, weights_sha256="",
        held_out_sha256=hashlib.sha256(content).hexdigest(),
    )  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / HELD_OUT).write_bytes(content)
    (folder / CARD).write_text(card.text())
    return folder


def write_scores(campaign: Campaign, model: Path) -> None:
    """Score the objects of all shards, whose true taxa are drawn by their shares."""
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
        file.write(f"classification: {{model: {write_model(folder / 'model', record_of())}}}\n")
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
    how = " at a precision of 0.9" if method == "thresholded" else ""
    assert found.attrs["quantification"] == f"{method}{how}, from 900 held-out objects"


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


@pytest.mark.parametrize("method", ["adjusted", "em", "thresholded"])
def test_the_limits_hold_the_truth(gathered: Made, method: str):
    found = gathered.of_the_whole_model(method)
    counted = found["count"].sum("taxon")
    rich = counted >= 20
    mean = found["concentration"].sum("taxon") * xr.DataArray(SHARES, dims="taxon")
    held = (found[ADJUSTED[1]] <= mean) & (mean <= found[ADJUSTED[2]])
    assert 0.9 <= float(held.where(rich).mean()) <= 1


def test_trusted_are_names_of_the_precision_that_the_campaign_asks_for(gathered: Made):
    usual = gathered.of_the_whole_model("thresholded")["concentration_adjusted"]
    found = gathered.profiles("thresholded", target_precision=0.6)
    assert "at a precision of 0.6" in found.attrs["quantification"]
    assert not np.allclose(found["concentration_adjusted"], usual, equal_nan=True)


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
    """Nor does a false alarm: all objects are of known taxa, and nearly all are given back."""
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
    assert mended[-1] < 0.2 * unknown
    assert mended.sum() == pytest.approx(float(found["count"].sum()), rel=1e-4)


#: Shares of the objects of a wary campaign; the last are of what the model never learned.
WITH_NEW = np.array([0.2, 0.5, 0.1, 0.2])
#: Where taxa lie, and how far they spread: most false alarms are of copepods.
PLACES = np.array([[2.5, 0, 0], [0, 2.5, 0], [0, 0, 2.5], [-9, -9, -9]])
SPREAD = np.array([1.5, 1.0, 1.0, 1.0])
ALARMS, BINS, IN_BIN = 0.3, 30, 400


def looked_at(truth: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Scores of objects, and their distance from the nearest taxon that was learned."""
    seen = PLACES[truth] + SPREAD[truth, None] * rng.normal(size=(len(truth), 3))
    far = np.linalg.norm(seen[:, None] - PLACES[:3], axis=2)
    log = -((far / SPREAD[:3]) ** 2) / 2 - 3 * np.log(SPREAD[:3])
    likelihood = np.exp(log - log.max(axis=1, keepdims=True))
    scores = likelihood / likelihood.sum(axis=1, keepdims=True)
    return scores.astype(np.float32), far.min(axis=1).astype(np.float32)


@dataclass(frozen=True)
class Wary:
    """A campaign that a model named which gives no name to what it does not know.

    It has one profile of many objects; of each bin it is known what is in it.
    """

    folder: Path
    true: np.ndarray
    raw: np.ndarray
    client: Client

    def adjusted(self, method: str) -> tuple[Adjusted | None, str]:
        """Mend it by one method; and what is said of it."""
        settings = Classification(
            model=self.folder / "model", unknown_false_alarm=ALARMS, quantification=method
        )
        campaign = SimpleNamespace(
            name="wary", classification=settings, objects=self.folder / "objects.zarr"
        )
        frames = np.arange(BINS)
        one = np.ones(BINS)
        pieces = Cells(
            frames, 0 * frames, frames.astype("datetime64[ns]"), one, one, 0 * frames - 1, [], {},
            np.arange(BINS + 1),
        )  # fmt: skip
        depths = Bins(0 * frames, frames, np.arange(BINS + 1.0), [], np.zeros((1, 2), int), [""])
        found, said = quantify.adjust(campaign, self.client, pieces, depths, 4)
        return found, said["quantification"]


@pytest.fixture(scope="module")
def wary(gathered: Made, tmp_path_factory: pytest.TempPathFactory):
    folder, rng = tmp_path_factory.mktemp("wary"), np.random.default_rng(11)
    labels = np.repeat(np.arange(3), 3000)
    scores, far = looked_at(labels, rng)
    rows = np.arange(len(labels))
    record = HeldOut(scores, labels, rows, (1 + rows % 2).astype(np.uint8), far)
    write_model(folder / "model", record, by_distance=True)
    number = rng.poisson(IN_BIN, BINS)
    frame = np.repeat(np.arange(BINS), number)
    truth = rng.choice(4, len(frame), p=WITH_NEW)
    scores, far = looked_at(truth, rng)
    usual = familiar.usual_distances(record.validation.distance)
    scores[far > familiar.limit(usual, ALARMS / 2)] = 0
    unknown_above = limit(record.validation.scores, ALARMS / 2)
    named = Naming(unknown_above=unknown_above).named(scores.astype(np.float16))[0]
    write_rows(folder / "objects.zarr", frame, number, scores.astype(np.float16), named)
    group = zarr.open_group(folder / "objects.zarr")
    group.attrs["model_sha256"] = load_card(folder / "model").hash
    finish_store(folder / "objects.zarr")
    raw = np.bincount(frame * 4 + named % 4, minlength=BINS * 4).reshape(BINS, 4)
    return Wary(folder, number[:, None] * WITH_NEW, raw, gathered.client)


def write_rows(
    path: Path, frame: np.ndarray, number: np.ndarray, scores: np.ndarray, named: np.ndarray
) -> None:
    """Of an objects dataset, what tells of names."""
    nothing = 0 * frame
    columns = {
        "object_id": nothing, "frame": frame, "top": nothing, "vignette_start": nothing,
        "scores": scores, "predicted_taxon": named, "validated_taxon": nothing - 1,
        "frame_object_start": np.cumsum(number) - number,
    }  # fmt: skip
    group = zarr.open_group(path, mode="w")
    for name, values in columns.items():
        group.create_array(name, data=values)
    group.create_array("taxon", shape=(len(TAXA),), dtype="str")[:] = np.array(TAXA)


def test_held_out_objects_that_are_unknown_give_known_taxa_back_what_false_alarms_took():
    """By hand: of 100 copepods 20 are called unknown, of 800 detritus 80, of 100 new ones all."""
    labels = np.repeat([0, 1], 10)
    far = np.isin(np.arange(20), [0, 1, 10]).astype(np.float32)
    record = HeldOut(
        np.eye(2, dtype=np.float32)[labels], labels, np.arange(20), np.ones(20, np.uint8), far
    )
    called = alarms(record, 0.4)
    np.testing.assert_array_equal(called, far)
    outcomes = quantify._with_outcome(record, called)
    prior, unknown = quantify._of_unknown(np.array([0.5, 0.5]), outcomes)
    named = np.array([80, 720, 200])
    rates = ErrorRates.fit(outcomes.scores, outcomes.labels).rates
    np.testing.assert_allclose(rates, [[0.8, 0, 0], [0, 0.9, 0], [0.2, 0.1, 1]])
    np.testing.assert_allclose(adjusted_counts([named], rates), [[100, 800, 100]], rtol=1e-9)
    scores = np.repeat(np.stack([*np.eye(3)[:2], unknown]), named, axis=0)
    np.testing.assert_allclose(saerens(scores, prior, tolerance=1e-9), [0.1, 0.8, 0.1], atol=1e-4)


@pytest.mark.parametrize("method", ["adjusted", "em"])
def test_what_false_alarms_took_is_given_back_and_the_limits_hold_the_truth(wary, method):
    found, said = wary.adjusted(method)
    mended, true = found.individuals[0], wary.true
    taken = wary.raw.sum(axis=0) / true.sum(axis=0)
    assert taken[0] < 0.8
    assert taken[-1] > 1.5
    np.testing.assert_allclose(mended.sum(axis=0), true.sum(axis=0), rtol=0.08)
    np.testing.assert_allclose(mended.sum(axis=1), wary.raw.sum(axis=1), rtol=1e-6)
    held = (found.lower[0] <= true) & (true <= found.upper[0])
    assert (held.mean(axis=0) > 0.9).all()
    assert re.search(r"9000 held-out objects, of which \d+ are called unknown", said)


def test_a_threshold_counts_false_alarms_among_what_it_misses(wary):
    found, _ = wary.adjusted("thresholded")
    named, new = found.individuals[0][:, :-1].sum(axis=0), found.individuals[0][:, -1].sum()
    true = wary.true.sum(axis=0)
    assert new == pytest.approx(true[-1], rel=0.08)
    assert named[0] == pytest.approx(true[0], rel=0.15)


def test_a_record_without_distances_cannot_tell_the_false_alarms(wary, caplog):
    model, group = wary.folder / "model", zarr.open_group(wary.folder / "objects.zarr", mode="r+")
    record, named_by = load_held_out(model, load_card(model)), group.attrs["model_sha256"]
    try:
        write_model(model, replace(record, distance=None), by_distance=True)
        group.attrs["model_sha256"] = load_card(model).hash
        found, said = wary.adjusted("em")
    finally:
        write_model(model, record, by_distance=True)
        group.attrs["model_sha256"] = named_by
    assert "by their distance; train it again" in caplog.text
    assert found is None
    assert said == "none: the model's errors are not known"


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
    write_model(made.folder / "model", record_of((300, 200, 100)))
    assert made.profiles("adjusted")["concentration_adjusted"].isnull().all()
    assert "another model" in caplog.text


def test_a_damaged_record_is_refused(made: Made):
    (made.folder / "model" / HELD_OUT).write_bytes(b"what is this")
    with pytest.raises(ModelError, match="not the record"):
        made.profiles("adjusted")


def test_a_taxon_of_which_nothing_was_held_out_has_no_adjusted_number(made: Made, caplog):
    write_model(made.folder / "model", record_of((300, 300, 0)))
    campaign = load_campaign(made.folder / "config.yaml", "tow")
    group = zarr.open_group(campaign.objects, mode="r+")
    before = group.attrs["model_sha256"]
    group.attrs["model_sha256"] = load_card(made.folder / "model").hash
    try:
        found = made.profiles("adjusted")
    finally:
        group.attrs["model_sha256"] = before
    assert re.search("nothing was held out.* of: salp", caplog.text)
    assert found["concentration_adjusted"].sel(taxon="salp").isnull().all()
    told = {name: found[name].sel(taxon="copepod") for name in ADJUSTED}
    assert told["concentration_adjusted"].notnull().any()
    every = made.of_the_whole_model("adjusted")["concentration_adjusted_upper"].sel(taxon="copepod")
    assert told["concentration_adjusted_upper"].sum() < 1.5 * every.sum()
