"""Naming objects: learn a classifier from sorted vignettes, and score vignettes with it.

torch, timm and scikit-learn are imported on the first use, not with this module.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seston.learn._torch import device, use_threads
    from seston.learn.card import Card, load_card
    from seston.learn.judging.held_out import HeldOut, load_held_out
    from seston.learn.model import Model, load_model
    from seston.learn.networks.engine_choice import choose_engine
    from seston.learn.sets.learning_set import LearningSet
    from seston.learn.sets.sources import read_learning_set
    from seston.learn.training.train import train

__all__ = [
    "Card",
    "HeldOut",
    "LearningSet",
    "Model",
    "choose_engine",
    "device",
    "load_card",
    "load_held_out",
    "load_model",
    "read_learning_set",
    "train",
    "use_threads",
]

_HOME = {
    "Card": "card",
    "HeldOut": "judging.held_out",
    "LearningSet": "sets.learning_set",
    "Model": "model",
    "choose_engine": "networks.engine_choice",
    "device": "_torch",
    "load_card": "card",
    "load_held_out": "judging.held_out",
    "load_model": "model",
    "read_learning_set": "sets.sources",
    "train": "training.train",
    "use_threads": "_torch",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found
    return found
