"""Train a filter, choose its threshold, measure it, and write it."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seston.atomic import check_replaceable, named, new_folder
from seston.errors import InputError
from seston.learn.card import CARD, WEIGHTS, Card
from seston.learn.filtering.examples import Examples
from seston.learn.filtering.model import KIND, TAXA, Filter, completed
from seston.learn.heads.boosting import BoostingHead
from seston.learn.judging.thresholds import wilson_lower

Float32Array = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

ROUNDS, LEARNING_RATE, MAX_LEAVES = 150, 0.15, 31
#: Numbers of trees to choose from are multiples of this.
STEP = 10
#: Fewest objects of each side that are learned from.
FEWEST = 10
LIBRARIES = ("seston", "numpy", "scikit-learn")


def train_filter(examples: Examples, folder: Path, *, let_through: float, seed: int = 0) -> Filter:
    """Train a filter and write it: same examples, seed and libraries, same bytes.

    Half of the frames is learned from, three tenths choose how many trees and the threshold, the
    rest measures.

    Parameters
    ----------
    examples : Examples
    folder : Path
        Gets ``model.safetensors`` and ``card.json``; another filter is replaced.
    let_through : float
        Share of the plankton that is to pass, see `choose_threshold`.
    seed : int

    Raises
    ------
    InputError
        There is too little of what is to pass, or of what is not.
    StoreError
        Other things lie in the folder.
    SpaceError
        The disk is full.
    """
    import safetensors.numpy

    check_replaceable(folder, ours := named(WEIGHTS, CARD))
    parts = examples.parts(seed)
    _check_enough(examples, parts)
    learn, choose, measure = parts
    features, wanted = completed(examples.features), examples.wanted
    head = fit(
        (features[learn], wanted[learn]), (features[choose], wanted[choose]), let_through, seed
    )
    threshold = choose_threshold(head.predict_proba(features[choose])[wanted[choose], 1],
                                 let_through)  # fmt: skip
    arrays = {name: np.ascontiguousarray(array) for name, array in head.arrays.items()}
    content = safetensors.numpy.save(arrays)
    passed = head.predict_proba(features[measure])[:, 1] >= np.float32(threshold)
    card = _card(
        examples, parts, head, {"threshold": threshold, "let_through": let_through}, seed,
        metrics(passed, examples, measure), hashlib.sha256(content).hexdigest(),
    )  # fmt: skip
    with new_folder(folder, ours) as draft:
        (draft / WEIGHTS).write_bytes(content)
        (draft / CARD).write_text(card.text(), "utf-8")
    return Filter(card, head)


def fit(
    learn: tuple[Float32Array, BoolArray],
    choose: tuple[Float32Array, BoolArray],
    let_through: float,
    seed: int,
) -> BoostingHead:
    """Boost trees that tell plankton from the rest.

    How many of them are kept is chosen by what a filter is for: that of the rest little passes
    where the wanted share of the plankton does. One thread: sums over several end in other bits
    from one run to the next.

    References
    ----------
    Friedman (2001), Greedy function approximation, doi:10.1214/aos/1013203451; scikit-learn,
    `HistGradientBoostingClassifier`.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    model = HistGradientBoostingClassifier(
        max_iter=ROUNDS, learning_rate=LEARNING_RATE, max_leaf_nodes=MAX_LEAVES,
        early_stopping=False, random_state=seed,
    )  # fmt: skip
    with threadpool_limits(1):
        model.fit(learn[0], learn[1].astype(np.int64))
        staged = [scores[:, 1] for scores in model.staged_predict_proba(choose[0])]
    passed = []
    for scores in (one.astype(np.float32) for one in staged[STEP - 1 :: STEP]):
        threshold = np.float32(choose_threshold(scores[choose[1]], let_through))
        passed.append(int((scores[~choose[1]] >= threshold).sum()))
    return BoostingHead.from_sklearn(model, rounds=STEP * (int(np.argmin(passed)) + 1))


