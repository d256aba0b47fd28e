"""A network learns, is saved, is taken up after a kill, and a poisoned file is refused."""

from __future__ import annotations

import dataclasses
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import tiny
from seston.config import Segmentation, SemanticTraining
from seston.errors import InputError, ModelError
from seston.frame import AnnotatedFrame, Instance
from seston.image.regions import LIKELY
from seston.learn import use_threads
from seston.learn.semantic import load_semantic, training
from seston.learn.semantic.judge import Verdict, find_in, match_boxes
from seston.learn.semantic.training import train_semantic

use_threads(1)


@dataclass(frozen=True)
class Drawn:
    """Discs and crosses of one darkness on water, with specks between them that nobody wants."""

    taxa: tuple[str, ...] = ("cross", "disc")
    identity: str = "drawn"

    def frame(self, number: int) -> AnnotatedFrame:
        rng = np.random.default_rng(number)
        pixels = rng.normal(240, 2, (256, 256)).round().clip(0, 255).astype(np.uint8)
        for y, x in rng.integers(0, 252, (30, 2)):
            pixels[y : y + 3, x : x + 3] = 90
        instances = []
        for top in range(16, 240, 56):
            for left in range(16, 240, 56):
                taxon = str(rng.choice(self.taxa))
                mask = SHAPES[taxon]
                pixels[top : top + 25, left : left + 25][mask] = 90
                instances.append(Instance(taxon, top, left, mask))
        return AnnotatedFrame(f"f{number}", pixels, tuple(instances), 0.05, 0.05)


_Y, _X = np.mgrid[-12:13, -12:13]
SHAPES = {"disc": np.hypot(_Y, _X) <= 12, "cross": (abs(_Y) <= 2) | (abs(_X) <= 2)}


def settings(folder: Path, **changes: object) -> SemanticTraining:
    small = {"steps": 150, "batch_size": 4, "side": 128, "widths": (16, 32, 48)}
    return SemanticTraining.model_validate({"model": folder / "network", **small, **changes})


def held_out() -> list[AnnotatedFrame]:
    return [Drawn().frame(number) for number in range(1000, 1003)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    train_semantic(Drawn(), held_out(), settings(folder))
    return folder / "network"


def test_two_shapes_of_one_darkness_are_learned_and_specks_left_out(trained: Path) -> None:
    model = load_semantic(trained)
    assert model.taxa == ("cross", "disc")
    assert model.card.metrics["recall"] >= 0.9
    assert model.card.metrics["precision"] >= 0.9
    frame = Drawn().frame(2000)
    named = find_in(frame, model.look, Segmentation())
    kept = named.scores.sum(axis=1) >= model.least_score
    o = named.objects
    found = np.column_stack([o.top, o.left, o.bottom, o.right])[kept]
    true = np.array([(i.top, i.left, i.top + 25, i.left + 25) for i in frame.instances])
    rows, columns = match_boxes(found, true)
    assert len(rows) >= 13
    said = [model.taxa[k] for k in named.scores[kept][rows].argmax(axis=1)]
    right = [s == frame.instances[c].taxon for s, c in zip(said, columns, strict=True)]
    assert np.mean(right) >= 0.9


def test_no_file_of_the_training_stays_beside_the_model(trained: Path) -> None:
    assert {p.name for p in trained.iterdir()} == {"card.json", "model.safetensors"}
    assert not (trained.parent / ".network.checkpoint").exists()


class Killed(Exception):  # noqa: N818
    """Stands for the end of a process."""


def test_a_training_that_was_killed_goes_on_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "STEPS_PER_CHECKPOINT", 5)
    whole, broken = (settings(tmp_path / n, steps=14, side=64) for n in ("whole", "broken"))
    for one in (whole, broken):
        one.model.parent.mkdir()
    train_semantic(Drawn(), held_out(), whole)
    done: list[int] = []

    def tell(step: int, total: int, loss: float) -> None:
        done.append(step)
        if step == 7 and len(done) == 7:
            raise Killed

    with pytest.raises(Killed):
        train_semantic(Drawn(), held_out(), broken, tell=tell)
    assert not broken.model.exists()
    train_semantic(Drawn(), held_out(), broken, tell=tell)
    assert done[7:] == list(range(6, 15))
    for name in ("model.safetensors", "card.json"):
        assert (whole.model / name).read_bytes() == (broken.model / name).read_bytes()


def test_another_training_does_not_go_on_from_a_checkpoint_and_a_damaged_one_is_named(
    tmp_path: Path,
) -> None:
    own = settings(tmp_path, steps=2, side=64)
    checkpoint = tmp_path / ".network.checkpoint"
    checkpoint.write_bytes(b"\x80\x04 not tensors")
    with pytest.raises(InputError, match="checkpoint is damaged"):
        train_semantic(Drawn(), held_out(), own)
    checkpoint.unlink()
    train_semantic(Drawn(), held_out(), own)
    other = train_semantic(Drawn(), held_out(), own.model_copy(update={"seed": 1}))
    assert other.weights_sha256 != load_semantic(tmp_path / "network").card.hash


def test_a_trained_network_is_a_good_beginning_for_the_same_taxa_or_others(
    trained: Path, tmp_path: Path
) -> None:
    few = {"steps": 8, "side": 64, "initial": trained}
    card = train_semantic(Drawn(), held_out(), settings(tmp_path, **few))
    assert card.metrics["recall"] >= 0.9
    assert card.training["initial"] == load_semantic(trained).card.hash
    one = train_semantic(Drawn(), held_out(), settings(tmp_path, **few, taxa=("disc",)))
    assert one.taxa == ("disc",)
    with pytest.raises(ModelError, match="has the widths"):
        train_semantic(Drawn(), held_out(), settings(tmp_path, **few, widths=(8, 16)))


