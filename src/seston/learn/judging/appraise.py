"""Appraise a model by what was held out: all that its card and its page of evaluation say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seston.learn.judging import bootstrap, metrics, thresholds, unknown
from seston.learn.judging.bootstrap import LEVEL, REPLICATES, TOP, Sums
from seston.learn.judging.held_out import HeldOut
from seston.learn.judging.thresholds import TARGET_PRECISION

Float64Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

PREVALENCES: Final = (0.1, 0.01, 0.001)
"""Shares of the living plankton, or of a taxon, for which precision is told."""

FEWEST_OF_SAMPLE: Final = 20
"""Samples of fewer objects have no composition to speak of."""


@dataclass(frozen=True, slots=True)
class Kinds:
    """What is known of the taxa.

    Parameters
    ----------
    plankton : array (n_taxa,), bool, optional
        Whether a taxon is living plankton.
    groups : tuple of str, optional
        Coarse group of each taxon.
    """

    plankton: BoolArray | None = None
    groups: tuple[str, ...] | None = None

    @property
    def group_names(self) -> list[str]:
        """Names of the groups, in alphabetical order."""
        return sorted(set(self.groups or ()))

    @property
    def group_of(self) -> list[int]:
        """Group of each taxon, counted from 0."""
        return [self.group_names.index(name) for name in self.groups or ()]

    @property
    def plankton_groups(self) -> BoolArray | None:
        """Whether a group holds a taxon of the living plankton; None where that is not known."""
        if self.plankton is None:
            return None
        living = np.zeros(len(self.group_names), bool)
        np.logical_or.at(living, self.group_of, self.plankton)
        return living


def appraise(
    held_out: HeldOut,
    taxa: Sequence[str],
    *,
    plankton: ArrayLike | None = None,
    groups: Sequence[str] | None = None,
    target_precision: float = TARGET_PRECISION,
    seed: int = 0,
    replicates: int = REPLICATES,
) -> dict[str, Any]:
    """Measure a model on the test part of what was held out, and choose its thresholds.

    Parameters
    ----------
    held_out : HeldOut
        With calibrated scores. Where no test part could be spared, all of it is measured, and
        ``part`` says so.
    taxa : sequence of str
    plankton : array (n_taxa,), bool, optional
        Whether a taxon is living plankton; without it nothing is said of the plankton.
    groups : sequence of str, optional
        Coarse group of each taxon; without it nothing is said of groups.
    target_precision : float
        For the thresholds, which are chosen on the validation part.
    seed : int
        Of the bootstrap.
    replicates : int
        Of the bootstrap; 0 gives no intervals.

    Returns
    -------
    dict
        JSON as it is. Headline numbers by name at the top, and ``intervals`` of each: ``objects``
        and, where samples are known, ``samples``: [lower, upper]. ``per_class`` and ``per_group``:
        precision, recall, f1, support. ``confusion``, ``confusion_grouped``: counts, truth in
        rows. ``reliability``, ``between_samples``, ``prior_shift``, ``thresholds``, ``unknown``;
        ``plankton`` and ``groups`` as given. Empty where nothing was held out.

    References
    ----------
    Panaiotis et al. (2026), doi:10.5194/essd-18-945-2026, for the definitions of the metrics.
    """
    living = None if plankton is None else np.asarray(plankton, bool)
    kinds = Kinds(living, None if groups is None else tuple(groups))
    tested = held_out.test if held_out.test.labels.size else held_out
    if not tested.labels.size:
        return {}
    confusion = metrics.confusion_matrix(tested.labels, tested.scores.argmax(axis=1), len(taxa))
    return {
        "part": "test" if held_out.test.labels.size else "all held out",
        "n": len(tested.labels),
        "samples": _n_samples(tested),
        **bootstrap.measured(tested, lambda sums: headline(sums, kinds)),
        "intervals": _intervals(tested, kinds, seed, replicates),
        "interval_level": LEVEL,
        "per_class": _per_taxon(confusion, taxa),
        "confusion": confusion.tolist(),
        **_grouped(confusion, kinds),
        "reliability": _reliability(tested),
        "between_samples": _between_samples(tested, len(taxa)),
        "prior_shift": prior_shift(confusion, taxa, kinds),
        "thresholds": _thresholds(held_out, tested, taxa, target_precision),
        "unknown": unknown.facts(held_out),
        "plankton": None if kinds.plankton is None else kinds.plankton.tolist(),
        "groups": None if kinds.groups is None else list(kinds.groups),
    }


def headline(sums: Sums, kinds: Kinds) -> dict[str, Float64Array]:
    """Give the numbers that are told first, of each replicate, by name."""
    found = metrics.report(sums.confusion)
    numbers = {
        "accuracy": found.accuracy,
        "balanced_accuracy": found.balanced_accuracy,
        "f1_macro": found.f1_macro,
        **_of_plankton(found, kinds.plankton),
        "log_loss": sums.log_loss / sums.count,
        "calibration_error": np.abs(sums.gap).sum(axis=1) / sums.count,
    }
    n_taxa = sums.confusion.shape[-1]
    numbers |= {
        f"top_{k}_accuracy": sums.top[:, i] / sums.count for i, k in enumerate(TOP) if k < n_taxa
    }
    if kinds.groups is None:
        return numbers
    merged = metrics.merge(sums.confusion, kinds.group_of, len(kinds.group_names))
    grouped = metrics.report(merged)
    return numbers | {
        "accuracy_grouped": grouped.accuracy,
        "balanced_accuracy_grouped": grouped.balanced_accuracy,
        "f1_macro_grouped": grouped.f1_macro,
        **{f"{k}_grouped": v for k, v in _of_plankton(grouped, kinds.plankton_groups).items()},
    }


def _of_plankton(found: metrics.Report, members: BoolArray | None) -> dict[str, Float64Array]:
    if members is None:
        return {}
    named = {}
    for way, weighted in (("weighted", True), ("macro", False)):
        precision, recall = found.over(members, weighted=weighted)
        named[f"plankton_precision_{way}"] = precision
        named[f"plankton_recall_{way}"] = recall
    return named


def _n_samples(record: HeldOut) -> int | None:
    """Count samples; None where none are known, and each object is its own."""
    samples = len(np.unique(record.groups))
    return None if samples == len(record.groups) else samples


def _intervals(
    record: HeldOut, kinds: Kinds, seed: int, replicates: int
) -> dict[str, dict[str, list[float]]]:
    if replicates < 1:
        return {}
    ways = {"objects": False}
    if (_n_samples(record) or 0) > 1:
        ways["samples"] = True
    found: dict[str, dict[str, list[float]]] = {}
    for way, by_group in ways.items():
        limits = bootstrap.intervals(
            record, lambda sums: headline(sums, kinds),
            by_group=by_group, seed=seed, replicates=replicates,
        )  # fmt: skip
        for name, interval in limits.items():
            found.setdefault(name, {})[way] = interval
    return found


def _between_samples(record: HeldOut, n_taxa: int) -> dict[str, Any] | None:
    """Tell how far samples differ: quartiles of accuracy, and of the error of the composition.

    The error is the dissimilarity of Bray and Curtis (1957) between the numbers of the taxa and
    those of the names, 0 to 1. Samples of few objects are left out; None where fewer than two
    remain.
    """
    _, own, sizes = np.unique(record.groups, return_inverse=True, return_counts=True)
    best = record.scores.argmax(axis=1)
    true, named = (
        np.bincount(own * n_taxa + taxon, minlength=len(sizes) * n_taxa).reshape(-1, n_taxa)
        for taxon in (record.labels, best)
    )
    right = np.bincount(own, weights=best == record.labels) / sizes
    dissimilar = np.abs(true - named).sum(axis=1) / (2 * sizes)
    enough = sizes >= FEWEST_OF_SAMPLE
    if enough.sum() < 2:
        return None
    quarters = [0.25, 0.5, 0.75]
    return {
        "samples": int(enough.sum()),
        "accuracy": np.quantile(right[enough], quarters).tolist(),
        "bray_curtis": np.quantile(dissimilar[enough], quarters).tolist(),
    }


def _per_taxon(confusion: ArrayLike, names: Sequence[str]) -> dict[str, dict[str, float]]:
    found = metrics.report(confusion)
    columns = zip(found.precision, found.recall, found.f1, found.support, strict=True)
    return {
        name: {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
        for name, (p, r, f, n) in zip(names, columns, strict=True)
    }


def _grouped(confusion: ArrayLike, kinds: Kinds) -> dict[str, Any]:
    if kinds.groups is None:
        return {}
    merged = metrics.merge(confusion, kinds.group_of, len(kinds.group_names))
    return {
        "per_group": _per_taxon(merged, kinds.group_names),
        "confusion_grouped": merged.astype(int).tolist(),
    }


def _reliability(record: HeldOut) -> dict[str, list[float]]:
    table = metrics.reliability(record.scores, record.labels)
    columns = {"count": table.count, "confidence": table.confidence, "right": table.right}
    return {name: column.tolist() for name, column in columns.items()}


def prior_shift(confusion: ArrayLike, taxa: Sequence[str], kinds: Kinds) -> dict[str, Any]:
    """Tell what becomes of precision where a taxon, or the plankton, is rarer or commoner.

    What the model does with the objects of a taxon stays; their shares change (a shift of the
    prior). The shares of the others, and those within the plankton, stay in proportion.

    Returns
    -------
    dict
        ``prevalences``; ``per_class``: precision of each taxon at each; with known plankton,
        ``plankton``: the precision and recall of "this is plankton", and of the taxa of the
        plankton weighted by support; ``equal_shares``: metrics where all taxa are as common.
    """
    counts = np.asarray(confusion, np.float64)
    shares = counts.sum(axis=1)
    told: dict[str, Any] = {
        "prevalences": list(PREVALENCES),
        "per_class": _rarer(counts, shares, taxa),
        "equal_shares": _at_equal_shares(counts, shares),
    }
    if kinds.plankton is not None and _both(shares, kinds.plankton):
        told["plankton"] = [_plankton_at(counts, shares, kinds.plankton, p) for p in PREVALENCES]
    return told


def _both(shares: Float64Array, members: BoolArray) -> bool:
    return bool(shares[members].sum() > 0 and shares[~members].sum() > 0)


def _at(shares: Float64Array, members: BoolArray, prevalence: float) -> Float64Array:
    """Give the members this share of all, others the rest, each in proportion."""
    inside, outside = (np.where(m, shares, 0.0) for m in (members, ~members))
    return np.asarray(
        prevalence * inside / inside.sum() + (1 - prevalence) * outside / outside.sum()
    )


def _rarer(
    counts: Float64Array, shares: Float64Array, taxa: Sequence[str]
) -> dict[str, list[float]]:
    found = {}
    for i, taxon in enumerate(taxa):
        one = np.arange(len(shares)) == i
        if _both(shares, one):
            moved = [metrics.with_shares(counts, _at(shares, one, p)) for p in PREVALENCES]
            found[taxon] = metrics.report(np.stack(moved)).precision[:, i].tolist()
    return found


def _at_equal_shares(counts: Float64Array, shares: Float64Array) -> dict[str, float]:
    found = metrics.report(metrics.with_shares(counts, (shares > 0) / (shares > 0).sum()))
    return {"accuracy": float(found.accuracy), "f1_macro": float(found.f1_macro)}


def _plankton_at(
    counts: Float64Array, shares: Float64Array, plankton: BoolArray, prevalence: float
) -> dict[str, float]:
    moved = metrics.with_shares(counts, _at(shares, plankton, prevalence))
    found = metrics.report(moved)
    weighted = found.over(plankton, weighted=True)
    two = metrics.report(metrics.merge(moved, plankton.astype(int).tolist(), 2))
    return {
        "prevalence": prevalence,
        "precision": float(two.precision[1]),
        "recall": float(two.recall[1]),
        "precision_weighted": float(weighted[0]),
        "recall_weighted": float(weighted[1]),
    }


def _thresholds(
    held_out: HeldOut, tested: HeldOut, taxa: Sequence[str], target: float
) -> Mapping[str, Any]:
    """Choose thresholds on the validation part, and measure them once more on the test part."""
    chosen_on = held_out.validation
    chosen = thresholds.by_precision(chosen_on.scores, chosen_on.labels, target)
    precision, recall, named = thresholds.measure(tested.scores, tested.labels, chosen.threshold)
    unusable = [taxon for taxon, usable in zip(taxa, chosen.usable, strict=True) if not usable]
    return {
        **chosen.facts(),
        "unusable": unusable,
        "tested": {
            "precision": precision.tolist(),
            "recall": recall.tolist(),
            "named": named.tolist(),
        },
    }
