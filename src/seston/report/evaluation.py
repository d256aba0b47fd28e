"""One page on a model, for people: how well it names, where it errs, what to trust.

The page holds all it needs; it opens without a network, and equal data give equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seston import plot
from seston.learn.judging.evaluate import Evaluation
from seston.report.figures import Picture, figure_of, picture
from seston.report.page import template

_WORDS = {
    "accuracy": "Accuracy: named rightly",
    "balanced_accuracy": "Balanced accuracy: mean recall of the taxa",
    "f1_macro": "Mean F1 of the taxa",
    "plankton_precision_weighted": "Precision of the plankton, weighted by its numbers",
    "plankton_recall_weighted": "Recall of the plankton, weighted by its numbers",
    "plankton_precision_macro": "Precision of the plankton, plain mean of its taxa",
    "plankton_recall_macro": "Recall of the plankton, plain mean of its taxa",
    "top_3_accuracy": "True taxon among the best 3",
    "top_5_accuracy": "True taxon among the best 5",
    "log_loss": "Log-loss",
    "calibration_error": "Calibration error (ECE, 15 bins)",
}
_KINDS = {
    "none": "none",
    "temperature": "a temperature",
    "bias": "a temperature and a bias for each taxon",
    "vector": "a factor and a bias for each taxon",
}
_PAIRS, _PER_PAIR = 8, 24


@dataclass(frozen=True, slots=True)
class Number:
    """A headline number, in words."""

    name: str
    value: str
    objects: str
    samples: str


@dataclass(frozen=True, slots=True)
class Row:
    """A taxon in the table, all in words but the sort order."""

    name: str
    support: int
    precision: str
    recall: str
    f1: str
    threshold: str
    kept_precision: str
    kept_recall: str
    usable: bool
    rarer: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Confusion:
    """Two taxa, one often taken for the other."""

    true: str
    predicted: str
    count: int
    share: str
    mosaic: Picture | None


def write_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Write the page of an evaluation as one HTML file.

    Parameters
    ----------
    path : Path
        Written straight: the caller makes it atomic.
    evaluation : Evaluation
    """
    told = evaluation.appraisal
    page = template("evaluation.html").render(
        evaluation=evaluation,
        told=told,
        notices=list(_notices(evaluation)),
        numbers=_numbers(told, ""),
        grouped=_numbers(told, "_grouped"),
        groups=told.get("per_group", {}),
        rows=_rows(evaluation),
        prevalences=[f"{p:.3g} %" for p in np.multiply(100, told["prior_shift"]["prevalences"])],
        calibration=_KINDS[str(evaluation.card.calibration.get("kind", "none"))],
        reliability=_reliability(told),
        matrices=list(_matrices(evaluation)),
        confusions=_confusions(evaluation),
    )
    path.write_text(page, "utf-8", newline="\n")


def _notices(evaluation: Evaluation) -> Iterator[str]:
    told = evaluation.appraisal
    if told["part"] != "test":
        yield ("No test part could be spared: the settings of the model were chosen with these "
               "vignettes, and the numbers are too good.")  # fmt: skip
    if told["samples"] is None:
        yield ("Samples are not known. Neighbours in one sample look alike, so the intervals over "
               "objects are narrower than the truth.")  # fmt: skip
    few = [name for name, taxon in told["per_class"].items() if taxon["support"] < 10]
    if few:
        n = len(told["per_class"])
        yield (f"{len(few)} of {n} taxa have fewer than 10 vignettes here: their own numbers say "
               "little.")  # fmt: skip
    unusable = told["thresholds"]["unusable"]
    if unusable:
        yield (f"{len(unusable)} of {len(told['per_class'])} taxa do not reach a precision of "
               f"{told['thresholds']['target']:g} at any score with the vignettes there are. "
               "Do not use their counts without sorting by hand.")  # fmt: skip


def _numbers(told: Mapping[str, Any], suffix: str) -> list[Number]:
    return [
        Number(words, _decimal(told[name + suffix]), *_limits(told, name + suffix))
        for name, words in _WORDS.items()
        if name + suffix in told
    ]


