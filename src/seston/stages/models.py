"""Models: which classifiers there are, and what one of them is."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seston.errors import ConfigError, ModelError
from seston.learn.card import CARD, Card, load_card

log = logging.getLogger(__name__)

DEPTH = 3
"""Folders below the given one that are looked into."""

Found = dict[Path, Card]


def find_models(folders: Sequence[Path]) -> Found:
    """Find the models in folders; what is damaged is told and left out.

    Parameters
    ----------
    folders : sequence of Path
        Models themselves, or folders that hold some up to three folders down.

    Raises
    ------
    ConfigError
        A folder is not there.
    ModelError
        A single model was named, and it is damaged.
    """
    found: Found = {}
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError("no such folder", where=folder, cure="Name a folder with models.")
        for path in _models_in(folder, DEPTH):
            try:
                found[path] = load_card(path)
            except ModelError as error:
                if list(folders) == [path]:
                    raise
                log.warning("%s", error)
    return found


def _models_in(folder: Path, depth: int) -> Iterator[Path]:
    if (folder / CARD).exists():
        yield folder
        return
    if depth == 0:
        return
    try:
        inside = sorted(p for p in folder.iterdir() if not p.name.startswith(".") and p.is_dir())
    except PermissionError:
        return
    for path in inside:
        if path.suffix != ".zarr" and not path.is_symlink():
            yield from _models_in(path, depth - 1)


def summary(path: Path, card: Card) -> dict[str, Any]:
    """Give the line of a model in the list."""
    metrics = card.metrics
    return {
        "model": path.as_posix(),
        "taxa": len(card.taxa),
        "backbone": card.backbone["name"] or "measured features",
        "head": card.head["kind"],
        "learned_from": sum(card.training["learned_from"].values()),
        "accuracy": metrics.get("accuracy"),
        "balanced_accuracy": metrics.get("balanced_accuracy"),
        "balanced_accuracy_interval": interval_of(metrics, "balanced_accuracy"),
        "hash": card.hash,
    }


def interval_of(metrics: dict[str, Any], name: str) -> list[float] | None:
    """Give the limits of a metric where the card tells them: over samples, if these are known."""
    found = metrics.get("intervals", {}).get(name, {})
    limits: list[float] | None = found.get("samples", found.get("objects"))
    return limits


def as_json(found: Found, *, whole: bool) -> str:
    """Give models for machines: a list of lines, with `whole` each with its card."""
    lines = [
        summary(path, card) | ({"card": asdict(card)} if whole else {})
        for path, card in found.items()
    ]
    return json.dumps(lines, indent=1, ensure_ascii=False)


def as_text(found: Found, *, whole: bool) -> str:
    """Give models for people: a table, or with `whole` all that the card of each tells."""
    if not found:
        return "There is no model here."
    if whole:
        return "\n\n".join(_page(path, card) for path, card in found.items())
    rows = [_cells(summary(path, card)) for path, card in found.items()]
    header = ("model", "taxa", "backbone", "head", "learned from", "accuracy", "balanced", "hash")
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
             for row in [header, *rows]]  # fmt: skip
    return "\n".join(lines)


def _cells(line: dict[str, Any]) -> tuple[str, ...]:
    limits = line["balanced_accuracy_interval"]
    between = f" ({limits[0]:.3f} to {limits[1]:.3f})" if limits else ""
    return (
        line["model"],
        f"{line['taxa']:,}",
        line["backbone"],
        line["head"],
        f"{line['learned_from']:,}",
        _share(line["accuracy"]),
        _share(line["balanced_accuracy"]) + between,
        line["hash"][:12],
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _page(path: Path, card: Card) -> str:
    line = _cells(summary(path, card))
    facts = {
        "backbone": _flat(card.backbone),
        "head": _flat(card.head),
        "preprocessing": _flat(card.preprocessing),
        "training": _flat(card.training),
        "accuracy": f"{line[5]}, balanced {line[6]}",
        "others": _flat(card.metrics),
        "versions": _flat(card.versions),
        "hash": card.hash,
    }
    told = [f"  {name}: {text}" for name, text in facts.items() if text]
    table = _passed if "passed_by_taxon" in card.metrics else _per_taxon
    return "\n".join([path.as_posix(), *told, "", *table(card)])


def _flat(facts: dict[str, Any]) -> str:
    """Give what is one value, not a table, on one line."""
    plain = {k: v for k, v in facts.items() if not isinstance(v, (dict, list)) and v is not None}
    return ", ".join(
        f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in plain.items()
    )


def _passed(card: Card) -> Iterator[str]:
    """Say of each taxon how many of the objects held out a filter lets through."""
    told = card.metrics["passed_by_taxon"]
    width = max(len("taxon"), *map(len, told))
    yield f"  {'taxon':{width}}  passed      of"
    for taxon, found in told.items():
        yield f"  {taxon:{width}}  {found['passed']:6,}  {found['of']:6,}"


def _per_taxon(card: Card) -> Iterator[str]:
    width = max(len(taxon) for taxon in card.taxa)
    yield f"  {'taxon':{width}}  learned from  tested  precision  recall     f1"
    told = card.metrics.get("per_class", {})
    for taxon in card.taxa:
        own = told.get(taxon, {})
        numbers = [own.get(k) for k in ("precision", "recall", "f1")]
        cells = "  ".join(f"{'-' if v is None else format(v, '.3f'):>{w}}"
                          for v, w in zip(numbers, (9, 6, 5), strict=True))  # fmt: skip
        learned = card.training["learned_from"].get(taxon, 0)
        tested = own.get("support", 0)
        yield f"  {taxon:{width}}  {learned:12,}  {tested:6,}  {cells}"
