"""Which scores give an object a name: thresholds of the model, from scores to profiles."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

import campaigns
import tiny
from seston.config import Classification
from seston.errors import ModelError, StoreError
from seston.learn.card import CARD, Card, load_card
from seston.learn.judging import unknown
from seston.learn.judging.held_out import HELD_OUT, HeldOut
from seston.learn.judging.thresholds import by_precision
from seston.learn.sets.splits import VALIDATION
from seston.stages.gather import gather
from seston.stages.naming import Naming, naming_of
from seston.stages.profile import profile
from seston.store import content_of, new_scores, open_group, read_column

TAXA = ("copepod", "salp", "snow")


def held_out() -> HeldOut:
    """Copepods are right above 0.7; salps are right by half at any score; snow always."""
    rng = np.random.default_rng(0)
    score = rng.uniform(0.5, 1, 600)
    predicted = np.arange(600) % 3
    right = np.select([predicted == 0, predicted == 1], [score > 0.7, rng.random(600) < 0.5], True)
    scores = np.tile((1 - score[:, None]) / 2, (1, 3))
    scores[np.arange(600), predicted] = score
    truth = np.where(right, predicted, (predicted + 1) % 3)
    return HeldOut(
        scores.astype(np.float32), truth, np.arange(600), np.full(600, VALIDATION, np.uint8)
    )


def write_model(folder: Path, record: HeldOut) -> Card:
    """A model that has a card and a record, and no weights: naming needs none."""
    folder.mkdir()
    content = record.content()
    card = Card(
        taxa=TAXA, **tiny.CARD_PARTS, versions={}, metrics={},
        training={"effective_prior": [1 / 3] * 3, "learned_from": {}},
        weights_sha256="", held_out_sha256=hashlib.sha256(content).hexdigest(),
    )  # fmt: skip
    (folder / HELD_OUT).write_bytes(content)
    (folder / CARD).write_text(card.text())
    return card


def write_scores(
    path: Path, scores: np.ndarray, model_hash: str, false_alarm: float | None = None
) -> None:
    facts = {"model_hash": model_hash, "unknown_false_alarm": false_alarm}
    objects = path.with_name("objects.zarr")
    if objects.exists():
        facts["objects_content"] = content_of(open_group(objects))
    with new_scores(path, list(TAXA), facts) as writer:
        writer.append(scores.astype(np.float16))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("naming")
    card = write_model(folder / "model", held_out())
    settings = {"model": str(folder / "model"), "target_precision": 0.9,
                "unknown_false_alarm": 0.04}  # fmt: skip
    campaign = campaigns.simulate(folder, "loki", classification=settings)
    rng = np.random.default_rng(1)
    from seston.stages.ingest import ingest
    from seston.stages.segment import segment

    ingest(campaign)
    with campaigns.one_worker() as client:
        for shard in campaign.shards:
            segment(campaign, shard, client)
            at = campaign.shard_folder(shard.name)
            rows = len(read_column(open_group(at / "objects.zarr"), "object_id"))
            scores = rng.dirichlet([1, 1, 1], rows)
            scores[::50] = 0  # what a wary model finds too far from all that it learned
            write_scores(at / "scores.zarr", scores, card.hash, 0.04)
        gather(campaign, client)
        profile(campaign, client)
    return campaign, card


def test_objects_are_named_where_the_score_is_high_enough_and_only_there(found) -> None:
    campaign, _ = found
    group = open_group(campaign.objects)
    scores, named = read_column(group, "scores"), read_column(group, "predicted_taxon")
    record = held_out()
    threshold = by_precision(record.scores, record.labels, 0.9).threshold
    best = scores.argmax(axis=1)
    enough = scores.max(axis=1) >= threshold[best]
    assert (scores.max(axis=1) == 0).any()
    familiar = ~unknown.unknown(scores, unknown.limit(record.scores, 0.02))
    np.testing.assert_array_equal(named, np.where(enough & familiar, best, -1))
    attributes = open_group(campaign.objects).attrs
    assert attributes["unnamed_unknown"] == (~familiar).sum() > 0
    assert attributes["unnamed_below_threshold"] == (familiar & ~enough).sum() > 0
    assert set(named.tolist()) == {-1, 0, 2}  # salps are never sure enough
    assert 0.6 < threshold[0] < 0.72


def test_datasets_tell_how_their_objects_were_named(found) -> None:
    campaign, _ = found
    attributes = open_group(campaign.objects).attrs
    assert attributes["target_precision"] == 0.9
    assert attributes["taxa_without_threshold"] == ["salp"]
    assert attributes["unknown_false_alarm"] == 0.04


def test_objects_that_are_not_named_are_counted_apart(found) -> None:
    campaign, _ = found
    named = read_column(open_group(campaign.objects), "predicted_taxon")
    profiles = open_group(campaign.profiles)
    assert list(profiles["taxon"][:].astype(object)) == [*TAXA, "object"]
    whole = profiles["count"][:].sum(axis=(0, 1)) + profiles["unpositioned_count"][:].sum(axis=0)
    assert whole.tolist() == [(named == i).sum() for i in (0, 1, 2, -1)]


def test_without_the_key_every_object_is_named(tmp_path: Path) -> None:
    write_model(tmp_path / "model", held_out())
    naming = naming_of(Classification(model=tmp_path / "model"), [])
    named, unnamed = naming.named(np.array([[0.4, 0.3, 0.3]], np.float16))
    assert named.tolist() == [0]
    assert set(unnamed.values()) == {0}
    assert naming.told == {}
    assert naming_of(None, []).threshold is None


def test_scores_of_another_model_are_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "model", held_out())
    write_scores(tmp_path / "scores.zarr", np.ones((2, 3)), "another")
    settings = Classification(model=tmp_path / "model", target_precision=0.9)
    with pytest.raises(StoreError, match="not made by the model"):
        naming_of(settings, [tmp_path / "scores.zarr"])
    card_hash = load_card(tmp_path / "model").hash
    write_scores(tmp_path / "scores.zarr", np.ones((2, 3)), card_hash, 0.1)
    with pytest.raises(StoreError, match="another `classification.unknown_false_alarm`"):
        naming_of(settings, [tmp_path / "scores.zarr"])
    (tmp_path / "model" / HELD_OUT).unlink()
    with pytest.raises(ModelError, match="record of held-out"):
        naming_of(settings, [])


def test_taxa_that_only_sources_name_do_not_make_scores_look_more_decided() -> None:
    naming = Naming(unknown_above=0.9, n_taxa=3)
    scores = np.array([[0.34, 0.33, 0.33], [0.9, 0.05, 0.05]], np.float16)
    wide = np.pad(scores, ((0, 0), (0, 9)))
    for table in (scores, wide):
        taxon, unnamed = naming.named(table)
        assert taxon.tolist() == [-1, 0]
        assert unnamed["unnamed_unknown"] == 1
