"""Augmentation: a batch of squares turned, mirrored, sheared and scaled at once, on its device."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How far pictures are changed, by the recipe of Panaiotis et al. (2026).

    Parameters
    ----------
    flip : float
        Probability of a mirror image, of each axis by itself.
    scale : (least, most)
        Factor of size, of each axis by itself.
    rotation : (least, most), degrees
    shear : (least, most), degrees

    Notes
    -----
    doi:10.5194/essd-18-945-2026; code at github.com/ThelmaPana/plankton_classif: flips 0.5, scale
    0.8 to 1.2, rotation 0 to 180 degrees, shear -15 to 15 degrees, the edge repeated outside. There
    the steps follow in a random order; here they are one affine map, of which each step is drawn
    alike: mirror, then shear, then scale, then rotation.
    """

    flip: float = 0.5
    scale: tuple[float, float] = (0.8, 1.2)
    rotation: tuple[float, float] = (0.0, 180.0)
    shear: tuple[float, float] = (-15.0, 15.0)

    @classmethod
    def none(cls) -> Self:
        """Give the recipe that changes nothing."""
        return cls(flip=0.0, scale=(1.0, 1.0), rotation=(0.0, 0.0), shear=(0.0, 0.0))


PUBLISHED = Recipe()


def augment(
    batch: torch.Tensor, generator: torch.Generator | None, recipe: Recipe = PUBLISHED
) -> torch.Tensor:
    """Change each picture of a batch in its own random way.

    Parameters
    ----------
    batch : Tensor (n, channels, side, side), float
        On any device.
    generator : torch.Generator, optional
        What random numbers come from: equal state, equal pictures. It may be one of the CPU
        whatever the device of the batch, which then gives the same on all devices.
    recipe : Recipe

    Returns
    -------
    Tensor (n, channels, side, side)
        Of the type and on the device of `batch`; levels lie between those of each picture.

    Raises
    ------
    ValueError
        The batch has not these dimensions.
    """
    import torch
    from torch.nn import functional

    if batch.ndim != 4 or batch.shape[2] != batch.shape[3] or not batch.is_floating_point():
        raise ValueError(f"pictures are {tuple(batch.shape)} of {batch.dtype}, not square floats")
    if recipe == Recipe.none() or not len(batch):
        return batch
    maps = affine_maps(len(batch), generator, recipe).to(batch.device)
    grid = functional.affine_grid(maps, list(batch.shape), align_corners=False)
    found: torch.Tensor = functional.grid_sample(
        batch.to(torch.float32), grid, "bilinear", padding_mode="border", align_corners=False
    )
    return found.to(batch.dtype)


def affine_maps(
    n: int, generator: torch.Generator | None, recipe: Recipe = PUBLISHED
) -> torch.Tensor:
    """Draw what becomes of pictures.

    Returns
    -------
    Tensor (n, 2, 3), float32
        Maps from places in the changed picture to those in the original, in halves of its side
        from its middle, x before y, as torch's ``affine_grid`` takes them.
    """
    import torch

    device = torch.device("cpu") if generator is None else generator.device
    numbers = torch.rand((n, 6), generator=generator, device=device)

    def between(column: int, limits: tuple[float, float]) -> torch.Tensor:
        return limits[0] + (limits[1] - limits[0]) * numbers[:, column]

    mirror = 1.0 - 2.0 * (numbers[:, :2] < recipe.flip).to(torch.float32)
    scale = torch.stack((between(2, recipe.scale), between(3, recipe.scale)), dim=1)
    angle, shear = (between(4, recipe.rotation) * pi / 180, between(5, recipe.shear) * pi / 180)
    zero, one = torch.zeros(n, device=device), torch.ones(n, device=device)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    turned_back = _matrices((cosine, sine), (-sine, cosine))
    sheared_back = _matrices((one, -torch.tan(shear)), (zero, one))
    scaled_back, mirrored = torch.diag_embed(1 / scale), torch.diag_embed(mirror)
    back = mirrored @ sheared_back @ scaled_back @ turned_back
    return torch.cat((back, torch.zeros((n, 2, 1), device=device)), dim=2)


def _matrices(
    first: tuple[torch.Tensor, torch.Tensor], second: tuple[torch.Tensor, torch.Tensor]
) -> torch.Tensor:
    import torch

    return torch.stack((torch.stack(first, dim=1), torch.stack(second, dim=1)), dim=1)
