"""What fine-tuning gains over the network as it comes, on real vignettes.

    python benchmarks/fine_tuning.py [--quick] [--data FOLDER] [--folder FOLDER] [--epochs 8]
        [--learning-rate RATE] [--class-weight-power 0.25] [--choose]

Of each class of ISIIS vignettes at most 60: a fifth to test, 3 % to choose the epoch by, the rest
to learn from. One network (`tf_efficientnet_lite0` at 128 pixels, a linear head), frozen and tuned,
one thread; half an hour for eight epochs. A training that was ended goes on from where it was in
--folder.

Prints accuracy and balanced accuracy on the test part with 95 % intervals over objects. The last
line is a JSON object. --quick: ten of each class, one epoch.

--choose is for choosing settings: the test part is not looked at, and what is told is of a fifth of
the rest, which is not learned from.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np
import pandas as pd

from seston import learn
from seston.config import Training
from seston.learn.comparing.cells import trimmed
from seston.learn.comparing.grid import Data
from seston.stages.evaluate import evaluate
from seston.stages.learning_set import open_learning_set

DATA = Path(__file__).resolve().parents[2] / "shared/data"
TEST, VALIDATION, TO_CHOOSE_BY = 0.2, 0.03, 0.2
SEED, SEED_TO_CHOOSE_BY = 0, 77


def split_of(labels: np.ndarray, choose: bool) -> np.ndarray:
    """Name the part of each vignette; to choose settings, the test part is cut off: ''."""
    rng = np.random.default_rng(SEED)
    split = np.full(len(labels), "train", object)
    for taxon in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == taxon))
        test, chosen = (max(1, round(share * len(rows))) for share in (TEST, VALIDATION))
        split[rows[:test]], split[rows[test : test + chosen]] = "test", "validation"
    if not choose:
        return split
    rest, rng = split != "test", np.random.default_rng(SEED_TO_CHOOSE_BY)
    split = np.where(rest, "train", "").astype(object)
    for taxon in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(rest & (labels == taxon)))
        split[rows[: max(1, round(TO_CHOOSE_BY * len(rows)))]] = "validation"
    return split


def write_table(images: Path, at_most: int, out: Path, choose: bool) -> None:
    """Write path, label and split of vignettes, and these beside it: a split that is told."""
    pictures = trimmed(learn.read_learning_set(images), Data(at_most=at_most))
    labels = [pictures.taxa[label] for label in pictures.labels]
    split = split_of(pictures.labels, choose)
    table = pd.DataFrame({"path": pictures.origins, "label": labels, "split": split})
    table = table[table.split != ""]
    for origin in table.path:
        (out.parent / origin).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(images / origin, out.parent / origin)
    table.to_csv(out, index=False)


def measured(table: Path, model: Path, settings: Training) -> dict[str, float]:
    """Train a model, and measure it on the test part."""
    learn.train(open_learning_set(table), model, settings)
    told = evaluate(model, None, None).appraisal
    found: dict[str, float] = {"n": told["n"]}
    for name in ("accuracy", "balanced_accuracy"):
        low, high = told["intervals"][name]["objects"]
        found |= {name: told[name], f"{name}_low": low, f"{name}_high": high}
    return found


def chosen_by(table: Path, model: Path, settings: Training) -> dict[str, float]:
    """Train a model, and tell how its best epoch does on the validation part."""
    learn.train(open_learning_set(table), model, settings)
    epochs = pd.read_csv(model / "training.csv")
    best = epochs.loc[epochs.validation_loss_calibrated.idxmin()]
    return {name: float(best[name]) for name in epochs if name.startswith(("epoch", "validation"))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("SESTON_DATA", DATA.parent))
    )
    parser.add_argument("--folder", type=Path, help="where models are kept; else nowhere")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--class-weight-power", type=float, default=0.25)
    parser.add_argument("--choose", action="store_true", help="leave the test part alone")
    told = parser.parse_args()
    images = next((p for p in told.data.rglob("isiis_ndsb") if p.is_dir()), None)
    if images is None:
        print(f"no ISIIS vignettes (isiis_ndsb) in {told.data}: nothing to measure")
        print(json.dumps({}))
        return
    settings = {
        "head": "linear", "image_size": 128, "epochs": 1 if told.quick else told.epochs,
        "learning_rate": told.learning_rate, "class_weight_power": told.class_weight_power,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        run(images, told.folder or Path(scratch), 10 if told.quick else 60, settings, told.choose)


def run(
    images: Path, folder: Path, at_most: int, settings: dict[str, object], choose: bool
) -> None:
    table = folder / f"isiis-{at_most}{'-choose' * choose}" / "table.csv"
    table.parent.mkdir(parents=True, exist_ok=True)
    write_table(images, at_most, table, choose)
    name = "-".join(str(v) for v in (at_most, *settings.values())) + "-choose" * choose
    if choose:
        tuned = Training.model_validate(settings)
        found = chosen_by(table, folder / f"tuned-{name}", tuned)
        print(", ".join(f"{key.replace('_', ' ')} {value:.4g}" for key, value in found.items()))
        print(json.dumps({"at_most": at_most, **settings, "tuned": found}))
        return
    results = {
        kind: measured(table, folder / f"{kind}-{name}",
                       Training.model_validate({**settings, "fine_tune": kind == "tuned"}))
        for kind in ("frozen", "tuned")
    }  # fmt: skip
    print(f"{'':<8}{'n':>6}   accuracy                balanced")
    for kind, r in results.items():
        shown = "  ".join(
            f"{r[m]:.3f} ({r[f'{m}_low']:.3f} to {r[f'{m}_high']:.3f})"
            for m in ("accuracy", "balanced_accuracy")
        )
        print(f"{kind:<8}{r['n']:>6}   {shown}")
    print(json.dumps({"at_most": at_most, **settings, **results}))


if __name__ == "__main__":
    main()
