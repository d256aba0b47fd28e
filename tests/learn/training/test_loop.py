from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seston.errors import ModelError

torch = pytest.importorskip("torch")

from seston.learn.training import checkpoint, loop  # noqa: E402
from seston.learn.training.checkpoint import Checkpoint  # noqa: E402
from seston.learn.training.pace import Settings  # noqa: E402


def task(n: int = 60, validation: int = 20) -> tuple[loop.Rows, loop.Task]:
    rng = np.random.default_rng(0)
    labels = np.arange(n + validation) % 3
    table = (np.eye(3)[labels] * 2 + rng.normal(size=(len(labels), 3))).astype(np.float32)
    rows = np.arange(len(labels))
    return loop.Rows(table), loop.Task(labels, rows[:n], rows[n:], np.ones(3))


def pupil() -> torch.nn.Module:
    torch.manual_seed(0)
    layers = (torch.nn.Linear(3, 16), torch.nn.ReLU(), torch.nn.Dropout(0.3))
    return torch.nn.Sequential(*layers, torch.nn.Linear(16, 3))


def weights(module: torch.nn.Module) -> list[np.ndarray]:
    return [p.detach().numpy().copy() for p in module.parameters()]


def test_it_learns_and_keeps_the_best_epoch() -> None:
    material, what = task()
    net = pupil()
    history = loop.run(net, material, what, Settings(40, 5, 8, 1e-2))
    best = history[loop.best_of(history)]
    losses = [epoch.validation_loss_calibrated for epoch in history]
    assert best.validation_loss_calibrated == min(losses)
    assert history[-1].validation_accuracy > 0.6
    with torch.inference_mode():
        logits = net(torch.from_numpy(material.table[what.validation]))
        truth = torch.from_numpy(what.labels[what.validation])
        assert float(torch.nn.functional.cross_entropy(logits, truth)) == pytest.approx(
            best.validation_loss, abs=1e-5
        )


def test_it_ends_when_the_validation_rows_gain_no_more() -> None:
    material, what = task()
    history = loop.run(pupil(), material, what, Settings(500, 4, 8, 0.1, decay=0.0))
    assert len(history) == loop.best_of(history) + 1 + 5
    assert len(history) < 500


def test_while_the_rate_is_high_it_does_not_end_for_lack_of_gain() -> None:
    material, what = task()
    net = pupil()
    loop.run(net, material, what, Settings(60, 60, 8, 1e-2))
    history = loop.run(net, material, what, Settings(20, 2, 8, 50.0))
    assert loop.best_of(history) == 0  # what it was before is better than all that came
    assert len(history) == 1 + 10 + 3


def test_without_validation_rows_all_epochs_are_run_and_the_last_is_kept() -> None:
    material, what = task(validation=0)
    history = loop.run(pupil(), material, what, Settings(7, 1, 8))
    assert len(history) == 1 + 7
    assert np.isnan(history[-1].validation_loss)


def test_the_callers_random_numbers_are_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    material, what = task()
    net = pupil_without_seed()
    state = torch.random.get_rng_state()
    loop.run(net, material, what, Settings(1, 1, 8))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert expected.shape == (3,)


def pupil_without_seed() -> torch.nn.Module:
    return torch.nn.Linear(3, 3)


class KilledError(Exception):
    pass


def test_taken_up_in_the_middle_of_an_epoch_it_ends_with_the_same_weights(tmp_path: Path) -> None:
    material, what = task()
    whole = pupil()
    settings = Settings(6, 5, 8, 1e-2)
    expected = loop.run(whole, material, what, settings)

    class Fragile(loop.Rows):
        left = 21

        def to_device(self, loaded, seed):
            if seed is not None:
                Fragile.left -= 1
                if Fragile.left < 0:
                    raise KilledError
            return super().to_device(loaded, seed)

    path = tmp_path / "c.safetensors"
    with pytest.raises(KilledError):
        loop.run(pupil(), Fragile(material.table), what, settings,
                 checkpoint=Checkpoint(path, "a", seconds_between=0))  # fmt: skip
    net = pupil()
    found = loop.run(net, material, what, settings, checkpoint=Checkpoint(path, "a"))
    for ours, theirs in zip(weights(net), weights(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    timeless = [(e.loss, e.validation_loss, e.learning_rate) for e in found[1:]]
    assert timeless == [(e.loss, e.validation_loss, e.learning_rate) for e in expected[1:]]


@pytest.mark.parametrize("damage", ["cut", "pickle", "another", "earlier format"])
def test_a_checkpoint_that_is_damaged_or_of_another_training_is_not_taken_up(
    tmp_path: Path, damage: str, caplog, monkeypatch
) -> None:
    path = tmp_path / "c.safetensors"
    Checkpoint(path, "theirs" if damage == "another" else "ours").write(
        {"net.x": torch.zeros(3)}, {"step": 3}
    )
    if damage == "earlier format":
        monkeypatch.setattr(checkpoint, "FORMAT", checkpoint.FORMAT + 1)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-5])
    if damage == "pickle":
        path.write_bytes(b"\x80\x04cos\nsystem\n")
    assert Checkpoint(path, "ours").read() is None
    assert "anew" in caplog.text


def test_nothing_kept_nothing_read(tmp_path: Path) -> None:
    assert Checkpoint(tmp_path / "none", "x").read() is None


def test_a_loss_that_is_no_number_is_told() -> None:
    material, what = task()
    broken = loop.Rows(np.full_like(material.table, np.nan))
    with pytest.raises(ModelError, match="came apart"):
        loop.run(pupil(), broken, what, Settings(1, 1, 8))


def test_what_was_better_before_is_kept() -> None:
    material, what = task()
    net = pupil()
    loop.run(net, material, what, Settings(60, 60, 8, 1e-2))
    learned = weights(net)
    history = loop.run(net, material, what, Settings(2, 5, 8, 50.0))
    assert history[1].validation_loss > history[0].validation_loss
    for now, before in zip(weights(net), learned, strict=True):
        np.testing.assert_array_equal(now, before)


def test_normalisations_keep_their_statistics() -> None:
    material, what = task()
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 3))
    before = weights(net)
    loop.run(net, material, what, Settings(3, 5, 8, 1e-2))
    assert torch.equal(net[1].running_mean, torch.zeros(4))
    assert any((now != old).any() for now, old in zip(weights(net), before, strict=True))


def test_the_rate_rises_then_falls_to_nothing() -> None:
    settings = Settings(10, 3, 64, 1e-3)
    rates = [settings.rate(done) for done in np.linspace(0, 10, 101)]
    top = int(np.argmax(rates))
    assert 0.9e-3 < rates[top] <= 1e-3
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] == pytest.approx(0, abs=1e-9)


def test_only_what_is_multiplied_with_shrinks() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3))
    matrices, rest = loop._groups(list(net.parameters()), 0.1)
    assert [tuple(p.shape) for p in matrices["params"]] == [(3, 3)]
    assert [tuple(p.shape) for p in rest["params"]] == [(3,)] * 3
    assert (matrices["weight_decay"], rest["weight_decay"]) == (0.1, 0.0)


def test_a_step_in_parts_is_the_step_of_the_whole_batch() -> None:
    material, what = task()
    whole, parts = pupil_without_seed(), pupil_without_seed()
    parts.load_state_dict(whole.state_dict())
    loop.run(whole, material, what, Settings(3, 5, 20, 1e-2))
    loop.run(parts, material, what, Settings(3, 5, 20, 1e-2, rows_at_a_time=7))
    for one, other in zip(weights(whole), weights(parts), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
