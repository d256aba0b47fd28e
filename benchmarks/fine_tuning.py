"""What fine-tuning gains over the network as it comes, on real vignettes.

    python benchmarks/fine_tuning.py [--quick] [--data FOLDER] [--folder FOLDER] [--epochs 8]
        [--class-weight-power 0.25]

Of each class of ISIIS vignettes at most 60: a fifth to test, 3 % to choose the epoch by, the rest
to learn from. One network (`tf_efficientnet_lite0` at 128 pixels, a linear head), frozen and tuned,
one thread; a quarter of an hour for eight epochs. A training that was ended goes on from where it
was in --folder.

Prints accuracy and balanced accuracy on the test part with 95 % intervals over objects. The last
line is a JSON object. --quick: ten of each class, one epoch.
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
TEST, VALIDATION = 0.2, 0.03
SEED = 0


def write_table(images: Path, at_most: int, out: Path) -> None:
    """Write path, label and split of vignettes, and these beside it: a split that is told."""
    pictures = trimmed(learn.read_learning_set(images), Data(at_most=at_most))
    rng = np.random.default_rng(SEED)
    split = np.full(len(pictures.labels), "train", object)
    for taxon in range(len(pictures.taxa)):
        rows = rng.permutation(np.flatnonzero(pictures.labels == taxon))
        test, chosen = (max(1, round(share * len(rows))) for share in (TEST, VALIDATION))
        split[rows[:test]], split[rows[test : test + chosen]] = "test", "validation"
    labels = [pictures.taxa[label] for label in pictures.labels]
    for origin in pictures.origins:
        (out.parent / origin).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(images / origin, out.parent / origin)
    table = pd.DataFrame({"path": pictures.origins, "label": labels, "split": split})
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("SESTON_DATA", DATA.parent))
    )
    parser.add_argument("--folder", type=Path, help="where models are kept; else nowhere")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--class-weight-power", type=float, default=0.25)
    told = parser.parse_args()
    images = next((p for p in told.data.rglob("isiis_ndsb") if p.is_dir()), None)
    if images is None:
        print(f"no ISIIS vignettes (isiis_ndsb) in {told.data}: nothing to measure")
        print(json.dumps({}))
        return
    with tempfile.TemporaryDirectory() as scratch:
        run(images, told.folder or Path(scratch), 10 if told.quick else 60,
            1 if told.quick else told.epochs, told.class_weight_power)  # fmt: skip


def run(images: Path, folder: Path, at_most: int, epochs: int, power: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / f"isiis-{at_most}" / "table.csv"
    table.parent.mkdir(exist_ok=True)
    write_table(images, at_most, table)
    common = {
        "head": "linear", "image_size": 128, "epochs": epochs, "class_weight_power": power,
    }  # fmt: skip
    results = {
        name: measured(table, folder / f"{name}-{at_most}-{epochs}-{power}",
                       Training.model_validate({**common, "fine_tune": name == "tuned"}))
        for name in ("frozen", "tuned")
    }  # fmt: skip
    print(f"{'':<8}{'n':>6}   accuracy                balanced")
    for name, r in results.items():
        shown = "  ".join(
            f"{r[m]:.3f} ({r[f'{m}_low']:.3f} to {r[f'{m}_high']:.3f})"
            for m in ("accuracy", "balanced_accuracy")
        )
        print(f"{name:<8}{r['n']:>6}   {shown}")
    print(
        json.dumps({"at_most": at_most, "epochs": epochs, "class_weight_power": power, **results})
    )


if __name__ == "__main__":
    main()
