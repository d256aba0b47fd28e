"""A model gives real vignettes the taxa that it gave when it was trained, however it is asked."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from drawings import settings

from seston.learn import load_model, train
from seston.learn.model import Model
from seston.learn.networks import engines
from seston.learn.networks.extractor import Extractor
from seston.learn.networks.measured import Joined, Measurer
from seston.learn.sets.learning_set import LearningSet
from seston.learn.sets.sources import read_learning_set
from seston.learn.training.train import _Trainer

torch = pytest.importorskip("torch")
CPU = torch.device("cpu")
SIDE = 64
#: Those that compile need a C++ compiler and half a minute.
QUICK = [name for name in engines.ENGINES if not name.startswith("compiled")]


class Made:
    """500 vignettes of ISIIS of 20 taxa, a model of them, and the taxa that it gave unsaved."""

    def __init__(self, folder: Path, data: Path) -> None:
        for taxon in sorted(data.iterdir())[::6][:20]:
            (folder / "set" / taxon.name).mkdir(parents=True)
            for path in sorted(taxon.iterdir())[:25]:
                (folder / "set" / taxon.name / path.name).symlink_to(path)
        self.pictures: LearningSet = read_learning_set(folder / "set")
        self.model = folder / "model"
        self.taxa = self._trained().predict(self.pictures.vignettes).argmax(axis=1)

    def _trained(self) -> Model:
        """Give the model as it stands in memory when its training ends."""
        kept = []

        def keep(trainer: _Trainer) -> object:
            kept.append(fit(trainer))
            return kept[0]

        fit = _Trainer.train
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_Trainer, "train", keep)
            card = train(self.pictures, self.model, settings(image_size=SIDE), device="cpu")
        extractor = Joined(Extractor(kept[0].backbone, SIDE, CPU), Measurer(()))
        return Model(card, extractor, kept[0].head)

    def agrees(self, found: np.ndarray, step: int = 1) -> bool:
        """Say whether 99.9 % of the taxa are those that the unsaved model gave."""
        return bool((found.argmax(axis=1) == self.taxa[::step]).mean() >= 0.999)


@pytest.fixture(scope="module")
def made(tmp_path_factory, shared_data: Callable[[str], Path]) -> Made:
    return Made(tmp_path_factory.mktemp("real"), shared_data("vignettes/isiis_ndsb"))


def test_the_model_has_learned_something(made: Made) -> None:
    assert len(made.taxa) > 400
    assert (made.taxa == made.pictures.labels).mean() > 0.6


@pytest.mark.parametrize(("batch_size", "step"), [(1, 4), (7, 1), (128, 1)])
def test_loaded_it_gives_the_same_taxa_in_any_batches(made, batch_size: int, step: int) -> None:
    """One by one takes long: every fourth vignette will do."""
    model = load_model(made.model, device="cpu", batch_size=batch_size)
    assert made.agrees(model.predict(made.pictures.vignettes[::step]), step)


def test_shards_have_the_taxa_of_the_whole(made: Made) -> None:
    model, vignettes = load_model(made.model, device="cpu"), made.pictures.vignettes
    cuts = [0, 1, 38, 165, 421, len(vignettes)]
    shards = [vignettes[a:b] for a, b in itertools.pairwise(cuts)]
    assert made.agrees(np.concatenate([model.predict(shard) for shard in shards]))
    streamed = model.look_at_all((shard, None) for shard in shards)
    assert made.agrees(np.concatenate([looked.scores for looked in streamed]))


@pytest.mark.parametrize("name", QUICK)
def test_each_engine_gives_the_same_taxa(made: Made, name: str) -> None:
    if name not in engines.available(CPU) or engines.is_emulated(name, CPU):
        pytest.skip(f"the engine {name} is not installed here, or not for this processor")
    model = load_model(made.model, device="cpu", engine=name)
    assert made.agrees(model.predict(made.pictures.vignettes))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["compiled", "compiled-bf16"])
def test_the_compiled_ones_too(made: Made, name: str) -> None:
    test_each_engine_gives_the_same_taxa(made, name)