def choose_threshold(scores: Float32Array, let_through: float) -> float:
    """Choose the highest threshold at which so large a share of the plankton surely passes.

    Sure is: the lower bound of Wilson's interval (95 %, one-sided) reaches the share. Where there
    are too few for that (539 for 0.995), all of them pass.

    Parameters
    ----------
    scores : array (n,), float32
        Of plankton that was not learned from.
    let_through : float

    Returns
    -------
    float
    """
    n, rising = len(scores), np.sort(scores)
    missed = np.arange(n)  # with the threshold at the k-th lowest score, k are missed
    sure = wilson_lower(n - missed, np.full(n, n)) >= let_through
    lowest = np.searchsorted(rising, rising, side="left") == missed  # of equal scores all pass
    at = np.flatnonzero(sure & lowest)
    return float(rising[at[-1] if len(at) else 0])


def metrics(passed: BoolArray, examples: Examples, rows: NDArray[np.int64]) -> dict[str, Any]:
    """Say what passed of objects that were held out, together and by taxon.

    Returns
    -------
    dict
        ``recall``: share of the plankton that passed, with the lower bound of its interval (95 %,
        one-sided) as ``recall_lower``; ``passed_others``: the same share of the rest;
        ``precision``: plankton among what passed; ``passed_by_taxon`` and numbers of objects.
    """
    wanted, taxon = examples.wanted[rows], examples.taxon[rows]
    right, total = int((passed & wanted).sum()), int(wanted.sum())
    others = passed[~wanted]
    return {
        "recall": right / max(total, 1),
        "recall_lower": float(wilson_lower(right, total)),
        "passed_others": float(others.mean()) if len(others) else 0.0,
        "precision": right / max(int(passed.sum()), 1),
        "plankton": total,
        "others": len(others),
        "passed_by_taxon": {
            name: {"passed": int(passed[taxon == k].sum()), "of": int((taxon == k).sum())}
            for k, name in enumerate(examples.taxa)
            if (taxon == k).any()
        },
    }


def _check_enough(examples: Examples, parts: tuple[NDArray[np.int64], ...]) -> None:
    """Refuse examples that have too few of one side in a part."""
    wanted = examples.wanted
    for rows, fewest in zip(parts, (FEWEST, 1, 1), strict=True):
        for side, words in ((wanted[rows], "plankton"), (~wanted[rows], "anything else")):
            if int(side.sum()) < fewest:
                raise InputError(
                    f"{int(wanted.sum())} of {len(wanted)} objects are plankton: there is too "
                    f"little of {words} to train a filter",
                    where=examples.origin,
                    cure="Give more labelled objects, and a table of taxa (`taxonomy`) whose "
                    "column `plankton` is 0 for what is none.",
                )


def _card(
    examples: Examples,
    parts: tuple[NDArray[np.int64], ...],
    head: BoostingHead,
    chosen: dict[str, float],
    seed: int,
    measured: dict[str, Any],
    sha256: str,
) -> Card:
    wanted = examples.wanted[parts[0]]
    size = examples.pixel_size_mm
    return Card(
        taxa=TAXA,
        backbone={"name": None},
        preprocessing={"inputs": "measured", "measured": list(examples.names)},
        head={
            "kind": KIND, **chosen, "n_trees": len(head.trees), "learning_rate": LEARNING_RATE,
        },
        training={
            "learning_set": examples.origin,
            "sha256": examples.sha256,
            "seed": seed,
            "parted_by": "frames" if examples.in_frames else "objects",
            "learned_from": {"other": int((~wanted).sum()), "plankton": int(wanted.sum())},
            "pixel_size_mm": list(size) if size else None,
        },
        metrics=measured,
        versions={name: version(name) for name in LIBRARIES},
        weights_sha256=sha256,
        held_out_sha256="",
    )  # fmt: skip
