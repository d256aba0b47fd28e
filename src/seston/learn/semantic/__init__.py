"""Detect and classify at once: a network that finds and names only the objects that are wanted.

torch is imported on the first use, not with this module.
"""

from __future__ import annotations

from seston.learn.semantic.model import SemanticModel, load_semantic, load_semantic_card
from seston.learn.semantic.training import Frames, train_semantic

__all__ = ["Frames", "SemanticModel", "load_semantic", "load_semantic_card", "train_semantic"]
