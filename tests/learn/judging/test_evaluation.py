from __future__ import annotations

import csv
import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawings import TAXA, draw, write_learning_set

from seston.errors import InputError, ModelError, StoreError
from seston.learn.judging.evaluate import evaluate
from seston.report.evaluation import write_evaluation
from seston.stages.evaluate import as_json, as_text
from seston.stages.evaluate import evaluate as stage

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawings that the model never saw, and a taxon that it does not know."""
    folder = write_learning_set(tmp_path_factory.mktemp("others") / "others", 12, seed=9)
    shutil.move(folder / "disc", folder / "<b>ring</b>".replace("/", "_"))
    return folder


def page_of(evaluation, folder: Path) -> str:
    write_evaluation(folder / "page.html", evaluation)
    return (folder / "page.html").read_text("utf-8")


def test_without_pictures_the_held_out_record_is_measured(trained) -> None:
    found = evaluate(trained.model)
    assert found.own
    assert found.vignettes is None
    assert found.appraisal == trained.card.metrics
    assert len(found.tested.labels) == found.appraisal["n"] == 6


def test_with_its_own_learning_set_the_same_is_measured_and_its_pictures_are_shown(
    trained, tmp_path: Path
) -> None:
    found = evaluate(trained.model, trained.learning_set)
    assert found.appraisal == trained.card.metrics
    assert found.vignettes is not None
    assert len(found.vignettes) == len(found.tested.labels)
    # Proof that rows and pictures belong together: the model gives these pictures these scores.
    from seston.learn import load_model

    scores = load_model(trained.model, device="cpu").predict(found.vignettes)
    np.testing.assert_allclose(scores, found.tested.scores, atol=1e-3)


def test_other_pictures_are_scored_and_labels_it_does_not_know_are_told(trained, others) -> None:
    found = evaluate(trained.model, others, device="cpu")
    assert not found.own
    assert found.appraisal["n"] == 24
    assert found.appraisal["accuracy"] >= 0.9
    assert found.appraisal["per_class"]["disc"]["support"] == 0
    (stranger,) = found.strangers
    assert stranger.n == 12
    assert 0 <= stranger.called_unknown <= 1
    assert sum(n for _, n in stranger.names) == 12
    assert json.loads(as_json(found))["strangers"][0]["n"] == 12


def test_what_the_model_learned_from_is_left_out_of_another_set(
    trained, tmp_path: Path, caplog
) -> None:
    folder = shutil.copytree(trained.learning_set, tmp_path / "less")
    rows = list(csv.DictReader((trained.model / "split.csv").open()))
    gone = next(row["origin"] for row in rows if row["part"] == "train")
    (folder / gone).unlink()
    last = folder / rows[-1]["origin"]
    last.rename(last.with_name("renamed.png"))  # pixels tell, not names
    found = evaluate(trained.model, folder, device="cpu")
    parts = Counter(row["part"] for row in rows)
    assert not found.own
    assert found.appraisal["n"] == parts["test"] == 6
    assert found.left_out == parts["train"] + parts["validation"] - 1
    assert json.loads(as_json(found))["left_out"] == found.left_out
    assert f"without {found.left_out} that it learned from" in as_text(found)
    assert f"{found.left_out} of 41 pictures are left out" in caplog.text
    # The same are measured as in the record, and named the same.
    np.testing.assert_allclose(
        np.sort(found.tested.scores, axis=0),
        np.sort(evaluate(trained.model).tested.scores, axis=0),
        atol=1e-3,
    )


def test_a_set_of_nothing_but_what_was_learned_from_is_refused(trained, tmp_path: Path) -> None:
    folder = shutil.copytree(trained.learning_set, tmp_path / "learned")
    for row in csv.DictReader((trained.model / "split.csv").open()):
        if row["part"] == "test":
            (folder / row["origin"]).unlink()
    with pytest.raises(InputError, match="learned from all of these 36 pictures") as caught:
        evaluate(trained.model, folder)
    assert "leave --images out" in str(caught.value)


def test_pictures_stand_by_their_own_scores_where_their_files_were_renamed(
    trained, tmp_path: Path
) -> None:
    folder = shutil.copytree(trained.learning_set, tmp_path / "drawings")
    for taxon in TAXA:  # the first becomes the last
        files = sorted((folder / taxon).iterdir())
        for number, file in enumerate(files):
            file.rename(file.with_name(f"new-{len(files) - number:03}.png"))
    as_it_was, renamed = (
        evaluate(trained.model, trained.learning_set),
        evaluate(trained.model, folder),
    )
    assert renamed.own
    assert renamed.vignettes is not None
    assert as_it_was.vignettes is not None
    for one, other in zip(as_it_was.vignettes, renamed.vignettes, strict=True):
        np.testing.assert_array_equal(one, other)


def test_without_its_split_it_is_said_that_pictures_may_be_learned_from(
    trained, others, tmp_path: Path, caplog
) -> None:
    model = shutil.copytree(trained.model, tmp_path / "model")
    (model / "split.csv").unlink()
    assert "may be learned from" in evaluate(model, others, device="cpu").measured_on
    assert "is missing" in caplog.text
    (model / "split.csv").write_text("digest,taxon,part\nabc,bar,test\n")
    with pytest.raises(ModelError, match="is not the split of the model"):
        evaluate(model, others)
    (model / "split.csv").write_text("digest,taxon\nabc,bar\n")
    with pytest.raises(ModelError, match="damaged"):
        evaluate(model, others)


def test_pictures_of_which_the_model_knows_none_are_refused(trained, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    import cv2

    for name in ("one", "two"):
        (tmp_path / "set" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "set" / name / "a.png"), draw("disc", rng))
    with pytest.raises(InputError, match="no label of .* is a taxon of the model"):
        evaluate(trained.model, tmp_path / "set")


def test_the_page_tells_the_numbers_the_taxa_and_the_mistakes(trained, tmp_path: Path) -> None:
    found = evaluate(trained.model, trained.learning_set)
    wrong = found.tested.scores.copy()
    wrong[0] = np.roll(np.eye(3, dtype=np.float32)[found.tested.labels[0]], 1)
    confusion = np.array(found.appraisal["confusion"])
    i, j = found.tested.labels[0], wrong[0].argmax()
    confusion[i, i] -= 1
    confusion[i, j] += 1
    told = found.appraisal | {"confusion": confusion.tolist()}
    page = page_of(
        replace(found, tested=replace(found.tested, scores=wrong), appraisal=told), tmp_path
    )
    assert f"<b>{TAXA[i]}</b> named <b>{TAXA[j]}</b>: 1, 50 % of {TAXA[i]}" in page
    assert f'alt="Vignettes of {TAXA[i]} that were named {TAXA[j]}"' in page
    assert f"{found.appraisal['balanced_accuracy']:.3f}" in page
    assert "Samples are not known" in page
    assert "3 of 3 taxa do not reach a precision of 0.9" in page
    for taxon in TAXA:
        assert f"<td>{taxon}</td>" in page


def test_the_page_needs_no_network_runs_no_script_and_escapes_names(
    trained, others, tmp_path: Path
) -> None:
    found = evaluate(trained.model, others, device="cpu")
    page = page_of(replace(found, model="<script>alert(1)</script>"), tmp_path)
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert "<script" not in page
    assert "url(" not in page
    assert "<b>ring<" not in page
    assert "&lt;b&gt;ring" in page


def test_equal_data_give_equal_bytes(trained, tmp_path: Path) -> None:
    found = evaluate(trained.model, trained.learning_set)
    assert page_of(found, tmp_path) == page_of(
        evaluate(trained.model, trained.learning_set), tmp_path
    )


def test_plankton_and_groups_are_told_where_they_are_known(trained, tmp_path: Path) -> None:
    from seston.learn.judging.appraise import appraise

    found = evaluate(trained.model)
    told = appraise(found.tested, TAXA, plankton=[1, 1, 0], groups=["line", "line", "round"])
    page = page_of(replace(found, appraisal=told), tmp_path)
    assert "Precision of the plankton, weighted by its numbers" in page
    assert "Precision of the plankton, plain mean of its taxa" in page
    assert "Precision of “is plankton”" in page
    assert "Confusion matrix of the groups" in page


def test_the_stage_writes_a_page_and_its_facts_whole(trained, tmp_path: Path) -> None:
    found = stage(trained.model, None, tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "evaluation.html", "evaluation.json"]  # fmt: skip
    facts = json.loads((tmp_path / "out" / "evaluation.json").read_text("utf-8"))
    assert facts["accuracy"] == found.appraisal["accuracy"]
    assert "accuracy" in as_text(found)
    assert "Not usable for a precision of 0.9: 3 taxa (bar, cross, disc)" in as_text(found)


def test_a_folder_of_other_things_is_not_replaced_by_an_evaluation(trained, tmp_path: Path) -> None:
    victim = write_learning_set(tmp_path / "victim", per_class=2)
    (victim / "notes.txt").write_text("of a cruise")
    before = sorted(victim.rglob("*"))
    with pytest.raises(StoreError, match="holds other things, such as bar"):
        stage(trained.model, None, victim)
    with pytest.raises(StoreError, match="must lie apart"):
        stage(trained.model, victim, victim / "evaluation")
    assert sorted(victim.rglob("*")) == before
    for _ in range(2):  # another evaluation is replaced
        stage(trained.model, None, tmp_path / "out")


def test_the_command_prints_for_people_and_for_machines(trained, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from seston.cli import app

    def run(*options: str) -> str:
        done = CliRunner().invoke(app, ["evaluate", "--model", str(trained.model), *options])
        assert done.exit_code == 0, done.output
        return done.output

    assert json.loads(run("--json"))["accuracy"] == trained.card.metrics["accuracy"]
    assert f"The page is {tmp_path / 'out' / 'evaluation.html'}" in run(
        "--out", str(tmp_path / "out")
    )