def _limits(told: Mapping[str, Any], name: str) -> list[str]:
    found = told["intervals"].get(name, {})
    return [
        f"{_decimal(found[way][0])} to {_decimal(found[way][1])}" if way in found else "–"
        for way in ("objects", "samples")
    ]


def _decimal(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _rows(evaluation: Evaluation) -> list[Row]:
    """Give a row for each taxon, the commonest first."""
    told = evaluation.appraisal
    limits, tested = told["thresholds"], told["thresholds"]["tested"]
    rarer = told["prior_shift"]["per_class"]
    columns = zip(
        told["per_class"].items(), limits["threshold"], tested["precision"], tested["recall"],
        tested["named"], strict=True,
    )  # fmt: skip
    rows = [
        Row(
            name=name,
            support=taxon["support"],
            **{k: _decimal(taxon[k]) for k in ("precision", "recall", "f1")},
            threshold=_decimal(threshold),
            kept_precision=_decimal(precision if named else None),
            kept_recall=_decimal(recall if threshold is not None and taxon["support"] else None),
            usable=threshold is not None,
            rarer=tuple(_decimal(p) for p in rarer.get(name, (None,) * 3)),
        )
        for (name, taxon), threshold, precision, recall, named in columns
    ]
    return sorted(rows, key=lambda row: (-row.support, row.name))


def _reliability(told: Mapping[str, Any]) -> Picture:
    table = told["reliability"]
    figure = figure_of(plot.reliability(table["confidence"], table["right"], table["count"]))
    return picture(figure, "Share named rightly against the score, and objects by score",
                   "Points: of the vignettes with such a score, the share that is named rightly, "
                   "with its 95 % interval. On the dashed line scores mean what they say; points "
                   "in red lie surely below it. Bars: how many there are.")  # fmt: skip


def _matrices(evaluation: Evaluation) -> Iterator[Picture]:
    told = evaluation.appraisal
    of_taxa = figure_of(plot.confusion(told["confusion"], evaluation.card.taxa))
    yield picture(of_taxa, "Confusion matrix of the taxa",
                  "Rows are true, columns predicted. Colour: share of the true taxon; "
                  "numbers: vignettes.")  # fmt: skip
    if "confusion_grouped" in told:
        names = list(told["per_group"])
        grouped = figure_of(plot.confusion(told["confusion_grouped"], names))
        yield picture(grouped, "Confusion matrix of the groups", "The same, by coarse group.")


def _confusions(evaluation: Evaluation) -> list[Confusion]:
    """Give the commonest mistakes, with the vignettes of each where they are at hand."""
    counts = np.array(evaluation.appraisal["confusion"], np.int64)
    support, taxa = counts.sum(axis=1), evaluation.card.taxa
    wrong = counts * (1 - np.eye(len(counts), dtype=np.int64))
    worst = np.argsort(-wrong, axis=None, kind="stable")[:_PAIRS]
    pairs = np.stack(np.unravel_index(worst, wrong.shape), axis=1).tolist()
    return [
        Confusion(taxa[i], taxa[j], int(wrong[i, j]), f"{100 * wrong[i, j] / support[i]:.0f} %",
                  _mosaic(evaluation, i, j))
        for i, j in pairs if wrong[i, j]
    ]  # fmt: skip


def _mosaic(evaluation: Evaluation, true: int, predicted: int) -> Picture | None:
    """Draw vignettes of one mistake, those that the model was surest of first."""
    if evaluation.vignettes is None:
        return None
    tested = evaluation.tested
    mistaken = (tested.labels == true) & (tested.scores.argmax(axis=1) == predicted)
    rows = np.flatnonzero(mistaken)
    rows = rows[np.argsort(-tested.scores[rows, predicted], kind="stable")][:_PER_PAIR]
    sizes, unit = _sizes(evaluation, rows)
    names = [evaluation.card.taxa[i] for i in (true, predicted)]
    drawn = plot.mosaic([evaluation.vignettes[i] for i in rows.tolist()], *sizes.T, unit=unit)
    return picture(figure_of(drawn), f"Vignettes of {names[0]} that were named {names[1]}")


def _sizes(evaluation: Evaluation, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], str]:
    if evaluation.pixel_sizes_mm is None:
        return np.ones((len(rows), 2)), "pixels"
    return evaluation.pixel_sizes_mm[rows], "mm"
