"""Drawings that any classifier can learn: discs, bars and crosses, dark on level 240."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from seston.config import Training

TAXA = ("bar", "cross", "disc")


def draw(taxon: str, rng: np.random.Generator, size: int | None = None) -> np.ndarray:
    """One vignette, (size, size) uint8, or smaller where the drawing is."""
    size = int(rng.integers(12, 70)) if size is None else size
    picture = np.full((size, size), 240, np.uint8)
    thick, middle = max(1, size // 6), size // 2
    grey = int(rng.integers(30, 150))
    if taxon == "disc":
        cv2.circle(picture, (middle, middle), middle - 1, grey, -1)
    if taxon in {"bar", "cross"}:
        cv2.line(picture, (1, middle), (size - 2, middle), grey, thick)
    if taxon == "cross":
        cv2.line(picture, (middle, 1), (middle, size - 2), grey, thick)
    if taxon == "bar":
        picture = picture[middle - thick : middle + thick + 1]
    noise = rng.integers(-4, 5, picture.shape)
    return np.clip(picture.astype(int) + noise, 0, 255).astype(np.uint8)


def write_learning_set(folder: Path, per_class: int = 14, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    for taxon in TAXA:
        (folder / taxon).mkdir(parents=True)
        for i in range(per_class):
            assert cv2.imwrite(str(folder / taxon / f"{i:03}.png"), draw(taxon, rng))
    return folder


def settings(**changes) -> Training:
    return Training(**{"image_size": 64, "fine_tune": False, **changes})