def test_a_taxon_that_nobody_annotated_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no object of 'krill' is annotated"):
        train_semantic(Drawn(), held_out(), settings(tmp_path, taxa=("disc", "krill")))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b"\x80\x04\x95 a pickle"),
        ("model.safetensors", None),
        ("card.json", b"{}"),
        ("card.json", None),
    ],
)
def test_a_poisoned_network_is_refused(
    trained: Path, tmp_path: Path, name: str, content: bytes | None
) -> None:
    shutil.copytree(trained, tmp_path / "copy")
    path = tmp_path / "copy" / name
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(ModelError) as told:
        load_semantic(tmp_path / "copy")
    assert name in str(told.value)
    assert "`seston train-semantic`" in str(told.value)
    beginning = settings(tmp_path, initial=tmp_path / "copy", widths=(16, 32, 48))
    with pytest.raises(ModelError, match="`seston train-semantic`"):
        train_semantic(Drawn(), iter(lambda: pytest.fail("a frame is drawn"), 0), beginning)


def test_a_classifier_of_vignettes_is_no_network_for_frames(trained: Path, tmp_path: Path) -> None:
    from seston.learn import load_card

    card = load_card(trained)
    other = dataclasses.replace(card, **tiny.CARD_PARTS)
    (tmp_path / "card.json").write_text(other.text())
    with pytest.raises(ModelError, match="finds nothing in frames"):
        load_semantic(tmp_path)


def test_pixels_of_another_size_are_refused(trained: Path) -> None:
    model = load_semantic(trained)
    model.check_pixel_size(0.055, 0.05)
    with pytest.raises(ModelError, match="learned from pixels of 0.0500 x 0.0500 mm"):
        model.check_pixel_size(0.05, 0.0731)
    model.card.training.pop("pixel_size_mm")
    with pytest.raises(ModelError, match="does not tell the size of the pixels"):
        model.check_pixel_size(0.05, 0.05)


def test_figures_of_a_verdict_are_those_counted_by_hand() -> None:
    scores = np.array([[0.9, 0.0], [0.1, 0.7], [0.6, 0.0], [0.0, 0.5], [0.2, 0.2]], np.float32)
    verdict = Verdict(scores, np.array([0, 1, -1, 0, -1]), np.array([1]))
    found = verdict.metrics(0.45, ("a", "b"))
    assert (found["recall"], found["precision"], found["objects"]) == (3 / 4, 3 / 4, 4)
    assert found["per_class"]["a"] == {"precision": 1 / 2, "recall": 1 / 2, "f1": 1 / 2,
                                       "support": 2}  # fmt: skip
    assert found["per_class"]["b"]["recall"] == 1 / 2
    # F1 from the highest score down: 2/5, 4/6, 4/7, 6/8, 6/9; the fourth is the best.
    assert verdict.best_threshold() == pytest.approx(0.5)
    json.dumps(found)


def test_no_least_score_is_chosen_from_what_tells_none() -> None:
    false = np.array([[0.9, 0.05], [0.6, 0.1], [0.55, 0]], np.float32)
    nothing = np.array([], int)
    with pytest.raises(ValueError, match="without a true object"):
        Verdict(false, np.array([-1, -1, -1]), nothing).best_threshold()
    assert Verdict(false, np.array([-1, -1, -1]), np.array([0])).best_threshold() == LIKELY
    assert Verdict(false[:0], nothing, np.array([0])).best_threshold() == LIKELY


def fine(frame: AnnotatedFrame) -> AnnotatedFrame:
    """Give a frame as a camera of finer pixels would: objects of 0.08 to 0.2 mm."""
    return AnnotatedFrame(frame.name, frame.pixels, frame.instances, 0.01, 0.01)


def test_a_network_is_measured_by_the_sizes_that_its_instrument_keeps(tmp_path: Path) -> None:
    small = Segmentation(min_esd_mm=0.05)
    few = settings(tmp_path, steps=1, side=64)
    frames = [fine(one) for one in held_out()]
    with pytest.raises(InputError, match=r"none of the 3 frames held out .* 0.25 to"):
        train_semantic(Drawn(), frames, few)
    card = train_semantic(Drawn(), frames, few, segmentation=small)
    assert card.metrics["objects"] == sum(len(one.instances) for one in frames)


def test_what_cannot_be_measured_is_refused_before_the_first_step(tmp_path: Path) -> None:
    def tell(*_: object) -> None:
        pytest.fail("it has begun to learn")

    empty = [AnnotatedFrame("empty", Drawn().frame(0).pixels, (), 0.05, 0.05)]
    for frames in ([], empty):
        with pytest.raises(InputError, match="nothing tells the least score"):
            train_semantic(Drawn(), frames, settings(tmp_path), tell=tell)
    with pytest.raises(InputError, match="no object is annotated"):
        train_semantic(Drawn(taxa=()), held_out(), settings(tmp_path), tell=tell)
    unknown = [AnnotatedFrame("f", Drawn().frame(0).pixels, Drawn().frame(0).instances)]
    with pytest.raises(InputError, match="f: the size of its pixels is not known"):
        train_semantic(Drawn(), unknown, settings(tmp_path), tell=tell)


def test_boxes_are_paired_one_to_one_by_overlap() -> None:
    found = np.array([[0, 0, 10, 10], [0, 0, 9, 10], [50, 50, 60, 60]])
    true = np.array([[0, 0, 10, 10], [48, 48, 90, 90]])
    rows, columns = match_boxes(found, true)
    assert (rows.tolist(), columns.tolist()) == ([0], [0])  # the third covers a twentieth
    assert [len(a) for a in match_boxes(found, np.empty((0, 4), int))] == [0, 0]
