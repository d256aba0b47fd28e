"""Evaluate: measure a model, and write what was found for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seston.atomic import check_apart, check_replaceable, named, new_folder

if TYPE_CHECKING:
    from seston.learn.judging.evaluate import Evaluation

PAGE, FACTS = "evaluation.html", "evaluation.json"
_OURS = named(PAGE, FACTS)
SHOWN = 8
"""Taxa that the text names; the page and the JSON name all."""


def evaluate(
    model: Path,
    images: Path | None,
    out: Path | None,
    taxonomy: Path | None = None,
    told: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Evaluate a model, and write a page and a JSON file into a folder.

    Parameters
    ----------
    model : Path
        Folder of a model.
    images : Path, optional
        A labelled set, see `seston.stages.learning_set.open_learning_set`; without it the
        held-out record of the model is measured.
    out : Path, optional
        Replaced whole, or not at all; it may hold nothing but another evaluation. Without it
        nothing is written.
    taxonomy : Path, optional
        Table that tells which taxa the labels of the images stand for.
    told : mapping, optional
        How the images are to be seen, see `seston.stages.learning_set.seen_as`.

    Raises
    ------
    ModelError, InputError
        See `seston.learn.judging.evaluate.evaluate`.
    StoreError
        Other things lie in `out`, or it is not apart from the images.
    SpaceError
        The disk is full.
    """
    from seston.learn.judging.evaluate import evaluate as measure
    from seston.report.evaluation import write_evaluation
    from seston.stages.learning_set import open_learning_set, seen_as

    if out is not None:
        check_replaceable(out, _OURS)
        if images is not None:
            check_apart(out, images)
    pictures = None
    if images is not None:
        seen = seen_as(model, told or {}).model_dump()
        pictures = open_learning_set(images, taxonomy=taxonomy, **seen)
    found = measure(model, pictures)
    if out is not None:
        with new_folder(out, _OURS) as draft:
            (draft / FACTS).write_text(as_json(found), "utf-8")
            write_evaluation(draft / PAGE, found)
    return found


def as_json(found: Evaluation) -> str:
    """Give an evaluation for programs."""
    return json.dumps(found.facts(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_text(found: Evaluation) -> str:
    """Give the headline numbers of an evaluation, with their intervals, for a terminal."""
    told = found.appraisal
    lines = [f"{found.model}, on {found.measured_on}: {told['n']:,} vignettes"]
    for name, limits in told["intervals"].items():
        low, high = limits.get("samples", limits["objects"])
        lines.append(f"  {name.replace('_', ' '):38} {told[name]:.3f}  ({low:.3f} to {high:.3f})")
    over = "samples" if told["samples"] else "objects"
    lines.append(f"In parentheses: 95 % interval over {over}.")
    unusable = told["thresholds"]["unusable"]
    if unusable:
        target = told["thresholds"]["target"]
        few = ", ".join(unusable[:SHOWN]) + (", …" if len(unusable) > SHOWN else "")
        lines.append(f"Not usable for a precision of {target:g}: {len(unusable)} taxa ({few})")
    lines += [
        f"No taxon of the model: {s.label} ({s.n}; {s.called_unknown:.0%} called unknown)"
        for s in found.strangers
    ]
    return "\n".join(lines)
